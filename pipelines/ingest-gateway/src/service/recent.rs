//! Orders that were written lately: so that fifty retries at once are one record and get one answer, and that an order can
//! be looked at and withdrawn before it is decided.

use std::collections::{HashMap, VecDeque, hash_map};
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
    /// Which of all entries there ever were.
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
    /// The keys of orders that are named by one.
    keyed: HashMap<OrderId, u128>,
    /// Numbers and names, oldest first; some are gone.
    by_age: VecDeque<(u64, Name)>,
}

impl Entries {
    /// The entry of this name, or of the order under whatever name.
    fn find(&mut self, name: Name, order: OrderId) -> Option<&mut Entry> {
        // Nearly all are new, and each question is a look at memory that nobody has touched for long.
        let by_id = Name::Order(order);
        let found = if self.by_name.contains_key(&name) {
            Some(name)
        } else if name != by_id && self.by_name.contains_key(&by_id) {
            Some(by_id)
        } else if self.keyed.is_empty() {
            None
        } else {
            self.keyed.get(&order).map(|key| Name::Key(*key))
        };
        self.by_name.get_mut(&found?)
    }

    fn add(&mut self, name: Name, about: About) {
        self.latest += 1;
        let entry = Entry { about, number: self.latest, progress: Progress::Writing(Vec::new()) };
        if let Name::Key(key) = name {
            self.keyed.insert(about.order, key);
        }
        self.by_name.insert(name, entry);
        self.by_age.push_back((self.latest, name));
    }

    fn remove(&mut self, name: Name) -> Option<Entry> {
        let entry = self.by_name.remove(&name)?;
        self.drop_key(name, entry.about.order);
        Some(entry)
    }

    /// Looks at the oldest, at more than are added, and forgets them but for those that are being written.
    fn forget(&mut self, orders_max: usize) {
        for _ in 0..2 {
            if self.by_age.len() <= orders_max.max(1) {
                return;
            }
            let Some((number, name)) = self.by_age.pop_front() else { return };
            let hash_map::Entry::Occupied(entry) = self.by_name.entry(name) else { continue };
            match entry.get() {
                Entry { number: known, .. } if *known != number => {}
                Entry { progress: Progress::Writing(_), .. } => self.by_age.push_back((number, name)),
                Entry { progress: Progress::Written { .. }, .. } => {
                    let order = entry.remove().about.order;
                    self.drop_key(name, order);
                }
            }
        }
    }

    /// Forgets the key an order was named by.
    fn drop_key(&mut self, name: Name, order: OrderId) {
        if let Name::Key(_) = name {
            self.keyed.remove(&order);
        }
    }
}

/// Bounded: beyond those being written, the oldest are forgotten. Their retries are written again, which the ledger takes
/// for what they are.
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
        /// What became of it; nobody says so if whoever writes it has gone.
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
                Progress::Writing(waiting) => {
                    // Those who have gone do not pile up.
                    if waiting.len() == waiting.capacity() {
                        waiting.retain(|sender| !sender.is_closed());
                    }
                    waiting.push(sender);
                }
                // We hold the other end.
                Progress::Written { partition, offset } => {
                    sender.send(Outcome::Accepted { partition: *partition, offset: *offset }).ok();
                }
            }
            return Entered::Before { is_same, outcome };
        }
        entries.add(name, about);
        entries.forget(self.orders_max);
        Entered::First(First { recent: Arc::clone(self), name, is_settled: false })
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
    fn settle(&self, name: Name, outcome: Option<Outcome>) -> Vec<oneshot::Sender<Outcome>> {
        let mut entries = self.entries();
        let progress = if let Some(Outcome::Accepted { partition, offset }) = outcome {
            let written = Progress::Written { partition, offset };
            entries.by_name.get_mut(&name).map(|entry| std::mem::replace(&mut entry.progress, written))
        } else {
            entries.remove(name).map(|entry| entry.progress)
        };
        match progress {
            Some(Progress::Writing(waiting)) => waiting,
            // What is being written is not forgotten, and only who writes it settles it.
            Some(Progress::Written { .. }) | None => Vec::new(),
        }
    }
}

impl First {
    /// Tells the others.
    pub(super) fn settle(mut self, outcome: Outcome) {
        self.is_settled = true;
        for waiting in self.recent.settle(self.name, Some(outcome)) {
            // Whoever waited may have gone.
            waiting.send(outcome).ok();
        }
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if !self.is_settled {
            drop(self.recent.settle(self.name, None));
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
            let name = Name::Key(5);
            let writer = first(&recent, name, about(1, 0));
            let (_, mut meanwhile) = before(&recent, name, about(1, 0));
            match outcome {
                Some(outcome) => writer.settle(outcome),
                None => drop(writer),
            }
            assert_eq!(meanwhile.try_recv().ok(), outcome);
            assert!(recent.look(name, &about(1, 0)).is_none());
            assert!(recent.entries().keyed.is_empty());
        }
    }

    #[test]
    fn what_is_being_written_is_not_forgotten() {
        let recent = Arc::new(Recent::new(2));
        let name = Name::Key(5);
        let writer = first(&recent, name, about(1, 0));
        let (_, mut meanwhile) = before(&recent, name, about(1, 0));
        for order in 12..20 {
            first(&recent, Name::Key(order), about(order, 0)).settle(THERE);
        }
        assert!(!before(&recent, name, about(1, 9)).0, "the first still stands under its key");
        writer.settle(THERE);
        assert_eq!(meanwhile.try_recv(), Ok(THERE));
        first(&recent, Name::Key(20), about(20, 0)).settle(THERE);
        first(&recent, Name::Key(21), about(21, 0)).settle(THERE);
        assert!(recent.look(name, &about(1, 0)).is_none(), "now it is the oldest");
        let entries = recent.entries();
        assert_eq!([entries.by_name.len(), entries.keyed.len(), entries.by_age.len()], [2, 2, 2]);
    }

    #[test]
    fn those_who_have_gone_do_not_pile_up() {
        let recent = Arc::new(Recent::new(2));
        let name = Name::Key(5);
        let _writer = first(&recent, name, about(1, 0));
        (0..10_000).for_each(|_| drop(before(&recent, name, about(1, 0))));
        let entries = recent.entries();
        assert!(matches!(&entries.by_name[&name].progress, Progress::Writing(waiting) if waiting.len() < 10));
    }
}
