//! Every maximum of the benchmarks, with its unit in its name.

/// Fewest decisions of a run: fewer say nothing.
pub const DECISIONS_MIN: u64 = 1_000;
/// Most decisions of a backlog for ClickHouse; none of them is kept in memory.
pub const BACKLOG_DECISIONS_MAX: u64 = 1_000_000_000;
/// Most decisions of a sale for DynamoDB: they and the tables are kept in memory.
pub const SALE_DECISIONS_MAX: u64 = 10_000_000;
/// Most notices of a run: their claims are kept in memory, and a run that takes minutes is given up.
pub const NOTICES_MAX: u64 = 500_000;
/// Decisions that are decoded to learn what decoding costs.
pub const DECODED_DECISIONS: u64 = 50_000;
