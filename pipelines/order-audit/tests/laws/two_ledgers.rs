//! Orders with lines in two partitions, and a stray.

use order_audit::Law;
use order_model::*;

use crate::story::*;
use LineState::{Asked, Taken};
use OrderEventKind::{Held, Paid, PartPaid, PartRefused, PartTaken, Rejected, Reserving};

/// A SKU of partition 0 that sorts before one of partition 1.
fn names() -> (String, String) {
    let first = |partition: u32, prefix: &str| {
        (0..100)
            .map(|number| format!("{prefix}{number}"))
            .find(|name| partition_of(&sku(name), 2) == Partition(partition))
            .unwrap()
    };
    (first(0, "a"), first(1, "b"))
}

fn relay_line(name: &str, quantity: u32, state: LineState, unit_price: i64) -> RelayLine {
    let tax = included_tax(line_total(unit_price, quantity), 1_900);
    RelayLine { sku: sku(name), quantity, state, unit_price, tax }
}

fn reserve(order: u128, lines: [RelayLine; 2]) -> RelayBody {
    RelayBody::Reserve(Box::new(Reserve {
        home: Partition(0),
        order: order_id(order),
        customer: customer(order),
        currency: Currency::EUR,
        partial: false,
        lines: lines.into_iter().collect(),
    }))
}

fn answer(order: u128, refused: Option<RejectReason>, lines: [RelayLine; 2]) -> RelayBody {
    let lines = lines.into_iter().collect();
    RelayBody::Answer(Box::new(ReserveAnswer { order: order_id(order), refused, lines }))
}

/// Keeps every law. The ledgers and numbers of the decisions stand at the right.
fn story() -> Story {
    let (a, b) = names();
    let (a, b) = (a.as_str(), b.as_str());
    let mut s = Story::new(2);
    s.record(
        0,
        100,
        open(1, a, settings(), 5),
        vec![listed(ListingEventKind::Opened, 1, a, 5, (5, 0, 0, 0))],
    ); // 0: 1
    s.record(
        1,
        100,
        open(2, b, settings(), 5),
        vec![listed(ListingEventKind::Opened, 2, b, 5, (5, 0, 0, 0))],
    ); // 1: 1
    let lines = [line(a, 1, Taken, 1_000, Some((4, 1, 0, 0))), line(b, 2, Asked, 0, None)];
    s.record(
        0,
        110,
        place(1, 1, false, &[(b, 2), (a, 1)]),
        vec![Event::Order(event(Reserving, 1, 1, &lines))],
    ); // 0: 2
    let asked = reserve(1, [relay_line(a, 1, Taken, 1_000), relay_line(b, 2, Asked, 0)]);
    let part = Event::Order(event(PartTaken, 1, 1, &[line(b, 2, Taken, 1_000, Some((3, 2, 0, 0)))]));
    s.record(1, 120, relay(0, 1, asked), vec![part]); // 1: 2
    let told = answer(1, None, [relay_line(a, 1, Taken, 1_000), relay_line(b, 2, Taken, 1_000)]);
    let lines = [line(a, 1, Taken, 1_000, Some((4, 1, 0, 0))), line(b, 2, Taken, 1_000, None)];
    s.record(0, 130, relay(1, 1, told.clone()), vec![until(1_130, event(Held, 1, 1, &lines))]); // 0: 3
    s.record(0, 135, relay(1, 1, told), vec![]);
    let lines = [line(a, 1, Taken, 1_000, Some((4, 0, 1, 0))), line(b, 2, Taken, 1_000, None)];
    let paid = Event::Order(by(1, event(Paid, 1, 1, &lines)));
    s.record(0, 140, settle(1, a, 1, 3_000, PaymentResult::Captured), vec![paid]); // 0: 4
    let paid = Event::Order(event(PartPaid, 1, 1, &[line(b, 2, Taken, 1_000, Some((3, 0, 2, 0)))]));
    s.record(1, 150, relay(0, 2, RelayBody::Confirm { order: order_id(1) }), vec![paid]); // 1: 3
    // An order in the wrong partition.
    let stray = place(2, 2, false, &[(a, 1)]);
    s.record(1, 160, stray.clone(), vec![]);
    let held = until(1_170, event(Held, 2, 2, &[line(a, 1, Taken, 1_000, Some((3, 1, 1, 0)))]));
    s.record(0, 170, relay(1, 2, RelayBody::Forward(Box::new(stray.unwrap()))), vec![held]); // 0: 5
    // An order the other ledger refuses.
    let lines = [line(a, 1, Taken, 1_200, Some((2, 2, 1, 0))), line(b, 3, Asked, 0, None)];
    s.record(
        0,
        180,
        place(3, 3, false, &[(a, 1), (b, 3)]),
        vec![Event::Order(event(Reserving, 3, 3, &lines))],
    ); // 0: 6
    let asked = reserve(3, [relay_line(a, 1, Taken, 1_200), relay_line(b, 3, Asked, 0)]);
    let line_b = line(b, 3, Asked, 0, Some((3, 0, 2, 0)));
    let refused = because(RejectReason::LimitPerCustomer, event(PartRefused, 3, 3, &[line_b]));
    s.record(1, 190, relay(0, 3, asked), vec![refused]); // 1: 4
    let told = answer(
        3,
        Some(RejectReason::LimitPerCustomer),
        [relay_line(a, 1, Taken, 1_200), relay_line(b, 3, Asked, 0)],
    );
    let lines = [line(a, 1, Taken, 1_200, Some((3, 1, 1, 0))), line(b, 3, Asked, 0, None)];
    let rejected = because(RejectReason::LimitPerCustomer, event(Rejected, 3, 3, &lines));
    s.record(0, 200, relay(1, 3, told), vec![rejected]); // 0: 7
    s
}

