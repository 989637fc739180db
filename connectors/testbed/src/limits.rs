//! Every time-out and size of the testbed, with its unit in its name.

/// How long a server may take to answer after its start, in seconds.
pub const START_TIMEOUT_SECONDS: u64 = 300;
/// How long a detached server may take to end after it was asked to, in seconds; then it is killed.
pub const STOP_TIMEOUT_SECONDS: u64 = 20;
/// How often a condition is looked at while it is waited for, in milliseconds.
pub const WAIT_STEP_MS: u64 = 20;
/// How often a start is tried again when another process took the port that was just free.
pub const START_ATTEMPTS_MAX: u32 = 3;
/// Lines of a server's own log that an error repeats.
pub const LOG_LINES_IN_ERROR_MAX: usize = 15;
/// Largest heap of a broker unless told otherwise, in megabytes.
pub const BROKER_HEAP_MB: u32 = 1024;
/// Largest heap of a registry, in megabytes.
pub const REGISTRY_HEAP_MB: u32 = 256;
/// Largest heap of a DynamoDB Local, in megabytes.
pub const DYNAMODB_HEAP_MB: u32 = 512;
/// How long one look whether a server answers may take, in milliseconds.
pub const ANSWER_TIMEOUT_MS: u64 = 5_000;
