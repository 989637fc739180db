//! The auditor's own count of every listing's stock, of who waits for it, and of who has how many units.
//!
//! Counts are signed and may go below zero: that is then a finding, not a panic.

use std::collections::{BTreeMap, BTreeSet, HashMap};

use order_model::{CommandId, CustomerId, DecidedLine, ListingSettings, Offset, Sku, Stock, TimeMs};

use crate::draw::Draw;

/// Which SKU, by its place on the shelf.
pub(crate) type Slot = u32;

/// What an event does to units.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Move {
    /// Free to held.
    Take,
    /// Held to free.
    Release,
    /// Held to sold.
    Sell,
}

/// An order that waits for a listing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Waiter {
    pub(crate) quantity: i64,
}

/// A listing as the auditor counts it.
#[derive(Debug)]
pub(crate) struct Listing {
    pub(crate) settings: ListingSettings,
    /// Whether it opened with a limit per customer: one cannot be brought in later, so that nothing is counted
    /// where there is none.
    pub(crate) limited: bool,
    /// All units ever put in, less those taken away.
    pub(crate) put_in: i64,
    pub(crate) free: i64,
    pub(crate) held: i64,
    pub(crate) sold: i64,
    pub(crate) paused: bool,
    pub(crate) closed: bool,
    /// The record that last set the settings: what falls due by them is due from the next record on.
    pub(crate) settings_from: Offset,
    /// Who waits, by number of placing.
    pub(crate) queue: BTreeMap<u64, Waiter>,
    /// Its draw, until it is over.
    pub(crate) draw: Option<Draw>,
    /// The commands seen, and whether each was carried out.
    pub(crate) commands: HashMap<CommandId, bool>,
}

impl Listing {
    /// Whether `quantity` can be had at once by somebody new.
    pub(crate) fn is_short(&self, quantity: i64) -> bool {
        self.free < quantity || !self.queue.is_empty()
    }

    /// Whether the listing should have closed by itself.
    pub(crate) fn is_due(&self, now: TimeMs) -> bool {
        !self.closed && self.settings.closes_at.0 > 0 && self.settings.closes_at <= now
    }

    /// Whether something about the queue remains to be done.
    pub(crate) fn owes_service(&self) -> bool {
        let Some((_, head)) = self.queue.first_key_value() else { return false };
        self.closed || (!self.paused && self.free >= head.quantity)
    }

    /// Whether settings change what has to stay: the sale, the currency, the draw, and that there is no limit.
    pub(crate) fn is_moved_by(&self, settings: &ListingSettings) -> bool {
        (&settings.sale, settings.currency) != (&self.settings.sale, self.settings.currency)
            || (settings.limit_per_customer > 0 && !self.limited)
            || settings.draw != self.settings.draw
    }

    /// How many orders wait, those in a draw among them.
    pub(crate) fn waiting(&self) -> usize {
        self.queue.len() + self.draw.as_ref().map_or(0, Draw::len)
    }

    /// Whether a reported stock is this one.
    pub(crate) fn agrees(&self, stock: &Stock) -> bool {
        let waiting = i64::try_from(self.waiting()).unwrap_or(i64::MAX);
        i64::from(stock.free) == self.free
            && i64::from(stock.held) == self.held
            && i64::from(stock.sold) == self.sold
            && i64::from(stock.waiting) == waiting
    }
}

/// All listings of a ledger, and the names of other SKUs its orders mention.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    slots: HashMap<Sku, Slot>,
    skus: Vec<Sku>,
    listings: Vec<Option<Box<Listing>>>,
    units: HashMap<(Slot, CustomerId), i64>,
    /// Open listings by the time they close by themselves.
    pub(crate) closing: BTreeSet<(TimeMs, Slot)>,
    /// Listings whose queue may want service since the record began, or since the budget ran out.
    pub(crate) stirred: BTreeSet<Slot>,
    /// How many listings there are.
    pub(crate) count: usize,
}

/// How a reported stock differs from the auditor's count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Reported {
    Right,
    /// Units appeared or vanished.
    SumWrong,
    /// The sum is right, the counts are not, or stock is missing or reported for what is not there.
    CountsWrong,
}

impl Shelf {
    /// The slot of a SKU, made when there is none.
    pub(crate) fn slot(&mut self, sku: &Sku) -> Slot {
        if let Some(slot) = self.slots.get(sku) {
            return *slot;
        }
        let slot = Slot::try_from(self.skus.len()).unwrap_or(Slot::MAX);
        self.slots.insert(*sku, slot);
        self.skus.push(*sku);
        self.listings.push(None);
        slot
    }

