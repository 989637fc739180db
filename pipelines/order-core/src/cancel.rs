//! Withdrawing an order.

use order_model::{
    Cancel, Command, Currency, CustomerId, DecidedLines, OrderEvent, OrderEventKind, OrderId, RejectReason,
    TimeMs,
};

use crate::effects::{Outcome, Turn};
use crate::ledger::Ledger;
use crate::order::State;

impl Ledger {
    pub(crate) fn cancel(&mut self, turn: &mut Turn<'_>, cancel: &Cancel) -> Outcome {
        let sent_on = self.forward_unless_home(turn, &cancel.sku, || Command::Cancel(*cancel));
        if let Some(outcome) = sent_on {
            return outcome;
        }
        let Some(slot) = self.find_order(turn, &cancel.order) else {
            return self.refuse_unknown(turn, cancel.order, cancel.customer, Currency::NONE);
        };
        let Some(order) = self.orders.get(slot) else { return Outcome::Repeated };
        if order.customer != cancel.customer {
            return self.refuse(turn, slot, RejectReason::CustomerDiffers);
        }
        match order.state {
            State::Cancelled => return Outcome::Repeated,
            State::Held | State::Reserving => self.free_lines(slot),
            State::Waiting | State::Entered => {
                self.leave_queue(slot);
                self.give_back_allowances(slot);
            }
            State::Rejected | State::Paid | State::Declined | State::Expired | State::TurnedAway => {
                return self.refuse(turn, slot, RejectReason::OrderEnded);
            }
        }
        self.end(turn, slot, State::Cancelled, OrderEventKind::Cancelled, None)
    }

    /// Refuses a command about an order the ledger does not know.
    pub(crate) fn refuse_unknown(
        &self,
        turn: &mut Turn<'_>,
        order: OrderId,
        customer: CustomerId,
        currency: Currency,
    ) -> Outcome {
        let event = OrderEvent {
            kind: OrderEventKind::Refused,
            reason: Some(RejectReason::OrderUnknown),
            order,
            customer,
            currency,
            total: 0,
            tax: 0,
            deadline: TimeMs(0),
            payment: None,
            lines: DecidedLines::new(),
        };
        self.say(turn, event)
    }
}
