//! Chance from a seed, and ids from a counter.

use order_model::OrderId;
use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{Rng, SeedableRng};

/// What an id names. Ids of different kinds never meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum IdKind {
    /// An order.
    Order,
    /// A customer.
    Customer,
    /// A privileged command.
    Command,
    /// A payment.
    Payment,
}

impl IdKind {
    const fn number(self) -> u64 {
        match self {
            Self::Order => 1,
            Self::Customer => 2,
            Self::Command => 3,
            Self::Payment => 4,
        }
    }
}

/// The id of the `counter`-th thing of a kind, as a number; every kind of id can be made from it.
pub fn id(kind: IdKind, seed: u64, counter: u64) -> u128 {
    let high = (kind.number() << 56) | (scramble(seed) >> 8);
    (u128::from(high) << 64) | u128::from(scramble(counter))
}

/// Whether traffic of this seed placed an order.
pub fn is_order(seed: u64, order: OrderId) -> bool {
    // The counter is in the lower half.
    (id(IdKind::Order, seed, 0) ^ u128::from_be_bytes(order.0)) >> 64 == 0
}

/// Maps numbers to numbers one to one, without a visible pattern (the finaliser of SplitMix64).
pub(crate) fn scramble(number: u64) -> u64 {
    let mut z = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// A source of chance; the same seed gives the same sequence.
#[derive(Clone, Debug)]
pub struct Dice(ChaCha8Rng);

impl Dice {
    /// Dice for one purpose: other purposes of the same seed roll independently.
    pub fn new(seed: u64, purpose: u64) -> Self {
        let mut rng = ChaCha8Rng::seed_from_u64(seed);
        rng.set_stream(purpose);
        Self(rng)
    }

    /// Any number.
    pub fn number(&mut self) -> u64 {
        self.0.next_u64()
    }

    /// A number below `end`; zero when `end` is zero.
    pub fn below(&mut self, end: u64) -> u64 {
        let product = u128::from(self.0.next_u64()) * u128::from(end);
        u64::try_from(product >> 64).unwrap_or(0)
    }

    /// Whether something of `per_mille` in a thousand happens.
    pub fn chance(&mut self, per_mille: u64) -> bool {
        self.below(1_000) < per_mille
    }

    /// One of `choices`; `None` when there are none.
    pub fn pick<'a, T>(&mut self, choices: &'a [T]) -> Option<&'a T> {
        let end = u64::try_from(choices.len()).ok()?;
        choices.get(usize::try_from(self.below(end)).ok()?)
    }

    /// Fills bytes.
    pub(crate) fn bytes(&mut self, length: usize) -> Vec<u8> {
        let mut bytes = vec![0; length];
        self.0.fill_bytes(&mut bytes);
        bytes
    }
}

#[cfg(test)]
mod tests {
    use std::collections::HashSet;

    use super::*;

    #[test]
    fn ids_never_meet() {
        let kinds = [IdKind::Order, IdKind::Customer, IdKind::Command, IdKind::Payment];
        let mut seen = HashSet::new();
        for seed in 0..3 {
            for kind in kinds {
                for counter in 0..1_000 {
                    assert!(seen.insert(id(kind, seed, counter)), "{kind:?} {seed} {counter}");
                }
            }
        }
    }

    #[test]
    fn orders_are_known_by_their_seed() {
        let order = |kind, seed, counter| OrderId::from(id(kind, seed, counter));
        assert!((0..100).all(|counter| is_order(7, order(IdKind::Order, 7, counter))));
        for other in [order(IdKind::Order, 8, 0), order(IdKind::Customer, 7, 0), OrderId::default()] {
            assert!(!is_order(7, other), "{other}");
        }
    }

    #[test]
    fn below_stays_below() {
        let mut dice = Dice::new(1, 2);
        assert_eq!(dice.below(0), 0);
        assert!((0..1_000).all(|_| dice.below(7) < 7));
    }
}
