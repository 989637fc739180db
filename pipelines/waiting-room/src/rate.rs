//! How fast a room admits, and so how long a place waits, with the error told.
//!
//! Whole numbers only, and fed from the log alone: every gateway gives the same estimate.

use order_model::TimeMs;

use crate::limits::{ETA_MS_MAX, RATE_SAMPLE_MS_MIN, RATE_SAMPLES_MIN};

/// Weight of a new sample of one second in the quick average: one part in so many.
const QUICK: u64 = 10;
/// The same in the slow one.
const SLOW: u64 = 40;
/// The averages may differ by so much, in thousandths of the greater; beyond that the pace is still being found, and no
/// estimate is better than a wrong one.
const UNSETTLED_PERMILLE: u64 = 350;
/// The same while the pipeline has time to spare: then a pace is one only if it stays the same for long.
const STEADY_PERMILLE: u64 = 50;
/// Deviations between the average and either end of the interval, in tenths: what a normal spread asks for.
const DEVIATIONS_TENTHS: u64 = 13;
/// The interval is at least this wide to either side, in thousandths of the rate.
const SPREAD_MIN_PERMILLE: u64 = 100;
/// The slow end of the interval is at least this part of the rate, in thousandths: an estimate has an end.
const RATE_LEAST_PERMILLE: u64 = 250;

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
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rate {
    since: TimeMs,
    people: u64,
    samples: u32,
    quick: u64,
    slow: u64,
    deviation: u64,
    /// Whether the sample that is being taken has seen the pipeline busy.
    is_busy: bool,
    /// Seconds since it was.
    idle_s: u64,
}

impl Default for Rate {
    fn default() -> Self {
        let (since, people, samples, quick, slow, deviation) = (TimeMs(0), 0, 0, 0, 0, 0);
        // It was never busy.
        Self { since, people, samples, quick, slow, deviation, is_busy: false, idle_s: u64::MAX }
    }
}

impl Rate {
    /// Begins to measure at `time`, as when the first people begin to wait.
    pub(crate) fn begin(&mut self, time: TimeMs) {
        self.since = time;
        self.people = 0;
        self.is_busy = false;
    }

    /// So many were admitted at `time` while others waited; `is_busy`: the pipeline had work lying before it, so that its
    /// speed set the pace.
    pub(crate) fn admitted(&mut self, time: TimeMs, people: u32, is_busy: bool) {
        self.people += u64::from(people);
        self.is_busy |= is_busy;
        let took_ms = time.0.saturating_sub(self.since.0);
        if took_ms < RATE_SAMPLE_MS_MIN {
            return;
        }
        let sample = self.people * 1_000_000 / took_ms;
        if !self.is_busy {
            self.idle_s = self.idle_s.saturating_add(took_ms / 1_000);
        } else if std::mem::take(&mut self.idle_s) > SLOW {
            // What was admitted while the pace was sought says nothing of the pace that was found.
            self.samples = 0;
            self.deviation = 0;
        }
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

    /// The rate now, in thousandths of people a second; `None` while too little is known, or it changes too much.
    pub(crate) fn per_s_milli(&self) -> Option<u64> {
        let differ = self.quick.abs_diff(self.slow) * 1_000 / self.quick.max(self.slow).max(1);
        let is_found =
            self.idle_s <= SLOW || (u64::from(self.samples) >= 2 * SLOW && differ <= STEADY_PERMILLE);
        let is_settled = is_found && differ <= UNSETTLED_PERMILLE;
        (self.samples >= RATE_SAMPLES_MIN && is_settled).then_some(self.quick.midpoint(self.slow))
    }

    /// How long the one waits who has `ahead` people before him.
    ///
    /// What varies from second to second evens out over the wait, as the root of its length, as far as the slow average
    /// can tell; what the averages differ by does not.
    pub(crate) fn eta(&self, ahead: u32) -> Option<Eta> {
        let rate = self.per_s_milli()?.max(1);
        let people = u64::from(ahead) + 1;
        let seconds = (people * 1_000 / rate).clamp(1, SLOW);
        let noise = self.deviation * DEVIATIONS_TENTHS * 10 / (seconds * 10_000).isqrt();
        let spread = noise + self.quick.abs_diff(self.slow) / 2 + rate * SPREAD_MIN_PERMILLE / 1_000;
        let slowest = rate.saturating_sub(spread).max(rate * RATE_LEAST_PERMILLE / 1_000).max(1);
        let at = |rate: u64| (people * 1_000_000 / rate).min(ETA_MS_MAX);
        // Who is next waits for the next admission, whatever the rate.
        Some(Eta {
            early_ms: at(rate + spread).saturating_sub(RATE_SAMPLE_MS_MIN),
            likely_ms: at(rate),
            late_ms: at(slowest) + RATE_SAMPLE_MS_MIN,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Admits so many every second for so long.
    fn admit(rate: &mut Rate, now: &mut u64, seconds: u64, people: u32, is_busy: bool) {
        for _ in 0..seconds {
            *now += 1_000;
            rate.admitted(TimeMs(*now), people, is_busy);
        }
    }

    #[test]
    fn a_steady_pace_is_told_with_a_narrow_error() {
        let (mut rate, mut now) = (Rate::default(), 0);
        admit(&mut rate, &mut now, 60, 10, false);
        assert_eq!(rate.eta(100), None, "the pace is still being found");
        admit(&mut rate, &mut now, 9, 200, true);
        assert_eq!(rate.eta(100), None, "too little is known");
        admit(&mut rate, &mut now, 1, 200, true);
        assert_eq!(rate.eta(1_999), Some(Eta { early_ms: 8_090, likely_ms: 10_000, late_ms: 12_111 }));
        admit(&mut rate, &mut now, 100, 200, true);
        admit(&mut rate, &mut now, 10, 50, true);
        assert_eq!(rate.per_s_milli(), None, "it has changed too much");
        admit(&mut rate, &mut now, 60, 100, true);
        let eta = rate.eta(999).unwrap();
        assert!((eta.early_ms..=eta.late_ms).contains(&10_000), "{eta:?}");
    }

    #[test]
    fn what_varies_widens_the_interval_of_those_who_are_next() {
        let (mut rate, mut now) = (Rate::default(), 0);
        for second in 0..100 {
            admit(&mut rate, &mut now, 1, if second % 2 == 0 { 50 } else { 150 }, true);
        }
        let width = |ahead: u32| {
            let eta = rate.eta(ahead).unwrap();
            (eta.late_ms - eta.early_ms) * 100 / eta.likely_ms
        };
        assert!(width(300) > 2 * width(10_000), "{} and {}", width(300), width(10_000));
        assert!(rate.eta(u32::MAX).unwrap().late_ms <= ETA_MS_MAX + RATE_SAMPLE_MS_MIN);
    }

    #[test]
    fn time_with_nobody_waiting_does_not_count() {
        let (mut rate, mut now) = (Rate::default(), 0);
        admit(&mut rate, &mut now, 20, 100, true);
        now += 600_000;
        rate.begin(TimeMs(now));
        admit(&mut rate, &mut now, 1, 100, true);
        assert_eq!(rate.per_s_milli(), Some(100_000));
    }
}
