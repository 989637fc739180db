//! Which decision determines which item.

use order_model::{
    CommandId, Currency, Event, ListingEvent, ListingEventKind, ListingSettings, OrderEventKind, PriceStep,
    RejectReason, Stock, TimeMs,
};
use sink_dynamodb::{Item, Key, Retention, Value, items_of};
use tables::Table;

use crate::decisions::{decision, order, order_event, sku, time_of};

const ORDER: u128 = 0xa0;
const ORDER_TEXT: &str = "00000000-0000-0000-0000-0000000000a0";

fn key(table: Table, hash: &str, range: &str) -> Key {
    Key { table, hash: hash.to_owned(), range: range.to_owned() }
}

fn text(item: &Item, name: &str) -> String {
    item.attributes.get(name).map_or_else(|| "-".to_owned(), ToString::to_string)
}

#[test]
fn what_each_kind_of_order_event_writes() {
    use OrderEventKind as Kind;
    let (ended, paid) = (time_of(4) / 1000 + 30 * 86_400, time_of(4) / 1000 + 400 * 86_400);
    #[rustfmt::skip]
    let table = [
        // kind, status of the order, status of the payment, deadline, when it expires
        (Kind::Reserving, "reserving", "-", false, 0),
        (Kind::Held, "held", "-", true, 0),
        (Kind::Waiting, "waiting", "-", false, 0),
        (Kind::Rejected, "rejected", "-", false, ended),
        (Kind::Extended, "extended", "-", true, 0),
        (Kind::Paid, "paid", "paid", false, paid),
        (Kind::Cancelled, "cancelled", "-", false, ended),
        (Kind::Declined, "declined", "declined", false, ended),
        (Kind::Expired, "expired", "-", false, ended),
        (Kind::TurnedAway, "turned_away", "-", false, ended),
        (Kind::Refund, "-", "refund", false, 0),
        (Kind::Refused, "-", "-", false, 0),
        (Kind::PartTaken, "-", "-", false, 0),
        (Kind::PartRefused, "-", "-", false, 0),
        (Kind::PartPaid, "-", "-", false, 0),
        (Kind::PartReleased, "-", "-", false, 0),
        (Kind::Entered, "entered", "-", false, 0),
    ];
    assert_eq!(table.len(), Kind::ALL.len());
    for (kind, status, payment, has_deadline, expires_at) in table {
        let items = items_of(&[order(3, 4, kind, ORDER)], &Retention::default());
        let written = items.get(&key(Table::Orders, ORDER_TEXT, "3"));
        assert_eq!(written.map_or_else(|| "-".to_owned(), |item| text(item, "status")), status, "{kind:?}");
        if let Some(item) = written {
            assert_eq!((item.ledger, item.version), (3, 4));
            assert_eq!(item.attributes.contains_key("deadline"), has_deadline, "{kind:?}");
            let expires_at = if expires_at == 0 { "-".to_owned() } else { expires_at.to_string() };
            assert_eq!(text(item, "expires_at"), expires_at, "{kind:?}");
            assert_eq!(text(item, "lines"), "[{quantity: 2, sku: SKU-3, state: taken, unit_price: 500}]");
        }
        let entry = "00000000-0000-0000-0000-000000000007#3";
        let written = items.get(&key(Table::Payments, ORDER_TEXT, entry));
        assert_eq!(written.map_or_else(|| "-".to_owned(), |item| text(item, "status")), payment, "{kind:?}");
        // Each event that carries stock writes it, also those about parts.
        let stock = items.get(&key(Table::Inventory, "SKU-3", "stock")).unwrap();
        assert_eq!((stock.version, text(stock, "sold")), (4, "4".to_owned()), "{kind:?}");
    }
}

#[test]
fn the_newest_wins_and_the_first_says_when_it_was_placed() {
    let decisions = [
        order(3, 1, OrderEventKind::Waiting, ORDER),
        order(3, 2, OrderEventKind::Held, ORDER),
        order(3, 3, OrderEventKind::Paid, ORDER),
    ];
    let items = items_of(&decisions, &Retention::default());
    let item = items.get(&key(Table::Orders, ORDER_TEXT, "3")).unwrap();
    assert_eq!((item.version, text(item, "status")), (3, "paid".to_owned()));
    assert_eq!(text(item, "placed_at"), time_of(1).to_string());
    assert_eq!(text(item, "updated_at"), time_of(3).to_string());
    assert_eq!(text(item, "deadline"), "-");
    // A repeat changes nothing.
    let again = decisions.iter().chain(&decisions);
    assert_eq!(items_of(again, &Retention::default()), items);
}

