//! The log on Apache Kafka, by librdkafka.
//!
//! Promised beyond [`crate::Log`]: a broker that goes away in mid-run is waited for, without end, by readers and
//! appenders alike; nothing is given up or sent twice meanwhile. What our correctness rests on in the client cannot be
//! set otherwise ([`KafkaOptions::properties`]), and in the topics it is checked ([`crate::Log::check_topics`]).
//!
//! Not promised: that records of *other* partitions which were on their way when an appender broke are not stored, and
//! anything about Kafka transactions: readers see the records of open and aborted ones too (`read_uncommitted`), because
//! a command counts from the moment the broker has it, and waiting for somebody's transaction could stall a sale.
//!
//! The client's C library is called directly where it matters for speed: batches of records in ([`queue`]) and out
//! ([`producer`]). These two are the only places with unsafe code.

mod admin;
mod appender;
mod context;
mod options;
mod producer;
mod queue;
mod reader;

use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::metadata::Metadata;
use rdkafka::types::RDKafkaErrorCode;

use crate::{
    Bounds, Log, LogAppender, LogError, LogReader, ReadLimits, TopicFinding, TopicSpec,
    kafka::context::Context, limits::TOPIC_WAIT_STEP_MS,
};

pub use options::KafkaOptions;

/// How long the client is listened to after a request, in milliseconds: enough for a few lines of log.
const SERVE_MS: u64 = 1;

/// A Kafka cluster.
pub struct KafkaLog {
    options: KafkaOptions,
    /// Asks for metadata and offsets; reads nothing.
    client: BaseConsumer<Context>,
}

impl KafkaLog {
    /// Connects, and makes sure that a broker answers.
    pub fn connect(options: KafkaOptions) -> Result<Self, LogError> {
        options.check()?;
        let mut config = options.client();
        // Where the topic ends for our readers: they read what a transaction has not committed, too.
        config.set("isolation.level", "read_uncommitted");
        let client = options.create(&config, Context::default())?;
        let log = Self { options, client };
        log.metadata(None, log.options.connect_timeout())?;
        Ok(log)
    }

    fn metadata(&self, topic: Option<&str>, timeout: Duration) -> Result<Metadata, LogError> {
        let metadata = self.client.fetch_metadata(topic, timeout);
        self.serve();
        metadata.map_err(|error| {
            let reason = self.client.context().last_error().unwrap_or_else(|| error.to_string());
            unreachable(&self.options, timeout, &reason)
        })
    }

    /// Hands on what the client has to say; nobody else asks it.
    fn serve(&self) {
        while self.client.poll(Duration::from_millis(SERVE_MS)).is_some() {}
    }
}

impl Log for KafkaLog {
    fn describe(&self) -> String {
        self.options.describe()
    }

    fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<String>, LogError> {
        admin::create(self, specs)
    }

    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicFinding>, LogError> {
        admin::check(self, specs)
    }

    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        let metadata = self.metadata(Some(topic), self.options.request_timeout())?;
        partition_count(&metadata, topic)
            .ok_or_else(|| LogError::NoTopic { log: self.describe(), topic: topic.to_owned() })
    }

    fn bounds(&self, topic: &str, partition: u32) -> Result<Bounds, LogError> {
        let bounds = bounds(&self.client, &self.options, topic, partition);
        self.serve();
        bounds
    }

    fn reader(&self, topic: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        let partitions = self.partitions(topic)?;
        Ok(Box::new(reader::KafkaReader::open(self.options.clone(), topic, partitions, None, limits)?))
    }

    fn member(&self, topic: &str, group: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        let partitions = self.partitions(topic)?;
        Ok(Box::new(reader::KafkaReader::open(self.options.clone(), topic, partitions, Some(group), limits)?))
    }

    fn appender(&self) -> Result<Box<dyn LogAppender>, LogError> {
        Ok(Box::new(appender::KafkaAppender::open(self.options.clone())?))
    }
}

/// How many partitions `topic` has; `None` when there is no such topic.
fn partition_count(metadata: &Metadata, topic: &str) -> Option<u32> {
    let found = metadata.topics().iter().find(|candidate| candidate.name() == topic)?;
    match u32::try_from(found.partitions().len()) {
        Ok(count) if count > 0 => Some(count),
        _ => None,
    }
}

/// Asks the leader of the partition; where it has only just been elected, until it knows of it.
fn bounds(
    client: &BaseConsumer<Context>,
    options: &KafkaOptions,
    topic: &str,
    partition: u32,
) -> Result<Bounds, LogError> {
    let timeout = options.request_timeout();
    let deadline = Instant::now() + timeout;
    let mut answer = client.fetch_watermarks(topic, to_i32(partition), timeout);
    while let Err(KafkaError::MetadataFetch(code)) = &answer
        && is_without_leader(*code)
        && Instant::now() < deadline
    {
        std::thread::sleep(Duration::from_millis(TOPIC_WAIT_STEP_MS));
        answer = client.fetch_watermarks(topic, to_i32(partition), timeout);
    }
    match answer {
        Ok((start, end)) => Ok(Bounds { start: to_offset(start), end: to_offset(end) }),
        Err(KafkaError::MetadataFetch(code)) if is_missing(code) => {
            let metadata = client
                .fetch_metadata(Some(topic), timeout)
                .map_err(|error| unreachable(options, timeout, &error.to_string()))?;
            Err(match partition_count(&metadata, topic) {
                None => LogError::NoTopic { log: options.describe(), topic: topic.to_owned() },
                Some(_) => LogError::NoPartition { topic: topic.to_owned(), partition },
            })
        }
        Err(error) => Err(unreachable(options, timeout, &error.to_string())),
    }
}

/// Whether the code means that a topic or partition is not there.
fn is_missing(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::UnknownPartition
            | RDKafkaErrorCode::UnknownTopicOrPartition
    )
}

/// Whether the code means that the partition is between two leaders, as one of a new topic is for a moment.
fn is_without_leader(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::NotLeaderForPartition
            | RDKafkaErrorCode::LeaderNotAvailable
            | RDKafkaErrorCode::FencedLeaderEpoch
            | RDKafkaErrorCode::UnknownLeaderEpoch
    )
}

fn unreachable(options: &KafkaOptions, timeout: Duration, reason: &str) -> LogError {
    let detail = format!("{reason} (waited {} ms); is the broker running?", timeout.as_millis());
    LogError::Unreachable { log: options.describe(), detail }
}

/// A partition as the client has it. No topic has as many as would not fit; one that does not exist is refused later.
fn to_i32(partition: u32) -> i32 {
    i32::try_from(partition).unwrap_or(i32::MAX)
}

/// An offset as we have it; negative ones stand for "none yet".
fn to_offset(offset: i64) -> u64 {
    u64::try_from(offset).unwrap_or(0)
}
