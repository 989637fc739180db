//! Workers from outside: threads that share a log in memory, come and go, and leave a log that can be proved.
#![expect(clippy::unwrap_used, reason = "the whole crate is a test")]
#![expect(unreachable_pub, reason = "one file is shared with the tests of other crates")]

mod crew;
mod errors;
mod late_schema;
mod other_log;
#[path = "../../../order-flow/tests/flow/sale.rs"]
mod sale;
mod sharing;
mod tail;
mod ticking;
