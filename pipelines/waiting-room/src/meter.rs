//! The meter: orders decided and come in a second, from samples of two counts.

use std::collections::VecDeque;

use order_model::TimeMs;

use crate::limits::{METER_QUICK_MS, METER_SAMPLE_MS_MIN, METER_SLOW_MS};

/// What a gateway knows of the pipeline without knowing the room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pipeline {
    /// Orders decided a second, over [`METER_QUICK_MS`].
    pub decided_per_s: u32,
    /// The most that was over [`METER_SLOW_MS`].
    pub best_per_s: u32,
    /// Orders that came in a second, over [`METER_SLOW_MS`].
    pub arrived_per_s: u32,
    /// Records of `orders` that are not yet decided.
    pub lag_records: u32,
}

/// Measures over [`METER_SLOW_MS`]. Keeps a sample for every [`METER_SAMPLE_MS_MIN`] of it at most.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    samples: VecDeque<Sample>,
}

#[derive(Clone, Copy, Debug)]
struct Sample {
    time: TimeMs,
    decided: u64,
    lag: u64,
    decided_per_s: u32,
}

impl Sample {
    fn arrived(&self) -> u64 {
        self.decided.saturating_add(self.lag)
    }
}

impl Meter {
    /// Notes how many orders were decided since the beginning of the log, and how many records are not yet decided. A sample
    /// that comes too soon after the last, or before it, is left out.
    pub fn sample(&mut self, now: TimeMs, decided: u64, lag_records: u64) {
        if self.samples.back().is_some_and(|last| now < last.time.after(METER_SAMPLE_MS_MIN)) {
            return;
        }
        let from = self.samples.iter().rev().find(|sample| sample.time.after(METER_QUICK_MS) <= now);
        let from = from.or_else(|| self.samples.front());
        let decided_per_s = from.map_or(0, |from| per_s(from.decided, decided, from.time, now));
        self.samples.push_back(Sample { time: now, decided, lag: lag_records, decided_per_s });
        // The first sample is the one at the window's beginning, or the last before it.
        while self.samples.get(1).is_some_and(|second| second.time.after(METER_SLOW_MS) <= now) {
            self.samples.pop_front();
        }
    }

    /// The pace at the last sample; `None` before there are two.
    pub fn read(&self) -> Option<Pipeline> {
        let (first, last) = (self.samples.front()?, self.samples.back()?);
        if first.time == last.time {
            return None;
        }
        Some(Pipeline {
            decided_per_s: last.decided_per_s,
            best_per_s: self.samples.iter().map(|sample| sample.decided_per_s).max().unwrap_or(0),
            arrived_per_s: per_s(first.arrived(), last.arrived(), first.time, last.time),
            lag_records: u32::try_from(last.lag).unwrap_or(u32::MAX),
        })
    }
}

fn per_s(before: u64, after: u64, from: TimeMs, to: TimeMs) -> u32 {
    let took_ms = to.0.saturating_sub(from.0).max(1);
    u32::try_from(after.saturating_sub(before).saturating_mul(1_000) / took_ms).unwrap_or(u32::MAX)
}
