//! The same order id always gets the same answer, for as long as the order is remembered.

use order_core::Outcome;
use order_model::ListingChange;

use crate::support::{HOLD_MS, RETENTION_MS, Sale, place, settings};

#[test]
fn a_repeat_changes_and_says_nothing() {
    let mut sale = Sale::with([("A", 5), ("B", 5)]);
    assert_eq!(sale.place("o1", "alice", [("A", 2), ("B", 1)]), ["o1 held"]);
    assert_eq!(sale.place("o1", "alice", [("A", 2), ("B", 1)]), [""; 0]);
    assert_eq!(sale.outcome, Outcome::Repeated);
    // The order of the lines is no part of what was asked for.
    assert_eq!(sale.place("o1", "alice", [("B", 1), ("A", 2)]), [""; 0]);
    assert_eq!(sale.outcome, Outcome::Repeated);
    assert_eq!(sale.ledgers[0].counts().repeated, 2);
    sale.restock("A", 0);
    assert_eq!(sale.stock("A"), [3, 2, 0, 0]);
}

#[test]
fn other_content_under_a_known_id_is_refused_and_the_first_order_stays() {
    let mut sale = Sale::with([("A", 5), ("B", 5)]);
    sale.place("o1", "alice", [("A", 2)]);
    for (who, lines) in
        [("alice", vec![("A", 3)]), ("bob", vec![("A", 2)]), ("alice", vec![("A", 2), ("B", 1)])]
    {
        assert_eq!(sale.send(place("o1", who, &lines)), ["o1 refused order_id_reused"]);
        assert!(sale.last("o1").lines.is_empty());
    }
    assert_eq!(sale.place_partial("o1", "alice", [("A", 2)]), ["o1 refused order_id_reused"]);
    assert_eq!(sale.capture("o1", "A", "pay", 200), ["o1 paid"]);
}

#[test]
fn a_reject_is_remembered_even_when_stock_comes() {
    let mut sale = Sale::with([("A", 0)]);
    assert_eq!(sale.place("o1", "alice", [("A", 1)]), ["o1 rejected stock_short"]);
    sale.restock("A", 5);
    assert_eq!(sale.place("o1", "alice", [("A", 1)]), [""; 0]);
    assert_eq!(sale.place("o2", "alice", [("A", 1)]), ["o2 held"]);
}

#[test]
fn an_ended_order_is_forgotten_after_its_retention_and_the_id_is_new() {
    let mut sale = Sale::with([("A", 5)]);
    sale.now = 5;
    sale.place("o1", "alice", [("A", 1)]);
    sale.now = 10;
    sale.cancel("o1", "alice", "A");
    // The end was at 10, so retention ends at 60,010 and the full second after that is 61,000.
    sale.now = RETENTION_MS + 999;
    assert_eq!(sale.place("o1", "alice", [("A", 1)]), [""; 0], "still known");
    assert_eq!(sale.place("o1", "bob", [("A", 1)]), ["o1 refused order_id_reused"]);
    sale.now = RETENTION_MS + 1_000;
    assert_eq!(sale.place("o1", "bob", [("A", 1)]), ["o1 held"], "new");
}

#[test]
fn a_held_or_waiting_order_is_never_forgotten() {
    let mut sale = Sale::of(1);
    sale.list("A", 1, |settings| {
        settings.waitlist_max = 1;
        settings.hold_ms = 10 * RETENTION_MS;
    });
    sale.place("o1", "alice", [("A", 1)]);
    sale.place("o2", "bob", [("A", 1)]);
    sale.tick_at(9 * RETENTION_MS);
    assert_eq!(sale.ledgers[0].remembered_orders(), 2);
    assert_eq!(sale.cancel("o1", "alice", "A"), ["o1 cancelled", "o2 held"]);
}

/// A slot of a forgotten order may be used again while the old order's hold still stands in the calendar.
#[test]
fn an_old_hold_does_not_end_a_new_order_out_of_turn() {
    let mut sale = Sale::of(1);
    sale.list("A", 9, |settings| settings.retention_ms = 1_000);
    for old in ["old1", "old2"] {
        sale.place(old, "alice", [("A", 1)]);
        sale.cancel(old, "alice", "A");
    }
    sale.tick_at(2_000);
    assert_eq!(sale.ledgers[0].remembered_orders(), 0);
    let mut shorter = settings();
    shorter.hold_ms = HOLD_MS - 2_000;
    sale.listing("A", ListingChange::Change(Box::new(shorter)));
    // These fall due when the old ones would have, and lie where those lay, in whatever order.
    sale.place("new1", "alice", [("A", 1)]);
    sale.place("new2", "alice", [("A", 1)]);
    assert_eq!(sale.tick_at(HOLD_MS - 1), [""; 0]);
    assert_eq!(sale.tick_at(HOLD_MS), ["new1 expired", "new2 expired"]);
}
