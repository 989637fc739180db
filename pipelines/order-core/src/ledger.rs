//! The ledger itself: its state, and the way a record takes through it.

use hashbrown::HashTable;
use order_model::limits::{
    DRAW_ENTRIES_MAX, HOUSEKEEPING_PER_COMMAND_MAX, PARTITIONS_MAX, REMEMBERED_ORDERS_MAX,
};
use order_model::{
    Cancel, Command, CustomerId, Event, Offset, OrderEvent, Partition, Position, Relay, RelayBody, Sequence,
    Settle, Sku, TimeMs,
};

use smallvec::SmallVec;

use crate::allowance::Allowances;
use crate::calendar::Calendar;
use crate::certificate::{Certificate, Notary};
use crate::customers::Customers;
use crate::effects::{Effects, Outcome, Turn};
use crate::housekeeping::{Chores, Hold};
use crate::listings::Listings;
use crate::orders::{Orders, Parts, Slot, hash_of_id};
use crate::relays::{Arrival, RelayBook};
use crate::settle::Settlements;

/// What a ledger is, before it has read anything. The same log needs the same shape for the same decisions.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Shape {
    /// The partition it owns.
    pub partition: Partition,
    /// How many partitions there are.
    pub partitions: u32,
    /// Most orders and parts it remembers at once; [`REMEMBERED_ORDERS_MAX`] unless a test wants less.
    pub remembered_orders_max: usize,
    /// Most orders of one draw; [`DRAW_ENTRIES_MAX`] unless a test wants less.
    pub draw_entries_max: usize,
}

impl Shape {
    /// The ledger of `partition` among `partitions`.
    ///
    /// # Panics
    /// When there is no such partition, or more than [`PARTITIONS_MAX`].
    pub fn of(partition: Partition, partitions: u32) -> Self {
        assert!(
            partition.0 < partitions && partitions <= PARTITIONS_MAX,
            "no partition {partition} of {partitions}"
        );
        Self {
            partition,
            partitions,
            remembered_orders_max: REMEMBERED_ORDERS_MAX,
            draw_entries_max: DRAW_ENTRIES_MAX,
        }
    }
}

/// How often what happened, since the ledger began. For metrics and proofs; nothing is decided by them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Counts {
    /// Records read, unreadable ones included.
    pub records: u64,
    /// Records that were no command for the ledger: unreadable or not authentic.
    pub skipped: u64,
    /// Commands that had been decided before.
    pub repeated: u64,
    /// Commands found in the wrong partition and sent on.
    pub forwarded: u64,
    /// Relays dropped because they had been applied before.
    pub relays_repeated: u64,
    /// Relays whose predecessor was missing: bugs.
    pub relay_gaps: u64,
}

/// The state machine of one partition.
pub struct Ledger {
    pub(crate) shape: Shape,
    now: TimeMs,
    next_offset: Offset,
    sequence: Sequence,
    pub(crate) listings: Listings,
    pub(crate) orders: Orders,
    pub(crate) parts: Parts,
    pub(crate) allowances: Allowances,
    pub(crate) customers: Customers,
    pub(crate) settlements: Settlements,
    pub(crate) relays: RelayBook,
    /// Held orders by the time their hold falls due.
    pub(crate) holds: Calendar<Hold>,
    /// How many orders are held.
    pub(crate) live_holds: u64,
    /// Ended orders by the time they may be forgotten.
    pub(crate) endings: Calendar<Slot>,
    pub(crate) chores: Chores,
    /// The ticket of the next order.
    pub(crate) next_ticket: u64,
    notary: Notary,
    counts: Counts,
}

impl Ledger {
    /// How many commands are best warmed together: fewer gain less, more push each other out of the cache.
    pub const WARMED_TOGETHER: usize = 64;

