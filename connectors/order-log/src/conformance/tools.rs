//! What the laws are written with.

use std::fmt::Debug;
use std::time::{Duration, Instant};

use crate::{
    Acknowledged, AppendBatch, AppendError, Headers, Log, LogAppender, LogReader, Polled, ReadLimits,
    RecordBatch, Ticket, TopicSpec,
};

use super::DEADLINE_SECONDS;

/// How long one poll may wait: short, so that a law that drives several readers serves each.
pub(super) const POLL: Duration = Duration::from_millis(50);
/// How long a law waits for what must not happen.
pub(super) const QUIET: Duration = Duration::from_millis(500);
pub(super) const WIDE: ReadLimits = ReadLimits { records_max: 10_000, bytes_max: 8 * 1_048_576 };

/// Panics when waiting for something takes too long.
pub(super) struct Deadline(Instant, &'static str);

impl Deadline {
    pub(super) fn for_(what: &'static str) -> Self {
        Self(Instant::now() + Duration::from_secs(DEADLINE_SECONDS), what)
    }

    pub(super) fn check(&self) {
        assert!(Instant::now() < self.0, "waited {DEADLINE_SECONDS} s in vain for {}", self.1);
    }
}

/// The value, or a panic that says what failed.
pub(super) fn must<T, E: Debug>(what: &str, result: Result<T, E>) -> T {
    match result {
        Ok(value) => value,
        Err(error) => panic!("{what} failed: {error:?}"),
    }
}

/// The error, or a panic that says what should have failed.
pub(super) fn must_fail<T, E>(what: &str, result: Result<T, E>) -> E {
    match result {
        Ok(_) => panic!("{what} succeeded and should not have"),
        Err(error) => error,
    }
}

pub(super) fn spec(topic: &str, partitions: u32) -> TopicSpec {
    TopicSpec {
        name: topic.to_owned(),
        partitions,
        replication: 1,
        retention_ms: 7 * 24 * 3_600_000,
        is_compacted: false,
        record_bytes_max: crate::limits::RECORD_BYTES_MAX,
    }
}

pub(super) fn create(log: &dyn Log, topic: &str, partitions: u32) {
    let created = must("creating the topic", log.create_topics(&[spec(topic, partitions)]));
    assert_eq!(created, [topic], "the topic has to be new");
}

/// A batch of records whose values are the given numbers, in decimal digits.
pub(super) fn numbers(topic: &str, partition: u32, numbers: impl IntoIterator<Item = u64>) -> AppendBatch {
    let mut batch = AppendBatch::new(topic.into());
    for number in numbers {
        batch.push(partition, None, Some(number.to_string().as_bytes()), Headers::NONE);
    }
    batch
}

pub(super) fn appender(log: &dyn Log) -> Box<dyn LogAppender> {
    must("making an appender", log.appender())
}

pub(super) fn reader(log: &dyn Log, topic: &str, limits: ReadLimits) -> Box<dyn LogReader> {
    must("making a reader", log.reader(topic, limits))
}

/// A reader of partition 0 from its begin.
pub(super) fn reader_of_all(log: &dyn Log, topic: &str, limits: ReadLimits) -> Box<dyn LogReader> {
    let mut reader = reader(log, topic, limits);
    must("starting", reader.start(0, 0));
    reader
}

/// Appends one batch with an appender of its own, and waits until it is acknowledged.
pub(super) fn append(log: &dyn Log, batch: AppendBatch) {
    let mut appender = appender(log);
    let ticket = append_with_room(&mut *appender, batch, &mut Vec::new());
    await_ticket(&mut *appender, ticket);
}

/// Appends, waiting while nothing is taken: the queue is full, or a broker does not say yet what the topic is. What is
/// acknowledged meanwhile goes to `acknowledged`.
pub(super) fn append_with_room(
    appender: &mut dyn LogAppender,
    mut batch: AppendBatch,
    acknowledged: &mut Vec<Acknowledged>,
) -> Ticket {
    let deadline = Deadline::for_("room in the append queue");
    loop {
        match appender.append(batch) {
            Ok(ticket) => return ticket,
            Err(AppendError::Full(returned)) => batch = returned,
            Err(error) => panic!("appending failed: {error:?}"),
        }
        must("polling", appender.poll(POLL, acknowledged));
        deadline.check();
    }
}

/// Appends nothing: whatever the appender says of the next batch, it knows the topic.
pub(super) fn know_topic(appender: &mut dyn LogAppender, topic: &str) {
    append_with_room(appender, AppendBatch::new(topic.into()), &mut Vec::new());
}

/// All acknowledgements up to and with the one of `ticket`.
pub(super) fn await_ticket(appender: &mut dyn LogAppender, ticket: Ticket) -> Vec<Acknowledged> {
    let deadline = Deadline::for_("an acknowledgement");
    let mut acknowledged: Vec<Acknowledged> = Vec::new();
    while acknowledged.last().is_none_or(|last| last.ticket < ticket) {
        must("polling", appender.poll(POLL, &mut acknowledged));
        deadline.check();
    }
    acknowledged
}

/// The next batch of a reader outside a group.
pub(super) fn next_batch(reader: &mut dyn LogReader) -> RecordBatch {
    let deadline = Deadline::for_("a batch");
    loop {
        match must("polling", reader.poll(POLL)) {
            Some(Polled::Batch(batch)) => return whole(batch),
            Some(other) => panic!("a reader outside a group was told {other:?}"),
            None => deadline.check(),
        }
    }
}

/// Checks that a batch is not empty and its offsets are dense.
pub(super) fn whole(batch: RecordBatch) -> RecordBatch {
    assert!(!batch.is_empty(), "no log delivers an empty batch");
    for (expected, record) in (batch.first_offset()..).zip(batch.iter()) {
        assert_eq!(record.offset, expected, "offsets in a batch are dense");
    }
    batch
}

/// Partition, offset and value of a record; the value as the number it is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(super) struct Seen {
    pub(super) partition: u32,
    pub(super) offset: u64,
    pub(super) number: u64,
}

pub(super) fn seen(batch: &RecordBatch) -> Vec<Seen> {
    let number = |value: Option<&[u8]>| std::str::from_utf8(value?).ok()?.parse().ok();
    let records = batch.iter().map(|record| Seen {
        partition: batch.partition(),
        offset: record.offset,
        number: number(record.value)
            .unwrap_or_else(|| panic!("a value is not what was appended: {record:?}")),
    });
    records.collect()
}

/// Reads until there are `count` records.
pub(super) fn read(reader: &mut dyn LogReader, count: usize) -> Vec<Seen> {
    let mut records = Vec::new();
    while records.len() < count {
        records.extend(seen(&next_batch(reader)));
    }
    assert_eq!(records.len(), count, "no more is read than was appended");
    records
}

/// `numbers` at the offsets from `first` on in partition 0.
pub(super) fn expected(first: u64, numbers: impl IntoIterator<Item = u64>) -> Vec<Seen> {
    (first..).zip(numbers).map(|(offset, number)| Seen { partition: 0, offset, number }).collect()
}

/// Checks that a reader delivers nothing for a while.
pub(super) fn assert_quiet(reader: &mut dyn LogReader) {
    if let Some(polled) = must("polling", reader.poll(QUIET)) {
        panic!("nothing should have come, but there was {polled:?}");
    }
}
