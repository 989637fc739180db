//! Placing an order. The checks stand in the precedence order of [`RejectReason`].

use order_model::limits::{LINE_QUANTITY_MAX, LINES_MAX, RETENTION_MS_UNLISTED};
use order_model::{
    Command, Currency, CustomerId, DecidedLine, DecidedLines, Line, LineState, Lines, OrderEvent,
    OrderEventKind, Place, RejectReason, Sku, TimeMs,
};
use smallvec::SmallVec;
use xxhash_rust::xxh3::xxh3_64_with_seed;

use crate::allowance::hash_of_allowance;
use crate::effects::{Outcome, Turn};
use crate::ledger::Ledger;
use crate::listings::ListingIndex;
use crate::order::{Order, OwnLine, State};
use crate::own_lines::OwnLines;

/// A line of this ledger that passed the checks about a line, or why it did not.
type Checked = Result<OwnLine, RejectReason>;

impl Ledger {
    pub(crate) fn place(&mut self, turn: &mut Turn<'_>, place: &Place) -> Outcome {
        let sorted;
        let lines = match &*place.lines {
            one_or_none @ ([] | [_]) => one_or_none,
            _ => {
                sorted = in_sku_order(&place.lines);
                &*sorted
            }
        };
        let first = lines.first().and_then(|line| self.listings.find(&line.sku));
        if first.is_none()
            && let Some(line) = lines.first()
            && let Some(outcome) = self.forward_unless_home(turn, &line.sku, || Command::Place(place.clone()))
        {
            return outcome;
        }
        let fingerprint = fingerprint(place, lines);
        if let Some(slot) = self.orders.find(&place.order) {
            self.forget_if_due(turn.now, slot);
            match self.orders.get(slot) {
                Some(order) if order.fingerprint == fingerprint => return Outcome::Repeated,
                Some(_) => return self.refuse(turn, slot, RejectReason::OrderIdReused),
                None => {}
            }
        }
        let mut order = self.blank_order(place, fingerprint);
        if let Some(reason) = self.refuses_order(place, lines) {
            return self.reject(turn, order, lines, reason);
        }
        if let [line] = lines
            && !place.partial
        {
            // Nearly every order: what follows comes to the same, by way of lists.
            return match self.check_line(turn.now, place, line, first) {
                Err(reason) => self.reject(turn, order, lines, reason),
                Ok(line) => {
                    order.lines = OwnLines::One(line);
                    if self.listings.get(line.listing).draw.is_some() {
                        return self.enter(turn, order, lines, line.listing);
                    }
                    self.place_here(turn, order, lines)
                }
            };
        }
        // The first line is ours, or the order had been sent on; it leaves this ledger at the first that is not.
        let is_own = |line: &&Line| self.home_of(&line.sku) == self.shape.partition;
        let own = 1 + lines.iter().skip(1).take_while(is_own).count();
        let (own_lines, others) = lines.split_at(own);
        let checked: SmallVec<[Checked; 1]> = own_lines
            .iter()
            .map(|line| self.check_line(turn.now, place, line, self.listings.find(&line.sku)))
            .collect();
        if let [Ok(line)] = &*checked
            && lines.len() == 1
            && self.listings.get(line.listing).draw.is_some()
        {
            // Nothing can be left out of a single line: in a draw a partial order is like any other.
            order.lines = OwnLines::One(*line);
            return self.enter(turn, order, lines, line.listing);
        }
        if place.partial {
            return self.place_partial(turn, order, lines, &checked);
        }
        match checked.into_iter().collect::<Result<OwnLines, _>>() {
            Err(reason) => self.reject(turn, order, lines, reason),
            Ok(own_lines) => {
                order.lines = own_lines;
                if !others.is_empty() {
                    self.place_shared(turn, order, lines)
                } else {
                    self.place_here(turn, order, lines)
                }
            }
        }
    }

    /// Where the allowances stand that an order will need. Most orders have one line; of others the first will do.
    pub(crate) fn allowances_of(&self, place: &Place, mut found: impl FnMut(u32)) {
        let Some(line) = place.lines.first() else { return };
        let Some(index) = self.listings.find(&line.sku) else { return };
        if self.listings.get(index).has_limit {
            found(hash_of_allowance(&place.customer, index));
        }
    }

    /// All lines are ours: take them, wait, or refuse.
    fn place_here(&mut self, turn: &mut Turn<'_>, mut order: Order, lines: &[Line]) -> Outcome {
        let mut awaited = None;
        for line in order.lines.iter() {
            let listing = self.listings.get(line.listing);
            if listing.is_short(line.quantity) {
                if !listing.has_waitlist() {
                    return self.reject(turn, order, lines, RejectReason::StockShort);
                }
                awaited = awaited.or(Some(line.listing));
            }
        }
        if let Some(awaited) = awaited {
            return self.wait(turn, order, lines, awaited);
        }
        self.take_lines(turn.now, &order.customer, &mut order.lines);
        self.hold_new(turn, order)
    }

