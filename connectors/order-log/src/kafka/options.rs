//! The settings of the client: those that are ours to fix, and those that are free.

use std::collections::BTreeMap;
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::config::{FromClientConfigAndContext, RDKafkaLogLevel};

use crate::LogError;
use crate::kafka::context::Context;
use crate::limits::{
    FETCH_PARTITION_BYTES_MAX, FETCH_RESPONSE_BYTES_MAX, FETCH_WAIT_MS, HEARTBEAT_MS_MAX,
    PRODUCE_BATCH_BYTES_MAX, PRODUCE_BATCH_RECORDS_MAX, READ_QUEUE_BYTES_MAX, READ_QUEUE_RECORDS_MIN,
};

/// How to reach a Kafka cluster.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct KafkaOptions {
    /// `HOST:PORT`, several with commas.
    pub bootstrap: String,
    /// More settings of librdkafka (security, compression, ...), by its names. Settings that correctness rests on are
    /// refused.
    pub properties: BTreeMap<String, String>,
    /// How long [`crate::KafkaLog::connect`] waits for a first answer.
    pub connect_timeout_ms: u64,
    /// How long a question to the cluster may take, such as for a partition's bounds.
    pub request_timeout_ms: u64,
    /// After how long a silence the group gives a member's partitions to others.
    pub session_timeout_ms: u64,
}

/// Settings that correctness rests on, by all their names.
const FIXED: [&str; 26] = [
    "acks",
    "allow.auto.create.topics",
    "auto.commit.enable",
    "auto.commit.interval.ms",
    "auto.offset.reset",
    "bootstrap.servers",
    "delivery.report.only.error",
    "delivery.timeout.ms",
    "enable.auto.commit",
    "enable.auto.offset.store",
    "enable.gapless.guarantee",
    "enable.idempotence",
    "enable.partition.eof",
    "group.id",
    "group.protocol",
    "isolation.level",
    "log.queue",
    "message.timeout.ms",
    "metadata.broker.list",
    "partition.assignment.strategy",
    "partitioner",
    "queue.buffering.max.kbytes",
    "queue.buffering.max.messages",
    "queuing.strategy",
    "request.required.acks",
    "transactional.id",
];

impl KafkaOptions {
    /// The defaults.
    pub fn new(bootstrap: impl Into<String>) -> Self {
        Self {
            bootstrap: bootstrap.into(),
            properties: BTreeMap::new(),
            connect_timeout_ms: 10_000,
            request_timeout_ms: 30_000,
            session_timeout_ms: 10_000,
        }
    }

    /// For people.
    pub(super) fn describe(&self) -> String {
        format!("kafka {}", self.bootstrap)
    }

    pub(super) fn connect_timeout(&self) -> Duration {
        Duration::from_millis(self.connect_timeout_ms)
    }

    pub(super) fn request_timeout(&self) -> Duration {
        Duration::from_millis(self.request_timeout_ms)
    }

    /// Refuses properties that are not free.
    pub(super) fn check(&self) -> Result<(), LogError> {
        match self.properties.keys().find(|name| FIXED.contains(&name.as_str())) {
            None => Ok(()),
            Some(name) => Err(LogError::Failed {
                context: format!("Kafka setting {name}"),
                detail: "it cannot be changed, because correctness rests on it; remove it".to_owned(),
            }),
        }
    }

    /// What every client has.
    pub(super) fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config
            .set("bootstrap.servers", &self.bootstrap)
            .set("client.id", "doorbuster")
            .set("allow.auto.create.topics", "false")
            // A broker that comes back is found within a second.
            .set("reconnect.backoff.ms", "50")
            .set("reconnect.backoff.max.ms", "1000")
            .set("socket.nagle.disable", "true")
            .set("socket.keepalive.enable", "true")
            .set_log_level(RDKafkaLogLevel::Warning);
        config
    }

    pub(super) fn producer(&self) -> ClientConfig {
        let mut config = self.client();
        config
            .set("enable.idempotence", "true")
            .set("acks", "all")
            .set("enable.gapless.guarantee", "true")
            // Never given up: a broker that is away is waited for.
            .set("message.timeout.ms", "0")
            // Every record names its partition. Should one ever not, it goes where the Java client would send it.
            .set("partitioner", "murmur2_random")
            // Our batches are whole when they come; the moment is for the client to take one up before it starts to send.
            .set("linger.ms", "1")
            .set("batch.num.messages", PRODUCE_BATCH_RECORDS_MAX.to_string())
            .set("batch.size", PRODUCE_BATCH_BYTES_MAX.to_string())
            .set("message.max.bytes", PRODUCE_BATCH_BYTES_MAX.to_string())
            // The appender counts for itself and lets a batch in whole or not at all.
            .set("queue.buffering.max.messages", "0")
            .set("queue.buffering.max.kbytes", "2147483647");
        config
    }

    /// A reader of a topic of `partitions`; a client must name a group even when it joins none.
    pub(super) fn consumer(&self, group: Option<&str>, partitions: u32) -> ClientConfig {
        // The limit is each partition's own, since each has a queue of its own.
        let queue_kib = (READ_QUEUE_BYTES_MAX / 1024 / u64::from(partitions.max(1))).max(1024);
        let mut config = self.client();
        config
            .set("group.id", group.unwrap_or("doorbuster-reader"))
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("enable.partition.eof", "false")
            // Offsets are always given; one that is not there is our business.
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_uncommitted")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("session.timeout.ms", self.session_timeout_ms.to_string())
            // A member learns by its heartbeat that the group shares out anew, and the others wait for it.
            .set(
                "heartbeat.interval.ms",
                (self.session_timeout_ms / 4).clamp(1, HEARTBEAT_MS_MAX).to_string(),
            )
            .set("queued.min.messages", READ_QUEUE_RECORDS_MIN.to_string())
            .set("queued.max.messages.kbytes", queue_kib.to_string())
            .set("fetch.message.max.bytes", FETCH_PARTITION_BYTES_MAX.to_string())
            .set("fetch.max.bytes", FETCH_RESPONSE_BYTES_MAX.to_string())
            .set("fetch.wait.max.ms", FETCH_WAIT_MS.to_string())
            // A reader that has made room goes on soon, and so does one whose broker came back.
            .set("fetch.queue.backoff.ms", "5")
            .set("fetch.error.backoff.ms", "50");
        config
    }

    /// A client with `config`, the free properties, and `context`.
    pub(super) fn create<T: FromClientConfigAndContext<Context>>(
        &self,
        config: &ClientConfig,
        context: Context,
    ) -> Result<T, LogError> {
        T::from_config_and_context(&self.with_properties(config), context).map_err(|error| LogError::Failed {
            context: "Kafka settings".to_owned(),
            detail: error.to_string(),
        })
    }

    /// `config` with the free properties.
    pub(super) fn with_properties(&self, config: &ClientConfig) -> ClientConfig {
        let mut config = config.clone();
        for (name, value) in &self.properties {
            config.set(name, value);
        }
        config
    }
}
