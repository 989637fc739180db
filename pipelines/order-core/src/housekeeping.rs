//! What happens by itself at a record: listings close, holds expire, the waitlist moves on, ended orders are
//! forgotten. At most a budget of it at one record, so that no record has boundless effects; the rest follows at
//! the next.

use std::collections::BTreeSet;

use order_model::{OrderEventKind, TimeMs};

use crate::effects::Turn;
use crate::ledger::Ledger;
use crate::listings::ListingIndex;
use crate::order::State;
use crate::orders::Slot;

/// What has to be looked at.
#[derive(Default)]
pub(crate) struct Chores {
    /// When listings close. Entries are never removed, only outlived.
    closings: BTreeSet<(TimeMs, ListingIndex)>,
    /// Listings whose waitlist may have something to do.
    to_feed: BTreeSet<ListingIndex>,
}

impl Chores {
    pub(crate) fn close_at(&mut self, closes_at: TimeMs, listing: ListingIndex) {
        if closes_at != TimeMs(0) {
            self.closings.insert((closes_at, listing));
        }
    }

    pub(crate) fn look_at(&mut self, listing: ListingIndex) {
        self.to_feed.insert(listing);
    }

    pub(crate) fn next_due(&self, now: TimeMs) -> Option<TimeMs> {
        if !self.to_feed.is_empty() {
            return Some(now);
        }
        self.closings.first().map(|(closes_at, _)| *closes_at)
    }
}

impl Ledger {
    /// Closes, expires, feeds and forgets, as far as the budget goes.
    pub(crate) fn keep_house(&mut self, turn: &mut Turn<'_>) {
        while turn.budget > 0 {
            let Some((closes_at, listing)) = self.chores.closings.first().copied() else { break };
            if closes_at > turn.now {
                break;
            }
            self.chores.closings.pop_first();
            if self.close_in_time(turn, listing, closes_at) {
                turn.budget -= 1;
            }
        }
        while turn.budget > 0 {
            let Some((due, slot)) = self.holds.take_due(turn.now) else { break };
            if self.is_held_until(slot, due) {
                self.expire(turn, slot);
                turn.budget -= 1;
            }
        }
        self.feed(turn);
        self.forget(turn.now);
    }

    /// Moves the waitlists on, as far as the budget goes.
    pub(crate) fn feed(&mut self, turn: &mut Turn<'_>) {
        while turn.budget > 0 {
            let Some(listing) = self.chores.to_feed.first().copied() else { return };
            if self.serve_next(turn, listing) {
                turn.budget -= 1;
            } else {
                self.chores.to_feed.remove(&listing);
            }
        }
    }

    /// Forgets orders whose retention has passed. Has no effects, so it needs no share of the budget; the bound is
    /// there so that no single record takes long.
    fn forget(&mut self, now: TimeMs) {
        for _ in 0..order_model::limits::HOUSEKEEPING_PER_COMMAND_MAX {
            let Some((due, slot)) = self.endings.take_due(now) else { break };
            if self.orders.get(slot).is_some_and(|order| order.due == due && order.state.is_ended()) {
                self.orders.forget(slot);
            }
        }
        self.settlements.forget(now);
    }

    fn is_held_until(&self, slot: Slot, due: TimeMs) -> bool {
        self.orders.get(slot).is_some_and(|order| order.state == State::Held && order.due == due)
    }

    pub(crate) fn expire(&mut self, turn: &mut Turn<'_>, slot: Slot) {
        self.free_lines(slot);
        self.end(turn, slot, State::Expired, OrderEventKind::Expired);
    }

    /// Expires an order that a command is about, when its hold is due but housekeeping has not come round to it.
    pub(crate) fn expire_if_due(&mut self, turn: &mut Turn<'_>, slot: Slot) {
        let due = |order: &crate::order::Order| order.state == State::Held && order.due <= turn.now;
        if self.orders.get(slot).is_some_and(due) {
            self.expire(turn, slot);
        }
    }
}
