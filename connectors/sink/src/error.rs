//! Why a sink stopped.

use order_log::LogError;
use order_model::{Partition, Sequence};

/// Why a sink stopped without being asked to. Whoever started it may start it again: it goes on where its target is.
#[derive(Debug, thiserror::Error)]
pub enum SinkError {
    /// The target will take nothing before a person has acted.
    #[error("sink {sink} stops: {detail}")]
    Halted {
        /// The sink.
        sink: &'static str,
        /// What the target says, and what to do.
        detail: String,
    },
    /// The target has more than there is.
    #[error(
        "sink {sink}: its target has partition {partition} up to offset {reached} of {topic}, which ends at {end}; it \
         belongs to another log: name the right one, or begin with an empty target"
    )]
    AheadOfLog {
        /// The sink.
        sink: &'static str,
        /// The topic of decisions.
        topic: String,
        /// The partition.
        partition: u32,
        /// Where the target says reading goes on.
        reached: u64,
        /// Where the partition ends.
        end: u64,
    },
    /// The target refused a decision it was not given: a bug of the target.
    #[error(
        "sink {sink}: the target refused decision {sequence} of partition {partition}, which it was not given"
    )]
    UnknownRefused {
        /// The sink.
        sink: &'static str,
        /// The partition it named.
        partition: Partition,
        /// The decision it named.
        sequence: Sequence,
    },
    /// The sink has no stage in dead letters.
    #[error("no stage of dead letters is called sink-{0}; add one to order-codec")]
    NoStage(&'static str),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The intake ended by itself.
    #[error("the thread that reads decisions stopped; the message above says why")]
    IntakeDied,
    /// The operating system gave no thread.
    #[error("cannot start the thread that reads decisions: {0}")]
    Spawn(std::io::Error),
}
