//! The proof from outside: a good log proves however it is replayed, and every planted damage is found.
#![expect(clippy::unwrap_used, reason = "the whole crate is a test")]
#![expect(unreachable_pub, reason = "one file is shared with the tests of other crates")]

mod drawing;
mod planted;
mod proving;
mod registry;
#[path = "../../../order-flow/tests/flow/sale.rs"]
mod sale;
