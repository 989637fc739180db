//! Later commands about an order: cancel, settle, extend; and holds that fall due.

use order_model::{
    Cancel, Command, Extend, OrderEvent, OrderEventKind, PaymentResult, Place, RejectReason, Settle,
};

use crate::law::Law;
use crate::ledger::Ledger;
use crate::matching::{Cause, content};
use crate::order::{Key, Line, Order, State};
use crate::placing::Sum;
use crate::shared::{At, Shared};
use crate::stock::Move;

/// What a command may be answered with; `None`: with nothing, it is a repeat.
type Answer = Option<(OrderEventKind, Option<RejectReason>)>;

impl Ledger {
    /// The answers a command may get as the ledger stands. More than one where an ended order may or may not be
    /// remembered.
    fn answers(&self, at: At, command: &Command, order: Option<&Order>) -> Vec<Answer> {
        let mut answers = vec![self.answer_to(at, command, order)];
        if order.is_some_and(|order| order.may_be_forgotten(at.now)) {
            answers.push(self.answer_to(at, command, None));
        }
        if let Command::Extend(extend) = command {
            // An extension numbered zero is a repeat of none, or not the next one. And where home took no line it
            // is left open how often the hold may be extended.
            let zero = extend.number == 0 && answers.contains(&None);
            let open =
                order.is_some_and(|order| self.least(order, |settings| settings.extensions_max).is_none());
            if zero || (open && answers.contains(&Some((OrderEventKind::Extended, None)))) {
                answers.push(Some((OrderEventKind::Refused, Some(RejectReason::ExtensionsSpent))));
            }
        }
        if let Command::Settle(settle) = command {
            self.payment_answers(at, settle, order, &mut answers);
        }
        answers
    }

    fn answer_to(&self, at: At, command: &Command, order: Option<&Order>) -> Answer {
        let refused = |reason| Some((OrderEventKind::Refused, Some(reason)));
        match command {
            Command::Place(place) => order
                .filter(|order| order.content != content(place))
                .map(|_| (OrderEventKind::Refused, Some(RejectReason::OrderIdReused))),
            Command::Cancel(cancel) => answer_cancel(cancel, order),
            Command::Settle(settle) => answer_settle(settle, order),
            Command::Extend(extend) => match order {
                None => refused(RejectReason::OrderUnknown),
                Some(order) if order.state != State::Held => refused(RejectReason::NotHeld),
                Some(order) => self.answer_extend(at, extend, order),
            },
            _ => None,
        }
    }

    fn answer_extend(&self, at: At, extend: &Extend, order: &Order) -> Answer {
        if extend.number <= order.extensions {
            return None;
        }
        let most = self.least(order, |settings| settings.extensions_max);
        let next = extend.number == order.extensions + 1 && most.is_none_or(|most| extend.number <= most);
        if next && !order.is_due(at.now) {
            Some((OrderEventKind::Extended, None))
        } else {
            Some((OrderEventKind::Refused, Some(RejectReason::ExtensionsSpent)))
        }
    }

    /// A result that tells nothing new is a repeat, as long as the ledger remembers what came before.
    fn payment_answers(&self, at: At, settle: &Settle, order: Option<&Order>, answers: &mut Vec<Answer>) {
        let placed = order.and_then(|order| order.remembered_since(at.now));
        let (mut is_repeat, mut is_known) = (false, false);
        for before in self.payments.repeated(settle) {
            is_repeat = true;
            is_known |= !before.may_be_forgotten(at.now, placed);
        }
        if is_known {
            answers.clear();
        }
        if is_repeat {
            answers.push(None);
        }
    }

