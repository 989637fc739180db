//! Laws about a target driven by hand: order, repetition, zombies, and processes that die half way.

use order_model::Partition;

use super::rig::{Rig, advance, cut, progress_of, reached, write};
use super::{Outcome, Subject};
use crate::target::{Batch, Reached, Target};

/// Polls after which a call is cut off, in turn; the last lets it finish.
const CUTS: [u32; 8] = [1, 2, 3, 1, 5, 8, 2, u32::MAX];

pub(super) async fn a_clean_pass_leaves_what_it_should<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    assert!(!rig.expected.is_empty(), "a clean pass over the sale left nothing");
    if let Some(meant) = rig.subject.expected(&rig.sale.decisions)
        && let Some(difference) = super::rig::difference(&meant, &rig.expected)
    {
        panic!("a clean pass: {difference}");
    }
    let mut target = rig.subject.open().await;
    for partition in rig.partitions() {
        let found = reached(&mut target, partition).await;
        assert_eq!(found, Reached::default(), "empty storage, partition {partition}");
        for batch in rig.sale.batches(partition, 0, usize::MAX, 37) {
            let batch = [batch];
            write(&mut target, &batch).await;
            advance(&mut target, &batch).await;
        }
    }
    rig.assert_contents("a second clean pass").await;
    rig.assert_all_reached("after a clean pass").await;
    Outcome::Kept
}

pub(super) async fn redelivery_from_any_point_changes_nothing<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let mut target = rig.subject.open().await;
    for partition in rig.partitions() {
        let length = rig.sale.len(partition);
        // Half of it, then again from a quarter on: a restart that lost its progress.
        for (from, to) in [(0, length / 2), (length / 4, length)] {
            let batches = rig.sale.batches(partition, from, to, 31);
            write(&mut target, &batches).await;
            advance(&mut target, &batches).await;
        }
        for tenth in 0..=10 {
            let from = (length * tenth / 10).min(length.saturating_sub(1));
            let mut later = rig.subject.open().await;
            let batches = rig.sale.batches(partition, from, length, 53);
            for batch in &batches {
                write(&mut later, std::slice::from_ref(batch)).await;
                advance(&mut later, std::slice::from_ref(batch)).await;
            }
        }
    }
    rig.assert_contents("after redelivery from every tenth").await;
    rig.assert_all_reached("after redelivery").await;
    Outcome::Kept
}

pub(super) async fn batches_may_be_cut_anywhere<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let mut target = rig.subject.open().await;
    let sizes = [1, 2, 19, 64, 7];
    for partition in rig.partitions() {
        let (mut from, length) = (0, rig.sale.len(partition));
        for size in sizes.iter().cycle() {
            let batches = rig.sale.batches(partition, from, from + size, *size);
            write(&mut target, &batches).await;
            advance(&mut target, &batches).await;
            from += size;
            if from >= length {
                break;
            }
        }
    }
    rig.assert_contents("in batches of many sizes").await;
    rig.assert_all_reached("in batches of many sizes").await;
    Outcome::Kept
}

pub(super) async fn order_between_partitions_is_free<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    // Each partition on its own, the last first; then all mixed, in one call.
    let mut one = rig.subject.open().await;
    for partition in rig.partitions().into_iter().rev() {
        let batches = rig.sale.batches(partition, 0, usize::MAX, 41);
        write(&mut one, &batches).await;
        advance(&mut one, &batches).await;
    }
    rig.assert_contents("the last partition first").await;
    rig.fresh().await;
    let mut other = rig.subject.open().await;
    let mut waiting: Vec<_> = rig.partitions().into_iter().map(|p| (p, 0)).collect();
    let mut turn = 0;
    while !waiting.is_empty() {
        turn += 1;
        waiting.rotate_left(1);
        let mut batches = Vec::new();
        for (partition, from) in &mut waiting {
            let size = 11 + 7 * (turn % 5);
            batches.extend(rig.sale.batches(*partition, *from, *from + size, size));
            *from += size;
        }
        write(&mut other, &batches).await;
        advance(&mut other, &batches).await;
        waiting.retain(|(partition, from)| *from < rig.sale.len(*partition));
    }
    rig.assert_contents("all partitions mixed").await;
    rig.assert_all_reached("all partitions mixed").await;
    Outcome::Kept
}

