//! Laws of groups.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crate::{Log, LogReader, Polled};

use super::tools::{
    Deadline, POLL, QUIET, Seen, WIDE, append, create, expected, must, numbers, read, reader_of_all, seen,
    whole,
};

const PARTITIONS: u32 = 4;
const GROUP: &str = "group";

/// A member that reads what it is given, from where the one before it got to.
struct Member {
    reader: Box<dyn LogReader>,
    owned: BTreeSet<u32>,
    /// Revoked and not given back yet.
    leaving: BTreeSet<u32>,
}

/// What all members read, and from where on each partition has to go on.
#[derive(Default)]
struct Progress {
    next: BTreeMap<u32, u64>,
    records: Vec<Seen>,
}

impl Member {
    /// Groups are named as their topics, which are unique: a broker remembers groups.
    fn join(log: &dyn Log, topic: &str) -> Self {
        let reader = must("joining", log.member(topic, &format!("{topic}-{GROUP}"), WIDE));
        Self { reader, owned: BTreeSet::new(), leaving: BTreeSet::new() }
    }

    /// One poll, acting on all it says but giving partitions back.
    fn poll(&mut self, progress: &mut Progress) {
        match must("polling", self.reader.poll(POLL)) {
            None => {}
            Some(Polled::Assigned(partitions)) => {
                for partition in partitions {
                    assert!(self.owned.insert(partition), "partition {partition} was assigned twice");
                    let from = progress.next.get(&partition).copied().unwrap_or(0);
                    must("starting", self.reader.start(partition, from));
                }
            }
            Some(Polled::Revoked(partitions)) => {
                for partition in partitions {
                    assert!(self.owned.remove(&partition), "partition {partition} was not this member's");
                    self.leaving.insert(partition);
                }
            }
            Some(Polled::Batch(batch)) => self.take(&seen(&whole(batch)), progress),
            Some(other) => panic!("a member that polls, of a log without holes, was told {other:?}"),
        }
    }

    fn take(&self, records: &[Seen], progress: &mut Progress) {
        for record in records {
            assert!(
                self.owned.contains(&record.partition),
                "a batch of a partition that is not this member's"
            );
            let next = progress.next.entry(record.partition).or_default();
            assert_eq!(record.offset, *next, "every record is read once, in order");
            *next += 1;
        }
        progress.records.extend_from_slice(records);
    }

    fn give_back(&mut self) {
        for partition in std::mem::take(&mut self.leaving) {
            must("giving back", self.reader.stop(partition));
        }
    }
}

/// Polls all members until `done`, checking at every step that no partition has two owners.
fn drive(
    members: &mut [&mut Member],
    progress: &mut Progress,
    what: &'static str,
    done: impl Fn(&[&mut Member], &Progress) -> bool,
) {
    let deadline = Deadline::for_(what);
    while !done(members, progress) {
        for member in members.iter_mut() {
            member.poll(progress);
            member.give_back();
        }
        assert_apart(members);
        deadline.check();
    }
}

fn assert_apart(members: &[&mut Member]) {
    let held: usize = members.iter().map(|member| member.owned.len() + member.leaving.len()).sum();
    let partitions: BTreeSet<u32> =
        members.iter().flat_map(|member| member.owned.iter().chain(&member.leaving)).copied().collect();
    assert_eq!(held, partitions.len(), "a partition has two owners");
}

fn all_owned(members: &[&mut Member]) -> bool {
    let owned = members.iter().flat_map(|member| member.owned.iter().copied());
    owned.collect::<BTreeSet<_>>() == (0..PARTITIONS).collect()
}

fn shared(members: &[&mut Member]) -> bool {
    all_owned(members) && members.iter().all(|member| !member.owned.is_empty())
}

fn fill(log: &dyn Log, topic: &str, count: u64) {
    for partition in 0..PARTITIONS {
        append(log, numbers(topic, partition, 0..count));
    }
}

