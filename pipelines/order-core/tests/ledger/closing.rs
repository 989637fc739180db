//! Listings open and close in log time; closing turns away who waits and leaves holds alone.

use order_model::{ListingChange, TimeMs};

use crate::support::{Sale, settings};

#[test]
fn orders_are_taken_from_the_opening_until_the_closing_time() {
    let mut sale = Sale::of(1);
    sale.list("A", 9, |settings| (settings.opens_at, settings.closes_at) = (TimeMs(100), TimeMs(200)));
    sale.now = 99;
    assert_eq!(sale.place("early", "alice", [("A", 1)]), ["early rejected listing_not_open"]);
    sale.now = 100;
    assert_eq!(sale.place("o1", "alice", [("A", 1)]), ["o1 held"]);
    sale.now = 199;
    assert_eq!(sale.place("o2", "alice", [("A", 1)]), ["o2 held"]);
    assert_eq!(sale.ledgers[0].next_due(), Some(TimeMs(200)));
    sale.now = 200;
    assert_eq!(sale.place("late", "alice", [("A", 1)]), ["A closed", "late rejected listing_closed"]);
    assert_eq!(sale.capture("o1", "A", "pay", 100), ["o1 paid"], "holds stay");
}

#[test]
fn closing_turns_away_who_waits_in_order_and_a_later_restock_feeds_nobody() {
    let mut sale = Sale::of(1);
    sale.list("A", 0, |settings| settings.waitlist_max = 9);
    sale.place("o1", "alice", [("A", 1)]);
    sale.place("o2", "bob", [("A", 1)]);
    assert_eq!(
        sale.listing("A", ListingChange::Close),
        ["A closed", "o1 turned_away listing_closed", "o2 turned_away listing_closed"]
    );
    assert_eq!(sale.restock("A", 5), ["A restocked"]);
    assert_eq!(sale.cancel("o1", "alice", "A"), ["o1 refused order_ended"]);
}

#[test]
fn turning_away_keeps_to_the_budget() {
    let mut sale = Sale::of(1);
    sale.list("A", 0, |settings| (settings.waitlist_max, settings.closes_at) = (1_000, TimeMs(50)));
    for number in 0..300 {
        sale.place(&format!("o{number}"), "alice", [("A", 1)]);
    }
    assert_eq!(sale.tick_at(50).len(), 256);
    assert_eq!(sale.tick_at(50).len(), 45);
    assert_eq!(sale.stock("A"), [0, 0, 0, 0]);
}

#[test]
fn a_closing_time_can_be_moved_until_it_has_come() {
    let mut sale = Sale::of(1);
    sale.list("A", 9, |settings| settings.closes_at = TimeMs(100));
    let mut later = settings();
    later.closes_at = TimeMs(300);
    assert_eq!(sale.listing("A", ListingChange::Change(Box::new(later.clone()))), ["A changed"]);
    assert_eq!(sale.tick_at(100), [""; 0]);
    assert_eq!(sale.place("o1", "alice", [("A", 1)]), ["o1 held"]);
    assert_eq!(sale.tick_at(300), ["A closed"]);
    assert_eq!(sale.listing("A", ListingChange::Change(Box::new(later))), ["A refused listing_closed"]);
}