pub(super) async fn a_late_zombie_changes_nothing<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let mut zombie = rig.subject.open().await;
    let mut owner = rig.subject.open().await;
    let mut late = Vec::new();
    for partition in rig.partitions() {
        let length = rig.sale.len(partition);
        let begun = rig.sale.batches(partition, 0, length / 3, 29);
        write(&mut zombie, &begun).await;
        advance(&mut zombie, &begun).await;
        // What the zombie read and did not write before it was taken for dead.
        late.extend(rig.sale.batches(partition, length / 3, 2 * length / 3, 23));
        let from = usize::try_from(reached(&mut owner, partition).await.next_offset.0).unwrap_or(0);
        let batches = rig.sale.batches(partition, from, length, 47);
        write(&mut owner, &batches).await;
        advance(&mut owner, &batches).await;
    }
    for batch in &late {
        write(&mut zombie, std::slice::from_ref(batch)).await;
        rig.assert_contents("while a zombie writes").await;
        advance(&mut zombie, std::slice::from_ref(batch)).await;
    }
    // A zombie that wakes from the very beginning.
    for partition in rig.partitions() {
        let mut older = rig.subject.open().await;
        write(&mut older, &rig.sale.batches(partition, 0, rig.sale.len(partition) / 2, 30)).await;
    }
    rig.assert_contents("after two zombies").await;
    rig.assert_all_reached("after two zombies").await;
    // Two that write at the same moment, one a step behind the other.
    rig.fresh().await;
    let (mut zombie, mut owner) = (rig.subject.open().await, rig.subject.open().await);
    for partition in rig.partitions() {
        let batches = rig.sale.batches(partition, 0, usize::MAX, 33);
        let behind = std::iter::once(None).chain(batches.iter().map(Some));
        for (batch, behind) in batches.iter().zip(behind) {
            let (batch, behind) = (std::slice::from_ref(batch), behind.map_or(&[][..], std::slice::from_ref));
            tokio::join!(write(&mut owner, batch), write(&mut zombie, behind));
            tokio::join!(advance(&mut owner, batch), advance(&mut zombie, behind));
        }
    }
    rig.assert_contents("beside a zombie").await;
    rig.assert_all_reached("beside a zombie").await;
    Outcome::Kept
}

pub(super) async fn progress_is_never_too_much<S: Subject>(rig: &mut Rig<S>) -> Outcome {
    let mut turn = 0;
    loop {
        // Every turn is a process of its own that dies somewhere in it.
        let mut target = rig.subject.open().await;
        let mut batches: Vec<Batch> = Vec::new();
        for partition in rig.partitions() {
            let from = usize::try_from(reached(&mut target, partition).await.next_offset.0).unwrap_or(0);
            batches.extend(rig.sale.batches(partition, from, from + 45, 20));
        }
        if batches.is_empty() {
            break;
        }
        turn += 1;
        let polls = CUTS.into_iter().cycle().nth(turn).unwrap_or(u32::MAX);
        if let Some(Ok(refused)) = cut(target.write(&batches), polls).await {
            assert!(refused.is_empty(), "nothing was to be refused: {refused:?}");
            let progress = progress_of(&batches);
            let polls = CUTS.into_iter().cycle().nth(turn / 3).unwrap_or(u32::MAX);
            // Whether it was recorded is seen in the next turn.
            drop(cut(target.advance(&progress), polls).await);
        }
        assert!(turn < 10 * rig.decisions().try_into().unwrap_or(usize::MAX), "the target makes no progress");
    }
    rig.assert_contents("after processes that died half way").await;
    let mut target = rig.subject.open().await;
    // A partition that does not exist has no progress.
    let nowhere = target.reached(Partition(rig.sale.partitions() + 7)).await;
    assert_eq!(nowhere, Ok(Reached::default()), "a partition nobody wrote");
    Outcome::Kept
}
