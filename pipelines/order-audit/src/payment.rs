//! Payments: what became of each, so that no money ends twice.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use order_model::{OrderEventKind, OrderId, PaymentId, PaymentResult, Settle, TimeMs, limits};

/// What became of a payment.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Outcome {
    pub(crate) kind: OrderEventKind,
    pub(crate) at: TimeMs,
}

impl Outcome {
    /// Whether the ledger may have forgotten it. What decided an order is remembered with that order, `placed` at
    /// that time: an order of the same id that was placed later knows nothing of it.
    pub(crate) fn may_be_forgotten(&self, now: TimeMs, placed: Option<TimeMs>) -> bool {
        match self.kind {
            OrderEventKind::Paid | OrderEventKind::Declined => placed.is_none_or(|placed| placed > self.at),
            _ => now >= self.at.after(limits::RETENTION_MS_REFUNDS),
        }
    }
}

/// Every payment of a ledger, its money and its declines apart: one does not speak for the other. Keyed by a
/// fingerprint of order and payment, to be small.
#[derive(Debug, Default)]
pub(crate) struct Payments {
    /// Where the money of a payment went: into a sale or back.
    money: HashMap<u64, Outcome>,
    /// What a decline of a payment led to.
    declines: HashMap<u64, Outcome>,
}

impl Payments {
    /// Where the money of a payment went, if any was taken.
    pub(crate) fn money(&self, order: OrderId, payment: PaymentId) -> Option<Outcome> {
        self.money.get(&fingerprint(order, payment)).copied()
    }

    /// What was decided before and makes a further result of the payment a repeat. Money that is taken is only a
    /// repeat of money; a decline is one of both.
    pub(crate) fn repeated(&self, settle: &Settle) -> impl Iterator<Item = Outcome> {
        let key = fingerprint(settle.order, settle.payment);
        let decline = match settle.result {
            PaymentResult::Captured => None,
            PaymentResult::Declined => self.declines.get(&key),
        };
        self.money.get(&key).into_iter().chain(decline).copied()
    }

    /// Notes what became of a payment.
    pub(crate) fn note(&mut self, order: OrderId, payment: PaymentId, kind: OrderEventKind, at: TimeMs) {
        let outcomes = match kind {
            OrderEventKind::Paid | OrderEventKind::Refund => &mut self.money,
            _ => &mut self.declines,
        };
        outcomes.insert(fingerprint(order, payment), Outcome { kind, at });
    }
}

fn fingerprint(order: OrderId, payment: PaymentId) -> u64 {
    let mut hasher = DefaultHasher::new();
    (order, payment).hash(&mut hasher);
    hasher.finish()
}
