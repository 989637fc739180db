//! Every maximum of the log, with its unit in its name.

/// Largest record (key, value and headers together), in bytes: Kafka's default `message.max.bytes`, less its overhead.
pub const RECORD_BYTES_MAX: usize = 1_000_000;
/// Most bytes an appender holds unacknowledged before it is full.
pub const APPEND_QUEUE_BYTES_MAX: usize = 64 * 1_048_576;
/// Most records an appender holds unacknowledged before it is full.
pub const APPEND_QUEUE_RECORDS_MAX: usize = 500_000;
/// Most records of one read batch, whatever the reader asks for.
pub const READ_BATCH_RECORDS_MAX: usize = 65_536;
/// Most bytes of one read batch, whatever the reader asks for.
pub const READ_BATCH_BYTES_MAX: usize = 32 * 1_048_576;
/// A frame of the embedded log takes no further record once its body has this many bytes.
pub const FRAME_BODY_BYTES_TARGET: usize = 1_048_576;
/// Most bytes the embedded log writes between two syncs, less the last batch it takes.
pub const ROUND_BYTES_MAX: usize = 16 * 1_048_576;
/// Bytes the embedded log reads at once, or one frame if that is larger.
pub const READ_CHUNK_BYTES: usize = 256 * 1024;
/// Bytes of a segment between two entries of its index.
pub const INDEX_EVERY_BYTES: u64 = 65_536;
/// Longest name of a topic, in bytes; Kafka's.
pub const TOPIC_NAME_BYTES_MAX: usize = 249;

// The Kafka client. Other logs have no use for these.

/// Most records of one request's batch for one partition.
pub const PRODUCE_BATCH_RECORDS_MAX: usize = 10_000;
/// Most bytes of one request's batch for one partition: [`RECORD_BYTES_MAX`] and room for the batch's own fields. A topic
/// has to take as much in one batch.
pub const PRODUCE_BATCH_BYTES_MAX: usize = 1_048_576;
/// Most bytes that a topic's batch has around the keys, values and headers of its records, when it holds one record.
pub const RECORD_OVERHEAD_BYTES_MAX: usize = 40_000;
/// Most bytes fetched ahead by one reader, over all partitions; a partition gets its share, or 1 MiB.
pub const READ_QUEUE_BYTES_MAX: u64 = 128 * 1_048_576;
/// Records fetched ahead of the reader, for each partition, as long as they fit the bytes.
pub const READ_QUEUE_RECORDS_MIN: u64 = 30_000;
/// Most bytes of one partition in one answer.
pub const FETCH_PARTITION_BYTES_MAX: u64 = 4 * 1_048_576;
/// Most bytes of one answer.
pub const FETCH_RESPONSE_BYTES_MAX: u64 = 32 * 1_048_576;
/// How long the broker may hold back an answer while it has nothing to say, in milliseconds. The client has one question
/// under way: as long as that one waits for partitions that have nothing new, no other partition is fetched.
pub const FETCH_WAIT_MS: u64 = 20;
/// Longest sleep between two looks for events of the client, in milliseconds.
pub const READ_WAKE_MS: u64 = 20;
/// Time between two questions to the client how far it has come in partitions that bring nothing, in milliseconds.
pub const POSITION_EVERY_MS: u64 = 20;
/// How long the client may take to forget a partition that is stopped, in milliseconds.
pub const STOP_WAIT_MS: u64 = 1_000;
/// Time between two looks whether it has, in milliseconds.
pub const STOP_STEP_MS: u64 = 1;
/// How long an append to a topic that is new to the appender waits for the cluster to say what it is, in milliseconds.
pub const METADATA_WAIT_MS: u64 = 1_000;
/// Time between such a wait and the next, in milliseconds.
pub const METADATA_PAUSE_MS: u64 = 1_000;
/// Reports of stored records taken from the client at once.
pub const REPORT_RECORDS_MAX: usize = 1_024;
/// How often a new topic is looked at until it can be used, in milliseconds.
pub const TOPIC_WAIT_STEP_MS: u64 = 20;
/// Longest time between two heartbeats of a group's member, in milliseconds.
pub const HEARTBEAT_MS_MAX: u64 = 500;