    fn wait(
        &mut self,
        turn: &mut Turn<'_>,
        mut order: Order,
        lines: &[Line],
        awaited: ListingIndex,
    ) -> Outcome {
        if self.listings.get(awaited).is_waitlist_full() {
            return self.reject(turn, order, lines, RejectReason::WaitlistFull);
        }
        order.state = State::Waiting;
        for line in order.lines.iter_mut() {
            if line.listing == awaited {
                line.state = LineState::Awaited;
            }
            self.take_allowance(&order.customer, line);
        }
        let ticket = order.ticket;
        let slot = self.orders.insert(order);
        self.listings.get_mut(awaited).queue.insert(ticket, slot);
        self.say_order(turn, slot, OrderEventKind::Waiting, None)
    }

    /// A partial order takes what it can and leaves out the rest.
    fn place_partial(
        &mut self,
        turn: &mut Turn<'_>,
        mut order: Order,
        lines: &[Line],
        checked: &[Checked],
    ) -> Outcome {
        let taken_or_not = self.leave_out_short(checked);
        let is_whole = checked.len() == lines.len();
        let first_reason = taken_or_not.first().and_then(|line| line.err());
        if is_whole && taken_or_not.iter().all(Result::is_err) {
            return self.reject(turn, order, lines, first_reason.unwrap_or(RejectReason::StockShort));
        }
        // Why the first line was left out is the answer if nothing at all can be had in the end.
        order.reason = first_reason;
        let asked = lines.iter().map(|line| (&line.sku, u32::try_from(line.quantity).unwrap_or_default()));
        order.lines = self.listed_lines(asked, &taken_or_not);
        self.take_lines(turn.now, &order.customer, &mut order.lines);
        let all_listed = order.lines.len() == lines.len();
        if is_whole && all_listed {
            order.reason = None;
            return self.hold_new(turn, order);
        }
        self.share(turn, order, lines, true, checked.len())
    }

    /// Of lines of a partial order: those that can be taken now, and why the others cannot.
    pub(crate) fn leave_out_short(&self, checked: &[Checked]) -> SmallVec<[Checked; 1]> {
        let short = |line: OwnLine| {
            let is_short = self.listings.get(line.listing).is_short(line.quantity);
            if is_short { Err(RejectReason::StockShort) } else { Ok(line) }
        };
        checked.iter().map(|line| line.and_then(short)).collect()
    }

    /// The lines that name a listing of ours: those that can be taken as asked for, the others as left out.
    pub(crate) fn listed_lines<'a>(
        &self,
        asked: impl Iterator<Item = (&'a Sku, u32)>,
        verdicts: &[Checked],
    ) -> OwnLines {
        let line = |((sku, quantity), verdict): ((&Sku, u32), &Checked)| match verdict {
            Ok(line) => Some(*line),
            Err(_) => {
                let line = OwnLine::asked(self.listings.find(sku)?, quantity);
                Some(OwnLine { state: LineState::LeftOut, ..line })
            }
        };
        asked.zip(verdicts).filter_map(line).collect()
    }

    /// Some lines belong to other ledgers: nothing may be short, as such an order never waits.
    fn place_shared(&mut self, turn: &mut Turn<'_>, mut order: Order, lines: &[Line]) -> Outcome {
        if order.lines.iter().any(|line| self.listings.get(line.listing).is_short(line.quantity)) {
            return self.reject(turn, order, lines, RejectReason::StockShort);
        }
        self.take_lines(turn.now, &order.customer, &mut order.lines);
        let own = order.lines.len();
        self.share(turn, order, lines, false, own)
    }

    /// The reasons that concern the order as a whole.
    fn refuses_order(&self, place: &Place, lines: &[Line]) -> Option<RejectReason> {
        let largest = i32::try_from(LINE_QUANTITY_MAX).unwrap_or(i32::MAX);
        if self.customers.is_blocked(&place.customer) {
            Some(RejectReason::CustomerBlocked)
        } else if lines.is_empty() {
            Some(RejectReason::NoLines)
        } else if lines.len() > LINES_MAX {
            Some(RejectReason::TooManyLines)
        } else if lines.iter().any(|line| line.quantity <= 0) {
            Some(RejectReason::QuantityNotPositive)
        } else if lines.iter().any(|line| line.quantity > largest) {
            Some(RejectReason::QuantityTooLarge)
        } else if lines.windows(2).any(|pair| matches!(pair, [a, b] if a.sku == b.sku)) {
            Some(RejectReason::SkuRepeated)
        } else if self.is_full() {
            Some(RejectReason::LedgerFull)
        } else {
            None
        }
    }

