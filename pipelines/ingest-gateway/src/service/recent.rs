//! Orders that were written lately: so that fifty retries at once are one record and get one answer, and that an order can
//! be looked at and withdrawn before it is decided.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use order_model::{CustomerId, OrderId, Sku};
use tokio::sync::watch;

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
    outcome: watch::Receiver<Option<Outcome>>,
}

#[derive(Default)]
struct Entries {
    by_name: HashMap<Name, Entry>,
    names: HashMap<OrderId, Name>,
    by_age: VecDeque<Name>,
}

impl Entries {
    /// The entry of this name, or of the order under whatever name.
    fn find(&self, name: Name, order: OrderId) -> Option<&Entry> {
        self.by_name.get(&name).or_else(|| self.by_name.get(self.names.get(&order)?))
    }

    fn remove(&mut self, name: Name) {
        if let Some(entry) = self.by_name.remove(&name) {
            self.names.remove(&entry.about.order);
        }
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
        /// What became of it.
        outcome: watch::Receiver<Option<Outcome>>,
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
    outcome: watch::Sender<Option<Outcome>>,
    is_kept: bool,
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
            return Entered::Before { is_same, outcome: entry.outcome.clone() };
        }
        let (sender, outcome) = watch::channel(None);
        entries.names.insert(about.order, name);
        entries.by_name.insert(name, Entry { about, outcome });
        entries.by_age.push_back(name);
        while entries.by_age.len() > self.orders_max.max(1) {
            let Some(oldest) = entries.by_age.pop_front() else { break };
            entries.remove(oldest);
        }
        Entered::First(First { recent: Arc::clone(self), name, outcome: sender, is_kept: false })
    }

    /// Whether an order of this name says the same, and what became of it so far; `None`: there is none.
    pub(super) fn look(&self, name: Name, about: &About) -> Option<(bool, Option<Outcome>)> {
        let entries = self.entries();
        let entry = entries.find(name, about.order)?;
        let outcome = *entry.outcome.borrow();
        Some((entry.about.print == about.print, outcome))
    }

    /// An order that was written here lately.
    pub(super) fn written(&self, order: OrderId) -> Option<Written> {
        let entries = self.entries();
        let entry = entries.by_name.get(entries.names.get(&order)?)?;
        let outcome = *entry.outcome.borrow();
        match outcome {
            Some(Outcome::Accepted { partition, offset }) => {
                Some(Written { about: entry.about, partition, offset })
            }
            _ => None,
        }
    }
}

impl First {
    /// Tells the others. Only what is in the log for certain is remembered.
    pub(super) fn settle(mut self, outcome: Outcome) {
        self.is_kept = matches!(outcome, Outcome::Accepted { .. });
        self.outcome.send_replace(Some(outcome));
    }
}

impl Drop for First {
    fn drop(&mut self) {
        if !self.is_kept {
            let mut entries = self.recent.entries();
            entries.remove(self.name);
            // It came lately: it is near the end.
            if let Some(index) = entries.by_age.iter().rposition(|name| *name == self.name) {
                entries.by_age.remove(index);
            }
        }
    }
}
