//! The log in memory, for tests and the simulator.
//!
//! Deterministic: a record is stored and stamped by the given clock when [`LogAppender::append`] takes it, and
//! acknowledged by the appender's next poll. Nothing here waits, reads a clock of its own, or starts a thread, as long
//! as polls are told to wait for nothing.
//!
//! Not promised: that anything outlives the last clone. Replication, retention and record sizes of a [`TopicSpec`] are
//! not looked at.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use crate::group::Groups;
use crate::local::{LocalReader, Pending, Source, after_the_end, check_partitions};
use crate::signal::{Signal, locked};
use crate::{
    Acknowledged, AppendBatch, AppendError, Bounds, Clock, Headers, Log, LogAppender, LogError, LogReader,
    ReadLimits, RecordBatch, RecordBatchBuilder, Ticket, TopicFinding, TopicSpec,
};

/// A log in memory. Clones share it.
#[derive(Clone)]
pub struct MemoryLog(Arc<Shared>);

struct Shared {
    clock: Clock,
    topics: Mutex<BTreeMap<String, Vec<Vec<MemoryRecord>>>>,
    signal: Arc<Signal>,
    groups: Arc<Groups>,
}

/// A record as a [`MemoryLog`] keeps it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct MemoryRecord {
    /// Its place in the partition.
    pub offset: u64,
    /// When it was stored, in milliseconds since 1970.
    pub time_ms: u64,
    /// The key, if it has one.
    pub key: Option<Vec<u8>>,
    /// The value, if it has one.
    pub value: Option<Vec<u8>>,
    /// The headers, as [`Headers::from_encoded`] reads them.
    pub headers: Vec<u8>,
}

impl MemoryLog {
    /// An empty log whose records are stamped by `clock`.
    pub fn new(clock: Clock) -> Self {
        let signal = Arc::new(Signal::default());
        let groups = Groups::new(Arc::clone(&signal));
        Self(Arc::new(Shared { clock, topics: Mutex::default(), signal, groups }))
    }

    /// Stores one record with a time of the caller's choice; says its offset.
    pub fn append_at(
        &self,
        topic: &str,
        partition: u32,
        time_ms: u64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: Headers<'_>,
    ) -> Result<u64, LogError> {
        let mut topics = self.topics();
        let records = partition_of(&mut topics, topic, partition)?;
        let offset = push(records, time_ms, key, value, headers);
        drop(topics);
        self.0.signal.raise();
        Ok(offset)
    }

    /// All records of a partition.
    pub fn records(&self, topic: &str, partition: u32) -> Result<Vec<MemoryRecord>, LogError> {
        Ok(partition_of(&mut self.topics(), topic, partition)?.clone())
    }

    fn topics(&self) -> MutexGuard<'_, BTreeMap<String, Vec<Vec<MemoryRecord>>>> {
        locked(&self.0.topics)
    }

    fn reader_of(
        &self,
        topic: &str,
        group: Option<&str>,
        limits: ReadLimits,
    ) -> Result<Box<dyn LogReader>, LogError> {
        let partitions = self.partitions(topic)?;
        let membership = group.map(|group| self.0.groups.join(topic, group, partitions));
        let source = MemorySource { log: self.clone(), topic: topic.to_owned() };
        Ok(Box::new(LocalReader::new(source, limits, Arc::clone(&self.0.signal), membership)))
    }
}

impl Log for MemoryLog {
    fn describe(&self) -> String {
        "memory".to_owned()
    }

    fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<String>, LogError> {
        let mut topics = self.topics();
        let mut created = Vec::new();
        for spec in specs.iter().filter(|spec| spec.partitions > 0) {
            if !topics.contains_key(&spec.name) {
                topics.insert(spec.name.clone(), (0..spec.partitions).map(|_| Vec::new()).collect());
                created.push(spec.name.clone());
            }
        }
        Ok(created)
    }

    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicFinding>, LogError> {
        Ok(specs
            .iter()
            .filter_map(|spec| spec.compare_partitions(self.partitions(&spec.name).ok()))
            .collect())
    }

    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        let topics = self.topics();
        let partitions = topics.get(topic).ok_or_else(|| no_topic(topic))?;
        Ok(u32::try_from(partitions.len()).unwrap_or(u32::MAX))
    }

    fn bounds(&self, topic: &str, partition: u32) -> Result<Bounds, LogError> {
        let end = end_of(partition_of(&mut self.topics(), topic, partition)?);
        Ok(Bounds { start: 0, end })
    }

    fn reader(&self, topic: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        self.reader_of(topic, None, limits)
    }

    fn member(&self, topic: &str, group: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        self.reader_of(topic, Some(group), limits)
    }

    fn appender(&self) -> Result<Box<dyn LogAppender>, LogError> {
        Ok(Box::new(MemoryAppender {
            log: self.clone(),
            pending: Pending::default(),
            acknowledged: Vec::new(),
        }))
    }
}

