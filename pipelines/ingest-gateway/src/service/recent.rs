//! Orders that were written lately: so that fifty retries at once are one record and get one answer, and that an order can
//! be looked at and withdrawn before it is decided.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use order_model::{CustomerId, OrderId, Sku};
use tokio::sync::oneshot;

use crate::door::Outcome;

/// What an order says, shortened.
pub(super) type Print = [u8; 32];

/// How whoever asks for an order names it: by its id, or by their key, under which its id depends on what it says.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) enum Name {
    /// By its id.
    Order(OrderId),
    /// By their key, and its place in a batch.
    Key(u128),
}

/// An order that is written.
#[derive(Clone, Copy, Debug)]
pub(super) struct About {
    pub(super) order: OrderId,
    pub(super) customer: CustomerId,
    /// Its smallest SKU: where it is decided.
    pub(super) home: Sku,
    pub(super) print: Print,
}

struct Entry {
    about: About,
    /// Which of all entries there ever were: another may have come under the name of one that was forgotten.
    number: u64,
    progress: Progress,
}

enum Progress {
    /// It is being written; these wait for what becomes of it.
    Writing(Vec<oneshot::Sender<Outcome>>),
    /// The log has it.
    Written {
        /// The partition,
        partition: u32,
        /// and the place there.
        offset: u64,
    },
}

impl Progress {
    fn outcome(&self) -> Option<Outcome> {
        match *self {
            Self::Writing(_) => None,
            Self::Written { partition, offset } => Some(Outcome::Accepted { partition, offset }),
        }
    }
}

#[derive(Default)]
struct Entries {
    latest: u64,
    by_name: HashMap<Name, Entry>,
    /// The names of orders that are named by a key.
    keys: HashMap<OrderId, Name>,
    by_age: VecDeque<Name>,
}

impl Entries {
    /// The entry of this name, or of the order under whatever name.
    fn find(&mut self, name: Name, order: OrderId) -> Option<&mut Entry> {
        let by_id = Name::Order(order);
        let name = if self.by_name.contains_key(&name) {
            name
        } else if name != by_id && self.by_name.contains_key(&by_id) {
            by_id
        } else {
            *self.keys.get(&order)?
        };
        self.by_name.get_mut(&name)
    }

    fn add(&mut self, name: Name, about: About) -> u64 {
        self.latest += 1;
        let entry = Entry { about, number: self.latest, progress: Progress::Writing(Vec::new()) };
        if matches!(name, Name::Key(_)) {
            self.keys.insert(about.order, name);
        }
        self.by_name.insert(name, entry);
        self.by_age.push_back(name);
        self.latest
    }

    fn remove(&mut self, name: Name) -> Option<Entry> {
        let entry = self.by_name.remove(&name)?;
        if matches!(name, Name::Key(_)) {
            self.keys.remove(&entry.about.order);
        }
        Some(entry)
    }
}

/// Bounded: the oldest are forgotten, and their retries are written again, which the ledger takes for what they are.
pub(super) struct Recent {
    entries: Mutex<Entries>,
    orders_max: usize,
}

/// What is known of an order somebody is about to write.
pub(super) enum Entered {
    /// Nothing: write it, and tell the others.
    First(First),
    /// It is being written, or was.
    Before {
        /// Whether it says the same.
        is_same: bool,
        /// What became of it; nobody says so if whoever writes it has gone, or it was forgotten.
        outcome: oneshot::Receiver<Outcome>,
    },
}

/// An order that the log has.
#[derive(Clone, Copy, Debug)]
pub(super) struct Written {
    pub(super) about: About,
    pub(super) partition: u32,
    pub(super) offset: u64,
}

/// Whoever writes an order first. Dropped without an outcome, the next one is first.
pub(super) struct First {
    recent: Arc<Recent>,
    name: Name,
    number: u64,
    is_settled: bool,
}

impl Recent {
    pub(super) fn new(orders_max: usize) -> Self {
        Self { entries: Mutex::default(), orders_max }
    }

