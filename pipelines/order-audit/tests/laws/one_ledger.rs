//! A day in the life of one ledger.

use order_audit::Law;
use order_model::*;

use crate::story::*;
use LineState::{Asked, Awaited, LeftOut, Taken};
use OrderEventKind::{
    Cancelled, Declined, Expired, Extended, Held, Paid, Refund, Refused, Rejected, Waiting,
};

fn a(quantity: i32, state: LineState, price: i64, counts: Counts) -> DecidedLine {
    line("a", quantity, state, price, Some(counts))
}

fn b(quantity: i32, state: LineState, price: i64, counts: Counts) -> DecidedLine {
    line("b", quantity, state, price, Some(counts))
}

/// Keeps every law. The numbers of the decisions stand at the right.
fn story() -> Story {
    let mut s = Story::new(1);
    let b_settings = ListingSettings { hold_ms: 500, limit_per_customer: 0, waitlist_max: 0, ..settings() };
    s.record(
        0,
        100,
        open(1, "a", settings(), 3),
        vec![listed(ListingEventKind::Opened, 1, "a", 3, (3, 0, 0, 0))],
    ); // 1
    let mut opened = listed(ListingEventKind::Opened, 2, "b", 1, (1, 0, 0, 0));
    if let Event::Listing(event) = &mut opened {
        event.settings = Some(b_settings.clone());
    }
    s.record(0, 100, open(2, "b", b_settings, 1), vec![opened]); // 2
    let held = until(1_110, event(Held, 1, 1, &[a(2, Taken, 1_000, (1, 2, 0, 0))]));
    s.record(0, 110, place(1, 1, false, &[("a", 2)]), vec![held]); // 3
    let waits = Event::Order(event(Waiting, 2, 2, &[a(2, Awaited, 0, (1, 2, 0, 1))]));
    s.record(0, 120, place(2, 2, false, &[("a", 2)]), vec![waits]); // 4
    let waits = Event::Order(event(Waiting, 3, 3, &[a(1, Awaited, 0, (1, 2, 0, 2))]));
    s.record(0, 130, place(3, 3, false, &[("a", 1)]), vec![waits]); // 5
    let full = because(RejectReason::WaitlistFull, event(Rejected, 4, 4, &[a(1, Asked, 0, (1, 2, 0, 2))]));
    s.record(0, 140, place(4, 4, false, &[("a", 1)]), vec![full]); // 6
    let limit =
        because(RejectReason::LimitPerCustomer, event(Rejected, 5, 1, &[a(1, Asked, 0, (1, 2, 0, 2))]));
    s.record(0, 150, place(5, 1, false, &[("a", 1)]), vec![limit]); // 7
    s.record(0, 160, place(1, 1, false, &[("a", 2)]), vec![]);
    let reused = because(RejectReason::OrderIdReused, event(Refused, 1, 1, &[]));
    s.record(0, 170, place(1, 1, false, &[("a", 1)]), vec![reused]); // 8
    let extend = Command::Extend(Extend { order: order_id(1), sku: sku("a"), number: 1 });
    let extended = until(1_180, event(Extended, 1, 1, &[a(2, Taken, 1_000, (1, 2, 0, 2))]));
    s.record(0, 180, Some(extend), vec![extended]); // 9
    let paid = Event::Order(by(1, event(Paid, 1, 1, &[a(2, Taken, 1_000, (1, 0, 2, 2))])));
    s.record(0, 200, settle(1, "a", 1, 2_000, PaymentResult::Captured), vec![paid]); // 10
    s.record(0, 210, settle(1, "a", 1, 2_000, PaymentResult::Captured), vec![]);
    let back = OrderEvent { total: 2_000, ..by(2, event(Refund, 1, 1, &[])) };
    s.record(
        0,
        220,
        settle(1, "a", 2, 2_000, PaymentResult::Captured),
        vec![because(RejectReason::PaidAlready, back)],
    ); // 11
    second_half(&mut s);
    s
}

