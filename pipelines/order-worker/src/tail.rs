//! How far a partition has got: the last record of `decisions` says so, and nobody keeps a second book.

use std::time::Instant;

use order_codec::{Codec, DecodeError};
use order_flow::{Resume, Topics, Verdicts};
use order_log::{Bounds, Log, LogError, LogReader, Polled, Record};
use order_model::Decision;

use crate::error::WorkerError;
use crate::limits::{READER_WAIT, TAIL_READ_TIMEOUT, VERDICT_BATCH};

/// Where a worker that takes over `partition` goes on.
///
/// `reader` reads the topic of decisions and is used for nothing else meanwhile.
pub fn resume_point(
    log: &dyn Log,
    reader: &mut dyn LogReader,
    codec: &Codec,
    topics: &Topics,
    partition: u32,
) -> Result<Resume, WorkerError> {
    let orders = log.bounds(&topics.orders, partition)?;
    if orders.start > 0 {
        let topic = topics.orders.to_string();
        return Err(WorkerError::LogCutOff { topic, partition, start: orders.start });
    }
    let last = last_decision(log, reader, codec, &topics.decisions, partition)?;
    if let Some(last) = &last {
        check_end(log, topics, last)?;
    }
    let resume = last.map_or_else(Resume::from_start, Resume::after);
    Ok(resume.with(verdicts(log, codec, topics, partition)?))
}

/// What was decided must be there to be decided again. Asked for after the decision was read: another worker may be
/// deciding what comes in.
fn check_end(log: &dyn Log, topics: &Topics, last: &Decision) -> Result<(), WorkerError> {
    let partition = last.partition.0;
    let end = log.bounds(&topics.orders, partition)?.end;
    if last.offset.0 < end {
        return Ok(());
    }
    let topic = topics.orders.to_string();
    Err(WorkerError::LogShort { topic, partition, end, offset: last.offset, sequence: last.sequence })
}

/// What the dead letters of a partition say about records of foreign schemas.
pub fn verdicts(
    log: &dyn Log,
    codec: &Codec,
    topics: &Topics,
    partition: u32,
) -> Result<Verdicts, WorkerError> {
    let (topic, mut found) = (&topics.dead_letters, Verdicts::default());
    let Bounds { start, end } = log.bounds(topic, partition)?;
    if start > 0 {
        return Err(WorkerError::LogCutOff { topic: topic.to_string(), partition, start });
    }
    if end == 0 {
        return Ok(found);
    }
    let mut reader = log.reader(topic, VERDICT_BATCH)?;
    reader.start(partition, 0)?;
    each_before(log, reader.as_mut(), topic, partition, end, |record| {
        match codec.dead_letter_from(record.value.unwrap_or_default()) {
            Ok(letter) if letter.topic == *topics.orders && letter.partition == partition => {
                found.note(codec, letter);
                Ok(())
            }
            // Another topic's, or somebody else's record.
            Ok(_) | Err(DecodeError::Bad(_)) => Ok(()),
            Err(DecodeError::Registry(error)) => {
                let detail = format!("a dead letter cannot be read: {error}");
                Err(LogError::Unreachable { log: log.describe(), detail }.into())
            }
        }
    })?;
    Ok(found)
}

/// The last decision of a partition, if there is one.
pub fn last_decision(
    log: &dyn Log,
    reader: &mut dyn LogReader,
    codec: &Codec,
    topic: &str,
    partition: u32,
) -> Result<Option<Decision>, WorkerError> {
    let bounds = log.bounds(topic, partition)?;
    if bounds.end == 0 {
        return Ok(None);
    }
    if bounds.start == bounds.end {
        return Err(WorkerError::LogCutOff { topic: topic.to_owned(), partition, start: bounds.start });
    }
    let mut distance = 1;
    loop {
        let from = bounds.end.saturating_sub(distance).max(bounds.start);
        reader.start(partition, from)?;
        let last = last_before(log, reader, codec, topic, partition, bounds.end);
        reader.stop(partition)?;
        match last? {
            // Only markers of transactions from there on: look further back.
            None if from > bounds.start => distance = distance.saturating_mul(2),
            last => return Ok(last),
        }
    }
}

/// The last decision that `reader` comes to before `end`.
fn last_before(
    log: &dyn Log,
    reader: &mut dyn LogReader,
    codec: &Codec,
    topic: &str,
    partition: u32,
    end: u64,
) -> Result<Option<Decision>, WorkerError> {
    let mut last = None;
    each_before(log, reader, topic, partition, end, |record| {
        last = Some((record.offset, record.value.map(<[u8]>::to_vec)));
        Ok(())
    })?;
    let Some((offset, value)) = last else { return Ok(None) };
    let unreadable =
        |detail: String| WorkerError::TailUnreadable { topic: topic.to_owned(), partition, offset, detail };
    let value = value.ok_or_else(|| unreadable("it has no value".to_owned()))?;
    codec.decision_from(&value).map(Some).map_err(|error| unreadable(error.to_string()))
}

/// Shows what `reader` comes to in the partition it has started, up to `end`.
fn each_before(
    log: &dyn Log,
    reader: &mut dyn LogReader,
    topic: &str,
    partition: u32,
    end: u64,
    mut show: impl FnMut(Record<'_>) -> Result<(), WorkerError>,
) -> Result<(), WorkerError> {
    let mut next = 0;
    let mut deadline = Instant::now() + TAIL_READ_TIMEOUT;
    while next < end {
        match reader.poll(READER_WAIT)? {
            Some(Polled::Batch(batch)) => {
                next = batch.next_offset();
                batch.iter().take_while(|record| record.offset < end).try_for_each(&mut show)?;
            }
            Some(Polled::Passed { next_offset, .. }) => next = next_offset,
            _ if Instant::now() > deadline => {
                let offset = end - 1;
                let detail = format!("offset {offset} of partition {partition} of {topic} did not come");
                return Err(LogError::Unreachable { log: log.describe(), detail }.into());
            }
            _ => continue,
        }
        deadline = Instant::now() + TAIL_READ_TIMEOUT;
    }
    Ok(())
}
