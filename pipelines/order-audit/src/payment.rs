//! Payments: what became of each, so that no money ends twice.

use std::collections::{HashMap, HashSet};
use std::hash::{DefaultHasher, Hash, Hasher};

use order_model::{OrderEventKind, OrderId, PaymentId, TimeMs, limits};

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

/// Every payment of a ledger. Keyed by a fingerprint of order and payment, to be small.
#[derive(Debug, Default)]
pub(crate) struct Payments {
    outcomes: HashMap<u64, Outcome>,
    /// Payments by themselves: one that a ledger gave back for one order may be taken for a repeat at another.
    given_back: HashSet<PaymentId>,
}

impl Payments {
    pub(crate) fn outcome(&self, order: OrderId, payment: PaymentId) -> Option<Outcome> {
        self.outcomes.get(&fingerprint(order, payment)).copied()
    }

    /// Notes what became of a payment.
    pub(crate) fn note(&mut self, order: OrderId, payment: PaymentId, kind: OrderEventKind, at: TimeMs) {
        self.outcomes.insert(fingerprint(order, payment), Outcome { kind, at });
        if kind != OrderEventKind::Paid {
            self.given_back.insert(payment);
        }
    }

    /// Whether a payment was given back or declined, for whatever order.
    pub(crate) fn was_given_back(&self, payment: PaymentId) -> bool {
        self.given_back.contains(&payment)
    }
}

fn fingerprint(order: OrderId, payment: PaymentId) -> u64 {
    let mut hasher = DefaultHasher::new();
    (order, payment).hash(&mut hasher);
    hasher.finish()
}
