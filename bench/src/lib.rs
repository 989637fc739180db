//! What the core costs: the workload and the measuring behind the criterion benches and `pipeline bench core`.
//!
//! It promises checked figures: a run in which a ledger sold what was not there, refused what was, or lost an order
//! has none. It does not promise the same figures twice, and nothing fails by the clock.

pub mod core;
pub mod workload;
