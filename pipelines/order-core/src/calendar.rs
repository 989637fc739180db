//! What falls due when: buckets of entries by time, taken in order of time, then of entry.
//!
//! Entries are never removed, only outlived: whoever takes one checks that it still means something.

use std::collections::BTreeMap;

use order_model::TimeMs;

/// How many buckets are found without a search: entries come in runs of the same few times.
const RECENT_BUCKETS: u64 = 8;

pub(crate) struct Calendar<T> {
    /// Which bucket holds what falls due then.
    by_time: BTreeMap<TimeMs, usize>,
    buckets: Vec<Vec<T>>,
    /// Buckets that are in no use.
    vacant: Vec<usize>,
    /// Buckets entered lately, each at the place its time chooses.
    recent: Vec<Option<(TimeMs, usize)>>,
    /// The bucket being emptied.
    current: Option<(TimeMs, std::vec::IntoIter<T>)>,
}

impl<T> Default for Calendar<T> {
    fn default() -> Self {
        let recent = (0..RECENT_BUCKETS).map(|_| None).collect();
        Self { by_time: BTreeMap::new(), buckets: Vec::new(), vacant: Vec::new(), recent, current: None }
    }
}

fn recent_place(due: TimeMs) -> usize {
    usize::try_from(due.0 % RECENT_BUCKETS).unwrap_or_default()
}

impl<T> Calendar<T> {
    pub(crate) fn enter(&mut self, due: TimeMs, entry: T) {
        let bucket = match self.recent.get(recent_place(due)) {
            Some(Some((time, bucket))) if *time == due => *bucket,
            _ => self.find_bucket(due),
        };
        if let Some(entries) = self.buckets.get_mut(bucket) {
            entries.push(entry);
        }
    }

    fn find_bucket(&mut self, due: TimeMs) -> usize {
        let bucket = *self.by_time.entry(due).or_insert_with(|| {
            self.vacant.pop().unwrap_or_else(|| {
                self.buckets.push(Vec::new());
                self.buckets.len() - 1
            })
        });
        if let Some(recent) = self.recent.get_mut(recent_place(due)) {
            *recent = Some((due, bucket));
        }
        bucket
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
            let first = self.by_time.first_entry().filter(|first| *first.key() <= now)?;
            let (due, bucket) = first.remove_entry();
            if let Some(recent) = self.recent.get_mut(recent_place(due)) {
                *recent = recent.filter(|(time, _)| *time != due);
            }
            self.vacant.push(bucket);
            let entries = self.buckets.get_mut(bucket).map(std::mem::take).unwrap_or_default();
            self.current = Some((due, entries.into_iter()));
        }
        Some(())
    }

    /// The earliest time at which something may be due.
    pub(crate) fn next_due(&self) -> Option<TimeMs> {
        match &self.current {
            Some((due, entries)) if entries.len() > 0 => Some(*due),
            _ => self.by_time.first_key_value().map(|(due, _)| *due),
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

    #[test]
    fn a_time_that_is_over_may_come_again() {
        let mut calendar = Calendar::default();
        for entry in 0..3 {
            // Nine times use one recent place twice.
            for due in 1..=9 {
                calendar.enter(TimeMs(due), entry * 100 + due);
            }
            calendar.enter(TimeMs(9), entry);
            let taken: Vec<_> = std::iter::from_fn(|| calendar.take_due(TimeMs(9))).collect();
            assert_eq!(taken.len(), 10);
            assert!(taken.is_sorted_by_key(|(due, _)| *due));
            assert_eq!(taken.last(), Some(&(TimeMs(9), entry)));
        }
        assert_eq!(calendar.next_due(), None);
    }
}
