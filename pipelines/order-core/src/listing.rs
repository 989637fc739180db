//! A listing: its stock, its settings and who waits for it.

use std::collections::{BTreeMap, BTreeSet};

use order_model::limits::{
    EXTENSIONS_MAX, HOLD_MS_MAX, PRICE_STEPS_MAX, RETENTION_MS_MAX, RETENTION_MS_MIN, SALE_NAME_BYTES_MAX,
    UNIT_PRICE_MAX, WAITLIST_MAX,
};
use order_model::{CommandId, Currency, ListingSettings, MinorUnits, RejectReason, Sku, Stock, TimeMs};

use crate::draw::Draw;
use crate::orders::Slot;

pub(crate) struct Listing {
    pub(crate) sku: Sku,
    pub(crate) settings: ListingSettings,
    pub(crate) status: Status,
    /// Whether units per customer are counted. Decided at the opening: a count that begins later is wrong.
    pub(crate) has_limit: bool,
    free: u32,
    held: u32,
    sold: u32,
    /// Who waits, by ticket: in the order of placement.
    pub(crate) queue: BTreeMap<u64, Slot>,
    /// Its draw, until everybody is decided who came before its end.
    pub(crate) draw: Option<Box<Draw>>,
    /// The commands that were applied to it.
    pub(crate) changes: BTreeSet<CommandId>,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Status {
    Open,
    Paused,
    Closed,
}

impl Listing {
    pub(crate) fn new(sku: Sku, settings: ListingSettings, stock: u32) -> Self {
        Self {
            sku,
            has_limit: settings.limit_per_customer > 0,
            draw: settings.draw.map(|_| Box::default()),
            settings,
            status: Status::Open,
            free: stock,
            held: 0,
            sold: 0,
            queue: BTreeMap::new(),
            changes: BTreeSet::new(),
        }
    }

    pub(crate) fn stock(&self) -> Stock {
        let in_draw = self.draw.as_deref().map_or(0, Draw::len);
        let waiting = u32::try_from(self.queue.len() + in_draw).unwrap_or(u32::MAX);
        Stock { free: self.free, held: self.held, sold: self.sold, waiting }
    }

    /// All there ever was, which the limits keep within a `u32`.
    pub(crate) fn total(&self) -> u32 {
        self.free + self.held + self.sold
    }

    /// Why an order in `currency` at `now` is refused whatever the stock. The limit per customer is not looked at.
    pub(crate) fn refuses(&self, now: TimeMs, currency: Currency) -> Option<RejectReason> {
        let closes_at = self.settings.closes_at;
        if self.status == Status::Closed || (closes_at != TimeMs(0) && closes_at <= now) {
            Some(RejectReason::ListingClosed)
        } else if self.settings.opens_at > now {
            Some(RejectReason::ListingNotOpen)
        } else if self.status == Status::Paused {
            Some(RejectReason::ListingPaused)
        } else if self.settings.currency != currency {
            Some(RejectReason::CurrencyForeign)
        } else {
            None
        }
    }

    pub(crate) fn has_free(&self, quantity: u32) -> bool {
        quantity <= self.free
    }

    /// Whether an order placed now cannot have `quantity`: too little is free, or it is promised to who waits.
    pub(crate) fn is_short(&self, quantity: u32) -> bool {
        !self.has_free(quantity) || !self.queue.is_empty()
    }

    pub(crate) fn has_waitlist(&self) -> bool {
        self.settings.waitlist_max > 0
    }

    pub(crate) fn is_waitlist_full(&self) -> bool {
        u32::try_from(self.queue.len()).unwrap_or(u32::MAX) >= self.settings.waitlist_max
    }

    /// The price of the next unit.
    pub(crate) fn unit_price(&self, now: TimeMs) -> MinorUnits {
        let units = self.held + self.sold;
        let steps = self.settings.prices.iter().rev();
        let mut in_force = steps.filter(|step| step.from_time <= now && step.from_units <= units);
        in_force.next().map_or(0, |step| step.unit_price)
    }

    // The moves. Each is called for what is there; anything else is a bug and stops the ledger.

    pub(crate) fn hold(&mut self, quantity: u32) {
        self.free = moved(self.free, quantity, &self.sku);
        self.held += quantity;
    }

    pub(crate) fn free(&mut self, quantity: u32) {
        self.held = moved(self.held, quantity, &self.sku);
        self.free += quantity;
    }

    pub(crate) fn sell(&mut self, quantity: u32) {
        self.held = moved(self.held, quantity, &self.sku);
        self.sold += quantity;
    }

    /// Sets what is free; used by restocking alone.
    pub(crate) fn restock(&mut self, free: u32) {
        self.free = free;
    }

    pub(crate) fn free_units(&self) -> u32 {
        self.free
    }
}

fn moved(from: u32, quantity: u32, sku: &Sku) -> u32 {
    match from.checked_sub(quantity) {
        Some(left) => left,
        None => panic!("bug: listing {sku} moves {quantity} units where there are {from}"),
    }
}

/// Whether settings agree with themselves and the limits.
pub(crate) fn settings_are_valid(settings: &ListingSettings) -> bool {
    let sale = 1..=SALE_NAME_BYTES_MAX;
    let steps = 1..=PRICE_STEPS_MAX;
    let prices = &settings.prices;
    let starts_at_once =
        prices.first().is_some_and(|step| step.from_time == TimeMs(0) && step.from_units == 0);
    sale.contains(&settings.sale.len())
        && (settings.closes_at == TimeMs(0) || settings.closes_at > settings.opens_at)
        && (1..=HOLD_MS_MAX).contains(&settings.hold_ms)
        && settings.extensions_max <= EXTENSIONS_MAX
        && settings.waitlist_max <= WAITLIST_MAX
        && (RETENTION_MS_MIN..=RETENTION_MS_MAX).contains(&settings.retention_ms)
        && settings.tax_bp <= 10_000
        && steps.contains(&prices.len())
        && starts_at_once
        && (settings.draw.is_none() || settings.limit_per_customer > 0)
        && prices.iter().all(|step| (0..=UNIT_PRICE_MAX).contains(&step.unit_price))
}