fn second_half(s: &mut Story) {
    let more = listed(ListingEventKind::Restocked, 3, "a", 1, (2, 0, 2, 2));
    let served = until(1_230, event(Held, 2, 2, &[a(2, Taken, 1_200, (0, 2, 2, 1))]));
    s.record(0, 230, listing(3, "a", ListingChange::Restock { delta: 1 }), vec![more, served]); // 12, 13
    let held = until(740, event(Held, 6, 5, &[b(1, Taken, 1_000, (0, 1, 0, 0))]));
    s.record(0, 240, place(6, 5, false, &[("b", 1)]), vec![held]); // 14
    let short = because(RejectReason::StockShort, event(Rejected, 7, 6, &[b(1, Asked, 0, (0, 1, 0, 0))]));
    s.record(0, 250, place(7, 6, false, &[("b", 1)]), vec![short]); // 15
    let expired = Event::Order(event(Expired, 6, 5, &[b(1, Taken, 1_000, (1, 0, 0, 0))]));
    s.record(0, 740, Some(Command::Tick), vec![expired]); // 16
    let back = OrderEvent { total: 1_000, ..by(3, event(Refund, 6, 5, &[])) };
    s.record(
        0,
        750,
        settle(6, "b", 3, 1_000, PaymentResult::Captured),
        vec![because(RejectReason::NotHeld, back)],
    ); // 17
    let gone = Event::Order(event(Cancelled, 2, 2, &[a(2, Taken, 1_200, (2, 0, 2, 1))]));
    let served = until(1_760, event(Held, 3, 3, &[a(1, Taken, 1_200, (1, 1, 2, 0))]));
    s.record(0, 760, cancel(2, 2, "a"), vec![gone, served]); // 18, 19
    let differs = because(RejectReason::CustomerDiffers, event(Refused, 3, 9, &[]));
    s.record(0, 770, cancel(3, 9, "a"), vec![differs]); // 20
    let lines = [a(1, Taken, 1_200, (0, 2, 2, 0)), line("z", 1, LeftOut, 0, None)];
    s.record(0, 780, place(8, 7, true, &[("z", 1), ("a", 1)]), vec![until(1_780, event(Held, 8, 7, &lines))]); // 21
    let lines = [a(1, Taken, 1_200, (1, 1, 2, 0)), line("z", 1, LeftOut, 0, None)];
    let declined = Event::Order(by(4, event(Declined, 8, 7, &lines)));
    s.record(0, 790, settle(8, "a", 4, 1_200, PaymentResult::Declined), vec![declined]); // 22
    s.record(0, 795, None, vec![]);
    let block = CustomerCommand { id: CommandId::from(4), customer: customer(1), blocked: true };
    let blocked = CustomerEvent { id: block.id, customer: block.customer, blocked: true, reason: None };
    s.record(0, 800, Some(Command::Customer(block)), vec![Event::Customer(blocked)]); // 23
    let refused =
        because(RejectReason::CustomerBlocked, event(Rejected, 9, 1, &[b(1, Asked, 0, (1, 0, 0, 0))]));
    s.record(0, 810, place(9, 1, false, &[("b", 1)]), vec![refused]); // 24
    let paused = listed(ListingEventKind::Paused, 5, "b", 0, (1, 0, 0, 0));
    s.record(0, 820, listing(5, "b", ListingChange::Pause), vec![paused]); // 25
    let closed = listed(ListingEventKind::Closed, 6, "b", 0, (1, 0, 0, 0));
    s.record(0, 830, listing(6, "b", ListingChange::Close), vec![closed]); // 26
    let expired = Event::Order(event(Expired, 3, 3, &[a(1, Taken, 1_200, (2, 0, 2, 0))]));
    s.record(0, 1_760, Some(Command::Tick), vec![expired]); // 27
    taken_after_a_decline(s);
}

