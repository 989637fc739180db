//! Numbers at their limits are refused by name or counted exactly; they never stop a ledger.

use order_model::limits::{
    HOLD_MS_MAX, LINE_QUANTITY_MAX, LISTING_STOCK_MAX, RETENTION_MS_MAX, UNIT_PRICE_MAX,
};
use order_model::{Cancel, Command, TimeMs};

use crate::support::{Sale, customer_id, order_id, sku};

#[test]
fn quantities() {
    let mut sale = Sale::with([("A", i64::from(LISTING_STOCK_MAX))]);
    let most = i32::try_from(LINE_QUANTITY_MAX).unwrap();
    let cases = [
        (i32::MIN, "rejected quantity_not_positive"),
        (-1, "rejected quantity_not_positive"),
        (0, "rejected quantity_not_positive"),
        (1, "held"),
        (most, "held"),
        (most + 1, "rejected quantity_too_large"),
        (i32::MAX, "rejected quantity_too_large"),
    ];
    for (number, (quantity, said)) in cases.into_iter().enumerate() {
        let order = format!("o{number}");
        assert_eq!(sale.place(&order, "alice", [("A", quantity)]), [format!("{order} {said}")]);
        assert_eq!(sale.last(&order).lines[0].quantity, quantity, "as it was sent");
    }
}

#[test]
fn stocks_and_restocks() {
    let mut sale = Sale::of(1);
    let most = i64::from(LISTING_STOCK_MAX);
    let openings = [(-1, "stock_below_zero"), (i64::MIN, "stock_below_zero"), (most + 1, "stock_too_large")];
    for (stock, reason) in openings {
        assert_eq!(sale.try_list("A", stock, |_| {}), [format!("A refused {reason}")]);
    }
    sale.list("A", most, |_| {});
    for (delta, said) in [
        (1, "refused stock_too_large"),
        (i64::MAX, "refused stock_too_large"),
        (i64::MIN, "refused stock_below_zero"),
        (-most - 1, "refused stock_below_zero"),
        (-most, "restocked"),
        (most, "restocked"),
    ] {
        assert_eq!(sale.restock("A", delta), [format!("A {said}")], "{delta}");
    }
}

#[test]
fn the_dearest_order_there_can_be() {
    let mut sale = Sale::of(1);
    let names: Vec<String> = (0..16).map(|number| format!("A{number:02}")).collect();
    for name in &names {
        sale.list(name, 10_000, |settings| {
            settings.prices[0].unit_price = UNIT_PRICE_MAX;
            settings.tax_bp = 10_000;
            settings.hold_ms = HOLD_MS_MAX;
            settings.retention_ms = RETENTION_MS_MAX;
        });
    }
    let quantity = i32::try_from(LINE_QUANTITY_MAX).unwrap();
    let lines: [(&str, i32); 16] = std::array::from_fn(|index| (names[index].as_str(), quantity));
    assert_eq!(sale.place("o1", "alice", lines), ["o1 held"]);
    let total = UNIT_PRICE_MAX * i64::from(LINE_QUANTITY_MAX) * 16;
    assert_eq!((sale.last("o1").total, sale.last("o1").tax), (total, total / 2));
    for (payment, amount) in [("most", i64::MAX), ("least", i64::MIN), ("near", total - 1)] {
        assert_eq!(sale.capture("o1", "A00", payment, amount), ["o1 refund amount_differs"]);
        assert_eq!(sale.last("o1").total, amount);
    }
    assert_eq!(sale.capture("o1", "A00", "right", total), ["o1 paid"]);
}

#[test]
fn extension_numbers() {
    let mut sale = Sale::of(1);
    sale.list("A", 1, |settings| settings.extensions_max = 100);
    sale.place("o1", "alice", [("A", 1)]);
    for number in [0, 2, u32::MAX] {
        assert_eq!(sale.extend("o1", "A", number), ["o1 refused extensions_spent"]);
    }
    for number in 1..=100 {
        assert_eq!(sale.extend("o1", "A", number), ["o1 extended"]);
    }
    assert_eq!(sale.extend("o1", "A", 101), ["o1 refused extensions_spent"]);
}

#[test]
fn times_and_ids_of_all_ones_and_zeros() {
    let mut sale = Sale::of(1);
    sale.list("A", 5, |settings| settings.closes_at = TimeMs(u64::MAX));
    let mut place = |byte: u8| {
        let Command::Place(mut place) = crate::support::place("", "", &[("A", 1)]) else { unreachable!() };
        place.order.0 = [byte; 16];
        place.customer.0 = [byte; 16];
        sale.send(Command::Place(place)).len()
    };
    assert_eq!((place(0), place(0xff), place(0)), (1, 1, 0));
    let unknown = Cancel { order: order_id("none"), customer: customer_id("x"), sku: sku("A") };
    assert_eq!(sale.send(Command::Cancel(unknown)), ["none refused order_unknown"]);
    let never = sale.try_list("B", 1, |settings| settings.opens_at = TimeMs(u64::MAX));
    assert_eq!(never, ["B opened"]);
    assert_eq!(sale.place("o1", "alice", [("B", 1)]), ["o1 rejected listing_not_open"]);
}

#[test]
fn the_longest_sku_and_the_most_lines() {
    let mut sale = Sale::of(1);
    let long = "x".repeat(40);
    sale.list(&long, 1, |_| {});
    assert_eq!(sale.place("o1", "alice", [(&long, 1)]), ["o1 held"]);
    let names: Vec<String> = (0..17).map(|number| format!("n{number:02}")).collect();
    let lines: [(&str, i32); 17] = std::array::from_fn(|index| (names[index].as_str(), 1));
    assert_eq!(sale.place("o2", "alice", lines), ["o2 rejected too_many_lines"]);
    assert!(sale.last("o2").lines.is_empty());
}
