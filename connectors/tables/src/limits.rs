//! Every time-out and size of the tables, with its unit in its name.

/// Largest item DynamoDB takes, in bytes of names and values: 400 KB.
pub const ITEM_BYTES_MAX: usize = 400 * 1024;
/// Most statements of one batch; DynamoDB's own limit.
pub const BATCH_STATEMENTS_MAX: usize = 25;
/// How long a connection may take to come up, in milliseconds.
pub const CONNECT_TIMEOUT_MS: u64 = 3_000;
/// How long one attempt of a request may take, in milliseconds; after that its outcome is unknown.
pub const ATTEMPT_TIMEOUT_MS: u64 = 10_000;
/// How long a table may take to become active, in seconds.
pub const ACTIVE_TIMEOUT_SECONDS: u64 = 300;
/// How often a table is looked at while it is waited for, at first, in milliseconds; each look waits twice as long.
pub const ACTIVE_STEP_MS_MIN: u64 = 20;
/// How often a table is looked at while it is waited for, at last, in milliseconds.
pub const ACTIVE_STEP_MS_MAX: u64 = 2_000;
/// Longest name of a table, with its prefix, in bytes; DynamoDB's own limit.
pub const TABLE_NAME_BYTES_MAX: usize = 255;
/// Longest piece of a service's answer that an error repeats, in characters.
pub const DETAIL_CHARS_MAX: usize = 300;
/// Threads that serve a DynamoDB in this process.
#[cfg(feature = "local")]
pub const LOCAL_THREADS: usize = 2;
