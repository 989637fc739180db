//! The till: reads every decision once, pays for some holds, and keeps the board.

use std::collections::BTreeMap;
use std::time::Duration;

use order_log::{Polled, ReadLimits, RecordBatch};
use order_model::{Command, Event, Sequence};
use order_traffic::reaction;
use order_worker::{Stop, StopLevel};

use crate::board::Board;
use crate::limits::TILL_WAIT;
use crate::writer::Writer;
use crate::{DemoError, DemoParts};

/// Runs until asked to stop.
pub(crate) fn run(
    parts: &DemoParts,
    seed: u64,
    limits: ReadLimits,
    board: &Board,
    stop: &Stop,
) -> Result<(), DemoError> {
    let mut reader = parts.log.reader(&parts.topics.decisions, limits)?;
    for partition in 0..parts.log.partitions(&parts.topics.decisions)? {
        reader.start(partition, 0)?;
    }
    let mut till = Till { parts, seed, board, writer: Writer::new(parts)?, latest: BTreeMap::new() };
    while stop.level() == StopLevel::Run {
        if let Some(Polled::Batch(batch)) = reader.poll(TILL_WAIT)? {
            till.take(&batch)?;
        }
        till.writer.poll(Duration::ZERO)?;
        board.lock().payments_under_way = till.writer.records_under_way();
    }
    Ok(())
}

struct Till<'a> {
    parts: &'a DemoParts,
    seed: u64,
    board: &'a Board,
    writer: Writer,
    /// The highest number read of each partition.
    latest: BTreeMap<u32, Sequence>,
}

impl Till<'_> {
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
        for decision in &decisions {
            if let Event::Order(order) = &decision.event
                && let Some(settle) = reaction(self.seed, order)
            {
                self.writer.command(&Command::Settle(settle), None)?;
            }
        }
        self.writer.append()?;
        let mut board = self.board.lock();
        decisions.iter().for_each(|decision| board.note(decision));
        // Payments are on the board before the decisions they answer count as read, so that the sale never looks
        // finished while one is about to be appended.
        board.payments_under_way = self.writer.records_under_way();
        board.read.insert(partition, batch.next_offset());
        Ok(())
    }
}
