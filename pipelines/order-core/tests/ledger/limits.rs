//! The limit per customer counts what waits, is held and is bought, exactly, and is given back with the goods.

use order_model::{ListingChange, PriceStep};

use crate::support::{HOLD_MS, Sale, customer_id, settings, sku};

fn limited(stock: i64, limit: u32) -> Sale {
    let mut sale = Sale::of(1);
    sale.list("A", stock, |settings| (settings.limit_per_customer, settings.waitlist_max) = (limit, 9));
    sale
}

fn units(sale: &Sale, who: &str) -> u32 {
    sale.ledgers[0].units_of(&customer_id(who), &sku("A"))
}

#[test]
fn exact_over_waiting_held_and_bought() {
    let mut sale = limited(3, 4);
    sale.place("o1", "alice", [("A", 2)]);
    sale.capture("o1", "A", "pay", 200);
    sale.place("o2", "alice", [("A", 1)]);
    assert_eq!(sale.place("o3", "alice", [("A", 2)]), ["o3 rejected limit_per_customer"]);
    assert_eq!(sale.place("o4", "alice", [("A", 1)]), ["o4 waiting"]);
    assert_eq!(units(&sale, "alice"), 4);
    assert_eq!(sale.place("o5", "alice", [("A", 1)]), ["o5 rejected limit_per_customer"]);
    assert_eq!(sale.place("o6", "bob", [("A", 4)]), ["o6 waiting"], "another customer's count");
    // Serving who waits takes nothing more of the limit.
    assert_eq!(sale.restock("A", 1), ["A restocked", "o4 held"]);
    assert_eq!(units(&sale, "alice"), 4);
}

#[test]
fn given_back_by_whatever_frees_the_goods() {
    let mut sale = limited(9, 1);
    let free_again = |sale: &mut Sale, order: &str, said: Vec<String>| {
        assert!(said[0].starts_with(order), "{said:?}");
        assert_eq!(units(sale, "alice"), 0, "{said:?}");
    };
    sale.place("o1", "alice", [("A", 1)]);
    assert_eq!(units(&sale, "alice"), 1);
    let said = sale.cancel("o1", "alice", "A");
    free_again(&mut sale, "o1", said);
    sale.place("o2", "alice", [("A", 1)]);
    let said = sale.decline("o2", "A", "pay");
    free_again(&mut sale, "o2", said);
    sale.place("o3", "alice", [("A", 1)]);
    let said = sale.tick_at(HOLD_MS);
    free_again(&mut sale, "o3", said);
    sale.place("big", "bob", [("A", 1)]);
    sale.place("o4", "alice", [("A", 1)]);
    sale.capture("o4", "A", "pay4", 100);
    assert_eq!(units(&sale, "alice"), 1, "what is bought stays counted");
}

#[test]
fn given_back_when_a_waiting_order_leaves_or_is_turned_away() {
    let mut sale = limited(0, 2);
    sale.place("o1", "alice", [("A", 1)]);
    sale.place("o2", "alice", [("A", 1)]);
    assert_eq!(units(&sale, "alice"), 2);
    sale.cancel("o1", "alice", "A");
    assert_eq!(units(&sale, "alice"), 1);
    sale.listing("A", ListingChange::Close);
    assert_eq!(units(&sale, "alice"), 0);
}

#[test]
fn lines_left_out_of_a_partial_order_do_not_count() {
    let mut sale = limited(1, 2);
    sale.list("B", 5, |_| {});
    assert_eq!(sale.place_partial("o1", "alice", [("A", 2), ("B", 1)]), ["o1 held"]);
    assert_eq!(sale.lines("o1"), ["A 2 left_out", "B 1 taken"]);
    assert_eq!(units(&sale, "alice"), 0);
    sale.cancel("o1", "alice", "A");
    assert_eq!(units(&sale, "alice"), 0);
}

#[test]
fn a_limit_can_be_changed_or_lifted_but_not_brought_in_later() {
    let mut sale = limited(9, 1);
    sale.place("o1", "alice", [("A", 1)]);
    let change = |sale: &mut Sale, name: &str, limit| {
        let mut settings = settings();
        settings.limit_per_customer = limit;
        settings.prices = vec![PriceStep { unit_price: 5, ..settings.prices[0] }];
        sale.listing(name, ListingChange::Change(Box::new(settings)))
    };
    change(&mut sale, "A", 0);
    assert_eq!(sale.place("o2", "alice", [("A", 5)]), ["o2 held"]);
    change(&mut sale, "A", 7);
    assert_eq!(sale.place("o3", "alice", [("A", 2)]), ["o3 rejected limit_per_customer"], "6 were counted");
    assert_eq!(sale.place("o4", "alice", [("A", 1)]), ["o4 held"]);
    sale.list("B", 9, |_| {});
    assert_eq!(change(&mut sale, "B", 1), ["B refused settings_invalid"]);
}
