//! The mix holds every kind of arrival, and the seed is all there is.

use std::collections::{BTreeMap, BTreeSet};

use order_model::{ListingChange, partition_of};

use super::*;

fn sale() -> SaleSpec {
    SaleSpec::demo(10_000, 4)
}

fn kinds_of(arrival: &Arrival, seen: &mut BTreeMap<OrderId, Place>) -> Vec<&'static str> {
    let command = match &arrival.body {
        ArrivalBody::Garbage { value: None, .. } => return vec!["garbage without a value"],
        ArrivalBody::Garbage { value: Some(_), .. } => return vec!["garbage"],
        ArrivalBody::Command(command) => command,
    };
    match command {
        Command::Place(place) => {
            let mut kinds = place_kinds(place);
            match seen.insert(place.order, place.clone()) {
                Some(before) if same_content(&before, place) => kinds.push("repeat"),
                Some(_) => kinds.push("reused id"),
                None => {}
            }
            let home = command.home_sku().map(|sku| partition_of(sku, 4).0);
            if arrival.partition_hint.is_some_and(|hint| Some(hint) != home) {
                kinds.push("wrong partition");
            }
            kinds
        }
        Command::Cancel(cancel) => {
            let own = seen.get(&cancel.order).is_some_and(|place| place.customer == cancel.customer);
            vec![if own { "cancel" } else { "cancel by other" }]
        }
        Command::Customer(customer) => vec![if customer.blocked { "block" } else { "unblock" }],
        Command::Listing(listing) => vec![match listing.change {
            ListingChange::Restock { .. } => "restock",
            ListingChange::Pause => "pause",
            ListingChange::Resume => "resume",
            ListingChange::Change(_) => "change",
            ListingChange::Close => "close",
            ListingChange::Reveal { .. } => "reveal",
            ListingChange::Open { .. } => "open",
        }],
        _ => vec![],
    }
}

fn same_content(a: &Place, b: &Place) -> bool {
    let lines = |place: &Place| -> BTreeSet<_> { place.lines.iter().map(|l| (l.sku, l.quantity)).collect() };
    (a.customer, a.currency, a.partial, lines(a)) == (b.customer, b.currency, b.partial, lines(b))
}

fn place_kinds(place: &Place) -> Vec<&'static str> {
    let skus: BTreeSet<_> = place.lines.iter().map(|line| line.sku).collect();
    let partitions: BTreeSet<_> = skus.iter().map(|sku| partition_of(sku, 4)).collect();
    let unlisted = skus.iter().any(|sku| sku.as_str().starts_with("unlisted"));
    let tests = [
        ("one line", place.lines.len() == 1),
        ("no lines", place.lines.is_empty()),
        ("too many lines", place.lines.len() > limits::LINES_MAX),
        ("sku twice", skus.len() < place.lines.len()),
        ("unknown listing", unlisted && place.lines.len() == 1),
        ("lines of one partition", skus.len() > 1 && partitions.len() == 1),
        ("lines of several partitions", partitions.len() > 1 && !unlisted),
        ("partial", place.partial),
        ("foreign currency", place.currency != Currency::EUR),
        ("no quantity", place.lines.iter().any(|line| line.quantity <= 0)),
        ("huge quantity", place.lines.iter().any(|line| line.quantity > 10_000)),
        ("hot", place.lines.first().is_some_and(|line| line.sku.as_str() == "console-x")),
    ];
    tests.into_iter().filter(|(_, is)| *is).map(|(kind, _)| kind).collect()
}

#[test]
fn twenty_thousand_arrivals_hold_every_kind() {
    let mut seen = BTreeMap::new();
    let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
    for arrival in Traffic::new(1, &sale(), TrafficOptions::orders(17_000)).take(20_000) {
        for kind in kinds_of(&arrival, &mut seen) {
            *counts.entry(kind).or_insert(0) += 1;
        }
    }
    let expected = [
        "one line",
        "no lines",
        "too many lines",
        "sku twice",
        "unknown listing",
        "lines of one partition",
        "lines of several partitions",
        "partial",
        "foreign currency",
        "no quantity",
        "huge quantity",
        "hot",
        "repeat",
        "reused id",
        "wrong partition",
        "cancel",
        "cancel by other",
        "garbage",
        "garbage without a value",
        "block",
        "unblock",
        "restock",
        "pause",
        "resume",
        "change",
        "close",
    ];
    let missing: Vec<_> = expected.iter().filter(|kind| !counts.contains_key(*kind)).collect();
    assert!(missing.is_empty(), "missing {missing:?} in {counts:?}");
    assert!(counts["hot"] > 5_000, "{counts:?}");
}

#[test]
fn places_as_many_orders_as_asked_for() {
    let mut traffic = Traffic::new(5, &sale(), TrafficOptions::orders(3_000));
    let mut ids = BTreeSet::new();
    for arrival in traffic.by_ref() {
        if let ArrivalBody::Command(Command::Place(place)) = arrival.body {
            ids.insert(place.order);
        }
    }
    assert_eq!((traffic.placed(), ids.len()), (3_000, 3_000));
}

#[test]
fn the_seed_is_all() {
    let run = |seed| Traffic::new(seed, &sale(), TrafficOptions::orders(5_000)).collect::<Vec<_>>();
    assert_eq!(run(1), run(1));
    assert_ne!(run(1), run(2));
}

#[test]
fn plain_traffic_is_plain() {
    let sale = SaleSpec::plain(1_000, 1_000_000, 10_000, 4);
    let options = TrafficOptions { orders: 5_000, mix: Mix::plain(0), operator: false };
    let arrivals: Vec<_> = Traffic::new(1, &sale, options).collect();
    assert_eq!(arrivals.len(), 5_000);
    assert!(arrivals.iter().all(|arrival| arrival.partition_hint.is_none()));
    assert_eq!(Traffic::new(1, &SaleSpec::plain(0, 1, 1, 1), options).count(), 0);
}
