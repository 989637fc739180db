//! Every maximum of the demo, with its unit in its name.

use std::time::Duration;

/// Most records in one append of the shoppers.
pub(crate) const APPEND_RECORDS_MAX: usize = 2_000;
/// Most records acknowledged and not decided before the shoppers wait.
pub(crate) const AHEAD_RECORDS_MAX: u64 = 20_000;
/// How long a paced shopper gathers orders before they are appended together.
pub(crate) const GATHER: Duration = Duration::from_millis(2);
/// How long the log may take to acknowledge.
pub(crate) const ACKNOWLEDGE_WAIT: Duration = Duration::from_millis(5);
/// How long the watcher waits for decisions before it looks whether it is to stop.
pub(crate) const WATCHER_WAIT: Duration = Duration::from_millis(2);
/// How often the end of the sale is looked for.
pub(crate) const QUIET_INTERVAL: Duration = Duration::from_millis(10);
/// How long holds last at the least, in milliseconds: short enough to see them expire.
pub const HOLD_MS_MIN: u64 = 1_500;
/// How long holds last at the most, in milliseconds.
pub(crate) const HOLD_MS_MAX: u64 = 600_000;
/// Of a thousand orders, how many come to ask for payment, about.
pub(crate) const HELD_PER_MILLE: u64 = 400;
/// Payments a second that a small machine manages beside the sale, about.
pub(crate) const PAYMENTS_PER_SECOND: u64 = 25_000;
/// Orders in the payment worker's hand at which it reads no further.
pub(crate) const ORDERS_IN_HAND_MAX: usize = 1_000_000;
