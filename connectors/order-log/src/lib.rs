//! The log: topics of partitions of records, appended at the end and read from any offset.
//!
//! One set of traits ([`Log`], [`LogReader`], [`LogAppender`]), three logs behind it: `kafka` (Apache Kafka by rdkafka),
//! `embedded` (a folder on this machine) and `memory` (tests and the simulator). They move whole batches of raw
//! records, never one record a call, and know nothing of what the bytes mean.
//!
//! Promised by every log, and checked by the [`conformance`] suite:
//! - Records of one partition keep the order of their append; offsets are dense from the first, except where Kafka keeps
//!   records of its own, the markers of somebody's transactions: a reader is told that it has passed them.
//! - An acknowledged record is never lost, and is read by every later reader.
//! - An appender leaves no hole: when a record cannot be stored, no later record of that appender is.
//! - The log stamps each record with its own time of append (Kafka's `LogAppendTime`). The time may run backwards.
//!
//! Not promised: that an unacknowledged record was *not* stored, that a record is stored only once when a *process*
//! retries, or any order between partitions.

pub mod conformance;
mod embedded;
mod group;
mod kafka;
pub mod limits;
mod local;
mod memory;
mod record;
mod signal;

use std::sync::Arc;
use std::time::Duration;

pub use embedded::{EmbeddedLog, EmbeddedOptions};
pub use kafka::{KafkaLog, KafkaOptions};
pub use memory::{MemoryLog, MemoryRecord};
pub use record::{AppendBatch, AppendRecord, Headers, Record, RecordBatch, RecordBatchBuilder};

/// A log. Cheap to share; every method may block on I/O and must not be called on an async thread.
pub trait Log: Send + Sync {
    /// Where the log is, for people: `kafka 127.0.0.1:9092`, `folder /data/log`, `memory`.
    fn describe(&self) -> String;

    /// Creates the topics that do not exist; leaves the others as they are. Says which it created.
    fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<String>, LogError>;

    /// Compares topics with what we rely on. An empty list means all is well.
    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicFinding>, LogError>;

    /// How many partitions a topic has.
    fn partitions(&self, topic: &str) -> Result<u32, LogError>;

    /// The first offset still stored and the offset the next record will get.
    fn bounds(&self, topic: &str, partition: u32) -> Result<Bounds, LogError>;

    /// A reader that reads the partitions it is told to.
    fn reader(&self, topic: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError>;

    /// A reader that is a member of a group: it is told which partitions are its own by [`Polled::Assigned`] and
    /// [`Polled::Revoked`]. Leaves the group when dropped.
    fn member(&self, topic: &str, group: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError>;

    /// An appender with a queue of its own.
    fn appender(&self) -> Result<Box<dyn LogAppender>, LogError>;
}

/// Reads batches.
pub trait LogReader: Send {
    /// Reads `partition` from `offset` on; an offset before the first stored one starts at the first stored one.
    /// Also moves a partition that is being read. A group member calls it after [`Polled::Assigned`].
    fn start(&mut self, partition: u32, offset: u64) -> Result<(), LogError>;

    /// Stops reading `partition`. A group member that saw [`Polled::Revoked`] thereby gives it back, and must do so
    /// when it has finished with it: the group waits.
    fn stop(&mut self, partition: u32) -> Result<(), LogError>;

    /// Delivers nothing more of `partition` until resumed, and soon fetches nothing more.
    fn pause(&mut self, partition: u32) -> Result<(), LogError>;

    /// Ends a pause, going on where it began.
    fn resume(&mut self, partition: u32) -> Result<(), LogError>;

    /// The next batch or change of assignment, waiting at most `wait`; `None` when there was none.
    fn poll(&mut self, wait: Duration) -> Result<Option<Polled>, LogError>;

    /// Notes, for lag dashboards, that all before `next_offset` is done. Not waited for; a failure is logged, no more.
    /// A reader outside a group ignores it.
    fn commit(&mut self, partition: u32, next_offset: u64);
}

/// What a poll brought.
#[derive(Debug)]
pub enum Polled {
    /// Records of one partition.
    Batch(RecordBatch),
    /// What stood between the last record delivered and `next_offset` is nothing that is delivered.
    Passed {
        /// Which partition.
        partition: u32,
        /// The offset the next record will have, at the least.
        next_offset: u64,
    },
    /// These partitions are now this member's; none is read before [`LogReader::start`].
    Assigned(Vec<u32>),
    /// These partitions have to be given back by [`LogReader::stop`]; no batch of theirs will follow.
    Revoked(Vec<u32>),
    /// These partitions were taken away already (the member was silent for too long): nothing to give back.
    Lost(Vec<u32>),
}

/// Appends batches.
///
/// After an error every later call fails: whoever goes on makes a new appender and asks the log how far it got.
pub trait LogAppender: Send {
    /// Takes the whole batch, or none of it when the queue is full. Does not wait for a log that is away. The batch's records are stored in their order,
    /// after those of every earlier batch of this appender. Returns the batch's ticket: 1, 2, 3, ...
    fn append(&mut self, batch: AppendBatch) -> Result<Ticket, AppendError>;

    /// Reports batches whose every record is acknowledged since the last call, in the order of their tickets;
    /// waits at most `wait` for the first.
    fn poll(&mut self, wait: Duration, acknowledged: &mut Vec<Acknowledged>) -> Result<(), LogError>;
}

/// Names a batch in the hands of an appender.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Ticket(pub u64);

/// A batch is stored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Acknowledged {
    /// Which.
    pub ticket: Ticket,
    /// The offset of each record, in the batch's order, if the batch asked for them ([`AppendBatch::want_offsets`]);
    /// else empty.
    pub offsets: Vec<u64>,
}

/// The ends of a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Bounds {
    /// The first offset still stored.
    pub start: u64,
    /// The offset the next record will get.
    pub end: u64,
}

