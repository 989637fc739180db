//! When to append a tick: something is due on a partition and no record comes whose time would let it happen.

use order_model::TimeMs;

use crate::limits::TICK_INTERVAL_MS;

/// Remembers when a partition was last ticked.
#[derive(Default)]
pub(crate) struct Ticker {
    last: TimeMs,
}

impl Ticker {
    /// Whether to tick now. `due` is when the ledger next has something to do, `is_idle` whether all that was read is
    /// durable. A tick the broker's clock finds too early does nothing, and is repeated after the interval.
    pub(crate) fn should_tick(&mut self, now: TimeMs, due: Option<TimeMs>, is_idle: bool) -> bool {
        let is_due = due.is_some_and(|due| due <= now);
        if !is_idle || !is_due || now < self.last.after(TICK_INTERVAL_MS) {
            return false;
        }
        self.last = now;
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_when_idle_due_and_not_too_often() {
        let due = Some(TimeMs(1_000));
        let mut ticker = Ticker::default();
        assert!(!ticker.should_tick(TimeMs(999), due, true));
        assert!(!ticker.should_tick(TimeMs(1_000), due, false));
        assert!(!ticker.should_tick(TimeMs(1_000), None, true));
        assert!(ticker.should_tick(TimeMs(1_000), due, true));
        assert!(!ticker.should_tick(TimeMs(1_001), due, true));
        assert!(ticker.should_tick(TimeMs(1_000 + TICK_INTERVAL_MS), due, true));
    }
}
