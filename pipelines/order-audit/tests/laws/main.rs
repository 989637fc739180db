//! Every law: a stream that keeps it, and at least one change to the stream that must be found.

#![expect(clippy::unwrap_used, reason = "the whole crate is a test")]

mod budget;
mod drawing;
mod one_ledger;
mod story;
mod two_ledgers;

use order_audit::Law;

#[test]
fn every_law_has_a_mutation() {
    let tables = [one_ledger::MUTATIONS, two_ledgers::MUTATIONS, budget::MUTATIONS, drawing::MUTATIONS];
    let missing: Vec<_> = Law::ALL
        .iter()
        .filter(|law| !tables.iter().any(|table| table.iter().any(|(_, l, _)| l == *law)))
        .collect();
    assert!(missing.is_empty(), "no mutation breaks {missing:?}");
}
