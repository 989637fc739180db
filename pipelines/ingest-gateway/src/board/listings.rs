//! Listings as the decisions leave them, and who follows them.

use std::collections::BTreeMap;
use std::fmt;
use std::ops::Bound;
use std::sync::Arc;

use bytes::Bytes;
use order_model::{
    ListingEvent, ListingEventKind, ListingSettings, MinorUnits, Partition, Sequence, Sku, Stock, TimeMs,
};
use tokio::sync::watch;

use super::feed::EventId;
use crate::frame::frame;
use crate::views::ListingView;

/// How far a ledger had been read when something was looked at.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ReadAt {
    /// The ledger.
    pub partition: Partition,
    /// The number of its latest decision.
    pub sequence: Sequence,
    /// The ledger's time.
    pub time: TimeMs,
}

/// The name of its latest decision.
impl fmt::Display for ReadAt {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { partition, sequence, .. } = *self;
        fmt::Display::fmt(&EventId { partition, sequence }, f)
    }
}

/// A listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listing {
    /// What is sold.
    pub sku: Sku,
    /// Its settings.
    pub settings: Arc<ListingSettings>,
    /// Its stock.
    pub stock: Stock,
    /// Whether it is paused.
    pub is_paused: bool,
    /// Whether it is closed for good.
    pub is_closed: bool,
    /// The decision that left it so.
    pub read_at: ReadAt,
}

impl Listing {
    /// One word for how it stands at a time.
    pub fn state(&self, now: TimeMs) -> &'static str {
        let closes = self.settings.closes_at;
        match (self.is_closed || (closes.0 != 0 && closes <= now), self.is_paused) {
            (true, _) => "closed",
            (false, true) => "paused",
            (false, false) if now < self.settings.opens_at => "not_open",
            (false, false) => "open",
        }
    }

    /// The price of one unit at a time: the last step of the price list whose conditions all hold.
    pub fn price(&self, now: TimeMs) -> MinorUnits {
        let units = self.stock.held.saturating_add(self.stock.sold);
        let in_force = self.settings.prices.iter().rev();
        let mut in_force = in_force.filter(|step| step.from_time <= now && step.from_units <= units);
        in_force.next().map_or(0, |step| step.unit_price)
    }

    /// Whether nobody can have a unit of it any more, unless somebody adds some.
    pub fn is_sold_out(&self) -> bool {
        let Stock { free, held, waiting, .. } = self.stock;
        free == 0
            && held == 0
            && waiting == 0
            && self.settings.waitlist_max == 0
            && self.settings.draw.is_none()
    }
}

/// A listing's state, ready to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListingNews {
    /// The listing.
    pub listing: Listing,
    /// An event of a stream.
    pub frame: Bytes,
}

impl ListingNews {
    fn new(listing: Listing) -> Self {
        let at = listing.read_at;
        let frame = frame(Some(&at.to_string()), "listing", &ListingView::new(&listing, at.time));
        Self { listing, frame }
    }
}

struct Entry {
    listing: Listing,
    feed: Option<watch::Sender<Arc<ListingNews>>>,
    is_dirty: bool,
}

#[derive(Default)]
pub(super) struct Listings {
    entries: BTreeMap<Sku, Entry>,
    /// Changed since the last [`Self::publish`], each once.
    dirty: Vec<Sku>,
}

impl Listings {
    /// Takes in a decision about a listing; says the sale of one that is new.
    pub(super) fn apply(&mut self, event: &ListingEvent, read_at: ReadAt) -> Option<String> {
        let sku = event.sku;
        if event.kind == ListingEventKind::Opened
            && let Some(settings) = event.settings.clone()
        {
            let sale = settings.sale.clone();
            let settings = Arc::new(settings);
            let stock = event.stock;
            let listing = Listing { sku, settings, stock, is_paused: false, is_closed: false, read_at };
            self.entries.insert(sku, Entry { listing, feed: None, is_dirty: false });
            return Some(sale);
        }
        let entry = self.entries.get_mut(&sku)?;
        let listing = &mut entry.listing;
        listing.stock = event.stock;
        listing.read_at = read_at;
        match event.kind {
            ListingEventKind::Changed => {
                if let Some(settings) = event.settings.clone() {
                    listing.settings = Arc::new(settings);
                }
            }
            ListingEventKind::Paused => listing.is_paused = true,
            ListingEventKind::Resumed => listing.is_paused = false,
            ListingEventKind::Closed => listing.is_closed = true,
            _ => {}
        }
        note(entry, &mut self.dirty);
        None
    }

    pub(super) fn set_stock(&mut self, sku: &Sku, stock: Stock, read_at: ReadAt) {
        if let Some(entry) = self.entries.get_mut(sku) {
            entry.listing.stock = stock;
            entry.listing.read_at = read_at;
            note(entry, &mut self.dirty);
        }
    }

    pub(super) fn sale_of(&self, sku: &Sku) -> Option<&str> {
        self.entries.get(sku).map(|entry| entry.listing.settings.sale.as_str())
    }

    pub(super) fn find(&self, sku: &Sku) -> Option<&Listing> {
        self.entries.get(sku).map(|entry| &entry.listing)
    }

    pub(super) fn get(&self, sku: &Sku) -> Option<Listing> {
        self.find(sku).cloned()
    }

    pub(super) fn page(&self, sale: Option<&str>, after: Option<&Sku>, count: usize) -> Vec<Listing> {
        let from = after.map_or(Bound::Unbounded, |after| Bound::Excluded(*after));
        let listings = self.entries.range((from, Bound::Unbounded)).map(|(_, entry)| &entry.listing);
        let is_of = |listing: &&Listing| sale.is_none_or(|sale| listing.settings.sale == sale);
        listings.filter(is_of).take(count).cloned().collect()
    }

    pub(super) fn follow(&mut self, sku: &Sku) -> Option<watch::Receiver<Arc<ListingNews>>> {
        let entry = self.entries.get_mut(sku)?;
        if let Some(feed) = &entry.feed {
            return Some(feed.subscribe());
        }
        let (feed, receiver) = watch::channel(Arc::new(ListingNews::new(entry.listing.clone())));
        entry.feed = Some(feed);
        Some(receiver)
    }

    /// Shows the newest state of what has changed to those who follow it.
    pub(super) fn publish(&mut self) {
        for sku in std::mem::take(&mut self.dirty) {
            let Some(entry) = self.entries.get_mut(&sku) else { continue };
            entry.is_dirty = false;
            match &entry.feed {
                Some(feed) if feed.receiver_count() > 0 => {
                    feed.send_replace(Arc::new(ListingNews::new(entry.listing.clone())));
                }
                // Nobody looks: the next one who does gets a new feed with the state as it is then.
                _ => entry.feed = None,
            }
        }
    }

    pub(super) fn end_feeds(&mut self) {
        for entry in self.entries.values_mut() {
            entry.feed = None;
        }
    }
}

fn note(entry: &mut Entry, dirty: &mut Vec<Sku>) {
    if !entry.is_dirty && entry.feed.is_some() {
        entry.is_dirty = true;
        dirty.push(entry.listing.sku);
    }
}
