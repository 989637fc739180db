//! A block refuses new orders and touches nothing else.

use order_model::{Command, CommandId, CustomerCommand, Partition};

use crate::support::{HOLD_MS, Sale, customer_id};

#[test]
fn a_blocked_customer_places_nothing_new_but_keeps_what_there_is() {
    let mut sale = Sale::of(1);
    sale.list("A", 2, |settings| (settings.waitlist_max, settings.extensions_max) = (9, 1));
    sale.place("held", "alice", [("A", 1)]);
    sale.place("bobs", "bob", [("A", 1)]);
    sale.place("waits", "alice", [("A", 1)]);
    assert_eq!(sale.block("alice", true), ["alice blocked"]);
    assert_eq!(sale.place("more", "alice", [("A", 1)]), ["more rejected customer_blocked"]);
    assert_eq!(sale.place("held", "alice", [("A", 1)]), [""; 0], "a repeat gets its first answer");
    assert_eq!(sale.cancel("bobs", "bob", "A"), ["bobs cancelled", "waits held"]);
    assert_eq!(sale.extend("held", "A", 1), ["held extended"]);
    assert_eq!(sale.capture("held", "A", "pay", 100), ["held paid"]);
    assert_eq!(sale.block("alice", false), ["alice unblocked"]);
    sale.now = HOLD_MS;
    let said = sale.place("again", "alice", [("A", 1)]);
    assert_eq!(said, ["waits expired", "again held"]);
    assert_eq!(sale.place("more", "alice", [("A", 1)]), [""; 0], "what was refused stays refused");
}

#[test]
fn a_repeat_under_the_same_id_does_nothing() {
    let mut sale = Sale::with([("A", 2)]);
    let block = CustomerCommand { id: CommandId::from(999), customer: customer_id("alice"), blocked: true };
    assert_eq!(sale.send_to(Partition(0), &Command::Customer(block)), ["alice blocked"]);
    sale.block("alice", false);
    assert_eq!(sale.send_to(Partition(0), &Command::Customer(block)), [""; 0]);
    assert_eq!(sale.place("o1", "alice", [("A", 1)]), ["o1 held"], "the later command stands");
}
