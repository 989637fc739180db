//! Tests of sale files: what they mean, where they are wrong, what applying them would do.

use std::path::Path;

use order_model::{
    CommandId, Decision, Event, ListingEvent, ListingEventKind, Offset, Partition, Sequence, Stock,
};

use super::*;
use crate::listings::Listings;

const SALE: &str = r#"[sale]
name = "drop"
currency = "EUR"
closes = "+2h"
hold = "90s"
limit_per_customer = 2
waitlist = 1000
tax = "19%"

[[listing]]
sku = "A"
stock = 500
price = "129.90"

[[listing]]
sku = "B"
stock = 0
limit_per_customer = 10
opens = "2026-11-27T09:00:00Z"
prices = [{ price = "4.90" }, { price = "6.90", from_units = 100 }, { price = "9.90", from = "+1h" }]
"#;

/// 2026-11-27T09:00:00Z.
const NOW: TimeMs = TimeMs(1_795_770_000_000);

fn parse(text: &str) -> Result<Sale, String> {
    parse_sale(Path::new("sale.toml"), text).map_err(|error| error.to_string())
}

#[test]
fn a_listing_takes_from_its_sale_what_it_does_not_say() {
    let sale = parse(SALE).unwrap();
    let [a, b] = [0, 1].map(|index| sale.settings(&sale.listings[index], NOW, None));
    assert_eq!((a.opens_at, a.closes_at, a.hold_ms), (TimeMs(0), NOW.after(7_200_000), 90_000));
    assert_eq!((a.limit_per_customer, b.limit_per_customer), (2, 10));
    assert_eq!((b.tax_bp, b.waitlist_max, b.opens_at), (1_900, 1_000, NOW));
    assert_eq!(b.prices.iter().map(|step| step.unit_price).collect::<Vec<_>>(), [490, 690, 990]);
    assert_eq!((b.prices[1].from_units, b.prices[2].from_time), (100, NOW.after(3_600_000)));
}

#[test]
fn a_room_opens_and_closes_with_its_sale_and_is_the_same_when_applied_again() {
    assert_eq!(parse(SALE).unwrap().room, None);
    let text = SALE
        .replace("tax =", "opens = \"+1h\"\nroom = true\nroom_window = \"10m\"\nroom_people = 500\ntax =");
    let room = parse(&text).unwrap().room.unwrap();
    let plan = room.plan(NOW, None);
    assert_eq!((plan.opens_at, plan.closes_at), (NOW.after(3_600_000), NOW.after(7_200_000)));
    assert_eq!((plan.window_ms, plan.people_max), (600_000, 500));
    let ring = order_codec::KeyRing::generate_one([1; 32]);
    let opening = plan.opening(&ring, &"drop".parse().unwrap(), CommandId::from(1), NOW).unwrap();
    let later = room.plan(NOW.after(60_000), Some(&opening));
    assert!(later.is_met_by(&opening));
    assert!(!room.plan(NOW.after(60_000), None).is_met_by(&opening), "as a new one it would be later");
    let usual = parse(&SALE.replace("tax =", "room = true\ntax =")).unwrap().room.unwrap().plan(NOW, None);
    assert_eq!((usual.window_ms, usual.people_max, usual.opens_at), (0, 1_000_000, TimeMs(0)));
}

