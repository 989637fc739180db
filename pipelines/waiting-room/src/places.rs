//! Places from 1 on, dense, each taken or given up; how many are taken up to any place, and which is the nth taken.
//!
//! A bit a place and a Fenwick tree over blocks of them: adding, giving up and asking cost the logarithm of the number of
//! blocks, and a place costs less than two bits.

/// Places of one block.
const BLOCK_PLACES: u32 = 512;
const WORD_PLACES: u32 = u64::BITS;
const BLOCK_WORDS: usize = 8;

#[derive(Clone, Default)]
pub(crate) struct Places {
    /// How many there ever were; the last place.
    len: u32,
    words: Vec<u64>,
    /// The node `i` (from 1) holds how many are taken in the blocks above `i - lowest bit of i` up to `i`.
    tree: Vec<u32>,
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}

fn lowest_bit(node: usize) -> usize {
    node & node.wrapping_neg()
}

impl Places {
    pub(crate) fn len(&self) -> u32 {
        self.len
    }

    /// Adds the next place, taken, and says which it is.
    pub(crate) fn push(&mut self) -> u32 {
        let bit = self.len;
        self.len += 1;
        if bit.is_multiple_of(WORD_PLACES) {
            self.words.push(0);
        }
        if bit.is_multiple_of(BLOCK_PLACES) {
            let node = self.tree.len() + 1;
            let before = self.blocks(node - 1) - self.blocks(node - lowest_bit(node));
            self.tree.push(before);
        }
        self.change(bit, true);
        self.len
    }

    /// Gives a place up; says whether it was taken.
    pub(crate) fn give_up(&mut self, place: u32) -> bool {
        let is_taken = self.is_taken(place);
        if is_taken {
            self.change(place - 1, false);
        }
        is_taken
    }

    pub(crate) fn is_taken(&self, place: u32) -> bool {
        let Some(bit) = place.checked_sub(1) else { return false };
        let word = self.words.get(index(bit / WORD_PLACES)).copied().unwrap_or_default();
        word >> (bit % WORD_PLACES) & 1 == 1
    }

    /// How many are taken among the places up to and with `place`.
    pub(crate) fn taken_up_to(&self, place: u32) -> u32 {
        let end = place.min(self.len);
        let blocks = index(end / BLOCK_PLACES);
        let mut taken = self.blocks(blocks);
        let words = blocks * BLOCK_WORDS..index(end / WORD_PLACES);
        taken += self.words.get(words).unwrap_or_default().iter().map(|word| word.count_ones()).sum::<u32>();
        let rest = end % WORD_PLACES;
        if rest > 0 {
            let word = self.words.get(index(end / WORD_PLACES)).copied().unwrap_or_default();
            taken += (word & ((1 << rest) - 1)).count_ones();
        }
        taken
    }

    /// The place of the nth that is taken, from 1; the last place there is when there are fewer.
    pub(crate) fn nth_taken(&self, nth: u32) -> u32 {
        let Some(mut left) = nth.checked_sub(1) else { return 0 };
        let mut block = 0;
        let mut step = (self.tree.len() + 1).next_power_of_two();
        while step > 0 {
            if let Some(taken) = self.tree.get((block + step).wrapping_sub(1)).filter(|taken| **taken <= left)
            {
                left -= taken;
                block += step;
            }
            step /= 2;
        }
        let mut place = u32::try_from(block).unwrap_or(u32::MAX).saturating_mul(BLOCK_PLACES);
        for word in self.words.iter().skip(block * BLOCK_WORDS) {
            let taken = word.count_ones();
            if taken > left {
                return place + nth_bit(*word, left) + 1;
            }
            left -= taken;
            place += WORD_PLACES;
        }
        self.len
    }

