//! What is known of one order's payment, and what has to be done next. Pure: no clock, no I/O.
//!
//! Promised: [`Dossier::next_step`] captures only what was asked for, at most once an order and never for a hold it
//! knows to be over; money it learns of is told to the log before anything else happens to the order; a hold that ends
//! unpaid is closed in the log only when nothing of its payment can be captured any more.

use order_model::{Currency, CustomerId, MinorUnits, OrderId, PaymentId, PaymentResult, Settle, Sku, TimeMs};
use smallvec::SmallVec;

use crate::limits::{PAYMENTS_PER_ORDER_MAX, PaymentLimits};
use crate::provider::{Charge, Fault, Payment, PaymentState, Verdict, closed_id, declined_id, free_id};

/// What an order has to pay, and where it lives.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Home {
    pub(crate) customer: CustomerId,
    pub(crate) sku: Sku,
    pub(crate) amount: MinorUnits,
    pub(crate) currency: Currency,
}

/// What the log says of the order.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Standing {
    /// It is held, and asks for payment.
    Open { deadline: TimeMs },
    /// It came to nothing; no hold of it was due later than this.
    Ended { deadline: TimeMs },
    /// It has its result, or we know nothing but that money has to go back.
    Over,
}

/// Money that has to go back.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Repayment {
    pub(crate) payment: PaymentId,
    /// Where on `decisions` it is ordered.
    pub(crate) offset: u64,
    pub(crate) amount: MinorUnits,
    /// Why it never will.
    pub(crate) refused: Option<String>,
}

/// What to ask the provider.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Call {
    Authorise(Charge),
    Capture { order: OrderId, id: String },
    Void { order: OrderId, id: String },
    Refund { order: OrderId, id: String, amount: MinorUnits },
    Retrieve { id: String },
    LookUp { order: OrderId },
}

/// What the provider said.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Said {
    Payment(Payment),
    Payments(Vec<Payment>),
    Fault(Fault),
}

/// What has to be done next.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Ask the provider.
    Call(Call),
    /// Tell the log.
    Tell(Settle),
    /// Give up on a repayment, by a dead letter.
    GiveUp(PaymentId),
    /// Wait until this time, or for news.
    WaitUntil(TimeMs),
    /// Wait for what the log says.
    WaitForLog,
    /// Nothing is left to do; what comes later comes with all it needs.
    Done,
}

/// One order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Dossier {
    pub(crate) order: OrderId,
    pub(crate) home: Option<Home>,
    pub(crate) standing: Standing,
    /// The order's payments, as the provider last showed them.
    pub(crate) payments: Vec<Payment>,
    /// When the provider last showed them; `None` while something may have happened since.
    pub(crate) sure: Option<TimeMs>,
    /// The payment that is in doubt, if it is known which.
    doubtful: Option<String>,
    /// The provider refused, without saying which payment it was.
    refused: bool,
    /// Whether this process has asked for money.
    pub(crate) attempted: bool,
    /// Results that are in the log or on their way there.
    pub(crate) told: SmallVec<[PaymentId; 2]>,
    /// Captures among them that no decision has answered.
    pub(crate) unanswered: SmallVec<[PaymentId; 1]>,
    pub(crate) repayments: Vec<Repayment>,
    faults: u32,
    seeks: u32,
    not_before: TimeMs,
    /// A call is under way.
    pub(crate) is_calling: bool,
    /// It waits for its turn.
    pub(crate) is_queued: bool,
    /// Only the log can say how it goes on.
    pub(crate) waits_for_log: bool,
    /// When it is woken next; zero: not at all.
    pub(crate) wakes_at: TimeMs,
}

impl Dossier {
    /// An order of which nothing is known yet.
    pub(crate) fn new(order: OrderId, home: Option<Home>, standing: Standing) -> Self {
        Self {
            order,
            home,
            standing,
            payments: Vec::new(),
            sure: None,
            doubtful: None,
            refused: false,
            attempted: false,
            told: SmallVec::new(),
            unanswered: SmallVec::new(),
            repayments: Vec::new(),
            faults: 0,
            seeks: 0,
            not_before: TimeMs(0),
            is_calling: false,
            is_queued: false,
            waits_for_log: false,
            wakes_at: TimeMs(0),
        }
    }

