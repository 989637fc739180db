//! Draws: orders of a window are collected, and decided in an order nobody knew when they came.
//!
//! A listing has a [`Draw`] from its opening until everybody who came before its end is decided. Entries are put in order
//! and decided a bounded number at a record; whoever comes after the reveal and before the end is decided last.

use std::collections::BTreeMap;

use order_model::limits::DRAW_ORDERED_PER_COMMAND_MAX;
use order_model::{Commitment, Line, LineState, OrderEventKind, OrderId, RejectReason, Seed};

use crate::effects::{Outcome, Turn};
use crate::ledger::Ledger;
use crate::listing::Status;
use crate::listings::ListingIndex;
use crate::order::{Order, State};
use crate::orders::Slot;

/// Whether a seed is the one that was committed to.
pub(crate) fn is_seed_of(commitment: &Commitment, seed: &Seed) -> bool {
    *blake3::hash(&seed.0).as_bytes() == commitment.0
}

/// When an order has its turn.
#[derive(PartialEq, Eq, PartialOrd, Ord)]
enum Lot {
    /// It entered: by BLAKE3(seed, order id).
    Drawn([u8; 32]),
    /// It came after the reveal: by its ticket.
    Late(u64),
}

fn lot_of(seed: &Seed, order: &OrderId) -> Lot {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.0).update(&order.0);
    Lot::Drawn(*hasher.finalize().as_bytes())
}

#[derive(Default)]
pub(crate) struct Draw {
    /// Who entered and is not in order yet, by ticket.
    entries: BTreeMap<u64, Slot>,
    /// Who has to be decided, in this order.
    lots: BTreeMap<Lot, Slot>,
    /// Known since the reveal.
    seed: Option<Seed>,
    /// The first ticket after the reveal.
    late_from: u64,
}

impl Draw {
    pub(crate) fn len(&self) -> usize {
        self.entries.len() + self.lots.len()
    }

    /// Whether the seed is not known yet.
    pub(crate) fn is_open(&self) -> bool {
        self.seed.is_none()
    }

    /// Whether everybody is decided.
    fn is_over(&self) -> bool {
        !self.is_open() && self.len() == 0
    }

    pub(crate) fn reveal(&mut self, seed: Seed, next_ticket: u64) {
        self.seed = Some(seed);
        self.late_from = next_ticket;
    }

    fn join(&mut self, ticket: u64, slot: Slot) {
        match self.seed {
            None => self.entries.insert(ticket, slot),
            Some(_) => self.lots.insert(Lot::Late(ticket), slot),
        };
    }

    fn leave(&mut self, ticket: u64, order: &OrderId) {
        if self.entries.remove(&ticket).is_some() {
            return;
        }
        let Some(seed) = &self.seed else { return };
        let lot = if ticket < self.late_from { lot_of(seed, order) } else { Lot::Late(ticket) };
        self.lots.remove(&lot);
    }

    /// Puts at most so many entries in order; how many they were.
    fn put_in_order(&mut self, entries_max: usize, id_of: impl Fn(Slot) -> Option<OrderId>) -> usize {
        let Some(seed) = self.seed else { return 0 };
        let mut done = 0;
        while done < entries_max
            && let Some((_, slot)) = self.entries.pop_first()
        {
            done += 1;
            if let Some(id) = id_of(slot) {
                self.lots.insert(lot_of(&seed, &id), slot);
            }
        }
        done
    }

    /// Who has its turn now, and whether it had entered; `None` while that is not known. In a listing that has closed before
    /// the reveal it is who came first.
    fn next(&self, is_closed: bool) -> Option<(Slot, bool)> {
        if self.is_open() {
            return self.entries.first_key_value().filter(|_| is_closed).map(|(_, slot)| (*slot, true));
        }
        let (lot, slot) = self.lots.first_key_value().filter(|_| self.entries.is_empty())?;
        Some((*slot, matches!(lot, Lot::Drawn(_))))
    }
}

