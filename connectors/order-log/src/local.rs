//! What the logs inside this process have in common: the reader over partitions, and an appender's bookkeeping.
//!
//! A reader serves its partitions in turn, so that none starves. A pause outlives [`LogReader::start`] and ends with
//! [`LogReader::resume`] or [`LogReader::stop`].

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

use crate::group::Membership;
use crate::limits::{
    APPEND_QUEUE_BYTES_MAX, APPEND_QUEUE_RECORDS_MAX, READ_BATCH_BYTES_MAX, READ_BATCH_RECORDS_MAX,
    RECORD_BYTES_MAX,
};
use crate::record::AppendRecord;
use crate::signal::Signal;
use crate::{AppendBatch, AppendError, LogError, LogReader, Polled, ReadLimits, RecordBatch, Ticket};

/// The partitions of one topic, for a [`LocalReader`].
pub(crate) trait Source: Send {
    /// A place in a partition.
    type Cursor: Send;

    /// A cursor at `offset`, or at the first stored one if that is later. An offset after the end is an error: the log
    /// cannot be the one the offset came from.
    fn seek(&self, partition: u32, offset: u64) -> Result<Self::Cursor, LogError>;

    /// The next records, if there are any.
    fn read(&self, cursor: &mut Self::Cursor, limits: ReadLimits) -> Result<Option<RecordBatch>, LogError>;
}

/// A reader, or member of a group, over a [`Source`].
pub(crate) struct LocalReader<S: Source> {
    source: S,
    limits: ReadLimits,
    signal: Arc<Signal>,
    membership: Option<Membership>,
    reading: BTreeMap<u32, Reading<S::Cursor>>,
    served_last: Option<u32>,
}

struct Reading<C> {
    cursor: C,
    paused: bool,
}

impl<S: Source> LocalReader<S> {
    pub(crate) fn new(
        source: S,
        limits: ReadLimits,
        signal: Arc<Signal>,
        membership: Option<Membership>,
    ) -> Self {
        let limits = ReadLimits {
            records_max: limits.records_max.clamp(1, READ_BATCH_RECORDS_MAX),
            bytes_max: limits.bytes_max.min(READ_BATCH_BYTES_MAX),
        };
        Self { source, limits, signal, membership, reading: BTreeMap::new(), served_last: None }
    }

    fn reading(&mut self, partition: u32) -> Result<&mut Reading<S::Cursor>, LogError> {
        self.reading.get_mut(&partition).ok_or_else(|| LogError::Failed {
            context: format!("pausing or resuming partition {partition}"),
            detail: "it is not being read; start it first".to_owned(),
        })
    }

    fn next(&mut self) -> Result<Option<Polled>, LogError> {
        if let Some(news) = self.membership.as_ref().and_then(Membership::news) {
            if let Polled::Revoked(partitions) = &news {
                self.reading.retain(|partition, _| !partitions.contains(partition));
            }
            return Ok(Some(news));
        }
        // First the partitions after the one served last, then the others.
        let last = self.served_last;
        let (mut after, mut before) = (Vec::new(), Vec::new());
        for (partition, reading) in self.reading.iter_mut().filter(|(_, reading)| !reading.paused) {
            let turn = if last.is_none_or(|last| *partition > last) { &mut after } else { &mut before };
            turn.push((*partition, reading));
        }
        for (partition, reading) in after.into_iter().chain(before) {
            if let Some(batch) = self.source.read(&mut reading.cursor, self.limits)? {
                self.served_last = Some(partition);
                return Ok(Some(Polled::Batch(batch)));
            }
        }
        Ok(None)
    }
}

impl<S: Source> LogReader for LocalReader<S> {
    fn start(&mut self, partition: u32, offset: u64) -> Result<(), LogError> {
        if self.membership.as_ref().is_some_and(|membership| !membership.holds(partition)) {
            return Err(LogError::Failed {
                context: format!("starting partition {partition}"),
                detail: "the group has not assigned it to this member; wait until poll says so".to_owned(),
            });
        }
        let cursor = self.source.seek(partition, offset)?;
        let paused = self.reading.get(&partition).is_some_and(|reading| reading.paused);
        self.reading.insert(partition, Reading { cursor, paused });
        Ok(())
    }