    /// What has to be done next.
    pub(crate) fn next_step(&self, now: TimeMs, limits: &PaymentLimits) -> Step {
        if let Some(step) = self.free() {
            return step;
        }
        if now < self.not_before {
            return Step::WaitUntil(self.not_before);
        }
        if self.sure.is_none() {
            return self.look();
        }
        if let Some(settle) = self.untold() {
            return Step::Tell(settle);
        }
        if let Some(step) = self.repay(now, limits) {
            return step;
        }
        let captured = self.payments.iter().any(|payment| payment.captured > 0);
        if let (true, Some(extra)) = (captured, self.live()) {
            return self.void(extra);
        }
        match self.standing {
            Standing::Open { deadline } => self.pursue(deadline, captured, now, limits),
            Standing::Ended { deadline } => self.close(deadline, now, limits),
            Standing::Over if !self.unanswered.is_empty() => Step::WaitForLog,
            Standing::Over => self.live().map_or(Step::Done, |live| self.void(live)),
        }
    }

    /// Orders that cost nothing have no need of a provider.
    fn free(&self) -> Option<Step> {
        let home = self.home.as_ref().filter(|home| home.amount == 0 && self.repayments.is_empty())?;
        let id = free_id(self.order);
        Some(match self.standing {
            Standing::Open { .. } if self.told.contains(&id) => Step::WaitForLog,
            Standing::Open { .. } => Step::Tell(self.settle(home, id, PaymentResult::Captured)),
            Standing::Ended { .. } | Standing::Over => Step::Done,
        })
    }

    fn look(&self) -> Step {
        Step::Call(match &self.doubtful {
            Some(id) => Call::Retrieve { id: id.clone() },
            None => Call::LookUp { order: self.order },
        })
    }

    /// The result of a capture the log was not told.
    fn untold(&self) -> Option<Settle> {
        let home = self.home.as_ref()?;
        let untold = |payment: &&Payment| payment.holds_money() && !self.told.contains(&payment.payment_id());
        let payment = self.payments.iter().find(untold)?;
        let mut settle = self.settle(home, payment.payment_id(), PaymentResult::Captured);
        (settle.amount, settle.currency) = (payment.captured, payment.currency);
        Some(settle)
    }

    fn repay(&self, now: TimeMs, limits: &PaymentLimits) -> Option<Step> {
        let repayment = self.repayments.first()?;
        if repayment.refused.is_some() {
            return Some(Step::GiveUp(repayment.payment));
        }
        let payment = self.payments.iter().find(|payment| payment.payment_id() == repayment.payment);
        if let Some(payment) = payment {
            let amount = owed(repayment, payment);
            return Some(Step::Call(Call::Refund { order: self.order, id: payment.id.clone(), amount }));
        }
        if self.seeks >= limits.seeks_max {
            return Some(Step::GiveUp(repayment.payment));
        }
        let again = self.sure.unwrap_or_default().after(delay_ms(self.seeks, limits));
        Some(if now < again {
            Step::WaitUntil(again)
        } else {
            Step::Call(Call::LookUp { order: self.order })
        })
    }

    /// A hold: authorise, capture, or say that it was declined.
    fn pursue(&self, deadline: TimeMs, captured: bool, now: TimeMs, limits: &PaymentLimits) -> Step {
        let Some(home) = &self.home else { return Step::Done };
        if captured || self.told.contains(&declined_id(self.order)) {
            return Step::WaitForLog;
        }
        let is_late = now.after(limits.capture_margin_ms) >= deadline;
        match self.live() {
            Some(payment) if payment.state == PaymentState::Authorised => {
                let pays = payment.amount == home.amount && payment.currency == home.currency;
                if pays && !is_late {
                    Step::Call(Call::Capture { order: self.order, id: payment.id.clone() })
                } else {
                    self.void(payment)
                }
            }
            Some(payment) if now >= deadline => self.void(payment),
            Some(payment) => {
                let again = self.sure.unwrap_or_default().after(limits.pending_poll_ms);
                match now < again.min(deadline) {
                    true => Step::WaitUntil(again.min(deadline)),
                    false => Step::Call(Call::Retrieve { id: payment.id.clone() }),
                }
            }
            None if !self.payments.is_empty() || self.refused => {
                Step::Tell(self.settle(home, declined_id(self.order), PaymentResult::Declined))
            }
            None if is_late => Step::Done,
            None => Step::Call(Call::Authorise(Charge {
                order: self.order,
                customer: home.customer,
                sku: home.sku,
                amount: home.amount,
                currency: home.currency,
            })),
        }
    }

