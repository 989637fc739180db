//! A provider of our own that misbehaves on demand: it declines, delays, loses answers, repeats and reorders callbacks,
//! turns calls away, and forgets idempotency keys.
//!
//! Promised: the same seed, calls and times give the same behaviour, in whatever order the calls of different orders
//! come; its book is right whatever it answers. It is deterministic by (order, kind of call, how manieth), not by time.

mod options;

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use order_model::{MinorUnits, OrderId, TimeMs};
use smallvec::SmallVec;

pub use options::{SandboxFaults, SandboxOptions};

use crate::callback::sign;
use crate::classify::{Refusal, classify};
use crate::provider::{Answer, Charge, Fault, Payment, PaymentState, Provider, Verdict};
use crate::shape::write_payment;

/// A callback as the sandbox sends it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SentCallback {
    /// The value of [`crate::SIGNATURE_HEADER`].
    pub signature: String,
    /// The body.
    pub body: Vec<u8>,
}

/// What the sandbox took and gave back.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Takings {
    /// Payments captured.
    pub captures: u64,
    /// Taken, in minor units, whatever the currency.
    pub taken: MinorUnits,
    /// Given back.
    pub refunded: MinorUnits,
    /// Set aside and neither taken nor given up.
    pub set_aside: MinorUnits,
}

/// The sandbox. Clones share its book.
#[derive(Clone)]
pub struct Sandbox(Arc<Inner>);

struct Inner {
    options: SandboxOptions,
    book: Mutex<Book>,
}

#[derive(Default)]
struct Book {
    orders: HashMap<OrderId, Page>,
    /// The orders of payments that have a name of their own.
    planted: HashMap<String, OrderId>,
    callbacks: Vec<SentCallback>,
    is_down: bool,
}

/// What the book knows of one order.
#[derive(Default)]
struct Page {
    /// Its payments, oldest first.
    payments: SmallVec<[Payment; 1]>,
    /// Which of them stands under which key, and the amount it was asked for.
    keys: SmallVec<[(String, usize, MinorUnits); 1]>,
    /// How often each kind of call came.
    calls: SmallVec<[(&'static str, u64); 2]>,
}

impl Book {
    fn page(&mut self, order: OrderId) -> &mut Page {
        self.orders.entry(order).or_default()
    }

    /// The order a payment was made for: its name says so, unless it was planted.
    fn order_of(&self, id: &str) -> OrderId {
        let named = || id.strip_prefix("pi_")?.split_once('_')?.0.parse().ok();
        self.planted.get(id).copied().or_else(named).unwrap_or_default()
    }

    fn payment(&mut self, id: &str) -> Option<&mut Payment> {
        let page = self.orders.get_mut(&self.order_of(id))?;
        page.payments.iter_mut().find(|payment| payment.id == id)
    }

    fn payments(&self) -> impl Iterator<Item = &Payment> {
        self.orders.values().flat_map(|page| &page.payments)
    }
}

impl Page {
    fn count(&mut self, kind: &'static str) -> u64 {
        if let Some((_, count)) = self.calls.iter_mut().find(|(known, _)| *known == kind) {
            *count += 1;
            return *count;
        }
        self.calls.push((kind, 1));
        1
    }

    fn counted(&self, kind: &str) -> u64 {
        self.calls.iter().find(|(known, _)| *known == kind).map_or(0, |(_, count)| *count)
    }
}

/// A refusal in the words of the API, and the payment it shows.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Refused {
    pub(crate) status: u16,
    pub(crate) kind: &'static str,
    pub(crate) code: &'static str,
    pub(crate) payment: Option<Box<Payment>>,
}

type Done<T> = Result<T, Refused>;

impl Sandbox {
    /// An empty sandbox.
    pub fn new(options: SandboxOptions) -> Self {
        Self(Arc::new(Inner { options, book: Mutex::default() }))
    }

    /// A sandbox that never misbehaves.
    pub fn honest() -> Self {
        let clock = Arc::new(|| TimeMs(1_700_000_000_000));
        Self::new(SandboxOptions {
            seed: 0,
            faults: SandboxFaults::default(),
            befalls: Arc::new(|_| true),
            secret: "honest".to_owned(),
            clock,
        })
    }

    /// Every payment, by name.
    pub fn payments(&self) -> Vec<Payment> {
        let mut payments: Vec<Payment> = self.book().payments().cloned().collect();
        payments.sort_by(|a, b| a.id.cmp(&b.id));
        payments
    }

