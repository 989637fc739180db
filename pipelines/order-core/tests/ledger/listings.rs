//! Opening, changing, restocking, pausing and closing listings.

use order_core::Outcome;
use order_model::limits::{
    EXTENSIONS_MAX, HOLD_MS_MAX, LISTING_STOCK_MAX, RETENTION_MS_MAX, UNIT_PRICE_MAX, WAITLIST_MAX,
};
use order_model::{CommandId, Event, ListingChange, ListingSettings, PriceStep, TimeMs};

use crate::support::{Sale, listing_command, settings};

#[test]
fn a_repeat_under_the_same_id_changes_and_says_nothing() {
    let mut sale = Sale::with([("A", 5)]);
    let more = listing_command(CommandId::from(77), "A", ListingChange::Restock { delta: 3 });
    assert_eq!(sale.send(more.clone()), ["A restocked"]);
    assert_eq!(sale.send(more), [""; 0]);
    assert_eq!(sale.outcome, Outcome::Repeated);
    // Ids belong to a listing: the same one elsewhere is another command.
    sale.list("B", 0, |_| {});
    let elsewhere = listing_command(CommandId::from(77), "B", ListingChange::Restock { delta: 3 });
    assert_eq!(sale.send(elsewhere), ["B restocked"]);
    assert_eq!((sale.stock("A"), sale.stock("B")), ([8, 0, 0, 0], [3, 0, 0, 0]));
}

#[test]
fn restocking_takes_free_units_only() {
    let mut sale = Sale::with([("A", 5)]);
    sale.place("o1", "alice", [("A", 3)]);
    assert_eq!(sale.restock("A", -3), ["A refused stock_below_zero"]);
    assert_eq!(sale.restock("A", -2), ["A restocked"]);
    assert_eq!(sale.stock("A"), [0, 3, 0, 0]);
    let room = i64::from(LISTING_STOCK_MAX) - 3;
    assert_eq!(sale.restock("A", room + 1), ["A refused stock_too_large"], "held units count");
    assert_eq!(sale.restock("A", room), ["A restocked"]);
}

#[test]
fn restocking_goes_on_while_paused_and_closed() {
    let mut sale = Sale::with([("A", 0)]);
    sale.listing("A", ListingChange::Pause);
    assert_eq!(sale.restock("A", 1), ["A restocked"]);
    sale.listing("A", ListingChange::Close);
    assert_eq!(sale.restock("A", 1), ["A restocked"]);
    assert_eq!(sale.stock("A"), [2, 0, 0, 0]);
}

#[test]
fn pause_and_resume_may_come_twice() {
    let mut sale = Sale::with([("A", 1)]);
    for (change, said) in [
        (ListingChange::Resume, "A resumed"),
        (ListingChange::Pause, "A paused"),
        (ListingChange::Pause, "A paused"),
    ] {
        assert_eq!(sale.listing("A", change), [said]);
    }
    assert_eq!(sale.place("o1", "alice", [("A", 1)]), ["o1 rejected listing_paused"]);
    sale.listing("A", ListingChange::Resume);
    assert_eq!(sale.place("o2", "alice", [("A", 1)]), ["o2 held"]);
}

#[test]
fn a_closed_listing_changes_no_more_and_one_that_never_was_neither() {
    let mut sale = Sale::with([("A", 1)]);
    sale.listing("A", ListingChange::Close);
    let changes = [
        ListingChange::Pause,
        ListingChange::Resume,
        ListingChange::Close,
        ListingChange::Change(Box::new(settings())),
    ];
    for change in changes {
        assert_eq!(sale.listing("A", change.clone()), ["A refused listing_closed"]);
        assert_eq!(sale.listing("Z", change), ["Z refused listing_unknown"]);
    }
    assert_eq!(sale.restock("Z", 1), ["Z refused listing_unknown"]);
}

#[test]
fn openings_and_changes_say_the_settings_in_force() {
    let mut sale = Sale::with([("A", 1)]);
    let mut changed = settings();
    changed.hold_ms = 77;
    sale.listing("A", ListingChange::Change(Box::new(changed.clone())));
    let said: Vec<_> = sale
        .decisions
        .iter()
        .filter_map(|decision| match &decision.event {
            Event::Listing(event) => event.settings.clone(),
            _ => None,
        })
        .collect();
    assert_eq!(said, [settings(), changed]);
}

#[test]
fn settings_that_contradict_themselves_or_a_limit_are_refused() {
    let step = PriceStep { from_time: TimeMs(0), from_units: 0, unit_price: 1 };
    type Spoil = fn(&mut ListingSettings, PriceStep);
    let spoilers: [(&str, Spoil); 18] = [
        ("no sale", |settings, _| settings.sale.clear()),
        ("long sale", |settings, _| settings.sale = "x".repeat(65)),
        ("closes before it opens", |settings, _| {
            (settings.opens_at, settings.closes_at) = (TimeMs(5), TimeMs(5));
        }),
        ("no hold", |settings, _| settings.hold_ms = 0),
        ("long hold", |settings, _| settings.hold_ms = HOLD_MS_MAX + 1),
        ("endless hold", |settings, _| settings.hold_ms = u64::MAX),
        ("many extensions", |settings, _| settings.extensions_max = EXTENSIONS_MAX + 1),
        ("long waitlist", |settings, _| settings.waitlist_max = WAITLIST_MAX + 1),
        ("short retention", |settings, _| settings.retention_ms = 999),
        ("long retention", |settings, _| settings.retention_ms = RETENTION_MS_MAX + 1),
        ("all tax", |settings, _| settings.tax_bp = 10_001),
        ("no price", |settings, _| settings.prices.clear()),
        ("many prices", |settings, step| settings.prices = vec![step; 33]),
        ("late first price", |settings, _| settings.prices[0].from_time = TimeMs(1)),
        ("scarce first price", |settings, _| settings.prices[0].from_units = 1),
        ("negative price", |settings, step| settings.prices.push(PriceStep { unit_price: -1, ..step })),
        ("high price", |settings, step| {
            settings.prices.push(PriceStep { unit_price: UNIT_PRICE_MAX + 1, ..step });
        }),
        ("highest price", |settings, step| {
            settings.prices.push(PriceStep { unit_price: i64::MAX, ..step });
        }),
    ];
    let mut sale = Sale::with([("A", 1)]);
    for (name, spoil) in spoilers {
        let said = sale.try_list("B", 1, |settings| spoil(settings, step));
        assert_eq!(said, ["B refused settings_invalid"], "{name}");
        let mut changed = settings();
        spoil(&mut changed, step);
        let said = sale.listing("A", ListingChange::Change(Box::new(changed)));
        assert_eq!(said, ["A refused settings_invalid"], "{name}");
    }
    let mut other_sale = settings();
    other_sale.sale = "winter".to_owned();
    let mut other_currency = settings();
    other_currency.currency = "USD".parse().unwrap();
    for changed in [other_sale, other_currency] {
        let said = sale.listing("A", ListingChange::Change(Box::new(changed)));
        assert_eq!(said, ["A refused settings_invalid"]);
    }
}
