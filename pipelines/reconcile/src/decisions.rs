//! The decisions of a partition as the log has them: each number once, the first time it comes.

use std::time::{Duration, Instant};

use order_codec::DecodeError;
use order_log::{LogError, LogReader, Polled, ReadLimits};
use order_model::{Offset, Partition, Sequence, TimeMs};
use sink::Arrival;

use crate::limits::{COMPARED_DECISIONS_MAX, READ_BYTES_MAX, READ_RECORDS_MAX, SILENCE_SECONDS_MAX};
use crate::{Ground, ReconcileError};

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
    /// Refuses a partition whose beginning has expired: what is missing there would look like rows nobody decided.
    pub(crate) fn new(ground: &'a Ground, partition: Partition) -> Result<Self, ReconcileError> {
        let bounds = ground.log.bounds(&ground.decisions, partition.0)?;
        if bounds.start > 0 {
            let topic = ground.decisions.to_string();
            return Err(ReconcileError::CutOff { topic, partition: partition.0, start: bounds.start });
        }
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

    /// Where the partition ended.
    pub(crate) fn end(&self) -> u64 {
        self.end
    }

    pub(crate) fn gaps(&self) -> u64 {
        self.gaps
    }

    pub(crate) fn unreadable(&self) -> u64 {
        self.unreadable
    }

    /// The next decisions, about [`COMPARED_DECISIONS_MAX`]; `None` at the end.
    pub(crate) fn next(&mut self) -> Result<Option<Vec<Arrival>>, ReconcileError> {
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
                            Err(DecodeError::Bad(_)) => self.unreadable += 1,
                            Err(DecodeError::Registry(error)) => {
                                let (partition, offset) = (self.partition.0, record.offset);
                                return Err(ReconcileError::Registry { partition, offset, error });
                            }
                        }
                    }
                    self.next = batch.next_offset();
                }
                Some(Polled::Passed { next_offset, .. }) => self.next = self.next.max(next_offset),
                _ if heard.elapsed() > Duration::from_secs(SILENCE_SECONDS_MAX) => {
                    let place = format!("{}/{}", self.ground.decisions, self.partition);
                    let silent = LogError::Failed {
                        context: format!("read {place} from offset {}", self.next),
                        detail: format!(
                            "nothing came for {SILENCE_SECONDS_MAX} s, and it ends at {}",
                            self.end
                        ),
                    };
                    return Err(silent.into());
                }
                _ => {}
            }
        }
        Ok((!arrivals.is_empty()).then_some(arrivals))
    }
}
