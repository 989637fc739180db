//! Decisions: what became of commands, and the stock they leave. One record on `decisions` is one decision.

use smallvec::SmallVec;

use crate::{
    CommandId, Currency, CustomerId, ListingSettings, MinorUnits, Offset, OrderId, Partition, PaymentId,
    RejectReason, Seed, Sequence, Sku, TimeMs,
};

/// A decision of a ledger.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Decision {
    /// The ledger.
    pub partition: Partition,
    /// Its dense number there, from 1. A repeat is recognised by it.
    pub sequence: Sequence,
    /// The record on `orders` that caused it: the command itself, or the one whose time let something fall due.
    pub offset: Offset,
    /// The ledger's time: the highest record time so far.
    pub time: TimeMs,
    /// What was decided.
    pub event: Event,
}

/// What was decided.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Event {
    /// About an order.
    Order(OrderEvent),
    /// About a listing.
    Listing(Box<ListingEvent>),
    /// About a customer.
    Customer(CustomerEvent),
}

/// What became of an order, or of one ledger's part of it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct OrderEvent {
    /// What happened.
    pub kind: OrderEventKind,
    /// Why, where something was refused, turned away or refunded.
    pub reason: Option<RejectReason>,
    /// The order.
    pub order: OrderId,
    /// Whose; all zero when a command named an order the ledger does not know and no customer.
    pub customer: CustomerId,
    /// Its currency.
    pub currency: Currency,
    /// Price of the taken lines listed here, tax included; for a refund, what is to be given back.
    pub total: MinorUnits,
    /// Tax included in `total`; zero for a refund.
    pub tax: MinorUnits,
    /// When the hold falls due; zero when there is none.
    pub deadline: TimeMs,
    /// The payment it is about, where it is about one.
    pub payment: Option<PaymentId>,
    /// The lines in SKU order; those of other ledgers only when home speaks of the whole order.
    pub lines: DecidedLines,
}

/// What happened to an order. The number is stable and never reused.
///
/// *Moves* says what the event does to the stock of the lines that are [`LineState::Taken`] and carry a
/// [`DecidedLine::stock`].
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[repr(u8)]
pub enum OrderEventKind {
    /// Home has taken its lines and asks the other ledgers. Moves free to held.
    Reserving = 1,
    /// Every line is set aside. Moves free to held; nothing where [`Self::Reserving`] came before.
    Held = 2,
    /// Stock is short or a draw is under way, the order waits for the line that is [`LineState::Awaited`]. Comes again when
    /// an order of several lines moves on to wait for another of them, or a draw leaves it waiting. Moves nothing.
    Waiting = 3,
    /// Refused, and the same id will get the same answer. Moves held to free where [`Self::Reserving`] came before.
    Rejected = 4,
    /// The hold has a new deadline. Moves nothing.
    Extended = 5,
    /// Paid for. Moves held to sold.
    Paid = 6,
    /// Withdrawn by the customer. Moves held to free.
    Cancelled = 7,
    /// The payment was declined. Moves held to free.
    Declined = 8,
    /// The hold fell due. Moves held to free.
    Expired = 9,
    /// Waited, and will not be served: the listing closed, another line of the order ran out, or others were drawn. Moves
    /// nothing.
    TurnedAway = 10,
    /// Money was taken that buys nothing, and has to be given back. Changes no order. Moves nothing.
    Refund = 11,
    /// A later command about the order was refused. Changes no order. Moves nothing.
    Refused = 12,
    /// Another ledger's order: this ledger's lines are set aside. Moves free to held.
    PartTaken = 13,
    /// Another ledger's order: a line of this ledger was refused, and home will be told. Moves nothing.
    PartRefused = 14,
    /// Another ledger's order was paid for. Moves held to sold.
    PartPaid = 15,
    /// Another ledger's order came to nothing. Moves held to free.
    PartReleased = 16,
    /// Collected in the window of a draw, to be decided when its seed is revealed. Moves nothing.
    Entered = 17,
}

/// The lines of a decision; one line needs no heap.
pub type DecidedLines = SmallVec<[DecidedLine; 1]>;

/// A line of a decided order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DecidedLine {
    /// What.
    pub sku: Sku,
    /// How many, as asked for.
    pub quantity: i32,
    /// How far it has got.
    pub state: LineState,
    /// Frozen price of one unit; zero unless taken.
    pub unit_price: MinorUnits,
    /// The listing's stock after the decision; `None` when it is another ledger's or unknown.
    pub stock: Option<Stock>,
}

