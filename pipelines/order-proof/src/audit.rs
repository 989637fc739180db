//! The audit: raw commands and published decisions, shown to the auditor in the order it wants them.

use std::collections::BTreeMap;

use order_audit::{Auditor, Report};
use order_codec::{MAC_HEADER, RawRecord, Unreadable, read_command};
use order_log::{Record, RecordBatch};
use order_model::{Command, Decision, Offset, Partition, Position, TimeMs};
use order_worker::Verdicts;

use crate::ProofParts;
use crate::cursor::Cursor;
use crate::error::ProofError;
use crate::relays::Relays;

/// What the audit came to.
pub(crate) struct Audited {
    pub(crate) report: Report,
    /// Relays that have arrived.
    pub(crate) relays: Relays,
}

/// Audits every partition up to `ends`, in step: a batch of each in turn, so that what one ledger tells another is
/// never far ahead.
pub(crate) fn audit(parts: &ProofParts, ends: &BTreeMap<u32, u64>) -> Result<Audited, ProofError> {
    let partitions = u32::try_from(ends.len()).unwrap_or(u32::MAX);
    let mut auditor = Auditor::new(partitions);
    let (mut lanes, mut relays) = (Vec::new(), Relays::default());
    for (partition, end) in ends {
        lanes.push(Lane::open(parts, *partition, *end)?);
    }
    while !lanes.is_empty() {
        let mut open = Vec::with_capacity(lanes.len());
        for mut lane in lanes {
            if lane.show_batch(parts, &mut auditor, &mut relays)? {
                open.push(lane);
            }
        }
        lanes = open;
    }
    Ok(Audited { report: auditor.finish(), relays })
}

/// A partition being shown: records of `orders`, each followed by the decisions it caused.
struct Lane {
    partition: u32,
    end: u64,
    /// The same answers of the registry as the replay has them.
    verdicts: Verdicts,
    orders: Cursor,
    decisions: Cursor,
    batch: Option<(RecordBatch, usize)>,
    /// Read, and caused by a record that has not been shown.
    next: Option<Decision>,
}

impl Lane {
    fn open(parts: &ProofParts, partition: u32, end: u64) -> Result<Self, ProofError> {
        let (log, topics) = (parts.log.as_ref(), &parts.topics);
        let orders = Cursor::open(log, &topics.orders, partition, end, parts.batch)?;
        let decided = log.bounds(&topics.decisions, partition)?.end;
        let decisions = Cursor::open(log, &topics.decisions, partition, decided, parts.batch)?;
        let verdicts = order_worker::verdicts(log, &parts.codec, topics, partition)?;
        Ok(Self { partition, end, verdicts, orders, decisions, batch: None, next: None })
    }

    /// Shows a batch of records and their decisions; false at the end.
    fn show_batch(
        &mut self,
        parts: &ProofParts,
        auditor: &mut Auditor,
        relays: &mut Relays,
    ) -> Result<bool, ProofError> {
        let Some(batch) = self.orders.next()? else { return Ok(false) };
        let end = self.end;
        for record in batch.iter().take_while(|record| record.offset < end) {
            let (offset, time) = (Offset(record.offset), TimeMs(record.time_ms));
            let at = Position { partition: Partition(self.partition), offset, time };
            let command = believed(parts, &self.verdicts, self.partition, &record)?;
            if let Some(Command::Relay(relay)) = &command {
                relays.note(at.partition, relay);
            }
            auditor.command(at, command.as_ref());
            while let Some(decision) = self.take_decision(parts, offset)? {
                auditor.decision(&decision);
            }
        }
        Ok(true)
    }

    /// The next decision, if it was caused by the record at `offset` or an earlier one. Repeats are passed on: the
    /// auditor counts them.
    fn take_decision(&mut self, parts: &ProofParts, offset: Offset) -> Result<Option<Decision>, ProofError> {
        if self.next.is_none() {
            self.next = self.read_decision(parts)?;
        }
        let due = self.next.as_ref().is_some_and(|decision| decision.offset <= offset);
        Ok(if due { self.next.take() } else { None })
    }

    fn read_decision(&mut self, parts: &ProofParts) -> Result<Option<Decision>, ProofError> {
        loop {
            if let Some((batch, index)) = &mut self.batch
                && let Some(record) = batch.get(*index)
            {
                *index += 1;
                let decision = parts.codec.decision_from(record.value.unwrap_or_default());
                return decision.map(Some).map_err(|source| ProofError::Decision {
                    topic: parts.topics.decisions.to_string(),
                    partition: self.partition,
                    offset: record.offset,
                    source,
                });
            }
            match self.decisions.next()? {
                Some(batch) => self.batch = Some((batch, 0)),
                None => return Ok(None),
            }
        }
    }
}

/// The command of a record, if it can be read and trusted.
pub(crate) fn believed(
    parts: &ProofParts,
    verdicts: &Verdicts,
    partition: u32,
    record: &Record<'_>,
) -> Result<Option<Command>, ProofError> {
    if verdicts.on(&parts.codec, record.offset, record.value).is_some() {
        return Ok(None);
    }
    let mac = record.headers.get(MAC_HEADER);
    let (partition, time) = (Partition(partition), TimeMs(record.time_ms));
    let raw = RawRecord { partition, time, key: record.key, value: record.value, mac };
    match read_command(&parts.codec, &parts.ring, &raw) {
        Ok(command) => Ok(Some(command)),
        Err(Unreadable::Bad(..)) => Ok(None),
        Err(Unreadable::Retry(error)) => Err(error.into()),
    }
}