    /// What was taken and given back.
    pub fn takings(&self) -> Takings {
        let mut takings = Takings::default();
        for payment in self.book().payments() {
            takings.captures += u64::from(payment.captured > 0);
            takings.taken += payment.captured;
            takings.refunded += payment.refunded;
            takings.set_aside += if payment.state == PaymentState::Authorised { payment.amount } else { 0 };
        }
        takings
    }

    /// Takes the callbacks that are to be sent now.
    pub fn take_callbacks(&self) -> Vec<SentCallback> {
        std::mem::take(&mut self.book().callbacks)
    }

    /// Stops answering, or answers again. What is called meanwhile does not happen.
    pub fn set_down(&self, is_down: bool) {
        self.book().is_down = is_down;
    }

    /// Forgets every idempotency key, as providers do after a while.
    pub fn forget_keys(&self) {
        self.book().orders.values_mut().for_each(|page| page.keys.clear());
    }

    /// Puts a payment in the book that nobody of ours asked for, and calls back about it.
    pub fn plant(&self, payment: Payment) {
        let mut book = self.book();
        self.0.announce(&mut book, &payment);
        let order = payment.order.unwrap_or_default();
        book.planted.insert(payment.id.clone(), order);
        book.page(order).payments.push(payment);
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.book.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// One call: counts it, misbehaves, does it. Says how long to wait before the answer, and the answer; `None` is lost.
    fn call<T>(
        &self,
        order: OrderId,
        kind: &'static str,
        act: impl FnOnce(&Inner, &mut Book) -> Done<T>,
    ) -> (Duration, Option<Done<T>>) {
        let inner = &self.0;
        let mut book = self.book();
        let count = book.page(order).count(kind);
        let faults = inner.options.faults;
        let rolls = |fault: &str, per_mille| inner.rolls(order, kind, count, fault, per_mille);
        let is_slow = rolls("slow", faults.slow);
        let delay = Duration::from_millis(if is_slow { faults.delay_ms.1 } else { faults.delay_ms.0 });
        if book.is_down {
            return (delay, None);
        }
        if rolls("turned away", faults.turned_away) {
            let too_many = Refused { status: 429, kind: "", code: "rate_limit", payment: None };
            let broken = Refused { status: 500, kind: "api_error", code: "", payment: None };
            return (delay, Some(Err(if count % 2 == 1 { too_many } else { broken })));
        }
        let done = act(inner, &mut book);
        let is_lost = rolls("lost", faults.lost);
        (delay, (!is_lost).then_some(done))
    }

    pub(crate) fn authorise_now(&self, charge: &Charge) -> (Duration, Option<Done<Payment>>) {
        self.call(charge.order, "authorise", |inner, book| inner.authorise(book, charge))
    }

    pub(crate) fn capture_now(&self, id: &str) -> (Duration, Option<Done<Payment>>) {
        self.call(self.order_of(id), "capture", |inner, book| {
            inner.change(book, id, |payment| match payment.state {
                PaymentState::Authorised => {
                    let order = payment.order.unwrap_or_default();
                    let is_short = inner.rolls(order, "payment", 0, "short", inner.options.faults.short);
                    payment.state = PaymentState::Captured;
                    payment.captured = payment.amount - MinorUnits::from(is_short);
                    Ok(())
                }
                _ => Err("payment_intent_unexpected_state"),
            })
        })
    }

    pub(crate) fn void_now(&self, id: &str) -> (Duration, Option<Done<Payment>>) {
        self.call(self.order_of(id), "void", |inner, book| {
            inner.change(book, id, |payment| match payment.state {
                PaymentState::Captured | PaymentState::Voided => Err("payment_intent_unexpected_state"),
                _ => {
                    payment.state = PaymentState::Voided;
                    Ok(())
                }
            })
        })
    }

    pub(crate) fn refund_now(&self, id: &str, amount: MinorUnits) -> (Duration, Option<Done<Payment>>) {
        self.call(self.order_of(id), "refund", |inner, book| {
            inner.change(book, id, |payment| {
                if amount <= 0 || payment.captured == 0 {
                    return Err("parameter_invalid_integer");
                }
                if payment.refunded.saturating_add(amount) > payment.captured {
                    return Err("charge_already_refunded");
                }
                payment.refunded += amount;
                Ok(())
            })
        })
    }

    pub(crate) fn retrieve_now(&self, id: &str) -> (Duration, Option<Done<Payment>>) {
        self.call(self.order_of(id), "retrieve", |inner, book| {
            inner.decide_pending(book, id);
            book.payment(id).cloned().ok_or_else(missing)
        })
    }

    pub(crate) fn look_up_now(&self, order: OrderId) -> (Duration, Option<Done<Vec<Payment>>>) {
        self.call(order, "look up", |_, book| Ok(book.page(order).payments.to_vec()))
    }

    fn order_of(&self, id: &str) -> OrderId {
        self.book().order_of(id)
    }
}

impl Inner {
    /// Whether something that happens so many times in a thousand happens here. A function of its arguments and the
    /// seed, so that no other order's calls change it.
    fn rolls(&self, order: OrderId, kind: &str, count: u64, fault: &str, per_mille: u64) -> bool {
        if per_mille == 0 || per_mille >= 1_000 {
            return per_mille > 0;
        }
        if !(self.options.befalls)(order) {
            return false;
        }
        let mut hasher = blake3::Hasher::new();
        hasher.update(&self.options.seed.to_le_bytes()).update(&order.0).update(&count.to_le_bytes());
        hasher.update(kind.as_bytes()).update(b"/").update(fault.as_bytes());
        let hash = hasher.finalize();
        let number = hash.as_bytes().first_chunk::<8>().map_or(0, |bytes| u64::from_le_bytes(*bytes));
        number % 1_000 < per_mille
    }

