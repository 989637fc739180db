//! Laws about the runner with a target: restarts, metrics, memory, drain, pause.

use super::rig::Rig;
use super::sale::{SaleLog, must};
use super::{Injected, Outcome, Subject};
use crate::controls::Action;
use crate::limits::SinkLimits;
use crate::target::{Reached, Target};

/// How often the runner is killed.
const KILLS: usize = 12;

pub(super) async fn a_restart_goes_on_where_the_target_is<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let rounds = KILLS + 1;
    let log = SaleLog::of(&rig.part(0, 0, rounds));
    for round in 0..rounds {
        log.append(&rig.part(round, round + 1, rounds));
        let mut runner = rig.start(&log).await;
        if round == KILLS {
            runner.reaches(&rig.ends()).await;
            runner.drain().await;
            break;
        }
        // Killed once it has written a little, at whatever it does then.
        runner.until(|status| status.rows > 0).await;
        for _ in 0..round {
            tokio::task::yield_now().await;
        }
        runner.kill().await;
    }
    rig.assert_contents("after restarts").await;
    rig.assert_all_reached("after restarts").await;
    Outcome::Kept
}

pub(super) async fn metrics_say_what_was_done<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let log = rig.log();
    let mut runner = rig.start(&log).await;
    runner.reaches(&rig.ends()).await;
    // The ends of the log are looked at now and then, and what was written is let go a moment after.
    runner.until(|status| (status.lag_records(), status.lag_ms(), status.held_bytes) == (0, 0, 0)).await;
    let status = runner.handle.status();
    assert_eq!(status.rows, rig.decisions(), "rows");
    assert_eq!((status.refused, status.unreadable, status.repeats, status.missing), (0, 0, 0, 0));
    assert_eq!(status.fault, None);
    assert_eq!((status.lag_ms(), status.held_bytes), (0, 0), "lag and bytes held at the end");
    assert!(status.bytes > 0 && status.flushes > 1 && status.held_bytes_peak > 0, "{status:?}");
    for partition in rig.partitions() {
        let said = status.partitions.get(&partition).map(|partition| partition.reached);
        assert_eq!(said, Some(rig.sale.end(partition)), "progress of partition {partition}");
    }
    let mut target = rig.subject.open().await;
    let topics = SaleLog::options(rig.subject.limits(), "one").topics;
    let survey = must("the survey", crate::survey(&mut target, &log.parts(), &topics).await);
    for (partition, standing) in (0..).zip(&survey) {
        let found =
            (standing.partition.0, standing.reached, standing.lag_records, standing.lag_ms, standing.letters);
        assert_eq!(found, (partition, rig.sale.end(partition), 0, 0, 0), "the survey");
    }
    assert_eq!(survey.len(), rig.partitions().len(), "partitions of the survey");
    let controls = log.controls();
    loop {
        let beats = must("reading heartbeats", controls.heartbeats(target.name()));
        match beats.as_slice() {
            [beat] if beat.rows == status.rows => {
                assert_eq!((beat.instance.as_str(), beat.is_paused), ("one", false));
                assert_eq!(beat.partitions, rig.partitions());
                break;
            }
            _ => tokio::time::sleep(rig.subject.limits().heartbeat_interval).await,
        }
    }
    runner.drain().await;
    Outcome::Kept
}

pub(super) async fn memory_is_bounded<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let usual = rig.subject.limits();
    let limits = SinkLimits { held_bytes_max: 24 * 1_024, read_records_max: 5, ..usual };
    let log = SaleLog::of(&rig.part(0, 0, 1));
    let mut runner = rig.start_with(&log, limits, "one").await;
    let all = rig.partitions().len();
    runner.until(|status| status.partitions.len() == all).await;
    // A target that takes nothing: reading stops when enough is held.
    runner.handle.pause();
    runner.until(|status| status.is_paused).await;
    log.append(&rig.entries());
    runner.until(|status| status.held_bytes >= limits.held_bytes_max).await;
    runner.handle.resume();
    runner.reaches(&rig.ends()).await;
    let status = runner.drain().await;
    // Five decisions, each far smaller than this.
    let portion_max = 5 * 4_096;
    let peak = status.held_bytes_peak;
    assert!(peak <= limits.held_bytes_max + portion_max, "held {peak} bytes of {}", limits.held_bytes_max);
    rig.assert_contents("with little memory").await;
    Outcome::Kept
}

