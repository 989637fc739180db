//! A ledger remembers so many orders and no more.

use crate::support::{RETENTION_MS, Sale, place, sku_at};

fn small(partitions: u32) -> Sale {
    Sale::shaped(partitions, |shape| shape.remembered_orders_max = 2).unaudited()
}

#[test]
fn a_full_ledger_refuses_and_does_not_remember_that() {
    let mut sale = small(1);
    sale.list("A", 9, |_| {});
    sale.place("o1", "alice", [("A", 1)]);
    sale.place("o2", "alice", [("A", 1)]);
    for _ in 0..2 {
        assert_eq!(sale.place("o3", "alice", [("A", 1)]), ["o3 rejected ledger_full"], "every time anew");
    }
    assert_eq!(sale.place("o1", "alice", [("A", 1)]), [""; 0], "what is known is known");
    assert_eq!(sale.capture("o1", "A", "pay", 100), ["o1 paid"]);
    assert_eq!(sale.ledgers[0].remembered_orders(), 2);
    sale.now = RETENTION_MS + 1_000;
    let said = sale.place("o3", "alice", [("A", 1)]);
    assert_eq!(said, ["o2 expired", "o3 held"], "there is room again");
}

#[test]
fn parts_of_other_ledgers_orders_count_too() {
    let mut sale = small(2);
    let [a, b] = [sku_at("A", 0, 2), sku_at("B", 1, 2)];
    sale.list(&a, 9, |_| {});
    sale.list(&b, 9, |_| {});
    sale.place("o1", "alice", [(&b, 1)]);
    sale.place("o2", "alice", [(&b, 1)]);
    let said = sale.send(place("o3", "alice", &[(&a, 1), (&b, 1)]));
    assert_eq!(said, ["0: o3 reserving", "1: o3 part_refused ledger_full", "0: o3 rejected ledger_full"]);
    let said = sale.place_partial("o4", "alice", [(&a, 1), (&b, 1)]);
    assert_eq!(said, ["0: o4 reserving", "1: o4 part_taken", "0: o4 held"]);
    assert_eq!(sale.lines("o4"), [format!("{a} 1 taken"), format!("{b} 1 left_out")]);
    assert_eq!(sale.ledgers[1].remembered_orders(), 2);
}
