//! What is decided and not stored yet is bounded by effects, not by batches alone.

use order_flow::Resume;
use order_flow::limits::{EFFECTS_IN_FLIGHT_MAX, EFFECTS_OF_A_BATCH_MAX};
use order_model::{Cancel, Command};

use crate::appender::{Noted, TestAppender};
use crate::driver::{Driver, empty_log};
use crate::sale::{DECISIONS, Sale, values};

/// Records of the sale, each of which has one effect: more than may be in flight.
const RECORDS: u32 = 100_000;
/// So few batches that there is room for all of them.
const BATCH: usize = 40_000;

#[test]
fn large_batches_are_decided_in_parts_as_the_log_takes_them() {
    let sale = Sale::empty(1);
    for number in 0..RECORDS {
        let order = u128::from(number).into();
        sale.write(&Command::Cancel(Cancel { order, customer: 1.into(), sku: "a".parse().unwrap() }), None);
    }
    let out = empty_log(1);
    let appender = TestAppender::new(&out);
    let rules = appender.rules();
    rules.lock().unwrap().withholds = true;
    let mut driver = Driver::new(appender);
    driver.start(&sale, 0, BATCH, Resume::from_start());
    driver.settle();
    assert!(driver.flows[0].1.is_empty(), "every batch was offered");
    let in_flight = values(&out, DECISIONS)[0].len();
    assert!(
        (EFFECTS_IN_FLIGHT_MAX..EFFECTS_IN_FLIGHT_MAX + EFFECTS_OF_A_BATCH_MAX).contains(&in_flight),
        "{in_flight} are in flight"
    );
    assert_eq!(driver.flows[0].0.durable_offset(), 0);

    rules.lock().unwrap().withholds = false;
    driver.run();
    let decided = &values(&out, DECISIONS)[0];
    let numbers = decided.iter().map(|value| sale.codec.decision_from(value).unwrap().sequence.0);
    assert!(numbers.eq(1..=u64::from(RECORDS)), "dense, in order");
    let largest = rules.lock().unwrap().noted.iter().map(size).max();
    assert_eq!(largest, Some(EFFECTS_OF_A_BATCH_MAX), "no part is larger");
}

fn size(noted: &Noted) -> usize {
    match noted {
        Noted::Appended(_, records) => *records,
        _ => 0,
    }
}
