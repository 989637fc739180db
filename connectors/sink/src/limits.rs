//! Every maximum of a sink, with its unit in its name or type, and the few of them that a sink may set.

use std::time::Duration;

/// How long the intake waits for records before it looks at what the writer says.
pub const INTAKE_WAIT: Duration = Duration::from_millis(10);
/// How long the intake waits before it asks a log again that did not answer.
pub const LOG_RETRY: Duration = Duration::from_secs(1);
/// Time between two notes of the consumer offsets, for those who watch the lag.
pub const COMMIT_INTERVAL: Duration = Duration::from_millis(500);
/// Time in which the ends of all partitions are looked at once.
pub const ENDS_INTERVAL: Duration = Duration::from_secs(1);
/// Time between two looks at the controls.
pub const CONTROLS_INTERVAL: Duration = Duration::from_millis(500);
/// How long the controls written before a start are read for, before the log counts as unreachable.
pub const CONTROLS_TIMEOUT: Duration = Duration::from_secs(10);
/// Most records of controls, or of heartbeats, read at once.
pub const CONTROLS_READ_RECORDS_MAX: usize = 1_000;
/// Most bytes of controls, or of heartbeats, read at once.
pub const CONTROLS_READ_BYTES_MAX: usize = 1_048_576;
/// Heartbeats looked at by whoever asks for them: the latest so many records.
pub const HEARTBEATS_READ_RECORDS_MAX: u64 = 2_000;
/// Largest value of a record of controls, in bytes.
pub const CONTROL_VALUE_BYTES_MAX: usize = 65_536;
/// Most dead letters of one sink and partition that a survey counts.
pub const SURVEY_LETTERS_MAX: usize = 1_000_000;
/// How long a survey waits for a record before the log counts as unreachable.
pub const SURVEY_TIMEOUT: Duration = Duration::from_secs(10);
/// How long dead letters may take to be stored before they are sent again.
pub const LETTERS_TIMEOUT: Duration = Duration::from_secs(30);
/// Longest detail of a fault that is kept in the status, in bytes.
pub const FAULT_DETAIL_BYTES_MAX: usize = 1_024;
/// Bytes a portion of records counts at least, whatever it holds: what it takes to hand it over.
pub const PORTION_BYTES_MIN: usize = 512;

/// How much a sink holds and how long it waits. Times are the tokio clock's.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SinkLimits {
    /// Most records of one read.
    pub read_records_max: usize,
    /// Most bytes of one read, as they lie in the log; decoded they take a few times as much.
    pub read_bytes_max: usize,
    /// Most bytes read and not yet written, decoded, in all partitions; then reading pauses. The last portion goes over.
    pub held_bytes_max: usize,
    /// A flush takes no further portion once it has this many bytes, decoded.
    pub flush_bytes_target: usize,
    /// A flush takes no further portion once it has this many decisions.
    pub flush_rows_target: usize,
    /// How long a decision waits for others before it is flushed with what there is.
    pub flush_wait: Duration,
    /// How long one call of the target may take; then it counts as failed, and is made again.
    pub call_timeout: Duration,
    /// The first wait after a fault; doubled with each further one.
    pub backoff_min: Duration,
    /// The longest wait between two tries.
    pub backoff_max: Duration,
    /// How long a drain tries to write what was read.
    pub drain_timeout: Duration,
    /// Time between two heartbeats.
    pub heartbeat_interval: Duration,
}

impl Default for SinkLimits {
    fn default() -> Self {
        Self {
            read_records_max: 4_096,
            read_bytes_max: 1_048_576,
            held_bytes_max: 64 * 1_048_576,
            flush_bytes_target: 16 * 1_048_576,
            flush_rows_target: 50_000,
            flush_wait: Duration::from_millis(100),
            call_timeout: Duration::from_secs(60),
            backoff_min: Duration::from_millis(100),
            backoff_max: Duration::from_secs(30),
            drain_timeout: Duration::from_secs(30),
            heartbeat_interval: Duration::from_secs(10),
        }
    }
}
