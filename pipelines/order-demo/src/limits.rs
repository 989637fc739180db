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
/// How long the till waits for decisions before it looks at its payments.
pub(crate) const TILL_WAIT: Duration = Duration::from_millis(2);
/// How often the end of the sale is looked for.
pub(crate) const QUIET_INTERVAL: Duration = Duration::from_millis(10);
