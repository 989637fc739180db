//! Laws about a target that fails: everything arrives all the same, and nothing twice.

use order_codec::{DeadLetterReason, Stage};

use super::rig::Rig;
use super::sale::SaleLog;
use super::{Injected, Outcome, Subject};
use crate::error::SinkError;
use crate::status::SinkStatus;
use crate::target::Target;

/// Tries in an outage before it ends. At full size, with the longest wait between two tries, that is four hours.
const OUTAGE_TRIES: u64 = 640;

pub(super) async fn throttling_is_waited_out<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    survives(rig, Injected::Throttle).await
}

pub(super) async fn a_partial_failure_loses_nothing<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    survives(rig, Injected::Partial).await
}

pub(super) async fn a_lost_reply_writes_nothing_twice<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    survives(rig, Injected::LostReply).await
}

/// The whole sale goes through while the storage fails, then again from the start by hand.
async fn survives<S: Subject>(rig: &mut Rig<S>, fault: Injected) -> Outcome {
    let (driven, mut target) = (rig.subject.open().await, rig.subject.open().await);
    if let Err(outcome) = rig.inject(fault) {
        return outcome;
    }
    let log = rig.log();
    let mut runner = Rig::<S>::run(driven, &log, rig.subject.limits(), "one");
    runner.reaches(&rig.ends()).await;
    runner.drain().await;
    rig.assert_contents(&format!("through {fault:?}")).await;
    for partition in rig.partitions() {
        super::rig::write(&mut target, &rig.sale.batches(partition, 0, usize::MAX, 60)).await;
    }
    rig.subject.inject(None);
    rig.assert_contents(&format!("again, through {fault:?}")).await;
    rig.assert_all_reached(&format!("through {fault:?}")).await;
    Outcome::Kept
}

pub(super) async fn an_outage_of_hours_loses_nothing<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let log = SaleLog::of(&rig.part(0, 1, 3));
    let mut runner = rig.start(&log).await;
    runner.until(|status| status.rows > 0).await;
    if let Err(outcome) = rig.inject(Injected::Outage) {
        return outcome;
    }
    log.append(&rig.part(1, 3, 3));
    let before = runner.handle.status();
    let ends = rig.ends();
    let is_over = |status: &SinkStatus| status.retries >= before.retries + OUTAGE_TRIES;
    runner.until(|status| is_over(status) || status.has_reached(&ends)).await;
    let during = runner.handle.status();
    assert!(!during.has_reached(&ends), "everything was written although the storage was out");
    assert!(during.fault.is_some(), "the status does not say what is wrong");
    let limits = rig.subject.limits();
    let portion_max = 16 * limits.read_bytes_max;
    assert!(during.held_bytes_peak <= limits.held_bytes_max + portion_max, "held {}", during.held_bytes_peak);
    rig.subject.inject(None);
    runner.reaches(&rig.ends()).await;
    let after = runner.drain().await;
    assert_eq!(after.fault, None, "the fault is over, and the status does not say so");
    rig.assert_contents("after an outage").await;
    rig.assert_all_reached("after an outage").await;
    Outcome::Kept
}

pub(super) async fn what_is_refused_is_a_dead_letter<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let target = rig.subject.open().await;
    let sink = target.name();
    if let Err(outcome) = rig.inject(Injected::Refuse) {
        return outcome;
    }
    let log = rig.log();
    let mut runner = Rig::<S>::run(target, &log, rig.subject.limits(), "one");
    runner.reaches(&rig.ends()).await;
    let status = runner.drain().await;
    assert!(status.refused > 0, "nothing was refused");
    let mut letters = 0;
    for partition in rig.partitions() {
        let records = log.records(partition);
        for letter in log.letters(partition) {
            letters += 1;
            let at = usize::try_from(letter.offset).unwrap_or(usize::MAX);
            let record = records.get(at).unwrap_or_else(|| panic!("a letter about no record: {letter:?}"));
            assert_eq!(Some(letter.stage), Stage::of_sink(sink), "the stage");
            assert_eq!(letter.reason, DeadLetterReason::Refused, "the reason");
            assert!(!letter.detail.is_empty(), "the letter does not say why");
            assert_eq!((letter.partition, &*letter.topic), (partition, "decisions"), "the place");
            assert_eq!((&letter.key, &letter.value), (&record.key, &record.value), "the record's own bytes");
        }
    }
    assert_eq!(letters, status.refused, "one letter for each decision that was refused");
    rig.subject.inject(None);
    rig.assert_all_reached("the rest went on").await;
    assert!(letters < rig.decisions(), "everything was refused");
    Outcome::Kept
}

pub(super) async fn a_halt_stops_and_says_why<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let log = SaleLog::of(&rig.part(0, 1, 2));
    let mut runner = rig.start(&log).await;
    runner.until(|status| status.rows > 0).await;
    if let Err(outcome) = rig.inject(Injected::Halt) {
        return outcome;
    }
    log.append(&rig.part(1, 2, 2));
    match runner.ended().await {
        Err(SinkError::Halted { detail, .. }) => assert!(detail.len() > 10, "too short a reason: {detail}"),
        other => panic!("the run should have halted: {other:?}"),
    }
    rig.subject.inject(None);
    // Whoever mended it starts the sink again.
    let mut again = rig.start(&log).await;
    again.reaches(&rig.ends()).await;
    again.drain().await;
    rig.assert_contents("after a halt").await;
    Outcome::Kept
}
