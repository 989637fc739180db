//! Looking back on the log: what of our own is already in it.
//!
//! The output of a payment worker is on `orders`, and the answers to it on `decisions`; whoever takes over asks them, and
//! no other book. A result is told again only when neither has it: a ledger forgets an order some time after its end,
//! and would then have money given back for goods that were sold.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Instant;

use order_codec::{Codec, DecodeError, KeyRing, MAC_HEADER, RawRecord, read_command};
use order_log::{Log, LogError, Polled, ReadLimits, Record};
use order_model::{Command, Event, Partition, PaymentId, Settle, TimeMs};

use crate::limits::{LOOK_BACK_TIMEOUT, LOOK_BACK_WAIT};

/// So close to the time looked for, records are read rather than probed.
const PROBE_RECORDS_MIN: u64 = 2_048;

/// What is needed to look back.
#[derive(Clone)]
pub(crate) struct LookBack {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) codec: Codec,
    pub(crate) ring: KeyRing,
    pub(crate) orders: Arc<str>,
    pub(crate) decisions: Arc<str>,
    pub(crate) batch: ReadLimits,
}

impl LookBack {
    /// The results on `orders` from `from` on that a ledger will take.
    pub(crate) fn settles(&self, partition: u32, from: u64) -> Result<Vec<Settle>, LogError> {
        let mut settles = Vec::new();
        self.read(&self.orders, partition, from, |record| {
            let raw = RawRecord {
                partition: Partition(partition),
                time: TimeMs(record.time_ms),
                key: record.key,
                value: record.value,
                mac: record.headers.get(MAC_HEADER),
            };
            // What cannot be read or trusted goes to the dead letters, and tells no ledger anything.
            if let Ok(Command::Settle(settle)) = read_command(&self.codec, &self.ring, &raw) {
                settles.push(settle);
            }
        })?;
        Ok(settles)
    }

    /// Which payments the log has a result of, in this partition since `since`.
    pub(crate) fn known(&self, partition: u32, since: TimeMs) -> Result<HashSet<PaymentId>, LogError> {
        let mut known = HashSet::new();
        let mut decided = None;
        let from = self.offset_at(partition, since)?;
        self.read(&self.decisions, partition, from, |record| {
            let decision: Result<_, DecodeError> = self.codec.decision_from(record.value.unwrap_or_default());
            let Ok(decision) = decision else { return };
            decided = Some(decision.offset.0);
            if let Event::Order(event) = &decision.event {
                known.extend(event.payment);
            }
        })?;
        // Nothing was decided since: what is on `orders` since then is not, either. Its times are as good to search by.
        let tail = match decided {
            Some(offset) => offset + 1,
            None => self.offset_in(&self.orders, partition, since)?,
        };
        known.extend(self.settles(partition, tail)?.into_iter().map(|settle| settle.payment));
        Ok(known)
    }

    fn offset_at(&self, partition: u32, since: TimeMs) -> Result<u64, LogError> {
        self.offset_in(&self.decisions, partition, since)
    }

    /// An offset before which everything was stored before `since`, found by halving.
    fn offset_in(&self, topic: &str, partition: u32, since: TimeMs) -> Result<u64, LogError> {
        let bounds = self.log.bounds(topic, partition)?;
        let (mut low, mut high) = (bounds.start, bounds.end);
        while high.saturating_sub(low) > PROBE_RECORDS_MIN {
            let middle = low + (high - low) / 2;
            match self.time_at(topic, partition, middle)? {
                Some(time) if time < since => low = middle,
                _ => high = middle,
            }
        }
        Ok(low)
    }

    fn time_at(&self, topic: &str, partition: u32, offset: u64) -> Result<Option<TimeMs>, LogError> {
        let mut reader = self.log.reader(topic, ReadLimits { records_max: 1, ..self.batch })?;
        reader.start(partition, offset)?;
        let deadline = Instant::now() + LOOK_BACK_TIMEOUT;
        while Instant::now() < deadline {
            match reader.poll(LOOK_BACK_WAIT)? {
                Some(Polled::Batch(batch)) => {
                    return Ok(batch.get(0).map(|record| TimeMs(record.time_ms)));
                }
                Some(Polled::Passed { .. }) => return Ok(None),
                _ => {}
            }
        }
        Err(self.silent(topic, partition, offset))
    }

    /// The record at `offset`.
    pub(crate) fn record(
        &self,
        topic: &str,
        partition: u32,
        offset: u64,
        mut with: impl FnMut(Record<'_>),
    ) -> Result<(), LogError> {
        let mut reader = self.log.reader(topic, ReadLimits { records_max: 1, ..self.batch })?;
        reader.start(partition, offset)?;
        let deadline = Instant::now() + LOOK_BACK_TIMEOUT;
        while Instant::now() < deadline {
            if let Some(Polled::Batch(batch)) = reader.poll(LOOK_BACK_WAIT)? {
                batch.iter().filter(|record| record.offset == offset).for_each(&mut with);
                return Ok(());
            }
        }
        Err(self.silent(topic, partition, offset))
    }

    /// Every record from `from` to what is now the end.
    fn read(
        &self,
        topic: &str,
        partition: u32,
        from: u64,
        mut each: impl FnMut(Record<'_>),
    ) -> Result<(), LogError> {
        let bounds = self.log.bounds(topic, partition)?;
        let mut next = from.max(bounds.start);
        if next >= bounds.end {
            return Ok(());
        }
        let mut reader = self.log.reader(topic, self.batch)?;
        reader.start(partition, next)?;
        let mut deadline = Instant::now() + LOOK_BACK_TIMEOUT;
        while next < bounds.end {
            match reader.poll(LOOK_BACK_WAIT)? {
                Some(Polled::Batch(batch)) => {
                    batch.iter().for_each(&mut each);
                    next = batch.next_offset();
                    deadline = Instant::now() + LOOK_BACK_TIMEOUT;
                }
                Some(Polled::Passed { next_offset, .. }) => next = next_offset,
                _ if Instant::now() >= deadline => return Err(self.silent(topic, partition, next)),
                _ => {}
            }
        }
        Ok(())
    }

    fn silent(&self, topic: &str, partition: u32, offset: u64) -> LogError {
        let detail = format!("offset {offset} of partition {partition} of {topic} did not come");
        LogError::Unreachable { log: self.log.describe(), detail }
    }
}
