//! The seeded simulator: the real operators, a faulty log, an auditor.
//!
//! ```text
//!   producers ──▶ orders ──▶ simulated workers: real dataflows, stepped by hand ──▶ wire ──▶ orders, decisions,
//!   payments  ◀── decisions                                                 (loses, delays)   dead-letters
//! ```
//!
//! [`run`] plays one sale. The seed alone says who does the next small step: a producer, the clock, a dataflow, a record
//! on its way to the log, or a fault. Workers crash with records on the wire that land later, or never; sleep while
//! others take over and go on when they wake; lose partitions, acknowledgements and patience. In the end faults
//! stop, one worker a partition finishes everything, and the log is checked by an auditor, by a replay, and record
//! by record.
//!
//! Promised: the same seed gives the same run, byte for byte, on every machine ([`SimOutcome::digest`]); nothing reads a
//! wall clock, starts a thread or draws from anything but the seed. What runs inside is the operators of `order-flow`,
//! not a model of them; the worker around them is a model of `order-worker`.
//!
//! Not promised: that the log itself is right. Kafka's and the folder's promises are what the log's conformance suite
//! checks; here they are taken as given, and used to their limit: nothing but the order within one appender's
//! partition is kept.

mod check;
mod claim;
mod faults;
mod finish;
mod limits;
mod numbers;
mod outcome;
mod process;
mod schedule;
mod shoppers;
mod trace;
mod wire;
mod world;

pub use numbers::SimNumbers;
pub use outcome::{Sabotage, SimFailure, SimOptions, SimOutcome};

/// Plays and checks one sale.
pub fn run(seed: u64, options: SimOptions) -> SimOutcome {
    let mut schedule = match schedule::Schedule::new(seed, options) {
        Ok(schedule) => schedule,
        Err(failure) => return SimOutcome::not_begun(seed, failure),
    };
    let result = schedule.play().and_then(|()| schedule.finish()).and_then(|ended| schedule.check(&ended));
    schedule.outcome(seed, result.err())
}
