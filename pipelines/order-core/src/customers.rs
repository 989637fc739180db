//! The block list.

use std::collections::BTreeSet;

use hashbrown::HashTable;
use order_model::limits::{BLOCKED_CUSTOMERS_MAX, CHANGES_MAX};
use order_model::{CommandId, CustomerCommand, CustomerEvent, CustomerId, Event, RejectReason};
use xxhash_rust::xxh3::xxh3_64;

use crate::effects::{Outcome, Turn};
use crate::ledger::Ledger;

pub(crate) struct Customers {
    blocked: HashTable<CustomerId>,
    changes: BTreeSet<CommandId>,
}

fn hash(customer: &CustomerId) -> u64 {
    xxh3_64(&customer.0)
}

impl Customers {
    pub(crate) fn new(blocked: HashTable<CustomerId>) -> Self {
        Self { blocked, changes: BTreeSet::new() }
    }

    pub(crate) fn is_blocked(&self, customer: &CustomerId) -> bool {
        !self.blocked.is_empty() && self.blocked.find(hash(customer), |blocked| blocked == customer).is_some()
    }

    fn refuses(&self, command: &CustomerCommand) -> Option<RejectReason> {
        if self.changes.len() >= CHANGES_MAX {
            Some(RejectReason::TooManyChanges)
        } else if command.blocked && self.blocked.len() >= BLOCKED_CUSTOMERS_MAX {
            Some(RejectReason::TooManyBlocked)
        } else {
            None
        }
    }

    fn set(&mut self, customer: CustomerId, blocked: bool) {
        match self.blocked.find_entry(hash(&customer), |other| *other == customer) {
            Ok(entry) if !blocked => {
                let _ = entry.remove();
            }
            Err(_) if blocked => {
                self.blocked.insert_unique(hash(&customer), customer, hash);
            }
            _ => {}
        }
    }
}

impl Ledger {
    pub(crate) fn block_customer(&mut self, turn: &mut Turn<'_>, command: &CustomerCommand) -> Outcome {
        if self.customers.changes.contains(&command.id) {
            return Outcome::Repeated;
        }
        let reason = self.customers.refuses(command);
        if reason.is_none() {
            self.customers.changes.insert(command.id);
            self.customers.set(command.customer, command.blocked);
        }
        let CustomerCommand { id, customer, blocked } = *command;
        turn.decide(Event::Customer(CustomerEvent { id, customer, blocked, reason }));
        Outcome::Decided(reason)
    }
}
