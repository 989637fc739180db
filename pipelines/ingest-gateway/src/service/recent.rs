//! Orders named by their client that were written lately: so that fifty retries at once are one record, and get one answer.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use order_model::{CustomerId, OrderId};
use tokio::sync::watch;

use crate::door::Outcome;

/// What an order says, shortened.
pub(super) type Print = [u8; 32];

struct Entry {
    customer: CustomerId,
    print: Print,
    outcome: watch::Receiver<Option<Outcome>>,
}

#[derive(Default)]
struct Entries {
    by_order: HashMap<OrderId, Entry>,
    by_age: VecDeque<OrderId>,
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

/// Whoever writes an order first. Dropped without an outcome, the next one is first.
pub(super) struct First {
    recent: Arc<Recent>,
    order: OrderId,
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

    pub(super) fn enter(self: &Arc<Self>, order: OrderId, customer: CustomerId, print: Print) -> Entered {
        let mut entries = self.entries();
        if let Some(entry) = entries.by_order.get(&order) {
            return Entered::Before { is_same: entry.print == print, outcome: entry.outcome.clone() };
        }
        let (sender, outcome) = watch::channel(None);
        entries.by_order.insert(order, Entry { customer, print, outcome });
        entries.by_age.push_back(order);
        while entries.by_age.len() > self.orders_max.max(1) {
            let Some(oldest) = entries.by_age.pop_front() else { break };
            entries.by_order.remove(&oldest);
        }
        Entered::First(First { recent: Arc::clone(self), order, outcome: sender, is_kept: false })
    }

    /// Where an order of this name lies, if it was written here lately, by `customer` where that is said.
    pub(super) fn place_of(&self, order: OrderId, customer: Option<CustomerId>) -> Option<(u32, u64)> {
        let entries = self.entries();
        let entry = entries.by_order.get(&order)?;
        let is_theirs = customer.is_none_or(|customer| customer == entry.customer);
        let outcome = *entry.outcome.borrow();
        let outcome = outcome.filter(|_| is_theirs);
        match outcome {
            Some(Outcome::Accepted { partition, offset }) => Some((partition, offset)),
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
            entries.by_order.remove(&self.order);
            // It came lately: it is near the end.
            if let Some(index) = entries.by_age.iter().rposition(|order| *order == self.order) {
                entries.by_age.remove(index);
            }
        }
    }
}