    fn stop(&mut self, partition: u32) -> Result<(), LogError> {
        self.reading.remove(&partition);
        if let Some(membership) = &self.membership {
            membership.give_back(partition);
        }
        Ok(())
    }

    fn pause(&mut self, partition: u32) -> Result<(), LogError> {
        self.reading(partition)?.paused = true;
        Ok(())
    }

    fn resume(&mut self, partition: u32) -> Result<(), LogError> {
        self.reading(partition)?.paused = false;
        Ok(())
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<Polled>, LogError> {
        // No clock is read when nobody waits: the simulator polls so.
        if wait.is_zero() {
            return self.next();
        }
        let deadline = Instant::now() + wait;
        loop {
            let seen = self.signal.version();
            if let Some(polled) = self.next()? {
                return Ok(Some(polled));
            }
            if !self.signal.wait(seen, deadline) {
                return Ok(None);
            }
        }
    }

    fn commit(&mut self, _partition: u32, _next_offset: u64) {
        // There is no dashboard to tell.
    }
}

/// What an appender has taken and not yet reported: tickets, and the limits of the queue.
#[derive(Debug, Default)]
pub(crate) struct Pending {
    last_ticket: u64,
    records: usize,
    bytes: usize,
    batches: VecDeque<(usize, usize)>,
    broken: Option<LogError>,
}

impl Pending {
    /// Whether the batch may be taken at all. `check` looks at each record; an error of its breaks the appender.
    pub(crate) fn admit(
        &mut self,
        batch: AppendBatch,
        check: impl FnOnce(&AppendBatch) -> Result<(), LogError>,
    ) -> Result<(Ticket, AppendBatch), AppendError> {
        self.healthy()?;
        for (index, bytes) in batch.iter().map(|record| record_bytes(&record)).enumerate() {
            if bytes > RECORD_BYTES_MAX {
                return Err(AppendError::TooLarge { index, bytes, limit: RECORD_BYTES_MAX });
            }
        }
        if let Err(error) = check(&batch) {
            return Err(AppendError::Log(self.break_with(error)));
        }
        // An empty batch has a ticket too, and an empty queue takes a batch of any size.
        let (records, bytes) = (batch.len().max(1), batch.bytes());
        let full =
            self.records + records > APPEND_QUEUE_RECORDS_MAX || self.bytes + bytes > APPEND_QUEUE_BYTES_MAX;
        if full && !self.batches.is_empty() {
            return Err(AppendError::Full(batch));
        }
        self.records += records;
        self.bytes += bytes;
        self.batches.push_back((records, bytes));
        self.last_ticket += 1;
        Ok((Ticket(self.last_ticket), batch))
    }

    /// Makes room: the oldest `batches` were reported.
    pub(crate) fn reported(&mut self, batches: usize) {
        for (records, bytes) in self.batches.drain(..batches.min(self.batches.len())) {
            self.records -= records;
            self.bytes -= bytes;
        }
    }

    /// Every later call fails with `error`.
    pub(crate) fn break_with(&mut self, error: LogError) -> LogError {
        self.broken.get_or_insert(error).clone()
    }

    /// The error that broke the appender, if one did.
    pub(crate) fn healthy(&self) -> Result<(), LogError> {
        self.broken.clone().map_or(Ok(()), Err)
    }
}

/// Bytes of key, value and headers.
pub(crate) fn record_bytes(record: &AppendRecord<'_>) -> usize {
    record.key.map_or(0, <[u8]>::len)
        + record.value.map_or(0, <[u8]>::len)
        + record.headers.as_encoded().len()
}

/// Whether every record goes to one of `partitions`.
pub(crate) fn check_partitions(batch: &AppendBatch, partitions: u32) -> Result<(), LogError> {
    match batch.iter().find(|record| record.partition >= partitions) {
        Some(record) => {
            Err(LogError::NoPartition { topic: batch.topic().to_string(), partition: record.partition })
        }
        None => Ok(()),
    }
}

/// The error for a reader that is told to start after the end.
pub(crate) fn after_the_end(topic: &str, partition: u32, offset: u64, end: u64) -> LogError {
    LogError::Failed {
        context: format!("reading topic {topic}, partition {partition}, from offset {offset}"),
        detail: format!("the partition ends at {end}; this is not the log the offset came from"),
    }
}
