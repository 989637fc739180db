//! The board: what is known of the sale at any moment, for whoever watches it.

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use order_model::{Decision, Event, ListingEventKind, OrderEventKind, Sku, Stock};

/// Where the sale stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Default)]
pub enum Phase {
    /// The listings are being opened.
    #[default]
    Opening,
    /// Orders come in.
    Selling,
    /// No more orders; holds are paid or expire.
    Settling,
    /// The listings are closed, and who waited is turned away.
    Closing,
    /// The log is replayed and audited.
    Proving,
}

/// A listing as the last decision about it left it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct ListingState {
    /// Its stock.
    pub stock: Stock,
    /// Whether it is closed.
    pub is_closed: bool,
}

/// The board at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Snapshot {
    /// Where the sale stands.
    pub phase: Phase,
    /// Orders placed.
    pub placed: u64,
    /// Records acknowledged.
    pub appended: u64,
    /// Decisions read.
    pub decisions: u64,
    /// Decisions about orders, by [`OrderEventKind::number`].
    pub kinds: BTreeMap<OrderEventKind, u64>,
    /// The listings.
    pub listings: BTreeMap<Sku, ListingState>,
    /// The offset up to which each partition is decided.
    pub durable: BTreeMap<u32, u64>,
    /// The offset up to which the decisions of each partition are read.
    pub read: BTreeMap<u32, u64>,
    /// Records the proof has replayed.
    pub replayed: u64,
}

impl Snapshot {
    /// How often a kind of decision was read.
    pub fn count(&self, kind: OrderEventKind) -> u64 {
        self.kinds.get(&kind).copied().unwrap_or_default()
    }

    /// Records decided, over all partitions.
    pub fn decided(&self) -> u64 {
        self.durable.values().sum()
    }

    /// Units set aside, over all listings.
    pub fn held(&self) -> u64 {
        self.listings.values().map(|listing| u64::from(listing.stock.held)).sum()
    }

    /// Orders waiting, over all listings.
    pub fn waiting(&self) -> u64 {
        self.listings.values().map(|listing| u64::from(listing.stock.waiting)).sum()
    }
}

/// Shared by the threads of the demo and whoever watches.
#[derive(Debug, Default)]
pub struct Board(Mutex<Snapshot>);

impl Board {
    /// The board as it is now.
    pub fn snapshot(&self) -> Snapshot {
        self.lock().clone()
    }

    pub(crate) fn lock(&self) -> MutexGuard<'_, Snapshot> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(crate) fn enter(&self, phase: Phase) {
        self.lock().phase = phase;
    }
}

impl Snapshot {
    /// Notes a decision that was not read before.
    pub(crate) fn note(&mut self, decision: &Decision) {
        self.decisions += 1;
        match &decision.event {
            Event::Order(order) => {
                *self.kinds.entry(order.kind).or_default() += 1;
                for line in &order.lines {
                    if let Some(stock) = line.stock {
                        self.listings.entry(line.sku).or_default().stock = stock;
                    }
                }
            }
            Event::Listing(listing) if listing.kind != ListingEventKind::Refused => {
                let state = self.listings.entry(listing.sku).or_default();
                state.stock = listing.stock;
                state.is_closed |= listing.kind == ListingEventKind::Closed;
            }
            Event::Listing(_) | Event::Customer(_) => {}
        }
    }
}