    /// An answer to a later command about an order.
    pub(crate) fn answered(&mut self, at: At, event: &OrderEvent, cause: &Cause, shared: &mut Shared) {
        self.answer(at, shared);
        let order = self.book.get(event.order);
        let decided = Some((event.kind, event.reason));
        let right = match cause {
            Cause::Command(command) if names(command, event) => {
                let answers = self.answers(at, command, order);
                let right = answers.contains(&decided) || self.parts.knows(event.order);
                shared.check(right, law_of(event, &answers), at, || {
                    format!("order {}: decided is {decided:?}, right is one of {answers:?}", event.order)
                });
                self.check_command(at, event, command, shared);
                right
            }
            Cause::Unknown => {
                let right = self.is_plausible(at, event);
                shared.check(right, law_of(event, &[]), at, || {
                    format!("order {}: {decided:?} cannot be as the order stands", event.order)
                });
                right
            }
            _ => {
                self.check_uncaused(at, cause, shared);
                self.is_plausible(at, event)
            }
        };
        self.check_payment(at, event, shared);
        if event.kind == OrderEventKind::Refused && event.reason == Some(RejectReason::OrderIdReused) {
            *shared.numbers.rejected.entry(RejectReason::OrderIdReused).or_insert(0) += 1;
        }
        // A wrong decision is followed as far as that makes sense: the ledger has done it.
        let follows = |order: &Order| match order.state {
            State::Held => true,
            state => event.kind == OrderEventKind::Cancelled && !state.is_ended(),
        };
        if right || self.book.get(event.order).is_some_and(follows) {
            self.carry_out(at, event, shared);
        }
    }

    /// Whether an event can be true without knowing its command.
    fn is_plausible(&self, at: At, event: &OrderEvent) -> bool {
        let order = self.book.get(event.order);
        let gone = order.is_none_or(|order| order.may_be_forgotten(at.now));
        let state = order.map(|order| order.state);
        let held = state == Some(State::Held);
        match (event.kind, event.reason) {
            (OrderEventKind::Extended | OrderEventKind::Paid | OrderEventKind::Declined, _) => held,
            (OrderEventKind::Cancelled, _) => state.is_some_and(|state| !state.is_ended()),
            (OrderEventKind::Refund | OrderEventKind::Refused, Some(reason)) => match reason {
                RejectReason::OrderUnknown => gone || self.parts.knows(event.order),
                RejectReason::OrderIdReused => order.is_some() || self.parts.knows(event.order),
                RejectReason::CustomerDiffers => order.is_some_and(|order| order.customer != event.customer),
                RejectReason::OrderEnded => state.is_some_and(State::is_ended),
                RejectReason::PaidAlready => state == Some(State::Paid),
                RejectReason::NotHeld => {
                    state.is_some_and(|state| !matches!(state, State::Held | State::Paid))
                }
                RejectReason::AmountDiffers => {
                    order.is_some_and(|o| held && (o.total, o.currency) != (event.total, event.currency))
                }
                RejectReason::ExtensionsSpent => held,
                _ => false,
            },
            _ => false,
        }
    }

    fn check_command(&self, at: At, event: &OrderEvent, command: &Command, shared: &mut Shared) {
        let Command::Settle(settle) = command else { return };
        shared.check(event.payment == Some(settle.payment), Law::Uncaused, at, || {
            format!("{} of order {} names payment {:?}", event.kind.name(), event.order, event.payment)
        });
        let money = (event.total, event.currency) == (settle.amount, settle.currency);
        let wrong = event.kind == OrderEventKind::Refund && !money;
        shared.check(!wrong, Law::Total, at, || {
            format!("the refund of {settle:?} is {} {}", event.total, event.currency)
        });
    }

    /// Money that was taken ends once.
    fn check_payment(&mut self, at: At, event: &OrderEvent, shared: &mut Shared) {
        let (
            Some(payment),
            OrderEventKind::Paid
            | OrderEventKind::Refund
            | OrderEventKind::Declined
            | OrderEventKind::Refused,
        ) = (event.payment, event.kind)
        else {
            let nameless = matches!(event.kind, OrderEventKind::Paid | OrderEventKind::Refund);
            shared
                .check(!nameless, Law::PaymentOnce, at, || format!("order {} names no payment", event.order));
            return;
        };
        let placed = self.book.get(event.order).and_then(|order| order.remembered_since(at.now));
        let before = self.payments.money(event.order, payment);
        if let Some(before) = before
            && matches!(event.kind, OrderEventKind::Paid | OrderEventKind::Refund)
            && !before.may_be_forgotten(at.now, placed)
        {
            shared.found(Law::PaymentOnce, at, || {
                format!("payment {payment} of order {} is decided again after {before:?}", event.order)
            });
        }
        self.payments.note(event.order, payment, event.kind, at.now);
    }

