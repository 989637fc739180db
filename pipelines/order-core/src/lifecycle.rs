//! The steps every order takes, whatever command leads to them: a hold starts, goods are freed, the order ends.

use order_model::limits::RETENTION_MS_UNLISTED;
use order_model::{
    DecidedLine, DecidedLines, LineState, ListingSettings, OrderEvent, OrderEventKind, PaymentId,
    RejectReason, RelayLine, TimeMs,
};

use crate::effects::{Outcome, Turn};
use crate::housekeeping::Hold;
use crate::ledger::Ledger;
use crate::order::{Order, OwnLine, State};
use crate::orders::Slot;
use crate::own_lines::OwnLines;

/// Retention ends on full seconds, so that the calendar has few buckets.
const RETENTION_GRAIN_MS: u64 = 1_000;

impl Ledger {
    /// Remembers a new order whose lines are taken, and starts its hold.
    pub(crate) fn hold_new(&mut self, turn: &mut Turn<'_>, mut order: Order) -> Outcome {
        order.due = turn.now.after(self.hold_ms(&order));
        order.state = State::Held;
        // Said before it is stored: read back from memory that is still on its way, it would be waited for.
        let outcome = self.say_of(turn, &order, OrderEventKind::Held, None);
        let (due, ticket) = (order.due, order.ticket);
        let slot = self.orders.insert(order);
        self.holds.enter(due, Hold::of(slot, ticket));
        self.live_holds += 1;
        outcome
    }

    /// Starts the hold of a remembered order whose lines are taken, and says so.
    pub(crate) fn start_hold(&mut self, turn: &mut Turn<'_>, slot: Slot) -> Outcome {
        let Some(order) = self.orders.get(slot) else { return Outcome::Repeated };
        let due = turn.now.after(self.hold_ms(order));
        if let Some(order) = self.orders.get_mut(slot) {
            order.state = State::Held;
            order.due = due;
            self.holds.enter(due, Hold::of(slot, order.ticket));
            self.live_holds += 1;
        }
        self.say_order(turn, slot, OrderEventKind::Held, None)
    }

    /// The shortest hold among the taken lines of this ledger.
    pub(crate) fn hold_ms(&self, order: &Order) -> u64 {
        self.least(order, |settings| settings.hold_ms).unwrap_or(RETENTION_MS_UNLISTED)
    }

    /// The least of a setting among the taken lines of this ledger. For an order that took none of home's lines,
    /// home's first line speaks.
    pub(crate) fn least<T: Ord>(&self, order: &Order, setting: impl Fn(&ListingSettings) -> T) -> Option<T> {
        let setting = |line: &OwnLine| setting(&self.listings.get(line.listing).settings);
        let taken = order.lines.iter().filter(|line| line.is_taken()).map(&setting).min();
        taken.or_else(|| order.lines.first().map(&setting))
    }

    /// Frees what an order has set aside in this ledger.
    pub(crate) fn free_lines(&mut self, slot: Slot) {
        let Some(order) = self.orders.get(slot) else { return };
        for line in order.lines.iter().filter(|line| line.is_taken()) {
            let listing = self.listings.get_mut(line.listing);
            listing.free(line.quantity);
            self.chores.look_at(line.listing);
        }
        self.give_back_allowances(slot);
    }

    /// Gives the customer back what the order's lines took of the limits; lines left out took nothing.
    pub(crate) fn give_back_allowances(&mut self, slot: Slot) {
        let Some(order) = self.orders.get(slot) else { return };
        for line in order.lines.iter().filter(|line| line.state != LineState::LeftOut) {
            if self.listings.get(line.listing).has_limit {
                self.allowances.give_back(&order.customer, line.listing, line.quantity);
            }
        }
    }

    /// Ends an order whose stock has been seen to, by `payment` if it was one: says so, tells the other ledgers, and
    /// lets it be forgotten.
    pub(crate) fn end(
        &mut self,
        turn: &mut Turn<'_>,
        slot: Slot,
        state: State,
        kind: OrderEventKind,
        payment: Option<PaymentId>,
    ) -> Outcome {
        let outcome = self.say_order(turn, slot, kind, payment.as_ref());
        let Some(order) = self.orders.get_mut(slot) else { return outcome };
        let owners = order.other_owners(self.shape.partition, self.shape.partitions);
        turn.end_parts(&mut self.relays, &owners, order.id, state == State::Paid);
        let home = match &order.shared {
            None => order.lines.first().map(|line| line.listing),
            Some(lines) => lines.first().and_then(|line| self.listings.find(&line.sku)),
        };
        if order.state == State::Held {
            self.live_holds -= 1;
        }
        let is_under_way = order.state == State::Reserving && state == State::Cancelled;
        if !is_under_way {
            order.shared = None;
        }
        order.state = state;
        order.lines = payment.map_or(OwnLines::None, OwnLines::Settled);
        let retention =
            home.map_or(RETENTION_MS_UNLISTED, |home| self.listings.get(home).settings.retention_ms);
        self.remember_until(slot, turn.now.after(retention));
        outcome
    }

