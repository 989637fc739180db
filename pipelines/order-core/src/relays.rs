//! The numbers of relays: dense per pair of ledgers.

use order_model::{Partition, RelayNumber};

/// What was sent to, and applied from, every other ledger.
pub(crate) struct RelayBook {
    sent: Vec<RelayNumber>,
    applied: Vec<RelayNumber>,
}

/// What to do with a relay.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// The next one: apply it.
    Next,
    /// Applied before.
    Repeated,
    /// Its predecessor is missing, or there is no such ledger.
    Gap,
}

impl RelayBook {
    pub(crate) fn new(partitions: u32) -> Self {
        let none = vec![RelayNumber(0); usize::try_from(partitions).unwrap_or_default()];
        Self { sent: none.clone(), applied: none }
    }

    /// The number of the next relay to `to`, which must be one of the ledgers.
    pub(crate) fn next_to(&mut self, to: Partition) -> RelayNumber {
        match usize::try_from(to.0).ok().and_then(|to| self.sent.get_mut(to)) {
            Some(sent) => {
                *sent = sent.next();
                *sent
            }
            None => panic!("bug: a relay to ledger {to}, which does not exist"),
        }
    }

    /// Notes the arrival of a relay.
    pub(crate) fn arrived(&mut self, from: Partition, number: RelayNumber) -> Arrival {
        let Some(applied) = usize::try_from(from.0).ok().and_then(|from| self.applied.get_mut(from)) else {
            return Arrival::Gap;
        };
        if number <= *applied {
            Arrival::Repeated
        } else if number == applied.next() {
            *applied = number;
            Arrival::Next
        } else {
            Arrival::Gap
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dense_per_pair() {
        let mut book = RelayBook::new(2);
        assert_eq!(book.next_to(Partition(1)), RelayNumber(1));
        assert_eq!(book.next_to(Partition(1)), RelayNumber(2));
        assert_eq!(book.next_to(Partition(0)), RelayNumber(1));
        let cases =
            [(1, 1, Arrival::Next), (1, 1, Arrival::Repeated), (1, 3, Arrival::Gap), (1, 2, Arrival::Next)];
        for (from, number, arrival) in cases {
            assert_eq!(book.arrived(Partition(from), RelayNumber(number)), arrival);
        }
        assert_eq!(book.arrived(Partition(7), RelayNumber(1)), Arrival::Gap);
    }
}
