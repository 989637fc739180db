//! Every maximum and time-out of the benchmark, with its unit in its name.

use std::time::Duration;

/// Most pairs of a series.
pub const PAIRS_MAX: u32 = 1_000;
/// Most orders of one round.
pub const ORDERS_MAX: u32 = 100_000_000;
/// Most connections or streams at once.
pub const CONNECTIONS_MAX: u32 = 25_000;
/// Most orders of a batch.
pub const BATCH_MAX: u32 = 1_000;
/// Most changes of stock in a run.
pub const CHANGES_MAX: u32 = 100_000;
/// Partitions of each topic.
pub const PARTITIONS: u32 = 4;
/// Listings of the sale.
pub const LISTINGS: u32 = 100;
/// Units of each listing: more than any run orders.
pub const STOCK: u32 = 1_000_000_000;
/// Longest silence before a run counts as stuck.
pub const SILENCE_MAX: Duration = Duration::from_secs(60);
/// Time between two looks at something that is waited for.
pub(crate) const LOOK: Duration = Duration::from_millis(10);
/// Connections that are opened at the same time.
pub(crate) const OPENING_MAX: usize = 200;
/// Time from the end of the preparations to the first order of a steady load.
pub(crate) const BEFORE_LOAD: Duration = Duration::from_millis(500);
/// Time between two changes of stock, beyond what the one before took.
pub(crate) const BETWEEN_CHANGES: Duration = Duration::from_millis(250);
/// Files a process has open beside its connections.
pub(crate) const OTHER_FILES: u32 = 150;
/// Most headers of an answer.
pub(crate) const HEADERS_MAX: usize = 32;
/// Largest answer, in bytes.
pub(crate) const ANSWER_BYTES_MAX: usize = 4 * 1_048_576;
/// The latencies that can be told apart, in microseconds; later ones count as this.
pub(crate) const LATENCY_US_MAX: u64 = 600_000_000;
/// Most records of a batch that the worker reads, or the check of the log.
pub(crate) const BATCH_RECORDS: usize = 8_192;
/// Most bytes of one.
pub(crate) const BATCH_BYTES: usize = 8 * 1_048_576;
/// Requests a second that the server lets each address and customer ask: the load is one address.
pub(crate) const PACE_PER_SECOND: u32 = 1_000_000;