#[test]
fn ledgers_do_not_overwrite_each_other() {
    // The same id in two ledgers, and a part of it in a third: versions that cannot be compared.
    let decisions = [
        order(0, 9, OrderEventKind::Held, ORDER),
        order(1, 500, OrderEventKind::PartTaken, ORDER),
        order(2, 2, OrderEventKind::Rejected, ORDER),
    ];
    let items = items_of(&decisions, &Retention::default());
    let status = |ledger| items.get(&key(Table::Orders, ORDER_TEXT, ledger)).map(|item| text(item, "status"));
    assert_eq!(status("0").as_deref(), Some("held"));
    assert_eq!(status("1"), None);
    assert_eq!(status("2").as_deref(), Some("rejected"));
}

#[test]
fn a_reason_is_told_and_goes_when_it_no_longer_holds() {
    let mut rejected = order_event(0, 1, OrderEventKind::Rejected, ORDER);
    rejected.reason = Some(RejectReason::LedgerFull);
    let first = decision(0, 1, Event::Order(rejected));
    let orders = key(Table::Orders, ORDER_TEXT, "0");
    let items = items_of([&first], &Retention::default());
    assert_eq!(text(items.get(&orders).unwrap(), "reason"), "ledger_full");
    let items = items_of(&[first, order(0, 2, OrderEventKind::Held, ORDER)], &Retention::default());
    assert_eq!(text(items.get(&orders).unwrap(), "reason"), "-");
    assert_eq!(text(items.get(&orders).unwrap(), "expires_at"), "-");
}

fn listing(sequence: u64, kind: ListingEventKind) -> order_model::Decision {
    let settings = ListingSettings {
        sale: "spring".to_owned(),
        currency: Currency::EUR,
        opens_at: TimeMs(0),
        closes_at: TimeMs(0),
        limit_per_customer: 2,
        hold_ms: 60_000,
        extensions_max: 1,
        waitlist_max: 10,
        retention_ms: 60_000,
        tax_bp: 1_900,
        prices: vec![PriceStep { from_time: TimeMs(0), from_units: 0, unit_price: 500 }],
        draw: None,
    };
    let has_settings = matches!(kind, ListingEventKind::Opened | ListingEventKind::Changed);
    let event = ListingEvent {
        kind,
        reason: None,
        id: CommandId::from(1),
        sku: sku("#progress#0"),
        delta: 0,
        stock: Stock { free: 9, ..Stock::default() },
        settings: has_settings.then_some(settings),
        seed: None,
    };
    decision(0, sequence, Event::Listing(Box::new(event)))
}

#[test]
fn a_listing_is_three_items_that_change_apart() {
    use ListingEventKind as Kind;
    let decisions = [listing(1, Kind::Opened), listing(2, Kind::Paused), listing(3, Kind::Restocked)];
    let items = items_of(&decisions, &Retention::default());
    let versions = |facet: &str| items.get(&key(Table::Inventory, "#progress#0", facet)).unwrap().version;
    assert_eq!((versions("stock"), versions("settings"), versions("state")), (3, 1, 2));
    let state = items.get(&key(Table::Inventory, "#progress#0", "state")).unwrap();
    assert_eq!(text(state, "state"), "paused");
    let settings = items.get(&key(Table::Inventory, "#progress#0", "settings")).unwrap();
    assert_eq!(text(settings, "prices"), "[{from_time: 0, from_units: 0, unit_price: 500}]");
    assert_eq!(items.len(), 3);
    // What was refused says nothing about the listing, which may not even exist.
    assert!(items_of(&[listing(1, Kind::Refused)], &Retention::default()).is_empty());
}

#[test]
fn retention_of_zero_days_is_for_ever() {
    let retention = Retention { ended_days: 0, paid_days: 0 };
    for kind in [OrderEventKind::Paid, OrderEventKind::Rejected] {
        let items = items_of(&[order(0, 1, kind, ORDER)], &retention);
        assert_eq!(text(items.get(&key(Table::Orders, ORDER_TEXT, "0")).unwrap(), "expires_at"), "-");
    }
}

#[test]
fn sizes_are_dynamodbs() {
    let items = items_of(&[order(0, 1, OrderEventKind::Held, ORDER)], &Retention::default());
    for (key, item) in &items {
        let bytes = item.bytes(key);
        assert!((60..700).contains(&bytes), "{key}: {bytes}");
    }
    let many: Vec<_> = (0..1_000).map(|_| Value::from("0123456789")).collect();
    let mut item = items.values().next().unwrap().clone();
    let key = items.keys().next().unwrap();
    let before = item.bytes(key);
    item.attributes.insert("list".into(), Value::List(many));
    assert_eq!(item.bytes(key), before + 4 + 3 + 1_000 * 11);
}
