//! Relays: commands one ledger sends another.
//!
//! An order with lines in several partitions is reserved line by line in SKU order. The *home* ledger, the one of
//! the smallest SKU, takes its own first lines and sends [`Reserve`] on; each ledger takes the run of lines that
//! are its own and passes the rest on; the last, or the first that refuses, answers home with [`ReserveAnswer`].
//! Home alone decides what becomes of the order and tells the others to [`RelayBody::Confirm`] or
//! [`RelayBody::Release`] their parts.

use smallvec::SmallVec;

use crate::{Command, Currency, CustomerId, MinorUnits, OrderId, Partition, RejectReason, RelayNumber, Sku};

/// A relay, as it lies on the receiver's partition of `orders`.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relay {
    /// The ledger that sent it.
    pub from: Partition,
    /// Dense per pair of ledgers: the receiver drops repeats and reports gaps.
    pub number: RelayNumber,
    /// What it says.
    pub body: RelayBody,
}

/// What one ledger tells another.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RelayBody {
    /// A command found in the wrong partition. Never itself a relay.
    Forward(Box<Command>),
    /// Take your lines and pass it on.
    Reserve(Box<Reserve>),
    /// To home: every line is dealt with, or one was refused.
    Answer(Box<ReserveAnswer>),
    /// The order is paid: your part is sold.
    Confirm {
        /// The order.
        order: OrderId,
    },
    /// The order came to nothing: your part is free again.
    Release {
        /// The order.
        order: OrderId,
    },
}

/// An order on its way through the ledgers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Reserve {
    /// The ledger to answer.
    pub home: Partition,
    /// The order.
    pub order: OrderId,
    /// Whose.
    pub customer: CustomerId,
    /// The currency expected.
    pub currency: Currency,
    /// Whether lines may be left out.
    pub partial: bool,
    /// All lines of the order in SKU order, each as far as it has got.
    pub lines: RelayLines,
}

/// What became of a [`Reserve`].
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ReserveAnswer {
    /// The order.
    pub order: OrderId,
    /// Why the order cannot be had; `None` when every line was taken or, in a partial order, left out.
    pub refused: Option<RejectReason>,
    /// All lines, as in the request.
    pub lines: RelayLines,
}

/// The lines of an order under way.
pub type RelayLines = SmallVec<[RelayLine; 2]>;

/// A line of an order under way.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RelayLine {
    /// What.
    pub sku: Sku,
    /// How many, already checked by home.
    pub quantity: u32,
    /// How far it has got.
    pub state: crate::LineState,
    /// Frozen price of one unit; zero until taken.
    pub unit_price: MinorUnits,
    /// Tax included in the line; zero until taken.
    pub tax: MinorUnits,
}
