//! Reading a topic from given offsets: up to its end, or on and on.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use order_log::{Bounds, Log, LogError, LogReader, Polled, ReadLimits, RecordBatch};

use crate::notes::warning;

/// How much is read at once.
const LIMITS: ReadLimits = ReadLimits { records_max: 4_096, bytes_max: 4 * 1_048_576 };
/// A stored record that does not come within this time will not come: the log lost its end since it was asked for it.
const SILENCE_SECONDS_MAX: u64 = 10;
/// Longest wait inside one poll, in milliseconds.
const POLL_MS: u64 = 100;

/// Reads partitions of one topic.
pub struct Scan {
    reader: Box<dyn LogReader>,
    /// The end of each partition that is not read to its end yet.
    left: BTreeMap<u32, u64>,
    topic: String,
}

impl Scan {
    /// Reads `partitions` of `topic`, each from where `from` says (or the nearest offset there is), up to where it ends
    /// now.
    pub fn new(
        log: &dyn Log,
        topic: &str,
        partitions: impl IntoIterator<Item = u32>,
        from: impl Fn(u32, Bounds) -> u64,
    ) -> Result<Self, LogError> {
        let mut reader = log.reader(topic, LIMITS)?;
        let mut left = BTreeMap::new();
        for partition in partitions {
            let bounds = log.bounds(topic, partition)?;
            let start = from(partition, bounds).clamp(bounds.start, bounds.end);
            if start < bounds.end {
                left.insert(partition, bounds.end);
            }
            // A partition that is read to its end already is read on when the scan goes on for ever.
            reader.start(partition, start)?;
        }
        Ok(Self { reader, left, topic: topic.to_owned() })
    }

    /// The next batch; `None` at the end of all partitions as it was when the scan began. The last batch of a partition
    /// may hold records that came since.
    pub fn next_stored(&mut self) -> Result<Option<RecordBatch>, LogError> {
        let mut heard = Instant::now();
        while !self.left.is_empty() {
            match self.next_within(Duration::from_millis(POLL_MS))? {
                Some(batch) => {
                    let partition = batch.partition();
                    let Some(end) = self.left.get(&partition).copied() else {
                        heard = Instant::now();
                        continue;
                    };
                    if batch.next_offset() >= end {
                        self.left.remove(&partition);
                    }
                    return Ok(Some(batch));
                }
                None if heard.elapsed() > Duration::from_secs(SILENCE_SECONDS_MAX) => {
                    let partitions: Vec<_> = self.left.keys().map(u32::to_string).collect();
                    let list = partitions.join(", ");
                    warning(format!("{}: nothing more came of partition {list} before its end", self.topic));
                    self.left.clear();
                }
                None => {}
            }
        }
        Ok(None)
    }

    /// The next batch that comes within `wait`.
    pub fn next_within(&mut self, wait: Duration) -> Result<Option<RecordBatch>, LogError> {
        match self.reader.poll(wait)? {
            Some(Polled::Batch(batch)) => Ok(Some(batch)),
            Some(Polled::Passed { partition, next_offset }) => {
                if self.left.get(&partition).is_some_and(|end| next_offset >= *end) {
                    self.left.remove(&partition);
                }
                Ok(None)
            }
            // A reader outside a group is assigned nothing.
            Some(Polled::Assigned(_) | Polled::Revoked(_) | Polled::Lost(_)) | None => Ok(None),
        }
    }
}
