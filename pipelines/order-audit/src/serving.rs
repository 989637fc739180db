//! The waitlist: who is served, moves on or is turned away, and whether it was their turn.

use order_model::{LineState, OrderEvent, OrderEventKind, RejectReason};

use crate::law::Law;
use crate::ledger::Ledger;
use crate::order::{Key, Line, State};
use crate::placing::Sum;
use crate::shared::{At, Shared};
use crate::stock::{Move, Slot};

/// An order that waits, as far as its turn is concerned.
struct Head {
    key: Key,
    placing: u64,
    awaited: Line,
    others: Vec<Line>,
}

/// What has to happen to the head of a queue whose listing has units for it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Turn {
    Hold,
    MoveTo(Slot),
    Refuse(RejectReason),
}

impl Ledger {
    fn head(&self, event: &OrderEvent) -> Option<Head> {
        let key = self.book.key(event.order)?;
        let order = self.book.by_key(key).filter(|order| order.state == State::Waiting)?;
        let awaited = order.awaited()?;
        let others =
            order.lines.as_slice().iter().copied().filter(|line| line.slot != awaited.slot).collect();
        Some(Head { key, placing: order.mark, awaited, others })
    }

    /// Checks that the order is first in its queue.
    fn check_first(&self, at: At, event: &OrderEvent, head: &Head, shared: &mut Shared) {
        let Some(listing) = self.shelf.listing(head.awaited.slot) else { return };
        let first = listing.queue.first_key_value().map(|(placing, _)| *placing);
        shared.check(first == Some(head.placing), Law::QueueOrder, at, || {
            let place = listing.queue.range(..head.placing).count();
            format!("{} of order {}, before which {place} others wait", event.kind.name(), event.order)
        });
    }

    /// Checks that it is the order's turn: its listing serves, and has the units.
    fn check_turn(&self, at: At, event: &OrderEvent, head: &Head, shared: &mut Shared) {
        let Some(listing) = self.shelf.listing(head.awaited.slot) else { return };
        self.check_first(at, event, head, shared);
        let serves = !listing.paused && !listing.closed;
        shared.check(serves, Law::AcceptedWrongly, at, || {
            format!("order {} is served by a listing that is paused or closed", event.order)
        });
        let enough = listing.free >= i64::from(head.awaited.quantity);
        let law = if event.kind == OrderEventKind::Held { Law::Oversold } else { Law::RefusedWrongly };
        shared.check(enough, law, at, || {
            format!("order {} is served from {} free units", event.order, listing.free)
        });
    }

    /// What the other lines of the head lead to, in SKU order.
    fn turn(&self, head: &Head) -> Turn {
        for line in &head.others {
            let Some(listing) = self.shelf.listing(line.slot) else { continue };
            if listing.closed {
                return Turn::Refuse(RejectReason::ListingClosed);
            }
            let earlier = listing.queue.range(..head.placing).next().is_some();
            if listing.free < i64::from(line.quantity) || earlier {
                return match listing.settings.waitlist_max {
                    0 => Turn::Refuse(RejectReason::StockShort),
                    _ => Turn::MoveTo(line.slot),
                };
            }
        }
        Turn::Hold
    }

    fn any_closed(&self, head: &Head) -> bool {
        head.others.iter().any(|line| self.shelf.listing(line.slot).is_some_and(|listing| listing.closed))
    }

    /// A waiting order is held, or waits for another of its lines.
    pub(crate) fn served(&mut self, at: At, event: &OrderEvent, shared: &mut Shared) {
        self.record.actions += 1;
        let Some(head) = self.head(event) else { return };
        self.check_turn(at, event, &head, shared);
        self.check_lines_kept(at, head.key, event, shared);
        let turn = self.turn(&head);
        if event.kind == OrderEventKind::Waiting {
            self.move_on(at, event, &head, turn, shared);
            return;
        }
        shared.numbers.accepted += 1;
        if turn != Turn::Hold {
            let law = match turn {
                Turn::Refuse(RejectReason::ListingClosed) => Law::AcceptedWrongly,
                _ if self.lacks_units(&head) => Law::Oversold,
                _ => Law::QueueOrder,
            };
            shared.found(law, at, || format!("order {} is held, right is {turn:?}", event.order));
        }
        self.shelf.leave(head.awaited.slot, head.placing);
        let lines = self.lines_of(event, shared);
        let sum = self.take(at, event, &lines, shared);
        self.check_sum(at, event, sum, shared);
        if let Some(order) = self.book.by_key_mut(head.key) {
            order.lines = lines.into();
        }
        self.start_hold(at, head.key, event, shared);
    }

    fn lacks_units(&self, head: &Head) -> bool {
        let short = |line: &Line| {
            self.shelf.listing(line.slot).is_some_and(|listing| listing.free < i64::from(line.quantity))
        };
        head.others.iter().any(short)
    }

