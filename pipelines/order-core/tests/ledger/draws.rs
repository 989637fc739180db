//! Draws: orders are collected in a window, and decided in the order of BLAKE3(seed, order id).

use order_model::limits::{DRAW_ORDERED_PER_COMMAND_MAX, HOUSEKEEPING_PER_COMMAND_MAX};
use order_model::{Command, CommandId, ListingChange, Partition, Place, TimeMs};

use crate::support::{HOLD_MS, Sale, commitment, drawn, listing_command, place, seed, settings, sku_at};

fn sale_of(stock: i64, waitlist_max: u32) -> Sale {
    let mut sale = Sale::of(1);
    sale.list_drawn("D", stock, waitlist_max);
    sale
}

/// So many orders enter, each of a customer of its own; their names.
fn enter(sale: &mut Sale, count: usize) -> Vec<String> {
    let orders: Vec<_> = (0..count).map(|number| format!("o{number}")).collect();
    for order in &orders {
        assert_eq!(sale.place(order, order, [("D", 1)]), [format!("{order} entered")]);
    }
    orders
}

fn in_order(orders: &[String]) -> Vec<&str> {
    drawn("D", &orders.iter().map(String::as_str).collect::<Vec<_>>())
}

#[test]
fn the_window_collects_and_moves_nothing() {
    let mut sale = sale_of(2, 0);
    enter(&mut sale, 3);
    assert_eq!(sale.stock("D"), [2, 0, 0, 3]);
    assert_eq!(sale.lines("o0"), ["D 1 awaited"]);
    assert_eq!(sale.last("o0").total, 0);
    assert_eq!(sale.ledgers[0].next_due(), None, "nothing will happen by itself");
    assert!(sale.tick_at(HOLD_MS * 3).is_empty(), "who entered has no hold");
    assert!(sale.place("o0", "o0", [("D", 1)]).is_empty(), "a repeat");
}

#[test]
fn what_does_not_depend_on_stock_is_checked_in_the_window() {
    let mut sale = sale_of(2, 0);
    sale.list("A", 5, |_| {});
    assert_eq!(sale.place("many", "alice", [("D", 11)]), ["many rejected limit_per_customer"]);
    assert_eq!(sale.place("ten", "alice", [("D", 10)]), ["ten entered"], "more than there are");
    assert_eq!(sale.place("one", "alice", [("D", 1)]), ["one rejected limit_per_customer"]);
    assert_eq!(sale.place("two", "bob", [("D", 1), ("A", 1)]), ["two rejected draw_only_alone"]);
    assert_eq!(sale.place_partial("part", "bob", [("D", 1), ("A", 1)]), ["part held"]);
    assert_eq!(sale.lines("part"), ["A 1 taken", "D 1 left_out"]);
    assert_eq!(sale.place_partial("whole", "bob", [("D", 1)]), ["whole entered"], "it leaves nothing out");
    let Command::Place(foreign) = place("usd", "bob", &[("D", 1)]) else { unreachable!() };
    let foreign = Command::Place(Place { currency: "USD".parse().unwrap(), ..foreign });
    assert_eq!(sale.send(foreign), ["usd rejected currency_foreign"]);
    sale.listing("D", ListingChange::Pause);
    assert_eq!(sale.place("late", "carol", [("D", 1)]), ["late rejected listing_paused"]);
}

#[test]
fn a_full_draw_refuses() {
    let mut sale = Sale::shaped(1, |shape| shape.draw_entries_max = 2).unaudited();
    sale.list_drawn("D", 5, 0);
    enter(&mut sale, 2);
    assert_eq!(sale.place("third", "alice", [("D", 1)]), ["third rejected draw_full"]);
    sale.cancel("o0", "o0", "D");
    assert_eq!(sale.place("fourth", "alice", [("D", 1)]), ["fourth entered"]);
}

