//! The lines of an order that are its ledger's own.
//!
//! Nearly every order has one line, and an order that has ended has none: the room of the one line is all there is, and
//! after the end it holds the payment, if one ended the order. A million orders are remembered; every byte counts.

use std::ops::{Deref, DerefMut};

use order_model::PaymentId;

use crate::order::OwnLine;

/// This ledger's lines of an order, in SKU order; read as a slice.
#[derive(Default)]
pub(crate) enum OwnLines {
    /// No lines: rejected, ended without a payment, or all lines are others'.
    #[default]
    None,
    One(OwnLine),
    Many(Box<[OwnLine]>),
    /// No lines any more: this payment paid or declined the order.
    Settled(PaymentId),
}

impl OwnLines {
    pub(crate) fn payment(&self) -> Option<PaymentId> {
        match self {
            Self::Settled(payment) => Some(*payment),
            _ => None,
        }
    }

    pub(crate) fn extend(&mut self, more: &[OwnLine]) {
        *self = self.iter().chain(more).copied().collect();
    }
}

impl Deref for OwnLines {
    type Target = [OwnLine];

    fn deref(&self) -> &[OwnLine] {
        match self {
            Self::None | Self::Settled(_) => &[],
            Self::One(line) => std::slice::from_ref(line),
            Self::Many(lines) => lines,
        }
    }
}

impl DerefMut for OwnLines {
    fn deref_mut(&mut self) -> &mut [OwnLine] {
        match self {
            Self::None | Self::Settled(_) => &mut [],
            Self::One(line) => std::slice::from_mut(line),
            Self::Many(lines) => lines,
        }
    }
}

impl FromIterator<OwnLine> for OwnLines {
    fn from_iter<I: IntoIterator<Item = OwnLine>>(lines: I) -> Self {
        let mut lines = lines.into_iter();
        let Some(first) = lines.next() else { return Self::None };
        match lines.next() {
            None => Self::One(first),
            Some(second) => Self::Many([first, second].into_iter().chain(lines).collect()),
        }
    }
}
