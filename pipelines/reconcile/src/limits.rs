//! Every maximum of a comparison, with its unit in its name.

/// Differences of one store that are named; the next comparison finds the rest.
pub const DIFFERENCES_MAX: usize = 10_000;
/// Decisions compared at once.
pub const COMPARED_DECISIONS_MAX: usize = 32_768;
/// Most records of one read.
pub const READ_RECORDS_MAX: usize = 8_192;
/// Most bytes of one read.
pub const READ_BYTES_MAX: usize = 4 * 1_048_576;
/// How long a record that is stored may take to come, in seconds.
pub const SILENCE_SECONDS_MAX: u64 = 30;