pub(crate) const MUTATIONS: &[Mutation] = &[
    ("a stray is decided where it lies", Law::HomeLedger, |s| {
        let (a, _) = names();
        let event = event(Rejected, 2, 2, &[line(&a, 1, Asked, 0, None)]);
        s.insert(1, 3, because(RejectReason::ListingUnknown, event));
    }),
    ("a relay is missing", Law::RelaysDense, |s| {
        if let Some(Command::Relay(relay)) = s.command(1, 3) {
            relay.number = RelayNumber(9);
        }
        if let Some(Command::Relay(relay)) = s.command(1, 2) {
            relay.number = RelayNumber(3);
        }
    }),
    ("the part is freed, the order is paid", Law::PartsAgree, |s| {
        *s.command(1, 2) = relay(0, 2, RelayBody::Release { order: order_id(1) });
        let event = s.order(1, 3);
        event.kind = OrderEventKind::PartReleased;
        event.lines[0].stock = Some(stock((5, 0, 0, 0)));
    }),
    ("a part nobody's order asked for", Law::PartsAgree, |s| {
        for step in &mut s.steps {
            if let Step::Record(_, Some(Command::Relay(relay))) = step
                && let RelayBody::Reserve(reserve) = &mut relay.body
                && reserve.order == order_id(1)
            {
                reserve.order = order_id(50);
            }
        }
        s.order(1, 2).order = order_id(50);
    }),
    ("a part costs more than the order says", Law::Total, |s| {
        for line in &mut s.order(0, 3).lines {
            line.unit_price = 1_000;
        }
        s.order(0, 3).total = 2_999;
    }),
    ("a part is refused although there", Law::RefusedWrongly, |s| {
        s.order(1, 4).reason = Some(RejectReason::StockShort);
    }),
    ("a refused order is held", Law::AcceptedWrongly, |s| {
        let event = s.order(0, 7);
        (event.kind, event.reason, event.deadline) = (Held, None, TimeMs(1_200));
    }),
    ("a part is never decided", Law::Lost, |s| s.drop_decision(1, 2)),
    ("home never answers", Law::Lost, |s| s.drop_decision(0, 3)),
    ("a repeated relay is decided again", Law::Uncaused, |s| {
        let again = s.decision(0, 3).event.clone();
        s.insert(0, 3, again);
    }),
    ("a forwarded order is lost", Law::Lost, |s| s.drop_decision(0, 5)),
];

#[test]
fn the_story_keeps_every_law() {
    let report = story().audit();
    assert!(report.holds(), "{report}");
    assert_eq!((report.numbers.orders, report.numbers.accepted, report.numbers.under_way), (3, 2, 0));
    let report = story().audit_decisions();
    assert!(report.holds(), "{report}");
}

#[test]
fn partitions_may_be_fed_one_after_the_other() {
    for first in [0, 1] {
        let mut story = story();
        story.steps.sort_by_key(|step| match step {
            Step::Record(at, _) => at.partition.0 != first,
            Step::Decision(decision) => decision.partition.0 != first,
        });
        let report = story.audit();
        assert!(report.holds(), "{report}");
    }
}

#[test]
fn what_is_under_way_is_counted_and_no_finding() {
    let mut story = story();
    // The confirmation to ledger 1, all after it there, and what that caused at home have not happened yet.
    let reached = |step: &Step| match step {
        Step::Record(at, _) => {
            (at.partition.0, at.offset.0) < (0, 5) || (at.partition.0 == 1 && at.offset.0 < 2)
        }
        Step::Decision(d) => (d.partition.0, d.offset.0) < (0, 5) || (d.partition.0 == 1 && d.offset.0 < 2),
    };
    story.steps.retain(reached);
    let report = story.audit();
    assert!(report.holds(), "{report}");
    assert_eq!(report.numbers.under_way, 1);
}

#[test]
fn mutations_are_found() {
    check(story, MUTATIONS);
}
