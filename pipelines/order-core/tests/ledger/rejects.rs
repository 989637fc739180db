//! Every reject reason in precedence order: what provokes it, and what provokes it together with the next one, of
//! which the earlier must then be the answer.

use std::sync::LazyLock;

use order_model::limits::{BLOCKED_CUSTOMERS_MAX, CHANGES_MAX, LISTING_STOCK_MAX, LISTINGS_MAX};
use order_model::{
    Command, CommandId, CustomerCommand, CustomerId, Event, ListingChange, ListingCommand, Partition, Place,
    RejectReason as R, TimeMs,
};

use crate::support::{Said, Sale, place, seed, settings, sku};

type Provoke = fn(&mut Sale) -> Said;

/// The row of a reason.
struct Row {
    reason: R,
    alone: Provoke,
    with_next: Next,
}

enum Next {
    /// Both apply to this command.
    Both(Provoke),
    /// No command can meet both, because of this.
    Never(&'static str),
}

const fn row(reason: R, alone: Provoke, with_next: Next) -> Row {
    Row { reason, alone, with_next }
}

use Next::{Both, Never};

static TABLE: LazyLock<[Row; 35]> = LazyLock::new(|| {
    [
        // Placing: the order as a whole.
        row(
            R::OrderIdReused,
            |s| s.place("held", "alice", [("A", 9)]),
            Both(|s| s.place("held", "villain", [("A", 1)])),
        ),
        row(
            R::CustomerBlocked,
            |s| s.place("n", "villain", [("A", 1)]),
            Both(|s| s.place("n", "villain", [])),
        ),
        row(R::NoLines, |s| s.place("n", "bob", []), Never("an order cannot have no lines and too many")),
        row(R::TooManyLines, |s| many_lines(s, 1), Both(|s| many_lines(s, 0))),
        row(
            R::QuantityNotPositive,
            |s| s.place("n", "bob", [("A", 0)]),
            Both(|s| s.place("n", "bob", [("A", 99_999), ("B", 0)])),
        ),
        row(
            R::QuantityTooLarge,
            |s| s.place("n", "bob", [("A", 10_001)]),
            Both(|s| s.place("n", "bob", [("A", 10_001), ("A", 10_001)])),
        ),
        row(
            R::SkuRepeated,
            |s| s.place("n", "bob", [("A", 1), ("A", 2)]),
            Both(|s| {
                fill(s);
                s.place("n", "bob", [("A", 1), ("A", 1)])
            }),
        ),
        row(
            R::LedgerFull,
            |s| {
                fill(s);
                s.place("n", "bob", [("A", 1)])
            },
            Both(|s| {
                fill(s);
                s.place("n", "bob", [("nothing", 1)])
            }),
        ),
        // Placing: line by line in SKU order.
        row(
            R::ListingUnknown,
            |s| s.place("n", "bob", [("nothing", 1)]),
            Never("an unknown listing is not closed"),
        ),
        row(
            R::ListingClosed,
            |s| s.place("n", "bob", [("closed", 1)]),
            Both(|s| s.place("n", "bob", [("closed-soon", 1)])),
        ),
        row(
            R::ListingNotOpen,
            |s| s.place("n", "bob", [("soon", 1)]),
            Both(|s| {
                s.listing("soon", ListingChange::Pause);
                s.place("n", "bob", [("soon", 1)])
            }),
        ),
        row(R::ListingPaused, |s| s.place("n", "bob", [("paused", 1)]), Both(|s| dollars(s, "paused"))),
        row(R::CurrencyForeign, |s| dollars(s, "A"), Both(|s| dollars(s, "limited"))),
        row(
            R::LimitPerCustomer,
            |s| s.place("n", "bob", [("limited", 2)]),
            Both(|s| s.place("n", "bob", [("A", 1), ("drawn", 11)])),
        ),
        row(
            R::DrawOnlyAlone,
            |s| s.place("n", "bob", [("A", 1), ("drawn", 1)]),
            Both(|s| s.place("n", "bob", [("A", 99), ("drawn", 1)])),
        ),
        // Placing: shortage, over all lines.
        row(
            R::StockShort,
            |s| s.place("n", "bob", [("A", 99)]),
            Both(|s| s.place("n", "bob", [("A", 1), ("crowded", 1), ("gone", 1)])),
        ),
        row(
            R::WaitlistFull,
            |s| s.place("n", "bob", [("crowded", 1)]),
            Never("nobody is let into a draw and waits"),
        ),
        row(
            R::DrawFull,
            |s| {
                enter_two(s);
                s.place("n", "bob", [("drawn", 1)])
            },
            Never("who is not let in is not drawn"),
        ),
        row(
            R::NotDrawn,
            |s| {
                enter_two(s);
                s.reveal("drawn").split_off(2)
            },
            Never("the next is about another command"),
        ),
        // Commands about an order.
        row(R::OrderUnknown, |s| s.cancel("nobody", "bob", "A"), Never("an unknown order is nobody's")),
        row(R::CustomerDiffers, |s| s.cancel("held", "bob", "A"), Both(|s| s.cancel("paid", "bob", "A"))),
        row(R::OrderEnded, |s| s.cancel("paid", "alice", "A"), Never("the next is about another command")),
        row(R::NotHeld, |s| s.extend("paid", "A", 1), Both(|s| s.extend("paid", "A", 7))),
        row(R::ExtensionsSpent, |s| s.extend("held", "A", 1), Never("the next is about another command")),
        // Payments.
        row(
            R::PaidAlready,
            |s| s.capture("paid", "A", "again", 100),
            Both(|s| s.capture("paid", "A", "again", 99)),
        ),
        row(
            R::AmountDiffers,
            |s| s.capture("held", "A", "p", 99),
            Never("the next is about another command"),
        ),
        // Commands about a listing or a customer.
        row(
            R::ListingExists,
            |s| s.try_list("A", 1, |_| {}),
            Both(|s| s.try_list("A", 1, |settings| settings.hold_ms = 0)),
        ),
        row(
            R::SettingsInvalid,
            |s| s.try_list("N", 1, |settings| settings.hold_ms = 0),
            Both(|s| s.try_list("N", -1, |settings| settings.hold_ms = 0)),
        ),
        row(R::StockBelowZero, |s| s.restock("A", -99), Never("a number is not below and above")),
        row(
            R::StockTooLarge,
            |s| s.restock("A", LISTING_STOCK_MAX.into()),
            Both(|s| {
                fill_listings(s);
                s.try_list("N", i64::MAX, |_| {})
            }),
        ),
        row(
            R::TooManyListings,
            |s| {
                fill_listings(s);
                s.try_list("N", 1, |_| {})
            },
            Never("a new listing was never changed"),
        ),
        row(
            R::TooManyChanges,
            |s| {
                exhaust_changes(s);
                s.restock("A", 1)
            },
            Both(|s| {
                exhaust_blocks(s);
                s.block("bob", true)
            }),
        ),
        row(
            R::TooManyBlocked,
            |s| {
                fill_blocks(s);
                s.block("bob", true)
            },
            Never("the next is about another command"),
        ),
        row(
            R::DrawNotOpen,
            |s| s.reveal("A"),
            Both(|s| s.listing("A", ListingChange::Reveal { seed: seed("drawn") })),
        ),
        row(
            R::SeedDiffers,
            |s| s.listing("drawn", ListingChange::Reveal { seed: seed("A") }),
            Never("it is the last"),
        ),
    ]
});

/// The stage all rows are played on.
fn stage() -> Sale {
    let mut sale = Sale::shaped(1, |shape| {
        shape.remembered_orders_max = 20;
        shape.draw_entries_max = 2;
    })
    .unaudited();
    sale.list("A", 5, |_| {});
    sale.list("B", 5, |_| {});
    sale.list("closed", 5, |_| {});
    sale.list("closed-soon", 5, |settings| settings.opens_at = TimeMs(1_000));
    sale.list("soon", 5, |settings| settings.opens_at = TimeMs(1_000));
    sale.list("paused", 5, |_| {});
    sale.list("limited", 5, |settings| settings.limit_per_customer = 1);
    sale.list("gone", 0, |_| {});
    sale.list_drawn("drawn", 1, 0);
    sale.list("crowded", 0, |settings| settings.waitlist_max = 1);
    sale.listing("closed", ListingChange::Close);
    sale.listing("closed-soon", ListingChange::Close);
    sale.listing("paused", ListingChange::Pause);
    sale.block("villain", true);
    assert_eq!(sale.place("held", "alice", [("A", 1)]), ["held held"]);
    assert_eq!(sale.place("paid", "alice", [("A", 1)]), ["paid held"]);
    assert_eq!(sale.capture("paid", "A", "first", 100), ["paid paid"]);
    assert_eq!(sale.place("waits", "alice", [("crowded", 1)]), ["waits waiting"]);
    sale
}

fn enter_two(sale: &mut Sale) {
    sale.place("e1", "alice", [("drawn", 1)]);
    sale.place("e2", "alice", [("drawn", 1)]);
}

fn many_lines(sale: &mut Sale, quantity: i32) -> Said {
    let names: Vec<String> = (0..17).map(|number| format!("A{number}")).collect();
    let lines: Vec<(&str, i32)> = names.iter().map(|name| (name.as_str(), quantity)).collect();
    sale.send(place("n", "bob", &lines))
}

fn dollars(sale: &mut Sale, name: &str) -> Said {
    let Command::Place(order) = place("n", "bob", &[(name, 2)]) else { unreachable!() };
    sale.send(Command::Place(Place { currency: "USD".parse().unwrap(), ..order }))
}

fn fill(sale: &mut Sale) {
    while sale.ledgers[0].remembered_orders() < 20 {
        let order = format!("f{}", sale.ledgers[0].remembered_orders());
        sale.place(&order, "bob", [("nothing", 1)]);
    }
}

fn fill_listings(sale: &mut Sale) {
    let settings = Box::new(settings());
    for number in 0..LISTINGS_MAX {
        let change = ListingChange::Open { settings: settings.clone(), stock: 1 };
        let id = CommandId::from(u128::MAX);
        let command = ListingCommand { id, sku: sku(&format!("L{number}")), change };
        sale.record(Partition(0), Some(&Command::Listing(command)));
        sale.decisions.clear();
    }
}

fn exhaust_changes(sale: &mut Sale) {
    for _ in 0..CHANGES_MAX {
        sale.restock("A", 0);
    }
}

/// Block commands about `customers` customers in turn, each blocked, or blocked and unblocked.
fn block_many(sale: &mut Sale, commands: usize, customers: usize) {
    for number in 0..commands {
        let id = CommandId::from(u128::MAX - u128::try_from(number).unwrap());
        let customer = CustomerId::from(u128::try_from(number % customers).unwrap());
        let command = CustomerCommand { id, customer, blocked: true };
        sale.record(Partition(0), Some(&Command::Customer(command)));
    }
}

fn fill_blocks(sale: &mut Sale) {
    block_many(sale, BLOCKED_CUSTOMERS_MAX, BLOCKED_CUSTOMERS_MAX);
}

fn exhaust_blocks(sale: &mut Sale) {
    // One is blocked on the stage already. Blocking who is blocked is a change all the same.
    block_many(sale, BLOCKED_CUSTOMERS_MAX - 1, BLOCKED_CUSTOMERS_MAX - 1);
    for _ in 0..CHANGES_MAX {
        sale.block("villain", false);
        sale.block("villain", true);
    }
}

fn reason_of_last(sale: &Sale) -> Option<R> {
    match &sale.decisions.last()?.event {
        Event::Order(event) => event.reason,
        Event::Listing(event) => event.reason,
        Event::Customer(event) => event.reason,
    }
}

#[test]
fn every_reason_has_its_row_in_precedence_order() {
    let reasons: Vec<R> = TABLE.iter().map(|row| row.reason).collect();
    assert_eq!(reasons, R::ALL);
}

#[test]
fn every_reason_is_provoked_and_comes_before_the_next() {
    for row in TABLE.iter() {
        let mut sale = stage();
        let said = (row.alone)(&mut sale);
        assert_eq!(said.len(), 1, "{said:?}");
        assert_eq!(reason_of_last(&sale), Some(row.reason), "{said:?}");
        match row.with_next {
            Both(provoke) => {
                let mut sale = stage();
                let said = provoke(&mut sale);
                assert_eq!(reason_of_last(&sale), Some(row.reason), "with the next: {said:?}");
            }
            Never(why) => assert!(!why.is_empty()),
        }
    }
}