#[test]
fn decided_in_the_order_of_the_seed_while_stock_lasts() {
    let mut sale = sale_of(2, 0);
    let orders = enter(&mut sale, 5);
    let order = in_order(&orders);
    let mut expected = vec!["D revealed".to_owned()];
    expected.extend(order[..2].iter().map(|order| format!("{order} held")));
    expected.extend(order[2..].iter().map(|order| format!("{order} turned_away not_drawn")));
    assert_eq!(sale.reveal("D"), expected);
    assert_ne!(order, ["o0", "o1", "o2", "o3", "o4"], "the test would show nothing");
    assert_eq!(sale.stock("D"), [0, 2, 0, 0]);
    assert_eq!(sale.last(order[0]).deadline.0, HOLD_MS);
    assert_eq!(sale.last(order[0]).total, 100);
    assert_eq!(sale.cancel(order[2], order[2], "D"), [format!("{} refused order_ended", order[2])]);
}

#[test]
fn a_large_order_that_finds_too_little_makes_way() {
    let mut sale = sale_of(2, 0);
    let orders = ["a", "b", "c"];
    let order = drawn("D", &orders);
    sale.place(order[0], "alice", [("D", 3)]);
    sale.place(order[1], "bob", [("D", 2)]);
    sale.place(order[2], "carol", [("D", 1)]);
    let said = sale.reveal("D");
    let expected = [
        "D revealed".to_owned(),
        format!("{} turned_away not_drawn", order[0]),
        format!("{} held", order[1]),
        format!("{} turned_away not_drawn", order[2]),
    ];
    assert_eq!(said, expected);
}

#[test]
fn who_is_not_drawn_waits_in_draw_order() {
    let mut sale = sale_of(1, 2);
    let orders = enter(&mut sale, 4);
    let order = in_order(&orders);
    let expected = [
        "D revealed".to_owned(),
        format!("{} held", order[0]),
        format!("{} waiting", order[1]),
        format!("{} waiting", order[2]),
        format!("{} turned_away waitlist_full", order[3]),
    ];
    assert_eq!(sale.reveal("D"), expected);
    assert_eq!(sale.stock("D"), [0, 1, 0, 2]);
    assert_eq!(sale.restock("D", 1), ["D restocked".to_owned(), format!("{} held", order[1])]);
    assert_eq!(sale.place("later", "later", [("D", 1)]), ["later waiting"]);
    assert_eq!(sale.restock("D", 1), ["D restocked".to_owned(), format!("{} held", order[2])]);
    assert_eq!(sale.restock("D", 1), ["D restocked", "later held"]);
}

#[test]
fn who_cancels_or_is_turned_away_may_have_as_many_again() {
    let mut sale = sale_of(0, 0);
    sale.place("first", "alice", [("D", 10)]);
    assert_eq!(sale.cancel("first", "bob", "D"), ["first refused customer_differs"]);
    assert_eq!(sale.cancel("first", "alice", "D"), ["first cancelled"]);
    assert_eq!(sale.stock("D"), [0, 0, 0, 0]);
    assert!(sale.cancel("first", "alice", "D").is_empty());
    assert_eq!(sale.place("second", "alice", [("D", 10)]), ["second entered"]);
    assert_eq!(sale.reveal("D"), ["D revealed", "second turned_away not_drawn"]);
    assert_eq!(sale.place("third", "alice", [("D", 10)]), ["third rejected stock_short"]);
}

#[test]
fn settings_keep_the_draw_and_need_a_limit() {
    let mut sale = sale_of(1, 0);
    let change = |change: fn(&mut order_model::ListingSettings)| {
        let mut settings = settings();
        settings.draw = Some(commitment("D"));
        settings.limit_per_customer = 10;
        change(&mut settings);
        ListingChange::Change(Box::new(settings))
    };
    assert_eq!(sale.listing("D", change(|it| it.waitlist_max = 9)), ["D changed"]);
    for wrong in [
        change(|it| it.draw = None),
        change(|it| it.draw = Some(commitment("E"))),
        change(|it| it.limit_per_customer = 0),
    ] {
        assert_eq!(sale.listing("D", wrong), ["D refused settings_invalid"]);
    }
    let unlimited = sale.try_list("U", 1, |settings| settings.draw = Some(commitment("U")));
    assert_eq!(unlimited, ["U refused settings_invalid"]);
    sale.list("A", 1, |settings| settings.limit_per_customer = 10);
    assert_eq!(sale.listing("A", change(|_| {})), ["A refused settings_invalid"], "a draw cannot come later");
}