/// How large a read batch may be. A batch holds at least one record, whatever its size.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadLimits {
    /// Most records in a batch.
    pub records_max: usize,
    /// Most bytes of keys, values and headers in a batch.
    pub bytes_max: usize,
}

/// What we rely on in a topic.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TopicSpec {
    /// Its name.
    pub name: String,
    /// How many partitions.
    pub partitions: u32,
    /// Copies of each record; 1 on a single broker. From 3 on, `min.insync.replicas` must be 2 or more.
    pub replication: u16,
    /// Records are kept at least this long, in milliseconds.
    pub retention_ms: u64,
    /// Whether, instead, the newest record of each key is kept for ever (`cleanup.policy=compact`), and one without a value
    /// at least `retention_ms`. A log that keeps everything need not do anything for it: who reads takes the newest.
    pub is_compacted: bool,
    /// Largest record the topic must take, in bytes.
    pub record_bytes_max: usize,
}

impl TopicSpec {
    /// Compares the number of partitions a topic has, `None` when there is no such topic.
    fn compare_partitions(&self, found: Option<u32>) -> Option<TopicFinding> {
        match found {
            None => Some(self.finding("topic", "missing", "present")),
            Some(found) if found != self.partitions => {
                Some(self.finding("partitions", found, self.partitions))
            }
            Some(_) => None,
        }
    }

    fn finding(&self, setting: &str, found: impl ToString, needed: impl ToString) -> TopicFinding {
        TopicFinding {
            topic: self.name.clone(),
            setting: setting.to_owned(),
            found: found.to_string(),
            needed: needed.to_string(),
        }
    }
}

/// A topic setting that is not what we rely on.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("topic {topic}: {setting} is {found}, needed is {needed}")]
pub struct TopicFinding {
    /// The topic.
    pub topic: String,
    /// The broker's name for the setting, or `partitions`, or `topic` when there is none.
    pub setting: String,
    /// What it is.
    pub found: String,
    /// What it has to be.
    pub needed: String,
}

/// Why the log could not do what was asked.
#[derive(Clone, Debug, thiserror::Error)]
pub enum LogError {
    /// The topic does not exist.
    #[error("there is no topic {topic} on {log}; create it with `pipeline topic create`")]
    NoTopic {
        /// Where.
        log: String,
        /// Which.
        topic: String,
    },
    /// The topic has no such partition.
    #[error("topic {topic} has no partition {partition}")]
    NoPartition {
        /// Which topic.
        topic: String,
        /// Which partition.
        partition: u32,
    },
    /// The log does not answer. Trying again may help.
    #[error("{log} does not answer: {detail}")]
    Unreachable {
        /// Where.
        log: String,
        /// What the client says.
        detail: String,
    },
    /// Stored bytes are not what was written.
    #[error("damaged log: {file}, byte {byte}: {detail}")]
    Damaged {
        /// The file.
        file: String,
        /// Where in it.
        byte: u64,
        /// What is wrong there.
        detail: String,
    },
    /// Another process has the folder open.
    #[error(
        "the log folder {folder} is open in another process; stop that one first, or name another folder"
    )]
    Locked {
        /// The folder.
        folder: String,
    },
    /// Anything else; trying again will not help.
    #[error("{context}: {detail}")]
    Failed {
        /// What was being done, with topic, partition and offset.
        context: String,
        /// What went wrong.
        detail: String,
    },
}

/// Why an append was not taken.
#[derive(Debug, thiserror::Error)]
pub enum AppendError {
    /// The queue is full, or nobody answers who knows the topic; poll, then append the batch again.
    #[error("the append queue is full, or the log does not answer")]
    Full(AppendBatch),
    /// A record is larger than the log takes. Nothing was appended, and the appender goes on.
    #[error("record {index} of the batch has {bytes} bytes, the log takes {limit}")]
    TooLarge {
        /// Which record of the batch.
        index: usize,
        /// Its size.
        bytes: usize,
        /// The limit.
        limit: usize,
    },
    /// The appender is broken.
    #[error(transparent)]
    Log(#[from] LogError),
}

/// The name of a topic, shared by the batches that go there.
pub type TopicName = Arc<str>;

/// Tells the time, in milliseconds since 1970.
pub type Clock = Arc<dyn Fn() -> u64 + Send + Sync>;
