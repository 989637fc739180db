//! A hash table for entries by the million: open addressing, the next place in line when one is taken.
//!
//! An entry is found, or its place for it, in the one line of the cache that its hash names, so that the memory of many
//! commands can be fetched ahead. And it grows in shards, each on its own: a table that grows as a whole stops the
//! sale for as long as it takes to move a million entries. Nothing can iterate over it, so nothing can depend on
//! the order within.

use std::hint::black_box;

/// A power of two: the upper byte of a hash chooses the shard.
const SHARDS: usize = 256;
const SHARD_SHIFT: u32 = 24;
/// What a shard begins with; a power of two.
const PLACES_MIN: usize = 16;

/// Where an entry is, seen from its home, but for few.
const TOUCHED: [usize; 3] = [0, 2, 4];

/// What stands in a table.
pub(crate) trait Entry: Copy {
    /// Stands where nothing stands.
    const VACANT: Self;

    fn is_vacant(&self) -> bool;

    /// The hash it is found by; never changes.
    fn hash(&self) -> u32;
}

/// What a table takes of a hash of 64 bits.
#[expect(clippy::as_conversions, reason = "the upper half is all of it")]
pub(crate) fn upper_half(hash: u64) -> u32 {
    (hash >> u32::BITS) as u32
}

pub(crate) struct Table<T> {
    shards: Vec<Shard<T>>,
    len: usize,
}

struct Shard<T> {
    /// None, or a power of two of them; at most two thirds are taken, so that a search is short.
    places: Vec<T>,
    taken: usize,
}

impl<T: Entry> Default for Table<T> {
    fn default() -> Self {
        let shard = || Shard { places: Vec::new(), taken: 0 };
        Self { shards: (0..SHARDS).map(|_| shard()).collect(), len: 0 }
    }
}

impl<T: Entry> Table<T> {
    pub(crate) fn len(&self) -> usize {
        self.len
    }

    pub(crate) fn find(&self, hash: u32, is: impl Fn(&T) -> bool) -> Option<&T> {
        let shard = self.shards.get(shard_of(hash))?;
        shard.places.get(shard.place_of(hash, is)?)
    }

    /// Finds an entry to change it; not its hash, and not into a vacant one.
    pub(crate) fn find_mut(&mut self, hash: u32, is: impl Fn(&T) -> bool) -> Option<&mut T> {
        let shard = self.shards.get_mut(shard_of(hash))?;
        let place = shard.place_of(hash, is)?;
        shard.places.get_mut(place)
    }

    /// Has the memory fetched that entries of these hashes are in or would be put in.
    pub(crate) fn touch(&self, hashes: &[u32]) {
        for hash in hashes {
            let Some(shard) = self.shards.get(shard_of(*hash)) else { return };
            let home = shard.home(*hash);
            for behind in TOUCHED {
                black_box(shard.places.get(home + behind).is_some_and(T::is_vacant));
            }
        }
    }

    /// Adds an entry that is not there yet.
    pub(crate) fn insert(&mut self, entry: T) {
        if let Some(shard) = self.shards.get_mut(shard_of(entry.hash())) {
            shard.insert(entry);
            self.len += 1;
        }
    }

    /// Puts what `change` makes of an entry, or of there being none, in its place: of the same hash, and not vacant.
    pub(crate) fn change(
        &mut self,
        hash: u32,
        is: impl Fn(&T) -> bool,
        change: impl FnOnce(Option<&T>) -> T,
    ) {
        let Some(shard) = self.shards.get_mut(shard_of(hash)) else { return };
        shard.make_room();
        let mut place = shard.home(hash);
        while let Some(found) = shard.places.get_mut(place) {
            if found.is_vacant() {
                *found = change(None);
                shard.taken += 1;
                self.len += 1;
                return;
            }
            if is(found) {
                *found = change(Some(found));
                return;
            }
            place = shard.after(place);
        }
    }

    pub(crate) fn remove(&mut self, hash: u32, is: impl Fn(&T) -> bool) {
        let Some(shard) = self.shards.get_mut(shard_of(hash)) else { return };
        if let Some(place) = shard.place_of(hash, is) {
            shard.remove(place);
            self.len -= 1;
        }
    }
}

