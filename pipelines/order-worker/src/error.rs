//! Why a worker stopped.

use order_flow::FlowError;
use order_log::LogError;
use order_model::{Offset, Sequence};

/// Why a worker stopped without being asked to. Whoever started it may start it again: it takes up from the log.
#[derive(Debug, thiserror::Error)]
pub enum WorkerError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// A dataflow failed.
    #[error(transparent)]
    Flow(#[from] FlowError),
    /// The topics do not fit together.
    #[error(
        "topic {orders} has {orders_partitions} partitions and {decisions} has {decisions_partitions}; they must be equal"
    )]
    PartitionsDiffer {
        /// The topic of commands.
        orders: String,
        /// Its partitions.
        orders_partitions: u32,
        /// The topic of decisions.
        decisions: String,
        /// Its partitions.
        decisions_partitions: u32,
    },
    /// Records were deleted that a replay needs.
    #[error(
        "partition {partition} of {topic} begins at offset {start}: the records before it were deleted, and without \
         them the ledger cannot be restored; give the topic a retention longer than the sale"
    )]
    LogCutOff {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// The first offset still stored.
        start: u64,
    },
    /// Records are gone that decisions were made about.
    #[error(
        "decision {sequence}, the last of partition {partition}, is about offset {offset} of {topic}, which ends at {end}: \
         the log has lost records that were decided; restore them from a copy, or begin anew on other topics"
    )]
    LogShort {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// Where it ends.
        end: u64,
        /// The record the last decision is about.
        offset: Offset,
        /// The number of the last decision.
        sequence: Sequence,
    },
    /// The last decision cannot be read.
    #[error(
        "the last decision of partition {partition} (offset {offset} of {topic}) cannot be read: {detail}"
    )]
    TailUnreadable {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// The offset.
        offset: u64,
        /// Why.
        detail: String,
    },
    /// A timely thread ended by itself.
    #[error("timely thread {0} stopped; the message above says why")]
    ThreadDied(usize),
    /// The operating system gave no thread.
    #[error("cannot start a timely thread: {0}")]
    Spawn(std::io::Error),
}
