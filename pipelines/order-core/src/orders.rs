//! The orders a ledger remembers: a slab of chunks, found by id.
//!
//! Chunks, because a vector that doubles would need twice the memory and stop the sale while it copies.

use std::hint::black_box;

use hashbrown::HashTable;
use order_model::{OrderId, Partition};
use xxhash_rust::xxh3::xxh3_64;

use crate::order::{Order, Part};

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
    by_id: HashTable<Slot>,
    used: u32,
}

pub(crate) fn hash_id(id: &OrderId) -> u64 {
    xxh3_64(&id.0)
}

impl Orders {
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn find(&self, id: &OrderId) -> Option<Slot> {
        let chunks = &self.chunks;
        self.by_id.find(hash_id(id), |slot| at(chunks, *slot).is_some_and(|order| order.id == *id)).copied()
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

    /// As [`Self::touch`], for the index.
    pub(crate) fn touch_index(&self, id: &OrderId) {
        black_box(self.by_id.find(hash_id(id), |_| false));
    }

    /// Remembers an order whose id is not remembered yet.
    pub(crate) fn insert(&mut self, order: Order) -> Slot {
        let hash = hash_id(&order.id);
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
        let chunks = &self.chunks;
        self.by_id.insert_unique(hash, slot, |slot| at(chunks, *slot).map_or(0, |order| hash_id(&order.id)));
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
        if let Ok(entry) = self.by_id.find_entry(hash_id(&id), |candidate| *candidate == slot) {
            let _ = entry.remove();
        }
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
        self.0.find_mut(hash_id(order), |part| part.home == home && part.order == *order)
    }

    pub(crate) fn insert(&mut self, part: Part) {
        self.0.insert_unique(hash_id(&part.order), part, |part| hash_id(&part.order));
    }

    pub(crate) fn remove(&mut self, home: Partition, order: &OrderId) -> Option<Part> {
        let found = self.0.find_entry(hash_id(order), |part| part.home == home && part.order == *order);
        Some(found.ok()?.remove().0)
    }
}
