//! The listings of a ledger, found by SKU. A listing is never forgotten, so an index stays good.

use hashbrown::HashTable;
use order_model::Sku;
use xxhash_rust::xxh3::xxh3_64;

use crate::listing::Listing;

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct ListingIndex(pub(crate) u32);

impl ListingIndex {
    #[expect(clippy::as_conversions, reason = "a usize holds every u32 on the machines this runs on")]
    fn place(self) -> usize {
        self.0 as usize
    }
}

#[derive(Default)]
pub(crate) struct Listings {
    all: Vec<Listing>,
    by_sku: HashTable<ListingIndex>,
}

impl Listings {
    pub(crate) fn len(&self) -> usize {
        self.all.len()
    }

    pub(crate) fn find(&self, sku: &Sku) -> Option<ListingIndex> {
        let is =
            |index: &ListingIndex| self.all.get(index.place()).is_some_and(|listing| listing.sku == *sku);
        self.by_sku.find(xxh3_64(sku.as_bytes()), is).copied()
    }

    pub(crate) fn get(&self, index: ListingIndex) -> &Listing {
        match self.all.get(index.place()) {
            Some(listing) => listing,
            None => panic!("bug: there is no listing {}", index.0),
        }
    }

    pub(crate) fn get_mut(&mut self, index: ListingIndex) -> &mut Listing {
        match self.all.get_mut(index.place()) {
            Some(listing) => listing,
            None => panic!("bug: there is no listing {}", index.0),
        }
    }

    /// Adds a listing whose SKU is not listed yet.
    pub(crate) fn insert(&mut self, listing: Listing) -> ListingIndex {
        let hash = xxh3_64(listing.sku.as_bytes());
        let index = ListingIndex(u32::try_from(self.all.len()).unwrap_or(u32::MAX));
        self.all.push(listing);
        let all = &self.all;
        self.by_sku.insert_unique(hash, index, |index| {
            all.get(index.place()).map_or(0, |listing| xxh3_64(listing.sku.as_bytes()))
        });
        index
    }
}
