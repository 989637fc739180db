//! What readers of an order are handed.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use order_model::{Offset, OrderEvent, OrderEventKind, Partition, RejectReason, Sequence, TimeMs};
use tokio::sync::mpsc;

/// Names a decision: its ledger and its number there. The id of an event on a stream.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct EventId {
    /// The ledger.
    pub partition: Partition,
    /// Its number there.
    pub sequence: Sequence,
}

impl EventId {
    /// Whether it is of the same ledger as another, and not after it.
    pub(crate) fn is_by(self, other: Self) -> bool {
        self.partition == other.partition && self.sequence <= other.sequence
    }
}

impl fmt::Display for EventId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}-{}", self.partition, self.sequence)
    }
}

/// A text that names no decision.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an event id is a partition and a number, as in 3-42")]
pub struct EventIdError;

impl FromStr for EventId {
    type Err = EventIdError;

    fn from_str(text: &str) -> Result<Self, EventIdError> {
        let digits = |part: &str| !part.is_empty() && part.bytes().all(|byte| byte.is_ascii_digit());
        match text.split_once('-') {
            Some((partition, sequence)) if digits(partition) && digits(sequence) => Ok(Self {
                partition: Partition(partition.parse().map_err(|_| EventIdError)?),
                sequence: Sequence(sequence.parse().map_err(|_| EventIdError)?),
            }),
            _ => Err(EventIdError),
        }
    }
}

/// The decisions about an order: those there were, and those to come.
pub type Followed = (Vec<Arc<OrderNews>>, mpsc::Receiver<Arc<OrderNews>>);

/// A decision about an order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderNews {
    /// Its name.
    pub id: EventId,
    /// The record on `orders` that caused it.
    pub offset: Offset,
    /// The ledger's time.
    pub time: TimeMs,
    /// What was decided.
    pub event: OrderEvent,
}

impl OrderNews {
    /// Whether it settles a placing for now.
    pub fn is_first_answer(&self) -> bool {
        use OrderEventKind::{Entered, Held, Rejected, Waiting};
        matches!(self.event.kind, Held | Waiting | Rejected | Entered)
    }

    /// Whether it says that the id was used before for something else.
    pub fn is_reuse(&self) -> bool {
        self.event.kind == OrderEventKind::Refused && self.event.reason == Some(RejectReason::OrderIdReused)
    }

    /// Whether it changes nothing about the order.
    pub fn is_aside(&self) -> bool {
        matches!(self.event.kind, OrderEventKind::Refused | OrderEventKind::Refund)
    }
}

/// Whether it speaks for one ledger's part of another ledger's order, which is nothing to tell people.
pub(super) fn is_part(kind: OrderEventKind) -> bool {
    use OrderEventKind::{PartPaid, PartRefused, PartReleased, PartTaken};
    matches!(kind, PartTaken | PartRefused | PartPaid | PartReleased)
}

/// Whether it can be the first decision about an order.
pub(super) fn may_begin(kind: OrderEventKind) -> bool {
    use OrderEventKind::{Entered, Held, Rejected, Reserving, Waiting};
    matches!(kind, Reserving | Entered | Held | Waiting | Rejected)
}

/// Whether an order is over with it.
pub(super) fn is_end(kind: OrderEventKind) -> bool {
    use OrderEventKind::{Cancelled, Declined, Expired, Paid, Rejected, TurnedAway};
    matches!(kind, Rejected | Paid | Cancelled | Declined | Expired | TurnedAway)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn no_text_brings_it_down(text in "\\PC{0,30}|[0-9]{0,25}-[0-9]{0,25}") {
            if let Ok(id) = text.parse::<EventId>() {
                prop_assert_eq!(id.to_string().parse(), Ok(id));
            }
        }

        #[test]
        fn every_id_leads_back(partition: u32, sequence: u64) {
            let id = EventId { partition: Partition(partition), sequence: Sequence(sequence) };
            prop_assert_eq!(id.to_string().parse(), Ok(id));
        }
    }

    #[test]
    fn ids_lead_back_and_wild_ones_are_refused() {
        let id = EventId { partition: Partition(3), sequence: Sequence(42) };
        assert_eq!(id.to_string().parse(), Ok(id));
        for text in
            ["", "-", "3", "3-", "-42", "3-4-2", "+3-42", "3- 42", "99999999999-1", "a-b", "3-42\n", "٣-٤"]
        {
            assert_eq!(text.parse::<EventId>(), Err(EventIdError), "{text:?}");
        }
    }
}