/// How far a line has got. The number is stable and never reused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum LineState {
    /// Asked for, nothing set aside.
    Asked = 1,
    /// Set aside or sold (or was, until this decision).
    Taken = 2,
    /// Left out of a partial order.
    LeftOut = 3,
    /// The line a waiting order, or one in a draw, waits for.
    Awaited = 4,
}

/// A listing's stock: `free + held + sold` is all there ever was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Stock {
    /// Units nobody has.
    pub free: u32,
    /// Units set aside.
    pub held: u32,
    /// Units paid for.
    pub sold: u32,
    /// Orders waiting (orders, not units), those in a draw among them.
    pub waiting: u32,
}

/// What became of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListingEvent {
    /// What happened.
    pub kind: ListingEventKind,
    /// Why, where it was refused.
    pub reason: Option<RejectReason>,
    /// The command that asked for it.
    pub id: CommandId,
    /// The listing.
    pub sku: Sku,
    /// Units added (opened, restocked), or taken away when negative.
    pub delta: i64,
    /// The stock after it; all zero when the listing is unknown.
    pub stock: Stock,
    /// The settings from now on, where it was opened or changed.
    pub settings: Option<ListingSettings>,
    /// The seed, where one was revealed.
    pub seed: Option<Seed>,
}

/// What happened to a listing. The number is stable and never reused.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
#[repr(u8)]
pub enum ListingEventKind {
    /// It exists from now on.
    Opened = 1,
    /// It has new settings.
    Changed = 2,
    /// It has more or fewer units.
    Restocked = 3,
    /// It is paused.
    Paused = 4,
    /// It goes on.
    Resumed = 5,
    /// It is closed for good, by command or because its time came (then the id is all zero).
    Closed = 6,
    /// The command was refused.
    Refused = 7,
    /// The seed of its draw is known: nobody enters any more, who entered is decided.
    Revealed = 8,
}

/// What became of a customer.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CustomerEvent {
    /// The command that asked for it.
    pub id: CommandId,
    /// Whom.
    pub customer: CustomerId,
    /// Whether they are blocked from now on.
    pub blocked: bool,
    /// Why the command was refused, if it was.
    pub reason: Option<RejectReason>,
}

macro_rules! numbered {
    ($name:ident: $($variant:ident = $text:literal),+ $(,)?) => {
        impl $name {
            /// Every member, by number.
            pub const ALL: &'static [Self] = &[$(Self::$variant),+];

            /// The stable number.
            #[expect(clippy::as_conversions, reason = "the number is the discriminant")]
            pub const fn number(self) -> u8 {
                self as u8
            }

            /// The stable name, as it stands in schemas and output.
            pub const fn name(self) -> &'static str {
                match self {
                    $(Self::$variant => $text),+
                }
            }

            /// The member with this number.
            pub fn from_number(number: u8) -> Option<Self> {
                Self::ALL.iter().copied().find(|member| member.number() == number)
            }
        }
    };
}

numbered!(OrderEventKind:
    Reserving = "reserving", Held = "held", Waiting = "waiting", Rejected = "rejected", Extended = "extended",
    Paid = "paid", Cancelled = "cancelled", Declined = "declined", Expired = "expired",
    TurnedAway = "turned_away", Refund = "refund", Refused = "refused", PartTaken = "part_taken",
    PartRefused = "part_refused", PartPaid = "part_paid", PartReleased = "part_released", Entered = "entered");
numbered!(ListingEventKind:
    Opened = "opened", Changed = "changed", Restocked = "restocked", Paused = "paused", Resumed = "resumed",
    Closed = "closed", Refused = "refused", Revealed = "revealed");
numbered!(LineState: Asked = "asked", Taken = "taken", LeftOut = "left_out", Awaited = "awaited");

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_names_differ() {
        for (index, kind) in OrderEventKind::ALL.iter().enumerate() {
            assert_eq!(usize::from(kind.number()), index + 1);
            assert_eq!(OrderEventKind::from_number(kind.number()), Some(*kind));
        }
        assert_eq!(OrderEventKind::from_number(0), None);
        assert_eq!(ListingEventKind::from_number(9), None);
        let mut names: Vec<_> = OrderEventKind::ALL.iter().map(|kind| kind.name()).collect();
        names.sort_unstable();
        names.dedup();
        assert_eq!(names.len(), OrderEventKind::ALL.len());
    }
}
