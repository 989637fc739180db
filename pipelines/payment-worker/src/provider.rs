//! What a payment provider does for us, whoever it is.
//!
//! Promised by every [`Provider`], and relied on:
//! - Authorising twice under one [`Charge::key`] is one payment, as long as the provider remembers the key. When it may
//!   have forgotten, it is looked up first.
//! - A payment is captured once, voided once, and neither after the other; the provider's own state decides who was
//!   first.
//! - No more is given back than was taken.
//!
//! Not promised: that an answer comes, that it comes once, or that what failed did not happen.

use std::future::Future;

use order_model::{Currency, CustomerId, MinorUnits, OrderId, PaymentId, PaymentResult, Settle, Sku, TimeMs};

/// What an order has to pay.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Charge {
    /// The order.
    pub order: OrderId,
    /// Who pays.
    pub customer: CustomerId,
    /// The order's smallest SKU; comes back with the payment, so that its result finds its partition.
    pub sku: Sku,
    /// How much.
    pub amount: MinorUnits,
    /// In which currency.
    pub currency: Currency,
}

impl Charge {
    /// The key under which the provider recognises a repeat: the order's id and its ledger's SKU. The id alone would let
    /// one payment pay twice: an id is known to its own ledger only, so whoever makes up ids can give one to two orders.
    pub fn key(&self) -> String {
        let hash = blake3::hash(self.sku.as_bytes()).to_hex();
        format!("{}-{}", self.order, hash.split_at(16).0)
    }
}

/// A payment as the provider has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Payment {
    /// The provider's name for it.
    pub id: String,
    /// The order it was made for, if it is one of ours.
    pub order: Option<OrderId>,
    /// The order's smallest SKU, if the payment is one of ours.
    pub sku: Option<Sku>,
    /// How far it has got.
    pub state: PaymentState,
    /// How much it is for.
    pub amount: MinorUnits,
    /// In which currency.
    pub currency: Currency,
    /// How much was taken.
    pub captured: MinorUnits,
    /// How much of that was given back.
    pub refunded: MinorUnits,
    /// When it was made, by the provider's clock.
    pub created: TimeMs,
}

impl Payment {
    /// The name it has in the log.
    pub fn payment_id(&self) -> PaymentId {
        id_of(b"payment", self.id.as_bytes())
    }

    /// Whether money was taken and is not all given back.
    pub fn holds_money(&self) -> bool {
        self.captured > self.refunded
    }

    /// What the log is to be told of it: the money that was taken. `None` where it is none of ours, or none was taken.
    pub fn settle(&self) -> Option<Settle> {
        let (order, sku) = self.order.zip(self.sku).filter(|_| self.holds_money())?;
        Some(Settle {
            order,
            sku,
            payment: self.payment_id(),
            amount: self.captured,
            currency: self.currency,
            result: PaymentResult::Captured,
        })
    }

    /// Whether nothing will happen to it unless we ask for it.
    pub(crate) fn is_final(&self) -> bool {
        matches!(self.state, PaymentState::Captured | PaymentState::Declined | PaymentState::Voided)
    }
}

/// How far a payment has got.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum PaymentState {
    /// The provider, the bank or the customer has still to decide.
    Pending,
    /// The money is set aside and can be captured.
    Authorised,
    /// The money was taken.
    Captured,
    /// It was refused.
    Declined,
    /// It was given up before anything was taken.
    Voided,
}

/// What to do about a call that did not give what was asked for.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Verdict {
    /// Nothing happened: make the same call again, later.
    Retry,
    /// It may have happened: look at the payment before anything else.
    LookUp,
    /// The provider knows no such payment, at least not yet: look by the order.
    Missing,
    /// The provider will never do it.
    Decline,
    /// No call will succeed until a person has done something: stop.
    Halt,
}

/// Why a call gave nothing.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{detail}")]
pub struct Fault {
    /// What to do about it.
    pub verdict: Verdict,
    /// What the provider said, for people.
    pub detail: String,
}

impl Fault {
    /// A fault; a long detail is cut.
    pub fn new(verdict: Verdict, detail: impl Into<String>) -> Self {
        let mut detail = detail.into();
        detail.truncate(detail.floor_char_boundary(crate::limits::DETAIL_BYTES_MAX));
        Self { verdict, detail }
    }
}

/// What a call gives.
pub type Answer<T> = Result<T, Fault>;

/// A payment provider.
pub trait Provider: Send + Sync + 'static {
    /// Its name, for people.
    fn name(&self) -> &str;

    /// Sets the money aside, under [`Charge::key`] as idempotency key. A payment that was refused is an answer, not a
    /// fault, where the provider says which payment it is.
    fn authorise(&self, charge: &Charge) -> impl Future<Output = Answer<Payment>> + Send;

    /// Takes all the money of an authorised payment.
    fn capture(&self, order: OrderId, id: &str) -> impl Future<Output = Answer<Payment>> + Send;

    /// Gives up a payment of which nothing was taken.
    fn void(&self, order: OrderId, id: &str) -> impl Future<Output = Answer<Payment>> + Send;

    /// Gives back `amount` of a captured payment, under the order and the payment as idempotency key. Says how the
    /// payment is then.
    fn refund(
        &self,
        order: OrderId,
        id: &str,
        amount: MinorUnits,
    ) -> impl Future<Output = Answer<Payment>> + Send;

    /// The payment called `id`.
    fn retrieve(&self, id: &str) -> impl Future<Output = Answer<Payment>> + Send;

    /// Every payment made under an order's id, as far as the provider can find them now.
    fn look_up(&self, order: OrderId) -> impl Future<Output = Answer<Vec<Payment>>> + Send;
}

/// Results that have no payment at the provider still have an id in the log, made from the order.
///
/// The hold was refused its money.
pub(crate) fn declined_id(order: OrderId) -> PaymentId {
    id_of(b"declined", &order.0)
}

/// The hold is over, and nothing of its payment is left at the provider.
pub(crate) fn closed_id(order: OrderId) -> PaymentId {
    id_of(b"closed", &order.0)
}

/// The order costs nothing.
pub(crate) fn free_id(order: OrderId) -> PaymentId {
    id_of(b"free", &order.0)
}

fn id_of(kind: &[u8], name: &[u8]) -> PaymentId {
    let mut hasher = blake3::Hasher::new_derive_key("doorbuster 2026 payment id version 1");
    hasher.update(kind).update(b":").update(name);
    let mut id = [0; 16];
    hasher.finalize_xof().fill(&mut id);
    PaymentId(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_of_different_kinds_differ() {
        let order = OrderId([7; 16]);
        let ids = [declined_id(order), closed_id(order), free_id(order), id_of(b"payment", &order.0)];
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids.iter().skip(index + 1).any(|other| other == id));
            assert_ne!(*id, PaymentId::default());
        }
        assert_ne!(declined_id(order), declined_id(OrderId([8; 16])));
    }

    #[test]
    fn a_long_detail_is_cut_between_characters() {
        let fault = Fault::new(Verdict::Halt, "ä".repeat(400));
        assert!(fault.detail.len() <= crate::limits::DETAIL_BYTES_MAX);
        assert_eq!(fault.verdict, Verdict::Halt);
    }
}
