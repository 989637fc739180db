//! How fast a room admits, and so how long a place waits, with the error told.
//!
//! Whole numbers only, and fed from the log alone: every gateway gives the same estimate.

use order_model::TimeMs;

use crate::limits::{ETA_MS_MAX, RATE_SAMPLE_MS_MIN, RATE_SAMPLES_MIN};

/// Weight of a new sample of one second in the quick average: one part in so many.
const QUICK: u64 = 8;
/// The same in the slow one.
const SLOW: u64 = 40;
/// Deviations that lie between the average and either end of the interval, in tenths. A normal spread of independent
/// rates would ask for 1.3; the rate of a sale is not steady, so more is taken.
const DEVIATIONS_TENTHS: u64 = 15;
/// The interval is at least this wide to either side, in thousandths of the rate.
const SPREAD_MIN_PERMILLE: u64 = 80;
/// The slow end of the interval is at least this part of the rate, in thousandths: an estimate has an end.
const RATE_LEAST_PERMILLE: u64 = 100;

/// How long somebody will wait, in milliseconds: in eight of ten cases between `early` and `late`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Eta {
    /// One in ten waits less.
    pub early_ms: u64,
    /// The estimate.
    pub likely_ms: u64,
    /// One in ten waits more.
    pub late_ms: u64,
}

/// The admission rate in thousandths of people a second.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Rate {
    since: TimeMs,
    people: u64,
    samples: u32,
    quick: u64,
    slow: u64,
    deviation: u64,
}

impl Rate {
    /// Begins to measure at `time`, as when the first people begin to wait.
    pub(crate) fn begin(&mut self, time: TimeMs) {
        self.since = time;
        self.people = 0;
    }

    /// So many were admitted at `time` while others waited.
    pub(crate) fn admitted(&mut self, time: TimeMs, people: u32) {
        self.people += u64::from(people);
        let took_ms = time.0.saturating_sub(self.since.0);
        if took_ms < RATE_SAMPLE_MS_MIN {
            return;
        }
        let sample = self.people * 1_000_000 / took_ms;
        self.begin(time);
        self.samples = self.samples.saturating_add(1);
        if self.samples == 1 {
            (self.quick, self.slow) = (sample, sample);
            return;
        }
        // A long sample counts as often as it has seconds; the averages begin as plain ones.
        let seconds = took_ms / 1_000;
        let weigh = |average: u64, value: u64, span: u64| {
            let span = span.min(u64::from(self.samples)).max(1);
            let part = seconds.min(span);
            (average * (span - part) + value * part) / span
        };
        self.deviation = weigh(self.deviation, sample.abs_diff(self.slow), SLOW);
        self.quick = weigh(self.quick, sample, QUICK);
        self.slow = weigh(self.slow, sample, SLOW);
    }

    /// The rate now, in thousandths of people a second; `None` while too little is known.
    pub(crate) fn per_s_milli(&self) -> Option<u64> {
        (self.samples >= RATE_SAMPLES_MIN).then_some(self.quick.midpoint(self.slow))
    }

    /// How long the one waits who has `ahead` people before him.
    pub(crate) fn eta(&self, ahead: u32) -> Option<Eta> {
        let rate = self.per_s_milli()?.max(1);
        let spread = (self.deviation * DEVIATIONS_TENTHS / 10).max(rate * SPREAD_MIN_PERMILLE / 1_000);
        let fastest = self.quick.max(self.slow) + spread;
        let least = (rate * RATE_LEAST_PERMILLE / 1_000).max(1);
        let slowest = self.quick.min(self.slow).saturating_sub(spread).max(least);
        let people = u64::from(ahead) + 1;
        let at = |rate: u64| (people * 1_000_000 / rate.max(1)).min(ETA_MS_MAX);
        // Who is next waits for the next admission, whatever the rate.
        Some(Eta {
            early_ms: at(fastest).saturating_sub(RATE_SAMPLE_MS_MIN),
            likely_ms: at(rate),
            late_ms: at(slowest) + RATE_SAMPLE_MS_MIN,
        })
    }
}
