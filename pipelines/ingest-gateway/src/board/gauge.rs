//! How fast orders are decided, and how far behind the log the decisions are.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use order_log::LogError;
use order_model::TimeMs;
use waiting_room::{Meter, Pipeline};

use super::{BoardParts, Shared};
use crate::limits::PACE_SECONDS;

/// How fast orders are decided, and what is still to be.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pace {
    /// Orders decided a second, over the last few.
    pub decided_per_second: u64,
    /// Records of `orders` that no decision seen here names or follows.
    pub undecided_records: u64,
    /// Records of `decisions` not read here.
    pub unread_records: u64,
}

/// Written by the reader and the gauge's own thread, read by all.
#[derive(Default)]
pub(super) struct Gauge {
    decided: AtomicU64,
    per_second: AtomicU64,
    undecided: AtomicU64,
    unread: AtomicU64,
    is_caught_up: AtomicBool,
    answered: Mutex<Option<Instant>>,
    /// Since when a decision cannot be read.
    stuck: Mutex<Option<Instant>>,
    /// What waiting rooms are paced by; nothing before the decisions that there were are read.
    meter: Mutex<Meter>,
    /// For each partition: the next offset of `decisions`, and the next of `orders` after the latest decided.
    progress: Mutex<Vec<(u64, u64)>>,
}

impl Gauge {
    pub(super) fn pace(&self) -> Pace {
        Pace {
            decided_per_second: self.per_second.load(Ordering::Relaxed),
            undecided_records: self.undecided.load(Ordering::Relaxed),
            unread_records: self.unread.load(Ordering::Relaxed),
        }
    }

    pub(super) fn count_decided(&self, count: u64) {
        self.decided.fetch_add(count, Ordering::Relaxed);
    }

    pub(super) fn note_progress(&self, partition: u32, next_decision: u64, next_order: Option<u64>) {
        let mut progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner);
        let index = usize::try_from(partition).unwrap_or_default();
        if progress.len() <= index {
            progress.resize(index + 1, (0, 0));
        }
        if let Some(entry) = progress.get_mut(index) {
            entry.0 = entry.0.max(next_decision);
            entry.1 = entry.1.max(next_order.unwrap_or(0));
        }
    }

    pub(super) fn note_caught_up(&self) {
        self.is_caught_up.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_caught_up(&self) -> bool {
        self.is_caught_up.load(Ordering::Relaxed)
    }

    /// How long ago the log answered.
    pub(super) fn silence(&self) -> Duration {
        let answered = *self.answered.lock().unwrap_or_else(PoisonError::into_inner);
        answered.map_or(Duration::MAX, |answered| answered.elapsed())
    }

    /// Notes whether a decision cannot be read for now.
    pub(super) fn note_stuck(&self, is_stuck: bool) {
        let mut stuck = self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        *stuck = is_stuck.then(|| stuck.unwrap_or_else(Instant::now));
    }

    /// For how long a decision could not be read.
    pub(super) fn stuck(&self) -> Duration {
        let stuck = *self.stuck.lock().unwrap_or_else(PoisonError::into_inner);
        stuck.map_or(Duration::ZERO, |since| since.elapsed())
    }

    pub(super) fn pipeline(&self) -> Option<Pipeline> {
        self.meter.lock().unwrap_or_else(PoisonError::into_inner).read()
    }

    /// Decisions that were there at the start are no measure of how fast they are made.
    fn sample(&self, since_start: Duration) {
        if self.is_caught_up() {
            let now = TimeMs(u64::try_from(since_start.as_millis()).unwrap_or(u64::MAX));
            let (decided, lag) =
                (self.decided.load(Ordering::Relaxed), self.undecided.load(Ordering::Relaxed));
            self.meter.lock().unwrap_or_else(PoisonError::into_inner).sample(now, decided, lag);
        }
    }

    fn measure(&self, parts: &BoardParts) -> Result<(), LogError> {
        let progress = self.progress.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let (mut undecided, mut unread) = (0_u64, 0_u64);
        for partition in 0..parts.log.partitions(&parts.decisions)? {
            let index = usize::try_from(partition).unwrap_or(usize::MAX);
            let (decision, order) = progress.get(index).copied().unwrap_or_default();
            let decisions = parts.log.bounds(&parts.decisions, partition)?;
            let orders = parts.log.bounds(&parts.orders, partition)?;
            unread = unread.saturating_add(decisions.end.saturating_sub(decision.max(decisions.start)));
            undecided = undecided.saturating_add(orders.end.saturating_sub(order.max(orders.start)));
        }
        self.unread.store(unread, Ordering::Relaxed);
        self.undecided.store(undecided, Ordering::Relaxed);
        *self.answered.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        Ok(())
    }
}

/// Measures until the board is closed.
pub(super) fn run(parts: &BoardParts, shared: &Shared) {
    let every = Duration::from_millis(shared.limits.gauge_every_ms);
    let mut counts: VecDeque<(Instant, u64)> = VecDeque::new();
    let start = Instant::now();
    while !shared.is_closing() {
        match shared.gauge.measure(parts) {
            Ok(()) => shared.gauge.sample(start.elapsed()),
            Err(error) => tracing::warn!(%error, "the log does not say how far it is"),
        }
        let now = (Instant::now(), shared.gauge.decided.load(Ordering::Relaxed));
        counts.push_back(now);
        let window = Duration::from_secs(u64::try_from(PACE_SECONDS).unwrap_or(1));
        while counts.front().is_some_and(|(at, _)| now.0.duration_since(*at) > window) {
            counts.pop_front();
        }
        if let Some((at, count)) = counts.front() {
            let passed_ms = u64::try_from(now.0.duration_since(*at).as_millis()).unwrap_or(u64::MAX);
            let decided = (now.1 - count).saturating_mul(1_000);
            shared.gauge.per_second.store(decided.checked_div(passed_ms).unwrap_or(0), Ordering::Relaxed);
        }
        std::thread::sleep(every);
    }
}
