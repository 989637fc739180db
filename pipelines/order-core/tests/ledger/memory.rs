//! Memory is bounded by the orders remembered, and they are forgotten in log time.

use crate::support::{HOLD_MS, RETENTION_MS, Sale, sku_at};

#[test]
fn when_retention_has_passed_nothing_is_left() {
    let mut sale = Sale::of(2);
    let [a, b, unlisted] = [sku_at("A", 0, 2), sku_at("B", 1, 2), sku_at("U", 1, 2)];
    sale.list(&a, 200, |settings| settings.waitlist_max = 50);
    sale.list(&b, 200, |_| {});
    for number in 0..1_000 {
        sale.now = number;
        let order = format!("o{number}");
        match number % 5 {
            0 => sale.place(&order, "alice", [(&a, 1)]),
            1 => sale.place(&order, "bob", [(&a, 1), (&b, 1)]),
            2 => sale.place(&order, "bob", [(&b, 1)]),
            3 => sale.place(&order, "carol", [(&unlisted, 1)]),
            _ => sale.place_partial(&order, "dave", [(&a, 2), (&b, 9)]),
        };
        if number % 3 == 0 {
            sale.capture(&order, if number % 5 == 2 { &b } else { &a }, "pay", 100);
        }
    }
    let remembered =
        |sale: &Sale| sale.ledgers.iter().map(order_core::Ledger::remembered_orders).sum::<usize>();
    assert!(remembered(&sale) >= 1_000);
    // Those that waited are held after the first holds expire, and may expire in turn.
    let end = 1_000 + 3 * HOLD_MS;
    for time in (1_000..=end).step_by(1_000) {
        sale.tick_at(time);
    }
    for ticks in 0..20 {
        sale.tick_at(end + RETENTION_MS.max(order_model::limits::RETENTION_MS_UNLISTED) + 1_000 + ticks);
    }
    assert_eq!(remembered(&sale), 0);
    assert_eq!((sale.stock(&a)[1], sale.stock(&a)[3], sale.stock(&b)[1]), (0, 0, 0));
}
