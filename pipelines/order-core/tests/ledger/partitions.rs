//! Orders with lines in several ledgers: reserved ledger after ledger by relay, decided at home.

use order_core::Outcome;
use order_model::{ListingChange, Partition, RejectReason, TimeMs};

use crate::support::{HOLD_MS, RETENTION_MS, Sale, customer_id, place, sku, sku_at};

/// SKUs in alphabetical order, each at home where the number says, with `stock` units.
fn sale<const N: usize>(partitions: u32, homes: [u32; N], stock: i64) -> (Sale, [String; N]) {
    let mut sale = Sale::of(partitions);
    let mut letters = 'A'..='Z';
    let names = homes.map(|home| sku_at(&letters.next().unwrap().to_string(), home, partitions));
    for name in &names {
        sale.list(name, stock, |settings| settings.limit_per_customer = 50);
    }
    (sale, names)
}

fn one_of_each<const N: usize>(names: &[String; N]) -> [(&str, i32); N] {
    names.each_ref().map(|name| (name.as_str(), 1))
}

fn units(sale: &Sale, name: &str, partition: usize) -> u32 {
    sale.ledgers[partition].units_of(&customer_id("alice"), &sku(name))
}

#[test]
fn taken_ledger_after_ledger_then_held_then_paid_everywhere() {
    let (mut sale, names) = sale(3, [0, 1, 2], 5);
    assert_eq!(
        sale.place("o1", "alice", one_of_each(&names)),
        ["0: o1 reserving", "1: o1 part_taken", "2: o1 part_taken", "0: o1 held"]
    );
    assert_eq!((sale.last("o1").total, sale.last("o1").deadline), (300, TimeMs(HOLD_MS)));
    assert!(names.iter().all(|name| sale.stock(name) == [4, 1, 0, 0]));
    assert_eq!(units(&sale, &names[2], 2), 1);
    assert_eq!(
        sale.capture("o1", &names[0], "pay", 300),
        ["0: o1 paid", "1: o1 part_paid", "2: o1 part_paid"]
    );
    assert!(names.iter().all(|name| sale.stock(name) == [4, 0, 1, 0]));
    assert_eq!(sale.ledgers[1].remembered_orders(), 0, "a part is forgotten with its end");
}

#[test]
fn a_refusal_on_the_way_releases_what_was_taken() {
    let (mut sale, names) = sale(3, [0, 1, 2], 5);
    sale.listing(&names[2], ListingChange::Pause);
    assert_eq!(
        sale.place("o1", "alice", one_of_each(&names)),
        [
            "0: o1 reserving",
            "1: o1 part_taken",
            "2: o1 part_refused listing_paused",
            "0: o1 rejected listing_paused",
            "1: o1 part_released",
        ]
    );
    assert!(names[..2].iter().all(|name| sale.stock(name) == [5, 0, 0, 0]));
    assert_eq!((units(&sale, &names[0], 0), units(&sale, &names[1], 1)), (0, 0));
    assert_eq!(sale.place("o1", "alice", one_of_each(&names)), [""; 0], "the answer stands");
}

#[test]
fn a_shortage_at_home_refuses_at_once_and_such_an_order_never_waits() {
    let mut sale = Sale::of(2);
    let [a, b] = [sku_at("A", 0, 2), sku_at("B", 1, 2)];
    sale.list(&a, 0, |settings| settings.waitlist_max = 9);
    sale.list(&b, 0, |settings| settings.waitlist_max = 9);
    assert_eq!(sale.place("o1", "alice", [(&a, 1), (&b, 1)]), ["0: o1 rejected stock_short"]);
    sale.restock(&a, 1);
    assert_eq!(
        sale.place("o2", "alice", [(&a, 1), (&b, 1)]),
        ["0: o2 reserving", "1: o2 part_refused stock_short", "0: o2 rejected stock_short"]
    );
}

#[test]
fn a_partial_order_takes_what_each_ledger_has() {
    let (mut sale, names) = sale(2, [0, 1, 1], 1);
    let [a, b, c] = names.each_ref().map(String::as_str);
    sale.restock(a, -1);
    sale.restock(c, -1);
    assert_eq!(
        sale.place_partial("o1", "alice", one_of_each(&names)),
        ["0: o1 reserving", "1: o1 part_taken", "0: o1 held"]
    );
    let line = |name: &str, state: &str| format!("{name} 1 {state}");
    assert_eq!(sale.lines("o1"), [line(a, "left_out"), line(b, "taken"), line(c, "left_out")]);
    assert_eq!(sale.last("o1").total, 100);
    assert_eq!(sale.cancel("o1", "alice", a), ["0: o1 cancelled", "1: o1 part_released"]);
    assert_eq!(units(&sale, a, 0), 0);
}

