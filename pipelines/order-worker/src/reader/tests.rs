//! The reader by itself: the test is the timely thread.

use std::sync::Arc;
use std::time::Duration;

use crossbeam_channel::bounded;
use order_codec::{Codec, FileSchemas, KeyRing};
use order_core::{Ledger, Shape};
use order_flow::{Tally, Topics};
use order_log::{Log, MemoryLog};
use order_model::{Offset, Partition, Sequence, TimeMs};

use super::*;

/// More than any test sends.
const CHANNEL: usize = 64;

/// A reader of one partition, and what it tells the thread.
fn reader() -> (Reader, Receiver<Instruction>) {
    let topics = Topics::with_prefix("");
    let log = MemoryLog::new(Arc::new(|| 1));
    log.create_topics(&topics.specs(1, 1, 1)).unwrap();
    let parts = WorkerParts {
        log: Arc::new(log),
        codec: Codec::new(Arc::new(FileSchemas::new().unwrap())).unwrap(),
        ring: KeyRing::default(),
        clock: Arc::new(|| TimeMs(1)),
        observer: Arc::new(|_| {}),
    };
    let batch = ReadLimits { records_max: 1, bytes_max: 1 };
    let options = WorkerOptions { group: "workers".to_owned(), topics, threads: 1, batch };
    let ((instructions, told), (_, reports)) = (bounded(CHANNEL), bounded(CHANNEL));
    (Reader::new(&parts, &options, vec![instructions], reports).unwrap(), told)
}

/// Begins the partition; says as what.
fn begin(reader: &mut Reader, told: &Receiver<Instruction>) -> Incarnation {
    reader.begin_assigned().unwrap();
    match told.try_iter().last() {
        Some(Instruction::Start { partition: 0, incarnation, .. }) => incarnation,
        _ => panic!("the partition did not begin"),
    }
}

fn finished(incarnation: Incarnation) -> Report {
    let summary = PartitionSummary {
        partition: 0,
        certificate: Ledger::new(Shape::of(Partition(0), 1)).certificate(),
        sequence: Sequence(0),
        next_offset: Offset(0),
        tally: Tally::default(),
    };
    Report::Finished { incarnation, summary }
}

#[test]
fn reports_about_a_partition_before_it_was_lost_say_nothing_about_it_now() {
    let (mut reader, told) = reader();
    let assigned = reader.member.poll(Duration::from_secs(10)).unwrap().unwrap();
    reader.take(assigned, false).unwrap();
    let first = begin(&mut reader, &told);
    reader.take(Polled::Lost(vec![0]), false).unwrap();
    reader.take(Polled::Assigned(vec![0]), false).unwrap();
    let second = begin(&mut reader, &told);
    reader.hand_over(0, 5, Instruction::Passed { partition: 0, next_offset: 5 }).unwrap();

    reader.note(Report::Durable { partition: 0, incarnation: first, offset: 9 }).unwrap();
    reader.note(finished(first)).unwrap();
    let ahead = &reader.owned[&0];
    assert_eq!((ahead.durable, ahead.batches.len()), (0, 1), "it has only just begun");
    reader.note(Report::Durable { partition: 0, incarnation: second, offset: 5 }).unwrap();
    let ahead = &reader.owned[&0];
    assert_eq!((ahead.durable, ahead.batches.len()), (5, 0));
    reader.note(finished(second)).unwrap();
    assert!(reader.owned.is_empty());
}
