//! The thread that reads `decisions` and shows them.

use std::time::{Duration, Instant};

use order_codec::{DecodeError, RegistryError};
use order_log::{LogError, LogReader, Polled, RecordBatch};

use super::state::{Answered, Took};
use super::{BoardParts, Shared};
use crate::limits::{BOARD_POLL, LOCKED_DECISIONS_MAX, READER_RETRY};

/// Why it cannot go on for now.
#[derive(Debug, thiserror::Error)]
enum Interrupted {
    #[error(transparent)]
    Log(#[from] LogError),
    /// Nothing after the record is taken in before it is read: a decision that is passed over is lost.
    #[error("the record of decisions at {partition}@{offset} waits for the schema registry: {error}")]
    Registry { partition: u32, offset: u64, error: RegistryError },
}

struct Follower<'s> {
    parts: &'s BoardParts,
    shared: &'s Shared,
    /// For each partition: what is read next, and where it ended when we began.
    places: Vec<(u64, u64)>,
    /// The record that could not be read last.
    stuck_at: Option<(u32, u64)>,
    listings_shown: Instant,
    walls_shown: Instant,
}

/// Reads until the board is closed.
pub(super) fn run(parts: &BoardParts, shared: &Shared) {
    let now = Instant::now();
    let (places, stuck_at) = (Vec::new(), None);
    let mut follower = Follower { parts, shared, places, stuck_at, listings_shown: now, walls_shown: now };
    while !shared.is_closing() {
        if let Err(error) = follower.read() {
            if let Interrupted::Registry { partition, offset, .. } = error {
                follower.stuck_at = Some((partition, offset));
                shared.gauge.note_stuck(true);
            }
            tracing::warn!(%error, "decisions cannot be read; trying again");
            std::thread::sleep(READER_RETRY);
        }
    }
}

impl Follower<'_> {
    /// Goes on where it stopped, until the board is closed or the log breaks off.
    fn read(&mut self) -> Result<(), Interrupted> {
        let BoardParts { log, decisions, .. } = self.parts;
        if self.places.is_empty() {
            for partition in 0..log.partitions(decisions)? {
                let bounds = log.bounds(decisions, partition)?;
                self.places.push((bounds.start, bounds.end));
            }
        }
        let mut reader = log.reader(decisions, self.shared.limits.batch)?;
        for (partition, (next, _)) in (0..).zip(&self.places) {
            reader.start(partition, *next)?;
        }
        while !self.shared.is_closing() {
            self.step(reader.as_mut())?;
        }
        Ok(())
    }

    fn step(&mut self, reader: &mut dyn LogReader) -> Result<(), Interrupted> {
        match reader.poll(BOARD_POLL)? {
            Some(Polled::Batch(batch)) => self.take(&batch)?,
            Some(Polled::Passed { partition, next_offset }) => self.pass(partition, next_offset, None),
            Some(_) | None => {}
        }
        if self.places.iter().all(|(next, end)| next >= end) {
            self.shared.gauge.note_caught_up();
        }
        self.show();
        Ok(())
    }

    fn take(&mut self, batch: &RecordBatch) -> Result<(), Interrupted> {
        let (mut answers, mut highest) = (0, None);
        let mut answered = Vec::new();
        let mut decoded = Vec::with_capacity(batch.len().min(LOCKED_DECISIONS_MAX));
        let mut records = batch.iter().peekable();
        while records.peek().is_some() {
            for record in records.by_ref().take(LOCKED_DECISIONS_MAX) {
                match self.parts.codec.decision_from(record.value.unwrap_or_default()) {
                    Ok(decision) => decoded.push(decision),
                    Err(DecodeError::Registry(error)) => {
                        let (partition, offset) = (batch.partition(), record.offset);
                        return Err(Interrupted::Registry { partition, offset, error });
                    }
                    Err(error) => {
                        let (partition, offset) = (batch.partition(), record.offset);
                        tracing::warn!(partition, offset, %error, "a record of decisions is none");
                    }
                }
            }
            let mut state = self.shared.state();
            for decision in decoded.drain(..) {
                let offset = decision.offset.0 + 1;
                if let Took::New { answered: new } = state.apply(decision) {
                    highest = highest.max(Some(offset));
                    answers += u64::from(new.is_some());
                    answered.extend(new);
                }
            }
            drop(state);
            self.tell(answered.drain(..));
        }
        self.shared.gauge.count_decided(answers);
        self.pass(batch.partition(), batch.next_offset(), highest);
        Ok(())
    }

    /// Tells whoever wants to know who has ordered.
    fn tell(&self, answered: impl Iterator<Item = Answered>) {
        let Some(listener) = self.shared.listener.get() else { return };
        for Answered { customer, sale } in answered {
            if let Some(sale) = sale {
                listener(&sale, customer);
            }
        }
    }

    fn pass(&mut self, partition: u32, next_offset: u64, next_order: Option<u64>) {
        if let Some(place) = usize::try_from(partition).ok().and_then(|index| self.places.get_mut(index)) {
            place.0 = next_offset;
        }
        self.shared.gauge.note_progress(partition, next_offset, next_order);
        if self.stuck_at.is_some_and(|(stuck, at)| stuck == partition && at < next_offset) {
            self.stuck_at = None;
            self.shared.gauge.note_stuck(false);
        }
    }

    /// Shows what has changed, not more often than people can see.
    fn show(&mut self) {
        let limits = &self.shared.limits;
        if self.listings_shown.elapsed() >= Duration::from_millis(limits.listing_every_ms) {
            self.listings_shown = Instant::now();
            self.shared.state().listings.publish();
        }
        if self.walls_shown.elapsed() >= Duration::from_millis(limits.wall_every_ms) {
            self.walls_shown = Instant::now();
            let mut state = self.shared.state();
            state.publish_walls();
            state.orders.sweep();
        }
    }
}
