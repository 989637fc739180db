//! Verdicts the log holds already: which records of foreign schemas were found unreadable.
//!
//! Whether such a record can be read is what the registry says when it is asked, and a schema may be registered later.
//! What was said the first time stands on `dead-letters`, and a replay has to say the same.

use std::collections::BTreeMap;

use order_codec::{Codec, DeadLetter, DeadLetterReason, Stage};

/// The verdicts on the records of one partition. As many as there are dead letters of foreign schemas before the place
/// the replay has reached.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Verdicts(BTreeMap<u64, (DeadLetterReason, String)>);

impl Verdicts {
    /// Takes note of a dead letter of the partition, in the order of the log: the first about a record counts. One that
    /// says nothing the registry has a part in is left out: it follows from the record.
    pub fn note(&mut self, codec: &Codec, letter: DeadLetter) {
        if letter.stage == Stage::Decode && codec.asks_registry(letter.value.as_deref()) {
            self.0.entry(letter.offset).or_insert((letter.reason, letter.detail));
        }
    }

    /// The verdict on the record at `offset` with this value, if the registry has a part in it and has had it.
    pub fn on(
        &self,
        codec: &Codec,
        offset: u64,
        value: Option<&[u8]>,
    ) -> Option<&(DeadLetterReason, String)> {
        self.0.get(&offset).filter(|_| codec.asks_registry(value))
    }

    /// Forgets what is about records before `offset`.
    pub(crate) fn forget_before(&mut self, offset: u64) {
        while let Some(first) = self.0.first_entry().filter(|first| *first.key() < offset) {
            first.remove();
        }
    }
}