    /// Enters an ended order for forgetting.
    pub(crate) fn remember_until(&mut self, slot: Slot, time: TimeMs) {
        let due = TimeMs(time.0.div_ceil(RETENTION_GRAIN_MS).saturating_mul(RETENTION_GRAIN_MS));
        if let Some(order) = self.orders.get_mut(slot) {
            order.due = due;
        }
        self.endings.enter(due, slot);
    }

    /// Says what an order has come to, with all its lines.
    pub(crate) fn say_order(
        &self,
        turn: &mut Turn<'_>,
        slot: Slot,
        kind: OrderEventKind,
        payment: Option<&PaymentId>,
    ) -> Outcome {
        match self.orders.get(slot) {
            Some(order) => self.say_of(turn, order, kind, payment),
            None => Outcome::Repeated,
        }
    }

    fn say_of(
        &self,
        turn: &mut Turn<'_>,
        order: &Order,
        kind: OrderEventKind,
        payment: Option<&PaymentId>,
    ) -> Outcome {
        let (total, tax) = order.price();
        let has_deadline = matches!(kind, OrderEventKind::Held | OrderEventKind::Extended);
        let event = OrderEvent {
            kind,
            reason: order
                .reason
                .filter(|_| matches!(kind, OrderEventKind::Rejected | OrderEventKind::TurnedAway)),
            order: order.id,
            customer: order.customer,
            currency: order.currency,
            total,
            tax,
            deadline: if has_deadline { order.due } else { TimeMs(0) },
            payment: payment.copied(),
            lines: self.decided_lines(order),
        };
        self.say(turn, event)
    }

    fn decided_lines(&self, order: &Order) -> DecidedLines {
        match &order.shared {
            None => self.own_lines(&order.lines),
            Some(lines) => lines.iter().map(|line| self.decided_relay_line(line)).collect(),
        }
    }

    /// A line of any ledger, with the stock if it is ours.
    pub(crate) fn decided_relay_line(&self, line: &RelayLine) -> DecidedLine {
        DecidedLine {
            sku: line.sku,
            quantity: quantity(line.quantity),
            state: line.state,
            unit_price: line.unit_price,
            stock: self.listings.find(&line.sku).map(|index| self.listings.get(index).stock()),
        }
    }

    /// Lines of this ledger, with the stock as it is now.
    pub(crate) fn own_lines(&self, lines: &[OwnLine]) -> DecidedLines {
        match lines {
            // Nearly every order; collecting costs several times as much.
            [line] => DecidedLines::from_buf([self.own_line(line)]),
            lines => lines.iter().map(|line| self.own_line(line)).collect(),
        }
    }

    fn own_line(&self, line: &OwnLine) -> DecidedLine {
        let listing = self.listings.get(line.listing);
        DecidedLine {
            sku: listing.sku,
            quantity: quantity(line.quantity),
            state: line.state,
            unit_price: line.unit_price,
            stock: Some(listing.stock()),
        }
    }

    /// Refuses a later command about an order the ledger knows.
    pub(crate) fn refuse(&self, turn: &mut Turn<'_>, slot: Slot, reason: RejectReason) -> Outcome {
        let Some(order) = self.orders.get(slot) else { return Outcome::Repeated };
        let event = OrderEvent {
            kind: OrderEventKind::Refused,
            reason: Some(reason),
            order: order.id,
            customer: order.customer,
            currency: order.currency,
            total: 0,
            tax: 0,
            deadline: TimeMs(0),
            payment: None,
            lines: DecidedLines::new(),
        };
        self.say(turn, event)
    }
}

/// Quantities of accepted lines are far below `i32::MAX` ([`order_model::limits::LINE_QUANTITY_MAX`]).
fn quantity(quantity: u32) -> i32 {
    i32::try_from(quantity).unwrap_or(i32::MAX)
}