    fn move_on(&mut self, at: At, event: &OrderEvent, head: &Head, turn: Turn, shared: &mut Shared) {
        let awaited = event.lines.iter().find(|line| line.state == LineState::Awaited);
        let to = awaited.map(|line| (self.shelf.slot(&line.sku), line.quantity));
        let right = to.is_some_and(|(slot, _)| turn == Turn::MoveTo(slot));
        shared.check(right, Law::WaitsInVain, at, || {
            format!("order {} goes on waiting for {awaited:?}, right is {turn:?}", event.order)
        });
        self.check_sum(at, event, Sum::default(), shared);
        self.shelf.leave(head.awaited.slot, head.placing);
        let Some((slot, quantity)) = to else { return };
        self.shelf.wait(slot, head.placing, u32::try_from(quantity).unwrap_or(0));
        if let Some(order) = self.book.by_key_mut(head.key) {
            for line in order.lines.as_mut_slice() {
                line.state = if line.slot == slot { LineState::Awaited } else { LineState::Asked };
            }
        }
    }

    /// A waiting order will not be served.
    pub(crate) fn turned_away(&mut self, at: At, event: &OrderEvent, shared: &mut Shared) {
        self.record.actions += 1;
        let Some(head) = self.head(event) else {
            shared.found(Law::OrderLife, at, || {
                format!("order {} is turned away but does not wait", event.order)
            });
            return;
        };
        self.check_lines_kept(at, head.key, event, shared);
        self.check_sum(at, event, Sum::default(), shared);
        let closed = self.shelf.listing(head.awaited.slot).is_some_and(|listing| listing.closed);
        if closed {
            self.check_first(at, event, &head, shared);
            shared.check(event.reason == Some(RejectReason::ListingClosed), Law::RefusedWrongly, at, || {
                format!("order {} waits for a closed listing, the reason is {:?}", event.order, event.reason)
            });
        } else {
            self.check_turn(at, event, &head, shared);
            let turn = self.turn(&head);
            let right = Some(turn) == event.reason.map(Turn::Refuse)
                || (event.reason == Some(RejectReason::ListingClosed) && self.any_closed(&head));
            shared.check(right, Law::RefusedWrongly, at, || {
                format!("order {} is turned away as {:?}, right is {turn:?}", event.order, event.reason)
            });
        }
        if let Some(reason) = event.reason {
            *shared.numbers.rejected.entry(reason).or_insert(0) += 1;
        }
        self.release(at, head.key, State::TurnedAway, shared);
    }

    /// Ends an order that has not been paid: what it has goes back, and its customer may have as many units more.
    pub(crate) fn release(&mut self, at: At, key: Key, end: State, shared: &mut Shared) {
        let Some(order) = self.book.by_key(key) else { return };
        let (id, state, customer, placing) = (order.id, order.state, order.customer, order.mark);
        let lines: Vec<Line> = order.lines.as_slice().to_vec();
        for line in lines.iter().filter(|line| line.own) {
            let units = -i64::from(line.quantity);
            match (state, line.state) {
                (State::Waiting, _) => {
                    self.shelf.count_units(line.slot, customer, units);
                    if line.state == LineState::Awaited {
                        self.shelf.leave(line.slot, placing);
                    }
                }
                (State::Entered, _) => {
                    self.shelf.count_units(line.slot, customer, units);
                    if let Some(listing) = self.shelf.listing_mut(line.slot) {
                        listing.leave_draw(id);
                    }
                }
                (_, LineState::Taken) => {
                    self.shelf.count_units(line.slot, customer, units);
                    if !self.shelf.shift(line.slot, line.quantity, Move::Release) {
                        shared.found(Law::StockMoves, at, || {
                            format!("order {id} frees units that were not held")
                        });
                    }
                }
                _ => {}
            }
        }
        self.end(at, key, end, shared);
    }

    /// Ends an order.
    pub(crate) fn end(&mut self, at: At, key: Key, end: State, shared: &mut Shared) {
        if let Some(order) = self.book.by_key(key)
            && order.several
            && let Some(home) = shared.homes.get_mut(&(order.id, self.partition))
        {
            home.state = end;
        }
        let first = self.book.by_key(key).and_then(|order| order.lines.as_slice().first());
        let smallest = first.and_then(|line| self.shelf.sku(line.slot));
        let retention_ms = self.retention_ms(smallest.as_ref());
        self.book.end(key, end, at.now, retention_ms);
    }

    /// Compares an event's lines with those of the order.
    pub(crate) fn check_lines_kept(&self, at: At, key: Key, event: &OrderEvent, shared: &mut Shared) {
        let Some(order) = self.book.by_key(key) else { return };
        let lines = order.lines.as_slice();
        let strict = order.state == State::Held;
        let same = lines.len() == event.lines.len()
            && lines.iter().zip(&event.lines).all(|(kept, line)| {
                let known = self.shelf.sku(kept.slot) == Some(line.sku)
                    && i64::from(kept.quantity) == i64::from(line.quantity);
                let taken = kept.state != LineState::Taken
                    || (line.state == LineState::Taken && line.unit_price == kept.price);
                known && taken && (!strict || kept.state == line.state)
            });
        shared.check(same, Law::OrderLife, at, || {
            format!(
                "{} of order {} lists {:?}, the order has {lines:?}",
                event.kind.name(),
                event.order,
                event.lines
            )
        });
        let owner = (order.customer, order.currency) == (event.customer, event.currency);
        shared
            .check(owner, Law::OrderLife, at, || format!("order {} changed hands or currency", event.order));
    }
}
