//! How many requests may be under way: one more for each window that went well, half as many when DynamoDB throttles.

use std::time::Duration;

use crate::limits::{REQUESTS_START, THROTTLED_IN_A_ROW_MAX, THROTTLED_WAIT_MS_MAX, THROTTLED_WAIT_MS_MIN};

/// The pace. Pure: it is told what happened, and asked what may happen.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pace {
    max: u32,
    window: u32,
    /// Requests that went well since the window last grew.
    well: u32,
    /// Throttled answers in a row.
    throttled: u32,
}

impl Pace {
    pub(crate) fn new(max: u32) -> Self {
        let max = max.max(1);
        Self { max, window: REQUESTS_START.min(max), well: 0, throttled: 0 }
    }

    /// Most requests under way now.
    pub(crate) fn window(&self) -> u32 {
        self.window
    }

    /// A request was taken whole.
    pub(crate) fn well(&mut self) {
        self.throttled = 0;
        self.well += 1;
        if self.well >= self.window {
            self.well = 0;
            self.window = (self.window + 1).min(self.max);
        }
    }

    /// A request was throttled, in whole or (`taken`) in part. Says how long to wait.
    pub(crate) fn throttled(&mut self, taken: bool) -> Duration {
        self.well = 0;
        self.window = (self.window / 2).max(1);
        self.throttled = if taken { 1 } else { self.throttled + 1 };
        let doubled = THROTTLED_WAIT_MS_MIN << self.throttled.saturating_sub(1).min(16);
        let wait = doubled.min(THROTTLED_WAIT_MS_MAX);
        // Jittered, so that several sinks do not come back at once.
        Duration::from_millis(wait / 2 + fastrand::u64(0..=wait / 2))
    }

    /// Whether nothing has been taken for so long that the loop should wait instead.
    pub(crate) fn is_stuck(&self) -> bool {
        self.throttled >= THROTTLED_IN_A_ROW_MAX
    }

    /// Another flush begins.
    pub(crate) fn start_anew(&mut self) {
        self.throttled = 0;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_grows_slowly_and_halves_at_once() {
        let mut pace = Pace::new(8);
        assert_eq!(pace.window(), 4);
        for _ in 0..4 {
            pace.well();
        }
        assert_eq!(pace.window(), 5);
        for _ in 0..100 {
            pace.well();
        }
        assert_eq!(pace.window(), 8);
        for window in [4, 2, 1, 1] {
            pace.throttled(true);
            assert_eq!(pace.window(), window);
            assert!(!pace.is_stuck());
        }
    }

    #[test]
    fn waits_double_up_to_a_maximum_and_end_in_a_stop() {
        let mut pace = Pace::new(8);
        let mut longest = 0;
        for turn in 0..THROTTLED_IN_A_ROW_MAX {
            let wait = u64::try_from(pace.throttled(false).as_millis()).unwrap();
            let bound = (THROTTLED_WAIT_MS_MIN << turn).min(THROTTLED_WAIT_MS_MAX);
            assert!((bound / 2..=bound).contains(&wait), "{turn}: {wait}");
            longest = longest.max(wait);
        }
        assert!(longest <= THROTTLED_WAIT_MS_MAX && pace.is_stuck());
        pace.well();
        assert!(!pace.is_stuck());
    }
}
