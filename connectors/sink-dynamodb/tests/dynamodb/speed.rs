//! A hot sale in numbers. The figures are `pipeline bench sinks`'s to judge; here they are only printed, and what lies in
//! the tables is checked.

use order_model::OrderEventKind;
use sink::Batch;
use sink_dynamodb::{Options, measure};
use tables::Local;

use crate::decisions::{batch, order};

/// Two ledgers with one SKU each; each order is held and, while others go on being held, paid.
fn hot_sale(flushes: u64, orders_per_flush: u64) -> Vec<Vec<Batch>> {
    let flush = |number: u64| {
        let ledger = |ledger: u32| {
            let first = number * 2 * orders_per_flush + 1;
            let id = |at: u64| u128::from(number * orders_per_flush + at) * 4 + u128::from(ledger) + 0x1000;
            let held =
                (0..orders_per_flush).map(|at| order(ledger, first + at, OrderEventKind::Held, id(at)));
            let paid = (0..orders_per_flush)
                .map(|at| order(ledger, first + orders_per_flush + at, OrderEventKind::Paid, id(at)));
            batch(&held.chain(paid).collect::<Vec<_>>())
        };
        vec![ledger(0), ledger(1)]
    };
    (0..flushes).map(flush).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_sale_is_written_and_checked() {
    let local = Local::start().unwrap();
    let flushes = hot_sale(3, 1_000);
    let measured = measure(&Options::new(local.options()), &flushes).await.unwrap();
    println!("{measured:?}: {} decisions/s", measured.decisions_per_second());
    assert_eq!((measured.decisions, measured.orders), (12_000, 6_000));
    // 6,000 orders, 6,000 payments, and the stock of two SKUs.
    assert_eq!(measured.items, 12_002);
    // An order that is new: a unit for it, one for its entry in the index, one for its payment; the rest is stock and
    // progress, a few units a flush.
    assert_eq!(measured.write_units_per_1000_orders(), 3_002);
}
