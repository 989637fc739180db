//! The figures of the whole path, from a record on `orders` to its acknowledged decision.
//!
//! - [`kafka::run`]: orders per second on a real broker, in pairs with one bare loop that reads and writes the same
//!   number of records and decides nothing.
//! - [`latency::run`]: how long an order takes to its readable decision under a steady load, open loop.
//!
//! Promised: both start their own broker, both check what was decided (every order once, numbers dense, the
//! auditor's laws), and a run that fails a check gives an error and no figure. Figures come with their settings.
//!
//! Not promised: that figures of different machines, or of a machine that does something else meanwhile, can be
//! compared. Ratios taken in one run can.

mod bare;
mod check;
mod error;
pub mod kafka;
pub mod latency;
pub mod limits;
mod load;
mod mark;
mod sale;
mod watched;
mod worker;

pub use error::BenchError;
