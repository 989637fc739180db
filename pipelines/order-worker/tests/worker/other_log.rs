//! A log in memory that takes its time: a batch is stored, and acknowledged, long after it was appended. Its beginning may be
//! deleted, and its decisions may end in markers of a transaction, which no reader is given.

use std::collections::VecDeque;
use std::time::Duration;

use order_log::{
    Acknowledged, AppendBatch, AppendError, Bounds, Log, LogAppender, LogError, LogReader, MemoryLog, Polled,
    ReadLimits, Ticket, TopicFinding, TopicSpec,
};

use crate::sale::{DECISIONS, ORDERS};

/// One batch is stored every so many polls.
const POLLS_A_BATCH: u64 = 3;

/// See the module.
pub struct OtherLog {
    pub log: MemoryLog,
    /// The first offset of `orders` that is still there.
    pub orders_start: u64,
    /// How many markers stand behind the decisions of each partition.
    pub markers: u64,
}

impl Log for OtherLog {
    fn describe(&self) -> String {
        self.log.describe()
    }

    fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<String>, LogError> {
        self.log.create_topics(specs)
    }

    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicFinding>, LogError> {
        self.log.check_topics(specs)
    }

    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        self.log.partitions(topic)
    }

    fn bounds(&self, topic: &str, partition: u32) -> Result<Bounds, LogError> {
        let bounds = self.log.bounds(topic, partition)?;
        let start = if topic == ORDERS { self.orders_start } else { 0 };
        Ok(Bounds { start, end: bounds.end + if topic == DECISIONS { self.markers } else { 0 } })
    }

    fn reader(&self, topic: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        let markers = if topic == DECISIONS { self.markers } else { 0 };
        let topic_bounds =
            (0..self.log.partitions(topic)?).map(|partition| self.log.bounds(topic, partition));
        let ends = topic_bounds.map(|bounds| Ok(bounds?.end)).collect::<Result<_, LogError>>()?;
        Ok(Box::new(MarkedReader { inner: self.log.reader(topic, limits)?, ends, markers, started: None }))
    }

    fn member(&self, topic: &str, group: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        self.log.member(topic, group, limits)
    }

    fn appender(&self) -> Result<Box<dyn LogAppender>, LogError> {
        Ok(Box::new(SlowAppender {
            inner: self.log.appender()?,
            waiting: VecDeque::new(),
            last: 0,
            polls: 0,
        }))
    }
}

struct SlowAppender {
    inner: Box<dyn LogAppender>,
    waiting: VecDeque<AppendBatch>,
    /// The ticket of the latest batch.
    last: u64,
    polls: u64,
}

impl LogAppender for SlowAppender {
    fn append(&mut self, batch: AppendBatch) -> Result<Ticket, AppendError> {
        self.waiting.push_back(batch);
        self.last += 1;
        Ok(Ticket(self.last))
    }

    fn poll(&mut self, wait: Duration, acknowledged: &mut Vec<Acknowledged>) -> Result<(), LogError> {
        self.polls += 1;
        if self.polls.is_multiple_of(POLLS_A_BATCH)
            && let Some(batch) = self.waiting.pop_front()
        {
            self.inner.append(batch).unwrap();
        }
        self.inner.poll(wait, acknowledged)
    }
}

/// Reads one partition; its end is behind the markers.
struct MarkedReader {
    inner: Box<dyn LogReader>,
    ends: Vec<u64>,
    markers: u64,
    started: Option<u32>,
}

impl MarkedReader {
    fn end(&self, partition: u32) -> u64 {
        self.ends[usize::try_from(partition).unwrap()]
    }
}

impl LogReader for MarkedReader {
    fn start(&mut self, partition: u32, offset: u64) -> Result<(), LogError> {
        self.started = Some(partition);
        self.inner.start(partition, offset.min(self.end(partition)))
    }

    fn stop(&mut self, partition: u32) -> Result<(), LogError> {
        self.inner.stop(partition)
    }

    fn pause(&mut self, partition: u32) -> Result<(), LogError> {
        self.inner.pause(partition)
    }

    fn resume(&mut self, partition: u32) -> Result<(), LogError> {
        self.inner.resume(partition)
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<Polled>, LogError> {
        let polled = self.inner.poll(wait)?;
        let passed = self.started.filter(|_| polled.is_none() && self.markers > 0);
        Ok(passed.map_or(polled, |partition| {
            Some(Polled::Passed { partition, next_offset: self.end(partition) + self.markers })
        }))
    }

    fn commit(&mut self, partition: u32, next_offset: u64) {
        self.inner.commit(partition, next_offset);
    }
}
