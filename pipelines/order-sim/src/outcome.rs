//! What a run is told, and what it comes to.

use crate::numbers::SimNumbers;

/// How to run.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct SimOptions {
    /// Whether to keep the events in words ([`SimOutcome::trace`]).
    pub trace: bool,
    /// A fault no check may miss; for tests of the simulator itself.
    pub sabotage: Option<Sabotage>,
}

/// Faults that break what the operators rely on, each of which the checks have to find.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Sabotage {
    /// The log acknowledges a decision and does not store it.
    LoseDecision,
    /// The log acknowledges a relay and does not store it.
    LoseRelay,
    /// The log acknowledges a dead letter and does not store it.
    LoseDeadLetter,
    /// The log stores another decision than it was given.
    ChangeDecision,
    /// The log acknowledges what is still on its way.
    AcknowledgeEarly,
    /// The log stores records of one appender and partition in another order.
    Reorder,
    /// A worker that takes over believes the log has one decision more than it has.
    ResumeTooHigh,
    /// A worker that takes over checks MACs with other keys than those before it.
    OtherKeys,
}

impl Sabotage {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::LoseDecision,
        Self::LoseRelay,
        Self::LoseDeadLetter,
        Self::ChangeDecision,
        Self::AcknowledgeEarly,
        Self::Reorder,
        Self::ResumeTooHigh,
        Self::OtherKeys,
    ];
}

/// What a run came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SimOutcome {
    /// Of which run.
    pub seed: u64,
    /// Over every event of the run and every byte of every topic. Equal for equal seeds.
    pub digest: [u8; 32],
    /// What happened how often.
    pub numbers: SimNumbers,
    /// What was found, if anything.
    pub failure: Option<SimFailure>,
    /// The events in words, if they were asked for.
    pub trace: Vec<String>,
}

impl SimOutcome {
    /// The command that plays this run again.
    pub fn repeat_command(&self) -> String {
        format!("pipeline sim --seeds {}..{}", self.seed, self.seed.saturating_add(1))
    }

    pub(crate) fn not_begun(seed: u64, failure: SimFailure) -> Self {
        Self {
            seed,
            digest: [0; 32],
            numbers: SimNumbers::default(),
            failure: Some(failure),
            trace: Vec::new(),
        }
    }
}

/// What a run has found. All but the last are bugs in what is simulated.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SimFailure {
    /// A dataflow stopped though the log had not failed.
    #[error("a dataflow stopped without a reason of the log's: {0}")]
    Flow(String),
    /// The auditor found something.
    #[error("the auditor: {0}")]
    Audit(String),
    /// Decisions differ, or their numbers are not as they must be.
    #[error("decisions: {0}")]
    Decisions(String),
    /// A replay does not say what the log says.
    #[error("replay: {0}")]
    Replay(String),
    /// Relays are missing, or differ, or came before their predecessor.
    #[error("relays: {0}")]
    Relays(String),
    /// Dead letters are missing, or differ, or are of good records.
    #[error("dead letters: {0}")]
    DeadLetters(String),
    /// Something was called durable before it was.
    #[error("durability: {0}")]
    Durability(String),
    /// It does not come to rest.
    #[error("no rest: {0}")]
    NoRest(String),
    /// The simulator could not do its work.
    #[error("the simulator itself failed: {0}")]
    Simulator(String),
}

impl From<order_log::LogError> for SimFailure {
    fn from(error: order_log::LogError) -> Self {
        Self::Simulator(error.to_string())
    }
}