#[test]
fn a_reveal_is_believed_once_and_only_with_the_seed() {
    let mut sale = sale_of(1, 0);
    enter(&mut sale, 1);
    let wrong = ListingChange::Reveal { seed: seed("E") };
    assert_eq!(sale.listing("D", wrong), ["D refused seed_differs"]);
    assert_eq!(sale.stock("D"), [1, 0, 0, 1], "the window is open still");
    assert_eq!(sale.reveal("D"), ["D revealed", "o0 held"]);
    assert_eq!(sale.reveal("D"), ["D refused draw_not_open"]);
    assert_eq!(sale.reveal("nothing"), ["nothing refused listing_unknown"]);
    sale.list("A", 1, |_| {});
    assert_eq!(sale.reveal("A"), ["A refused draw_not_open"]);
}

#[test]
fn a_seed_that_never_comes_turns_everybody_away() {
    let mut sale = Sale::of(1);
    sale.list("D", 5, |settings| {
        settings.draw = Some(commitment("D"));
        settings.limit_per_customer = 1;
        settings.closes_at = TimeMs(1_000);
    });
    enter(&mut sale, 2);
    let closed = ["D closed", "o0 turned_away listing_closed", "o1 turned_away listing_closed"];
    assert_eq!(sale.tick_at(1_000), closed);
    assert_eq!(sale.reveal("D"), ["D refused listing_closed"]);
    assert_eq!(sale.place("late", "late", [("D", 1)]), ["late rejected listing_closed"]);
    assert_eq!(sale.stock("D"), [5, 0, 0, 0]);
}

#[test]
fn a_pause_holds_the_draw_and_a_closing_ends_it() {
    let mut sale = sale_of(1, 0);
    let orders = enter(&mut sale, 2);
    sale.listing("D", ListingChange::Pause);
    assert_eq!(sale.reveal("D"), ["D revealed"]);
    assert_eq!(sale.ledgers[0].next_due(), None);
    let order = in_order(&orders);
    let closed = [
        "D closed".to_owned(),
        format!("{} turned_away listing_closed", order[0]),
        format!("{} turned_away listing_closed", order[1]),
    ];
    assert_eq!(sale.listing("D", ListingChange::Close), closed);
}

#[test]
fn after_the_draw_the_listing_is_like_any_other_but_for_orders_of_several_lines() {
    let mut sale = sale_of(5, 0);
    sale.list("A", 5, |_| {});
    enter(&mut sale, 1);
    sale.reveal("D");
    assert_eq!(sale.place("next", "next", [("D", 1)]), ["next held"]);
    assert_eq!(sale.place("two", "next", [("A", 1), ("D", 1)]), ["two rejected draw_only_alone"]);
    let mut empty = sale_of(1, 0);
    assert_eq!(empty.reveal("D"), ["D revealed"], "nobody came");
    assert_eq!(empty.place("first", "first", [("D", 1)]), ["first held"]);
}

#[test]
fn a_draw_is_worked_off_in_pieces() {
    const ENTRIES: usize = HOUSEKEEPING_PER_COMMAND_MAX + 100;
    let mut sale = sale_of(i64::try_from(ENTRIES - 50).unwrap(), 0);
    let orders = enter(&mut sale, ENTRIES);
    let order = in_order(&orders);
    let said = sale.reveal("D");
    assert_eq!(said.len(), 1 + HOUSEKEEPING_PER_COMMAND_MAX);
    assert_eq!(said.last().unwrap(), &format!("{} held", order[HOUSEKEEPING_PER_COMMAND_MAX - 1]));
    assert!(sale.ledgers[0].next_due().is_some(), "a tick is wanted");
    // The rest is worked off at the record of the next order, before that is looked at.
    let rest = sale.place("late", "late", [("D", 1)]);
    assert_eq!(rest.len(), 101);
    assert_eq!(rest[49], format!("{} held", order[ENTRIES - 51]));
    assert_eq!(rest[50], format!("{} turned_away not_drawn", order[ENTRIES - 50]));
    assert_eq!(rest[100], "late rejected stock_short");
}

