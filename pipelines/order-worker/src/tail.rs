//! How far a partition has got: the last record of `decisions` says so, and nobody keeps a second book.

use std::time::Instant;

use order_codec::Codec;
use order_flow::{Resume, Topics};
use order_log::{Log, LogError, LogReader, Polled};
use order_model::Decision;

use crate::error::WorkerError;
use crate::limits::{READER_WAIT, TAIL_READ_TIMEOUT};

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
    Ok(last.map_or_else(Resume::from_start, Resume::after))
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
    let (mut last, mut next) = (None, 0);
    let mut deadline = Instant::now() + TAIL_READ_TIMEOUT;
    while next < end {
        match reader.poll(READER_WAIT)? {
            Some(Polled::Batch(batch)) => {
                next = batch.next_offset();
                if let Some(record) = batch.iter().filter(|record| record.offset < end).last() {
                    last = Some((record.offset, record.value.map(<[u8]>::to_vec)));
                }
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
    let Some((offset, value)) = last else { return Ok(None) };
    let unreadable =
        |detail: String| WorkerError::TailUnreadable { topic: topic.to_owned(), partition, offset, detail };
    let value = value.ok_or_else(|| unreadable("it has no value".to_owned()))?;
    codec.decision_from(&value).map(Some).map_err(|error| unreadable(error.to_string()))
}