    fn authorise(&self, book: &mut Book, charge: &Charge) -> Done<Payment> {
        let page = book.page(charge.order);
        let key = charge.key();
        if let Some((_, index, amount)) = page.keys.iter().find(|(known, ..)| *known == key) {
            if *amount != charge.amount {
                return Err(Refused { status: 400, kind: "idempotency_error", code: "", payment: None });
            }
            let payment = page.payments.get(*index).cloned().ok_or_else(missing)?;
            return if payment.state == PaymentState::Declined {
                Err(declined(payment))
            } else {
                Ok(payment)
            };
        }
        if charge.amount <= 0 {
            let (kind, code) = ("invalid_request_error", "parameter_invalid_integer");
            return Err(Refused { status: 400, kind, code, payment: None });
        }
        let faults = self.options.faults;
        let rolls = |fault, per_mille| self.rolls(charge.order, "payment", 0, fault, per_mille);
        let state = match () {
            () if rolls("declined", faults.declined) => PaymentState::Declined,
            () if rolls("pending", faults.pending) => PaymentState::Pending,
            () => PaymentState::Authorised,
        };
        let other = MinorUnits::from(rolls("other amount", faults.other_amount));
        let before = page.payments.len();
        let payment = Payment {
            id: format!("pi_{}_{before}", charge.order),
            order: Some(charge.order),
            sku: Some(charge.sku),
            state,
            amount: charge.amount + other,
            currency: charge.currency,
            captured: 0,
            refunded: 0,
            created: (self.options.clock)(),
        };
        page.payments.push(payment.clone());
        if !rolls("forgotten", faults.forgotten) {
            page.keys.push((key, before, charge.amount));
        }
        self.announce(book, &payment);
        if payment.state == PaymentState::Declined { Err(declined(payment)) } else { Ok(payment) }
    }

    fn change(
        &self,
        book: &mut Book,
        id: &str,
        change: impl FnOnce(&mut Payment) -> Result<(), &'static str>,
    ) -> Done<Payment> {
        let payment = book.payment(id).ok_or_else(missing)?;
        change(payment).map_err(|code| Refused {
            status: 400,
            kind: "invalid_request_error",
            code,
            payment: Some(Box::new(payment.clone())),
        })?;
        let payment = payment.clone();
        self.announce(book, &payment);
        Ok(payment)
    }

    /// A pending payment is decided at the third look.
    fn decide_pending(&self, book: &mut Book, id: &str) {
        let order = book.order_of(id);
        let looks = book.page(order).counted("retrieve");
        let Some(payment) = book.payment(id) else { return };
        if payment.state == PaymentState::Pending && looks >= 3 {
            let refuses = self.rolls(order, "pending", 0, "refuses", 250);
            payment.state = if refuses { PaymentState::Declined } else { PaymentState::Authorised };
            let payment = payment.clone();
            self.announce(book, &payment);
        }
    }

