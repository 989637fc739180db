//! Contacts in memory: for tests, benches and the demo.

use std::collections::{BTreeMap, HashMap};
use std::sync::{Mutex, MutexGuard, PoisonError};

use order_model::{CustomerId, TimeMs};

use super::{Contact, Contacts, ContactsError, Interest, Mute, Subscriber};

type Otherwise = Box<dyn Fn(CustomerId) -> Option<Contact> + Send + Sync>;

/// Contacts in memory; gone with the process. Grows with what it is given.
pub struct MemoryContacts {
    held: Mutex<Held>,
    otherwise: Otherwise,
}

#[derive(Default)]
struct Held {
    contacts: HashMap<CustomerId, Contact>,
    subscribers: HashMap<Interest, BTreeMap<CustomerId, TimeMs>>,
}

impl std::fmt::Debug for MemoryContacts {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("MemoryContacts")
            .field("contacts", &self.held().contacts.len())
            .finish_non_exhaustive()
    }
}

impl Default for MemoryContacts {
    fn default() -> Self {
        Self::with_otherwise(|_| None)
    }
}

impl MemoryContacts {
    /// Contacts where a customer nobody put in has the one `otherwise` makes up: a demo's customers have no addresses.
    pub fn with_otherwise(otherwise: impl Fn(CustomerId) -> Option<Contact> + Send + Sync + 'static) -> Self {
        Self { held: Mutex::default(), otherwise: Box::new(otherwise) }
    }

    /// Puts a contact in, in the place of an earlier one.
    pub fn put(&self, customer: CustomerId, contact: Contact) {
        self.held().contacts.insert(customer, contact);
    }

    /// Notes that somebody wants to be told.
    pub fn subscribe(&self, interest: Interest, subscriber: Subscriber) {
        let mut held = self.held();
        held.subscribers.entry(interest).or_default().insert(subscriber.customer, subscriber.since);
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.held.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Contacts for MemoryContacts {
    async fn of(&self, customers: &[CustomerId]) -> Result<Vec<Option<Contact>>, ContactsError> {
        let held = self.held();
        let contact = |customer: &CustomerId| held.contacts.get(customer).cloned();
        Ok(customers
            .iter()
            .map(|customer| contact(customer).or_else(|| (self.otherwise)(*customer)))
            .collect())
    }

    async fn subscribers(
        &self,
        interest: &Interest,
        after: Option<CustomerId>,
        max: usize,
    ) -> Result<Vec<Subscriber>, ContactsError> {
        let held = self.held();
        let all = held.subscribers.get(interest).into_iter().flatten();
        let later = all.filter(|(customer, _)| after.is_none_or(|after| **customer > after));
        Ok(later
            .take(max)
            .map(|(customer, since)| Subscriber { customer: *customer, since: *since })
            .collect())
    }

    async fn mute(&self, customer: CustomerId, mute: Mute) -> Result<(), ContactsError> {
        let mut held = self.held();
        let made_up = (self.otherwise)(customer);
        let contact = held.contacts.entry(customer).or_insert_with(|| made_up.unwrap_or_default());
        if !contact.muted.contains(&mute) {
            contact.muted.push(mute);
        }
        Ok(())
    }
}
