//! Time passes on a partition where nothing else happens.

use std::sync::Arc;
use std::time::Instant;

use order_model::{Command, Currency, Event, Line, Lines, OrderEventKind, Place};
use order_traffic::{SaleSpec, opening_commands};
use order_worker::limits::TICK_INTERVAL_MS;

use crate::crew::{Member, assert_proved, now, until};
use crate::sale::{DECISIONS, ORDERS, Sale, values};

#[test]
fn a_hold_expires_on_an_idle_partition() {
    let sale = Sale::on(Arc::new(|| now().0), 1);
    let mut spec = SaleSpec::demo(100, 1);
    spec.listings.truncate(1);
    spec.listings[0].settings.hold_ms = 150;
    opening_commands(1, &spec).iter().for_each(|command| sale.write(command, None));
    let lines = Lines::from_iter([Line { sku: spec.listings[0].sku, quantity: 1 }]);
    let currency = Currency::EUR;
    let place = Place { order: 1.into(), customer: 1.into(), currency, partial: false, lines };
    sale.write(&Command::Place(place), None);

    let start = Instant::now();
    let worker = Member::start(&sale, "workers");
    until("the hold has expired", || kinds(&sale).contains(&OrderEventKind::Expired));
    worker.drain();
    assert_eq!(kinds(&sale), [OrderEventKind::Held, OrderEventKind::Expired]);
    let ticks = sale.log.records(ORDERS, 0).unwrap().len() - 2;
    let ticks_max = start.elapsed().as_millis() / u128::from(TICK_INTERVAL_MS) + 1;
    let is_no_flood = u128::try_from(ticks).unwrap() <= ticks_max;
    assert!(ticks > 0 && is_no_flood, "a tick does it, and they do not flood the log: {ticks}");
    assert_proved(&sale);
}

fn kinds(sale: &Sale) -> Vec<OrderEventKind> {
    let event = |value: &Vec<u8>| match sale.codec.decision_from(value).unwrap().event {
        Event::Order(order) => Some(order.kind),
        _ => None,
    };
    values(&sale.log, DECISIONS)[0].iter().filter_map(event).collect()
}