    /// Follows the decision in the auditor's own books.
    fn carry_out(&mut self, at: At, event: &OrderEvent, shared: &mut Shared) {
        let Some(key) = self.book.key(event.order) else {
            shared.numbers.refunds += u64::from(event.kind == OrderEventKind::Refund);
            return;
        };
        match event.kind {
            OrderEventKind::Refund => shared.numbers.refunds += 1,
            OrderEventKind::Extended => self.extend(at, key, event, shared),
            OrderEventKind::Paid => {
                shared.numbers.paid += 1;
                self.check_kept(at, key, event, shared);
                self.sell(at, key, shared);
            }
            OrderEventKind::Declined => {
                shared.numbers.declined += 1;
                self.check_kept(at, key, event, shared);
                self.release(at, key, State::Declined, shared);
            }
            OrderEventKind::Cancelled => {
                shared.numbers.cancelled += 1;
                self.check_kept(at, key, event, shared);
                self.release(at, key, State::Cancelled, shared);
            }
            _ => {}
        }
    }

    /// The lines, the total and the owner stay what they were.
    fn check_kept(&self, at: At, key: Key, event: &OrderEvent, shared: &mut Shared) {
        self.check_lines_kept(at, key, event, shared);
        let Some(order) = self.book.by_key(key) else { return };
        let due = order.is_due(at.now) && event.kind != OrderEventKind::Expired;
        shared.check(!due, Law::PaidWhileHeld, at, || {
            format!("{} of order {} whose hold was due at {}", event.kind.name(), event.order, order.mark)
        });
        match order.state {
            State::Held => {
                self.check_sum(at, event, Sum { total: order.total, tax: order.tax }, shared);
            }
            State::Waiting | State::Entered => self.check_sum(at, event, Sum::default(), shared),
            _ => self.check_listed_total(at, event, shared),
        }
    }

    fn extend(&mut self, at: At, key: Key, event: &OrderEvent, shared: &mut Shared) {
        self.check_kept(at, key, event, shared);
        let right = self.hold_deadline(at, key);
        shared.check(right.is_none_or(|right| right == event.deadline), Law::Deadline, at, || {
            format!("order {} is held until {}, right is {right:?}", event.order, event.deadline)
        });
        if let Some(order) = self.book.by_key_mut(key) {
            order.extensions += 1;
        }
        self.book.hold(key, event.deadline, at.offset.0);
    }

    fn sell(&mut self, at: At, key: Key, shared: &mut Shared) {
        let Some(order) = self.book.by_key(key) else { return };
        let (id, lines): (_, Vec<Line>) = (order.id, order.lines.as_slice().to_vec());
        for line in lines.iter().filter(|line| line.is_own_taken()) {
            if !self.shelf.shift(line.slot, line.quantity, Move::Sell) {
                shared.found(Law::StockMoves, at, || format!("order {id} buys units that were not held"));
            }
        }
        self.end(at, key, State::Paid, shared);
    }

    /// A hold fell due.
    pub(crate) fn expired(&mut self, at: At, event: &OrderEvent, cause: &Cause, shared: &mut Shared) {
        self.record.actions += 1;
        let held = self
            .book
            .key(event.order)
            .filter(|key| self.book.by_key(*key).is_some_and(|order| order.state == State::Held));
        let Some(key) = held else {
            shared.found(Law::OrderLife, at, || format!("order {} expires but is not held", event.order));
            return;
        };
        shared.numbers.expired += 1;
        let deadline = self.book.by_key(key).map_or(0, |order| order.mark);
        shared.check(deadline <= at.now.0, Law::ExpiredEarly, at, || {
            format!("order {} expires at {}, its hold lasts until {deadline}", event.order, at.now)
        });
        // A command that meets a due hold expires it out of turn.
        let met = matches!(cause, Cause::Unknown) || matches!(cause, Cause::Command(c) if names(c, event));
        let first = self.book.first_due().map_or(0, |order| order.mark);
        shared.check(met || first == deadline, Law::ExpiredLate, at, || {
            format!("order {} due at {deadline} expires before one due at {first}", event.order)
        });
        self.check_kept(at, key, event, shared);
        self.release(at, key, State::Expired, shared);
    }

