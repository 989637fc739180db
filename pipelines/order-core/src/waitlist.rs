//! The waitlist: freed or new stock goes to who waited, in the order of placement.
//!
//! An order waits for one line at a time and holds nothing meanwhile. Its place in every queue is that of its
//! placement, so moving on to wait for another line costs it nothing.

use order_model::{LineState, OrderEventKind, RejectReason};

use crate::effects::Turn;
use crate::ledger::Ledger;
use crate::listing::Status;
use crate::listings::ListingIndex;
use crate::order::State;
use crate::orders::Slot;

/// What stands between the head of a queue and its goods.
enum Obstacle {
    None,
    /// Another line is short: wait for that one.
    Short(ListingIndex),
    /// The order can never be served.
    Hopeless(RejectReason),
}

impl Ledger {
    /// Does one thing for the waitlist of a listing: serves, moves on or turns away its head. False when there is
    /// nothing to be done.
    pub(crate) fn serve_next(&mut self, turn: &mut Turn<'_>, index: ListingIndex) -> bool {
        let listing = self.listings.get(index);
        if listing.draw.is_some() {
            return self.draw_next(turn, index);
        }
        let Some((_, slot)) = listing.queue.first_key_value().map(|(ticket, slot)| (*ticket, *slot)) else {
            return false;
        };
        match listing.status {
            Status::Closed => self.turn_away(turn, slot, RejectReason::ListingClosed),
            Status::Paused => return false,
            Status::Open => match self.obstacle(slot, index) {
                None => return false,
                Some(Obstacle::None) => self.serve(turn, slot, index),
                Some(Obstacle::Short(other)) => self.move_on(turn, slot, index, other),
                Some(Obstacle::Hopeless(reason)) => self.turn_away(turn, slot, reason),
            },
        }
        true
    }

    /// Looks at the head of the queue of `awaited`; `None` while too little of that is free.
    fn obstacle(&self, slot: Slot, awaited: ListingIndex) -> Option<Obstacle> {
        let order = self.orders.get(slot)?;
        if !order.awaited().is_some_and(|line| self.listings.get(awaited).has_free(line.quantity)) {
            return None;
        }
        for line in order.lines.iter().filter(|line| line.listing != awaited) {
            let listing = self.listings.get(line.listing);
            if listing.status == Status::Closed {
                return Some(Obstacle::Hopeless(RejectReason::ListingClosed));
            }
            let promised = listing.queue.first_key_value().is_some_and(|(ticket, _)| *ticket < order.ticket);
            if promised || !listing.has_free(line.quantity) {
                return Some(match listing.has_waitlist() {
                    true => Obstacle::Short(line.listing),
                    false => Obstacle::Hopeless(RejectReason::StockShort),
                });
            }
        }
        Some(Obstacle::None)
    }

    pub(crate) fn serve(&mut self, turn: &mut Turn<'_>, slot: Slot, awaited: ListingIndex) {
        let Some(order) = self.orders.get_mut(slot) else { return };
        self.listings.get_mut(awaited).queue.remove(&order.ticket);
        for line in order.lines.iter_mut() {
            let listing = self.listings.get_mut(line.listing);
            line.unit_price = listing.unit_price(turn.now);
            line.tax_bp = listing.settings.tax_bp;
            line.state = LineState::Taken;
            listing.hold(line.quantity);
        }
        self.start_hold(turn, slot);
    }

    fn move_on(&mut self, turn: &mut Turn<'_>, slot: Slot, from: ListingIndex, to: ListingIndex) {
        let Some(order) = self.orders.get_mut(slot) else { return };
        self.listings.get_mut(from).queue.remove(&order.ticket);
        self.listings.get_mut(to).queue.insert(order.ticket, slot);
        for line in order.lines.iter_mut() {
            line.state = if line.listing == to { LineState::Awaited } else { LineState::Asked };
        }
        self.say_order(turn, slot, OrderEventKind::Waiting, None);
    }

    pub(crate) fn turn_away(&mut self, turn: &mut Turn<'_>, slot: Slot, reason: RejectReason) {
        self.leave_queue(slot);
        self.give_back_allowances(slot);
        if let Some(order) = self.orders.get_mut(slot) {
            order.reason = Some(reason);
        }
        self.end(turn, slot, State::TurnedAway, OrderEventKind::TurnedAway, None);
    }

    /// Takes a waiting order out of its queue or its draw; its successor may have its turn now.
    pub(crate) fn leave_queue(&mut self, slot: Slot) {
        let Some(order) = self.orders.get(slot) else { return };
        if order.state == State::Entered {
            return self.leave_draw(slot);
        }
        let Some(line) = order.awaited() else { return };
        self.listings.get_mut(line.listing).queue.remove(&order.ticket);
        self.chores.look_at(line.listing);
    }
}
