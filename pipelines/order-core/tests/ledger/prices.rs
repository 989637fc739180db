//! The price is that of the last step in force when the goods are set aside, and is frozen then.

use order_model::{ListingChange, PriceStep, TimeMs};

use crate::support::{Sale, settings};

fn step(from_time: u64, from_units: u32, unit_price: i64) -> PriceStep {
    PriceStep { from_time: TimeMs(from_time), from_units, unit_price }
}

#[test]
fn by_time_and_by_units_held_or_sold() {
    let mut sale = Sale::of(1);
    sale.list("A", 100, |settings| {
        settings.prices = vec![step(0, 0, 100), step(1_000, 0, 120), step(0, 3, 150)];
    });
    let cases = [
        (0, "o1", 2, 200),
        // Two are gone: the third unit still has the old price, and so has the whole order it is in.
        (0, "o2", 2, 200),
        (0, "o3", 1, 150),
        (1_000, "o4", 2, 300),
    ];
    for (now, order, quantity, total) in cases {
        sale.now = now;
        sale.place(order, "alice", [("A", quantity)]);
        assert_eq!(sale.last(order).total, total, "{order}");
    }
    for order in ["o2", "o3", "o4"] {
        sale.cancel(order, "alice", "A");
    }
    sale.place("o5", "alice", [("A", 1)]);
    assert_eq!(sale.last("o5").total, 120, "freed units bring the price back to the step of the time");
}

#[test]
fn frozen_with_the_hold() {
    let mut sale = Sale::with([("A", 5)]);
    sale.place("o1", "alice", [("A", 2)]);
    let mut dearer = settings();
    dearer.prices = vec![step(0, 0, 900)];
    dearer.tax_bp = 1_900;
    sale.listing("A", ListingChange::Change(Box::new(dearer)));
    assert_eq!(sale.capture("o1", "A", "pay", 1_800), ["o1 refund amount_differs"]);
    assert_eq!(sale.capture("o1", "A", "pay2", 200), ["o1 paid"]);
    assert_eq!((sale.last("o1").total, sale.last("o1").tax), (200, 0));
}

#[test]
fn who_waited_pays_the_price_of_the_day() {
    let mut sale = Sale::of(1);
    sale.list("A", 0, |settings| {
        settings.waitlist_max = 9;
        settings.prices = vec![step(0, 0, 100), step(50, 0, 110)];
    });
    sale.place("o1", "alice", [("A", 1)]);
    assert_eq!(sale.last("o1").total, 0);
    sale.now = 50;
    sale.restock("A", 1);
    assert_eq!(sale.last("o1").total, 110);
}

#[test]
fn tax_is_in_the_price_and_rounded_once_a_line() {
    let mut sale = Sale::of(1);
    sale.list("A", 9, |settings| (settings.tax_bp, settings.prices) = (1_900, vec![step(0, 0, 50)]));
    sale.list("B", 9, |settings| (settings.tax_bp, settings.prices) = (700, vec![step(0, 0, 33)]));
    sale.place("o1", "alice", [("A", 2), ("B", 1)]);
    assert_eq!((sale.last("o1").total, sale.last("o1").tax), (133, 16 + 2));
}
