//! What a sink has noted as its progress, against the decisions of the log.
//!
//! Too low, and the sink writes again what is there, and what is computed up to there is computed up to the wrong place.
//! Too high, and it never writes what it passes over.

use order_model::{Offset, Partition};
use sink::{Arrival, Reached};

use crate::{Difference, Store};

/// The progress of one partition in one store. The sink's, taken down before the log is read.
pub(crate) struct Noted {
    store: Store,
    partition: Partition,
    found: Option<Reached>,
    /// Where the first decision after it lies.
    follows: Option<Offset>,
    /// What a sink has reached that has written all of the log.
    last: Reached,
}

impl Noted {
    pub(crate) fn new(store: Store, partition: Partition, found: Option<Reached>) -> Self {
        Self { store, partition, found, follows: None, last: Reached::default() }
    }

    pub(crate) fn see(&mut self, arrivals: &[Arrival]) {
        let noted = self.noted().sequence;
        let after = || arrivals.iter().find(|arrival| arrival.decision.sequence > noted);
        self.follows = self.follows.or_else(|| after().map(|arrival| arrival.offset));
        if let Some(last) = arrivals.last() {
            self.last = Reached { sequence: last.decision.sequence, next_offset: last.offset.next() };
        }
    }

    fn noted(&self) -> Reached {
        self.found.unwrap_or_default()
    }

    /// Whether decisions would be passed over. The partition ends at `end`.
    fn is_too_high(&self, end: u64) -> bool {
        let Reached { sequence, next_offset } = self.noted();
        sequence > self.last.sequence || next_offset > self.follows.unwrap_or(Offset(end))
    }

    /// What is wrong with it, once all decisions were seen.
    pub(crate) fn difference(&self, end: u64) -> Option<Difference> {
        let is_wrong = self.is_too_high(end) || self.noted().sequence < self.last.sequence;
        let Self { store, partition, found, last: wanted, .. } = *self;
        is_wrong.then_some(Difference::Progress { store, partition, found, wanted })
    }
}

#[cfg(test)]
mod tests {
    use order_model::{CommandId, CustomerEvent, CustomerId, Decision, Event, Sequence, TimeMs};

    use super::*;

    /// Decisions 1 to 10 at offsets 5 to 14, the partition ends at 16.
    fn noted(found: Option<(u64, u64)>) -> Noted {
        let arrivals: Vec<_> = (1..=10).map(arrival).collect();
        let found = found
            .map(|(sequence, offset)| Reached { sequence: Sequence(sequence), next_offset: Offset(offset) });
        let mut noted = Noted::new(Store::DynamoDb, Partition(0), found);
        arrivals.chunks(3).for_each(|some| noted.see(some));
        noted
    }

    fn arrival(sequence: u64) -> Arrival {
        let event = CustomerEvent {
            id: CommandId::from(1),
            customer: CustomerId::from(1),
            blocked: true,
            reason: None,
        };
        let decision = Decision {
            partition: Partition(0),
            sequence: Sequence(sequence),
            offset: Offset(sequence),
            time: TimeMs(0),
            event: Event::Customer(event),
        };
        Arrival { offset: Offset(sequence + 4), time: TimeMs(0), decision }
    }

    #[test]
    fn progress_is_right_when_it_ends_where_the_log_does() {
        for (found, is_right, why) in [
            (Some((10, 15)), true, "all is written"),
            (Some((10, 16)), true, "and what is no decision was passed"),
            (None, false, "lost"),
            (Some((4, 9)), false, "too low"),
            (Some((4, 10)), false, "passes over decision 5"),
            (Some((11, 15)), false, "drops decision 11 as a repeat, when it comes"),
            (Some((10, 17)), false, "behind the end"),
        ] {
            assert_eq!(noted(found).difference(16).is_none(), is_right, "{why}");
        }
        let nothing = Noted::new(Store::ClickHouse, Partition(0), None);
        assert_eq!(nothing.difference(0), None, "nobody has decided anything");
    }
}