struct MemoryAppender {
    log: MemoryLog,
    pending: Pending,
    acknowledged: Vec<Acknowledged>,
}

impl LogAppender for MemoryAppender {
    fn append(&mut self, batch: AppendBatch) -> Result<Ticket, AppendError> {
        let log = &self.log;
        let mut topics = log.topics();
        let check = |batch: &AppendBatch| {
            let partitions = topics.get(&**batch.topic()).ok_or_else(|| no_topic(batch.topic()))?;
            check_partitions(batch, u32::try_from(partitions.len()).unwrap_or(u32::MAX))
        };
        let (ticket, batch) = self.pending.admit(batch, check)?;
        let mut offsets = Vec::new();
        let time_ms = (log.0.clock)();
        for record in batch.iter() {
            let records = partition_of(&mut topics, batch.topic(), record.partition)?;
            let offset = push(records, time_ms, record.key, record.value, record.headers);
            if batch.want_offsets {
                offsets.push(offset);
            }
        }
        drop(topics);
        self.acknowledged.push(Acknowledged { ticket, offsets });
        log.0.signal.raise();
        Ok(ticket)
    }

    fn poll(&mut self, _wait: Duration, acknowledged: &mut Vec<Acknowledged>) -> Result<(), LogError> {
        if self.acknowledged.is_empty() {
            return self.pending.healthy();
        }
        self.pending.reported(self.acknowledged.len());
        acknowledged.append(&mut self.acknowledged);
        Ok(())
    }
}

struct MemorySource {
    log: MemoryLog,
    topic: String,
}

impl Source for MemorySource {
    /// Partition and next offset.
    type Cursor = (u32, u64);

    fn seek(&self, partition: u32, offset: u64) -> Result<Self::Cursor, LogError> {
        match self.log.bounds(&self.topic, partition)?.end {
            end if offset > end => Err(after_the_end(&self.topic, partition, offset, end)),
            _ => Ok((partition, offset)),
        }
    }

    fn read(&self, cursor: &mut Self::Cursor, limits: ReadLimits) -> Result<Option<RecordBatch>, LogError> {
        let (partition, next) = cursor;
        let mut topics = self.log.topics();
        let records = partition_of(&mut topics, &self.topic, *partition)?;
        let from = usize::try_from(*next).unwrap_or(usize::MAX);
        let mut batch = RecordBatchBuilder::new(*partition);
        for record in records.iter().skip(from).take(limits.records_max) {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            let bytes = key.map_or(0, <[u8]>::len) + value.map_or(0, <[u8]>::len) + record.headers.len();
            if !batch.is_empty() && batch.bytes() + bytes > limits.bytes_max {
                break;
            }
            batch.push(record.offset, record.time_ms, key, value, Headers::from_encoded(&record.headers));
            *next = record.offset + 1;
        }
        Ok((!batch.is_empty()).then(|| batch.finish()))
    }
}

fn push(
    records: &mut Vec<MemoryRecord>,
    time_ms: u64,
    key: Option<&[u8]>,
    value: Option<&[u8]>,
    headers: Headers<'_>,
) -> u64 {
    let offset = end_of(records);
    records.push(MemoryRecord {
        offset,
        time_ms,
        key: key.map(<[u8]>::to_vec),
        value: value.map(<[u8]>::to_vec),
        headers: headers.as_encoded().to_vec(),
    });
    offset
}

fn end_of(records: &[MemoryRecord]) -> u64 {
    records.last().map_or(0, |record| record.offset + 1)
}

fn partition_of<'a>(
    topics: &'a mut BTreeMap<String, Vec<Vec<MemoryRecord>>>,
    topic: &str,
    partition: u32,
) -> Result<&'a mut Vec<MemoryRecord>, LogError> {
    let partitions = topics.get_mut(topic).ok_or_else(|| no_topic(topic))?;
    let index = usize::try_from(partition).unwrap_or(usize::MAX);
    partitions.get_mut(index).ok_or_else(|| LogError::NoPartition { topic: topic.to_owned(), partition })
}

fn no_topic(topic: &str) -> LogError {
    LogError::NoTopic { log: "memory".to_owned(), topic: topic.to_owned() }
}