    /// A ledger that has read nothing.
    pub fn new(shape: Shape) -> Self {
        Self {
            shape,
            now: TimeMs(0),
            next_offset: Offset(0),
            sequence: Sequence(0),
            listings: Listings::default(),
            orders: Orders::default(),
            parts: Parts::default(),
            allowances: Allowances::default(),
            customers: Customers::new(HashTable::new()),
            settlements: Settlements::default(),
            relays: RelayBook::new(shape.partitions),
            holds: Calendar::default(),
            live_holds: 0,
            endings: Calendar::default(),
            chores: Chores::default(),
            next_ticket: 0,
            notary: Notary::new(shape.partition, shape.partitions),
            counts: Counts::default(),
        }
    }

    /// Applies the command at `at`, appending what it wants done to `effects`.
    ///
    /// # Panics
    /// When `at` is of another partition or lies before what was applied already: the caller has a bug.
    pub fn apply(&mut self, at: Position, command: &Command, effects: &mut Effects) -> Outcome {
        self.with_turn(at, effects, |ledger, turn| ledger.dispatch(turn, command))
    }

    /// Has the memory that these commands will need fetched all at once, which is several times faster than one by
    /// one. Changes nothing, decides nothing, and may be left out; most useful right before as many are applied. Of more
    /// than [`Self::WARMED_TOGETHER`] commands the rest is not looked at.
    pub fn warm<'a>(&self, commands: impl Iterator<Item = &'a Command>) {
        // First what to fetch, then nothing but fetching: the less there is to do between two fetches, the more are
        // under way at a time.
        let mut ids = SmallVec::<[u32; Self::WARMED_TOGETHER]>::new();
        let mut allowances = SmallVec::<[u32; Self::WARMED_TOGETHER]>::new();
        for command in commands.take(Self::WARMED_TOGETHER) {
            match command {
                Command::Place(place) => {
                    ids.push(hash_of_id(&place.order));
                    self.allowances_of(place, |hash| allowances.push(hash));
                }
                Command::Cancel(Cancel { order, .. }) | Command::Settle(Settle { order, .. }) => {
                    ids.push(hash_of_id(order));
                }
                _ => {}
            }
        }
        self.orders.touch_index(&ids);
        self.allowances.touch(&allowances);
    }

    /// Passes over a record that is no command. Its time counts all the same.
    ///
    /// # Panics
    /// As [`Self::apply`].
    pub fn skip(&mut self, at: Position, effects: &mut Effects) {
        self.counts.skipped += 1;
        self.with_turn(at, effects, |_, _| Outcome::Advanced);
    }

    fn with_turn(
        &mut self,
        at: Position,
        effects: &mut Effects,
        decide: impl FnOnce(&mut Self, &mut Turn<'_>) -> Outcome,
    ) -> Outcome {
        assert_eq!(at.partition, self.shape.partition, "bug: a record of another partition");
        assert!(at.offset >= self.next_offset, "bug: offset {} after {}", at.offset, self.next_offset);
        self.next_offset = at.offset.next();
        self.now = self.now.max(at.time);
        self.counts.records += 1;
        let (decisions, relays) = (effects.decisions.len(), effects.relays.len());
        let mut turn = Turn {
            partition: self.shape.partition,
            offset: at.offset,
            now: self.now,
            sequence: self.sequence,
            budget: HOUSEKEEPING_PER_COMMAND_MAX,
            effects,
        };
        self.keep_house(&mut turn);
        let outcome = decide(self, &mut turn);
        self.order_draws();
        self.feed(&mut turn);
        self.sequence = turn.sequence;
        let noted = (effects.decisions.get(decisions..), effects.relays.get(relays..));
        self.notary.note(&at, noted.0.unwrap_or_default(), noted.1.unwrap_or_default());
        self.count(outcome);
        outcome
    }

    fn dispatch(&mut self, turn: &mut Turn<'_>, command: &Command) -> Outcome {
        match command {
            Command::Place(place) => self.place(turn, place),
            Command::Cancel(cancel) => self.cancel(turn, cancel),
            Command::Tick => Outcome::Advanced,
            Command::Settle(settle) => self.settle(turn, settle),
            Command::Extend(extend) => self.extend(turn, extend),
            Command::Listing(listing) => self.change_listing(turn, listing),
            Command::Customer(customer) => self.block_customer(turn, customer),
            Command::Relay(relay) => self.receive(turn, relay),
        }
    }

    fn receive(&mut self, turn: &mut Turn<'_>, relay: &Relay) -> Outcome {
        match self.relays.arrived(relay.from, relay.number) {
            Arrival::Repeated => return Outcome::RelayRepeated,
            Arrival::Gap => return Outcome::RelayGap,
            Arrival::Next => {}
        }
        match &relay.body {
            RelayBody::Forward(command) if matches!(**command, Command::Relay(_)) => {
                return Outcome::RelayGap;
            }
            RelayBody::Forward(command) => return self.dispatch(turn, command),
            RelayBody::Reserve(reserve) => self.reserve(turn, reserve),
            RelayBody::Answer(answer) => self.answered(turn, answer),
            RelayBody::Confirm { order } => self.end_part(turn, relay.from, order, true),
            RelayBody::Release { order } => self.end_part(turn, relay.from, order, false),
        }
        Outcome::Relayed
    }

    /// Sends a command whose SKU belongs to another ledger there; `None` when it belongs here.
    pub(crate) fn forward_unless_home(
        &mut self,
        turn: &mut Turn<'_>,
        sku: &Sku,
        command: impl FnOnce() -> Command,
    ) -> Option<Outcome> {
        let home = self.home_of(sku);
        if home == self.shape.partition {
            return None;
        }
        turn.relay(&mut self.relays, home, RelayBody::Forward(Box::new(command())));
        Some(Outcome::Forwarded(home))
    }

    /// The ledger of a SKU. One that is listed here is ours, which saves the hash.
    pub(crate) fn home_of(&self, sku: &Sku) -> Partition {
        match self.listings.find(sku) {
            Some(_) => self.shape.partition,
            None => order_model::partition_of(sku, self.shape.partitions),
        }
    }

    pub(crate) fn say(&self, turn: &mut Turn<'_>, event: OrderEvent) -> Outcome {
        let reason = event.reason;
        turn.decide(Event::Order(event));
        Outcome::Decided(reason)
    }

    pub(crate) fn is_full(&self) -> bool {
        self.remembered_orders() >= self.shape.remembered_orders_max
    }

    fn count(&mut self, outcome: Outcome) {
        match outcome {
            Outcome::Repeated => self.counts.repeated += 1,
            Outcome::Forwarded(_) => self.counts.forwarded += 1,
            Outcome::RelayRepeated => self.counts.relays_repeated += 1,
            Outcome::RelayGap => self.counts.relay_gaps += 1,
            Outcome::Decided(_) | Outcome::Advanced | Outcome::Relayed => {}
        }
    }

    /// What the ledger is.
    pub fn shape(&self) -> Shape {
        self.shape
    }

    /// The ledger's time: the highest record time so far.
    pub fn now(&self) -> TimeMs {
        self.now
    }

    /// The offset after the last record read.
    pub fn next_offset(&self) -> Offset {
        self.next_offset
    }

    /// The number of the latest decision.
    pub fn sequence(&self) -> Sequence {
        self.sequence
    }

    /// The earliest record time at which something would happen by itself (a hold expires, a listing closes, the
    /// waitlist moves on). Whoever owns the partition appends a tick then, if nothing else comes.
    pub fn next_due(&self) -> Option<TimeMs> {
        // Entries of holds that are over stay in the calendar; with no hold left they are all it has.
        let hold = self.holds.next_due().filter(|_| self.live_holds > 0);
        [hold, self.chores.next_due(self.now)].into_iter().flatten().min()
    }

    /// The certificate over all read so far.
    pub fn certificate(&self) -> Certificate {
        self.notary.certificate()
    }

    /// How many orders and parts of orders are remembered.
    pub fn remembered_orders(&self) -> usize {
        self.orders.len() + self.parts.len()
    }

    /// How many units `customer` has waiting, held and bought of `sku`, where its listing limits that.
    pub fn units_of(&self, customer: &CustomerId, sku: &Sku) -> u32 {
        self.listings.find(sku).map_or(0, |listing| self.allowances.units(customer, listing))
    }

    /// What happened how often.
    pub fn counts(&self) -> Counts {
        self.counts
    }
}
