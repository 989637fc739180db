//! Waking whoever waits for something in the log to change.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

/// A counter that can be waited on. Read [`Signal::version`] before looking at what it announces; a change between
/// the look and the wait is then not missed.
#[derive(Debug, Default)]
pub(crate) struct Signal {
    version: Mutex<u64>,
    changed: Condvar,
}

impl Signal {
    pub(crate) fn version(&self) -> u64 {
        *locked(&self.version)
    }

    /// Wakes all who wait.
    pub(crate) fn raise(&self) {
        *locked(&self.version) += 1;
        self.changed.notify_all();
    }

    /// Waits until the version is no longer `seen`; false when that did not happen before `deadline`.
    pub(crate) fn wait(&self, seen: u64, deadline: Instant) -> bool {
        let mut version = locked(&self.version);
        while *version == seen {
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return false;
            }
            version = self.changed.wait_timeout(version, left).unwrap_or_else(PoisonError::into_inner).0;
        }
        true
    }
}

/// Locks, whether or not a thread panicked with the lock: every holder leaves what it guards whole.
pub(crate) fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
