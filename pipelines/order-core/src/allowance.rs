//! How many units each customer has in each listing that limits it: waiting, held and bought together.

use order_model::CustomerId;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::listings::ListingIndex;
use crate::table::{Entry, Table, upper_half};

#[derive(Default)]
pub(crate) struct Allowances(Table<Allowance>);

/// Gone when no units are left.
#[derive(Clone, Copy)]
struct Allowance {
    customer: CustomerId,
    listing: ListingIndex,
    units: u32,
}

/// What the units of a customer in a listing are found by.
pub(crate) fn hash_of_allowance(customer: &CustomerId, listing: ListingIndex) -> u32 {
    upper_half(xxh3_64_with_seed(&customer.0, u64::from(listing.0)))
}

impl Allowances {
    pub(crate) fn units(&self, customer: &CustomerId, listing: ListingIndex) -> u32 {
        let found = self.0.find(hash_of_allowance(customer, listing), |entry| entry.is(customer, listing));
        found.map_or(0, |entry| entry.units)
    }

    /// Has the memory of entries that are needed soon fetched.
    pub(crate) fn touch(&self, hashes: &[u32]) {
        self.0.touch(hashes);
    }

    pub(crate) fn add(&mut self, customer: &CustomerId, listing: ListingIndex, units: u32) {
        if units == 0 {
            return;
        }
        let hash = hash_of_allowance(customer, listing);
        let none = Allowance { customer: *customer, listing, units: 0 };
        self.0.change(
            hash,
            |entry| entry.is(customer, listing),
            |entry| {
                let before = entry.map_or(0, |entry| entry.units);
                Allowance { units: before.saturating_add(units), ..none }
            },
        );
    }

    pub(crate) fn give_back(&mut self, customer: &CustomerId, listing: ListingIndex, units: u32) {
        let hash = hash_of_allowance(customer, listing);
        let is = |entry: &Allowance| entry.is(customer, listing);
        let Some(entry) = self.0.find_mut(hash, is) else { return };
        if entry.units > units {
            entry.units -= units;
        } else {
            self.0.remove(hash, is);
        }
    }
}

impl Allowance {
    fn is(&self, customer: &CustomerId, listing: ListingIndex) -> bool {
        self.listing == listing && self.customer == *customer
    }
}

impl Entry for Allowance {
    const VACANT: Self = Self { customer: CustomerId([0; 16]), listing: ListingIndex(0), units: 0 };

    fn is_vacant(&self) -> bool {
        self.units == 0
    }

    fn hash(&self) -> u32 {
        hash_of_allowance(&self.customer, self.listing)
    }
}
