//! What falls due when: buckets of slots by time, taken in order of time, then of entry.
//!
//! Entries are never removed, only outlived: whoever takes one checks that it still means something.

use std::collections::BTreeMap;

use order_model::TimeMs;

use crate::orders::Slot;

#[derive(Default)]
pub(crate) struct Calendar {
    buckets: BTreeMap<TimeMs, Vec<Slot>>,
    /// The bucket being emptied.
    current: Option<(TimeMs, std::vec::IntoIter<Slot>)>,
}

impl Calendar {
    pub(crate) fn enter(&mut self, due: TimeMs, slot: Slot) {
        self.buckets.entry(due).or_default().push(slot);
    }

    /// The next entry due at `now`, and when it fell due.
    pub(crate) fn take_due(&mut self, now: TimeMs) -> Option<(TimeMs, Slot)> {
        loop {
            if let Some((due, slots)) = &mut self.current {
                if let Some(slot) = slots.next() {
                    return Some((*due, slot));
                }
                self.current = None;
            }
            let bucket = self.buckets.first_entry().filter(|bucket| *bucket.key() <= now)?;
            let (due, slots) = bucket.remove_entry();
            self.current = Some((due, slots.into_iter()));
        }
    }

    /// The earliest time at which something may be due.
    pub(crate) fn next_due(&self) -> Option<TimeMs> {
        match &self.current {
            Some((due, slots)) if slots.len() > 0 => Some(*due),
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
        for (due, slot) in [(5, 1), (3, 2), (5, 3), (9, 4)] {
            calendar.enter(TimeMs(due), Slot(slot));
        }
        assert_eq!(calendar.next_due(), Some(TimeMs(3)));
        assert_eq!(calendar.take_due(TimeMs(2)), None);
        assert_eq!(calendar.take_due(TimeMs(5)), Some((TimeMs(3), Slot(2))));
        assert_eq!(calendar.take_due(TimeMs(5)), Some((TimeMs(5), Slot(1))));
        assert_eq!(calendar.next_due(), Some(TimeMs(5)));
        assert_eq!(calendar.take_due(TimeMs(5)), Some((TimeMs(5), Slot(3))));
        assert_eq!(calendar.take_due(TimeMs(5)), None);
        assert_eq!(calendar.next_due(), Some(TimeMs(9)));
    }
}
