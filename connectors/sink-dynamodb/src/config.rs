//! What can be chosen.

use std::time::Duration;

use tables::TableOptions;

use crate::limits::{ENDED_DAYS, PAID_DAYS, REQUESTS_MAX, STOCK_INTERVAL_MS};

/// What can be chosen.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Options {
    /// Which DynamoDB.
    pub tables: TableOptions,
    /// How long orders stay.
    pub retention: Retention,
    /// The stock of a SKU is written at most once in such an interval, however many orders there are.
    pub stock_interval: Duration,
    /// Most requests under way at once.
    pub requests_max: u32,
}

impl Options {
    /// The usual choices for the DynamoDB of `tables`.
    pub fn new(tables: TableOptions) -> Self {
        Self {
            tables,
            retention: Retention::default(),
            stock_interval: Duration::from_millis(STOCK_INTERVAL_MS),
            requests_max: REQUESTS_MAX,
        }
    }
}

/// How long orders stay in the table after their end, counted from the decision that ended them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retention {
    /// Orders that came to nothing, in days; zero: for ever.
    pub ended_days: u32,
    /// Paid orders, in days; zero: for ever.
    pub paid_days: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { ended_days: ENDED_DAYS, paid_days: PAID_DAYS }
    }
}
