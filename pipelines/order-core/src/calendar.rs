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
        loop {
            if let Some((due, entries)) = &mut self.current {
                if let Some(entry) = entries.next() {
                    return Some((*due, entry));
                }
                self.current = None;
            }
            let bucket = self.buckets.first_entry().filter(|bucket| *bucket.key() <= now)?;
            let (due, entries) = bucket.remove_entry();
            self.current = Some((due, entries.into_iter()));
        }
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
