//! Results of payments come late, twice and in any order: an order is paid at most once, and money that buys nothing
//! is given back once.

use std::collections::BTreeMap;

use order_model::{Command, Event, OrderEventKind, PaymentResult, TimeMs};

use crate::support::{HOLD_MS, Sale, cancel, settle};

#[test]
fn a_capture_pays_a_hold_and_its_repeat_does_nothing() {
    let mut sale = Sale::with([("A", 3)]);
    sale.place("o1", "alice", [("A", 2)]);
    assert_eq!(sale.capture("o1", "A", "pay", 200), ["o1 paid"]);
    assert_eq!(sale.stock("A"), [1, 0, 2, 0]);
    assert_eq!(sale.capture("o1", "A", "pay", 200), [""; 0]);
    assert_eq!(sale.capture("o1", "A", "other", 200), ["o1 refund paid_already"]);
    assert_eq!(sale.capture("o1", "A", "other", 200), [""; 0], "refunded once");
    assert_eq!(sale.decline("o1", "A", "third"), ["o1 refused paid_already"]);
    assert_eq!(sale.tick_at(2 * HOLD_MS), [""; 0], "what is paid for does not expire");
}

#[test]
fn the_wrong_amount_is_given_back_and_the_hold_stays() {
    let mut sale = Sale::with([("A", 3)]);
    sale.place("o1", "alice", [("A", 2)]);
    assert_eq!(sale.capture("o1", "A", "short", 199), ["o1 refund amount_differs"]);
    assert_eq!(sale.last("o1").total, 199);
    assert_eq!(sale.last("o1").payment.map(|payment| payment.0[..5].to_vec()), Some(b"short".to_vec()));
    let Command::Settle(mut foreign) = settle("o1", "A", "foreign", 200, PaymentResult::Captured) else {
        unreachable!()
    };
    foreign.currency = "USD".parse().unwrap();
    assert_eq!(sale.send(Command::Settle(foreign)), ["o1 refund amount_differs"]);
    assert_eq!(sale.last("o1").currency, foreign.currency, "in the money that came");
    assert_eq!(sale.capture("o1", "A", "right", 200), ["o1 paid"]);
}

#[test]
fn a_payment_for_an_unknown_order_is_given_back_to_nobody_by_name() {
    let mut sale = Sale::with([("A", 3)]);
    assert_eq!(sale.capture("o9", "A", "pay", 700), ["o9 refund order_unknown"]);
    assert_eq!((sale.last("o9").total, sale.last("o9").customer.0), (700, [0; 16]));
    assert_eq!(sale.capture("o9", "A", "pay", 700), [""; 0]);
    assert_eq!(sale.decline("o9", "A", "pay2"), ["o9 refused order_unknown"]);
}

#[test]
fn money_for_a_hold_that_expired_is_given_back_and_who_waited_keeps_the_goods() {
    let mut sale = Sale::of(1);
    sale.list("A", 1, |settings| settings.waitlist_max = 1);
    sale.place("o1", "alice", [("A", 1)]);
    sale.place("o2", "bob", [("A", 1)]);
    sale.now = HOLD_MS;
    assert_eq!(sale.capture("o1", "A", "pay", 100), ["o1 expired", "o2 held", "o1 refund not_held"]);
    assert_eq!(sale.capture("o2", "A", "pay2", 100), ["o2 paid"]);
}

#[test]
fn a_waiting_order_cannot_be_paid() {
    let mut sale = Sale::of(1);
    sale.list("A", 0, |settings| settings.waitlist_max = 1);
    sale.place("o1", "alice", [("A", 1)]);
    assert_eq!(sale.capture("o1", "A", "pay", 100), ["o1 refund not_held"]);
    assert_eq!(sale.restock("A", 1), ["A restocked", "o1 held"]);
}

/// What may arrive about an order after it was placed.
#[derive(Clone, Copy, PartialEq)]
enum Arrival {
    Captured,
    CapturedAgain,
    OtherCaptured,
    Declined,
    Cancelled,
    Expiry,
}

#[test]
fn in_every_order_of_arrival_money_and_goods_agree() {
    let arrivals = [
        Arrival::Captured,
        Arrival::CapturedAgain,
        Arrival::OtherCaptured,
        Arrival::Declined,
        Arrival::Cancelled,
        Arrival::Expiry,
    ];
    let mut orders = 0;
    permute(&mut arrivals.to_vec(), 0, &mut |arrivals| {
        orders += 1;
        one_order_of_arrival(arrivals);
    });
    assert_eq!(orders, 720);
}

fn one_order_of_arrival(arrivals: &[Arrival]) {
    let mut sale = Sale::with([("A", 1)]);
    sale.place("o1", "alice", [("A", 1)]);
    for arrival in arrivals {
        match arrival {
            Arrival::Captured | Arrival::CapturedAgain => sale.capture("o1", "A", "pay", 100),
            Arrival::OtherCaptured => sale.capture("o1", "A", "other", 100),
            Arrival::Declined => sale.decline("o1", "A", "declined"),
            Arrival::Cancelled => sale.send(cancel("o1", "alice", "A")),
            Arrival::Expiry => {
                let now = sale.now.max(HOLD_MS);
                sale.tick_at(now)
            }
        };
    }
    let mut money: BTreeMap<[u8; 16], Vec<OrderEventKind>> = BTreeMap::new();
    let mut ends = 0;
    for decision in &sale.decisions {
        let Event::Order(event) = &decision.event else { continue };
        if let (Some(payment), OrderEventKind::Paid | OrderEventKind::Refund) = (event.payment, event.kind) {
            money.entry(payment.0).or_default().push(event.kind);
        }
        ends += usize::from(matches!(
            event.kind,
            OrderEventKind::Paid
                | OrderEventKind::Declined
                | OrderEventKind::Cancelled
                | OrderEventKind::Expired
        ));
    }
    assert_eq!(ends, 1, "an order ends once");
    assert_eq!(money.len(), 2, "both captures have an end");
    assert!(money.values().all(|ends| ends.len() == 1), "and only one: {money:?}");
    let paid = money.values().flatten().filter(|kind| **kind == OrderEventKind::Paid).count();
    let stock = sale.stock("A");
    assert_eq!(stock, if paid == 1 { [0, 0, 1, 0] } else { [1, 0, 0, 0] });
    assert_eq!(sale.ledgers[0].next_due().filter(|due| *due <= TimeMs(sale.now)), None);
}

fn permute(items: &mut Vec<Arrival>, from: usize, each: &mut impl FnMut(&[Arrival])) {
    if from == items.len() {
        return each(items);
    }
    for index in from..items.len() {
        items.swap(from, index);
        permute(items, from + 1, each);
        items.swap(from, index);
    }
}
