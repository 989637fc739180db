//! The decisions of a partition as the log has them: each number once, the first time it comes.

use std::time::{Duration, Instant};

use order_log::{LogError, LogReader, Polled, ReadLimits};
use order_model::{Offset, Partition, Sequence, TimeMs};
use sink::Arrival;

use crate::Ground;
use crate::limits::{COMPARED_DECISIONS_MAX, READ_BYTES_MAX, READ_RECORDS_MAX, SILENCE_SECONDS_MAX};

/// How long one poll waits.
const POLL_WAIT: Duration = Duration::from_millis(100);

/// Reads up to where the partition ended when reading began.
pub(crate) struct Decisions<'a> {
    ground: &'a Ground,
    partition: Partition,
    reader: Box<dyn LogReader>,
    next: u64,
    end: u64,
    last: Sequence,
    gaps: u64,
    unreadable: u64,
}

impl<'a> Decisions<'a> {
    pub(crate) fn new(ground: &'a Ground, partition: Partition) -> Result<Self, LogError> {
        let bounds = ground.log.bounds(&ground.decisions, partition.0)?;
        let limits = ReadLimits { records_max: READ_RECORDS_MAX, bytes_max: READ_BYTES_MAX };
        let mut reader = ground.log.reader(&ground.decisions, limits)?;
        reader.start(partition.0, bounds.start)?;
        Ok(Self {
            ground,
            partition,
            reader,
            next: bounds.start,
            end: bounds.end,
            last: Sequence(0),
            gaps: 0,
            unreadable: 0,
        })
    }

    pub(crate) fn gaps(&self) -> u64 {
        self.gaps
    }

    pub(crate) fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The next decisions, about [`COMPARED_DECISIONS_MAX`]; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<Arrival>>, LogError> {
        let mut arrivals = Vec::new();
        let mut heard = Instant::now();
        while self.next < self.end && arrivals.len() < COMPARED_DECISIONS_MAX {
            match self.reader.poll(POLL_WAIT)? {
                Some(Polled::Batch(batch)) => {
                    heard = Instant::now();
                    for record in batch.iter().filter(|record| record.offset < self.end) {
                        let value = record.value.unwrap_or_default();
                        match self.ground.codec.decision_from(value) {
                            Ok(decision) if decision.sequence > self.last => {
                                self.gaps += decision.sequence.0 - self.last.0 - 1;
                                self.last = decision.sequence;
                                let (offset, time) = (Offset(record.offset), TimeMs(record.time_ms));
                                arrivals.push(Arrival { offset, time, decision });
                            }
                            Ok(_) => {}
                            Err(_) => self.unreadable += 1,
                        }
                    }
                    self.next = batch.next_offset();
                }
                Some(Polled::Passed { next_offset, .. }) => self.next = self.next.max(next_offset),
                _ if heard.elapsed() > Duration::from_secs(SILENCE_SECONDS_MAX) => {
                    let place = format!("{}/{}", self.ground.decisions, self.partition);
                    return Err(LogError::Failed {
                        context: format!("read {place} from offset {}", self.next),
                        detail: format!(
                            "nothing came for {SILENCE_SECONDS_MAX} s, and it ends at {}",
                            self.end
                        ),
                    });
                }
                _ => {}
            }
        }
        Ok((!arrivals.is_empty()).then_some(arrivals))
    }
}
