//! The board: what became of orders and listings, from the one reader of `decisions` that a gateway has.
//!
//! Promised: each decision is shown once and in the order of its ledger; a reader that came before a decision sees it, or
//! is cut; memory is bounded by [`BoardLimits`], not by the number of readers times that of decisions; a state of a listing
//! is encoded once, however many look at it. Not promised: that an order is remembered for ever, or that one partition is
//! as far as another.

mod feed;
mod gauge;
mod listings;
mod orders;
mod reader;
mod state;
mod walls;

use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread::JoinHandle;
use std::time::Duration;

use order_codec::Codec;
use order_log::{Log, LogError};
use order_model::{CustomerId, OrderId, Sku, TimeMs};
use tokio::sync::watch;
use waiting_room::Pipeline;

pub use feed::{EventId, Followed, OrderNews};
pub use gauge::Pace;
pub use listings::{Listing, ListingNews, ReadAt};
pub use orders::Remembered;
pub use walls::{ProofView, SaleStanding, WallListing, WallNews, WallView};

use crate::limits::BoardLimits;
use gauge::Gauge;
use state::State;

/// What a board works with.
#[derive(Clone)]
pub struct BoardParts {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Reads decisions.
    pub codec: Codec,
    /// The topic of commands: how far behind it the decisions are.
    pub orders: Arc<str>,
    /// The topic of decisions.
    pub decisions: Arc<str>,
}

/// The board. Clones share it; its threads end when [`Board::close`] is called.
#[derive(Clone)]
pub struct Board(Arc<Shared>);

pub(crate) struct Shared {
    state: Mutex<State>,
    gauge: Gauge,
    closing: watch::Sender<bool>,
    limits: BoardLimits,
    listener: OnceLock<Listener>,
}

/// Told of each order that is decided: its sale, and whose it is. Must be quick: decisions wait for it.
pub type Listener = Box<dyn Fn(&str, CustomerId) + Send + Sync>;

impl std::fmt::Debug for Board {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Board").field("pace", &self.pace()).finish_non_exhaustive()
    }
}

impl Shared {
    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn is_closing(&self) -> bool {
        *self.closing.borrow()
    }
}

impl Board {
    /// Opens the board; it begins to read at once.
    pub fn open(parts: &BoardParts, limits: BoardLimits) -> Result<(Self, Vec<JoinHandle<()>>), LogError> {
        let partitions = parts.log.partitions(&parts.decisions)?;
        let state = State::new(partitions, limits);
        let shared = Arc::new(Shared {
            state: Mutex::new(state),
            gauge: Gauge::default(),
            closing: watch::channel(false).0,
            limits,
            listener: OnceLock::new(),
        });
        let spawn = |name: &str, run: fn(&BoardParts, &Shared)| {
            let (parts, shared) = (parts.clone(), Arc::clone(&shared));
            let thread = std::thread::Builder::new().name(name.to_owned());
            thread.spawn(move || run(&parts, &shared)).map_err(|error| LogError::Failed {
                context: "start a thread of the board".to_owned(),
                detail: error.to_string(),
            })
        };
        let threads = vec![spawn("gateway-board", reader::run)?, spawn("gateway-gauge", gauge::run)?];
        Ok((Self(shared), threads))
    }

    /// Ends the threads and every feed.
    pub fn close(&self) {
        self.0.closing.send_replace(true);
        self.0.state().end_feeds();
    }

    /// What is remembered of an order.
    pub fn order(&self, order: OrderId) -> Option<Remembered> {
        self.0.state().orders.remembered(order)
    }

    /// Whether every order that was ever decided is still remembered.
    pub fn remembers_all(&self) -> bool {
        self.0.state().orders.remembers_all()
    }

    /// Follows an order: what was before, after the event `after`, and what comes. `None`: it has too many readers.
    pub fn follow(&self, order: OrderId, after: Option<EventId>) -> Option<Followed> {
        self.0.state().orders.follow(order, after)
    }

    /// The remembered orders of a customer, newest first, from the one after `after` on.
    pub fn orders_of(&self, customer: CustomerId, after: Option<OrderId>, count: usize) -> Vec<Remembered> {
        self.0.state().orders.of_customer(customer, after, count)
    }

    /// A listing as it is.
    pub fn listing(&self, sku: &Sku) -> Option<Listing> {
        self.0.state().listings.get(sku)
    }

    /// The listings of a sale, or all, in SKU order, from the one after `after` on.
    pub fn listings(&self, sale: Option<&str>, after: Option<&Sku>, count: usize) -> Vec<Listing> {
        self.0.state().listings.page(sale, after, count)
    }

    /// The states of a listing, newest only.
    pub fn follow_listing(&self, sku: &Sku) -> Option<watch::Receiver<Arc<ListingNews>>> {
        self.0.state().listings.follow(sku)
    }

    /// The figures of a sale, newest only.
    pub fn follow_sale(&self, sale: &str) -> Option<watch::Receiver<Arc<WallNews>>> {
        self.0.state().follow_sale(sale)
    }

    /// The figures of a sale as they are.
    pub fn sale(&self, sale: &str) -> Option<WallView> {
        self.0.state().wall(sale)
    }

    /// Puts what the proof of a sale says on its wall.
    pub fn show_proof(&self, sale: &str, proof: ProofView) {
        self.0.state().show_proof(sale, proof);
    }

    /// The sales there are: those that are open first, then those that will be.
    pub fn sales(&self, now: TimeMs, most: usize) -> Vec<SaleStanding> {
        self.0.state().sales(now, most)
    }

    /// How fast orders are decided, and what is still to be.
    pub fn pace(&self) -> Pace {
        self.0.gauge.pace()
    }

    /// What waiting rooms are paced by; `None` while it is not known, or the log does not answer.
    pub fn pipeline(&self) -> Option<Pipeline> {
        if self.is_ready() { self.0.gauge.pipeline() } else { None }
    }

    /// Names who is told of the orders that are decided from now on; the first one named stays.
    pub fn tell(&self, listener: Listener) {
        // A second listener would be a second set of rooms on one board, which nobody makes.
        drop(self.0.listener.set(listener));
    }

    /// Whether the decisions that there were at the start are read, and log and schema registry have answered lately.
    pub fn is_ready(&self) -> bool {
        let silence = Duration::from_millis(self.0.limits.silence_ms_max);
        let gauge = &self.0.gauge;
        gauge.is_caught_up() && gauge.silence() < silence && gauge.stuck() < silence
    }

    /// Whether an order was decided whose placing lies there, be it remembered or not.
    pub(crate) fn has_decided(&self, order: OrderId, partition: u32, offset: u64) -> bool {
        self.0.state().has_decided(order, partition, offset)
    }

    /// How far each ledger has been read: partition and number.
    pub fn read_at(&self, partition: u32) -> Option<ReadAt> {
        self.0.state().read_at(partition)
    }
}
