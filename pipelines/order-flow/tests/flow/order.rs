//! What is decided does not depend on batches and threads.

use std::collections::BTreeMap;

use order_core::Certificate;
use order_flow::Resume;
use order_log::MemoryLog;

use crate::appender::TestAppender;
use crate::driver::{Driver, empty_log};
use crate::sale::{DEAD_LETTERS, DECISIONS, ORDERS, Sale, values};

/// Decides `sale` again into an empty log, on so many threads.
#[expect(clippy::disallowed_methods, reason = "the test stands for the worker, which owns the threads")]
fn decide_again(sale: &Sale, threads: u32, batch: usize) -> (MemoryLog, BTreeMap<u32, Certificate>) {
    let out = empty_log(sale.partitions);
    let run = |thread: u32| {
        let mut driver = Driver::new(TestAppender::new(&out));
        for partition in (0..sale.partitions).filter(|partition| partition % threads == thread) {
            driver.start(sale, partition, batch, Resume::from_start());
        }
        driver.run();
        driver.certificates()
    };
    let certificates = std::thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|thread| scope.spawn(move || run(thread))).collect();
        threads.into_iter().flat_map(|thread| thread.join().unwrap()).collect()
    });
    (out, certificates)
}

#[test]
fn threads_and_batches_change_no_byte() {
    let sale = Sale::of(900, 6);
    let decided = sale.decide();
    assert!(decided.relays.len() > 50 && decided.dead_letters.len() > 2, "the sale has a bit of everything");
    for threads in [1, 2, 3] {
        for batch in [1, 7, 4_096] {
            let (out, certificates) = decide_again(&sale, threads, batch);
            let what = format!("{threads} threads, batches of {batch}");
            assert_eq!(certificates, decided.certificates, "{what}");
            for topic in [DECISIONS, DEAD_LETTERS] {
                assert!(values(&out, topic) == values(&sale.log, topic), "{topic}, {what}");
            }
        }
    }
}

#[test]
fn decisions_follow_the_log_and_progress_follows_the_batches() {
    let sale = Sale::of(300, 2);
    sale.decide();
    let out = empty_log(2);
    let mut driver = Driver::new(TestAppender::new(&out));
    driver.start(&sale, 0, 5, Resume::from_start());
    let records = sale.log.records(ORDERS, 0).unwrap().len();
    let mut seen = vec![0];
    while seen.last() != Some(&u64::try_from(records).unwrap()) {
        driver.round();
        let durable = driver.flows[0].0.durable_offset();
        assert!(durable >= *seen.last().unwrap(), "progress goes back: {seen:?}, {durable}");
        if durable > *seen.last().unwrap() {
            seen.push(durable);
        }
        // Nothing is called durable whose decisions are not in the log.
        let published = values(&out, DECISIONS)[0].len();
        let due = values(&sale.log, DECISIONS)[0]
            .iter()
            .take_while(|value| sale.codec.decision_from(value).unwrap().offset.0 < durable)
            .count();
        assert!(published >= due, "{published} of {due} decisions before offset {durable}");
    }
    assert!(seen.iter().all(|offset| offset % 5 == 0 || *offset == *seen.last().unwrap()), "{seen:?}");
    let decisions: Vec<_> =
        values(&out, DECISIONS)[0].iter().map(|value| sale.codec.decision_from(value).unwrap()).collect();
    assert!(decisions.is_sorted_by_key(|decision| decision.offset));
    assert!((1..).zip(&decisions).all(|(number, decision)| decision.sequence.0 == number));
}
