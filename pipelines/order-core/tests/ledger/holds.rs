//! Holds expire at a record, never early; they can be extended; and no record expires more than its budget.

use order_model::limits::HOUSEKEEPING_PER_COMMAND_MAX;
use order_model::{ListingChange, TimeMs};

use crate::support::{HOLD_MS, Sale, settings};

#[test]
fn a_hold_expires_at_the_first_record_past_its_deadline_and_not_before() {
    let mut sale = Sale::with([("A", 1)]);
    sale.now = 500;
    sale.place("o1", "alice", [("A", 1)]);
    assert_eq!(sale.last("o1").deadline, TimeMs(500 + HOLD_MS));
    assert_eq!(sale.ledgers[0].next_due(), Some(TimeMs(500 + HOLD_MS)));
    assert_eq!(sale.tick_at(500 + HOLD_MS - 1), [""; 0]);
    // The hold goes first, so the very record that finds it due can have the goods.
    sale.now = 500 + HOLD_MS;
    assert_eq!(sale.place("o2", "bob", [("A", 1)]), ["o1 expired", "o2 held"]);
    assert_eq!(sale.lines("o1"), ["A 1 taken"]);
}

#[test]
fn holds_expire_in_order_of_deadline_then_of_beginning() {
    let mut sale = Sale::of(1);
    sale.list("A", 9, |settings| settings.hold_ms = 3_000);
    sale.list("B", 9, |settings| settings.hold_ms = 1_000);
    sale.place("long", "alice", [("A", 1)]);
    sale.place("short", "alice", [("B", 1)]);
    sale.place("both", "alice", [("A", 1), ("B", 1)]);
    sale.place("long2", "alice", [("A", 1)]);
    assert_eq!(sale.tick_at(9_000), ["short expired", "both expired", "long expired", "long2 expired"]);
    assert_eq!(sale.stock("A"), [9, 0, 0, 0]);
}

#[test]
fn an_extension_gives_a_full_hold_from_now() {
    let mut sale = Sale::of(1);
    sale.list("A", 1, |settings| settings.extensions_max = 2);
    sale.place("o1", "alice", [("A", 1)]);
    sale.now = 4_000;
    assert_eq!(sale.extend("o1", "A", 1), ["o1 extended"]);
    assert_eq!(sale.last("o1").deadline, TimeMs(4_000 + HOLD_MS));
    assert_eq!(sale.extend("o1", "A", 1), [""; 0], "a repeat");
    assert_eq!(sale.extend("o1", "A", 3), ["o1 refused extensions_spent"], "not the next number");
    assert_eq!(sale.tick_at(HOLD_MS), [""; 0], "the first deadline means nothing any more");
    assert_eq!(sale.extend("o1", "A", 2), ["o1 extended"]);
    assert_eq!(sale.extend("o1", "A", 3), ["o1 refused extensions_spent"]);
    assert_eq!(sale.tick_at(2 * HOLD_MS - 1), [""; 0]);
    assert_eq!(sale.tick_at(2 * HOLD_MS), ["o1 expired"]);
    assert_eq!(sale.extend("o1", "A", 1), ["o1 refused not_held"]);
}

#[test]
fn the_strictest_listing_of_an_order_rules_its_hold() {
    let mut sale = Sale::of(1);
    sale.list("A", 1, |settings| settings.extensions_max = 5);
    sale.list("B", 1, |settings| (settings.hold_ms, settings.extensions_max) = (50, 1));
    sale.place("o1", "alice", [("A", 1), ("B", 1)]);
    assert_eq!(sale.last("o1").deadline, TimeMs(50));
    assert_eq!(sale.extend("o1", "A", 1), ["o1 extended"]);
    assert_eq!(sale.extend("o1", "A", 2), ["o1 refused extensions_spent"]);
}

#[test]
fn new_settings_leave_holds_as_they_are() {
    let mut sale = Sale::with([("A", 2)]);
    sale.place("o1", "alice", [("A", 1)]);
    let mut shorter = settings();
    shorter.hold_ms = 1;
    sale.listing("A", ListingChange::Change(Box::new(shorter)));
    sale.place("o2", "alice", [("A", 1)]);
    assert_eq!(sale.tick_at(1), ["o2 expired"]);
    assert_eq!(sale.tick_at(HOLD_MS), ["o1 expired"]);
}

#[test]
fn one_record_expires_no_more_than_its_budget_and_the_next_goes_on() {
    let mut sale = Sale::with([("A", 1_000)]);
    let count = HOUSEKEEPING_PER_COMMAND_MAX + 44;
    for number in 0..count {
        sale.place(&format!("o{number}"), "alice", [("A", 1)]);
    }
    assert_eq!(sale.tick_at(HOLD_MS).len(), HOUSEKEEPING_PER_COMMAND_MAX);
    assert_eq!(sale.ledgers[0].next_due(), Some(TimeMs(HOLD_MS)), "there is more to do");
    // A command that meets a hold which is due treats it as what it is.
    let last = format!("o{}", count - 1);
    assert_eq!(sale.ledgers[0].remembered_orders(), count);
    let said = sale.tick_at(HOLD_MS);
    assert_eq!((said.len(), said.last().unwrap().as_str()), (44, format!("{last} expired").as_str()));
    assert_eq!(sale.ledgers[0].next_due(), None);
}

#[test]
fn a_command_that_meets_a_due_hold_expires_it_out_of_turn() {
    let mut sale = Sale::of(1);
    sale.list("A", 1_000, |settings| settings.extensions_max = 1);
    for number in 0..(HOUSEKEEPING_PER_COMMAND_MAX + 3) {
        sale.place(&format!("o{number}"), "alice", [("A", 1)]);
    }
    sale.now = HOLD_MS;
    let tail = |said: Vec<String>| said[HOUSEKEEPING_PER_COMMAND_MAX..].to_vec();
    assert_eq!(tail(sale.capture("o258", "A", "pay", 100)), ["o258 expired", "o258 refund not_held"]);
    assert_eq!(sale.tick_at(HOLD_MS), ["o256 expired", "o257 expired"]);
}
