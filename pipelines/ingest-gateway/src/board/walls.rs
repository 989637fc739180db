//! The figures of sales, for the wall.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

use bytes::Bytes;
use order_model::{OrderEvent, OrderEventKind, Sku, TimeMs};
use serde::Serialize;
use tokio::sync::watch;
use utoipa::ToSchema;

use super::feed::is_part;
use super::listings::Listings;
use crate::frame::frame;
use crate::limits::{SALE_LISTINGS_LOOKED_AT_MAX, WALL_LISTINGS_MAX};
use crate::views::StockView;

/// The figures of a sale.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct WallView {
    /// The sale.
    pub sale: String,
    /// How many listings it has.
    pub listings: usize,
    /// The stock of all of them together.
    pub stock: StockView,
    /// Orders decided.
    pub decided: u64,
    /// Orders decided in the last second.
    pub decided_per_second: u64,
    /// How often each thing was decided.
    pub events: BTreeMap<&'static str, u64>,
    /// How often orders were rejected, by reason.
    pub rejects: BTreeMap<&'static str, u64>,
    /// The first listings, in the order they were opened.
    pub items: Vec<WallListing>,
    /// What the proof of the sale says, once there is one.
    pub proof: Option<ProofView>,
}

/// What a proof says.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ProofView {
    /// Whether everything was found to be right.
    pub holds: bool,
    /// In words.
    pub text: String,
    /// The certificate: whoever replays the log gets the same.
    pub certificate: String,
}

/// A listing on the wall.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct WallListing {
    /// What is sold.
    pub sku: String,
    /// Its stock.
    pub stock: StockView,
}

/// How a sale stands.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SaleStanding {
    /// Its name.
    pub name: String,
    /// As of its listings: that of the one which is furthest from its end.
    pub state: &'static str,
    /// When the first of them opens.
    pub opens_at: TimeMs,
}

/// What people look for first.
fn rank(state: &str) -> u8 {
    match state {
        "open" => 0,
        "not_open" => 1,
        "paused" => 2,
        _ => 3,
    }
}

/// The figures of a sale, ready to be sent.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct WallNews {
    /// The figures.
    pub view: WallView,
    /// An event of a stream.
    pub frame: Bytes,
}

impl WallNews {
    fn new(view: WallView) -> Self {
        // No id: the newest figures are all there is to resume.
        let frame = frame(None, "figures", &view);
        Self { view, frame }
    }
}

struct Wall {
    skus: Vec<Sku>,
    decided: u64,
    events: BTreeMap<&'static str, u64>,
    rejects: BTreeMap<&'static str, u64>,
    feed: Option<watch::Sender<Arc<WallNews>>>,
    proof: Option<ProofView>,
    per_second: u64,
    /// What had been decided when the second began, and when that was.
    second: (u64, Instant),
}

impl Wall {
    fn view(&self, sale: &str, listings: &Listings) -> WallView {
        let mut total = StockView::default();
        let mut items = Vec::new();
        for sku in &self.skus {
            let Some(listing) = listings.find(sku) else { continue };
            let stock = StockView::from(listing.stock);
            total.add(stock);
            if items.len() < WALL_LISTINGS_MAX {
                items.push(WallListing { sku: sku.to_string(), stock });
            }
        }
        WallView {
            sale: sale.to_owned(),
            listings: self.skus.len(),
            stock: total,
            decided: self.decided,
            decided_per_second: self.per_second,
            events: self.events.clone(),
            rejects: self.rejects.clone(),
            items,
            proof: self.proof.clone(),
        }
    }

    fn standing(&self, sale: &str, listings: &Listings, now: TimeMs) -> Option<SaleStanding> {
        let looked_at = self.skus.iter().take(SALE_LISTINGS_LOOKED_AT_MAX);
        let looked_at: Vec<_> = looked_at.filter_map(|sku| listings.find(sku)).collect();
        let state = looked_at.iter().map(|listing| listing.state(now)).min_by_key(|state| rank(state))?;
        let opens_at = looked_at.iter().map(|listing| listing.settings.opens_at).min()?;
        Some(SaleStanding { name: sale.to_owned(), state, opens_at })
    }

    fn tick(&mut self) {
        let (before, since) = self.second;
        let passed_ms = u64::try_from(since.elapsed().as_millis()).unwrap_or(u64::MAX);
        if passed_ms >= 1_000 {
            self.per_second = (self.decided - before).saturating_mul(1_000) / passed_ms;
            self.second = (self.decided, Instant::now());
        }
    }
}

#[derive(Default)]
pub(super) struct Walls(BTreeMap<String, Wall>);

impl Walls {
    pub(super) fn add_listing(&mut self, sale: String, sku: Sku) {
        let wall = self.0.entry(sale).or_insert_with(|| Wall {
            skus: Vec::new(),
            decided: 0,
            events: BTreeMap::new(),
            rejects: BTreeMap::new(),
            feed: None,
            proof: None,
            per_second: 0,
            second: (0, Instant::now()),
        });
        wall.skus.push(sku);
    }

    pub(super) fn count(&mut self, sale: &str, event: &OrderEvent, is_answer: bool) {
        if is_part(event.kind) {
            return;
        }
        let Some(wall) = self.0.get_mut(sale) else { return };
        *wall.events.entry(event.kind.name()).or_default() += 1;
        if is_answer {
            wall.decided += 1;
        }
        if let (OrderEventKind::Rejected, Some(reason)) = (event.kind, event.reason) {
            *wall.rejects.entry(reason.name()).or_default() += 1;
        }
    }

    pub(super) fn show_proof(&mut self, sale: &str, proof: ProofView) {
        if let Some(wall) = self.0.get_mut(sale) {
            wall.proof = Some(proof);
        }
    }

    pub(super) fn view(&self, sale: &str, listings: &Listings) -> Option<WallView> {
        self.0.get(sale).map(|wall| wall.view(sale, listings))
    }

    pub(super) fn standings(&self, listings: &Listings, now: TimeMs, most: usize) -> Vec<SaleStanding> {
        let standing = |(name, wall): (&String, &Wall)| wall.standing(name, listings, now);
        let mut sales: Vec<_> = self.0.iter().filter_map(standing).collect();
        sales.sort_by(|a, b| {
            let key = |sale: &SaleStanding| (rank(sale.state), sale.opens_at);
            key(a).cmp(&key(b)).then_with(|| a.name.cmp(&b.name))
        });
        sales.truncate(most);
        sales
    }

    pub(super) fn follow(
        &mut self,
        sale: &str,
        listings: &Listings,
    ) -> Option<watch::Receiver<Arc<WallNews>>> {
        let wall = self.0.get_mut(sale)?;
        if let Some(feed) = &wall.feed {
            return Some(feed.subscribe());
        }
        let (feed, receiver) = watch::channel(Arc::new(WallNews::new(wall.view(sale, listings))));
        wall.feed = Some(feed);
        Some(receiver)
    }

    pub(super) fn publish(&mut self, listings: &Listings) {
        for (sale, wall) in &mut self.0 {
            wall.tick();
            let Some(feed) = &wall.feed else { continue };
            if feed.receiver_count() == 0 {
                wall.feed = None;
                continue;
            }
            let view = wall.view(sale, listings);
            feed.send_if_modified(|shown| {
                let differs = shown.view != view;
                if differs {
                    *shown = Arc::new(WallNews::new(view));
                }
                differs
            });
        }
    }

    pub(super) fn end_feeds(&mut self) {
        for wall in self.0.values_mut() {
            wall.feed = None;
        }
    }
}
