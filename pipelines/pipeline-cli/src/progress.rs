//! A line of progress on standard error, where that is a terminal.

use std::io::{IsTerminal, Write};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

/// Least time between two drawings.
const REDRAW: Duration = Duration::from_millis(100);

/// A count that grows, and how fast.
#[derive(Clone)]
pub struct Progress(Arc<Mutex<State>>);

struct State {
    what: &'static str,
    start: Instant,
    drawn: Option<Instant>,
    is_shown: bool,
}

impl Progress {
    /// Progress of so many `what`.
    pub fn start(what: &'static str) -> Self {
        let is_shown = std::io::stderr().is_terminal();
        Self(Arc::new(Mutex::new(State { what, start: Instant::now(), drawn: None, is_shown })))
    }

    /// Shows the count, unless it was shown just now.
    pub fn show(&self, count: u64) {
        let mut state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if !state.is_shown || state.drawn.is_some_and(|drawn| drawn.elapsed() < REDRAW) {
            return;
        }
        state.drawn = Some(Instant::now());
        let millis = u64::try_from(state.start.elapsed().as_millis()).unwrap_or(u64::MAX).max(1);
        let rate = count.saturating_mul(1_000) / millis;
        // A terminal that cannot be written to is no reason to fail.
        write!(std::io::stderr(), "\r\x1b[K{count} {} ({rate}/s)", state.what).ok();
    }

    /// Takes the line away.
    pub fn end(&self) {
        let state = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if state.drawn.is_some() {
            write!(std::io::stderr(), "\r\x1b[K").ok();
        }
    }
}
