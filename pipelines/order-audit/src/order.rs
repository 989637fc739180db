//! The orders a ledger remembers, as the auditor knows them.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashMap};

use order_model::{Currency, CustomerId, LineState, MinorUnits, OrderId, TimeMs};

use crate::stock::Slot;

/// How long after its retention an order may still be remembered, in milliseconds: retention is rounded up to a
/// full second, and whether a second that is full already is rounded is left open.
const FORGET_SLACK_MS: u64 = 2_000;

/// Where an order is in its life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    Waiting,
    /// In a draw, or behind one.
    Entered,
    Reserving,
    Held,
    Rejected,
    Paid,
    Cancelled,
    Declined,
    Expired,
    TurnedAway,
}

impl State {
    pub(crate) fn is_ended(self) -> bool {
        !matches!(self, Self::Waiting | Self::Entered | Self::Reserving | Self::Held)
    }
}

/// A line of an order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Line {
    pub(crate) slot: Slot,
    pub(crate) quantity: u32,
    pub(crate) price: MinorUnits,
    pub(crate) state: LineState,
    /// Whether the line's stock is this ledger's.
    pub(crate) own: bool,
}

impl Line {
    /// Whether this ledger has units set aside for the line.
    pub(crate) fn is_own_taken(&self) -> bool {
        self.own && self.state == LineState::Taken
    }
}

/// The lines of an order; one line needs no heap.
#[derive(Debug, Default)]
pub(crate) enum Lines {
    #[default]
    None,
    One(Line),
    Many(Box<[Line]>),
}

impl Lines {
    pub(crate) fn as_slice(&self) -> &[Line] {
        match self {
            Self::None => &[],
            Self::One(line) => std::slice::from_ref(line),
            Self::Many(lines) => lines,
        }
    }

    pub(crate) fn as_mut_slice(&mut self) -> &mut [Line] {
        match self {
            Self::None => &mut [],
            Self::One(line) => std::slice::from_mut(line),
            Self::Many(lines) => lines,
        }
    }
}

impl From<Vec<Line>> for Lines {
    fn from(lines: Vec<Line>) -> Self {
        match lines.as_slice() {
            [] => Self::None,
            [line] => Self::One(*line),
            _ => Self::Many(lines.into()),
        }
    }
}

/// An order at home.
#[derive(Debug)]
pub(crate) struct Order {
    pub(crate) id: OrderId,
    pub(crate) customer: CustomerId,
    pub(crate) currency: Currency,
    pub(crate) state: State,
    /// Whether other ledgers have parts in it.
    pub(crate) several: bool,
    /// Fingerprint of what was asked for; zero where no command was seen.
    pub(crate) content: u64,
    pub(crate) lines: Lines,
    pub(crate) total: MinorUnits,
    pub(crate) tax: MinorUnits,
    /// Held: the deadline. Waiting or in a draw: the number of placing. Ended: when it may be forgotten.
    pub(crate) mark: u64,
    /// Held: the record the hold was made or prolonged at.
    pub(crate) made: u64,
    pub(crate) extensions: u32,
    /// When it was decided first.
    pub(crate) placed: TimeMs,
}

impl Order {
    /// The line it waits for.
    pub(crate) fn awaited(&self) -> Option<Line> {
        self.lines.as_slice().iter().copied().find(|line| line.state == LineState::Awaited)
    }

    /// Whether the ledger may have forgotten it.
    pub(crate) fn may_be_forgotten(&self, now: TimeMs) -> bool {
        self.state.is_ended() && now.0 >= self.mark
    }

    /// When it was placed, if the ledger surely remembers it.
    pub(crate) fn remembered_since(&self, now: TimeMs) -> Option<TimeMs> {
        if self.may_be_forgotten(now) { None } else { Some(self.placed) }
    }

    /// Whether it is a hold that has fallen due.
    pub(crate) fn is_due(&self, now: TimeMs) -> bool {
        self.state == State::Held && self.mark <= now.0
    }
}

/// Names an order in the book until it is forgotten.
pub(crate) type Key = u32;

