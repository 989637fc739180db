//! How many calls to the provider may be under way: half as many after a fault, one more after each success.

/// The pace. Pure: it is told what came back, and asked how many may be out.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pace {
    max: usize,
    allowed: usize,
    /// Calls still out that went out before fewer were allowed. Their faults say nothing new: else a provider that fails
    /// at one call in a hundred would hardly be called.
    spared: usize,
}

impl Pace {
    pub(crate) fn new(max: usize) -> Self {
        let max = max.max(1);
        Self { max, allowed: max, spared: 0 }
    }

    /// Most calls under way now.
    pub(crate) fn allowed(&self) -> usize {
        self.allowed
    }

    /// A call was answered.
    pub(crate) fn well(&mut self) {
        self.spared = self.spared.saturating_sub(1);
        self.allowed = (self.allowed + 1).min(self.max);
    }

    /// A call was refused for good: it says nothing of the pace.
    pub(crate) fn refused(&mut self) {
        self.spared = self.spared.saturating_sub(1);
    }

    /// A call failed, and so many are still out.
    pub(crate) fn failed(&mut self, calling: usize) {
        if self.spared > 0 {
            self.spared -= 1;
            return;
        }
        self.allowed = (self.allowed / 2).max(1);
        self.spared = calling;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dead_provider_is_soon_called_by_one_at_a_time() {
        let mut pace = Pace::new(64);
        let mut halved = 0;
        while pace.allowed() > 1 {
            let before = pace.allowed();
            (0..before).rev().for_each(|calling| pace.failed(calling));
            assert_eq!(pace.allowed(), before / 2, "once for all that were out");
            halved += 1;
        }
        assert_eq!(halved, 6);
        (0..5).for_each(|_| pace.well());
        assert_eq!(pace.allowed(), 6);
        pace.refused();
        assert_eq!(pace.allowed(), 6);
    }

    #[test]
    fn a_provider_that_fails_now_and_then_is_called_at_full_pace() {
        let mut pace = Pace::new(1_000);
        let mut least = usize::MAX;
        for call in 0..100_000_u32 {
            if call % 50 == 49 {
                pace.failed(pace.allowed() - 1)
            } else {
                pace.well()
            }
            least = least.min(pace.allowed());
        }
        assert!(least >= 400, "{least}");
    }
}
