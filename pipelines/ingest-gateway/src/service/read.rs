//! Looking at orders and listings.

use std::sync::Arc;

use order_model::{OrderId, Sku};
use tokio::sync::{mpsc, watch};
use tokio::time::timeout;

use super::Service;
use super::archive::Undecided;
use super::place::Placed;
use super::recent::{About, Written};
use super::refusal::Refusal;
use crate::board::{Board, EventId, Listing, ListingNews, OrderNews, Remembered, WallNews, WallView};
use crate::identity::Identity;

/// The decisions about an order: those there are, and those to come. Ends when the reader does not keep up.
#[derive(Debug)]
pub struct OrderFeed {
    who: Identity,
    before: std::vec::IntoIter<Arc<OrderNews>>,
    feed: mpsc::Receiver<Arc<OrderNews>>,
    /// The decision as far as which an archive knew the order.
    seen: Option<EventId>,
}

impl OrderFeed {
    /// The next decision; `None` when the feed has ended.
    pub async fn next(&mut self) -> Option<Arc<OrderNews>> {
        let news = match self.before.next() {
            Some(news) => news,
            None => loop {
                let news = self.feed.recv().await?;
                if !self.seen.is_some_and(|seen| news.id.is_by(seen)) {
                    break news;
                }
            },
        };
        // An order that nobody had decided may turn out to be somebody else's.
        self.who.may_see(news.event.customer).then_some(news)
    }
}

impl Service {
    /// An order of theirs.
    pub fn order(&self, who: &Identity, order: OrderId) -> Result<Remembered, Refusal> {
        let known = self.board().order(order).ok_or(Refusal::OrderUnknown)?;
        if is_shown(who, &known) { Ok(known) } else { Err(Refusal::OrderUnknown) }
    }

    /// An order of theirs that was written here lately and is not decided yet.
    pub(super) fn undecided(&self, who: &Identity, order: OrderId) -> Option<Undecided> {
        let Written { about: About { customer, home, .. }, partition, offset } =
            self.recent.written(order)?;
        let is_open = !self.board().has_decided(order, partition, offset);
        let placed = Placed { order, partition, offset: Some(offset), answer: None };
        (who.may_see(customer) && is_open).then_some(Undecided { placed, customer, home })
    }

    /// Follows an order of theirs, from after an event on. One that nobody knows is waited for a while: its decision may be
    /// on its way.
    pub async fn order_events(
        &self,
        who: &Identity,
        order: OrderId,
        after: Option<EventId>,
    ) -> Result<OrderFeed, Refusal> {
        if let Some(known) = self.board().order(order)
            && !is_shown(who, &known)
        {
            return Err(Refusal::OrderUnknown);
        }
        let (mut before, mut feed) = self.board().follow(order, after).ok_or(Refusal::TooManyReaders)?;
        let mut seen = None;
        if self.undecided(who, order).is_none() && self.board().order(order).is_none() {
            match self.archived(who, order).await {
                Ok(archived) => {
                    // What the board reads meanwhile comes by the feed; what stands there already does not come twice.
                    seen = Some(archived.id);
                    let is_new = after.is_none_or(|after| !archived.id.is_by(after));
                    before.extend(is_new.then(|| Arc::new(archived.into_news())));
                }
                Err(Refusal::OrderUnknown) => match timeout(self.order_expected_max, feed.recv()).await {
                    Ok(news) => before.extend(news),
                    Err(_) if self.board().is_ready() => return Err(Refusal::OrderUnknown),
                    Err(_) => {}
                },
                Err(refusal) => return Err(refusal),
            }
        }
        Ok(OrderFeed { who: *who, before: before.into_iter(), feed, seen })
    }

    /// Their orders, newest first, from the one after `after` on.
    pub fn orders_of(&self, who: &Identity, after: Option<OrderId>, count: usize) -> Vec<Remembered> {
        self.board().orders_of(who.customer, after, count)
    }

    /// What the board knows. Of what it does not know nobody can say that there is none before all decisions are read.
    fn on_board<T>(&self, look: impl Fn(&Board) -> Option<T>, none: Refusal) -> Result<T, Refusal> {
        let board = self.board();
        if let Some(known) = look(board) {
            return Ok(known);
        }
        if !board.is_ready() {
            return Err(Refusal::NotReady);
        }
        // It may have been read between the two looks.
        look(board).ok_or(none)
    }

    /// A listing.
    pub fn listing(&self, sku: &Sku) -> Result<Listing, Refusal> {
        self.on_board(|board| board.listing(sku), Refusal::ListingUnknown)
    }

    /// The states of a listing.
    pub fn listing_events(&self, sku: &Sku) -> Result<watch::Receiver<Arc<ListingNews>>, Refusal> {
        self.on_board(|board| board.follow_listing(sku), Refusal::ListingUnknown)
    }

    /// The figures of a sale as they are.
    pub fn sale(&self, sale: &str) -> Result<WallView, Refusal> {
        self.on_board(|board| board.sale(sale), Refusal::SaleUnknown)
    }

    /// The figures of a sale, whenever they change.
    pub fn sale_events(&self, sale: &str) -> Result<watch::Receiver<Arc<WallNews>>, Refusal> {
        self.on_board(|board| board.follow_sale(sale), Refusal::SaleUnknown)
    }
}

fn is_shown(who: &Identity, known: &Remembered) -> bool {
    known.customer().is_some_and(|customer| who.may_see(customer))
}
