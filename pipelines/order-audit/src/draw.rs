//! Draws: who entered, and whether everybody is decided in the order that the seed gives.

use std::collections::{BTreeMap, HashMap};

use order_model::{Commitment, LineState, OrderEvent, OrderEventKind, OrderId, RejectReason, Seed, limits};

use crate::law::Law;
use crate::ledger::Ledger;
use crate::order::{Key, Line, State};
use crate::placing::Sum;
use crate::shared::{At, Shared};
use crate::stock::{Listing, Slot};
use crate::verdict::Verdict;

/// Whether the seed is the one committed to.
pub(crate) fn opens(commitment: &Commitment, seed: &Seed) -> bool {
    blake3::hash(seed.0.as_slice()).as_bytes() == &commitment.0
}

/// The rank of an order that entered: BLAKE3 of the seed's bytes and the order's.
fn rank(seed: &Seed, order: OrderId) -> [u8; 32] {
    blake3::hash(&[seed.0.as_slice(), order.0.as_slice()].concat()).into()
}

/// When an order of a draw has its turn.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
enum Turn {
    /// In the window, when there is no seed: by number of placing.
    Window(u64),
    Ranked([u8; 32]),
    /// After the reveal: by number of placing.
    After(u64),
}

/// A draw that is not over.
#[derive(Debug, Default)]
pub(crate) struct Draw {
    seed: Option<Seed>,
    members: BTreeMap<Turn, OrderId>,
    turns: HashMap<OrderId, Turn>,
}

impl Draw {
    pub(crate) fn len(&self) -> usize {
        self.members.len()
    }

    pub(crate) fn is_revealed(&self) -> bool {
        self.seed.is_some()
    }

    /// What has to become of an order that comes now.
    pub(crate) fn verdict(&self) -> Verdict {
        if self.len() >= limits::DRAW_ENTRIES_MAX {
            return Verdict { kind: OrderEventKind::Rejected, reason: Some(RejectReason::DrawFull) };
        }
        let kind = if self.is_revealed() { OrderEventKind::Waiting } else { OrderEventKind::Entered };
        Verdict { kind, reason: None }
    }

    fn first(&self) -> Option<OrderId> {
        self.members.first_key_value().map(|(_, order)| *order)
    }

    pub(crate) fn add(&mut self, order: OrderId, placing: u64) {
        let turn = if self.is_revealed() { Turn::After(placing) } else { Turn::Window(placing) };
        self.members.insert(turn, order);
        self.turns.insert(order, turn);
    }

    fn remove(&mut self, order: OrderId) -> Option<Turn> {
        let turn = self.turns.remove(&order)?;
        self.members.remove(&turn);
        Some(turn)
    }

    fn reveal(&mut self, seed: Seed) {
        self.seed = Some(seed);
        let ranked = |order: &OrderId| (Turn::Ranked(rank(&seed, *order)), *order);
        self.members = self.members.values().map(ranked).collect();
        self.turns = self.members.iter().map(|(turn, order)| (*order, *turn)).collect();
    }
}

impl Listing {
    /// Whether orders are collected.
    pub(crate) fn in_window(&self) -> bool {
        self.draw.as_ref().is_some_and(|draw| !draw.is_revealed())
    }

    /// Whether somebody in the draw could be decided.
    pub(crate) fn owes_draw(&self) -> bool {
        let Some(draw) = self.draw.as_ref().filter(|draw| draw.len() > 0) else { return false };
        self.closed || (draw.is_revealed() && !self.paused)
    }

    /// The seed is known: how many entries it puts in order.
    pub(crate) fn reveal(&mut self, seed: Seed) -> usize {
        let Some(draw) = &mut self.draw else { return 0 };
        draw.reveal(seed);
        let entries = draw.len();
        self.end_draw_if_over();
        entries
    }

    /// Takes an order out of the draw; whether it had come after the reveal.
    pub(crate) fn leave_draw(&mut self, order: OrderId) -> bool {
        let turn = self.draw.as_mut().and_then(|draw| draw.remove(order));
        self.end_draw_if_over();
        matches!(turn, Some(Turn::After(_)))
    }

    fn end_draw_if_over(&mut self) {
        if self.draw.as_ref().is_some_and(|draw| draw.is_revealed() && draw.len() == 0) {
            self.draw = None;
        }
    }

    /// What has to become of an order of the draw that has its turn.
    fn turn_of(&self, quantity: u32, came_late: bool) -> Verdict {
        let away = |reason| Verdict { kind: OrderEventKind::TurnedAway, reason: Some(reason) };
        let waiting = u32::try_from(self.queue.len()).unwrap_or(u32::MAX);
        if self.closed {
            away(RejectReason::ListingClosed)
        } else if !self.is_short(i64::from(quantity)) {
            Verdict { kind: OrderEventKind::Held, reason: None }
        } else if self.settings.waitlist_max == 0 {
            away(if came_late { RejectReason::StockShort } else { RejectReason::NotDrawn })
        } else if waiting >= self.settings.waitlist_max {
            away(RejectReason::WaitlistFull)
        } else {
            Verdict { kind: OrderEventKind::Waiting, reason: None }
        }
    }
}