#[test]
fn a_partial_order_of_which_nothing_can_be_had_is_refused_for_its_first_line() {
    let (mut sale, names) = sale(2, [0, 1], 0);
    sale.listing(&names[1], ListingChange::Pause);
    let said = sale.place_partial("o1", "alice", one_of_each(&names));
    assert_eq!(said.last().unwrap(), "0: o1 rejected stock_short");
    sale.listing(&names[0], ListingChange::Close);
    let said = sale.place_partial("o2", "alice", one_of_each(&names));
    assert_eq!(said.last().unwrap(), "0: o2 rejected listing_closed");
}

#[test]
fn expiry_and_decline_release_every_part() {
    let (mut sale, names) = sale(2, [0, 1], 5);
    sale.place("o1", "alice", one_of_each(&names));
    assert_eq!(sale.tick_at(HOLD_MS), ["0: o1 expired", "1: o1 part_released"]);
    sale.place("o2", "alice", one_of_each(&names));
    assert_eq!(sale.decline("o2", &names[0], "pay"), ["0: o2 declined", "1: o2 part_released"]);
    assert!(names.iter().all(|name| sale.stock(name) == [5, 0, 0, 0]));
}

#[test]
fn a_released_part_feeds_the_waitlist_there() {
    let mut sale = Sale::of(2);
    let [a, b] = [sku_at("A", 0, 2), sku_at("B", 1, 2)];
    sale.list(&a, 1, |_| {});
    sale.list(&b, 1, |settings| settings.waitlist_max = 9);
    sale.place("o1", "alice", [(&a, 1), (&b, 1)]);
    assert_eq!(sale.place("o2", "bob", [(&b, 1)]), ["1: o2 waiting"]);
    assert_eq!(sale.cancel("o1", "alice", &a), ["0: o1 cancelled", "1: o1 part_released", "1: o2 held"]);
}

#[test]
fn cancelled_while_under_way() {
    let (mut sale, names) = sale(2, [0, 1], 5);
    sale.holds_relays_back = true;
    assert_eq!(sale.place("o1", "alice", one_of_each(&names)), ["0: o1 reserving"]);
    assert_eq!(sale.extend("o1", &names[0], 1), ["0: o1 refused not_held"]);
    assert_eq!(sale.capture("o1", &names[0], "pay", 200), ["0: o1 refund not_held"]);
    assert_eq!(sale.cancel("o1", "alice", &names[0]), ["0: o1 cancelled"]);
    assert_eq!(sale.stock(&names[0]), [5, 0, 0, 0]);
    assert_eq!(sale.deliver(), ["1: o1 part_taken", "1: o1 part_released"]);
    assert_eq!(sale.stock(&names[1]), [5, 0, 0, 0]);
}

/// Its id must not become new while its answer is still to come: that would be taken for the new order's.
#[test]
fn an_order_cancelled_under_way_is_remembered_until_its_answer_comes() {
    let (mut sale, names) = sale(2, [0, 1], 5);
    sale.holds_relays_back = true;
    sale.place("o1", "alice", one_of_each(&names));
    sale.cancel("o1", "alice", &names[0]);
    sale.now = 3 * RETENTION_MS;
    assert_eq!(sale.place("o1", "alice", one_of_each(&names)), [""; 0]);
    assert_eq!(sale.outcome, Outcome::Repeated);
    assert_eq!(sale.deliver(), ["1: o1 part_taken", "1: o1 part_released"]);
    assert_eq!(sale.ledgers[0].remembered_orders(), 0, "the answer was all that was missing");
    sale.holds_relays_back = false;
    let said = sale.place("o1", "alice", one_of_each(&names));
    assert_eq!(said, ["0: o1 reserving", "1: o1 part_taken", "0: o1 held"]);
    assert_eq!(sale.stock(&names[1]), [4, 1, 0, 0]);
}

