//! The open orders of one partition, as its decisions leave them. Pure: no clock, no I/O.
//!
//! Promised: what is on the shelf is a function of the decisions and of what the provider said; whoever reads the
//! partition again from the beginning has the same orders open. An order that is not on the shelf and still needs
//! something is named, with all that is needed, by a later decision.

use std::collections::HashMap;

use order_model::{Decision, Event, OrderEvent, OrderEventKind, OrderId, TimeMs};

use crate::dossier::{Dossier, Home, Standing};
use crate::provider::{closed_id, declined_id};

/// The dossiers of a partition.
#[derive(Default)]
pub(crate) struct Shelf {
    dossiers: HashMap<OrderId, Dossier>,
}

impl Shelf {
    pub(crate) fn len(&self) -> usize {
        self.dossiers.len()
    }

    /// Those that need more than news from the log; of a partition that is being `restored`, without open holds, which
    /// may be over further on.
    pub(crate) fn burdens(&self, restored: bool) -> usize {
        let is_open = |dossier: &Dossier| matches!(dossier.standing, Standing::Open { .. });
        let counts = |dossier: &&Dossier| !dossier.waits_for_log && (restored || !is_open(dossier));
        self.dossiers.values().filter(counts).count()
    }

    pub(crate) fn get_mut(&mut self, order: &OrderId) -> Option<&mut Dossier> {
        self.dossiers.get_mut(order)
    }

    pub(crate) fn remove(&mut self, order: &OrderId) {
        self.dossiers.remove(order);
    }

    pub(crate) fn orders(&self) -> impl Iterator<Item = (&OrderId, &Dossier)> {
        self.dossiers.iter()
    }

    /// Takes a decision in; says which order has to be looked at because of it. `is_live`: the decision is news, and no
    /// earlier process can have acted on it. `at_offset`: where it stands on `decisions`.
    pub(crate) fn take(
        &mut self,
        decision: &Decision,
        at_offset: u64,
        now: TimeMs,
        is_live: bool,
    ) -> Option<OrderId> {
        let Event::Order(event) = &decision.event else { return None };
        let time = decision.time;
        match event.kind {
            OrderEventKind::Held | OrderEventKind::Extended => self.open(event, now, is_live),
            OrderEventKind::Paid => self.paid(event),
            OrderEventKind::Declined if event.payment == Some(declined_id(event.order)) => self.over(event),
            OrderEventKind::Declined | OrderEventKind::Cancelled | OrderEventKind::Expired => {
                self.ended(event, time, now);
            }
            OrderEventKind::Refund => {
                let unknown = || Dossier::new(event.order, None, Standing::Over);
                if event.total > 0 {
                    let dossier = self.dossiers.entry(event.order).or_insert_with(unknown);
                    if let Some(payment) = event.payment {
                        dossier.note_refund(payment, event.total, at_offset);
                    }
                }
            }
            OrderEventKind::Refused => self.refused(event),
            // The rest is about orders that were never held here, and other ledgers' parts.
            _ => return None,
        }
        self.dossiers.contains_key(&event.order).then_some(event.order)
    }

    fn open(&mut self, event: &OrderEvent, now: TimeMs, is_live: bool) {
        let standing = Standing::Open { deadline: event.deadline };
        if let Some(dossier) = self.dossiers.get_mut(&event.order) {
            dossier.standing = standing;
            dossier.home = home(event);
        } else if now < event.deadline {
            let mut dossier = Dossier::new(event.order, home(event), standing);
            // Nobody has asked for money for a hold that is only being announced; a repeat is known by its key.
            dossier.sure = (is_live && event.kind == OrderEventKind::Held).then_some(now);
            self.dossiers.insert(event.order, dossier);
        }
    }

    fn paid(&mut self, event: &OrderEvent) {
        let Some(dossier) = self.dossiers.get_mut(&event.order) else { return };
        dossier.standing = Standing::Over;
        let ours = |payment| dossier.payments.iter().any(|known| known.payment_id() == payment);
        let is_ours = event.payment.is_some_and(ours);
        event.payment.into_iter().for_each(|payment| dossier.note_answer(payment));
        let leaves_nothing = dossier.payments.iter().all(|payment| payment.is_final());
        let is_clean = leaves_nothing && (is_ours || !dossier.attempted);
        if is_clean && dossier.repayments.is_empty() && dossier.unanswered.is_empty() {
            self.dossiers.remove(&event.order);
        } else if !is_ours && dossier.attempted {
            dossier.doubt();
        }
    }

    fn over(&mut self, event: &OrderEvent) {
        let Some(dossier) = self.dossiers.get_mut(&event.order) else { return };
        dossier.standing = Standing::Over;
        event.payment.into_iter().for_each(|payment| dossier.note_answer(payment));
        if !dossier.attempted && dossier.repayments.is_empty() {
            self.dossiers.remove(&event.order);
        }
    }

    fn ended(&mut self, event: &OrderEvent, time: TimeMs, now: TimeMs) {
        // An order that had nothing set aside was never held, and one that costs nothing was never paid for.
        if event.total == 0 {
            return self.remove(&event.order);
        }
        let unknown = || {
            // Its hold was left out, or dropped, because it was due already.
            let deadline = if event.kind == OrderEventKind::Expired { time } else { now };
            Dossier::new(event.order, home(event), Standing::Ended { deadline })
        };
        let dossier = self.dossiers.entry(event.order).or_insert_with(unknown);
        if let Standing::Open { deadline } = dossier.standing {
            dossier.standing = Standing::Ended { deadline };
        } else if dossier.standing == Standing::Over {
            dossier.standing = Standing::Ended { deadline: now };
            dossier.home = home(event);
        }
    }

    fn refused(&mut self, event: &OrderEvent) {
        let Some(dossier) = self.dossiers.get_mut(&event.order) else { return };
        event.payment.into_iter().for_each(|payment| dossier.note_answer(payment));
        let is_closed = event.payment == Some(closed_id(event.order));
        if is_closed && matches!(dossier.standing, Standing::Ended { .. }) {
            dossier.standing = Standing::Over;
            if dossier.repayments.is_empty() {
                self.dossiers.remove(&event.order);
            }
        }
    }
}

/// What the order has to pay. Its lines are in SKU order, so the first names its partition.
fn home(event: &OrderEvent) -> Option<Home> {
    let sku = event.lines.first()?.sku;
    Some(Home { customer: event.customer, sku, amount: event.total, currency: event.currency })
}