fn records(partitions: u32, each: u64) -> usize {
    usize::try_from(u64::from(partitions) * each).unwrap_or(usize::MAX)
}

/// Two members share the partitions; each partition is read by exactly one of them at any time, and over a change of
/// hands every record is read once.
pub fn members_share_partitions(log: &dyn Log, topic: &str) {
    create(log, topic, PARTITIONS);
    fill(log, topic, 10);
    let mut progress = Progress::default();
    let mut first = Member::join(log, topic);
    drive(&mut [&mut first], &mut progress, "the only member to read all", |_, progress| {
        progress.records.len() >= records(PARTITIONS, 10)
    });
    let mut second = Member::join(log, topic);
    drive(&mut [&mut first, &mut second], &mut progress, "both members to have a share", |members, _| {
        shared(members)
    });
    fill(log, topic, 10);
    drive(&mut [&mut first, &mut second], &mut progress, "both members to read all", |_, progress| {
        progress.records.len() >= records(PARTITIONS, 20)
    });
    assert_eq!(progress.records.len(), records(PARTITIONS, 20));
}

/// A revoked partition is given to nobody before its owner stopped it, and to another member after that.
pub fn a_revoked_partition_waits_for_stop(log: &dyn Log, topic: &str) {
    create(log, topic, PARTITIONS);
    let mut progress = Progress::default();
    let mut first = Member::join(log, topic);
    drive(&mut [&mut first], &mut progress, "the first assignment", |members, _| all_owned(members));
    let mut second = Member::join(log, topic);
    let deadline = Deadline::for_("a revocation");
    while first.leaving.is_empty() {
        first.poll(&mut progress);
        second.poll(&mut progress);
        deadline.check();
    }
    let held_back = first.leaving.clone();
    let quiet_until = Instant::now() + QUIET;
    while Instant::now() < quiet_until {
        first.poll(&mut progress);
        second.poll(&mut progress);
        assert!(
            second.owned.is_disjoint(&held_back),
            "{held_back:?} were given away before they were stopped"
        );
    }
    first.give_back();
    drive(&mut [&mut first, &mut second], &mut progress, "the handing over", |members, _| shared(members));
}

/// What a leaving member had goes to those that stay, and is read on from where it got to.
pub fn partitions_of_a_leaver_go_on(log: &dyn Log, topic: &str) {
    create(log, topic, PARTITIONS);
    let mut progress = Progress::default();
    let (mut first, mut second) = (Member::join(log, topic), Member::join(log, topic));
    fill(log, topic, 5);
    drive(
        &mut [&mut first, &mut second],
        &mut progress,
        "both to have a share and read all",
        |members, progress| shared(members) && progress.records.len() >= records(PARTITIONS, 5),
    );
    drop(first);
    fill(log, topic, 5);
    drive(&mut [&mut second], &mut progress, "the one that stays to read all", |members, progress| {
        all_owned(members) && progress.records.len() >= records(PARTITIONS, 10)
    });
    assert_eq!(progress.records.len(), records(PARTITIONS, 10));
}

/// Committing changes nothing for the one who reads, in a group or not.
pub fn commit_is_harmless(log: &dyn Log, topic: &str) {
    create(log, topic, PARTITIONS);
    fill(log, topic, 10);
    let mut reader = reader_of_all(log, topic, WIDE);
    reader.commit(0, 3);
    reader.commit(1, 1);
    assert_eq!(read(&mut *reader, 10), expected(0, 0..10));
    reader.commit(0, 10);
    let mut progress = Progress::default();
    let mut member = Member::join(log, topic);
    drive(&mut [&mut member], &mut progress, "a member to read all", |_, progress| {
        progress.records.len() >= records(PARTITIONS, 10)
    });
    for (partition, next) in &progress.next {
        member.reader.commit(*partition, *next);
    }
    fill(log, topic, 5);
    drive(&mut [&mut member], &mut progress, "a member to read on", |_, progress| {
        progress.records.len() >= records(PARTITIONS, 15)
    });
}
