//! Targets with a flaw planted in them: a harness that lets one of them through is worth nothing.

use crate::memory::{Flaw, Memory};

async fn breaks(flaw: Flaw, laws: &[&str]) {
    let report = sink::harness::check(Memory::with(flaw)).await;
    println!("{report}");
    let broken = report.broken();
    for law in laws {
        assert!(broken.contains(law), "{flaw:?} got through {law}; broken are {broken:?}");
    }
}

#[tokio::test]
async fn overstated_progress_is_caught() {
    breaks(Flaw::OverstatesProgress, &["progress_is_never_too_much"]).await;
}

#[tokio::test]
async fn an_older_version_of_a_late_zombie_is_caught() {
    breaks(Flaw::AppliesOlder, &["a_late_zombie_changes_nothing"]).await;
}

#[tokio::test]
async fn a_lost_partial_failure_is_caught() {
    breaks(Flaw::LosesPartial, &["a_partial_failure_loses_nothing"]).await;
}

#[tokio::test]
async fn counting_twice_is_caught() {
    let laws = ["redelivery_from_any_point_changes_nothing", "a_lost_reply_writes_nothing_twice"];
    breaks(Flaw::CountsTwice, &laws).await;
}

#[tokio::test]
async fn progress_that_moves_back_is_caught() {
    breaks(Flaw::MovesBack, &["a_late_zombie_changes_nothing"]).await;
}

#[tokio::test]
async fn silence_about_refusals_is_caught() {
    breaks(Flaw::RefusesSilently, &["what_is_refused_is_a_dead_letter"]).await;
}

#[tokio::test]
async fn writing_anew_at_each_attempt_is_caught() {
    let laws = ["redelivery_from_any_point_changes_nothing", "a_clean_pass_leaves_what_it_should"];
    breaks(Flaw::WritesAnew, &laws).await;
}