/// A provider that says declined, and then that it took the money after all: of order 8, which that decline released,
/// and of order 6, which had expired. The money goes back, once; a decline that follows tells nothing new.
fn taken_after_a_decline(s: &mut Story) {
    let captured = |order, name, pay| settle(order, name, pay, 1_200, PaymentResult::Captured);
    let declined = |order, name, pay| settle(order, name, pay, 1_200, PaymentResult::Declined);
    let back = |pay, order, who| {
        let back = OrderEvent { total: 1_200, ..by(pay, event(Refund, order, who, &[])) };
        vec![because(RejectReason::NotHeld, back)]
    };
    s.record(0, 1_770, declined(8, "a", 4), vec![]);
    s.record(0, 1_780, captured(8, "a", 4), back(4, 8, 7)); // 28
    s.record(0, 1_790, captured(8, "a", 4), vec![]);
    s.record(0, 1_800, declined(8, "a", 4), vec![]);
    let noted = because(RejectReason::NotHeld, by(5, event(Refused, 6, 5, &[])));
    s.record(0, 1_810, declined(6, "b", 5), vec![noted]); // 29
    s.record(0, 1_820, captured(6, "b", 5), back(5, 6, 5)); // 30
    s.record(0, 1_830, captured(6, "b", 5), vec![]);
}