    /// Whether a record may pass without an answer to its command.
    pub(crate) fn may_stay_silent(&self, at: At, cause: &Cause) -> bool {
        match cause {
            Cause::Unknown | Cause::Nothing => true,
            Cause::Command(Command::Listing(command)) => self
                .shelf
                .find(&command.sku)
                .is_some_and(|(_, listing)| listing.commands.contains_key(&command.id)),
            Cause::Command(Command::Customer(command)) => self.block_commands.contains_key(&command.id),
            Cause::Command(Command::Place(place)) => self.is_repeat(place) || self.parts.knows(place.order),
            Cause::Command(command) => {
                let order = order_of(command).and_then(|order| self.book.get(order));
                let part = order_of(command).is_some_and(|order| self.parts.knows(order));
                part || self.answers(at, command, order).contains(&None)
            }
            Cause::Reserve(reserve) => {
                self.book.get(reserve.order).is_some_and(|order| order.state.is_ended())
            }
            Cause::Answer(answer) => {
                let open = self.book.get(answer.order).is_some_and(|order| order.state == State::Reserving);
                !open && !self.parts.is_held(answer.order, self.partition)
            }
            Cause::Confirm { home, order } | Cause::Release { home, order } => {
                !self.parts.is_held(*order, *home)
            }
        }
    }

    fn is_repeat(&self, place: &Place) -> bool {
        self.book.get(place.order).is_some_and(|order| order.content == content(place))
    }
}

fn answer_cancel(cancel: &Cancel, order: Option<&Order>) -> Answer {
    let refused = |reason| Some((OrderEventKind::Refused, Some(reason)));
    match order {
        None => refused(RejectReason::OrderUnknown),
        Some(order) if order.customer != cancel.customer => refused(RejectReason::CustomerDiffers),
        Some(order) if order.state == State::Cancelled => None,
        Some(order) if order.state.is_ended() => refused(RejectReason::OrderEnded),
        Some(_) => Some((OrderEventKind::Cancelled, None)),
    }
}

fn answer_settle(settle: &Settle, order: Option<&Order>) -> Answer {
    let captured = settle.result == PaymentResult::Captured;
    let otherwise = if captured { OrderEventKind::Refund } else { OrderEventKind::Refused };
    let reason = match order {
        None => RejectReason::OrderUnknown,
        Some(order) if order.state == State::Paid => RejectReason::PaidAlready,
        Some(order) if order.state != State::Held => RejectReason::NotHeld,
        Some(_) if !captured => return Some((OrderEventKind::Declined, None)),
        Some(order) if (order.total, order.currency) == (settle.amount, settle.currency) => {
            return Some((OrderEventKind::Paid, None));
        }
        Some(_) => RejectReason::AmountDiffers,
    };
    Some((otherwise, Some(reason)))
}

/// The order a command names.
fn order_of(command: &Command) -> Option<order_model::OrderId> {
    match command {
        Command::Place(place) => Some(place.order),
        Command::Cancel(cancel) => Some(cancel.order),
        Command::Settle(settle) => Some(settle.order),
        Command::Extend(extend) => Some(extend.order),
        Command::Tick | Command::Listing(_) | Command::Customer(_) | Command::Relay(_) => None,
    }
}

/// Whether an event can be the answer to the command.
fn names(command: &Command, event: &OrderEvent) -> bool {
    order_of(command) == Some(event.order)
}

fn law_of(event: &OrderEvent, answers: &[Answer]) -> Law {
    let wanted = |kind| answers.iter().flatten().any(|(wanted, _)| *wanted == kind);
    match event.kind {
        OrderEventKind::Paid => Law::PaidWhileHeld,
        _ if event.reason == Some(RejectReason::OrderIdReused) => Law::RefusedWrongly,
        _ if !answers.is_empty() && answers.iter().all(Option::is_none) => Law::Duplicated,
        OrderEventKind::Refund | OrderEventKind::Refused => Law::RefusedWrongly,
        _ if wanted(OrderEventKind::Refused) => Law::AcceptedWrongly,
        _ => Law::OrderLife,
    }
}