    /// A hold that is over: nothing of its payment may stay behind at the provider.
    fn close(&self, deadline: TimeMs, now: TimeMs, limits: &PaymentLimits) -> Step {
        let id = closed_id(self.order);
        if !self.unanswered.is_empty() {
            return Step::WaitForLog;
        }
        if self.told.contains(&id) {
            return Step::Done;
        }
        if let Some(live) = self.live() {
            return self.void(live);
        }
        let Some(home) = &self.home else { return Step::Done };
        let certain = deadline.after(limits.close_after_ms);
        if self.payments.is_empty() && self.sure.unwrap_or_default() < certain {
            return if now < certain {
                Step::WaitUntil(certain)
            } else {
                Step::Call(Call::LookUp { order: self.order })
            };
        }
        Step::Tell(self.settle(home, id, PaymentResult::Declined))
    }

    /// A payment that may still be captured.
    fn live(&self) -> Option<&Payment> {
        self.payments.iter().find(|payment| !payment.is_final())
    }

    fn void(&self, payment: &Payment) -> Step {
        Step::Call(Call::Void { order: self.order, id: payment.id.clone() })
    }

    fn settle(&self, home: &Home, payment: PaymentId, result: PaymentResult) -> Settle {
        let (order, sku, currency) = (self.order, home.sku, home.currency);
        Settle { order, sku, payment, amount: 0, currency, result }
    }

    /// The log is being told.
    pub(crate) fn note_told(&mut self, settle: &Settle) {
        self.note_result(settle.payment);
        if settle.result == PaymentResult::Captured && !self.unanswered.contains(&settle.payment) {
            self.unanswered.push(settle.payment);
        }
    }

    /// The log has this result.
    pub(crate) fn note_result(&mut self, payment: PaymentId) {
        if !self.told.contains(&payment) {
            self.told.push(payment);
        }
    }

    /// A decision has answered this result.
    pub(crate) fn note_answer(&mut self, payment: PaymentId) {
        self.note_result(payment);
        self.unanswered.retain(|unanswered| *unanswered != payment);
    }

    /// The log says that money has to go back.
    pub(crate) fn note_refund(&mut self, payment: PaymentId, amount: MinorUnits, offset: u64) {
        self.note_answer(payment);
        if amount > 0 && !self.repayments.iter().any(|repayment| repayment.payment == payment) {
            self.repayments.push(Repayment { payment, offset, amount, refused: None });
            self.forget_repaid();
        }
    }

    /// A repayment was given up.
    pub(crate) fn note_given_up(&mut self, payment: PaymentId) {
        self.repayments.retain(|repayment| repayment.payment != payment);
        self.seeks = 0;
    }

    /// Something may have happened at the provider that we have not seen.
    pub(crate) fn doubt(&mut self) {
        self.sure = None;
        self.doubtful = self.live().map(|payment| payment.id.clone());
        self.not_before = TimeMs(0);
    }