#[expect(clippy::as_conversions, reason = "a usize holds every u32 on the machines this runs on")]
fn shard_of(hash: u32) -> usize {
    (hash >> SHARD_SHIFT) as usize
}

impl<T: Entry> Shard<T> {
    /// Where an entry of this hash stands if nothing was in its way. Past the end when there are no places.
    #[expect(clippy::as_conversions, reason = "a usize holds every u32 on the machines this runs on")]
    fn home(&self, hash: u32) -> usize {
        hash as usize & self.places.len().wrapping_sub(1)
    }

    fn after(&self, place: usize) -> usize {
        (place + 1) & (self.places.len() - 1)
    }

    fn place_of(&self, hash: u32, is: impl Fn(&T) -> bool) -> Option<usize> {
        let mut place = self.home(hash);
        loop {
            let entry = self.places.get(place)?;
            if entry.is_vacant() {
                return None;
            }
            if is(entry) {
                return Some(place);
            }
            place = self.after(place);
        }
    }

    fn insert(&mut self, entry: T) {
        self.make_room();
        self.put(entry);
        self.taken += 1;
    }

    /// Sees to it that one more entry may come.
    fn make_room(&mut self) {
        if (self.taken + 1) * 3 > self.places.len() * 2 {
            self.grow();
        }
    }

    fn put(&mut self, entry: T) {
        let mut place = self.home(entry.hash());
        while let Some(found) = self.places.get_mut(place) {
            if found.is_vacant() {
                *found = entry;
                return;
            }
            place = self.after(place);
        }
    }

    fn grow(&mut self) {
        let places = (self.places.len() * 2).max(PLACES_MIN);
        let entries = std::mem::replace(&mut self.places, vec![T::VACANT; places]);
        entries.into_iter().filter(|entry| !entry.is_vacant()).for_each(|entry| self.put(entry));
    }

    /// Removes the entry at `hole`, and moves up whatever stood behind it because it was there: nothing marks where an
    /// entry has been, so a search need not pass over any.
    fn remove(&mut self, mut hole: usize) {
        let mut place = hole;
        loop {
            place = self.after(place);
            let Some(entry) = self.places.get(place).copied().filter(|entry| !entry.is_vacant()) else {
                break;
            };
            // It may go back to the hole unless its home lies behind the hole.
            let mask = self.places.len() - 1;
            let from_home = place.wrapping_sub(self.home(entry.hash())) & mask;
            let from_hole = place.wrapping_sub(hole) & mask;
            if from_home >= from_hole {
                if let Some(vacated) = self.places.get_mut(hole) {
                    *vacated = entry;
                }
                hole = place;
            }
        }
        if let Some(vacated) = self.places.get_mut(hole) {
            *vacated = T::VACANT;
        }
        self.taken -= 1;
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;

    #[derive(Clone, Copy, PartialEq, Debug)]
    struct Pair(u32, u32);

    impl Entry for Pair {
        const VACANT: Self = Self(0, u32::MAX);

        fn is_vacant(&self) -> bool {
            self.1 == u32::MAX
        }

        /// Few hashes, in two shards and around the end of the first places, so that entries are in each other's way.
        fn hash(&self) -> u32 {
            (self.0 % 2) << SHARD_SHIFT | (self.0 % 5 + 13)
        }
    }

    proptest! {
        #[test]
        fn as_a_map(steps in prop::collection::vec((0_u32..64, prop::option::of(0_u32..9)), 0..400)) {
            let mut table = Table::default();
            let mut model = BTreeMap::new();
            for (key, value) in steps {
                let hash = Pair(key, 0).hash();
                let is = |pair: &Pair| pair.0 == key;
                match (value, model.contains_key(&key)) {
                    (Some(value), true) => {
                        table.find_mut(hash, is).unwrap().1 = value;
                        model.insert(key, value);
                    }
                    (Some(value), false) => {
                        table.insert(Pair(key, value));
                        model.insert(key, value);
                    }
                    (None, _) => {
                        table.remove(hash, is);
                        model.remove(&key);
                    }
                }
                prop_assert_eq!(table.len(), model.len());
                for key in 0..64 {
                    let found = table.find(Pair(key, 0).hash(), |pair| pair.0 == key).map(|pair| pair.1);
                    prop_assert_eq!(found, model.get(&key).copied());
                }
            }
        }
    }
}
