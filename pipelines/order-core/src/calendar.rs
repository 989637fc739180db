//! What falls due when: buckets of entries by time, taken in order of time, then of entry.
//!
//! Entries are never removed, only outlived: whoever takes one checks that it still means something.

use std::collections::BTreeMap;

use order_model::TimeMs;

pub(crate) struct Calendar<T> {
    buckets: BTreeMap<TimeMs, Vec<T>>,
    /// The bucket being emptied.
    current: Option<(TimeMs, std::vec::IntoIter<T>)>,
}

impl<T> Default for Calendar<T> {
    fn default() -> Self {
        Self { buckets: BTreeMap::new(), current: None }
    }
}

impl<T> Calendar<T> {
    pub(crate) fn enter(&mut self, due: TimeMs, entry: T) {
        self.buckets.entry(due).or_default().push(entry);
    }

    /// The next entry due at `now`, and when it fell due.
    pub(crate) fn take_due(&mut self, now: TimeMs) -> Option<(TimeMs, T)> {
        self.open_due(now)?;
        let (due, entries) = self.current.as_mut()?;
        Some((*due, entries.next()?))
    }

    /// Entries due at `now` that will be taken next, though not necessarily all.
    pub(crate) fn upcoming(&mut self, now: TimeMs) -> &[T] {
        match self.open_due(now) {
            Some(()) => self.current.as_ref().map_or(&[], |(_, entries)| entries.as_slice()),
            None => &[],
        }
    }

    /// Sees to it that the bucket being emptied is not empty; `None` when nothing is due.
    fn open_due(&mut self, now: TimeMs) -> Option<()> {
        if self.current.as_ref().is_none_or(|(_, entries)| entries.len() == 0) {
            self.current = None;
            let bucket = self.buckets.first_entry().filter(|bucket| *bucket.key() <= now)?;
            let (due, entries) = bucket.remove_entry();
            self.current = Some((due, entries.into_iter()));
        }
        Some(())
    }

    /// The earliest time at which something may be due.
    pub(crate) fn next_due(&self) -> Option<TimeMs> {
        match &self.current {
            Some((due, entries)) if entries.len() > 0 => Some(*due),
            _ => self.buckets.first_key_value().map(|(due, _)| *due),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn by_time_then_by_entry() {
        let mut calendar = Calendar::default();
        for (due, entry) in [(5, 1), (3, 2), (5, 3), (9, 4)] {
            calendar.enter(TimeMs(due), entry);
        }
        assert_eq!(calendar.next_due(), Some(TimeMs(3)));
        assert_eq!(calendar.take_due(TimeMs(2)), None);
        assert_eq!(calendar.take_due(TimeMs(5)), Some((TimeMs(3), 2)));
        assert_eq!(calendar.take_due(TimeMs(5)), Some((TimeMs(5), 1)));
        assert_eq!(calendar.next_due(), Some(TimeMs(5)));
        assert_eq!(calendar.take_due(TimeMs(5)), Some((TimeMs(5), 3)));
        assert_eq!(calendar.take_due(TimeMs(5)), None);
        assert_eq!(calendar.next_due(), Some(TimeMs(9)));
    }
}
