//! Who waits is served in the order of placement, and nobody jumps the queue.

use order_model::ListingChange;

use crate::support::{HOLD_MS, Sale};

fn sale_with_waitlists<const N: usize>(listings: [(&str, i64); N]) -> Sale {
    let mut sale = Sale::of(1);
    for (sku, stock) in listings {
        sale.list(sku, stock, |settings| settings.waitlist_max = 100);
    }
    sale
}

#[test]
fn served_in_order_from_what_is_freed_and_restocked() {
    let mut sale = sale_with_waitlists([("A", 1)]);
    sale.place("o1", "alice", [("A", 1)]);
    assert_eq!(sale.place("o2", "bob", [("A", 1)]), ["o2 waiting"]);
    assert_eq!(sale.lines("o2"), ["A 1 awaited"]);
    assert_eq!(sale.place("o3", "carol", [("A", 1)]), ["o3 waiting"]);
    assert_eq!(sale.stock("A"), [0, 1, 0, 2]);
    assert_eq!(sale.decline("o1", "A", "pay"), ["o1 declined", "o2 held"]);
    assert_eq!(sale.restock("A", 1), ["A restocked", "o3 held"]);
    assert_eq!(sale.stock("A"), [0, 2, 0, 0]);
}

#[test]
fn an_expired_hold_feeds_the_waitlist_with_a_fresh_hold() {
    let mut sale = sale_with_waitlists([("A", 1)]);
    sale.place("o1", "alice", [("A", 1)]);
    sale.now = 400;
    sale.place("o2", "bob", [("A", 1)]);
    assert_eq!(sale.tick_at(HOLD_MS), ["o1 expired", "o2 held"]);
    assert_eq!(sale.last("o2").deadline.0, 2 * HOLD_MS);
}

#[test]
fn nobody_jumps_the_queue_and_the_head_is_not_skipped() {
    let mut sale = sale_with_waitlists([("A", 2)]);
    assert_eq!(sale.place("big", "alice", [("A", 3)]), ["big waiting"]);
    assert_eq!(sale.place("small", "bob", [("A", 1)]), ["small waiting"], "though one is free");
    assert_eq!(sale.cancel("big", "alice", "A"), ["big cancelled", "small held"]);
}

#[test]
fn a_full_waitlist_refuses() {
    let mut sale = Sale::of(1);
    sale.list("A", 0, |settings| settings.waitlist_max = 1);
    assert_eq!(sale.place("o1", "alice", [("A", 1)]), ["o1 waiting"]);
    assert_eq!(sale.place("o2", "bob", [("A", 1)]), ["o2 rejected waitlist_full"]);
    sale.cancel("o1", "alice", "A");
    assert_eq!(sale.place("o3", "bob", [("A", 1)]), ["o3 waiting"]);
}

#[test]
fn an_order_of_several_lines_moves_on_to_the_next_short_line_and_keeps_its_place() {
    let mut sale = sale_with_waitlists([("A", 0), ("B", 0)]);
    assert_eq!(sale.place("both", "alice", [("A", 1), ("B", 1)]), ["both waiting"]);
    assert_eq!(sale.lines("both"), ["A 1 awaited", "B 1 asked"]);
    sale.place("later", "bob", [("B", 1)]);
    assert_eq!(sale.restock("A", 1), ["A restocked", "both waiting"]);
    assert_eq!(sale.lines("both"), ["A 1 asked", "B 1 awaited"]);
    assert_eq!(sale.stock("A"), [1, 0, 0, 0], "nothing is set aside while it waits");
    assert_eq!(sale.restock("B", 1), ["B restocked", "both held"], "it was placed before `later`");
    assert_eq!(sale.restock("B", 1), ["B restocked", "later held"]);
}

#[test]
fn what_is_promised_to_an_earlier_order_is_not_taken_on_the_way() {
    let mut sale = sale_with_waitlists([("A", 0), ("B", 1)]);
    sale.place("early", "alice", [("B", 2)]);
    sale.place("both", "bob", [("A", 1), ("B", 1)]);
    assert_eq!(sale.restock("A", 1), ["A restocked", "both waiting"]);
    assert_eq!(sale.lines("both"), ["A 1 asked", "B 1 awaited"]);
    assert_eq!(sale.restock("B", 2), ["B restocked", "early held", "both held"]);
}

#[test]
fn a_line_that_can_never_be_had_turns_the_order_away() {
    let mut sale = Sale::of(1);
    sale.list("A", 0, |settings| settings.waitlist_max = 9);
    sale.list("B", 1, |_| {});
    sale.list("C", 1, |settings| settings.waitlist_max = 9);
    sale.place("o1", "alice", [("A", 1), ("B", 1)]);
    sale.place("o2", "bob", [("A", 1), ("C", 1)]);
    sale.place("rival", "carol", [("B", 1)]);
    sale.listing("C", ListingChange::Close);
    assert_eq!(
        sale.restock("A", 2),
        ["A restocked", "o1 turned_away stock_short", "o2 turned_away listing_closed"]
    );
    assert_eq!(sale.stock("A"), [2, 0, 0, 0]);
}

#[test]
fn a_pause_holds_the_waitlist_and_resuming_feeds_it() {
    let mut sale = sale_with_waitlists([("A", 0)]);
    sale.place("o1", "alice", [("A", 1)]);
    assert_eq!(sale.listing("A", ListingChange::Pause), ["A paused"]);
    assert_eq!(sale.restock("A", 1), ["A restocked"]);
    assert_eq!(sale.ledgers[0].next_due(), None, "nothing will happen by itself");
    assert_eq!(sale.listing("A", ListingChange::Resume), ["A resumed", "o1 held"]);
}

#[test]
fn a_head_that_is_smaller_than_its_predecessor_is_served_when_that_leaves() {
    let mut sale = sale_with_waitlists([("A", 1)]);
    sale.place("o1", "alice", [("A", 5)]);
    sale.place("o2", "bob", [("A", 1)]);
    sale.place("o3", "bob", [("A", 1)]);
    assert_eq!(sale.cancel("o1", "alice", "A"), ["o1 cancelled", "o2 held"]);
    assert_eq!(sale.stock("A"), [0, 1, 0, 1]);
}

#[test]
fn feeding_keeps_to_the_budget() {
    let mut sale = Sale::of(1);
    sale.list("A", 0, |settings| settings.waitlist_max = 1_000);
    for number in 0..300 {
        sale.place(&format!("o{number}"), "alice", [("A", 1)]);
    }
    assert_eq!(sale.restock("A", 300).len(), 1 + 256);
    assert!(sale.ledgers[0].next_due().is_some(), "a tick is wanted");
    assert_eq!(sale.tick_at(1).len(), 44);
    assert_eq!(sale.stock("A"), [0, 300, 0, 0]);
}
