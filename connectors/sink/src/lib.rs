//! What every sink has in common: a [`Target`] that takes decisions, and says how far it has got.
//!
//! The rules a target keeps stand in `connectors/CONTRACT.md`.

mod target;

pub use target::{Arrival, Batch, Fault, Reached, Refused, Target, Verdict};
