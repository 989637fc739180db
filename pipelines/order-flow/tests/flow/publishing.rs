//! When a batch is durable, and in what order its effects reach the log.

use order_codec::KeyRing;
use order_flow::{FlowError, Purpose, Resume};
use order_log::MemoryLog;
use order_model::{Cancel, Command, partition_of};

use crate::appender::{Noted, TestAppender};
use crate::driver::{Driver, empty_log};
use crate::sale::{DEAD_LETTERS, DECISIONS, ORDERS, Sale, values};

/// A sale with relays and dead letters in partition 0, and a log for what is decided about it again.
fn sale() -> (Sale, MemoryLog) {
    let sale = Sale::of(300, 2);
    let decided = sale.decide();
    assert!(decided.relays.iter().any(|(partition, _)| *partition == 0));
    assert!(decided.dead_letters.iter().any(|(partition, _)| *partition == 0));
    (sale, empty_log(2))
}

#[test]
fn nothing_is_durable_before_the_log_has_acknowledged_it() {
    let (sale, out) = sale();
    let appender = TestAppender::new(&out);
    let rules = appender.rules();
    rules.lock().unwrap().withholds = true;
    let mut driver = Driver::new(appender);
    driver.start(&sale, 0, 10, Resume::from_start());
    driver.settle();
    // The first batch opens listings, which has been appended; but the log has not said so.
    assert!(!values(&out, DECISIONS)[0].is_empty());
    assert_eq!(driver.flows[0].0.durable_offset(), 0);
    assert!(!driver.flows[0].0.has_room(), "what is in flight is bounded");

    rules.lock().unwrap().withholds = false;
    driver.run();
    assert_eq!(driver.flows[0].0.durable_offset(), driver.flows[0].0.next_offset());
    assert!(values(&out, DECISIONS)[0] == values(&sale.log, DECISIONS)[0]);
}

#[test]
fn relays_and_dead_letters_are_acknowledged_before_decisions_are_appended() {
    let (sale, out) = sale();
    let appender = TestAppender::new(&out);
    let rules = appender.rules();
    let mut driver = Driver::new(appender);
    // One batch at a time, so that all that is appended is of one batch.
    driver.start(&sale, 0, 8, Resume::from_start());
    let mut batches = std::mem::take(&mut driver.flows[0].1);
    let mut both = 0;
    while let Some(batch) = batches.pop_front() {
        rules.lock().unwrap().noted.clear();
        driver.flows[0].1.push_back(batch);
        driver.run();
        let noted = &rules.lock().unwrap().noted;
        let appended = |topic: &str| {
            let is_topic = |noted: &Noted| matches!(noted, Noted::Appended(name, _) if name == topic);
            noted.iter().position(is_topic)
        };
        let Some(decisions) = appended(DECISIONS) else { continue };
        let Some(first) = appended(ORDERS).max(appended(DEAD_LETTERS)) else { continue };
        let between = noted.get(first..decisions).unwrap_or_default();
        let is_acknowledged = between.iter().any(|noted| matches!(noted, Noted::Acknowledged(_)));
        assert!(first < decisions && is_acknowledged, "{noted:?}");
        both += 1;
    }
    assert!(both > 5, "only {both} batches have both");
}

#[test]
fn decisions_wait_while_their_relays_are_not_acknowledged() {
    let (sale, out) = sale();
    let appender = TestAppender::new(&out);
    let rules = appender.rules();
    let mut driver = Driver::new(appender);
    driver.start(&sale, 0, 4_096, Resume::from_start());
    rules.lock().unwrap().withholds = true;
    driver.settle();
    let topics: Vec<_> = rules
        .lock()
        .unwrap()
        .noted
        .iter()
        .filter_map(|noted| match noted {
            Noted::Appended(topic, _) => Some(topic.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(topics, [ORDERS, DEAD_LETTERS]);
    rules.lock().unwrap().withholds = false;
    driver.run();
    assert!(values(&out, DECISIONS)[0] == values(&sale.log, DECISIONS)[0]);
}

#[test]
fn a_full_appender_loses_nothing() {
    for batches_max in [1, 2, 3] {
        let (sale, out) = sale();
        let appender = TestAppender::new(&out);
        let rules = appender.rules();
        rules.lock().unwrap().batches_max = batches_max;
        let mut driver = Driver::new(appender);
        for partition in 0..2 {
            driver.start(&sale, partition, 3, Resume::from_start());
        }
        driver.run();
        assert!(rules.lock().unwrap().noted.contains(&Noted::Full), "it was never full");
        for topic in [DECISIONS, DEAD_LETTERS] {
            assert!(values(&out, topic) == values(&sale.log, topic), "{topic}");
        }
    }
}

#[test]
fn a_relay_needs_a_key_unless_it_is_a_replay_whatever_the_time_of_day() {
    let sale = Sale::empty(2);
    let mut skus = ["a", "b", "c", "d"].map(|sku| sku.parse().unwrap()).into_iter();
    let away = skus.find(|sku| partition_of(sku, 2).0 == 1).unwrap();
    let cancel = Cancel { order: 1.into(), customer: 1.into(), sku: away };
    sale.write(&Command::Cancel(cancel), Some(0));
    let cases = [(1, Purpose::Decide, true), (0, Purpose::Decide, true), (1, Purpose::Replay, false)];
    for (clock, purpose, is_stopped) in cases {
        let appender = TestAppender::new(&empty_log(2));
        let mut driver = Driver::new(appender);
        driver.clock.set(clock);
        driver.purpose = purpose;
        let nothing = KeyRing::default();
        driver.start_with(&sale, 0, 1, Resume::from_start(), sale.codec.clone(), nothing);
        driver.settle();
        let failure = driver.flows[0].0.failure();
        assert_eq!(matches!(failure, Some(FlowError::NoKey { partition: 0 })), is_stopped, "{failure:?}");
        assert_eq!(driver.flows[0].0.durable_offset(), u64::from(!is_stopped));
    }
}

#[test]
fn a_hole_at_the_end_is_passed_when_all_before_it_is_durable() {
    let (sale, out) = sale();
    let appender = TestAppender::new(&out);
    let rules = appender.rules();
    rules.lock().unwrap().withholds = true;
    let mut driver = Driver::new(appender);
    driver.start(&sale, 0, 4_096, Resume::from_start());
    driver.settle();
    let end = driver.flows[0].0.next_offset();
    driver.flows[0].0.pass(end + 2);
    // What has been passed already is no news.
    driver.flows[0].0.pass(end + 1);
    driver.settle();
    assert_eq!(driver.flows[0].0.durable_offset(), 0);
    rules.lock().unwrap().withholds = false;
    driver.run();
    assert_eq!(driver.flows[0].0.durable_offset(), end + 2);
}