/// All orders of a ledger that are its own.
#[derive(Debug, Default)]
pub(crate) struct Book {
    keys: HashMap<OrderId, Key>,
    orders: Vec<Option<Order>>,
    vacant: Vec<Key>,
    /// Holds by deadline; entries whose order has moved on are dropped when they come to the top.
    due: BinaryHeap<Reverse<(u64, Key)>>,
    /// Ended orders by the time they are surely forgotten.
    ended: BinaryHeap<Reverse<(u64, Key, OrderId)>>,
}

impl Book {
    pub(crate) fn len(&self) -> usize {
        self.keys.len()
    }

    pub(crate) fn key(&self, id: OrderId) -> Option<Key> {
        self.keys.get(&id).copied()
    }

    pub(crate) fn get(&self, id: OrderId) -> Option<&Order> {
        self.by_key(self.key(id)?)
    }

    pub(crate) fn by_key(&self, key: Key) -> Option<&Order> {
        self.orders.get(index(key))?.as_ref()
    }

    pub(crate) fn by_key_mut(&mut self, key: Key) -> Option<&mut Order> {
        self.orders.get_mut(index(key))?.as_mut()
    }

    /// Adds an order, in place of a forgotten one of the same id.
    pub(crate) fn add(&mut self, order: Order) -> Key {
        let id = order.id;
        if let Some(old) = self.keys.remove(&id) {
            self.vacate(old);
        }
        let key = self.vacant.pop().unwrap_or_else(|| {
            self.orders.push(None);
            Key::try_from(self.orders.len() - 1).unwrap_or(Key::MAX)
        });
        if let Some(place) = self.orders.get_mut(index(key)) {
            *place = Some(order);
        }
        self.keys.insert(id, key);
        key
    }

    /// Notes a new deadline.
    pub(crate) fn hold(&mut self, key: Key, deadline: TimeMs, made: u64) {
        if let Some(order) = self.by_key_mut(key) {
            order.state = State::Held;
            order.mark = deadline.0;
            order.made = made;
        }
        self.due.push(Reverse((deadline.0, key)));
    }

    /// Notes the end of an order, which is remembered for `retention_ms` more; one that was cancelled while other
    /// ledgers were asked, until they were heard from as well.
    pub(crate) fn end(&mut self, key: Key, state: State, now: TimeMs, retention_ms: u64) {
        let Some(order) = self.by_key_mut(key) else { return };
        let is_under_way = order.state == State::Reserving && state == State::Cancelled;
        order.state = state;
        order.lines = Lines::None;
        order.mark = now.0.saturating_add(retention_ms);
        let id = order.id;
        if !is_under_way {
            self.heard_from(id);
        }
    }

    /// Nothing about an ended order is under way any more.
    pub(crate) fn heard_from(&mut self, id: OrderId) {
        let Some(key) = self.key(id) else { return };
        let Some(order) = self.by_key(key).filter(|order| order.state.is_ended()) else { return };
        self.ended.push(Reverse((order.mark.saturating_add(FORGET_SLACK_MS), key, id)));
    }

    /// The hold that falls due first.
    pub(crate) fn first_due(&mut self) -> Option<&Order> {
        while let Some(Reverse((deadline, key))) = self.due.peek().copied() {
            let valid =
                self.by_key(key).is_some_and(|order| order.state == State::Held && order.mark == deadline);
            if valid {
                return self.by_key(key);
            }
            self.due.pop();
        }
        None
    }

    /// Forgets what the ledger has surely forgotten.
    pub(crate) fn forget(&mut self, now: TimeMs) {
        while let Some(Reverse((at, key, id))) = self.ended.peek().copied()
            && at <= now.0
        {
            self.ended.pop();
            let same = self.by_key(key).is_some_and(|order| {
                order.id == id && order.state.is_ended() && order.mark.saturating_add(FORGET_SLACK_MS) == at
            });
            if same {
                self.keys.remove(&id);
                self.vacate(key);
            }
        }
    }

    fn vacate(&mut self, key: Key) {
        if let Some(place) = self.orders.get_mut(index(key)) {
            *place = None;
            self.vacant.push(key);
        }
    }

    /// Orders that have not ended, in the order of their ids.
    pub(crate) fn unfinished(&self) -> impl Iterator<Item = &Order> {
        self.orders.iter().flatten().filter(|order| !order.state.is_ended())
    }
}

fn index(key: Key) -> usize {
    usize::try_from(key).unwrap_or(usize::MAX)
}
