//! Payments and extensions: what becomes of a hold. Late, repeated or reordered results of payments do no harm: a
//! payment that buys nothing is given back, once. That holds as well for money taken under a payment that was declined
//! before: a provider that timed out may yet succeed.

use std::collections::{BTreeSet, VecDeque};

use order_model::limits::{REMEMBERED_REFUNDS_MAX, RETENTION_MS_REFUNDS};
use order_model::{
    Command, Currency, CustomerId, DecidedLines, Extend, OrderEvent, OrderEventKind, OrderId, PaymentId,
    PaymentResult, RejectReason, Settle, TimeMs,
};

use crate::effects::{Outcome, Turn};
use crate::housekeeping::Hold;
use crate::ledger::Ledger;
use crate::order::State;
use crate::orders::Slot;

/// A result of a payment, and whether it says that the money was taken.
type Known = (OrderId, PaymentId, bool);

/// Results that did not decide an order: money given back, declines noted in vain. Remembered so that a repeat does
/// nothing. A decline is no reason to keep money that is taken after it, so the two are remembered apart.
#[derive(Default)]
pub(crate) struct Settlements {
    known: BTreeSet<Known>,
    by_age: VecDeque<(TimeMs, Known)>,
}

impl Settlements {
    /// Whether a result tells nothing new. After a capture of the same payment none does; after its decline a
    /// capture does.
    fn is_repeat(&self, settle: &Settle) -> bool {
        let (order, payment, captured) = known(settle);
        self.known.contains(&(order, payment, true))
            || (!captured && self.known.contains(&(order, payment, false)))
    }

    fn remember(&mut self, now: TimeMs, settle: &Settle) {
        if self.by_age.len() >= REMEMBERED_REFUNDS_MAX {
            self.forget_oldest();
        }
        self.known.insert(known(settle));
        self.by_age.push_back((now.after(RETENTION_MS_REFUNDS), known(settle)));
    }

    pub(crate) fn forget(&mut self, now: TimeMs) {
        while self.by_age.front().is_some_and(|(due, _)| *due <= now) {
            self.forget_oldest();
        }
    }

    fn forget_oldest(&mut self) {
        if let Some((_, known)) = self.by_age.pop_front() {
            self.known.remove(&known);
        }
    }
}

fn known(settle: &Settle) -> Known {
    (settle.order, settle.payment, settle.result == PaymentResult::Captured)
}

impl Ledger {
    pub(crate) fn settle(&mut self, turn: &mut Turn<'_>, settle: &Settle) -> Outcome {
        let sent_on = self.forward_unless_home(turn, &settle.sku, || Command::Settle(*settle));
        if let Some(outcome) = sent_on {
            return outcome;
        }
        if self.settlements.is_repeat(settle) {
            return Outcome::Repeated;
        }
        let slot = self.find_order(turn, &settle.order);
        let Some((slot, order)) = slot.and_then(|slot| Some((slot, self.orders.get(slot)?))) else {
            return self.settle_in_vain(turn, settle, None, RejectReason::OrderUnknown);
        };
        let pays = order.price().0 == settle.amount && order.currency == settle.currency;
        match (order.state, settle.result) {
            (State::Paid, _) | (State::Declined, PaymentResult::Declined)
                if order.lines.payment() == Some(settle.payment) =>
            {
                Outcome::Repeated
            }
            (State::Held, PaymentResult::Captured) if pays => self.pay(turn, slot, settle.payment),
            (State::Held, PaymentResult::Declined) => {
                self.free_lines(slot);
                self.end(turn, slot, State::Declined, OrderEventKind::Declined, Some(settle.payment))
            }
            (State::Held, PaymentResult::Captured) => {
                self.settle_in_vain(turn, settle, Some(slot), RejectReason::AmountDiffers)
            }
            (State::Paid, _) => self.settle_in_vain(turn, settle, Some(slot), RejectReason::PaidAlready),
            _ => self.settle_in_vain(turn, settle, Some(slot), RejectReason::NotHeld),
        }
    }

    fn pay(&mut self, turn: &mut Turn<'_>, slot: Slot, payment: PaymentId) -> Outcome {
        let Some(order) = self.orders.get(slot) else { return Outcome::Repeated };
        for line in order.lines.iter().filter(|line| line.is_taken()) {
            self.listings.get_mut(line.listing).sell(line.quantity);
        }
        self.end(turn, slot, State::Paid, OrderEventKind::Paid, Some(payment))
    }

    /// A payment that changes no order: money that was taken goes back, a decline is noted.
    fn settle_in_vain(
        &mut self,
        turn: &mut Turn<'_>,
        settle: &Settle,
        slot: Option<Slot>,
        reason: RejectReason,
    ) -> Outcome {
        self.settlements.remember(turn.now, settle);
        let captured = settle.result == PaymentResult::Captured;
        let order = slot.and_then(|slot| self.orders.get(slot));
        let event = OrderEvent {
            kind: if captured { OrderEventKind::Refund } else { OrderEventKind::Refused },
            reason: Some(reason),
            order: settle.order,
            customer: order.map_or_else(CustomerId::default, |order| order.customer),
            currency: settle.currency,
            total: if captured { settle.amount } else { 0 },
            tax: 0,
            deadline: TimeMs(0),
            payment: Some(settle.payment),
            lines: DecidedLines::new(),
        };
        self.say(turn, event)
    }

    pub(crate) fn extend(&mut self, turn: &mut Turn<'_>, extend: &Extend) -> Outcome {
        let sent_on = self.forward_unless_home(turn, &extend.sku, || Command::Extend(*extend));
        if let Some(outcome) = sent_on {
            return outcome;
        }
        let Some(slot) = self.find_order(turn, &extend.order) else {
            return self.refuse_unknown(turn, extend.order, CustomerId::default(), Currency::NONE);
        };
        let Some(order) = self.orders.get(slot) else { return Outcome::Repeated };
        if order.state != State::Held {
            return self.refuse(turn, slot, RejectReason::NotHeld);
        }
        let so_far = u32::from(order.extensions);
        if (1..=so_far).contains(&extend.number) {
            return Outcome::Repeated;
        }
        let allowed = self.least(order, |settings| settings.extensions_max).unwrap_or_default();
        if extend.number != so_far + 1 || extend.number > allowed {
            return self.refuse(turn, slot, RejectReason::ExtensionsSpent);
        }
        let due = turn.now.after(self.hold_ms(order));
        if let Some(order) = self.orders.get_mut(slot) {
            order.extensions = order.extensions.saturating_add(1);
            order.due = due;
            self.holds.enter(due, Hold::of(slot, order.ticket));
        }
        self.say_order(turn, slot, OrderEventKind::Extended, None)
    }
}