    /// The provider has answered `call`.
    pub(crate) fn learn(&mut self, call: &Call, said: Said, now: TimeMs, limits: &PaymentLimits) {
        match said {
            Said::Payment(payment) => {
                let faults = self.faults;
                self.merge(payment);
                self.be_sure(now);
                // What was to be changed and was not is tried again, but not at once.
                let unchanged = match call {
                    Call::Capture { id, .. } | Call::Void { id, .. } => {
                        self.payments.iter().any(|known| known.id == *id && !known.is_final())
                    }
                    _ => false,
                };
                if unchanged {
                    self.wait_after(faults, now, limits);
                }
            }
            Said::Payments(payments) => {
                // Another ledger may have an order under the same id: its payments are not ours.
                let home = self.home.as_ref().map(|home| home.sku);
                let is_ours =
                    |payment: &Payment| payment.sku.is_none() || home.is_none() || payment.sku == home;
                payments.into_iter().filter(is_ours).for_each(|payment| self.merge(payment));
                self.be_sure(now);
                self.seeks = if self.repayments.is_empty() { 0 } else { self.seeks.saturating_add(1) };
            }
            Said::Fault(fault) => self.learn_fault(call, fault, now, limits),
        }
        self.forget_repaid();
    }

    fn be_sure(&mut self, now: TimeMs) {
        (self.sure, self.doubtful, self.faults) = (Some(now), None, 0);
    }

    fn learn_fault(&mut self, call: &Call, fault: Fault, now: TimeMs, limits: &PaymentLimits) {
        match (fault.verdict, call) {
            (Verdict::Decline, Call::Authorise(_)) => {
                self.refused = true;
                return self.be_sure(now);
            }
            (Verdict::Decline, Call::Refund { id, .. }) => {
                let refused =
                    self.repayments.iter_mut().find(|repayment| names(repayment, &self.payments, id));
                if let Some(repayment) = refused {
                    repayment.refused = Some(fault.detail);
                }
                return;
            }
            (Verdict::Decline | Verdict::LookUp | Verdict::Missing, _) => {
                self.sure = None;
                self.doubtful = match call {
                    Call::Capture { id, .. } | Call::Void { id, .. } | Call::Refund { id, .. } => {
                        Some(id.clone())
                    }
                    // The provider does not find it by its name any more, or none is known.
                    Call::Authorise(_) | Call::Retrieve { .. } | Call::LookUp { .. } => None,
                };
            }
            (Verdict::Retry | Verdict::Halt, _) => {}
        }
        self.wait_after(self.faults, now, limits);
    }

    fn wait_after(&mut self, faults: u32, now: TimeMs, limits: &PaymentLimits) {
        self.not_before = now.after(delay_ms(faults, limits));
        self.faults = faults.saturating_add(1);
    }

    /// Takes over what the provider shows. A payment never goes back, so what looks like it is an old view.
    fn merge(&mut self, payment: Payment) {
        let known = self.payments.iter_mut().find(|known| known.id == payment.id);
        if let Some(known) = known {
            if rank(&payment) >= rank(known) {
                *known = payment;
            }
        } else if self.payments.len() < PAYMENTS_PER_ORDER_MAX {
            self.payments.push(payment);
        }
    }

    fn forget_repaid(&mut self) {
        let payments = &self.payments;
        self.repayments.retain(|repayment| {
            let known = payments.iter().find(|payment| payment.payment_id() == repayment.payment);
            known.is_none_or(|payment| owed(repayment, payment) > 0)
        });
    }
}

fn names(repayment: &Repayment, payments: &[Payment], id: &str) -> bool {
    payments.iter().any(|payment| payment.id == id && payment.payment_id() == repayment.payment)
}

/// How much of a repayment is left to pay; never more than was taken.
fn owed(repayment: &Repayment, payment: &Payment) -> MinorUnits {
    repayment.amount.min(payment.captured).saturating_sub(payment.refunded)
}

fn rank(payment: &Payment) -> (u8, MinorUnits, MinorUnits) {
    let state = match payment.state {
        PaymentState::Pending => 0,
        PaymentState::Declined => 1,
        PaymentState::Authorised => 2,
        PaymentState::Voided => 3,
        PaymentState::Captured => 4,
    };
    (state, payment.captured, payment.refunded)
}

/// The wait after so many faults; orders spread by nothing here, as calls are bounded anyway.
fn delay_ms(faults: u32, limits: &PaymentLimits) -> u64 {
    let factor = 1_u64.checked_shl(faults.min(32)).unwrap_or(u64::MAX);
    limits.retry_ms_min.saturating_mul(factor).min(limits.retry_ms_max)
}
