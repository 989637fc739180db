//! Carts that many change at once, and what they become.

use accounts::limits::*;
use accounts::*;
use order_model::limits::LINES_MAX;
use order_model::{CustomerId, OrderId};

use crate::over_both;
use crate::rig::*;

over_both!(
    two_tabs_lose_no_line,
    a_cart_stays_until_nobody_touches_it,
    a_repeated_check_out_places_the_same_order,
    two_check_outs_at_once_are_one_order
);

fn line(sku: &str, quantity: u32) -> CartLine {
    CartLine { sku: sku.parse().unwrap(), quantity }
}

fn anna() -> CustomerId {
    CustomerId::from(7)
}

async fn two_tabs_lose_no_line(rig: Rig) {
    let tabs = [rig.clone(), rig.another().await];
    for round in 0..3 {
        let customer = CustomerId::from(100 + round);
        let puts: Vec<_> = (0..LINES_MAX)
            .map(|number| {
                let carts = tabs[number % 2].carts.clone();
                tokio::spawn(async move { carts.put_line(customer, line(&format!("N{number}"), 1)).await })
            })
            .collect();
        for put in puts {
            put.await.unwrap().unwrap();
        }
        let cart = rig.carts.get(customer).await.unwrap();
        assert_eq!(cart.lines.len(), LINES_MAX, "{cart:?}");
        assert_eq!(cart.version, u64::try_from(LINES_MAX).unwrap());
        let full = rig.carts.put_line(customer, line("X", 1)).await;
        assert_eq!(full, Err(CartError::Line(LineError::TooManyLines)));
    }
}

async fn a_cart_stays_until_nobody_touches_it(rig: Rig) {
    let carts = &rig.carts;
    assert_eq!(carts.get(anna()).await.unwrap(), Cart::default());
    carts.remove_line(anna(), &"A".parse().unwrap()).await.unwrap();
    assert_eq!(carts.get(anna()).await.unwrap().version, 0, "nothing was written");
    carts.put_line(anna(), line("A", 1)).await.unwrap();
    carts.put_line(anna(), line("A", 2)).await.unwrap();
    let cart = rig.another().await.carts.put_line(anna(), line("Ü-🦀", 3)).await.unwrap();
    assert_eq!(carts.get(anna()).await.unwrap(), cart);
    assert_eq!(cart.lines, [line("A", 2), line("Ü-🦀", 3)]);

    rig.pass(CART_MS - 1);
    carts.put_line(anna(), line("C", 1)).await.unwrap();
    rig.pass(CART_MS - 1);
    assert_eq!(carts.get(anna()).await.unwrap().lines.len(), 3);
    rig.pass(1_000);
    let gone = carts.get(anna()).await.unwrap();
    assert!(gone.lines.is_empty(), "expired, be it deleted or not");
    carts.put_line(anna(), line("D", 1)).await.unwrap();
    assert_eq!(carts.get(anna()).await.unwrap().lines, [line("D", 1)]);
    assert!(carts.clear(anna()).await.unwrap().lines.is_empty());
}

async fn a_repeated_check_out_places_the_same_order(rig: Rig) {
    let carts = &rig.carts;
    assert_eq!(carts.take(anna()).await, Err(CartError::Empty));
    carts.put_line(anna(), line("A", 1)).await.unwrap();
    let taken = carts.take(anna()).await.unwrap();
    // The gateway dies here; another one is asked.
    let other = rig.another().await;
    let repeat = other.carts.take(anna()).await.unwrap();
    assert_eq!((repeat.order, &repeat.lines), (taken.order, &taken.lines));
    assert_eq!((taken.is_repeated, repeat.is_repeated), (false, true));
    assert_eq!(
        other.carts.give_back(anna(), taken.order).await.unwrap().lines,
        [],
        "it may be placed by now"
    );
    assert!(other.carts.get(anna()).await.unwrap().lines.is_empty());
    other.carts.placed(anna(), taken.order).await.unwrap();
    let again = carts.take(anna()).await.unwrap();
    assert_eq!((again.order, &again.lines, again.is_placed), (taken.order, &taken.lines, true));

    carts.put_line(anna(), line("B", 2)).await.unwrap();
    let next = carts.take(anna()).await.unwrap();
    assert_ne!(next.order, taken.order);
    assert_eq!(next.lines, [line("B", 2)]);
    let back = carts.give_back(anna(), next.order).await.unwrap();
    assert_eq!(back.lines, [line("B", 2)]);
    carts.placed(anna(), OrderId::from(5)).await.unwrap();
    assert_ne!(carts.take(anna()).await.unwrap().order, next.order);
}

async fn two_check_outs_at_once_are_one_order(rig: Rig) {
    let tabs = [rig.clone(), rig.another().await];
    for round in 0..5 {
        let customer = CustomerId::from(200 + round);
        rig.carts.put_line(customer, line("A", 1)).await.unwrap();
        let takes = tabs.each_ref().map(|tab| {
            let carts = tab.carts.clone();
            tokio::spawn(async move { carts.take(customer).await.unwrap() })
        });
        let [first, second] = takes;
        let (first, second) = (first.await.unwrap(), second.await.unwrap());
        assert_eq!((first.order, &first.lines), (second.order, &second.lines));
        assert!(first.is_repeated != second.is_repeated, "one of them began it");
    }
}
