//! How long to wait after a fault: longer each time, up to a cap, and never two sinks in step.

use std::time::Duration;

/// Waits that double from `min` to `max`, each shortened by chance by up to a half.
pub(crate) struct Backoff {
    min: Duration,
    max: Duration,
    random: fastrand::Rng,
}

impl Backoff {
    pub(crate) fn new(min: Duration, max: Duration) -> Self {
        Self { min, max: max.max(min), random: fastrand::Rng::new() }
    }

    /// The wait after so many faults in a row, from 1.
    pub(crate) fn after(&mut self, faults: u32) -> Duration {
        let doubled = 2_u32.saturating_pow(faults.saturating_sub(1));
        let whole = self.min.saturating_mul(doubled).min(self.max);
        whole / 2 + (whole / 2).mul_f64(self.random.f64())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waits_double_up_to_the_cap_and_differ() {
        let (min, max) = (Duration::from_millis(100), Duration::from_secs(30));
        let mut backoff = Backoff::new(min, max);
        for (faults, whole_ms) in
            [(1, 100), (2, 200), (5, 1_600), (9, 25_600), (10, 30_000), (u32::MAX, 30_000)]
        {
            let whole = Duration::from_millis(whole_ms);
            let waits: Vec<_> = (0..50).map(|_| backoff.after(faults)).collect();
            assert!(waits.iter().all(|wait| whole / 2 <= *wait && *wait <= whole), "{faults}: {waits:?}");
            assert!(waits.iter().any(|wait| *wait != waits[0]), "{faults}: all waits are the same");
        }
    }
}
