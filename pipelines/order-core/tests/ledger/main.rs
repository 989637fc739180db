//! The ledger seen from outside: commands in, decisions out. One binary, so that it is linked once.

#![expect(clippy::unwrap_used, reason = "the whole crate is a test")]

mod closing;
mod customers;
mod determinism;
mod draws;
mod full;
mod holds;
mod identity;
mod limits;
mod listings;
mod memory;
mod numbers;
mod partitions;
mod payments;
mod prices;
mod properties;
mod rejects;
mod relays;
mod support;
mod time;
mod waitlist;
