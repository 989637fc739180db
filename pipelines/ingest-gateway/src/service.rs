//! What can be asked of a gateway, whatever the transport: plain functions over the [`Door`] and the [`Board`] with typed
//! results.
//!
//! Promised: an order is said to be accepted only when the log has it; a repeat under the same id gets the same answer,
//! another content under it [`Refusal::Rejected`]; what is refused here is not in the log and could not have come to
//! anything as far as the decisions had been read. Not promised: that a repeat is written only once. The ledger decides an
//! id once.

mod admin;
mod pacing;
mod place;
mod read;
mod recent;
mod refusal;

use std::sync::Arc;

use order_model::{CustomerId, Place, TimeMs};

pub use admin::{ListingAsk, ListingWord, SaleAsk, Written};
pub use pacing::Pacing;
pub(crate) use pacing::network;
pub use place::{PlaceAsk, PlaceOptions, Placed};
pub use read::OrderFeed;
pub use refusal::{Code, Refusal};

use crate::board::Board;
use crate::door::Door;
use crate::identity::{BadToken, Doorkeeper, Identity, Secret};
use crate::limits::ServiceLimits;
use recent::Recent;

/// Says whether somebody may order yet: the waiting room's part.
pub trait Admission: Send + Sync {
    /// Looks at an order and the token that holds its customer's place; an error is for people.
    fn admit(&self, customer: CustomerId, place: &Place, token: Option<&str>) -> Result<(), String>;
}

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
    /// Whether somebody may order yet; without one, everybody may.
    pub admission: Option<Arc<dyn Admission>>,
    /// The time of day.
    pub clock: Arc<dyn Fn() -> TimeMs + Send + Sync>,
}

/// What can be asked of a gateway. Clones share everything.
#[derive(Clone)]
pub struct Service {
    parts: ServiceParts,
    recent: Arc<Recent>,
    pacing: Arc<Pacing>,
}

impl Service {
    /// A service over these parts.
    pub fn new(parts: ServiceParts, limits: &ServiceLimits) -> Self {
        let recent = Arc::new(Recent::new(limits.recent_orders_max));
        Self { parts, recent, pacing: Arc::new(Pacing::new(limits)) }
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

    /// The time of day.
    pub fn now(&self) -> TimeMs {
        (self.parts.clock)()
    }

    /// Who the bearer of a token is.
    pub fn identify(&self, token: &str) -> Result<Identity, BadToken> {
        self.parts.doorkeeper.identify(token)
    }

    /// Whether requests can be served: decisions are read, and the log takes orders.
    pub fn is_ready(&self) -> bool {
        self.parts.board.is_ready() && !self.parts.door.status().is_stalled
    }
}
