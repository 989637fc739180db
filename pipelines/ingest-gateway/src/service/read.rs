//! Looking at orders and listings.

use std::sync::Arc;

use order_model::{CustomerId, OrderId, Sku};
use tokio::sync::{mpsc, watch};

use super::Service;
use super::refusal::Refusal;
use crate::board::{EventId, Listing, ListingNews, OrderNews, Remembered, WallNews};
use crate::identity::Identity;

/// The decisions about an order: those there are, and those to come. Ends when the reader does not keep up.
#[derive(Debug)]
pub struct OrderFeed {
    /// Who looks; others' decisions are not shown.
    customer: Option<CustomerId>,
    before: std::vec::IntoIter<Arc<OrderNews>>,
    feed: mpsc::Receiver<Arc<OrderNews>>,
}

impl OrderFeed {
    /// The next decision; `None` when the feed has ended.
    pub async fn next(&mut self) -> Option<Arc<OrderNews>> {
        let news = match self.before.next() {
            Some(news) => news,
            None => self.feed.recv().await?,
        };
        // An order that nobody had decided may turn out to be somebody else's.
        let is_theirs = self.customer.is_none_or(|customer| customer == news.event.customer);
        is_theirs.then_some(news)
    }
}

impl Service {
    /// An order of theirs.
    pub fn order(&self, who: &Identity, order: OrderId) -> Result<Remembered, Refusal> {
        let known = self.board().order(order).ok_or(Refusal::OrderUnknown)?;
        let is_theirs = who.roles.producer || known.customer() == Some(who.customer);
        if is_theirs { Ok(known) } else { Err(Refusal::OrderUnknown) }
    }

    /// Where an order of theirs lies that was written here lately and not decided yet.
    pub fn undecided(&self, who: &Identity, order: OrderId) -> Option<(u32, u64)> {
        self.recent.place_of(order, (!who.roles.producer).then_some(who.customer))
    }

    /// Follows an order of theirs, from after an event on.
    pub fn order_events(
        &self,
        who: &Identity,
        order: OrderId,
        after: Option<EventId>,
    ) -> Result<OrderFeed, Refusal> {
        if let Some(known) = self.board().order(order)
            && !who.roles.producer
            && known.customer() != Some(who.customer)
        {
            return Err(Refusal::OrderUnknown);
        }
        let (before, feed) = self.board().follow(order, after).ok_or(Refusal::TooManyReaders)?;
        let customer = (!who.roles.producer).then_some(who.customer);
        Ok(OrderFeed { customer, before: before.into_iter(), feed })
    }

    /// Their orders, newest first, from the one after `after` on.
    pub fn orders_of(&self, who: &Identity, after: Option<OrderId>, count: usize) -> Vec<Remembered> {
        self.board().orders_of(who.customer, after, count)
    }

    /// A listing.
    pub fn listing(&self, sku: &Sku) -> Result<Listing, Refusal> {
        self.board().listing(sku).ok_or(Refusal::ListingUnknown)
    }

    /// The states of a listing.
    pub fn listing_events(&self, sku: &Sku) -> Result<watch::Receiver<Arc<ListingNews>>, Refusal> {
        self.board().follow_listing(sku).ok_or(Refusal::ListingUnknown)
    }

    /// The figures of a sale.
    pub fn sale_events(&self, sale: &str) -> Result<watch::Receiver<Arc<WallNews>>, Refusal> {
        self.board().follow_sale(sale).ok_or(Refusal::SaleUnknown)
    }
}
