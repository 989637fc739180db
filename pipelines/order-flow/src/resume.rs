//! Where a worker takes over: at the last decision the log has, and with the verdicts it holds.

use order_model::{Decision, Offset, Sequence};

use crate::verdicts::Verdicts;

/// What the `decisions` partition says has been published.
///
/// It may say too little (a zombie's repeat came last), never too much: then effects are published again and dropped
/// by their number.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Resume {
    last: Option<Decision>,
    verdicts: Verdicts,
}

impl Resume {
    /// Nothing has been published.
    pub fn from_start() -> Self {
        Self::default()
    }

    /// This decision is the last record of the partition.
    pub fn after(last: Decision) -> Self {
        Self { last: Some(last), verdicts: Verdicts::default() }
    }

    /// With what the dead letters of the partition say.
    #[must_use]
    pub fn with(self, verdicts: Verdicts) -> Self {
        Self { verdicts, ..self }
    }

    pub(crate) fn take_verdicts(&mut self) -> Verdicts {
        std::mem::take(&mut self.verdicts)
    }

    /// The number of the last published decision.
    pub fn sequence(&self) -> Sequence {
        self.last.as_ref().map_or(Sequence(0), |last| last.sequence)
    }

    /// Whether the relays and dead letters of the record at `offset` are in the log: they were acknowledged before any
    /// decision of it, or of a later record, was appended.
    pub fn covers(&self, offset: u64) -> bool {
        self.last.as_ref().is_some_and(|last| Offset(offset) <= last.offset)
    }

    /// Whether a replay that made `decision` contradicts what was published under its number.
    pub fn contradicts(&self, decision: &Decision) -> bool {
        self.last.as_ref().is_some_and(|last| last.sequence == decision.sequence && last != decision)
    }
}
