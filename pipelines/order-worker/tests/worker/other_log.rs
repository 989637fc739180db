//! A log in memory that takes its time: a batch is stored, and acknowledged, long after it was appended. Its beginning may be
//! deleted.

use std::collections::VecDeque;
use std::time::Duration;

use order_log::{
    Acknowledged, AppendBatch, AppendError, Bounds, Log, LogAppender, LogError, LogReader, MemoryLog,
    ReadLimits, Ticket, TopicFinding, TopicSpec,
};

use crate::sale::ORDERS;

/// One batch is stored every so many polls.
const POLLS_A_BATCH: u64 = 3;

/// See the module.
pub struct OtherLog {
    pub log: MemoryLog,
    /// The first offset of `orders` that is still there.
    pub orders_start: u64,
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
        Ok(Bounds { start: if topic == ORDERS { self.orders_start } else { 0 }, ..bounds })
    }

    fn reader(&self, topic: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        self.log.reader(topic, limits)
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
