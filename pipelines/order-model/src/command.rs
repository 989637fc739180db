//! Commands: everything that can change stock or an order. One record on `orders` is one command.

use smallvec::SmallVec;

use crate::{
    CommandId, Commitment, Currency, CustomerId, MinorUnits, OrderId, PaymentId, Relay, Seed, Sku, TimeMs,
};

/// The lines of an order; one line, the usual case, needs no heap.
pub type Lines = SmallVec<[Line; 1]>;

/// A command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Command {
    /// Place an order.
    Place(Place),
    /// Withdraw an order.
    Cancel(Cancel),
    /// Nothing but a record time: lets what is due happen on an idle partition.
    Tick,
    /// The result of a payment. Privileged.
    Settle(Settle),
    /// Prolong a hold. Privileged.
    Extend(Extend),
    /// Open or change a listing. Privileged.
    Listing(ListingCommand),
    /// Block or unblock a customer in the ledger that reads it. Privileged.
    Customer(CustomerCommand),
    /// What another ledger sent. Privileged: only workers mint relays.
    Relay(Relay),
}

impl Command {
    /// Whether the command mints stock, moves money, changes a listing or speaks for a ledger, and therefore
    /// needs a MAC.
    pub fn is_privileged(&self) -> bool {
        match self {
            Self::Place(_) | Self::Cancel(_) | Self::Tick => false,
            Self::Settle(_) | Self::Extend(_) | Self::Listing(_) | Self::Customer(_) | Self::Relay(_) => true,
        }
    }

    /// The SKU whose partition must decide the command; `None` for commands that belong where they lie, and for
    /// an order without lines.
    pub fn home_sku(&self) -> Option<&Sku> {
        match self {
            Self::Place(place) => place.lines.iter().map(|line| &line.sku).min(),
            Self::Cancel(cancel) => Some(&cancel.sku),
            Self::Settle(settle) => Some(&settle.sku),
            Self::Extend(extend) => Some(&extend.sku),
            Self::Listing(listing) => Some(&listing.sku),
            Self::Tick | Self::Customer(_) | Self::Relay(_) => None,
        }
    }
}

/// Place an order. The record's key, and so its partition, is its smallest SKU.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Place {
    /// Chosen by whoever places it; a repeat gets the first answer.
    pub order: OrderId,
    /// Who asks.
    pub customer: CustomerId,
    /// The currency the customer expects to pay in.
    pub currency: Currency,
    /// Whether lines that cannot be had may be left out; otherwise all lines or none.
    pub partial: bool,
    /// What is asked for, in any order.
    pub lines: Lines,
}

/// One line of an order as asked for. The quantity is what the record said, however absurd.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Line {
    /// What.
    pub sku: Sku,
    /// How many.
    pub quantity: i32,
}

/// Withdraw an order that is waiting, being reserved or held.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cancel {
    /// The order.
    pub order: OrderId,
    /// Must be the customer who placed it.
    pub customer: CustomerId,
    /// The order's smallest SKU: where it was decided.
    pub sku: Sku,
}

/// The result of a payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Settle {
    /// The order paid for.
    pub order: OrderId,
    /// The order's smallest SKU.
    pub sku: Sku,
    /// The payment at the provider; a repeat changes nothing. Money taken is a repeat only of money taken: after a
    /// decline of the same payment it is sold or given back.
    pub payment: PaymentId,
    /// What was taken.
    pub amount: MinorUnits,
    /// In which currency.
    pub currency: Currency,
    /// Whether it was taken.
    pub result: PaymentResult,
}

/// What became of a payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PaymentResult {
    /// The money was taken.
    Captured,
    /// It was not. Should the provider take it after all, it says [`Captured`](Self::Captured) under the same payment.
    Declined,
}

/// Prolong a hold to a full hold time from now.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Extend {
    /// The order.
    pub order: OrderId,
    /// The order's smallest SKU.
    pub sku: Sku,
    /// 1 for the first extension, 2 for the second: a repeat changes nothing.
    pub number: u32,
}

/// Open or change a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListingCommand {
    /// A repeat under the same id changes nothing.
    pub id: CommandId,
    /// The listing.
    pub sku: Sku,
    /// What to do.
    pub change: ListingChange,
}

/// What to do with a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ListingChange {
    /// Open it with this much stock.
    Open {
        /// Its settings.
        settings: Box<ListingSettings>,
        /// Units.
        stock: i64,
    },
    /// Replace its settings. Holds and prices already given stay as they are. The currency, the sale and the draw cannot
    /// change, and a limit per customer cannot be brought in later: what was bought before was not counted.
    Change(Box<ListingSettings>),
    /// Add units, or take free ones away when negative.
    Restock {
        /// Units.
        delta: i64,
    },
    /// Refuse orders and let nobody off the waitlist until resumed.
    Pause,
    /// End a pause.
    Resume,
    /// Refuse orders for good and turn away who waits. Holds stay.
    Close,
    /// End the window of its draw: who entered is decided in the order of BLAKE3(seed, order id).
    Reveal {
        /// The seed its settings are committed to.
        seed: Seed,
    },
}

/// The settings of a listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListingSettings {
    /// The sale it belongs to.
    pub sale: String,
    /// What it is sold in.
    pub currency: Currency,
    /// Orders are refused before this time; zero: open at once.
    pub opens_at: TimeMs,
    /// Orders are refused from this time on, and who waits is turned away; zero: never.
    pub closes_at: TimeMs,
    /// Most units one customer may have waiting, held and bought together; zero: no limit.
    pub limit_per_customer: u32,
    /// How long a hold lasts, in milliseconds.
    pub hold_ms: u64,
    /// How often one hold may be extended.
    pub extensions_max: u32,
    /// Most orders that may wait; zero: no waitlist.
    pub waitlist_max: u32,
    /// How long an order is remembered after its end, in milliseconds of log time.
    pub retention_ms: u64,
    /// Tax included in the price, in basis points.
    pub tax_bp: u16,
    /// The price list, at least one step. The last step whose conditions all hold is in force; the first must
    /// have none.
    pub prices: Vec<PriceStep>,
    /// Where it is drawn: BLAKE3 of the seed to be revealed. Until then orders are collected and not decided. Needs a
    /// limit per customer.
    pub draw: Option<Commitment>,
}

/// A step of the price list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PriceStep {
    /// In force from this time; zero: always.
    pub from_time: TimeMs,
    /// In force once this many units are held or sold; zero: always.
    pub from_units: u32,
    /// Price of one unit, tax included.
    pub unit_price: MinorUnits,
}

/// Block or unblock a customer. Belongs to the partition it lies in; whoever writes it writes one to each.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CustomerCommand {
    /// A repeat under the same id changes nothing.
    pub id: CommandId,
    /// Whom.
    pub customer: CustomerId,
    /// Whether new orders of theirs are refused.
    pub blocked: bool,
}
