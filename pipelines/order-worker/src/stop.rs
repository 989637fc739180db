//! Asking a worker to stop.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// How urgently a worker is to stop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum StopLevel {
    /// Not at all.
    Run,
    /// Finish what is in flight, give the partitions back, leave.
    Drain,
    /// Leave. What is in flight will be decided again by whoever comes next, and dropped by its number.
    Now,
}

/// A request to stop, shared with whoever may make it. Each [`Stop::ask`] is one step more urgent.
#[derive(Clone, Default, Debug)]
pub struct Stop(Arc<AtomicU8>);

impl Stop {
    /// Nobody has asked yet.
    pub fn new() -> Self {
        Self::default()
    }

    /// Asks: first to drain, then to stop at once. May be called from a signal handler.
    pub fn ask(&self) {
        let urgent = |asked: u8| Some(asked.saturating_add(1).min(2));
        self.0.fetch_update(Ordering::Relaxed, Ordering::Relaxed, urgent).ok();
    }

    /// What has been asked for.
    pub fn level(&self) -> StopLevel {
        match self.0.load(Ordering::Relaxed) {
            0 => StopLevel::Run,
            1 => StopLevel::Drain,
            _ => StopLevel::Now,
        }
    }
}
