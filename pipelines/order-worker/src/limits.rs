//! Every maximum of a worker, with its unit in its name.

use std::time::Duration;

use order_log::ReadLimits;

/// Most batches of one partition between the reader and durability; then the partition is paused.
pub const BATCHES_AHEAD_MAX: usize = 16;
/// Most timely threads.
pub const THREADS_MAX: usize = 256;
/// How long the reader waits for records before it looks at reports.
pub const READER_WAIT: Duration = Duration::from_millis(1);
/// Time between two notes of the consumer offsets, for those who watch the lag. Each is a request to the broker.
pub const COMMIT_INTERVAL: Duration = Duration::from_millis(500);
/// How long an idle timely thread waits for batches before it looks at its ledgers.
pub const IDLE_WAIT: Duration = Duration::from_millis(5);
/// How long a timely thread waits for acknowledgements before it looks for new batches.
pub const ACKNOWLEDGE_WAIT: Duration = Duration::from_micros(500);
/// How long to wait before a partition that could not be restored is tried again.
pub const BEGIN_RETRY: Duration = Duration::from_secs(1);
/// Least time between two ticks of a partition, in milliseconds.
pub const TICK_INTERVAL_MS: u64 = 20;
/// How much is read at once of the dead letters of a partition that is restored.
pub const VERDICT_BATCH: ReadLimits = ReadLimits { records_max: 1_024, bytes_max: 4 * 1_048_576 };
/// How long nothing may come of `decisions` or `dead-letters` before the log counts as unreachable.
pub const TAIL_READ_TIMEOUT: Duration = Duration::from_secs(5);
