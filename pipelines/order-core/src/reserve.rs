//! Orders with lines in several ledgers: sending them on, taking parts of them, and hearing how it went.

use order_model::{
    Line, LineState, OrderEvent, OrderEventKind, Partition, RejectReason, RelayBody, RelayLine, RelayLines,
    Reserve, ReserveAnswer, TimeMs,
};
use smallvec::SmallVec;

use crate::effects::{Outcome, Turn};
use crate::ledger::Ledger;
use crate::order::{Order, OwnLine, Part, State};
use crate::orders::Slot;
use crate::own_lines::OwnLines;

/// What one visit at a ledger came to.
struct Visit {
    /// The lines looked at, as they are now.
    lines: OwnLines,
    refused: Option<RejectReason>,
}

impl Ledger {
    /// Home has dealt with the first `dealt_with` lines of a new order: the next ledger is asked, or, when there is
    /// none, the order is held.
    pub(crate) fn share(
        &mut self,
        turn: &mut Turn<'_>,
        mut order: Order,
        lines: &[Line],
        partial: bool,
        dealt_with: usize,
    ) -> Outcome {
        let mut shared = RelayLines::new();
        for (index, line) in lines.iter().enumerate() {
            let quantity = u32::try_from(line.quantity).unwrap_or_default();
            let state = if index < dealt_with { LineState::LeftOut } else { LineState::Asked };
            shared.push(RelayLine { sku: line.sku, quantity, state, unit_price: 0, tax: 0 });
        }
        self.copy_to_shared(&order.lines, &mut shared);
        let Some(next) = shared.iter().find(|line| line.state == LineState::Asked).map(|line| line.sku)
        else {
            order.shared = Some(Box::new(shared));
            order.reason = None;
            return self.hold_new(turn, order);
        };
        let request = Reserve {
            home: self.shape.partition,
            order: order.id,
            customer: order.customer,
            currency: order.currency,
            partial,
            lines: shared.clone(),
        };
        order.shared = Some(Box::new(shared));
        order.state = State::Reserving;
        let slot = self.orders.insert(order);
        let outcome = self.say_order(turn, slot, OrderEventKind::Reserving, None);
        let to = self.home_of(&next);
        turn.relay(&mut self.relays, to, RelayBody::Reserve(Box::new(request)));
        outcome
    }

    /// Another ledger asks for the next run of lines, which is ours.
    pub(crate) fn reserve(&mut self, turn: &mut Turn<'_>, request: &Reserve) {
        let mut lines = request.lines.clone();
        let start = lines.iter().position(|line| line.state == LineState::Asked).unwrap_or(lines.len());
        let own = |line: &&RelayLine| self.home_of(&line.sku) == self.shape.partition;
        let end = start + lines.iter().skip(start).take_while(own).count();
        let run: RelayLines = lines.iter().skip(start).take(end - start).copied().collect();
        let visit = self.visit(turn.now, request, &run);
        for line in lines.iter_mut().skip(start).take(end - start) {
            if visit.refused.is_none() {
                line.state = LineState::LeftOut;
            }
        }
        self.copy_to_shared(&visit.lines, &mut lines);
        self.say_visit(turn, request, &visit, &run, &lines);
        let next = lines.iter().find(|line| line.state == LineState::Asked).map(|line| line.sku);
        self.keep_part(request, visit.lines, lines.get(start..end).unwrap_or_default());
        match next {
            Some(next) if visit.refused.is_none() => {
                let to = self.home_of(&next);
                let request = Reserve { lines, ..request.clone() };
                turn.relay(&mut self.relays, to, RelayBody::Reserve(Box::new(request)));
            }
            _ => {
                let answer = ReserveAnswer { order: request.order, refused: visit.refused, lines };
                if request.home == self.shape.partition {
                    self.answered(turn, &answer);
                } else {
                    turn.relay(&mut self.relays, request.home, RelayBody::Answer(Box::new(answer)));
                }
            }
        }
    }

    /// Takes a run of lines, or in a partial order what can be had of it.
    fn visit(&mut self, now: TimeMs, request: &Reserve, run: &[RelayLine]) -> Visit {
        let is_full = self.is_full();
        let check = |line: &RelayLine| match is_full {
            true => Err(RejectReason::LedgerFull),
            false => {
                let listing = self.listings.find(&line.sku);
                self.check_own_line(now, &request.customer, request.currency, listing, line.quantity, false)
            }
        };
        let checked: SmallVec<[_; 1]> = run.iter().map(check).collect();
        let first_refused = checked.iter().find_map(|line| line.err());
        let taken_or_not = self.leave_out_short(&checked);
        let refused = match request.partial {
            true => None,
            false => first_refused.or_else(|| taken_or_not.iter().find_map(|line| line.err())),
        };
        if refused.is_some() {
            return Visit { lines: OwnLines::None, refused };
        }
        let asked = run.iter().map(|line| (&line.sku, line.quantity));
        let mut lines = self.listed_lines(asked, &taken_or_not);
        self.take_lines(now, &request.customer, &mut lines);
        Visit { lines, refused }
    }

    fn say_visit(
        &self,
        turn: &mut Turn<'_>,
        request: &Reserve,
        visit: &Visit,
        run: &[RelayLine],
        lines: &[RelayLine],
    ) {
        let (total, tax) = price_of(&visit.lines);
        let seen = lines.iter().filter(|line| run.iter().any(|own| own.sku == line.sku));
        let event = OrderEvent {
            kind: if visit.refused.is_none() {
                OrderEventKind::PartTaken
            } else {
                OrderEventKind::PartRefused
            },
            reason: visit.refused,
            order: request.order,
            customer: request.customer,
            currency: request.currency,
            total,
            tax,
            deadline: TimeMs(0),
            payment: None,
            lines: seen.map(|line| self.decided_relay_line(line)).collect(),
        };
        self.say(turn, event);
    }

