//! Results of payments come late, twice and in any order: an order is paid at most once, and money that buys nothing
//! is given back once.

use std::collections::BTreeMap;

use order_model::limits::RETENTION_MS_REFUNDS;
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

/// An order that is one of these when the first result of its payment comes.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Standing {
    Held,
    PaidByOther,
    DeclinedByOther,
    Cancelled,
    Expired,
    Waiting,
    Unknown,
}

fn sale_with_order(standing: Standing) -> Sale {
    let mut sale = Sale::of(1);
    sale.list("A", i64::from(standing != Standing::Waiting), |settings| settings.waitlist_max = 1);
    if standing != Standing::Unknown {
        sale.place("o1", "alice", [("A", 1)]);
    }
    match standing {
        Standing::PaidByOther => drop(sale.capture("o1", "A", "other", 100)),
        Standing::DeclinedByOther => drop(sale.decline("o1", "A", "other")),
        Standing::Cancelled => drop(sale.send(cancel("o1", "alice", "A"))),
        Standing::Expired => drop(sale.tick_at(HOLD_MS)),
        Standing::Held | Standing::Waiting | Standing::Unknown => {}
    }
    sale
}

#[test]
fn results_of_one_payment_are_repeats_only_of_what_they_repeat() {
    // What a capture, and what a decline, gets when it comes first; and a capture after the decline.
    let table = [
        (Standing::Held, "o1 paid", "o1 declined", "o1 refund not_held"),
        (
            Standing::PaidByOther,
            "o1 refund paid_already",
            "o1 refused paid_already",
            "o1 refund paid_already",
        ),
        (Standing::DeclinedByOther, "o1 refund not_held", "o1 refused not_held", "o1 refund not_held"),
        (Standing::Cancelled, "o1 refund not_held", "o1 refused not_held", "o1 refund not_held"),
        (Standing::Expired, "o1 refund not_held", "o1 refused not_held", "o1 refund not_held"),
        (Standing::Waiting, "o1 refund not_held", "o1 refused not_held", "o1 refund not_held"),
        (Standing::Unknown, "o1 refund order_unknown", "o1 refused order_unknown", "o1 refund order_unknown"),
    ];
    for (standing, captured, declined, captured_after) in table {
        // Every sequence of four results: bit set, captured.
        for results in 0..16_u32 {
            let mut sale = sale_with_order(standing);
            let (mut was_captured, mut was_declined) = (false, false);
            for place in 0..4 {
                let captures = results >> place & 1 == 1;
                let (said, right) = if captures {
                    let right = if was_declined { captured_after } else { captured };
                    (sale.capture("o1", "A", "pay", 100), (!was_captured).then_some(right))
                } else {
                    (sale.decline("o1", "A", "pay"), (!was_captured && !was_declined).then_some(declined))
                };
                let right: Vec<_> = right.into_iter().collect();
                assert_eq!(said, right, "{standing:?}, results {results:04b}, result {place}");
                was_captured |= captures;
                was_declined |= !captures;
            }
        }
    }
}

#[test]
fn a_capture_after_a_decline_in_vain_pays_what_is_held_by_then() {
    let mut sale = sale_with_order(Standing::Waiting);
    assert_eq!(sale.decline("o1", "A", "pay"), ["o1 refused not_held"]);
    assert_eq!(sale.restock("A", 1), ["A restocked", "o1 held"]);
    assert_eq!(sale.decline("o1", "A", "pay"), [""; 0], "that decline is known");
    assert_eq!(sale.capture("o1", "A", "pay", 100), ["o1 paid"]);
    assert_eq!(sale.capture("o1", "A", "pay", 100), [""; 0]);
    assert_eq!(sale.decline("o1", "A", "pay"), [""; 0]);
    assert_eq!(sale.stock("A"), [0, 0, 1, 0]);
}

#[test]
fn a_refund_after_a_decline_is_remembered_for_its_own_time() {
    let mut sale = Sale::of(1);
    assert_eq!(sale.decline("o9", "A", "pay"), ["o9 refused order_unknown"]);
    let declined_at = sale.now;
    sale.now = declined_at + RETENTION_MS_REFUNDS - 1;
    assert_eq!(sale.capture("o9", "A", "pay", 100), ["o9 refund order_unknown"]);
    sale.now = declined_at + RETENTION_MS_REFUNDS;
    assert_eq!(sale.capture("o9", "A", "pay", 100), [""; 0], "the decline is forgotten, the refund is not");
    sale.now += RETENTION_MS_REFUNDS - 2;
    assert_eq!(sale.decline("o9", "A", "pay"), [""; 0]);
    sale.now += 1;
    assert_eq!(sale.capture("o9", "A", "pay", 100), ["o9 refund order_unknown"], "bounded in time");
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
    // The decline is of a payment of its own, or of one whose money is taken all the same.
    for declined in ["declined", "pay", "other"] {
        let mut orders = 0;
        permute(&mut arrivals.to_vec(), 0, &mut |arrivals| {
            orders += 1;
            one_order_of_arrival(arrivals, declined);
        });
        assert_eq!(orders, 720);
    }
}

fn one_order_of_arrival(arrivals: &[Arrival], declined: &str) {
    let mut sale = Sale::with([("A", 1)]);
    sale.place("o1", "alice", [("A", 1)]);
    for arrival in arrivals {
        match arrival {
            Arrival::Captured | Arrival::CapturedAgain => sale.capture("o1", "A", "pay", 100),
            Arrival::OtherCaptured => sale.capture("o1", "A", "other", 100),
            Arrival::Declined => sale.decline("o1", "A", declined),
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
