//! A log as the replay sees it: nothing was ever decided, every partition is this worker's, and what is appended is
//! compared.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use order_log::{
    Bounds, Log, LogAppender, LogError, LogReader, Polled, ReadLimits, RecordBatch, RecordBatchBuilder,
    TopicFinding, TopicSpec,
};

use crate::comparing::{ComparingAppender, Findings, Source};

/// The log behind a [`crate::prove`].
pub(crate) struct ShadowLog {
    pub(crate) source: Source,
    /// Where each partition of `orders` ends, as far as the proof goes.
    pub(crate) ends: BTreeMap<u32, u64>,
    pub(crate) findings: Arc<Findings>,
}

impl Log for ShadowLog {
    fn describe(&self) -> String {
        self.source.log.describe()
    }

    fn create_topics(&self, _specs: &[TopicSpec]) -> Result<Vec<String>, LogError> {
        Ok(Vec::new())
    }

    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicFinding>, LogError> {
        self.source.log.check_topics(specs)
    }

    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        self.source.log.partitions(topic)
    }

    fn bounds(&self, topic: &str, partition: u32) -> Result<Bounds, LogError> {
        if topic == &*self.source.topics.decisions {
            return Ok(Bounds { start: 0, end: 0 });
        }
        self.source.log.bounds(topic, partition)
    }

    fn reader(&self, topic: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        self.source.log.reader(topic, limits)
    }

    fn member(&self, topic: &str, _group: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        let assigned = Some(Polled::Assigned(self.ends.keys().copied().collect()));
        Ok(Box::new(ShadowReader {
            reader: self.source.log.reader(topic, limits)?,
            ends: self.ends.clone(),
            next: VecDeque::from_iter(assigned),
        }))
    }

    fn appender(&self) -> Result<Box<dyn LogAppender>, LogError> {
        Ok(Box::new(ComparingAppender::new(self.source.clone(), Arc::clone(&self.findings))))
    }
}

struct ShadowReader {
    reader: Box<dyn LogReader>,
    ends: BTreeMap<u32, u64>,
    /// To be said before anything else is read.
    next: VecDeque<Polled>,
}

impl LogReader for ShadowReader {
    fn start(&mut self, partition: u32, offset: u64) -> Result<(), LogError> {
        self.reader.start(partition, offset)
    }

    fn stop(&mut self, partition: u32) -> Result<(), LogError> {
        self.reader.stop(partition)
    }

    fn pause(&mut self, partition: u32) -> Result<(), LogError> {
        self.reader.pause(partition)
    }

    fn resume(&mut self, partition: u32) -> Result<(), LogError> {
        self.reader.resume(partition)
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<Polled>, LogError> {
        if self.next.is_empty() {
            match self.reader.poll(wait)? {
                Some(Polled::Batch(batch)) => self.cut(batch),
                Some(Polled::Passed { partition, next_offset }) => {
                    let next_offset = next_offset.min(self.end(partition));
                    self.next.push_back(Polled::Passed { partition, next_offset });
                }
                other => self.next.extend(other),
            }
        }
        Ok(self.next.pop_front())
    }

    fn commit(&mut self, _partition: u32, _next_offset: u64) {}
}

impl ShadowReader {
    fn end(&self, partition: u32) -> u64 {
        self.ends.get(&partition).copied().unwrap_or_default()
    }

    /// Leaves out what was appended after the proof began.
    fn cut(&mut self, batch: RecordBatch) {
        let (partition, end) = (batch.partition(), self.end(batch.partition()));
        if batch.next_offset() <= end {
            self.next.push_back(Polled::Batch(batch));
            return;
        }
        let mut kept = RecordBatchBuilder::new(partition);
        for record in batch.iter().filter(|record| record.offset < end) {
            kept.push(record.offset, record.time_ms, record.key, record.value, record.headers);
        }
        if !kept.is_empty() {
            self.next.push_back(Polled::Batch(kept.finish()));
        }
        // The last offset before the end may have been a marker's.
        self.next.push_back(Polled::Passed { partition, next_offset: end });
    }
}