impl Ledger {
    /// The listing's draw is not over: the order is collected, or has its turn after those that were.
    pub(crate) fn enter(
        &mut self,
        turn: &mut Turn<'_>,
        mut order: Order,
        lines: &[Line],
        listing: ListingIndex,
    ) -> Outcome {
        let draw = self.listings.get(listing).draw.as_deref();
        if draw.is_some_and(|draw| draw.len() >= self.shape.draw_entries_max) {
            return self.reject(turn, order, lines, RejectReason::DrawFull);
        }
        let is_open = draw.is_some_and(Draw::is_open);
        let kind = if is_open { OrderEventKind::Entered } else { OrderEventKind::Waiting };
        order.state = State::Entered;
        for line in order.lines.iter_mut() {
            line.state = LineState::Awaited;
            self.take_allowance(&order.customer, line);
        }
        let ticket = order.ticket;
        let slot = self.orders.insert(order);
        if let Some(draw) = &mut self.listings.get_mut(listing).draw {
            draw.join(ticket, slot);
        }
        self.say_order(turn, slot, kind, None)
    }

    /// Puts entries of revealed draws in order, as many as may be at one record. Has no effects.
    pub(crate) fn order_draws(&mut self) {
        let mut left = DRAW_ORDERED_PER_COMMAND_MAX;
        while let Some(index) = self.chores.next_to_order() {
            let Some(draw) = &mut self.listings.get_mut(index).draw else {
                self.chores.is_in_order(index);
                continue;
            };
            left -= draw.put_in_order(left, |slot| self.orders.get(slot).map(|order| order.id));
            if !draw.entries.is_empty() {
                return;
            }
            self.chores.is_in_order(index);
            self.end_draw_if_over(index);
        }
    }

    /// Does one thing for a draw: decides who has its turn. False when there is nothing to be done.
    pub(crate) fn draw_next(&mut self, turn: &mut Turn<'_>, index: ListingIndex) -> bool {
        let listing = self.listings.get(index);
        let is_closed = listing.status == Status::Closed;
        let next = listing.draw.as_deref().and_then(|draw| draw.next(is_closed));
        let Some((slot, entered)) = next.filter(|_| listing.status != Status::Paused) else { return false };
        if is_closed {
            self.turn_away(turn, slot, RejectReason::ListingClosed);
            return true;
        }
        let quantity = self.orders.get(slot).and_then(Order::awaited).map_or(0, |line| line.quantity);
        if !listing.is_short(quantity) {
            self.leave_queue(slot);
            self.serve(turn, slot, index);
        } else if !listing.has_waitlist() {
            let reason = if entered { RejectReason::NotDrawn } else { RejectReason::StockShort };
            self.turn_away(turn, slot, reason);
        } else if listing.is_waitlist_full() {
            self.turn_away(turn, slot, RejectReason::WaitlistFull);
        } else {
            self.leave_queue(slot);
            self.wait_from_draw(turn, slot, index);
        }
        true
    }

    /// Waits behind all who were decided before it, not by when it was placed.
    fn wait_from_draw(&mut self, turn: &mut Turn<'_>, slot: Slot, index: ListingIndex) {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        if let Some(order) = self.orders.get_mut(slot) {
            order.ticket = ticket;
            order.state = State::Waiting;
        }
        self.listings.get_mut(index).queue.insert(ticket, slot);
        self.say_order(turn, slot, OrderEventKind::Waiting, None);
    }

    /// Takes an order out of its draw.
    pub(crate) fn leave_draw(&mut self, slot: Slot) {
        let Some((order, line)) = self.orders.get(slot).and_then(|order| Some((order, order.awaited()?)))
        else {
            return;
        };
        if let Some(draw) = &mut self.listings.get_mut(line.listing).draw {
            draw.leave(order.ticket, &order.id);
        }
        self.end_draw_if_over(line.listing);
    }

    fn end_draw_if_over(&mut self, index: ListingIndex) {
        let listing = self.listings.get_mut(index);
        if listing.draw.as_deref().is_some_and(Draw::is_over) {
            listing.draw = None;
        }
        self.chores.look_at(index);
    }
}
