//! The events of a run: hashed always, kept in words when asked for.

use std::fmt;

use crate::limits::TRACE_LINES_MAX;

pub(crate) struct Trace {
    hasher: blake3::Hasher,
    line: String,
    lines: Option<Vec<String>>,
}

impl Trace {
    pub(crate) fn new(seed: u64, is_kept: bool) -> Self {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&seed.to_le_bytes());
        Self { hasher, line: String::new(), lines: is_kept.then(Vec::new) }
    }

    /// Notes an event.
    pub(crate) fn note(&mut self, now_ms: u64, event: fmt::Arguments<'_>) {
        self.line.clear();
        // Writing to a string does not fail.
        fmt::Write::write_fmt(&mut self.line, format_args!("{now_ms} {event}")).ok();
        let length = u64::try_from(self.line.len()).unwrap_or(u64::MAX);
        self.hasher.update(&length.to_le_bytes()).update(self.line.as_bytes());
        if let Some(lines) = &mut self.lines
            && lines.len() < TRACE_LINES_MAX
        {
            lines.push(self.line.clone());
        }
    }

    /// Hashes bytes, length first.
    pub(crate) fn bytes(&mut self, bytes: &[u8]) {
        self.hasher.update(&u64::try_from(bytes.len()).unwrap_or(u64::MAX).to_le_bytes()).update(bytes);
    }

    pub(crate) fn digest(&self) -> [u8; 32] {
        *self.hasher.finalize().as_bytes()
    }

    pub(crate) fn take_lines(&mut self) -> Vec<String> {
        self.lines.take().unwrap_or_default()
    }
}
