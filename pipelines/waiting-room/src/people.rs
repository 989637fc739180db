//! The customers of a room: one entry each, found by id.
//!
//! Memory grows by chunks and by shards, never as a whole, so that no event has to wait until a million entries have moved.

use hashbrown::HashTable;
use order_model::CustomerId;
use xxhash_rust::xxh3::xxh3_64;

use crate::event::EntryId;

/// Entries of one chunk.
const CHUNK: usize = 1_024;
/// Parts of the index; each grows on its own.
const SHARDS: usize = 256;

/// A customer of the room.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Person {
    pub(crate) customer: CustomerId,
    pub(crate) entry: EntryId,
    /// Zero: not drawn yet.
    pub(crate) place: u32,
    pub(crate) reentries: u8,
    pub(crate) is_in: bool,
    /// Whether there is a lot for them. Fixed at the opening.
    pub(crate) is_drawn: bool,
}

/// Names an entry; entries are never moved.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Slot(u32);

pub(crate) struct People {
    chunks: Vec<Vec<Person>>,
    shards: Vec<HashTable<u32>>,
    len: u32,
}

impl Default for People {
    fn default() -> Self {
        Self { chunks: Vec::new(), shards: (0..SHARDS).map(|_| HashTable::new()).collect(), len: 0 }
    }
}

fn hash_of(customer: &CustomerId) -> u64 {
    xxh3_64(&customer.0)
}

/// The table takes the upper bits for its tags and the lower for the place, so the shard is chosen by others.
fn shard_of(hash: u64) -> usize {
    let [_, _, _, _, byte, ..] = hash.to_le_bytes();
    usize::from(byte)
}

fn at(chunks: &[Vec<Person>], slot: u32) -> Option<&Person> {
    let slot = usize::try_from(slot).ok()?;
    chunks.get(slot / CHUNK)?.get(slot % CHUNK)
}

impl People {
    /// How many customers.
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    pub(crate) fn find(&self, customer: &CustomerId) -> Option<Slot> {
        let hash = hash_of(customer);
        let is = |slot: &u32| at(&self.chunks, *slot).is_some_and(|person| person.customer == *customer);
        self.shards.get(shard_of(hash))?.find(hash, is).copied().map(Slot)
    }

    pub(crate) fn get(&self, slot: Slot) -> Option<&Person> {
        at(&self.chunks, slot.0)
    }

    pub(crate) fn get_mut(&mut self, slot: Slot) -> Option<&mut Person> {
        let slot = usize::try_from(slot.0).ok()?;
        self.chunks.get_mut(slot / CHUNK)?.get_mut(slot % CHUNK)
    }

    /// Adds a customer who is not there yet.
    pub(crate) fn insert(&mut self, person: Person) {
        let hash = hash_of(&person.customer);
        let slot = self.len;
        self.len += 1;
        match self.chunks.last_mut().filter(|chunk| chunk.len() < CHUNK) {
            Some(chunk) => chunk.push(person),
            None => {
                let mut chunk = Vec::with_capacity(CHUNK);
                chunk.push(person);
                self.chunks.push(chunk);
            }
        }
        let chunks = &self.chunks;
        let rehash = |slot: &u32| at(chunks, *slot).map_or(0, |person| hash_of(&person.customer));
        if let Some(shard) = self.shards.get_mut(shard_of(hash)) {
            shard.insert_unique(hash, slot, rehash);
        }
    }

    /// All, in order of their first entry.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Slot, &Person)> {
        (0..).map(Slot).zip(self.chunks.iter().flatten())
    }

    pub(crate) fn bytes(&self) -> usize {
        let chunks = self.chunks.iter().map(|chunk| chunk.capacity() * size_of::<Person>()).sum::<usize>();
        chunks + self.shards.iter().map(HashTable::allocation_size).sum::<usize>()
    }
}

const _: () = assert!(size_of::<Person>() == 32);
