//! Everything the board knows, behind one lock.

use std::sync::Arc;

use order_model::{CustomerId, Decision, Event, OrderId, Partition, Sequence, TimeMs};
use tokio::sync::watch;

use super::feed::{EventId, OrderNews, may_begin};
use super::listings::{Listings, ReadAt};
use super::orders::Orders;
use super::walls::{ProofView, SaleStanding, WallNews, WallView, Walls};
use crate::limits::BoardLimits;

pub(super) struct State {
    pub(super) listings: Listings,
    pub(super) orders: Orders,
    walls: Walls,
    read_at: Vec<ReadAt>,
    latest: Vec<Latest>,
}

/// The last record of a partition of `orders` that a decision names: whatever lies before it is decided.
#[derive(Clone, Default)]
struct Latest {
    offset: u64,
    /// The orders it decided. A record also lets others fall due, and these come first.
    orders: Vec<OrderId>,
}

/// An order was decided for the first time.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Answered {
    /// Whose it is.
    pub(super) customer: CustomerId,
    /// The sale it is of, if its listing is known.
    pub(super) sale: Option<String>,
}

/// What taking in a decision came to.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum Took {
    /// It was new, and the first answer to an order or not.
    New { answered: Option<Answered> },
    /// It was here before.
    Repeat,
}

impl State {
    pub(super) fn new(partitions: u32, limits: BoardLimits) -> Self {
        let start =
            |partition| ReadAt { partition: Partition(partition), sequence: Sequence(0), time: TimeMs(0) };
        Self {
            listings: Listings::default(),
            orders: Orders::new(limits),
            walls: Walls::default(),
            read_at: (0..partitions).map(start).collect(),
            latest: (0..partitions).map(|_| Latest::default()).collect(),
        }
    }

    pub(super) fn read_at(&self, partition: u32) -> Option<ReadAt> {
        self.read_at.get(usize::try_from(partition).ok()?).copied()
    }

    pub(super) fn has_decided(&self, order: OrderId, partition: u32, offset: u64) -> bool {
        let latest = usize::try_from(partition).ok().and_then(|index| self.latest.get(index));
        latest.is_some_and(|latest| {
            offset < latest.offset || (offset == latest.offset && latest.orders.contains(&order))
        })
    }

    /// Takes in the next decision of its partition.
    pub(super) fn apply(&mut self, decision: Decision) -> Took {
        let index = usize::try_from(decision.partition.0).unwrap_or(usize::MAX);
        let Some(progress) = self.read_at.get_mut(index) else { return Took::Repeat };
        if decision.sequence <= progress.sequence {
            return Took::Repeat;
        }
        if progress.sequence != Sequence(0) && decision.sequence != progress.sequence.next() {
            let (partition, expected) = (decision.partition, progress.sequence.next());
            tracing::warn!(%partition, %expected, found = %decision.sequence, "decisions are missing");
        }
        (progress.sequence, progress.time) = (decision.sequence, decision.time);
        let read_at = *progress;
        if let Some(latest) = self.latest.get_mut(index) {
            if decision.offset.0 > latest.offset {
                *latest = Latest { offset: decision.offset.0, orders: Vec::new() };
            }
            if let Event::Order(event) = &decision.event
                && may_begin(event.kind)
            {
                latest.orders.push(event.order);
            }
        }
        let mut answered = None;
        match decision.event {
            Event::Order(event) => {
                for line in &event.lines {
                    if let Some(stock) = line.stock {
                        self.listings.set_stock(&line.sku, stock, read_at);
                    }
                }
                let id = EventId { partition: decision.partition, sequence: decision.sequence };
                let news = OrderNews { id, offset: decision.offset, time: decision.time, event };
                let is_answer = news.is_first_answer();
                let sku = news.event.lines.first().map(|line| line.sku);
                let sale = sku.and_then(|sku| self.listings.sale_of(&sku).map(str::to_owned));
                if let Some(sale) = &sale {
                    self.walls.count(sale, &news.event, is_answer);
                }
                answered = is_answer.then_some(Answered { customer: news.event.customer, sale });
                self.orders.apply(news);
            }
            Event::Listing(event) => {
                if let Some(sale) = self.listings.apply(&event, read_at) {
                    self.walls.add_listing(sale, event.sku);
                }
            }
            Event::Customer(_) => {}
        }
        Took::New { answered }
    }

    pub(super) fn wall(&self, sale: &str) -> Option<WallView> {
        self.walls.view(sale, &self.listings)
    }

    pub(super) fn sales(&self, now: TimeMs, most: usize) -> Vec<SaleStanding> {
        self.walls.standings(&self.listings, now, most)
    }

    pub(super) fn follow_sale(&mut self, sale: &str) -> Option<watch::Receiver<Arc<WallNews>>> {
        self.walls.follow(sale, &self.listings)
    }

    pub(super) fn show_proof(&mut self, sale: &str, proof: ProofView) {
        self.walls.show_proof(sale, proof);
    }

    pub(super) fn publish_walls(&mut self) {
        self.walls.publish(&self.listings);
    }

    pub(super) fn end_feeds(&mut self) {
        self.orders.end_feeds();
        self.listings.end_feeds();
        self.walls.end_feeds();
    }
}
