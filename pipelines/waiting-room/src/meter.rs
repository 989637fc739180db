//! The meter: orders decided and come in a second, from samples of two counts.

use std::collections::VecDeque;

use order_model::TimeMs;

use crate::limits::{METER_SAMPLES_MAX, METER_WINDOW_MS};

/// What a gateway knows of the pipeline without knowing the room.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Pipeline {
    /// Orders decided a second.
    pub decided_per_s: u32,
    /// Orders that came in a second.
    pub arrived_per_s: u32,
    /// Records of `orders` that are not yet decided.
    pub lag_records: u32,
}

/// Measures over [`METER_WINDOW_MS`]. Keeps [`METER_SAMPLES_MAX`] samples at most.
#[derive(Clone, Debug, Default)]
pub struct Meter {
    samples: VecDeque<(TimeMs, u64, u64)>,
    lag: u64,
}

impl Meter {
    /// Notes how many orders were decided since the beginning of the log, and how many records are not yet decided.
    /// Samples must come in order of time; one that does not is left out.
    pub fn sample(&mut self, now: TimeMs, decided: u64, lag_records: u64) {
        if self.samples.back().is_some_and(|(last, ..)| now <= *last) {
            return;
        }
        self.lag = lag_records;
        self.samples.push_back((now, decided, decided.saturating_add(lag_records)));
        let second = |samples: &VecDeque<(TimeMs, u64, u64)>| samples.get(1).map(|(time, ..)| *time);
        // The first sample is the one at the window's beginning, or the last before it.
        while second(&self.samples).is_some_and(|time| time.after(METER_WINDOW_MS) <= now)
            || self.samples.len() > METER_SAMPLES_MAX
        {
            self.samples.pop_front();
        }
    }

    /// The pace at the last sample; `None` before there are two.
    pub fn read(&self) -> Option<Pipeline> {
        let (from, decided_before, arrived_before) = self.samples.front()?;
        let (to, decided, arrived) = self.samples.back()?;
        let took_ms = to.0.checked_sub(from.0).filter(|took| *took > 0)?;
        let per_s = |before: &u64, after: &u64| {
            u32::try_from(after.saturating_sub(*before).saturating_mul(1_000) / took_ms).unwrap_or(u32::MAX)
        };
        Some(Pipeline {
            decided_per_s: per_s(decided_before, decided),
            arrived_per_s: per_s(arrived_before, arrived),
            lag_records: u32::try_from(self.lag).unwrap_or(u32::MAX),
        })
    }
}