#[test]
fn who_comes_while_the_draw_is_worked_off_waits_behind_it() {
    const ENTRIES: usize = 2 * HOUSEKEEPING_PER_COMMAND_MAX + 10;
    for (waitlist_max, end) in [(0, "late turned_away stock_short"), (u32::MAX >> 9, "late waiting")] {
        let mut sale = sale_of(5, waitlist_max);
        enter(&mut sale, ENTRIES);
        sale.reveal("D");
        let said = sale.place("late", "late", [("D", 1)]);
        assert_eq!(said.len(), HOUSEKEEPING_PER_COMMAND_MAX + 1);
        assert_eq!(said.last().unwrap(), "late waiting");
        assert_eq!(sale.tick_at(1).last().unwrap(), end);
    }
    let mut sale = sale_of(i64::try_from(ENTRIES + 2).unwrap(), 0);
    enter(&mut sale, ENTRIES);
    sale.reveal("D");
    sale.place("gone", "gone", [("D", 1)]);
    sale.place("late", "late", [("D", 1)]);
    assert_eq!(sale.stock("D")[3], 0, "worked off");
    assert_eq!(sale.last("late").kind.name(), "held");
}

#[test]
fn putting_in_order_keeps_to_its_budget() {
    let mut sale = sale_of(1, 0);
    let orders = enter(&mut sale, DRAW_ORDERED_PER_COMMAND_MAX + 1);
    let order = in_order(&orders);
    assert_eq!(sale.reveal("D"), ["D revealed"], "the last entry may be the first of all");
    assert!(sale.ledgers[0].next_due().is_some(), "a tick is wanted");
    assert_eq!(sale.cancel(order[1], order[1], "D")[0], format!("{} cancelled", order[1]));
    assert_eq!(sale.last(order[0]).kind.name(), "held");
    assert_eq!(sale.tick_at(1).len(), HOUSEKEEPING_PER_COMMAND_MAX);
}

#[test]
fn a_drawn_line_at_another_ledger_is_refused_there() {
    let mut sale = Sale::of(2);
    let (own, other) = (sku_at("A", 0, 2), sku_at("B", 1, 2));
    sale.list(&own, 5, |_| {});
    sale.list(&other, 5, |settings| {
        settings.draw = Some(commitment("D"));
        settings.limit_per_customer = 5;
    });
    let said = sale.place("o", "alice", [(&own, 1), (&other, 1)]);
    assert_eq!(
        said,
        ["0: o reserving", "1: o part_refused draw_only_alone", "0: o rejected draw_only_alone"]
    );
}

/// What a ledger without draws has read and said is hashed as it was before there were any.
#[test]
fn logs_without_draws_keep_their_certificates() {
    let mut sale = Sale::of(2);
    let (own, other) = (sku_at("A", 0, 2), sku_at("B", 1, 2));
    sale.list(&own, 5, |settings| settings.limit_per_customer = 3);
    sale.list(&other, 2, |settings| settings.waitlist_max = 9);
    sale.place("one", "alice", [(&own, 2)]);
    sale.place("both", "bob", [(&own, 1), (&other, 1)]);
    sale.place("short", "carol", [(&other, 3)]);
    sale.capture("one", &own, "pay", 200);
    sale.listing(&other, ListingChange::Change(Box::new(settings())));
    // Strays are forwarded, and hashed as relays.
    let open = ListingChange::Open { settings: Box::new(settings()), stock: 1 };
    let stray = listing_command(CommandId::from(99), &sku_at("C", 1, 2), open);
    sale.send_to(Partition(0), &stray);
    sale.send_to(Partition(1), &place("astray", "dora", &[(&own, 1)]));
    sale.restock(&other, 7);
    sale.tick_at(2 * HOLD_MS);
    let certificates: Vec<_> = sale.ledgers.iter().map(|ledger| ledger.certificate().to_string()).collect();
    let known = [
        "82df5a88433423f3d01b5e9a9183fffd292950d3257c91d7020e7e5a1a184959",
        "469c895590eb1d663c63ecd44011790472335f67f355001ce756d9c7ce6ef317",
    ];
    assert_eq!(certificates, known);
}
