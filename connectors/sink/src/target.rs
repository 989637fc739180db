//! The words between the loop and a target: decisions come in batches, progress lives in the target.

use std::future::Future;

use order_model::{Decision, Offset, Partition, Sequence, TimeMs};

/// A decision and where it stands on `decisions`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Arrival {
    /// Its offset on `decisions`.
    pub offset: Offset,
    /// The time of that record.
    pub time: TimeMs,
    /// The decision.
    pub decision: Decision,
}

/// How far a target has got in one partition. The default is: nothing is in it.
///
/// It may say too little, never too much, and never names an offset that skips a decision after `sequence`.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Reached {
    /// All decisions up to this one are in the target, or were refused, or cannot be read.
    pub sequence: Sequence,
    /// Reading goes on here, on `decisions`.
    pub next_offset: Offset,
}

/// Decisions of one partition in the order of their sequence, dense, repeats already dropped; never empty.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Batch {
    /// The ledger.
    pub partition: Partition,
    /// The number the first decision comes after: one less than its own, unless the log has a gap there.
    pub follows: Sequence,
    /// The decisions.
    pub arrivals: Vec<Arrival>,
}

impl Batch {
    /// Whether nothing is missing before the first decision.
    pub fn is_dense(&self) -> bool {
        self.arrivals.first().is_some_and(|first| first.decision.sequence == self.follows.next())
    }

    /// How far a target is that has written all of it.
    pub fn reached(&self) -> Reached {
        self.arrivals.last().map_or_else(Reached::default, |last| Reached {
            sequence: last.decision.sequence,
            next_offset: last.offset.next(),
        })
    }
}

/// A decision the target will never take. It goes to `dead-letters`, and the rest goes on.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Refused {
    /// The ledger.
    pub partition: Partition,
    /// The decision.
    pub sequence: Sequence,
    /// Why, for people: what was refused, by what answer, and what to do about it.
    pub reason: String,
}

/// What a target's answer means. Every sink has a pure table from answers to these, its `classify`.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// The same may succeed later.
    Retry,
    /// This decision will never be taken; others will: [`Refused`].
    Drop,
    /// Nothing will be taken before a person has acted: [`Fault::Halt`].
    Halt,
}

/// Why a target did not do what it was asked. What was asked may have been done all the same, in part or in whole.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// It is asked again, for as long as it takes.
    #[error("{0}")]
    Retry(String),
    /// The sink stops. Says what a person has to do.
    #[error("{0}")]
    Halt(String),
}

impl Fault {
    /// The fault of a verdict that is about more than one decision: only [`Verdict::Halt`] halts.
    pub fn of(verdict: Verdict, detail: impl Into<String>) -> Self {
        match verdict {
            Verdict::Halt => Self::Halt(detail.into()),
            Verdict::Retry | Verdict::Drop => Self::Retry(detail.into()),
        }
    }
}

/// Where decisions go. The rules stand in `connectors/CONTRACT.md`; the harness checks them.
///
/// Any of the futures may be dropped half way, which is the same as a lost answer: what was asked may be done or not,
/// and is asked again.
pub trait Target: Send + 'static {
    /// The sink's name: `dynamodb`, `clickhouse`, `push`. The group, the dead letters and the controls are named by it.
    fn name(&self) -> &'static str;

    /// How far it has got, asked of the target itself and of nothing else.
    fn reached(&mut self, partition: Partition) -> impl Future<Output = Result<Reached, Fault>> + Send;

    /// Brings all of it into the target: several partitions at a time, those of one partition in order. Safe to repeat
    /// in part or in whole, also by a zombie much later. What it refuses for good it names, and takes the rest.
    fn write(&mut self, batches: &[Batch]) -> impl Future<Output = Result<Vec<Refused>, Fault>> + Send;

    /// Records progress, each partition once: called after everything before it was written, and after what was
    /// refused lies on `dead-letters`. Never moves progress back, whatever a zombie says. A target that reads its
    /// progress off what it holds has nothing to do here, unless something was refused.
    fn advance(
        &mut self,
        progress: &[(Partition, Reached)],
    ) -> impl Future<Output = Result<(), Fault>> + Send;
}
