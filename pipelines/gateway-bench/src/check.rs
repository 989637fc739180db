//! Whether the log has what was acknowledged, and whether it was decided.

use std::collections::{BTreeSet, HashMap};
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use order_codec::{Codec, FileSchemas};
use order_log::{EmbeddedLog, Log, Polled, ReadLimits, RecordBatch};
use order_model::{Command, Event, OrderEventKind};
use order_worker::Topics;
use serde::Serialize;

use crate::error::BenchError;
use crate::limits::{BATCH_BYTES, BATCH_RECORDS, PARTITIONS, SILENCE_MAX};
use crate::sale::{Acknowledged, number_of};

/// What became of the orders of a run. In a run with figures all three are equal.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct Checked {
    /// Orders that the server acknowledged.
    pub acknowledged: u32,
    /// Of those, orders that the log has where the answer said.
    pub in_log: u32,
    /// Of those, orders that were decided.
    pub decided: u32,
}

/// Looks for every acknowledged order in the log in `folder`.
pub(crate) fn check(folder: &Path, acknowledged: &[Acknowledged]) -> Result<Checked, BenchError> {
    let log = EmbeddedLog::open_read_only(folder)?;
    let codec = Codec::new(Arc::new(FileSchemas::new()?))?;
    let topics = Topics::with_prefix("");
    let places: HashMap<(u32, u64), u32> =
        acknowledged.iter().map(|one| ((one.partition, one.offset), one.number)).collect();
    let mut in_log = BTreeSet::new();
    read(&log, &topics.orders, |batch| {
        for record in batch.iter() {
            let Some(number) = places.get(&(batch.partition(), record.offset)) else { continue };
            let command = codec.command_from(record.value.unwrap_or_default());
            if let Ok(Command::Place(place)) = command
                && number_of(place.order) == Some(*number)
            {
                in_log.insert(*number);
            }
        }
        Ok(())
    })?;
    let mut decided = BTreeSet::new();
    read(&log, &topics.decisions, |batch| {
        for record in batch.iter() {
            let decision = codec.decision_from(record.value.unwrap_or_default());
            let decision = decision.map_err(|error| {
                BenchError::Wrong(format!("decision at offset {}: {error}", record.offset))
            })?;
            if let Event::Order(event) = decision.event
                && event.kind == OrderEventKind::Held
                && let Some(number) = number_of(event.order).filter(|number| in_log.contains(number))
            {
                decided.insert(number);
            }
        }
        Ok(())
    })?;
    let count = |length: usize| u32::try_from(length).unwrap_or(u32::MAX);
    let checked = Checked {
        acknowledged: count(acknowledged.len()),
        in_log: count(in_log.len()),
        decided: count(decided.len()),
    };
    if checked.in_log == checked.acknowledged && checked.decided == checked.acknowledged {
        return Ok(checked);
    }
    Err(BenchError::Wrong(format!(
        "{} orders were acknowledged, the log has {} of them, {} were decided",
        checked.acknowledged, checked.in_log, checked.decided
    )))
}

/// Reads a topic from its beginning to its end.
fn read(
    log: &EmbeddedLog,
    topic: &str,
    mut take: impl FnMut(&RecordBatch) -> Result<(), BenchError>,
) -> Result<(), BenchError> {
    let limits = ReadLimits { records_max: BATCH_RECORDS, bytes_max: BATCH_BYTES };
    let mut reader = log.reader(topic, limits)?;
    let mut ends = HashMap::new();
    for partition in 0..PARTITIONS {
        let bounds = log.bounds(topic, partition)?;
        if bounds.end > bounds.start {
            ends.insert(partition, bounds.end);
        }
        reader.start(partition, bounds.start)?;
    }
    let mut heard = Instant::now();
    while !ends.is_empty() {
        match reader.poll(SILENCE_MAX)? {
            Some(Polled::Batch(batch)) => {
                heard = Instant::now();
                take(&batch)?;
                if ends.get(&batch.partition()).is_some_and(|end| batch.next_offset() >= *end) {
                    ends.remove(&batch.partition());
                }
            }
            _ if heard.elapsed() > SILENCE_MAX => {
                let what = format!("reading {topic}");
                return Err(BenchError::Stuck { what, silence_s: SILENCE_MAX.as_secs() });
            }
            _ => {}
        }
    }
    Ok(())
}
