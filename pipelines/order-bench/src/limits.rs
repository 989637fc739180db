//! Every maximum and time-out of the benchmarks, with its unit in its name.

/// Most pairs of a throughput series.
pub const PAIRS_MAX: u32 = 1_000;
/// Most listings of the sale.
pub const LISTINGS_MAX: u32 = 1_000_000;
/// How long nothing may happen in a round before it counts as stuck, in milliseconds.
pub const SILENCE_MS_MAX: u64 = 60_000;
/// How long one wait of a benchmark's own lasts, in milliseconds; then it looks whether all is well.
pub const WAIT_MS: u64 = 50;
/// Records of a batch when topics are loaded or checked.
pub const BATCH_RECORDS: usize = 8_192;
/// Bytes of a batch when topics are loaded or checked.
pub const BATCH_BYTES: usize = 8 * 1_048_576;
/// Time between two looks of the steady load at its schedule, in microseconds.
pub const SCHEDULE_STEP_US: u64 = 500;
/// The latencies that can be told apart, in microseconds; later ones count as this.
pub const LATENCY_US_MAX: u64 = 600_000_000;