pub(crate) const MUTATIONS: &[Mutation] = &[
    ("a number is left out", Law::DenseNumbers, |s| s.decision(0, 30).sequence = Sequence(31)),
    ("a time that is not the ledger's", Law::LogTime, |s| s.decision(0, 4).time = TimeMs(125)),
    ("a unit appears", Law::StockConserved, |s| stock_of(s, 3).free += 1),
    ("a unit appears in a listing's event", Law::StockConserved, |s| {
        if let Event::Listing(event) = &mut s.decision(0, 12).event {
            event.stock.free += 1;
        }
    }),
    ("held units reported as free", Law::StockMoves, |s| {
        stock_of(s, 3).free += 1;
        stock_of(s, 3).held -= 1;
    }),
    ("who waits is not counted", Law::StockMoves, |s| stock_of(s, 4).waiting = 0),
    ("own stock is not reported", Law::StockMoves, |s| s.order(0, 3).lines[0].stock = None),
    ("one unit given twice", Law::Oversold, |s| {
        let line = line("b", 1, Taken, 1_000, Some((0, 1, 0, 0)));
        s.decision(0, 15).event = until(750, event(Held, 7, 6, &[line]));
    }),
    ("refused although there", Law::RefusedWrongly, |s| {
        let line = line("a", 2, Asked, 0, Some((3, 0, 0, 0)));
        s.decision(0, 3).event = because(RejectReason::StockShort, event(Rejected, 1, 1, &[line]));
    }),
    ("refused for the wrong reason", Law::RefusedWrongly, |s| {
        s.order(0, 7).reason = Some(RejectReason::StockShort)
    }),
    ("precedence is not kept", Law::RefusedWrongly, |s| {
        s.order(0, 24).reason = Some(RejectReason::ListingPaused)
    }),
    ("money refused although held", Law::RefusedWrongly, |s| {
        let back = OrderEvent { total: 2_000, ..by(1, event(Refund, 1, 1, &[])) };
        s.decision(0, 10).event = because(RejectReason::NotHeld, back);
    }),
    ("a line left out although there", Law::RefusedWrongly, |s| {
        *s.command(0, 2) = place(1, 1, true, &[("a", 2)]);
        s.order(0, 3).lines[0].state = LeftOut;
    }),
    ("a blocked customer is served", Law::AcceptedWrongly, |s| {
        let line = line("b", 1, Taken, 1_000, Some((0, 1, 0, 0)));
        s.decision(0, 24).event = until(1_310, event(Held, 9, 1, &[line]));
    }),
    ("somebody else's cancel is obeyed", Law::AcceptedWrongly, |s| {
        let line = line("a", 1, Taken, 1_200, Some((2, 0, 2, 0)));
        s.decision(0, 20).event = Event::Order(event(Cancelled, 3, 3, &[line]));
    }),
    ("a newcomer is served before who waits", Law::QueueOrder, |s| {
        let line = line("a", 1, Taken, 1_200, Some((0, 3, 0, 2)));
        s.decision(0, 6).event = until(1_140, event(Held, 4, 4, &[line]));
    }),
    ("the second in the queue is served first", Law::QueueOrder, |s| {
        let line = line("a", 1, Taken, 1_200, Some((1, 1, 2, 1)));
        s.decision(0, 13).event = until(1_230, event(Held, 3, 3, &[line]));
    }),
    ("the head is not served", Law::WaitsInVain, |s| s.drop_decision(0, 13)),
    ("who could be served has to wait", Law::WaitsInVain, |s| {
        let line = line("a", 2, Awaited, 0, Some((3, 0, 0, 1)));
        s.decision(0, 3).event = Event::Order(event(Waiting, 1, 1, &[line]));
    }),
    ("more than one customer may have", Law::LimitPerCustomer, |s| {
        let line = line("a", 1, Awaited, 0, Some((1, 2, 0, 3)));
        s.decision(0, 7).event = Event::Order(event(Waiting, 5, 1, &[line]));
    }),
    ("the price of an earlier step", Law::Price, |s| {
        let line = line("a", 2, Taken, 1_000, Some((0, 2, 2, 1)));
        s.decision(0, 13).event = until(1_230, event(Held, 2, 2, &[line]));
    }),
    ("a total that is not the sum", Law::Total, |s| s.order(0, 3).total += 1),
    ("a tax that is not inside", Law::Total, |s| s.order(0, 3).tax += 1),
    ("a refund of another amount", Law::Total, |s| s.order(0, 11).total = 1),
    ("a hold that lasts too long", Law::Deadline, |s| s.order(0, 3).deadline = TimeMs(1_111)),
    ("an extension from the old deadline", Law::Deadline, |s| s.order(0, 9).deadline = TimeMs(2_110)),
    ("a hold expires a millisecond early", Law::ExpiredEarly, |s| {
        s.decision(0, 16).time = TimeMs(739);
        for step in &mut s.steps {
            if let Step::Record(at, _) = step
                && at.time == TimeMs(740)
            {
                at.time = TimeMs(739);
            }
        }
    }),
    ("a hold is forgotten", Law::ExpiredLate, |s| s.drop_decision(0, 27)),
    ("paid with too little", Law::PaidWhileHeld, |s| {
        *s.command(0, 10) = settle(1, "a", 1, 1_999, PaymentResult::Captured);
    }),
    ("paid after expiry", Law::PaidWhileHeld, |s| {
        let line = line("b", 1, Taken, 1_000, Some((0, 0, 1, 0)));
        s.decision(0, 17).event = Event::Order(by(3, event(Paid, 6, 5, &[line])));
    }),
    ("a repeated payment is given back", Law::PaymentOnce, |s| {
        let back = OrderEvent { total: 2_000, ..by(1, event(Refund, 1, 1, &[])) };
        s.insert(0, 11, because(RejectReason::PaidAlready, back));
    }),
    ("money taken after a decline goes back twice", Law::PaymentOnce, |s| {
        let again = s.decision(0, 30).event.clone();
        let last = s.steps.len() - 1;
        let Step::Record(at, _) = &s.steps[last] else { unreachable!() };
        let offset = at.offset.0;
        s.insert(0, offset, again);
    }),
    ("an order changes hands", Law::OrderLife, |s| s.order(0, 10).customer = customer(2)),
    ("an order changes its lines", Law::OrderLife, |s| s.order(0, 10).lines[0].quantity = 1),
    ("other lines than asked for", Law::OrderLife, |s| s.order(0, 6).lines[0].quantity = 2),
    ("what ended expires", Law::OrderLife, |s| s.order(0, 27).order = order_id(2)),
    ("other settings than commanded", Law::ListingLife, |s| {
        if let Event::Listing(event) = &mut s.decision(0, 1).event
            && let Some(settings) = &mut event.settings
        {
            settings.limit_per_customer = 3;
        }
    }),
    ("an order is lost", Law::Lost, |s| s.drop_decision(0, 15)),
    ("a payment is lost", Law::Lost, |s| s.drop_decision(0, 17)),
    ("money taken after a decline that released is kept", Law::Lost, |s| s.drop_decision(0, 28)),
    ("money taken after a decline in vain is kept", Law::Lost, |s| s.drop_decision(0, 30)),
    ("a command about a customer is lost", Law::Lost, |s| s.drop_decision(0, 23)),
    ("an order is decided twice", Law::Duplicated, |s| {
        let again = s.decision(0, 15).event.clone();
        s.insert(0, 15, again);
    }),
    ("a repeat is decided again", Law::Duplicated, |s| {
        let line = line("a", 2, Taken, 1_000, Some((1, 2, 0, 2)));
        s.insert(0, 7, until(1_160, event(Held, 1, 1, &[line])));
    }),
    ("a decline after the money was taken is noted", Law::Duplicated, |s| {
        let noted = because(RejectReason::NotHeld, by(4, event(Refused, 8, 7, &[])));
        let Step::Record(at, _) = &s.steps[s.at(0, 29) - 2] else { unreachable!() };
        let offset = at.offset.0;
        s.insert(0, offset, noted);
    }),
    ("a listing is paused twice by one command", Law::Duplicated, |s| {
        *s.command(0, 26) = listing(5, "b", ListingChange::Pause);
        s.decision(0, 26).event = listed(ListingEventKind::Paused, 5, "b", 0, (1, 0, 0, 0));
    }),
    ("a dead letter cancels", Law::Uncaused, |s| {
        s.insert(0, 22, because(RejectReason::OrderUnknown, event(Refused, 77, 1, &[])));
    }),
    ("an order nobody placed", Law::Uncaused, |s| s.order(0, 15).order = order_id(70)),
    ("the decision comes before its record", Law::FedInOrder, |s| {
        let at = s.at(0, 3);
        s.steps.swap(at, at - 1);
    }),
];