impl Ledger {
    /// The draw at `slot` that is not over.
    pub(crate) fn draw_mut(&mut self, slot: Slot) -> Option<&mut Draw> {
        self.shelf.listing_mut(slot)?.draw.as_mut()
    }

    /// An order of a draw is decided.
    pub(crate) fn drawn(&mut self, at: At, event: &OrderEvent, shared: &mut Shared) {
        self.record.actions += 1;
        let Some(key) = self.book.key(event.order) else { return };
        let Some(line) = self.book.by_key(key).and_then(|order| order.awaited()) else { return };
        self.check_lines_kept(at, key, event, shared);
        self.check_drawn(at, event, line, shared);
        let came_late =
            self.shelf.listing_mut(line.slot).is_some_and(|listing| listing.leave_draw(event.order));
        self.check_verdict(at, event, line, came_late, shared);
        match event.kind {
            OrderEventKind::Held => {
                shared.numbers.accepted += 1;
                let lines = self.lines_of(event, shared);
                let sum = self.take(at, event, &lines, shared);
                self.check_sum(at, event, sum, shared);
                if let Some(order) = self.book.by_key_mut(key) {
                    order.lines = lines.into();
                }
                self.start_hold(at, key, event, shared);
            }
            OrderEventKind::Waiting => {
                shared.numbers.waitlisted += 1;
                self.check_sum(at, event, Sum::default(), shared);
                self.wait_from_draw(key, line);
            }
            _ => {
                if let Some(reason) = event.reason {
                    *shared.numbers.rejected.entry(reason).or_insert(0) += 1;
                }
                self.check_sum(at, event, Sum::default(), shared);
                self.release(at, key, State::TurnedAway, shared);
            }
        }
    }

    fn wait_from_draw(&mut self, key: Key, line: Line) {
        self.placings += 1;
        let placing = self.placings;
        if let Some(order) = self.book.by_key_mut(key) {
            order.state = State::Waiting;
            order.mark = placing;
        }
        self.shelf.wait(line.slot, placing, line.quantity);
    }

    /// Whether it is the order's turn.
    fn check_drawn(&self, at: At, event: &OrderEvent, line: Line, shared: &mut Shared) {
        let Some(listing) = self.shelf.listing(line.slot) else { return };
        let decides = listing.closed || (!listing.in_window() && !listing.paused);
        shared.check(decides, Law::DrawWindow, at, || {
            format!("{} of order {} while the draw is open or paused", event.kind.name(), event.order)
        });
        let first = listing.draw.as_ref().and_then(Draw::first);
        shared.check(first == Some(event.order), Law::DrawOrder, at, || {
            format!("{} of order {}, the turn is that of {first:?}", event.kind.name(), event.order)
        });
    }

    /// Whether the order got what its turn had for it; it has left the draw already.
    fn check_verdict(&self, at: At, event: &OrderEvent, line: Line, came_late: bool, shared: &mut Shared) {
        let Some(listing) = self.shelf.listing(line.slot) else { return };
        let right = listing.turn_of(line.quantity, came_late);
        let decided = Verdict { kind: event.kind, reason: event.reason };
        if decided == right {
            return;
        }
        let law = match (event.kind, right.kind) {
            (OrderEventKind::Held, _) if listing.closed => Law::AcceptedWrongly,
            (OrderEventKind::Held, _) if listing.free < i64::from(line.quantity) => Law::Oversold,
            (OrderEventKind::Held, _) => Law::QueueOrder,
            (OrderEventKind::Waiting, OrderEventKind::Held) => Law::WaitsInVain,
            (OrderEventKind::Waiting, _) => Law::AcceptedWrongly,
            _ => Law::RefusedWrongly,
        };
        shared.found(law, at, || {
            format!("order {} was drawn: decided is {decided:?}, right is {right:?}", event.order)
        });
    }

    /// Every draw whose entries can all be in order by now is worked off as far as the record's budget goes.
    pub(crate) fn check_draw(&mut self, at: At, slot: Slot, shared: &mut Shared) {
        let Some(listing) = self.shelf.listing(slot).filter(|listing| listing.owes_draw()) else { return };
        if self.to_order > 0 {
            self.shelf.stirred.insert(slot);
            return;
        }
        let left = listing.draw.as_ref().map_or(0, Draw::len);
        shared.found(Law::DrawComplete, at, || {
            format!("{left} orders of the draw for {:?} are not decided", self.shelf.sku(slot))
        });
    }

    /// An order joins the draw of its one line; false when there is none.
    pub(crate) fn join_draw(&mut self, order: OrderId, placing: u64, lines: &[Line]) -> bool {
        let awaited = lines.iter().find(|line| line.state == LineState::Awaited);
        let Some(draw) = awaited.and_then(|line| self.draw_mut(line.slot)) else { return false };
        draw.add(order, placing);
        true
    }
}
