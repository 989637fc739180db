//! What a ledger wants done, as data: whoever applies a command acts on it afterwards, or, when replaying, does not.

use order_model::{
    Decision, Event, Offset, OrderId, Partition, RejectReason, Relay, RelayBody, Sequence, TimeMs,
};

use crate::relays::RelayBook;

/// The effects of commands, in order. Appended to by the ledger, emptied by the caller.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Effects {
    /// To publish on the ledger's partition of `decisions`.
    pub decisions: Vec<Decision>,
    /// To append to the named partition of `orders`.
    pub relays: Vec<(Partition, Relay)>,
}

impl Effects {
    /// Forgets all, keeping the memory.
    pub fn clear(&mut self) {
        self.decisions.clear();
        self.relays.clear();
    }
}

/// What became of a command, for whoever applied it; what the world is told stands in the effects.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It was decided: accepted, or refused for this reason.
    Decided(Option<RejectReason>),
    /// It had been decided before, with the same content: nothing changed.
    Repeated,
    /// It only moved time.
    Advanced,
    /// It belongs to another ledger and was sent there.
    Forwarded(Partition),
    /// A relay that was applied.
    Relayed,
    /// A relay that was applied before: dropped.
    RelayRepeated,
    /// A relay came before its predecessor: not applied. This is a bug somewhere, and has to be reported.
    RelayGap,
}

/// One record's turn at the ledger: where it stands, and where its effects go.
pub(crate) struct Turn<'a> {
    pub(crate) partition: Partition,
    pub(crate) offset: Offset,
    /// The ledger's time.
    pub(crate) now: TimeMs,
    /// The number of the latest decision.
    pub(crate) sequence: Sequence,
    /// Housekeeping actions left at this record.
    pub(crate) budget: usize,
    pub(crate) effects: &'a mut Effects,
}

impl Turn<'_> {
    pub(crate) fn decide(&mut self, event: Event) {
        self.sequence = self.sequence.next();
        self.effects.decisions.push(Decision {
            partition: self.partition,
            sequence: self.sequence,
            offset: self.offset,
            time: self.now,
            event,
        });
    }

    pub(crate) fn relay(&mut self, book: &mut RelayBook, to: Partition, body: RelayBody) {
        let number = book.next_to(to);
        self.effects.relays.push((to, Relay { from: self.partition, number, body }));
    }

    /// Tells every ledger in `owners` to sell or to free its part of `order`.
    pub(crate) fn end_parts(
        &mut self,
        book: &mut RelayBook,
        owners: &[Partition],
        order: OrderId,
        paid: bool,
    ) {
        for owner in owners {
            let body = if paid { RelayBody::Confirm { order } } else { RelayBody::Release { order } };
            self.relay(book, *owner, body);
        }
    }
}
