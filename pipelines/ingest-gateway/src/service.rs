//! What can be asked of a gateway, whatever the transport: plain functions over the [`Door`] and the [`Board`] with typed
//! results.
//!
//! Promised: an order is said to be accepted only when the log has it; a repeat under the same id or key with the same
//! content is one order and gets the same answer, for as long as the ledger remembers it; what is refused here was not
//! written by this attempt and could not have come to anything as far as the decisions had been read. Other content under
//! the same key is [`Refusal::Rejected`] wherever the first is remembered, else another order, never two under one id. Not
//! promised: that a repeat is written only once. The ledger decides an id once.

mod admin;
mod archive;
mod batch;
mod cancel;
mod carts;
mod pacing;
mod place;
mod read;
mod recent;
mod refusal;
mod rooms;
mod said;
mod subscriptions;

use std::sync::Arc;
use std::time::Duration;

use order_model::TimeMs;
use tokio::sync::watch;

pub use admin::{ListingAsk, ListingWord, SaleAsk, SaleWritten, Written};
pub use archive::{Archive, ArchiveError, Archived, Found, LookingUp, Undecided};
pub use carts::CheckoutAsk;
pub use pacing::Pacing;
pub(crate) use pacing::network;
pub use place::{PlaceAsk, PlaceOptions, Placed};
pub use read::OrderFeed;
pub use refusal::{Code, Refusal};
pub use rooms::RoomWritten;
pub use subscriptions::Reachable;

use crate::board::Board;
use crate::door::Door;
use crate::identity::{BadToken, Doorkeeper, Identity, Secret};
use crate::limits::ServiceLimits;
use crate::rooms::Rooms;
use recent::Recent;
use said::Said;

/// What a service works with.
#[derive(Clone)]
pub struct ServiceParts {
    /// The way to the log.
    pub door: Door,
    /// The way back.
    pub board: Board,
    /// Reads tokens.
    pub doorkeeper: Arc<dyn Doorkeeper>,
    /// What all gateways share.
    pub secret: Secret,
    /// The waiting rooms, which say who may order yet; without any, everybody may.
    pub rooms: Option<Arc<Rooms>>,
    /// The time of day.
    pub clock: Arc<dyn Fn() -> TimeMs + Send + Sync>,
}

/// What can be asked of a gateway. Clones share everything.
#[derive(Clone)]
pub struct Service {
    parts: ServiceParts,
    recent: Arc<Recent>,
    said: Arc<Said>,
    pacing: Arc<Pacing>,
    archive: Option<Arc<dyn Archive>>,
    /// Longest wait for the first decision about an order that nobody knows.
    order_expected_max: Duration,
    /// True once nobody is to wait for decisions any more.
    ending: watch::Sender<bool>,
}

impl Service {
    /// A service over these parts.
    pub fn new(parts: ServiceParts, limits: &ServiceLimits) -> Self {
        let recent = Arc::new(Recent::new(limits.recent_orders_max));
        let said = Arc::new(Said::new(limits.recent_commands_max));
        let pacing = Arc::new(Pacing::new(limits));
        let order_expected_max = Duration::from_millis(limits.order_expected_ms_max);
        let (ending, _) = watch::channel(false);
        Self { parts, recent, said, pacing, archive: None, order_expected_max, ending }
    }

    /// The same service, which looks up in `archive` what the board has forgotten.
    #[must_use]
    pub fn with_archive(self, archive: Arc<dyn Archive>) -> Self {
        Self { archive: Some(archive), ..self }
    }

    /// The board.
    pub fn board(&self) -> &Board {
        &self.parts.board
    }

    /// The door.
    pub fn door(&self) -> &Door {
        &self.parts.door
    }

    /// What one address and one customer may ask.
    pub fn pacing(&self) -> &Arc<Pacing> {
        &self.pacing
    }

    /// Ends all waiting for decisions, now and from now on: whoever waits is told where the order lies.
    pub fn end_waits(&self) {
        self.ending.send_replace(true);
    }

    fn ending(&self) -> watch::Receiver<bool> {
        self.ending.subscribe()
    }

    /// The time of day.
    pub fn now(&self) -> TimeMs {
        (self.parts.clock)()
    }

    /// Who the bearer of a token is.
    pub fn identify(&self, token: &str) -> Result<Identity, BadToken> {
        self.parts.doorkeeper.identify(token)
    }

    /// Whether requests can be served: decisions and waiting rooms are read, and the log takes orders.
    pub fn is_ready(&self) -> bool {
        let rooms_are_read = self.parts.rooms.as_ref().is_none_or(|rooms| rooms.is_ready());
        self.parts.board.is_ready() && rooms_are_read && !self.parts.door.status().is_stalled
    }
}

/// The bytes of an id that nobody has named.
fn random<const N: usize>() -> Result<[u8; N], Refusal> {
    let mut bytes = [0; N];
    getrandom::fill(&mut bytes).map_err(|_| Refusal::Overloaded)?;
    Ok(bytes)
}
