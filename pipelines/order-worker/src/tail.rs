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
    let offset = bounds.end - 1;
    reader.start(partition, offset)?;
    let deadline = Instant::now() + TAIL_READ_TIMEOUT;
    while Instant::now() < deadline {
        let Some(Polled::Batch(batch)) = reader.poll(READER_WAIT)? else { continue };
        let Some(record) = batch.iter().find(|record| record.offset >= offset) else { continue };
        reader.stop(partition)?;
        let unreadable = |detail: String| WorkerError::TailUnreadable {
            topic: topic.to_owned(),
            partition,
            offset,
            detail,
        };
        let value = record.value.ok_or_else(|| unreadable("it has no value".to_owned()))?;
        return codec.decision_from(value).map(Some).map_err(|error| unreadable(error.to_string()));
    }
    let detail = format!("offset {offset} of partition {partition} of {topic} did not come");
    Err(LogError::Unreachable { log: log.describe(), detail }.into())
}
