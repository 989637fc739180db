//! Logs that do not say everything: nothing is removed for what they do not say.

use std::sync::Arc;

use order_codec::{Codec, FileSchemas};
use order_model::{Partition, TimeMs};
use reconcile::{ReconcileError, Reconciliation, mend, reconcile};

use crate::ground::{
    CutOff, Silent, append, append_decision, bare, batches, codec, empty_log, log_of, written,
};

#[tokio::test(flavor = "multi_thread")]
async fn a_log_whose_beginning_has_expired_is_not_compared() {
    let ground = bare(CutOff(log_of(&batches())), codec());
    let error = reconcile(&ground).await.unwrap_err();
    assert!(matches!(error, ReconcileError::CutOff { partition: 0, start: 10, .. }), "{error}");
    assert!(error.to_string().contains("retention.ms"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_registry_that_does_not_answer_is_no_record_that_is_no_decision() {
    let log = log_of(&batches());
    append(&log, Partition(1), TimeMs(1), &[0, 0, 0, 0, 9, 1]);
    let codec = Codec::new(Arc::new(Silent(FileSchemas::new().unwrap()))).unwrap();
    let error = reconcile(&bare(log, codec)).await.unwrap_err();
    assert!(matches!(error, ReconcileError::Registry { partition: 1, offset: 60, .. }), "{error}");
}

/// Its good row would go: nobody can say whether it is one.
#[tokio::test(flavor = "multi_thread")]
async fn a_log_with_a_hole_or_a_record_that_is_no_decision_takes_nothing_away() {
    let [full, other] = batches().try_into().unwrap();
    for (is_gap, gaps, unreadable) in [(true, 1, 0), (false, 1, 1)] {
        let ground = written(&[full.clone(), other.clone()]).await;
        let log = empty_log();
        for arrival in full.arrivals.iter().chain(&other.arrivals) {
            match (arrival.decision.partition.0, arrival.decision.sequence.0) {
                (1, 30) if is_gap => {}
                (1, 30) => append(&log, Partition(1), TimeMs(1), b"no decision"),
                _ => append_decision(&log, &arrival.decision),
            }
        }
        let ground = reconcile::Ground { log: Arc::new(log), ..ground };
        let found = reconcile(&ground).await.unwrap();
        assert_eq!((found.gaps, found.unreadable), (gaps, unreadable));
        assert!(!found.differences.is_empty() && !found.holds());
        let error = mend(&ground, &found).await.unwrap_err();
        assert!(matches!(error, ReconcileError::NotWhole { .. }), "{error}");
        assert_eq!(reconcile(&ground).await.unwrap(), found, "something was changed");
    }
}

#[test]
fn what_is_unreadable_does_not_hold() {
    let whole = Reconciliation::default();
    assert!(whole.holds() && whole.is_whole());
    for wrong in [
        Reconciliation { unreadable: 1, ..Reconciliation::default() },
        Reconciliation { gaps: 1, ..Reconciliation::default() },
    ] {
        assert!(!wrong.holds() && !wrong.is_whole(), "{wrong:?}");
    }
}
