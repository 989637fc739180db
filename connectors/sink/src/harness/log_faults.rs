//! Laws about a `decisions` topic that is not as it should be.

use order_codec::{DeadLetterReason, Stage};

use super::rig::Rig;
use super::sale::{Entry, SaleLog};
use super::{Outcome, Subject};
use crate::target::Target;

pub(super) async fn repeats_on_the_log_are_dropped<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let mut entries = rig.entries();
    // A worker that started from too low a number says the last decisions again, and goes on.
    let mut repeats = 0;
    for entries in &mut entries {
        let half = entries.len() / 2;
        let again: Vec<_> = entries.iter().skip(half / 2).take(half - half / 2).cloned().collect();
        repeats += u64::try_from(again.len()).unwrap_or(0);
        entries.splice(half..half, again);
    }
    let log = SaleLog::of(&entries);
    let mut runner = rig.start(&log).await;
    runner.reaches(&ends(&entries)).await;
    let status = runner.drain().await;
    assert_eq!((status.rows, status.repeats, status.missing), (rig.decisions(), repeats, 0));
    rig.assert_contents("with repeats on the log").await;
    Outcome::Kept
}

pub(super) async fn an_unreadable_decision_is_a_dead_letter<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let garbage = [vec![], vec![1, 2, 3], vec![0, 0, 0, 0, 2, 255], b"no decision".to_vec()];
    let mut entries = rig.entries();
    for entries in &mut entries {
        for (number, bytes) in garbage.iter().enumerate() {
            let at = entries.len() * number / garbage.len();
            entries.insert(at, Entry::Garbage(bytes.clone()));
        }
        // The very last record is none either.
        entries.push(Entry::Garbage(vec![9]));
    }
    let log = SaleLog::of(&entries);
    let mut runner = rig.start(&log).await;
    runner.reaches(&ends(&entries)).await;
    let status = runner.drain().await;
    let expected = (garbage.len() + 1) * entries.len();
    assert_eq!(status.unreadable, u64::try_from(expected).unwrap_or(0), "unreadable");
    assert_eq!((status.rows, status.missing), (rig.decisions(), 0), "the rest");
    let target = rig.subject.open().await;
    let mut letters = 0;
    for partition in rig.partitions() {
        for letter in log.letters(partition) {
            letters += 1;
            assert_eq!(Some(letter.stage), Stage::of_sink(target.name()));
            assert_ne!(letter.reason, DeadLetterReason::Refused);
        }
    }
    assert_eq!(letters, expected, "letters");
    rig.assert_contents("with garbage on the log").await;
    Outcome::Kept
}

pub(super) async fn a_gap_is_reported_and_passed<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let mut entries = rig.entries();
    for entries in &mut entries {
        entries.remove(entries.len() / 2);
    }
    let log = SaleLog::of(&entries);
    let mut runner = rig.start(&log).await;
    runner.reaches(&ends(&entries)).await;
    let status = runner.drain().await;
    let gaps = u64::try_from(entries.len()).unwrap_or(0);
    assert_eq!((status.missing, status.rows), (gaps, rig.decisions() - gaps));
    // What came before the gap is not said again, and the gap stays no reason to stop.
    let mut again = rig.start(&log).await;
    again.reaches(&ends(&entries)).await;
    again.drain().await;
    Outcome::Kept
}

/// Where the partitions end.
fn ends(entries: &[Vec<Entry>]) -> std::collections::BTreeMap<u32, u64> {
    (0..).zip(entries.iter().map(|entries| u64::try_from(entries.len()).unwrap_or(0))).collect()
}
