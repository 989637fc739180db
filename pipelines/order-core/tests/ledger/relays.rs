//! Relays are numbered densely per pair of ledgers: a repeat is dropped, a gap is reported and not applied.

use order_core::Outcome;
use order_model::{Command, Partition, Relay, RelayBody, RelayNumber};

use crate::support::{Sale, order_id, place, sku_at};

fn forward(from: u32, number: u64, order: &str, name: &str) -> Command {
    let body = RelayBody::Forward(Box::new(place(order, "alice", &[(name, 1)])));
    Command::Relay(Relay { from: Partition(from), number: RelayNumber(number), body })
}

#[test]
fn a_repeat_is_dropped_and_a_gap_is_reported() {
    let mut sale = Sale::of(3).unaudited();
    let a = sku_at("A", 0, 3);
    sale.list(&a, 9, |_| {});
    let cases = [
        (1, 1, "o1", Outcome::Decided(None)),
        (1, 1, "o2", Outcome::RelayRepeated),
        (1, 3, "o3", Outcome::RelayGap),
        (2, 1, "o4", Outcome::Decided(None)),
        (1, 2, "o5", Outcome::Decided(None)),
        (1, 3, "o6", Outcome::Decided(None)),
        (7, 1, "o7", Outcome::RelayGap),
        (1, u64::MAX, "o8", Outcome::RelayGap),
    ];
    for (from, number, order, outcome) in cases {
        let said = sale.send_to(Partition(0), &forward(from, number, order, &a));
        assert_eq!(sale.outcome, outcome, "{order}");
        assert_eq!(said.len(), usize::from(outcome == Outcome::Decided(None)), "{order}");
    }
    let counts = sale.ledgers[0].counts();
    assert_eq!((counts.relays_repeated, counts.relay_gaps), (1, 3));
    assert_eq!(sale.stock(&a), [5, 4, 0, 0]);
}

#[test]
fn a_ledger_that_is_sent_all_relays_again_does_nothing_twice() {
    let mut sale = Sale::of(2);
    let [a, b] = [sku_at("A", 0, 2), sku_at("B", 1, 2)];
    sale.list(&a, 9, |_| {});
    sale.list(&b, 9, |_| {});
    sale.holds_relays_back = true;
    for order in ["o1", "o2", "o3"] {
        sale.place(order, "alice", [(&a, 1), (&b, 1)]);
    }
    let sent_again = sale.under_way[1].clone();
    sale.deliver();
    sale.under_way[1].extend(sent_again);
    assert_eq!(sale.deliver(), [""; 0]);
    assert_eq!(sale.stock(&b), [6, 3, 0, 0]);
}

#[test]
fn an_end_for_a_part_nobody_has_changes_nothing() {
    let mut sale = Sale::of(2).unaudited();
    let relays = [RelayBody::Confirm { order: order_id("o1") }, RelayBody::Release { order: order_id("o1") }];
    for (number, body) in (1..).zip(relays) {
        let relay = Relay { from: Partition(1), number: RelayNumber(number), body };
        assert_eq!(sale.send_to(Partition(0), &Command::Relay(relay)), [""; 0]);
        assert_eq!(sale.outcome, Outcome::Relayed);
    }
}

#[test]
fn a_relay_in_a_relay_is_a_bug_that_is_reported() {
    let mut sale = Sale::of(2).unaudited();
    let inner = Relay {
        from: Partition(1),
        number: RelayNumber(1),
        body: RelayBody::Release { order: order_id("o1") },
    };
    let body = RelayBody::Forward(Box::new(Command::Relay(inner)));
    let relay = Relay { from: Partition(1), number: RelayNumber(1), body };
    sale.send_to(Partition(0), &Command::Relay(relay));
    assert_eq!(sale.outcome, Outcome::RelayGap);
}