fn stock_of(story: &mut Story, sequence: u64) -> &mut Stock {
    story.order(0, sequence).lines[0].stock.as_mut().unwrap()
}

#[test]
fn the_story_keeps_every_law() {
    let report = story().audit();
    assert!(report.holds(), "{report}");
    let n = &report.numbers;
    assert_eq!((n.orders, n.accepted, n.waitlisted), (9, 5, 2));
    assert_eq!((n.paid, n.cancelled, n.declined, n.expired, n.refunds), (1, 1, 1, 2, 4));
    assert_eq!((n.lost, n.duplicated, n.oversold, n.refused_wrongly, n.under_way), (0, 0, 0, 0, 0));
    assert_eq!(n.rejected.values().sum::<u64>(), 5);
    assert!(report.to_string().ends_with("Every law holds."));
}

#[test]
fn decisions_alone_keep_it_too() {
    let report = story().audit_decisions();
    assert!(report.holds(), "{report}");
    assert_eq!(report.numbers.records, 0);
}

#[test]
fn repeats_are_dropped_by_their_number() {
    let mut story = story();
    let repeats: Vec<_> =
        story.steps.iter().filter(|step| matches!(step, Step::Decision(_))).cloned().collect();
    story.steps.extend(repeats);
    let report = story.audit();
    assert!(report.holds(), "{report}");
    assert_eq!(report.numbers.repeats_dropped, 30);
}

#[test]
fn records_may_be_fed_ahead() {
    let mut story = story();
    story.steps.sort_by_key(|step| matches!(step, Step::Decision(_)));
    let report = story.audit();
    assert!(report.holds(), "{report}");
}

#[test]
fn mutations_are_found() {
    check(story, MUTATIONS);
}

#[test]
fn mutations_of_what_decisions_say_are_found_without_commands() {
    let mut found = 0;
    for (name, law, mutate) in MUTATIONS {
        let by_commands = [Law::Lost, Law::Uncaused, Law::FedInOrder, Law::PaidWhileHeld, Law::ListingLife];
        let exceptions = [
            "a refund of another amount",
            "other lines than asked for",
            "a time that is not the ledger's",
            "a hold is forgotten",
            "a decline after the money was taken is noted",
        ];
        if by_commands.contains(law) || exceptions.contains(name) {
            continue;
        }
        let mut story = story();
        mutate(&mut story);
        let report = story.audit_decisions();
        assert!(!report.holds(), "{name}: nothing found");
        found += 1;
    }
    assert!(found > 25, "{found}");
}
