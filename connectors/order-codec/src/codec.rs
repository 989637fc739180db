//! The codec: values with their schema ids, by hand for our own schemas and through `foreign` for all others.

use std::sync::Arc;

use order_model::{Command, Decision};

use crate::Version;
use crate::avro::whole;
use crate::command::{read_command, write_command};
use crate::dead_letter::{DeadLetter, read_dead_letter, write_dead_letter};
use crate::decision::{read_decision, write_decision};
use crate::error::{BadRecord, DecodeError};
use crate::foreign::{Foreign, Reader};
use crate::registry::{RegistryError, SchemaSource};
use crate::schemas::{
    COMMAND_SUBJECT, COMMAND_V1, COMMAND_V2, DEAD_LETTER_SUBJECT, DEAD_LETTER_V1, DECISION_SUBJECT,
    DECISION_V1, DECISION_V2,
};
use crate::wire;

/// Reads and writes record values. Cheap to clone; clones share what they learnt about foreign schemas.
///
/// Reading a value of a foreign schema may ask the registry, and so may block; values of our own never do.
#[derive(Clone)]
pub struct Codec {
    command_ids: Ids,
    decision_ids: Ids,
    dead_letter_id: u32,
    foreign: Arc<Foreign>,
}

/// The ids of both versions of a schema.
#[derive(Clone, Copy, Debug)]
struct Ids {
    v1: u32,
    v2: u32,
}

impl Ids {
    #[inline]
    fn id(self, version: Version) -> u32 {
        match version {
            Version::V1 => self.v1,
            Version::V2 => self.v2,
        }
    }

    #[inline]
    fn version(self, id: u32) -> Option<Version> {
        match id {
            id if id == self.v1 => Some(Version::V1),
            id if id == self.v2 => Some(Version::V2),
            _ => None,
        }
    }
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Codec")
            .field("command_ids", &self.command_ids)
            .field("decision_ids", &self.decision_ids)
            .field("dead_letter_id", &self.dead_letter_id)
            .finish_non_exhaustive()
    }
}

impl Codec {
    /// Finds, or registers, the ids of our three schemas in all their versions, the oldest first.
    pub fn new(source: Arc<dyn SchemaSource>) -> Result<Self, RegistryError> {
        let ids = |subject, v1, v2| {
            Ok(Ids { v1: source.register_or_find(subject, v1)?, v2: source.register_or_find(subject, v2)? })
        };
        Ok(Self {
            command_ids: ids(COMMAND_SUBJECT, COMMAND_V1, COMMAND_V2)?,
            decision_ids: ids(DECISION_SUBJECT, DECISION_V1, DECISION_V2)?,
            dead_letter_id: source.register_or_find(DEAD_LETTER_SUBJECT, DEAD_LETTER_V1)?,
            foreign: Arc::new(Foreign::new(source)),
        })
    }

    /// Appends a command as a record value.
    #[inline]
    pub fn command_to(&self, command: &Command, out: &mut Vec<u8>) {
        let version = Version::of_command(command);
        wire::write_head(self.command_ids.id(version), out);
        write_command(command, version, out);
    }

    /// Appends a decision as a record value.
    #[inline]
    pub fn decision_to(&self, decision: &Decision, out: &mut Vec<u8>) {
        let version = Version::of_decision(decision);
        wire::write_head(self.decision_ids.id(version), out);
        write_decision(decision, version, out);
    }

    /// Appends a dead letter as a record value.
    pub fn dead_letter_to(&self, letter: &DeadLetter, out: &mut Vec<u8>) {
        wire::write_head(self.dead_letter_id, out);
        write_dead_letter(letter, out);
    }

    /// Whether it rests on the registry's answer how a record value reads as a command: it is of another's schema.
    pub fn asks_registry(&self, value: Option<&[u8]>) -> bool {
        wire::split(value).is_ok_and(|(id, _)| self.command_ids.version(id).is_none())
    }

    /// Reads a command from a record value.
    #[inline]
    pub fn command_from(&self, value: &[u8]) -> Result<Command, DecodeError> {
        let (id, payload) = wire::split(Some(value))?;
        if let Some(version) = self.command_ids.version(id) {
            return Ok(decode_command(version, payload)?);
        }
        Ok(decode_command(Version::V2, &self.foreign.to_ours(id, Reader::COMMAND, payload)?)?)
    }

    /// Reads a decision from a record value.
    #[inline]
    pub fn decision_from(&self, value: &[u8]) -> Result<Decision, DecodeError> {
        let (id, payload) = wire::split(Some(value))?;
        if let Some(version) = self.decision_ids.version(id) {
            return Ok(decode_decision(version, payload)?);
        }
        Ok(decode_decision(Version::V2, &self.foreign.to_ours(id, Reader::DECISION, payload)?)?)
    }

    /// Reads a dead letter from a record value.
    pub fn dead_letter_from(&self, value: &[u8]) -> Result<DeadLetter, DecodeError> {
        let (id, payload) = wire::split(Some(value))?;
        if id == self.dead_letter_id {
            return Ok(decode_dead_letter(payload)?);
        }
        Ok(decode_dead_letter(&self.foreign.to_ours(id, Reader::DEAD_LETTER, payload)?)?)
    }
}

/// Reads a command from Avro bytes of the command schema in this version.
#[inline]
pub fn decode_command(version: Version, bytes: &[u8]) -> Result<Command, BadRecord> {
    whole(bytes, |cursor| read_command(cursor, version))
}

/// Reads a decision from Avro bytes of the decision schema in this version.
#[inline]
pub fn decode_decision(version: Version, bytes: &[u8]) -> Result<Decision, BadRecord> {
    whole(bytes, |cursor| read_decision(cursor, version))
}

/// Reads a dead letter from Avro bytes of the dead-letter schema, version 1.
pub fn decode_dead_letter(bytes: &[u8]) -> Result<DeadLetter, BadRecord> {
    whole(bytes, read_dead_letter)
}

/// Appends a command as Avro bytes of the command schema in this version. Panics at a relay that forwards a relay, and
/// where the version cannot say it ([`Version::of_command`]).
#[inline]
pub fn encode_command(version: Version, command: &Command, out: &mut Vec<u8>) {
    write_command(command, version, out);
}

/// Appends a decision as Avro bytes of the decision schema in this version. Panics where that cannot say it
/// ([`Version::of_decision`]).
#[inline]
pub fn encode_decision(version: Version, decision: &Decision, out: &mut Vec<u8>) {
    write_decision(decision, version, out);
}

/// Appends a dead letter as Avro bytes of the dead-letter schema, version 1.
pub fn encode_dead_letter(letter: &DeadLetter, out: &mut Vec<u8>) {
    write_dead_letter(letter, out);
}