    /// Remembers a part until home says what becomes of it. At home the lines join the order itself, unless the
    /// customer withdrew meanwhile: then what was just taken is given back when the answer is dealt with.
    fn keep_part(&mut self, request: &Reserve, lines: OwnLines, run: &[RelayLine]) {
        let taken: OwnLines = lines.iter().filter(|line| line.is_taken()).copied().collect();
        if request.home == self.shape.partition && self.join_order(request, &taken, run) {
            return;
        }
        if taken.is_empty() {
            return;
        }
        match self.parts.find_mut(request.home, &request.order) {
            Some(part) => part.lines.extend(&taken),
            None => self.parts.insert(Part::new(request, taken)),
        }
    }

    /// Adds a later run of home's own lines to the order; false when the order has ended.
    fn join_order(&mut self, request: &Reserve, taken: &OwnLines, run: &[RelayLine]) -> bool {
        let slot = self.orders.find(&request.order);
        let order = slot.and_then(|slot| self.orders.get_mut(slot));
        let Some(order) = order.filter(|order| order.state == State::Reserving) else { return false };
        order.lines.extend(taken);
        for line in order.shared.iter_mut().flat_map(|lines| lines.iter_mut()) {
            if let Some(dealt_with) = run.iter().find(|other| other.sku == line.sku) {
                *line = *dealt_with;
            }
        }
        true
    }

    /// Home hears how it went.
    pub(crate) fn answered(&mut self, turn: &mut Turn<'_>, answer: &ReserveAnswer) {
        let reserving =
            |slot: &Slot| self.orders.get(*slot).is_some_and(|order| order.state == State::Reserving);
        let Some(slot) = self.orders.find(&answer.order).filter(reserving) else {
            return self.release_all(turn, answer);
        };
        let Some(order) = self.orders.get_mut(slot) else { return };
        order.shared = Some(Box::new(answer.lines.clone()));
        let nothing_taken = answer.lines.iter().all(|line| line.state != LineState::Taken);
        let left_out = order.reason.take();
        let refused =
            answer.refused.or_else(|| nothing_taken.then(|| left_out.unwrap_or(RejectReason::StockShort)));
        match refused {
            None => {
                self.start_hold(turn, slot);
            }
            Some(reason) => {
                order.reason = Some(reason);
                self.free_lines(slot);
                self.end(turn, slot, State::Rejected, OrderEventKind::Rejected, None);
            }
        }
    }

    /// The order ended while it was under way: whatever was taken for it is freed.
    fn release_all(&mut self, turn: &mut Turn<'_>, answer: &ReserveAnswer) {
        let mut owners: SmallVec<[Partition; 4]> = SmallVec::new();
        for line in answer.lines.iter().filter(|line| line.state == LineState::Taken) {
            owners.push(self.home_of(&line.sku));
        }
        owners.sort_unstable();
        owners.dedup();
        owners.retain(|owner| *owner != self.shape.partition);
        turn.end_parts(&mut self.relays, &owners, answer.order, false);
        self.end_part(turn, self.shape.partition, &answer.order, false);
        if let Some(slot) = self.orders.find(&answer.order) {
            if let Some(order) = self.orders.get_mut(slot) {
                order.shared = None;
            }
            self.forget_if_due(turn.now, slot);
        }
    }

    /// Home says what becomes of our part of its order.
    pub(crate) fn end_part(
        &mut self,
        turn: &mut Turn<'_>,
        home: Partition,
        order: &order_model::OrderId,
        paid: bool,
    ) {
        let Some(part) = self.parts.remove(home, order) else { return };
        for line in part.lines.iter() {
            let listing = self.listings.get_mut(line.listing);
            if paid {
                listing.sell(line.quantity);
                continue;
            }
            listing.free(line.quantity);
            if listing.has_limit {
                self.allowances.give_back(&part.customer, line.listing, line.quantity);
            }
            self.chores.look_at(line.listing);
        }
        let (total, tax) = price_of(&part.lines);
        let event = OrderEvent {
            kind: if paid { OrderEventKind::PartPaid } else { OrderEventKind::PartReleased },
            reason: None,
            order: part.order,
            customer: part.customer,
            currency: part.currency,
            total,
            tax,
            deadline: TimeMs(0),
            payment: None,
            lines: self.own_lines(&part.lines),
        };
        self.say(turn, event);
    }

    /// Notes in the list of all lines what became of ours.
    fn copy_to_shared(&self, own: &[OwnLine], shared: &mut [RelayLine]) {
        for line in own.iter().filter(|line| line.is_taken()) {
            let sku = self.listings.get(line.listing).sku;
            if let Some(copy) = shared.iter_mut().find(|copy| copy.sku == sku) {
                copy.state = LineState::Taken;
                copy.unit_price = line.unit_price;
                copy.tax = line.price().1;
            }
        }
    }
}

fn price_of(lines: &[OwnLine]) -> (i64, i64) {
    let taken = lines.iter().filter(|line| line.is_taken()).map(OwnLine::price);
    taken.fold((0, 0), |sum, line| (sum.0.saturating_add(line.0), sum.1.saturating_add(line.1)))
}
