//! Reads one partition from its beginning to an end fixed beforehand, batch by batch.

use std::time::{Duration, Instant};

use order_log::{Log, LogReader, Polled, ReadLimits, RecordBatch};

use crate::error::ProofError;

/// How long a read waits at a time.
const POLL_WAIT: Duration = Duration::from_millis(50);
/// How long nothing may come before the log counts as short.
const SILENCE_MAX: Duration = Duration::from_secs(60);

/// A partition being read.
pub(crate) struct Cursor {
    reader: Box<dyn LogReader>,
    topic: String,
    partition: u32,
    next: u64,
    end: u64,
}

impl Cursor {
    /// Reads `partition` of `topic` up to `end`.
    pub(crate) fn open(
        log: &dyn Log,
        topic: &str,
        partition: u32,
        end: u64,
        limits: ReadLimits,
    ) -> Result<Self, ProofError> {
        let mut reader = log.reader(topic, limits)?;
        let next = log.bounds(topic, partition)?.start;
        if next < end {
            reader.start(partition, next)?;
        }
        Ok(Self { reader, topic: topic.to_owned(), partition, next, end })
    }

    /// The next batch; `None` at the end. The last batch may reach past the end.
    pub(crate) fn next(&mut self) -> Result<Option<RecordBatch>, ProofError> {
        let deadline = Instant::now() + SILENCE_MAX;
        while self.next < self.end {
            match self.reader.poll(POLL_WAIT)? {
                Some(Polled::Batch(batch)) => {
                    self.next = batch.next_offset();
                    return Ok(Some(batch));
                }
                Some(Polled::Passed { next_offset, .. }) => self.next = next_offset,
                _ => {}
            }
            if Instant::now() > deadline {
                let Self { topic, partition, next, end, .. } = self;
                return Err(ProofError::Short {
                    topic: topic.clone(),
                    partition: *partition,
                    offset: *next,
                    end: *end,
                });
            }
        }
        Ok(None)
    }
}
