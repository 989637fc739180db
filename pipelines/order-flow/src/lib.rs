//! The dataflow of one partition: `read -> decode -> decide -> encode -> publish`, one operator a file, each a thin
//! shell over code that can be used without timely.
//!
//! ```text
//!   inbox ──▶ read ──▶ decode ──▶ decide ──▶ encode ──▶ publish ──▶ probe
//!             batch     commands   ledger     Avro       log         frontier
//! ```
//!
//! A partition has a dataflow of its own whose *timestamps are the log's offsets*: a batch travels as one message at
//! the offset of its first record. [`PartitionFlow::durable_offset`] is the frontier behind `publish`: everything
//! before it is decided, and every effect of it acknowledged by the log. Nothing else says so.
//!
//! Promised: commands are decided in the order of the log, whatever the sizes of the batches and the number of timely
//! threads; a decision is appended only after every decision with a smaller number, and after every relay and dead
//! letter of its own and of earlier commands has been acknowledged. A worker that takes over may therefore start from
//! the last decision in the log ([`Resume`]) and has nothing else to ask.
//!
//! Not promised: that an effect is appended once. A worker that was thought dead may append what its successor
//! appends; readers drop repeats by number.
//!
//! It knows no Kafka, no clock but the one handed in, no thread, and never blocks.

mod decide;
mod decode;
mod encode;
mod failure;
mod flow;
mod gauge;
pub mod limits;
mod message;
mod publish;
mod publisher;
mod read;
mod resume;
mod tally;
mod topics;
mod verdicts;

pub use decide::Decider;
pub use decode::{Decoded, decode_batch};
pub use encode::Encoder;
pub use failure::FlowError;
pub use flow::{FlowParts, PartitionFlow, Purpose};
pub use message::{DecidedBatch, DecodedBatch, EncodedBatch};
pub use publisher::Publisher;
pub use resume::Resume;
pub use tally::Tally;
pub use topics::{TopicKind, Topics};
pub use verdicts::Verdicts;

use std::rc::Rc;

use order_model::TimeMs;

/// The time of day, handed in: the ledger never sees it. Used for the choice of the key that signs, and for pauses
/// between attempts.
pub type Clock = Rc<dyn Fn() -> TimeMs>;
