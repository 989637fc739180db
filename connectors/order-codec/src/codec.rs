//! The codec: values with their schema ids, by hand for our own schemas and through `foreign` for all others.

use std::sync::Arc;

use order_model::{Command, Decision};

use crate::avro::{Cursor, Read};
use crate::command::{read_command, write_command};
use crate::dead_letter::{DeadLetter, read_dead_letter, write_dead_letter};
use crate::decision::{read_decision, write_decision};
use crate::error::{BadRecord, DecodeError};
use crate::foreign::{Foreign, Reader};
use crate::registry::{RegistryError, SchemaSource};
use crate::schemas::{
    COMMAND_SUBJECT, COMMAND_V1, DEAD_LETTER_SUBJECT, DEAD_LETTER_V1, DECISION_SUBJECT, DECISION_V1,
};
use crate::wire;

/// Reads and writes record values. Cheap to clone; clones share what they learnt about foreign schemas.
///
/// Reading a value of a foreign schema may ask the registry, and so may block; values of our own never do.
#[derive(Clone)]
pub struct Codec {
    command_id: u32,
    decision_id: u32,
    dead_letter_id: u32,
    foreign: Arc<Foreign>,
}

impl std::fmt::Debug for Codec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Codec")
            .field("command_id", &self.command_id)
            .field("decision_id", &self.decision_id)
            .field("dead_letter_id", &self.dead_letter_id)
            .finish_non_exhaustive()
    }
}

impl Codec {
    /// Finds, or registers, the ids of our three schemas.
    pub fn new(source: Arc<dyn SchemaSource>) -> Result<Self, RegistryError> {
        Ok(Self {
            command_id: source.register_or_find(COMMAND_SUBJECT, COMMAND_V1)?,
            decision_id: source.register_or_find(DECISION_SUBJECT, DECISION_V1)?,
            dead_letter_id: source.register_or_find(DEAD_LETTER_SUBJECT, DEAD_LETTER_V1)?,
            foreign: Arc::new(Foreign::new(source)),
        })
    }

    /// Appends a command as a record value.
    #[inline]
    pub fn command_to(&self, command: &Command, out: &mut Vec<u8>) {
        wire::write_head(self.command_id, out);
        write_command(command, out);
    }

    /// Appends a decision as a record value.
    #[inline]
    pub fn decision_to(&self, decision: &Decision, out: &mut Vec<u8>) {
        wire::write_head(self.decision_id, out);
        write_decision(decision, out);
    }

    /// Appends a dead letter as a record value.
    pub fn dead_letter_to(&self, letter: &DeadLetter, out: &mut Vec<u8>) {
        wire::write_head(self.dead_letter_id, out);
        write_dead_letter(letter, out);
    }

    /// Whether it rests on the registry's answer how a record value reads as a command: it is of another's schema.
    pub fn asks_registry(&self, value: Option<&[u8]>) -> bool {
        wire::split(value).is_ok_and(|(id, _)| id != self.command_id)
    }

    /// Reads a command from a record value.
    #[inline]
    pub fn command_from(&self, value: &[u8]) -> Result<Command, DecodeError> {
        let (id, payload) = wire::split(Some(value))?;
        if id == self.command_id {
            return Ok(decode_command(payload)?);
        }
        Ok(decode_command(&self.foreign.to_ours(id, Reader::Command, payload)?)?)
    }

    /// Reads a decision from a record value.
    #[inline]
    pub fn decision_from(&self, value: &[u8]) -> Result<Decision, DecodeError> {
        let (id, payload) = wire::split(Some(value))?;
        if id == self.decision_id {
            return Ok(decode_decision(payload)?);
        }
        Ok(decode_decision(&self.foreign.to_ours(id, Reader::Decision, payload)?)?)
    }

    /// Reads a dead letter from a record value.
    pub fn dead_letter_from(&self, value: &[u8]) -> Result<DeadLetter, DecodeError> {
        let (id, payload) = wire::split(Some(value))?;
        if id == self.dead_letter_id {
            return Ok(decode_dead_letter(payload)?);
        }
        Ok(decode_dead_letter(&self.foreign.to_ours(id, Reader::DeadLetter, payload)?)?)
    }
}

/// Reads a command from Avro bytes of the command schema, version 1.
#[inline]
pub fn decode_command(bytes: &[u8]) -> Result<Command, BadRecord> {
    whole(bytes, read_command)
}

/// Reads a decision from Avro bytes of the decision schema, version 1.
#[inline]
pub fn decode_decision(bytes: &[u8]) -> Result<Decision, BadRecord> {
    whole(bytes, read_decision)
}

/// Reads a dead letter from Avro bytes of the dead-letter schema, version 1.
pub fn decode_dead_letter(bytes: &[u8]) -> Result<DeadLetter, BadRecord> {
    whole(bytes, read_dead_letter)
}

/// Appends a command as Avro bytes of the command schema, version 1. Panics at a relay that forwards a relay.
#[inline]
pub fn encode_command(command: &Command, out: &mut Vec<u8>) {
    write_command(command, out);
}

/// Appends a decision as Avro bytes of the decision schema, version 1.
#[inline]
pub fn encode_decision(decision: &Decision, out: &mut Vec<u8>) {
    write_decision(decision, out);
}

/// Appends a dead letter as Avro bytes of the dead-letter schema, version 1.
pub fn encode_dead_letter(letter: &DeadLetter, out: &mut Vec<u8>) {
    write_dead_letter(letter, out);
}

#[inline]
fn whole<'a, T>(bytes: &'a [u8], read: impl FnOnce(&mut Cursor<'a>) -> Read<T>) -> Result<T, BadRecord> {
    let mut cursor = Cursor::new(bytes);
    let value = read(&mut cursor)?;
    match cursor.left() {
        0 => Ok(value),
        left => Err(BadRecord::TrailingBytes(left)),
    }
}
