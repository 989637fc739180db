//! Every maximum of the sink, with its unit in its name.

use std::time::Duration;

use sink::SinkLimits;

/// Requests under way at once, at first.
pub const REQUESTS_START: u32 = 4;
/// Most requests under way at once.
pub const REQUESTS_MAX: u32 = 64;
/// Throttled answers in a row, with none taken in between, after which the loop is told to wait.
pub const THROTTLED_IN_A_ROW_MAX: u32 = 12;
/// Requests in a row without an answer after which the loop is told to wait.
pub const FAILED_IN_A_ROW_MAX: u32 = 6;
/// Shortest wait after a throttled answer, in milliseconds; doubled by each that follows.
pub const THROTTLED_WAIT_MS_MIN: u64 = 5;
/// Longest wait after a throttled answer, in milliseconds.
pub const THROTTLED_WAIT_MS_MAX: u64 = 640;
/// Steps one item may take between "is there already" and "is not there", before the loop is told to try again.
pub const STEPS_MAX: u32 = 6;
/// How long an interval of hot items is, in milliseconds: the stock of a SKU is written once in each.
pub const STOCK_INTERVAL_MS: u64 = 200;
/// How long an ended order stays, in days, unless told otherwise.
pub const ENDED_DAYS: u32 = 30;
/// How long a paid order stays, in days, unless told otherwise.
pub const PAID_DAYS: u32 = 400;
/// Items that one page of a scan brings at most.
pub const SCAN_PAGE_ITEMS_MAX: i32 = 1_000;
/// How often a page of a scan is asked for that is throttled or not answered.
pub const SCAN_TRIES_MAX: u32 = 8;
/// Half the wait before it is asked for again, in milliseconds; doubled each time.
pub const SCAN_WAIT_MS_MIN: u64 = 50;

/// The loop's limits that suit DynamoDB: flushes that are large, so that an item hot in a sale is written once for
/// thousands of decisions.
pub fn loop_limits() -> SinkLimits {
    SinkLimits {
        flush_rows_target: 20_000,
        flush_wait: Duration::from_millis(STOCK_INTERVAL_MS),
        ..SinkLimits::default()
    }
}
