//! Deterministic shoppers for the demo, the simulator, tests and benchmarks.
//!
//! Everything is a function of a seed: [`SaleSpec`] says what is sold, [`Traffic`] what arrives, [`reaction`] how
//! shoppers pay once they have a hold, and [`random_workload`] what a hostile world would send to a ledger.
//! Ids are made of the seed, their kind and a counter, so that ids of different kinds or seeds never meet.
//!
//! Promised: the same seed gives the same traffic, for ever, on every machine; memory is bounded whatever the
//! length. Not promised: that any of it is valid. It knows no clock, no log and no encoding; bytes appear only
//! where they are meant to be garbage.
//!
//! ```
//! use order_traffic::{SaleSpec, Traffic, TrafficOptions};
//!
//! let sale = SaleSpec::demo(1_000, 4);
//! let arrivals = Traffic::new(7, &sale, TrafficOptions::orders(1_000));
//! assert!(arrivals.count() > 1_000);
//! ```

mod dice;
mod garbage;
mod hostile;
mod operator;
mod payment;
mod sale;
mod traffic;

pub use dice::{Dice, IdKind, id, is_order};
pub use hostile::{WorkloadItem, random_workload};
pub use operator::{Scheduled, opening_commands, operator_schedule};
pub use payment::reaction;
pub use sale::{ListingSpec, SaleSpec};
pub use traffic::{Arrival, ArrivalBody, Mix, RECENT_ORDERS_MAX, Traffic, TrafficOptions};