    pub(crate) fn find(&self, sku: &Sku) -> Option<(Slot, &Listing)> {
        let slot = *self.slots.get(sku)?;
        Some((slot, self.listing(slot)?))
    }

    pub(crate) fn sku(&self, slot: Slot) -> Option<Sku> {
        self.skus.get(index(slot)).copied()
    }

    pub(crate) fn listing(&self, slot: Slot) -> Option<&Listing> {
        self.listings.get(index(slot))?.as_deref()
    }

    /// The listing to change; whoever changes it may have stirred its queue.
    pub(crate) fn listing_mut(&mut self, slot: Slot) -> Option<&mut Listing> {
        let listing = self.listings.get_mut(index(slot))?.as_deref_mut()?;
        if !listing.queue.is_empty() || listing.draw.is_some() {
            self.stirred.insert(slot);
        }
        Some(listing)
    }

    pub(crate) fn open(&mut self, slot: Slot, settings: ListingSettings, stock: i64, at: Offset) {
        if let Some(place) = self.listings.get_mut(index(slot)) {
            self.count += 1;
            if settings.closes_at.0 > 0 {
                self.closing.insert((settings.closes_at, slot));
            }
            *place = Some(Box::new(Listing {
                limited: settings.limit_per_customer > 0,
                draw: settings.draw.map(|_| Draw::default()),
                settings,
                put_in: stock,
                free: stock,
                held: 0,
                sold: 0,
                paused: false,
                closed: false,
                settings_from: at,
                queue: BTreeMap::new(),
                commands: HashMap::new(),
            }));
        }
    }

    /// Moves units; `false` when some were not there.
    pub(crate) fn shift(&mut self, slot: Slot, quantity: u32, what: Move) -> bool {
        let Some(listing) = self.listing_mut(slot) else { return false };
        let quantity = i64::from(quantity);
        match what {
            Move::Take => {
                listing.free -= quantity;
                listing.held += quantity;
            }
            Move::Release => {
                listing.held -= quantity;
                listing.free += quantity;
            }
            Move::Sell => {
                listing.held -= quantity;
                listing.sold += quantity;
            }
        }
        listing.free >= 0 && listing.held >= 0
    }

    /// Puts an order into the queue of a listing.
    pub(crate) fn wait(&mut self, slot: Slot, placing: u64, quantity: u32) {
        if let Some(listing) = self.listing_mut(slot) {
            listing.queue.insert(placing, Waiter { quantity: i64::from(quantity) });
            self.stirred.insert(slot);
        }
    }

    /// Takes an order out of the queue of a listing.
    pub(crate) fn leave(&mut self, slot: Slot, placing: u64) {
        if let Some(listing) = self.listing_mut(slot) {
            listing.queue.remove(&placing);
        }
    }

    /// The units a customer has waiting, held and bought.
    pub(crate) fn units_of(&self, slot: Slot, customer: CustomerId) -> i64 {
        self.units.get(&(slot, customer)).copied().unwrap_or(0)
    }

    /// Counts units to a customer, or away from one.
    pub(crate) fn count_units(&mut self, slot: Slot, customer: CustomerId, delta: i64) {
        if !self.listing(slot).is_some_and(|listing| listing.limited) {
            return;
        }
        let units = self.units.entry((slot, customer)).or_insert(0);
        *units += delta;
        if *units == 0 {
            self.units.remove(&(slot, customer));
        }
    }

    /// Compares the stock a line reports.
    pub(crate) fn reported(&self, line: &DecidedLine) -> Reported {
        match (self.find(&line.sku), &line.stock) {
            (None, None) => Reported::Right,
            (Some((_, listing)), Some(stock)) => compare(listing, stock),
            _ => Reported::CountsWrong,
        }
    }
}

/// Compares a reported stock with a listing's.
pub(crate) fn compare(listing: &Listing, stock: &Stock) -> Reported {
    let sum = i64::from(stock.free) + i64::from(stock.held) + i64::from(stock.sold);
    if sum != listing.put_in {
        Reported::SumWrong
    } else if listing.agrees(stock) {
        Reported::Right
    } else {
        Reported::CountsWrong
    }
}

fn index(slot: Slot) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}
