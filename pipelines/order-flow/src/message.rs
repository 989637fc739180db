//! The messages between the operators: one batch each.

use order_codec::DeadLetter;
use order_core::Effects;
use order_log::{AppendBatch, RecordBatch};

use crate::decode::Decoded;

/// A batch of records, read.
#[derive(Debug)]
pub struct DecodedBatch {
    /// The records as they lie in the log.
    pub records: RecordBatch,
    /// What each of them says, in the same order.
    pub commands: Vec<Decoded>,
}

/// A batch of commands, or part of one, decided. What was published before is left out.
#[derive(Debug)]
pub struct DecidedBatch {
    /// What is to be published.
    pub effects: Effects,
    /// What could not be read.
    pub dead_letters: Vec<DeadLetter>,
}

impl DecidedBatch {
    /// How many effects there are.
    pub(crate) fn len(&self) -> usize {
        self.effects.decisions.len() + self.effects.relays.len() + self.dead_letters.len()
    }
}

/// The effects of a batch as bytes. Empty batches are left out.
#[derive(Debug, Default)]
pub struct EncodedBatch {
    /// Relays and dead letters: to be acknowledged before the decisions are appended.
    pub first: Vec<AppendBatch>,
    /// Decisions.
    pub decisions: Option<AppendBatch>,
    /// How many effects these are.
    pub effects: usize,
}
