//! An order as the ledger remembers it.

use order_model::{
    Currency, CustomerId, LineState, MinorUnits, OrderId, Partition, RejectReason, RelayLines, Reserve,
    TimeMs, included_tax, line_total,
};
use smallvec::SmallVec;

use crate::listings::ListingIndex;
use crate::own_lines::OwnLines;

#[derive(Clone, Copy)]
pub(crate) struct OwnLine {
    pub(crate) listing: ListingIndex,
    pub(crate) quantity: u32,
    /// Frozen with the hold; zero until taken.
    pub(crate) unit_price: MinorUnits,
    /// Frozen with the hold, in basis points.
    pub(crate) tax_bp: u16,
    pub(crate) state: LineState,
}

impl OwnLine {
    pub(crate) fn asked(listing: ListingIndex, quantity: u32) -> Self {
        Self { listing, quantity, unit_price: 0, tax_bp: 0, state: LineState::Asked }
    }

    pub(crate) fn is_taken(&self) -> bool {
        self.state == LineState::Taken
    }

    /// What the line costs, and the tax in it.
    pub(crate) fn price(&self) -> (MinorUnits, MinorUnits) {
        let total = line_total(self.unit_price, self.quantity);
        (total, included_tax(total, self.tax_bp))
    }
}

/// What an order weighs in memory. Half of two lines of the cache, so that two orders never share more than one.
const _: () = assert!(size_of::<Option<Order>>() == 96);

/// Where an order stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Lines are being taken by other ledgers.
    Reserving,
    Waiting,
    /// In a draw, or behind one.
    Entered,
    Held,
    Rejected,
    Paid,
    Cancelled,
    Declined,
    Expired,
    TurnedAway,
}

impl State {
    pub(crate) fn is_ended(self) -> bool {
        !matches!(self, Self::Reserving | Self::Waiting | Self::Entered | Self::Held)
    }
}

pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) customer: CustomerId,
    /// Of what was asked for; tells a repeat from another order under the same id.
    pub(crate) fingerprint: u64,
    /// Its place in the order of placement: who waits is served by it.
    pub(crate) ticket: u64,
    /// While held: when the hold falls due. Ended: when it may be forgotten.
    pub(crate) due: TimeMs,
    /// None once it has ended; then there may be the payment that ended it.
    pub(crate) lines: OwnLines,
    /// All lines, when some belong to other ledgers; kept beyond the end until the last of them has answered.
    pub(crate) shared: Option<Box<RelayLines>>,
    /// Of the reject; while reserving, why its first line was left out.
    pub(crate) reason: Option<RejectReason>,
    pub(crate) currency: Currency,
    pub(crate) state: State,
    pub(crate) extensions: u8,
}

impl Order {
    /// Price of all taken lines, and the tax in it.
    pub(crate) fn price(&self) -> (MinorUnits, MinorUnits) {
        let add =
            |sum: (i64, i64), line: (i64, i64)| (sum.0.saturating_add(line.0), sum.1.saturating_add(line.1));
        match &self.shared {
            None => self.lines.iter().filter(|line| line.is_taken()).map(OwnLine::price).fold((0, 0), add),
            Some(lines) => {
                let taken = lines.iter().filter(|line| line.state == LineState::Taken);
                taken.map(|line| (line_total(line.unit_price, line.quantity), line.tax)).fold((0, 0), add)
            }
        }
    }

    /// Whether nothing needs it any more. One that was cancelled under way is remembered until its answer comes: it
    /// must not be taken for the answer to a later order of the same id.
    pub(crate) fn may_be_forgotten(&self, now: TimeMs) -> bool {
        self.state.is_ended() && self.due <= now && self.shared.is_none()
    }

    /// The line it waits for, on the waitlist or in a draw.
    pub(crate) fn awaited(&self) -> Option<OwnLine> {
        self.lines.iter().copied().find(|line| line.state == LineState::Awaited)
    }

    /// The other ledgers that have taken lines of it, each once, in order.
    pub(crate) fn other_owners(&self, own: Partition, partitions: u32) -> SmallVec<[Partition; 4]> {
        let mut owners = SmallVec::new();
        for line in self.shared.iter().flat_map(|lines| lines.iter()) {
            let owner = order_model::partition_of(&line.sku, partitions);
            if line.state == LineState::Taken && owner != own {
                owners.push(owner);
            }
        }
        owners.sort_unstable();
        owners.dedup();
        owners
    }
}

/// A part of another ledger's order.
pub(crate) struct Part {
    pub(crate) home: Partition,
    pub(crate) order: OrderId,
    pub(crate) customer: CustomerId,
    pub(crate) currency: Currency,
    pub(crate) lines: OwnLines,
}

impl Part {
    pub(crate) fn new(request: &Reserve, lines: OwnLines) -> Self {
        let Reserve { home, order, customer, currency, .. } = *request;
        Self { home, order, customer, currency, lines }
    }
}
