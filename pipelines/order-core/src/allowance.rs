//! How many units each customer has in each listing that limits it: waiting, held and bought together.

use std::hint::black_box;

use hashbrown::HashTable;
use order_model::CustomerId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::listings::ListingIndex;

#[derive(Default)]
pub(crate) struct Allowances(HashTable<Allowance>);

struct Allowance {
    customer: CustomerId,
    listing: ListingIndex,
    units: u32,
}

fn hash(customer: &CustomerId, listing: ListingIndex) -> u64 {
    xxh3_64_with_seed(&customer.0, u64::from(listing.0))
}

impl Allowances {
    pub(crate) fn units(&self, customer: &CustomerId, listing: ListingIndex) -> u32 {
        let found = self.0.find(hash(customer, listing), |entry| entry.is(customer, listing));
        found.map_or(0, |entry| entry.units)
    }

    /// Has the memory of an entry that is needed soon fetched.
    pub(crate) fn touch(&self, customer: &CustomerId, listing: ListingIndex) {
        black_box(self.units(customer, listing));
    }

    pub(crate) fn add(&mut self, customer: &CustomerId, listing: ListingIndex, units: u32) {
        let hash = hash(customer, listing);
        match self.0.find_mut(hash, |entry| entry.is(customer, listing)) {
            Some(entry) => entry.units = entry.units.saturating_add(units),
            None => {
                let entry = Allowance { customer: *customer, listing, units };
                self.0.insert_unique(hash, entry, Allowance::hash);
            }
        }
    }

    pub(crate) fn give_back(&mut self, customer: &CustomerId, listing: ListingIndex, units: u32) {
        let found = self.0.find_entry(hash(customer, listing), |entry| entry.is(customer, listing));
        let Ok(mut entry) = found else { return };
        let left = entry.get().units.saturating_sub(units);
        if left == 0 {
            let _ = entry.remove();
        } else {
            entry.get_mut().units = left;
        }
    }
}

impl Allowance {
    fn is(&self, customer: &CustomerId, listing: ListingIndex) -> bool {
        self.customer == *customer && self.listing == listing
    }

    fn hash(&self) -> u64 {
        hash(&self.customer, self.listing)
    }
}