    fn announce(&self, book: &mut Book, payment: &Payment) {
        if self.options.faults.unsent >= 1_000 {
            return;
        }
        let order = payment.order.unwrap_or_default();
        let kind = match payment.state {
            PaymentState::Pending => "processing",
            PaymentState::Authorised => "amount_capturable_updated",
            PaymentState::Captured => "succeeded",
            PaymentState::Declined => "payment_failed",
            PaymentState::Voided => "canceled",
        };
        let name = format!("{kind}:{}:{}", payment.captured, payment.refunded);
        let faults = self.options.faults;
        let rolls = |fault, per_mille| self.rolls(order, &name, 0, fault, per_mille);
        if rolls("unsent", faults.unsent) {
            return;
        }
        let body = serde_json::json!({
            "id": format!("evt_{}_{name}", payment.id),
            "type": format!("payment_intent.{kind}"),
            "created": payment.created.0 / 1_000,
            "data": {"object": write_payment(payment)},
        });
        let body = body.to_string().into_bytes();
        let signature = sign(&self.options.secret, &body, (self.options.clock)());
        let callback = SentCallback { signature, body };
        if rolls("repeated", faults.repeated) {
            book.callbacks.push(callback.clone());
        }
        let last = book.callbacks.len().saturating_sub(1);
        let place = if rolls("reordered", faults.reordered) { last } else { book.callbacks.len() };
        book.callbacks.insert(place, callback);
    }
}

fn missing() -> Refused {
    Refused { status: 404, kind: "invalid_request_error", code: "resource_missing", payment: None }
}

fn declined(payment: Payment) -> Refused {
    Refused { status: 402, kind: "card_error", code: "card_declined", payment: Some(Box::new(payment)) }
}

/// The answer in time, or the fault of one that was lost or refused.
async fn answer<T>((delay, done): (Duration, Option<Done<T>>)) -> Result<T, (Fault, Option<Box<Payment>>)> {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match done {
        Some(Ok(value)) => Ok(value),
        Some(Err(Refused { status, kind, code, payment })) => {
            let verdict = classify(Refusal { status, kind, code });
            Err((Fault::new(verdict, format!("the sandbox answered {status} {kind} {code}")), payment))
        }
        None => Err((Fault::new(Verdict::LookUp, "the sandbox did not answer"), None)),
    }
}

async fn one(done: (Duration, Option<Done<Payment>>)) -> Answer<Payment> {
    match answer(done).await {
        Err((fault, Some(payment))) if fault.verdict == Verdict::Decline => Ok(*payment),
        other => other.map_err(|(fault, _)| fault),
    }
}

impl Provider for Sandbox {
    fn name(&self) -> &str {
        "sandbox"
    }

    async fn authorise(&self, charge: &Charge) -> Answer<Payment> {
        one(self.authorise_now(charge)).await
    }

    async fn capture(&self, _order: OrderId, id: &str) -> Answer<Payment> {
        one(self.capture_now(id)).await
    }

    async fn void(&self, _order: OrderId, id: &str) -> Answer<Payment> {
        one(self.void_now(id)).await
    }

    async fn refund(&self, _order: OrderId, id: &str, amount: MinorUnits) -> Answer<Payment> {
        answer(self.refund_now(id, amount)).await.map_err(|(fault, _)| fault)
    }

    async fn retrieve(&self, id: &str) -> Answer<Payment> {
        one(self.retrieve_now(id)).await
    }

    async fn look_up(&self, order: OrderId) -> Answer<Vec<Payment>> {
        answer(self.look_up_now(order)).await.map_err(|(fault, _)| fault)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn faults_befall_only_whom_they_may() {
        let sandbox = Sandbox::new(SandboxOptions {
            seed: 7,
            faults: SandboxFaults { declined: 900, ..SandboxFaults::default() },
            befalls: Arc::new(|order| order < OrderId::from(50)),
            secret: String::new(),
            clock: Arc::new(|| TimeMs(1)),
        });
        let is_declined = |order: u128| {
            let (sku, currency) = ("a".parse().unwrap(), "EUR".parse().unwrap());
            let charge = Charge { order: order.into(), customer: 1.into(), sku, amount: 100, currency };
            let (_, done) = sandbox.authorise_now(&charge);
            matches!(done, Some(Err(_)))
        };
        let declined: Vec<u128> = (0..100).filter(|order| is_declined(*order)).collect();
        assert!(declined.len() > 30 && declined.iter().all(|order| *order < 50), "{declined:?}");
    }
}
