//! Every maximum of the dataflow, with its unit in its name.

/// Most batches of one partition between `read` and the log's acknowledgement; more stay with the reader.
pub const BATCHES_IN_FLIGHT_MAX: usize = 8;
/// How long to wait before a registry that did not answer is asked again, in milliseconds.
pub const REGISTRY_RETRY_MS: u64 = 500;
