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
