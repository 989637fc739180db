//! A log that tells when the member of a group is given its first batch, and is the log inside in all else.

use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use order_log::{Bounds, Log, LogAppender, LogError, LogReader, Polled, ReadLimits, TopicFinding, TopicSpec};

use crate::mark::Mark;

/// The log, and whom to tell.
pub(crate) struct WatchedLog {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) first_batch: Sender<Mark>,
}

impl Log for WatchedLog {
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
        self.log.bounds(topic, partition)
    }

    fn reader(&self, topic: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        self.log.reader(topic, limits)
    }

    fn member(&self, topic: &str, group: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        let reader = self.log.member(topic, group, limits)?;
        Ok(Box::new(WatchedReader { reader, first_batch: Some(self.first_batch.clone()) }))
    }

    fn appender(&self) -> Result<Box<dyn LogAppender>, LogError> {
        self.log.appender()
    }
}

struct WatchedReader {
    reader: Box<dyn LogReader>,
    /// Taken when it has been told.
    first_batch: Option<Sender<Mark>>,
}

impl LogReader for WatchedReader {
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
        let polled = self.reader.poll(wait)?;
        if matches!(polled, Some(Polled::Batch(_)))
            && let Some(first_batch) = self.first_batch.take()
        {
            // Nobody listens any more when the round has failed.
            first_batch.send(Mark::now()).ok();
        }
        Ok(polled)
    }

    fn commit(&mut self, partition: u32, next_offset: u64) {
        self.reader.commit(partition, next_offset);
    }
}
