//! Avro and the Confluent wire format for commands, decisions and dead letters, and the MAC of privileged commands.
//!
//! Promised: what is written is read back as it was; bytes of any kind give a value or a named reason and never a
//! panic; nothing is allocated because a record says so. Records in our own schema are read and written by hand;
//! those of every other writer whose schema resolves to ours take a slower path to the same reader.
//!
//! Not promised: that a command makes sense. An absurd quantity is readable, and refused by the ledger.

pub mod avro;
mod codec;
mod command;
mod dead_letter;
mod decision;
mod error;
mod foreign;
mod keyring;
pub mod limits;
mod mac;
mod planner;
mod reason;
pub mod record;
mod registry;
mod relay;
pub mod schemas;
mod settings;
mod subject;
mod transcode;
mod version;
pub mod wire;

pub use codec::{
    Codec, decode_command, decode_dead_letter, decode_decision, encode_command, encode_dead_letter,
    encode_decision,
};
pub use dead_letter::DeadLetter;
pub use error::{BadRecord, DecodeError};
pub use keyring::{KeyFileError, KeyRing, KeyRingError, MacKey};
pub use mac::{MAC_HEADER, MacError};
pub use reason::{DeadLetterReason, Stage};
pub use record::{RawRecord, Unreadable, read_command, relay_mac_key};
pub use registry::{HttpRegistry, Login, RegistryError, SchemaSource};
pub use schemas::FileSchemas;
pub use subject::SubjectCodec;
pub use version::Version;