/// Each row changes one line of [`SALE`] and names the complaint.
#[test]
fn mistakes_are_named_with_their_line() {
    for (was, is, complaint) in [
        ("name = \"drop\"", "nam = \"drop\"", "2: there is no key `nam` here; did you mean `name`?"),
        ("name = \"drop\"\n", "", "1: the sale has no `name`"),
        ("name = \"drop\"", "name = \"drop\"\nroom_people = 7", "3: `room_people` needs `room = true`"),
        ("name = \"drop\"", "name = \"drop\"\nroom = 7", "3: `room` has to be true or false"),
        ("name = \"drop\"", "name = \"\"", "2: `name` is \"\": a name has 1 to 64 bytes"),
        ("\"EUR\"", "\"eur\"", "3: `currency` is \"eur\": a currency is three capital letters"),
        ("\"EUR\"", "7", "3: `currency` is a integer, it has to be a text"),
        ("\"+2h\"", "\"soon\"", "4: `closes` is \"soon\": a time is"),
        ("\"+2h\"", "\"now\"", "4: a sale cannot close at once"),
        ("\"+2h\"", "\"+2h\"\nopens = \"+3h\"", "4: it closes before it opens"),
        ("\"90s\"", "\"90\"", "5: `hold` is \"90\": a duration is"),
        ("\"90s\"", "\"31d\"", "5: `hold` is \"31d\": it has to be from 1ms to"),
        (
            "limit_per_customer = 2\n",
            "limit_per_customer = -1\n",
            "6: `limit_per_customer` has to be a whole number",
        ),
        (
            "waitlist = 1000",
            "waitlist = 10000001",
            "7: `waitlist` has to be a whole number from 0 to 10000000",
        ),
        ("\"19%\"", "\"19\"", "8: `tax` is \"19\": a rate is a percentage"),
        ("sku = \"A\"\n", "", "10: this listing has no `sku`"),
        ("sku = \"A\"", "sku = \"\"", "11: `sku` is \"\": a SKU cannot be empty"),
        ("sku = \"A\"", "sku = \"B\"", "16: SKU B is listed twice"),
        ("stock = 500\n", "", "10: listing A has no `stock`"),
        ("stock = 500", "stock = 5.5", "12: `stock` has to be a whole number"),
        ("stock = 500", "stock = 1000000001", "12: `stock` has to be a whole number from 0 to 1000000000"),
        ("price = \"129.90\"\n", "", "10: listing A has no `price`"),
        ("price = \"129.90\"", "price = 129.90", "13: `price` is a float, it has to be a text"),
        (
            "price = \"129.90\"",
            "price = \"129.9\"",
            "13: `price` is \"129.9\": an amount of EUR is digits with 2",
        ),
        (
            "price = \"129.90\"",
            "price = \"1000000000.01\"",
            "13: `price` is \"1000000000.01\": a unit costs at most",
        ),
        ("price = \"129.90\"", "price = \"1\"\nprices = []", "14: say `price` or `prices`, not both"),
        ("price = \"129.90\"", "prices = []", "13: `prices` has 1 to 32 steps"),
        (
            "{ price = \"4.90\" }",
            "{ price = \"4.90\", from = \"+1h\" }",
            "20: the first price holds from the start",
        ),
        (
            "from_units = 100",
            "from_unit = 100",
            "20: there is no key `from_unit` here; did you mean `from_units`?",
        ),
        (
            "[[listing]]\nsku = \"A\"",
            "[[listings]]\nsku = \"A\"",
            "10: there is no key `listings` here; did you mean `listing`?",
        ),
        ("tax =", "draw = 1\ntax =", "8: `draw` has to be true or false"),
        (
            "stock = 500",
            "stock = 500\nlimit_per_customer = 0\ndraw = true",
            "14: a drawn listing needs a `limit_per_customer`",
        ),
        ("[sale]", "[sale", "1: "),
    ] {
        assert!(SALE.contains(was), "{was}");
        let error = parse(&SALE.replacen(was, is, 1)).expect_err(is);
        assert!(error.starts_with(&format!("sale.toml:{complaint}")), "{is}: {error}");
    }
    assert_eq!(parse("").unwrap_err(), "sale.toml:1: there is no [sale] table");
    let head = "[sale]\nname = \"x\"\ncurrency = \"EUR\"\n";
    assert_eq!(parse(head).unwrap_err(), "sale.toml:1: the sale has no [[listing]]");
}

fn opened(sale: &Sale, index: usize) -> Decision {
    let listing = &sale.listings[index];
    listing_decision(
        listing.sku,
        ListingEventKind::Opened,
        Some(sale.settings(listing, NOW, None)),
        listing.stock,
    )
}

