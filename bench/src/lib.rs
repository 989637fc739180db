//! Criterion benches of the core.