    fn check_line(&self, now: TimeMs, place: &Place, line: &Line, listing: Option<ListingIndex>) -> Checked {
        let quantity = u32::try_from(line.quantity).map_err(|_| RejectReason::QuantityNotPositive)?;
        let is_alone = place.lines.len() == 1;
        self.check_own_line(now, &place.customer, place.currency, listing, quantity, is_alone)
    }

    /// The reasons that concern one line of this ledger, shortage apart.
    pub(crate) fn check_own_line(
        &self,
        now: TimeMs,
        customer: &CustomerId,
        currency: Currency,
        listing: Option<ListingIndex>,
        quantity: u32,
        is_alone: bool,
    ) -> Checked {
        let index = listing.ok_or(RejectReason::ListingUnknown)?;
        let listing = self.listings.get(index);
        if let Some(reason) = listing.refuses(now, currency) {
            return Err(reason);
        }
        let limit = listing.settings.limit_per_customer;
        if limit > 0 && self.allowances.units(customer, index).saturating_add(quantity) > limit {
            return Err(RejectReason::LimitPerCustomer);
        }
        if !is_alone && listing.settings.draw.is_some() {
            return Err(RejectReason::DrawOnlyAlone);
        }
        Ok(OwnLine::asked(index, quantity))
    }

    /// Sets aside every line that was asked for, at today's price.
    pub(crate) fn take_lines(&mut self, now: TimeMs, customer: &CustomerId, lines: &mut [OwnLine]) {
        for line in lines.iter_mut().filter(|line| line.state == LineState::Asked) {
            let listing = self.listings.get_mut(line.listing);
            line.unit_price = listing.unit_price(now);
            line.tax_bp = listing.settings.tax_bp;
            line.state = LineState::Taken;
            listing.hold(line.quantity);
            self.take_allowance(customer, line);
        }
    }

    pub(crate) fn take_allowance(&mut self, customer: &CustomerId, line: &OwnLine) {
        if self.listings.get(line.listing).has_limit {
            self.allowances.add(customer, line.listing, line.quantity);
        }
    }

    fn blank_order(&mut self, place: &Place, fingerprint: u64) -> Order {
        let ticket = self.next_ticket;
        self.next_ticket += 1;
        Order {
            id: place.order,
            customer: place.customer,
            fingerprint,
            ticket,
            due: TimeMs(0),
            lines: OwnLines::None,
            shared: None,
            reason: None,
            currency: place.currency,
            state: State::Rejected,
            extensions: 0,
        }
    }

    /// Refuses an order, and remembers that, so that the same id gets the same answer.
    pub(crate) fn reject(
        &mut self,
        turn: &mut Turn<'_>,
        mut order: Order,
        lines: &[Line],
        reason: RejectReason,
    ) -> Outcome {
        let event = OrderEvent {
            kind: OrderEventKind::Rejected,
            reason: Some(reason),
            order: order.id,
            customer: order.customer,
            currency: order.currency,
            total: 0,
            tax: 0,
            deadline: TimeMs(0),
            payment: None,
            lines: if reason == RejectReason::TooManyLines {
                DecidedLines::new()
            } else {
                self.asked_lines(lines)
            },
        };
        let outcome = self.say(turn, event);
        if reason != RejectReason::LedgerFull {
            order.state = State::Rejected;
            order.reason = Some(reason);
            order.lines = OwnLines::None;
            let home = lines.first().and_then(|line| self.listings.find(&line.sku));
            let retention =
                home.map_or(RETENTION_MS_UNLISTED, |home| self.listings.get(home).settings.retention_ms);
            let slot = self.orders.insert(order);
            self.remember_until(slot, turn.now.after(retention));
        }
        outcome
    }

    fn asked_lines(&self, lines: &[Line]) -> DecidedLines {
        let asked = lines.iter().map(|line| DecidedLine {
            sku: line.sku,
            quantity: line.quantity,
            state: LineState::Asked,
            unit_price: 0,
            stock: self.listings.find(&line.sku).map(|index| self.listings.get(index).stock()),
        });
        asked.collect()
    }
}

fn in_sku_order(lines: &Lines) -> Lines {
    let mut lines = lines.clone();
    lines.sort_by(|a, b| a.sku.cmp(&b.sku).then(a.quantity.cmp(&b.quantity)));
    lines
}

/// A hash of what was asked for. The order of the lines does not count.
fn fingerprint(place: &Place, lines: &[Line]) -> u64 {
    let [a, b, c] = *place.currency.as_bytes();
    let start = u64::from_le_bytes([a, b, c, u8::from(place.partial), 0, 0, 0, 0]);
    lines.iter().fold(xxh3_64_with_seed(&place.customer.0, start), |before, line| {
        // Multiplied by an odd number, every quantity leads elsewhere.
        let quantity = u64::from(line.quantity.cast_unsigned()).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        xxh3_64_with_seed(line.sku.as_bytes(), before.wrapping_add(quantity))
    })
}