    fn entries(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn enter(self: &Arc<Self>, name: Name, about: About) -> Entered {
        let mut entries = self.entries();
        if let Some(entry) = entries.find(name, about.order) {
            let is_same = entry.about.print == about.print;
            let (sender, outcome) = oneshot::channel();
            match &mut entry.progress {
                Progress::Writing(waiting) => waiting.push(sender),
                // We hold the other end.
                Progress::Written { partition, offset } => {
                    sender.send(Outcome::Accepted { partition: *partition, offset: *offset }).ok();
                }
            }
            return Entered::Before { is_same, outcome };
        }
        let number = entries.add(name, about);
        while entries.by_age.len() > self.orders_max.max(1) {
            let Some(oldest) = entries.by_age.pop_front() else { break };
            entries.remove(oldest);
        }
        Entered::First(First { recent: Arc::clone(self), name, number, is_settled: false })
    }

    /// Whether an order of this name says the same, and what became of it so far; `None`: there is none.
    pub(super) fn look(&self, name: Name, about: &About) -> Option<(bool, Option<Outcome>)> {
        let mut entries = self.entries();
        let entry = entries.find(name, about.order)?;
        Some((entry.about.print == about.print, entry.progress.outcome()))
    }

    /// An order that was written here lately.
    pub(super) fn written(&self, order: OrderId) -> Option<Written> {
        let mut entries = self.entries();
        let entry = entries.find(Name::Order(order), order)?;
        let Progress::Written { partition, offset } = entry.progress else { return None };
        Some(Written { about: entry.about, partition, offset })
    }

    /// Notes what became of an order, and gives those who wait for it. Only what is in the log for certain is remembered.
    fn settle(&self, name: Name, number: u64, outcome: Option<Outcome>) -> Vec<oneshot::Sender<Outcome>> {
        let mut entries = self.entries();
        let Some(entry) = entries.by_name.get_mut(&name).filter(|entry| entry.number == number) else {
            return Vec::new();
        };
        let progress = match outcome {
            Some(Outcome::Accepted { partition, offset }) => {
                std::mem::replace(&mut entry.progress, Progress::Written { partition, offset })
            }
            _ => {
                // It came lately: it is near the end.
                if let Some(index) = entries.by_age.iter().rposition(|known| *known == name) {
                    entries.by_age.remove(index);
                }
                let Some(entry) = entries.remove(name) else { return Vec::new() };
                entry.progress
            }
        };
        match progress {
            Progress::Writing(waiting) => waiting,
            Progress::Written { .. } => Vec::new(),
        }
    }
}

impl First {
    /// Tells the others.
    pub(super) fn settle(mut self, outcome: Outcome) {
        self.is_settled = true;
        for waiting in self.recent.settle(self.name, self.number, Some(outcome)) {
            // Whoever waited may have gone.
            waiting.send(outcome).ok();
        }
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if !self.is_settled {
            drop(self.recent.settle(self.name, self.number, None));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const THERE: Outcome = Outcome::Accepted { partition: 1, offset: 7 };

    fn about(order: u128, says: u8) -> About {
        let home = "A".parse().unwrap();
        About { order: order.into(), customer: 1.into(), home, print: [says; 32] }
    }

    fn first(recent: &Arc<Recent>, name: Name, about: About) -> First {
        match recent.enter(name, about) {
            Entered::First(first) => first,
            Entered::Before { .. } => panic!("there is one of this name"),
        }
    }

    fn before(recent: &Arc<Recent>, name: Name, about: About) -> (bool, oneshot::Receiver<Outcome>) {
        match recent.enter(name, about) {
            Entered::First(_) => panic!("there is none of this name"),
            Entered::Before { is_same, outcome } => (is_same, outcome),
        }
    }

    #[test]
    fn those_who_ask_meanwhile_or_later_hear_what_the_first_heard() {
        let recent = Arc::new(Recent::new(10));
        let (key, order) = (Name::Key(5), Name::Order(1.into()));
        let writer = first(&recent, key, about(1, 0));
        let (is_same, mut meanwhile) = before(&recent, key, about(1, 0));
        assert!(is_same);
        assert!(!before(&recent, order, about(1, 9)).0, "by its id, saying something else");
        assert_eq!(recent.look(key, &about(1, 0)), Some((true, None)));
        assert!(recent.written(1.into()).is_none());
        writer.settle(THERE);
        assert_eq!(meanwhile.try_recv(), Ok(THERE));
        assert_eq!(before(&recent, key, about(1, 0)).1.try_recv(), Ok(THERE));
        let written = recent.written(1.into()).unwrap();
        assert_eq!((written.partition, written.offset), (1, 7));
    }

    #[test]
    fn what_is_not_in_the_log_for_certain_is_not_remembered() {
        for outcome in [Some(Outcome::Unknown), Some(Outcome::Full), None] {
            let recent = Arc::new(Recent::new(10));
            let name = Name::Order(1.into());
            let writer = first(&recent, name, about(1, 0));
            let (_, mut meanwhile) = before(&recent, name, about(1, 0));
            match outcome {
                Some(outcome) => writer.settle(outcome),
                None => drop(writer),
            }
            assert_eq!(meanwhile.try_recv().ok(), outcome);
            assert!(recent.look(name, &about(1, 0)).is_none());
            assert!(recent.entries().by_age.is_empty() && recent.entries().keys.is_empty());
        }
    }

    #[test]
    fn one_that_was_forgotten_does_not_speak_for_its_successor() {
        let recent = Arc::new(Recent::new(1));
        let name = Name::Key(5);
        let forgotten = first(&recent, name, about(1, 0));
        first(&recent, Name::Key(6), about(2, 0)).settle(THERE);
        let successor = first(&recent, name, about(1, 9));
        forgotten.settle(THERE);
        assert_eq!(recent.look(name, &about(1, 9)), Some((true, None)));
        successor.settle(THERE);
        assert_eq!(recent.entries().by_name.len(), 1);
        assert_eq!(recent.entries().keys.len(), 1);
    }
}
