//! The watcher: reads every decision once, and keeps the board.

use std::collections::BTreeMap;

use order_log::{Polled, ReadLimits, RecordBatch};
use order_model::Sequence;
use order_worker::{Stop, StopLevel};

use crate::board::Board;
use crate::limits::WATCHER_WAIT;
use crate::{DemoError, DemoParts};

/// Runs until asked to stop.
pub(crate) fn run(
    parts: &DemoParts,
    limits: ReadLimits,
    board: &Board,
    stop: &Stop,
) -> Result<(), DemoError> {
    let mut reader = parts.log.reader(&parts.topics.decisions, limits)?;
    for partition in 0..parts.log.partitions(&parts.topics.decisions)? {
        reader.start(partition, 0)?;
    }
    let mut watcher = Watcher { parts, board, latest: BTreeMap::new() };
    while stop.level() == StopLevel::Run {
        if let Some(Polled::Batch(batch)) = reader.poll(WATCHER_WAIT)? {
            watcher.take(&batch)?;
        }
    }
    Ok(())
}

struct Watcher<'a> {
    parts: &'a DemoParts,
    board: &'a Board,
    /// The highest number read of each partition.
    latest: BTreeMap<u32, Sequence>,
}

impl Watcher<'_> {
    fn take(&mut self, batch: &RecordBatch) -> Result<(), DemoError> {
        let partition = batch.partition();
        let latest = self.latest.entry(partition).or_default();
        let mut decisions = Vec::with_capacity(batch.len());
        for record in batch.iter() {
            let decision =
                self.parts.codec.decision_from(record.value.unwrap_or_default()).map_err(|error| {
                    DemoError::Decision { partition, offset: record.offset, detail: error.to_string() }
                })?;
            if decision.sequence > *latest {
                *latest = decision.sequence;
                decisions.push(decision);
            }
        }
        let mut board = self.board.lock();
        decisions.iter().for_each(|decision| board.note(decision));
        board.read.insert(partition, batch.next_offset());
        Ok(())
    }
}
