//! Payment workers from outside: a real log, real ledgers, and the sandbox as provider.
#![expect(clippy::unwrap_used, reason = "the whole crate is a test")]

mod faults;
mod http;
mod kills;
mod sharing;
mod shop;
mod strays;
