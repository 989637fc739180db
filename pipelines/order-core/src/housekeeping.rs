//! What happens by itself at a record: listings close, holds expire, the waitlist moves on, ended orders are
//! forgotten. At most a budget of it at one record, so that no record has boundless effects; the rest follows at
//! the next.

use std::collections::BTreeSet;

use order_model::limits::HOUSEKEEPING_PER_COMMAND_MAX;
use order_model::{OrderEventKind, OrderId, TimeMs};
use smallvec::SmallVec;

use crate::allowance::hash_of_allowance;
use crate::effects::Turn;
use crate::ledger::Ledger;
use crate::listings::ListingIndex;
use crate::order::{Order, State};
use crate::orders::{Slot, hash_of_id};

/// How many due holds are looked at ahead, so that their memory is fetched all at once and not one after another.
const TOUCHED_AHEAD_MAX: usize = 64;
/// Most orders forgotten at one record.
const FORGOTTEN_PER_RECORD_MAX: usize = HOUSEKEEPING_PER_COMMAND_MAX;

/// An entry of the calendar of holds. The slot may have gone to another order meanwhile, so it says whose it was.
pub(crate) struct Hold {
    slot: Slot,
    /// The low half of the order's ticket: four thousand million orders do not pass through one slot in one hold.
    ticket: u32,
}

impl Hold {
    pub(crate) fn of(slot: Slot, ticket: u64) -> Self {
        Self { slot, ticket: low_half(ticket) }
    }

    fn is_due(&self, order: &Order, due: TimeMs) -> bool {
        order.state == State::Held && order.due == due && low_half(order.ticket) == self.ticket
    }
}

fn low_half(ticket: u64) -> u32 {
    let [a, b, c, d, ..] = ticket.to_le_bytes();
    u32::from_le_bytes([a, b, c, d])
}

/// What has to be looked at.
#[derive(Default)]
pub(crate) struct Chores {
    /// When listings close. Entries are never removed, only outlived.
    closings: BTreeSet<(TimeMs, ListingIndex)>,
    /// Listings whose waitlist may have something to do.
    to_feed: BTreeSet<ListingIndex>,
    /// Listings with entries of a revealed draw to be put in order.
    to_order: BTreeSet<ListingIndex>,
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

    pub(crate) fn put_in_order(&mut self, listing: ListingIndex) {
        self.to_order.insert(listing);
    }

    pub(crate) fn is_in_order(&mut self, listing: ListingIndex) {
        self.to_order.remove(&listing);
    }

    pub(crate) fn next_to_order(&self) -> Option<ListingIndex> {
        self.to_order.first().copied()
    }

    pub(crate) fn next_due(&self, now: TimeMs) -> Option<TimeMs> {
        if !self.to_feed.is_empty() || !self.to_order.is_empty() {
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
        self.expire_due(turn);
        self.feed(turn);
        self.forget(turn.now);
    }

    fn expire_due(&mut self, turn: &mut Turn<'_>) {
        while turn.budget > 0 {
            let upcoming = self.holds.upcoming(turn.now);
            let count = upcoming.len().min(TOUCHED_AHEAD_MAX);
            if count == 0 {
                return;
            }
            self.orders.touch(upcoming.iter().take(count).map(|hold| hold.slot));
            let mut allowances = SmallVec::<[u32; TOUCHED_AHEAD_MAX]>::new();
            for hold in upcoming.iter().take(count) {
                let Some(order) = self.orders.get(hold.slot) else { continue };
                let first = order.lines.first().filter(|line| self.listings.get(line.listing).has_limit);
                allowances.extend(first.map(|line| hash_of_allowance(&order.customer, line.listing)));
            }
            self.allowances.touch(&allowances);
            for _ in 0..count {
                if turn.budget == 0 {
                    return;
                }
                let Some((due, hold)) = self.holds.take_due(turn.now) else { return };
                if self.orders.get(hold.slot).is_some_and(|order| hold.is_due(order, due)) {
                    self.expire(turn, hold.slot);
                    turn.budget -= 1;
                }
            }
        }
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
        let upcoming = self.endings.upcoming(now);
        let upcoming = upcoming.get(..FORGOTTEN_PER_RECORD_MAX).unwrap_or(upcoming);
        let count = upcoming.len();
        self.orders.touch(upcoming.iter().copied());
        let upcoming = upcoming.iter().filter_map(|slot| self.orders.get(*slot));
        let ids: SmallVec<[u32; TOUCHED_AHEAD_MAX]> = upcoming.map(|order| hash_of_id(&order.id)).collect();
        self.orders.touch_index(&ids);
        for _ in 0..count {
            let Some((_, slot)) = self.endings.take_due(now) else { break };
            self.forget_if_due(now, slot);
        }
        self.settlements.forget(now);
    }

    pub(crate) fn forget_if_due(&mut self, now: TimeMs, slot: Slot) {
        if self.orders.get(slot).is_some_and(|order| order.may_be_forgotten(now)) {
            self.orders.forget(slot);
        }
    }

    /// The order a command is about. What is due for it by now happens first, should housekeeping not have come
    /// round to it: its hold expires, or it is forgotten.
    pub(crate) fn find_order(&mut self, turn: &mut Turn<'_>, id: &OrderId) -> Option<Slot> {
        let slot = self.orders.find(id)?;
        self.expire_if_due(turn, slot);
        self.forget_if_due(turn.now, slot);
        self.orders.get(slot).map(|_| slot)
    }

    pub(crate) fn expire(&mut self, turn: &mut Turn<'_>, slot: Slot) {
        self.free_lines(slot);
        self.end(turn, slot, State::Expired, OrderEventKind::Expired, None);
    }

    fn expire_if_due(&mut self, turn: &mut Turn<'_>, slot: Slot) {
        let due = |order: &Order| order.state == State::Held && order.due <= turn.now;
        if self.orders.get(slot).is_some_and(due) {
            self.expire(turn, slot);
        }
    }
}
