//! The demo: a whole flash sale in one process, on any log, ended by its proof.
//!
//! ```text
//!   shoppers ──orders──▶ log ──▶ worker (timely threads) ──decisions──▶ log ──▶ watcher ──▶ board
//!                         ▲                                              │
//!                         └── results ── payment worker ◀────────────────┘
//!                                            │ ▲
//!                                            ▼ │
//!                                      sandbox provider
//! ```
//!
//! Shoppers and operators come from `order-traffic`, deterministic by seed; the payment worker takes the money, from a
//! provider that declines, dawdles and loses answers; the watcher keeps the [`Board`] that a live view shows. When
//! nothing is held any more the listings are closed, the waiting are turned away, the worker drains, and the log is proved.
//!
//! Promised: the sale ends by itself; its result is the proof's, not the demo's own count. Not promised: the same
//! decisions for the same seed, as the log's clock decides what expires first.

mod board;
mod limits;
mod payment;
mod sale;
mod shoppers;
mod watcher;
mod writer;

use std::sync::Arc;

use order_codec::{Codec, KeyRing};
use order_log::{Log, LogError, ReadLimits};
use order_model::{Place, TimeMs};
use order_proof::{Proof, ProofError};
use order_worker::{Topics, WorkerError};
use payment_worker::{PaymentError, Takings};

pub use board::{Board, ListingState, Phase, Snapshot};
pub use limits::HOLD_MS_MIN;
pub use sale::run;

/// What a demo works with. The topics exist and are empty.
#[derive(Clone)]
pub struct DemoParts {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Reads and writes records.
    pub codec: Codec,
    /// Signs what operators and the payment worker say.
    pub ring: KeyRing,
    /// Names of the topics.
    pub topics: Topics,
    /// The time of day.
    pub clock: Arc<dyn Fn() -> TimeMs + Send + Sync>,
    /// The way in for orders of shoppers; `None`: they are written to the log, as everything else is.
    pub entrance: Option<Arc<dyn Entrance>>,
}

/// A way in for orders that ends at the log, such as a gateway.
pub trait Entrance: Send + Sync {
    /// Takes an order; waits while too many are under way. Whoever is sent away at the door comes no further.
    fn place(&self, place: &Place) -> Result<(), EntranceError>;

    /// How far the orders taken so far are.
    fn progress(&self) -> Result<EntranceProgress, EntranceError>;

    /// Lets nobody in any more, and waits until whoever is on the way in is: the log stays as it is then.
    fn close(&self);
}

/// How far orders are on their way in.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
pub struct EntranceProgress {
    /// Taken, and neither acknowledged nor sent away.
    pub under_way: u64,
    /// Acknowledged: the log has them.
    pub acknowledged: u64,
    /// Sent away at the door: the log never sees them.
    pub sent_away: u64,
}

/// Why no more orders come in.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the entrance for shoppers failed: {0}")]
pub struct EntranceError(pub String);

/// How a demo goes.
#[derive(Clone, Debug)]
pub struct DemoOptions {
    /// Orders placed, one a shopper; repeats, cancellations and garbage come on top.
    pub orders: u64,
    /// What the traffic is made from.
    pub seed: u64,
    /// Orders a second; `None`: as fast as the log takes them.
    pub rate: Option<u64>,
    /// How long holds last at the least, in milliseconds; [`HOLD_MS_MIN`] is short enough to see some expire.
    pub hold_ms_min: u64,
    /// Timely threads.
    pub threads: usize,
    /// How large batches may be.
    pub batch: ReadLimits,
}

/// How a demo ended.
#[derive(Clone, PartialEq, Debug)]
pub struct DemoResult {
    /// Orders placed.
    pub placed: u64,
    /// Records acknowledged on `orders`, relays and ticks left out.
    pub appended: u64,
    /// Orders sent away at the entrance, which the log never saw.
    pub sent_away: u64,
    /// From the first order to the last decision about what shoppers sent, in seconds.
    pub seconds: f64,
    /// The certificate of the worker that decided the sale.
    pub certificate: order_proof::Certificate,
    /// What the provider took and gave back.
    pub takings: Takings,
    /// What the log proves.
    pub proof: Proof,
}

impl DemoResult {
    /// Whether the proof holds and its certificate is that of the run.
    pub fn is_proved(&self) -> bool {
        self.proof.holds() && self.proof.certificate == self.certificate
    }
}

/// Why a demo did not end.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The worker failed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The payment worker failed.
    #[error(transparent)]
    Payment(#[from] PaymentError),
    /// The log could not be proved either way.
    #[error(transparent)]
    Proof(#[from] ProofError),
    /// Orders do not come in.
    #[error(transparent)]
    Entrance(#[from] EntranceError),
    /// A decision cannot be read.
    #[error("a decision of partition {partition} at offset {offset} cannot be read: {detail}")]
    Decision {
        /// The partition.
        partition: u32,
        /// The offset.
        offset: u64,
        /// Why.
        detail: String,
    },
    /// No key is valid.
    #[error("no key is valid now, so nothing privileged can be signed")]
    NoKey,
    /// A thread ended before its time.
    #[error("the {0} ended before the sale did")]
    Ended(&'static str),
    /// Asked to stop.
    #[error("the sale was broken off")]
    BrokenOff,
}