fn listing_decision(
    sku: Sku,
    kind: ListingEventKind,
    settings: Option<ListingSettings>,
    free: u32,
) -> Decision {
    let stock = Stock { free, ..Stock::default() };
    let (reason, delta) = (None, 0);
    let event =
        ListingEvent { kind, reason, id: CommandId::default(), sku, delta, stock, settings, seed: None };
    let event = Event::Listing(Box::new(event));
    Decision { partition: Partition(0), sequence: Sequence(1), offset: Offset(0), time: NOW, event }
}

#[test]
fn the_plan_opens_changes_and_leaves_alone() {
    let sale = parse(SALE).unwrap();
    let later = TimeMs(NOW.0 + 60_000);
    let mut listings = Listings::default();
    let actions = |sale: &Sale, listings: &Listings| {
        let plan = plan(sale, listings, later).unwrap();
        plan.iter().map(|listing| listing.action.name()).collect::<Vec<_>>()
    };
    assert_eq!(actions(&sale, &listings), ["open", "open"]);
    listings.apply(&opened(&sale, 0));
    assert_eq!(actions(&sale, &listings), ["unchanged", "open"], "times from now on stay what they became");
    listings.apply(&opened(&sale, 1));
    assert_eq!(actions(&sale, &listings), ["unchanged", "unchanged"]);
    let dearer = parse(&SALE.replace("129.90", "139.90")).unwrap();
    assert_eq!(actions(&dearer, &listings), ["change", "unchanged"]);
    let more = parse(&SALE.replace("stock = 500", "stock = 700")).unwrap();
    let planned = plan(&more, &listings, later).unwrap();
    assert_eq!(planned[0].action, Action::Unchanged);
    assert!(planned[0].note.as_ref().unwrap().contains("has 500 units, the file says 700"));
}

#[test]
fn what_a_file_cannot_change() {
    let sale = parse(SALE).unwrap();
    let mut listings = Listings::default();
    listings.apply(&opened(&sale, 0));
    let error = |was: &str, is: &str, listings: &Listings| {
        plan(&parse(&SALE.replace(was, is)).unwrap(), listings, NOW).unwrap_err()
    };
    let sku = sale.listings[0].sku;
    let other_sale = PlanError::OtherSale { sku, sale: "drop".into() };
    assert_eq!(error("\"drop\"", "\"other\"", &listings), other_sale);
    let other_currency = PlanError::OtherCurrency { sku, currency: Currency::EUR };
    assert_eq!(error("\"EUR\"", "\"USD\"", &listings), other_currency);
    let mixed =
        SALE.replace("+2h", "2026-11-27T09:30:00Z").replace("stock = 500", "stock = 500\nopens = \"+1h\"");
    let first = plan(&parse(&mixed).unwrap(), &Listings::default(), NOW).unwrap_err();
    assert_eq!(first, PlanError::ClosesFirst { sku });
    assert_eq!(
        error("tax =", "draw = true\ntax =", &listings),
        PlanError::OtherDraw { sku, is_drawn: false }
    );
    listings.apply(&listing_decision(sku, ListingEventKind::Closed, None, 500));
    assert_eq!(error("129.90", "139.90", &listings), PlanError::Closed { sku });
    assert_eq!(plan(&sale, &listings, NOW).unwrap()[0].action, Action::Unchanged);
}

#[test]
fn listings_follow_pause_resume_and_stock() {
    let sale = parse(SALE).unwrap();
    let sku = sale.listings[0].sku;
    let mut listings = Listings::default();
    listings.apply(&opened(&sale, 0));
    for (kind, state) in [
        (ListingEventKind::Paused, "paused"),
        (ListingEventKind::Resumed, "open"),
        (ListingEventKind::Refused, "open"),
        (ListingEventKind::Closed, "closed"),
    ] {
        listings.apply(&listing_decision(sku, kind, None, 7));
        let listing = listings.get(&sku).unwrap();
        assert_eq!((listing.state(), listing.units()), (state, 7));
    }
    assert_eq!(listings.sales(), ["drop"]);
}
