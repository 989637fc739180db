//! The dataflow from outside: driven by hand over a log in memory, against what bare ledgers decide.
#![expect(clippy::unwrap_used, reason = "the whole crate is a test")]
#![expect(unreachable_pub, reason = "one file is shared with the tests of other crates")]

mod appender;
mod bad_records;
mod bounded;
mod driver;
mod ending;
mod order;
mod publishing;
mod registry;
mod resuming;
mod sale;
