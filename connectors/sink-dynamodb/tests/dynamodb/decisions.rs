//! Decisions made by hand.

use order_model::{
    Currency, CustomerId, DecidedLine, Decision, Event, LineState, Offset, OrderEvent, OrderEventKind,
    OrderId, Partition, PaymentId, Sequence, Sku, Stock, TimeMs,
};
use sink::{Arrival, Batch};

/// When the decision with this sequence was made: a second apart.
pub(crate) fn time_of(sequence: u64) -> u64 {
    1_800_000_000_000 + 1_000 * sequence
}

pub(crate) fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

pub(crate) fn decision(ledger: u32, sequence: u64, event: Event) -> Decision {
    Decision {
        partition: Partition(ledger),
        sequence: Sequence(sequence),
        offset: Offset(sequence),
        time: TimeMs(time_of(sequence)),
        event,
    }
}

/// One line of two units of `SKU-LEDGER`; `sequence` units are sold.
pub(crate) fn line(ledger: u32, sequence: u64) -> DecidedLine {
    DecidedLine {
        sku: sku(&format!("SKU-{ledger}")),
        quantity: 2,
        state: LineState::Taken,
        unit_price: 500,
        stock: Some(Stock { free: 10, held: 2, sold: u32::try_from(sequence).unwrap(), waiting: 0 }),
    }
}

pub(crate) fn order_event(ledger: u32, sequence: u64, kind: OrderEventKind, order: u128) -> OrderEvent {
    let is_about_payment =
        matches!(kind, OrderEventKind::Paid | OrderEventKind::Declined | OrderEventKind::Refund);
    let has_deadline = matches!(kind, OrderEventKind::Held | OrderEventKind::Extended);
    OrderEvent {
        kind,
        reason: None,
        order: OrderId::from(order),
        customer: CustomerId::from(order % 10),
        currency: Currency::EUR,
        total: 1_000,
        tax: 160,
        deadline: TimeMs(if has_deadline { time_of(sequence) + 60_000 } else { 0 }),
        payment: is_about_payment.then(|| PaymentId::from(7)),
        lines: [line(ledger, sequence)].into_iter().collect(),
    }
}

pub(crate) fn order(ledger: u32, sequence: u64, kind: OrderEventKind, order: u128) -> Decision {
    decision(ledger, sequence, Event::Order(order_event(ledger, sequence, kind, order)))
}

/// A batch of decisions of one ledger, in their order.
pub(crate) fn batch(decisions: &[Decision]) -> Batch {
    let first = decisions.first().unwrap();
    let arrivals = decisions.iter().map(|decision| Arrival {
        offset: Offset(decision.sequence.0 - 1),
        time: decision.time,
        decision: decision.clone(),
    });
    Batch {
        partition: first.partition,
        follows: Sequence(first.sequence.0 - 1),
        arrivals: arrivals.collect(),
    }
}
