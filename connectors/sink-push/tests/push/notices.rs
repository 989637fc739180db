//! What a decision gives to tell.

use order_model::*;
use sink_push::{Planned, plan};

use crate::rig::{NOW, about, line, of_listing};

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;

/// `subject event kind +due +expires`, relative to the decision.
fn shown(planned: &[Planned]) -> String {
    let one = |planned: &Planned| {
        let subject = if planned.customer.is_some() { "order" } else { planned.subject.as_str() };
        let (due, expires) = (planned.due.0 - NOW, planned.expires.0 - NOW);
        format!("{subject} {} {} +{due} +{expires}", planned.event, planned.facts.kind.name())
    };
    planned.iter().map(one).collect::<Vec<_>>().join(", ")
}

#[test]
fn orders() {
    use OrderEventKind as Kind;
    for (kind, expected) in [
        (Kind::Reserving, String::new()),
        (Kind::Held, format!("order held held +0 +{}", 10 * MINUTE)),
        (Kind::Waiting, format!("order waiting waiting +0 +{HOUR}")),
        (Kind::Rejected, format!("order refused refused +0 +{HOUR}")),
        (Kind::TurnedAway, format!("order refused refused +0 +{HOUR}")),
        (Kind::Extended, String::new()),
        (Kind::Paid, format!("order paid paid +0 +{}", 72 * HOUR)),
        (Kind::Cancelled, String::new()),
        (Kind::Declined, format!("order declined declined +0 +{HOUR}")),
        (Kind::Expired, format!("order expired expired +0 +{}", 24 * HOUR)),
        (Kind::Refund, format!("order refunded refunded +0 +{}", 168 * HOUR)),
        (Kind::Refused, String::new()),
        (Kind::PartTaken, String::new()),
        (Kind::PartRefused, String::new()),
        (Kind::PartPaid, String::new()),
        (Kind::PartReleased, String::new()),
    ] {
        assert_eq!(shown(&plan(&about(kind, 1, 1))), expected, "{kind:?}");
    }
}

#[test]
fn nobody_is_told_about_an_order_nobody_knows() {
    for (order, customer) in [(0, 7), (7, 0)] {
        let mut decision = about(OrderEventKind::Refund, 1, 1);
        let Event::Order(event) = &mut decision.event else { unreachable!() };
        event.order = OrderId::from(order);
        event.customer = CustomerId::from(customer);
        assert_eq!(plan(&decision), []);
    }
}

#[test]
fn each_payment_given_back_is_a_notice_of_its_own() {
    let mut decision = about(OrderEventKind::Refund, 1, 1);
    let Event::Order(event) = &mut decision.event else { unreachable!() };
    event.payment = Some(PaymentId::from(5));
    assert_eq!(plan(&decision)[0].event, "refunded@00000000-0000-0000-0000-000000000005");
}

#[test]
fn waiting_again_is_told_once_an_interval_and_a_hold_after_it_is_the_order_s_turn() {
    let planned = plan(&about(OrderEventKind::Waiting, 1, 1)).remove(0).moved_on();
    let interval = NOW / (5 * MINUTE);
    assert_eq!(planned.event, format!("moved@{interval}"));
    assert_eq!(planned.due.0, (interval + 1) * 5 * MINUTE);
    let held = plan(&about(OrderEventKind::Held, 1, 2)).remove(0).after_waiting();
    assert_eq!((held.event.as_str(), held.facts.kind.name()), ("held", "stock_for_you"));
}

#[test]
fn listings() {
    use ListingEventKind as Kind;
    let stock = |free, waiting| Stock { free, held: 0, sold: 9, waiting };
    let round = NOW / (5 * MINUTE);
    let back = format!("listing/LAMP-1 back_in_stock@{round} back_in_stock +0 +{}", 30 * MINUTE);
    for (kind, delta, stock, expected) in [
        (Kind::Restocked, 5, stock(5, 0), back.clone()),
        (Kind::Restocked, 5, stock(6, 0), String::new()),
        (Kind::Restocked, 5, stock(5, 5), String::new()),
        (Kind::Restocked, 5, stock(5, 4), back),
        (Kind::Restocked, -5, stock(0, 0), String::new()),
        (Kind::Paused, 0, stock(5, 0), String::new()),
        (Kind::Refused, 5, stock(5, 0), String::new()),
        (Kind::Closed, 0, stock(5, 0), "listing/LAMP-1 sale_opens sale_opens +0 +0".to_owned()),
    ] {
        assert_eq!(shown(&plan(&of_listing(kind, 1, delta, stock))), expected, "{kind:?} {delta} {stock:?}");
    }
}

#[test]
fn openings_are_told_when_they_come() {
    use ListingEventKind as Kind;
    for (kind, opens_at, closes_at, expected) in [
        (Kind::Opened, 0, 0, Some((0, HOUR))),
        (Kind::Opened, NOW + 5 * MINUTE, 0, Some((5 * MINUTE, 5 * MINUTE + HOUR))),
        (Kind::Opened, NOW + 5 * MINUTE, NOW + 9 * MINUTE, Some((5 * MINUTE, 9 * MINUTE))),
        (Kind::Changed, NOW + 7 * MINUTE, 0, Some((7 * MINUTE, 7 * MINUTE + HOUR))),
        (Kind::Changed, NOW - 1, 0, None),
    ] {
        let mut decision = of_listing(kind, 1, 0, Stock::default());
        let Event::Listing(event) = &mut decision.event else { unreachable!() };
        event.settings = Some(ListingSettings {
            sale: "spring".to_owned(),
            currency: Currency::EUR,
            opens_at: TimeMs(opens_at),
            closes_at: TimeMs(closes_at),
            limit_per_customer: 0,
            hold_ms: 1,
            extensions_max: 0,
            waitlist_max: 0,
            retention_ms: 1_000,
            tax_bp: 0,
            prices: Vec::new(),
            draw: None,
        });
        let expected = expected.map_or_else(String::new, |(due, expires)| {
            format!("listing/LAMP-1 sale_opens sale_opens +{due} +{expires}")
        });
        assert_eq!(shown(&plan(&decision)), expected, "{kind:?} {opens_at} {closes_at}");
    }
}

#[test]
fn units_given_back_are_news_when_there_were_none_and_nobody_waits() {
    use OrderEventKind as Kind;
    for (kind, free, waiting, is_news) in [
        (Kind::Expired, 2, 0, true),
        (Kind::Declined, 2, 0, true),
        (Kind::Cancelled, 2, 0, true),
        (Kind::PartReleased, 2, 0, true),
        (Kind::Expired, 3, 0, false),
        (Kind::Expired, 2, 2, false),
        (Kind::Paid, 2, 0, false),
    ] {
        let mut decision = about(kind, 1, 1);
        let Event::Order(event) = &mut decision.event else { unreachable!() };
        let stock = Stock { free, held: 0, sold: 1, waiting };
        event.lines = DecidedLines::from_elem(line("LAMP-1", 2, LineState::Taken, Some(stock)), 1);
        let news = plan(&decision).iter().any(|planned| planned.facts.kind.name() == "back_in_stock");
        assert_eq!(news, is_news, "{kind:?} {free} {waiting}");
    }
}
