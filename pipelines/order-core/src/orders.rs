//! The orders a ledger remembers: a slab of chunks, found by id.
//!
//! Chunks, because a vector that doubles would need twice the memory and stop the sale while it copies.

use std::hint::black_box;

use hashbrown::HashTable;
use order_model::{OrderId, Partition};
use xxhash_rust::xxh3::xxh3_64;

use crate::order::{Order, Part};
use crate::table::{Entry, Table, upper_half};

const CHUNK_ORDERS: usize = 4_096;

/// The place of an order in the slab. Reused once the order is forgotten.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) struct Slot(pub(crate) u32);

impl Slot {
    #[expect(clippy::as_conversions, reason = "a usize holds every u32 on the machines this runs on")]
    fn place(self) -> (usize, usize) {
        let index = self.0 as usize;
        (index / CHUNK_ORDERS, index % CHUNK_ORDERS)
    }
}

#[derive(Default)]
pub(crate) struct Orders {
    chunks: Vec<Vec<Option<Order>>>,
    free: Vec<Slot>,
    by_id: Table<Found>,
    used: u32,
}

/// Where an order is. The hash stands beside it, so that the order itself is not looked at in vain.
#[derive(Clone, Copy)]
struct Found {
    hash: u32,
    slot: Slot,
}

impl Entry for Found {
    const VACANT: Self = Self { hash: 0, slot: Slot(u32::MAX) };

    fn is_vacant(&self) -> bool {
        self.slot == Self::VACANT.slot
    }

    fn hash(&self) -> u32 {
        self.hash
    }
}

/// What an order is found by.
pub(crate) fn hash_of_id(id: &OrderId) -> u32 {
    upper_half(xxh3_64(&id.0))
}

impl Orders {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn find(&self, id: &OrderId) -> Option<Slot> {
        let hash = hash_of_id(id);
        let is_id = |slot| self.get(slot).is_some_and(|order| order.id == *id);
        self.by_id.find(hash, |found| found.hash == hash && is_id(found.slot)).map(|found| found.slot)
    }

    /// The order in `slot`, if it still holds one.
    pub(crate) fn get(&self, slot: Slot) -> Option<&Order> {
        at(&self.chunks, slot)
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Order> {
        let (chunk, index) = slot.place();
        self.chunks.get_mut(chunk)?.get_mut(index)?.as_mut()
    }

    /// Has the memory of orders that are needed soon fetched: all at once is several times faster than one by one.
    pub(crate) fn touch(&self, slots: impl Iterator<Item = Slot>) {
        for slot in slots {
            // The first and the last field lie in different lines of the cache.
            black_box(self.get(slot).map(|order| (order.state, order.customer.0[0], order.due)));
        }
    }

    /// As [`Self::touch`], for the index, by [`hash_of_id`].
    pub(crate) fn touch_index(&self, hashes: &[u32]) {
        self.by_id.touch(hashes);
    }

    /// Remembers an order whose id is not remembered yet.
    pub(crate) fn insert(&mut self, order: Order) -> Slot {
        let hash = hash_of_id(&order.id);
        let slot = match self.free.pop() {
            Some(slot) => {
                let (chunk, index) = slot.place();
                if let Some(place) = self.chunks.get_mut(chunk).and_then(|chunk| chunk.get_mut(index)) {
                    *place = Some(order);
                }
                slot
            }
            None => self.push(order),
        };
        self.by_id.insert(Found { hash, slot });
        slot
    }

    fn push(&mut self, order: Order) -> Slot {
        let slot = Slot(self.used);
        self.used += 1;
        match self.chunks.last_mut() {
            Some(chunk) if chunk.len() < CHUNK_ORDERS => chunk.push(Some(order)),
            _ => {
                let mut chunk = Vec::with_capacity(CHUNK_ORDERS);
                chunk.push(Some(order));
                self.chunks.push(chunk);
            }
        }
        slot
    }

    pub(crate) fn forget(&mut self, slot: Slot) {
        let Some(id) = self.get(slot).map(|order| order.id) else { return };
        self.by_id.remove(hash_of_id(&id), |found| found.slot == slot);
        let (chunk, index) = slot.place();
        if let Some(place) = self.chunks.get_mut(chunk).and_then(|chunk| chunk.get_mut(index)) {
            *place = None;
        }
        self.free.push(slot);
    }
}

fn at(chunks: &[Vec<Option<Order>>], slot: Slot) -> Option<&Order> {
    let (chunk, index) = slot.place();
    chunks.get(chunk)?.get(index)?.as_ref()
}

/// The parts of other ledgers' orders, until they are sold or freed.
///
/// Found by home and id: two customers may have given the same id to orders of different homes.
#[derive(Default)]
pub(crate) struct Parts(HashTable<Part>);

impl Parts {
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }

    pub(crate) fn find_mut(&mut self, home: Partition, order: &OrderId) -> Option<&mut Part> {
        self.0.find_mut(xxh3_64(&order.0), |part| part.home == home && part.order == *order)
    }

    pub(crate) fn insert(&mut self, part: Part) {
        self.0.insert_unique(xxh3_64(&part.order.0), part, |part| xxh3_64(&part.order.0));
    }

    pub(crate) fn remove(&mut self, home: Partition, order: &OrderId) -> Option<Part> {
        let found = self.0.find_entry(xxh3_64(&order.0), |part| part.home == home && part.order == *order);
        Some(found.ok()?.remove().0)
    }
}