#[test]
fn a_ledger_may_be_visited_twice_home_too() {
    let (mut sale, names) = sale(2, [0, 1, 0, 1], 5);
    assert_eq!(
        sale.place("o1", "alice", one_of_each(&names)),
        ["0: o1 reserving", "1: o1 part_taken", "0: o1 part_taken", "1: o1 part_taken", "0: o1 held"]
    );
    assert_eq!(sale.ledgers[1].remembered_orders(), 1, "both visits make one part");
    // Home's later run is home's own: it is sold with the order, not as a part.
    assert_eq!(sale.capture("o1", &names[0], "pay", 400), ["0: o1 paid", "1: o1 part_paid"]);
    assert!(names.iter().all(|name| sale.stock(name) == [4, 0, 1, 0]), "{:?}", names.map(|n| sale.stock(&n)));
}

#[test]
fn a_refusal_at_homes_second_run_frees_all() {
    let (mut sale, names) = sale(2, [0, 1, 0], 5);
    sale.restock(&names[2], -5);
    assert_eq!(
        sale.place("o1", "alice", one_of_each(&names)),
        [
            "0: o1 reserving",
            "1: o1 part_taken",
            "0: o1 part_refused stock_short",
            "0: o1 rejected stock_short",
            "1: o1 part_released",
        ]
    );
    assert!(names[..2].iter().all(|name| sale.stock(name) == [5, 0, 0, 0]));
}

#[test]
fn cancelled_after_homes_second_run_which_is_freed_with_the_first() {
    let (mut sale, names) = sale(2, [0, 1, 0, 1], 5);
    sale.holds_relays_back = true;
    sale.place("o1", "alice", one_of_each(&names));
    assert_eq!(sale.deliver_to(1), ["1: o1 part_taken"]);
    assert_eq!(sale.deliver_to(0), ["0: o1 part_taken"]);
    assert_eq!(sale.stock(&names[2]), [4, 1, 0, 0]);
    assert_eq!(sale.cancel("o1", "alice", &names[0]), ["0: o1 cancelled"]);
    assert_eq!(sale.lines("o1")[2], format!("{} 1 taken", names[2]), "it says what it frees");
    assert_eq!(sale.deliver(), ["1: o1 part_taken", "1: o1 part_released"]);
    assert!(names.iter().all(|name| sale.stock(name) == [5, 0, 0, 0]));
}

#[test]
fn cancelled_before_homes_later_runs_which_become_a_part_and_are_released() {
    let (mut sale, names) = sale(2, [0, 1, 0, 1, 0], 5);
    sale.holds_relays_back = true;
    sale.place("o1", "alice", one_of_each(&names));
    sale.cancel("o1", "alice", &names[0]);
    assert_eq!(
        sale.deliver(),
        [
            "1: o1 part_taken",
            "0: o1 part_taken",
            "1: o1 part_taken",
            "0: o1 part_taken",
            "0: o1 part_released",
            "1: o1 part_released",
        ]
    );
    assert!(names.iter().all(|name| sale.stock(name) == [5, 0, 0, 0]));
    assert_eq!(sale.ledgers[0].units_of(&customer_id("alice"), &sku(&names[4])), 0);
}

#[test]
fn two_orders_that_want_the_same_last_units_are_not_both_refused() {
    let (mut sale, names) = sale(2, [0, 1], 1);
    sale.holds_relays_back = true;
    sale.place("o1", "alice", one_of_each(&names));
    sale.place("o2", "bob", one_of_each(&names));
    sale.deliver();
    let kinds = ["o1", "o2"].map(|order| sale.last(order).kind.name());
    // The first took the first unit and thereby the second: SKU order is the same for all.
    assert_eq!((kinds[1], sale.last("o2").reason), ("rejected", Some(RejectReason::StockShort)));
    assert_eq!(sale.stock(&names[1]), [0, 1, 0, 0]);
}

#[test]
fn a_command_in_the_wrong_partition_is_sent_home() {
    let (mut sale, names) = sale(2, [0], 5);
    let a = names[0].as_str();
    sale.holds_relays_back = true;
    assert_eq!(sale.send_to(Partition(1), &place("o1", "alice", &[(a, 1)])), [""; 0]);
    assert_eq!(sale.outcome, Outcome::Forwarded(Partition(0)));
    assert_eq!(sale.ledgers[1].counts().forwarded, 1);
    sale.holds_relays_back = false;
    assert_eq!(sale.deliver(), ["0: o1 held"]);
    for (command, said) in [
        (crate::support::extend("o1", a, 1), "0: o1 refused extensions_spent"),
        (crate::support::cancel("o1", "alice", a), "0: o1 cancelled"),
    ] {
        assert_eq!(sale.send_to(Partition(1), &command), [said]);
    }
}
