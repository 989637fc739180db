//! What a running sink says about itself, and what can be said about a sink without one.

use std::collections::BTreeMap;

use order_model::Offset;

use crate::target::Reached;

/// A running sink in numbers. Counts begin with the run.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SinkStatus {
    /// The partitions it has now.
    pub partitions: BTreeMap<u32, PartitionStatus>,
    /// Whether it was told to write nothing for now.
    pub is_paused: bool,
    /// Calls of the target that failed and were, or will be, made again.
    pub retries: u64,
    /// What the target said to the latest of them, as long as it has taken nothing since.
    pub fault: Option<String>,
    /// Decisions the target refused for good; each is a dead letter.
    pub refused: u64,
    /// Records that are no decisions; each is a dead letter.
    pub unreadable: u64,
    /// Decisions that came again and were dropped.
    pub repeats: u64,
    /// Decisions that are missing on the log. More than none is a bug of whoever wrote them.
    pub missing: u64,
    /// Decisions written.
    pub rows: u64,
    /// Bytes of the records written, as they lie in the log.
    pub bytes: u64,
    /// Batches of all partitions that were written.
    pub flushes: u64,
    /// Bytes read and not yet written, decoded.
    pub held_bytes: usize,
    /// The most [`Self::held_bytes`] ever was.
    pub held_bytes_peak: usize,
}

/// How far one partition is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PartitionStatus {
    /// What the target has.
    pub reached: Reached,
    /// The end of the partition when it was last looked at.
    pub end: Offset,
    /// The age of the oldest decision read and not yet written, in milliseconds; zero when there is none.
    pub lag_ms: u64,
}

impl PartitionStatus {
    /// Records the target has not taken.
    pub fn lag_records(&self) -> u64 {
        self.end.0.saturating_sub(self.reached.next_offset.0)
    }
}

impl SinkStatus {
    /// Records the target has not taken, in all partitions of this run.
    pub fn lag_records(&self) -> u64 {
        self.partitions.values().map(PartitionStatus::lag_records).sum()
    }

    /// The age of the oldest decision that is not written, in milliseconds.
    pub fn lag_ms(&self) -> u64 {
        self.partitions.values().map(|partition| partition.lag_ms).max().unwrap_or(0)
    }

    /// Whether every partition named in `ends` is this run's and written up to there.
    pub fn has_reached(&self, ends: &BTreeMap<u32, u64>) -> bool {
        ends.iter().all(|(partition, end)| {
            self.partitions.get(partition).is_some_and(|status| status.reached.next_offset.0 >= *end)
        })
    }
}
