//! Orders that the board has forgotten, or that the log no longer holds.

use std::future::Future;
use std::pin::Pin;

use order_model::{CustomerId, Offset, OrderEvent, OrderId, Sku, TimeMs};

use super::Service;
use super::place::Placed;
use super::refusal::Refusal;
use crate::board::{EventId, OrderNews, Remembered};
use crate::identity::Identity;
use crate::limits::ARCHIVE_TIMEOUT;

/// An order as a store has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Archived {
    /// The decision that left it so.
    pub id: EventId,
    /// When that was.
    pub time: TimeMs,
    /// What was decided. Its lines are without stock.
    pub event: OrderEvent,
}

impl Archived {
    /// The decision, whose record on `orders` nobody knows any more.
    pub(crate) fn into_news(self) -> OrderNews {
        let Self { id, time, event } = self;
        OrderNews { id, offset: Offset(0), time, event }
    }
}

/// Why a store cannot say. Asking again may help.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("orders of the past: {0}")]
pub struct ArchiveError(pub String);

/// An answer on its way.
pub type LookingUp<'a> = Pin<Box<dyn Future<Output = Result<Option<Archived>, ArchiveError>> + Send + 'a>>;

/// Knows orders for longer than the board does.
pub trait Archive: Send + Sync {
    /// How an order stands; `None`: it knows none.
    fn order(&self, order: OrderId) -> LookingUp<'_>;
}

/// An order that was written here lately, and is not decided yet as far as the board has read.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Undecided {
    /// Where it lies.
    pub placed: Placed,
    /// Whose it is.
    pub customer: CustomerId,
    /// Its smallest SKU: where it will be decided.
    pub home: Sku,
}

/// An order as far as it is known.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Found {
    /// The board knows it.
    Remembered(Remembered),
    /// It was written here lately, and is not decided yet.
    Undecided(Undecided),
    /// The store knows it.
    Archived(Archived),
}

impl Service {
    /// An order of theirs, wherever it is known.
    pub async fn find_order(&self, who: &Identity, order: OrderId) -> Result<Found, Refusal> {
        // Asked for first: what is decided between the two looks is found by the second.
        let undecided = self.undecided(who, order);
        if let Ok(known) = self.order(who, order) {
            return Ok(Found::Remembered(known));
        }
        match undecided {
            Some(undecided) => Ok(Found::Undecided(undecided)),
            None => match self.archived(who, order).await {
                // Its decision may be among those that are not read yet.
                Err(Refusal::OrderUnknown) if !self.board().is_ready() => Err(Refusal::NotReady),
                found => found.map(Found::Archived),
            },
        }
    }

    /// An order of theirs that is not remembered here.
    pub(super) async fn archived(&self, who: &Identity, order: OrderId) -> Result<Archived, Refusal> {
        let archive = self.archive.as_ref().ok_or(Refusal::OrderUnknown)?;
        // Each of these asks a store, which costs money.
        self.pacing().customer(who.customer)?;
        let found = match tokio::time::timeout(ARCHIVE_TIMEOUT, archive.order(order)).await {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::warn!("{error}");
                return Err(Refusal::ArchiveAway);
            }
            Err(_) => return Err(Refusal::ArchiveAway),
        };
        found.filter(|found| who.may_see(found.event.customer)).ok_or(Refusal::OrderUnknown)
    }
}