    /// How many of the places above `from` up to `to` are taken here and not marked in `marks`. Costs a look at each word.
    pub(crate) fn taken_unmarked(&self, from: u32, to: u32, marks: &Ordered) -> u32 {
        let mut count = 0;
        let mut bit = from.min(self.len);
        let end = to.min(self.len);
        while bit < end {
            let at = index(bit / WORD_PLACES);
            let word = self.words.get(at).copied().unwrap_or_default();
            let marked = marks.0.get(at).copied().unwrap_or_default();
            let width = (WORD_PLACES - bit % WORD_PLACES).min(end - bit);
            let mask = (u64::MAX >> (WORD_PLACES - width)) << (bit % WORD_PLACES);
            count += (word & !marked & mask).count_ones();
            bit += width;
        }
        count
    }

    pub(crate) fn bytes(&self) -> usize {
        self.words.capacity() * size_of::<u64>() + self.tree.capacity() * size_of::<u32>()
    }

    /// How many are taken in the first so many blocks.
    fn blocks(&self, blocks: usize) -> u32 {
        let mut taken = 0;
        let mut node = blocks;
        while node > 0 {
            taken += self.tree.get(node - 1).copied().unwrap_or_default();
            node -= lowest_bit(node);
        }
        taken
    }

    fn change(&mut self, bit: u32, is_taken: bool) {
        if let Some(word) = self.words.get_mut(index(bit / WORD_PLACES)) {
            *word ^= 1 << (bit % WORD_PLACES);
        }
        let mut node = index(bit / BLOCK_PLACES) + 1;
        while let Some(taken) = self.tree.get_mut(node - 1) {
            *taken = if is_taken { *taken + 1 } else { *taken - 1 };
            node += lowest_bit(node);
        }
    }
}

/// The place in a word of its nth set bit, from 0.
fn nth_bit(mut word: u64, nth: u32) -> u32 {
    for _ in 0..nth {
        word &= word - 1;
    }
    word.trailing_zeros()
}

/// Places of whom an order was decided: what a gateway notes beside the room, of which the log of rooms knows nothing.
#[derive(Clone, Debug, Default)]
pub struct Ordered(Vec<u64>);

impl Ordered {
    /// Notes that an order of the one at `place` was decided.
    pub fn note(&mut self, place: u32) {
        let Some(bit) = place.checked_sub(1) else { return };
        let at = index(bit / WORD_PLACES);
        if self.0.len() <= at {
            self.0.resize(at + 1, 0);
        }
        if let Some(word) = self.0.get_mut(at) {
            *word |= 1 << (bit % WORD_PLACES);
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// Against a list of booleans.
        #[test]
        fn counts_like_a_list(len in 0_u32..2_000, gone in prop::collection::vec(1_u32..2_100, 0..600), more in 0_u32..700, from in 0_u32..2_800, to in 0_u32..2_800) {
            let mut places = Places::default();
            let mut list = Vec::new();
            let mut marks = Ordered::default();
            for _ in 0..len {
                places.push();
            }
            list.resize(index(len), true);
            for place in &gone {
                let was = list.get_mut(index(place - 1)).map(|taken| std::mem::replace(taken, false));
                prop_assert_eq!(places.give_up(*place), was.unwrap_or(false));
            }
            for _ in 0..more {
                list.push(true);
                prop_assert_eq!(index(places.push()), list.len());
            }
            for place in (1..=places.len()).step_by(3) {
                marks.note(place);
            }
            let mut taken = 0;
            prop_assert_eq!(places.taken_up_to(0), 0);
            for (place, is_taken) in (1..).zip(&list) {
                taken += u32::from(*is_taken);
                prop_assert_eq!(places.is_taken(place), *is_taken);
                prop_assert_eq!(places.taken_up_to(place), taken);
                if *is_taken {
                    prop_assert_eq!(places.nth_taken(taken), place);
                }
            }
            prop_assert_eq!(places.nth_taken(taken + 1), places.len());
            let unmarked = (1..).zip(&list).filter(|(place, taken)| **taken && (place - 1) % 3 != 0 && (from + 1..=to).contains(place));
            prop_assert_eq!(index(places.taken_unmarked(from, to, &marks)), unmarked.count());
        }
    }
}
