//! Every maximum of the dataflow, with its unit in its name.

/// Most batches of one partition between `read` and the log's acknowledgement; more stay with the reader.
pub const BATCHES_IN_FLIGHT_MAX: usize = 8;
/// Effects (decisions, relays, dead letters) with which a decided batch is closed, and the rest of the batch that was read
/// makes another. The record that reaches it is decided to its end.
pub const EFFECTS_OF_A_BATCH_MAX: usize = 16_384;
/// Effects of one partition between `decide` and the log's acknowledgement with which no further batch is decided.
pub const EFFECTS_IN_FLIGHT_MAX: usize = 65_536;
/// How long to wait before a registry that did not answer is asked again, in milliseconds.
pub const REGISTRY_RETRY_MS: u64 = 500;