pub(super) async fn a_drain_leaves_nothing_open<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let log = rig.log();
    let mut runner = rig.start(&log).await;
    runner.until(|status| status.rows > 50).await;
    let status = runner.drain().await;
    assert_eq!(status.held_bytes, 0, "what was read was not written");
    let mut target = rig.subject.open().await;
    let mut total = 0;
    for (partition, status) in &status.partitions {
        let reached = super::rig::reached(&mut target, *partition).await;
        assert_eq!(reached, status.reached, "the target and the status about partition {partition}");
        total += reached.sequence.0;
    }
    assert!(total >= status.rows && status.rows > 50, "{total} of {} rows", status.rows);
    // The partitions were given back: another process gets them at once.
    let mut next = rig.start(&log).await;
    next.reaches(&rig.ends()).await;
    let next = next.drain().await;
    assert_eq!(status.rows + next.rows, rig.decisions(), "after a drain nothing is written again");
    rig.assert_contents("in two runs").await;
    Outcome::Kept
}

pub(super) async fn a_pause_holds_until_resumed<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let log = rig.log();
    let (controls, target) = (log.controls(), rig.subject.open().await);
    let now = (log.parts().clock)();
    must("pausing", controls.give(target.name(), Action::Pause, now));
    let mut runner = rig.start(&log).await;
    runner.until(|status| status.is_paused).await;
    // A drain in a pause ends at once.
    let status = runner.drain().await;
    assert_eq!((status.rows, status.flushes), (0, 0), "a paused sink writes nothing");
    let mut target = target;
    for partition in rig.partitions() {
        assert_eq!(super::rig::reached(&mut target, partition).await, Reached::default(), "while paused");
    }
    // A copy of the old pause, after the resume, changes nothing.
    must("resuming", controls.give(target.name(), Action::Resume, now));
    log.replay_first_control();
    assert!(!must("reading the controls", controls.is_paused(target.name())), "a replay paused the sink");
    let mut runner = rig.start(&log).await;
    runner.reaches(&rig.ends()).await;
    must("pausing", controls.give(target.name(), Action::Pause, now));
    runner.until(|status| status.is_paused).await;
    must("resuming", controls.give(target.name(), Action::Resume, now));
    runner.until(|status| !status.is_paused).await;
    runner.drain().await;
    rig.assert_contents("after a pause").await;
    Outcome::Kept
}

pub(super) async fn two_runners_share_the_partitions<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let log = rig.log();
    let limits = rig.subject.limits();
    let mut one = rig.start_with(&log, limits, "one").await;
    one.until(|status| status.rows > 20).await;
    // The second joins in the middle, in an outage if there can be one, and the first leaves later: partitions move
    // twice.
    let target = rig.subject.open().await;
    rig.subject.inject(Some(Injected::Outage));
    let mut two = Rig::<S>::run(target, &log, limits, "two");
    let all = rig.partitions().len();
    one.until(|status| status.partitions.len() < all).await;
    rig.subject.inject(None);
    two.until(|status| !status.partitions.is_empty()).await;
    let first = one.drain().await;
    two.reaches(&rig.ends()).await;
    let second = two.drain().await;
    assert!(first.rows > 0 && first.missing + second.missing == 0, "{first:?}");
    rig.assert_contents("by two runners").await;
    rig.assert_all_reached("by two runners").await;
    Outcome::Kept
}
