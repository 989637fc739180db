//! Workers share the partitions, come and go in mid-sale, and nothing is lost or said twice.

use std::sync::Arc;

use order_worker::WorkerEvent;

use crate::crew::{Member, assert_proved, live_sale, until, until_decided};
use crate::other_log::OtherLog;
use crate::sale::{DECISIONS, values};

const GROUP: &str = "workers";

#[test]
fn two_then_three_then_one() {
    let sale = live_sale(4_000, 6);
    let (first, second) = (Member::start(&sale, GROUP), Member::start(&sale, GROUP));
    until("both have decided something", || first.durable() > 0 && second.durable() > 0);
    let third = Member::start(&sale, GROUP);
    until("the third has decided something", || third.durable() > 0);
    let released = first.drain();
    second.drain();
    assert!(!released.partitions.is_empty(), "a drained worker says what it had");
    until_decided(&sale, &[&third]);
    assert_eq!(third.assigned(), [0, 1, 2, 3, 4, 5], "the last one has everything");
    let summary = third.drain();
    let proof = assert_proved(&sale);
    for (mine, proved) in summary.partitions.iter().zip(&proof.partitions) {
        assert_eq!(mine.certificate, proved.certificate, "partition {}", mine.partition);
        assert_eq!(mine.sequence.0, proved.decisions, "partition {}", mine.partition);
    }
    let repeats: u64 = proof.partitions.iter().map(|partition| partition.comparison.repeated).sum();
    assert_eq!(repeats, 0, "who is drained gives partitions back when all of theirs is durable");
}

#[test]
fn drained_partitions_are_given_back_durable_and_dense() {
    let sale = live_sale(1_000, 4);
    let slow = OtherLog { log: sale.log.clone(), orders_start: 0, markers: 0 };
    let worker = Member::start_on(Arc::new(slow), &sale, GROUP);
    until("it is in the middle of things", || worker.durable() > 100);
    let summary = worker.drain();
    let stored = values(&sale.log, DECISIONS);
    for partition in &summary.partitions {
        let stored = &stored[usize::try_from(partition.partition).unwrap()];
        let numbers: Vec<u64> =
            stored.iter().map(|value| sale.codec.decision_from(value).unwrap().sequence.0).collect();
        let expected: Vec<u64> = (1..=partition.sequence.0).collect();
        assert_eq!(numbers, expected, "partition {}", partition.partition);
    }
    let next = Member::start(&sale, GROUP);
    until_decided(&sale, &[&next]);
    let took_over = next
        .events()
        .iter()
        .any(|event| matches!(event, WorkerEvent::Assigned { published, .. } if published.0 > 0));
    assert!(took_over, "the next one goes on where the first has stopped");
    next.drain();
    assert_proved(&sale);
}

#[test]
fn who_stops_at_once_leaves_a_log_that_can_be_taken_over() {
    let sale = live_sale(2_000, 4);
    for _ in 0..3 {
        let worker = Member::start(&sale, GROUP);
        let before = values(&sale.log, DECISIONS).iter().map(Vec::len).sum::<usize>();
        until("it has published something new", || {
            values(&sale.log, DECISIONS).iter().map(Vec::len).sum::<usize>() > before
        });
        worker.leave();
    }
    let last = Member::start(&sale, GROUP);
    until_decided(&sale, &[&last]);
    last.drain();
    assert_proved(&sale);
}

#[test]
fn a_worker_that_should_be_dead_only_says_what_the_other_says() {
    // Two groups: each of the workers believes that every partition is its own, as a zombie and its successor do.
    let sale = live_sale(0, 4);
    let (zombie, owner) = (Member::start(&sale, "zombie"), Member::start(&sale, "owner"));
    until("both have everything", || zombie.assigned().len() == 4 && owner.assigned().len() == 4);
    let sale = sale.with_traffic(1_500);
    until_decided(&sale, &[&owner]);
    until_decided(&sale, &[&zombie]);
    zombie.drain();
    owner.drain();
    let proof = assert_proved(&sale);
    let repeats = proof.audit.numbers.repeats_dropped;
    assert!(repeats > 1_000, "both have said everything, so that one half is repeats: {repeats}");
}
