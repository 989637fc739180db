//! The listings as the decisions leave them: a fold over `decisions`, nothing more.

use std::collections::BTreeMap;

use order_model::{Decision, Event, ListingEvent, ListingEventKind, ListingSettings, Sku, Stock};

/// A listing, as far as decisions tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// Its settings.
    pub settings: ListingSettings,
    /// Its stock.
    pub stock: Stock,
    /// Whether it is paused.
    pub paused: bool,
    /// Whether it is closed for good.
    pub closed: bool,
    /// Whether the seed of its draw was revealed.
    pub revealed: bool,
}

impl Listing {
    /// Units there ever were.
    pub fn units(&self) -> u64 {
        [self.stock.free, self.stock.held, self.stock.sold].into_iter().map(u64::from).sum()
    }

    /// Whether orders are collected for a draw.
    pub fn in_draw(&self) -> bool {
        self.settings.draw.is_some() && !self.revealed && !self.closed
    }

    /// One word for people.
    pub fn state(&self) -> &'static str {
        match (self.closed, self.paused) {
            (true, _) => "closed",
            (false, true) => "paused",
            (false, false) if self.in_draw() => "draw",
            (false, false) => "open",
        }
    }
}

/// All listings, by SKU.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Listings(BTreeMap<Sku, Listing>);

impl Listings {
    /// Takes in the next decision of a ledger. Each ledger's decisions have to come in their order, once each.
    pub fn apply(&mut self, decision: &Decision) {
        match &decision.event {
            Event::Listing(event) => self.apply_listing(event),
            Event::Order(event) => {
                for line in &event.lines {
                    if let (Some(listing), Some(stock)) = (self.0.get_mut(&line.sku), line.stock) {
                        listing.stock = stock;
                    }
                }
            }
            Event::Customer(_) => {}
        }
    }

    fn apply_listing(&mut self, event: &ListingEvent) {
        if event.kind == ListingEventKind::Opened
            && let Some(settings) = event.settings.clone()
        {
            let listing =
                Listing { settings, stock: event.stock, paused: false, closed: false, revealed: false };
            self.0.insert(event.sku, listing);
            return;
        }
        let Some(listing) = self.0.get_mut(&event.sku) else { return };
        listing.stock = event.stock;
        match event.kind {
            ListingEventKind::Changed => {
                if let Some(settings) = event.settings.clone() {
                    listing.settings = settings;
                }
            }
            ListingEventKind::Paused => listing.paused = true,
            ListingEventKind::Resumed => listing.paused = false,
            ListingEventKind::Closed => listing.closed = true,
            ListingEventKind::Revealed => listing.revealed = true,
            ListingEventKind::Opened | ListingEventKind::Restocked | ListingEventKind::Refused => {}
        }
    }

    /// The listing of a SKU.
    pub fn get(&self, sku: &Sku) -> Option<&Listing> {
        self.0.get(sku)
    }

    /// All of them in SKU order.
    pub fn iter(&self) -> impl Iterator<Item = (&Sku, &Listing)> {
        self.0.iter()
    }

    /// The names of all sales, each once.
    pub fn sales(&self) -> Vec<&str> {
        let mut sales: Vec<_> = self.0.values().map(|listing| listing.settings.sale.as_str()).collect();
        sales.sort_unstable();
        sales.dedup();
        sales
    }
}
