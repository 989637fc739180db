//! How shoppers pay: a function of the seed and the decision, so that it needs no memory and no clock.

use order_model::{OrderEvent, OrderEventKind, OrderId, PaymentId, PaymentResult, Settle};

use crate::dice::{IdKind, id, scramble};

/// Of a thousand holds, so many are paid in time.
const CAPTURED_PER_MILLE: u64 = 800;
/// So many are declined.
const DECLINED_PER_MILLE: u64 = 60;
/// So many are paid with the wrong amount.
const WRONG_AMOUNT_PER_MILLE: u64 = 10;
/// Of those who pay nothing in time, this many pay once the hold has expired.
const LATE_PER_MILLE: u64 = 300;

/// What the payment provider reports after a decision, if anything: payments for holds, and late ones for holds that
/// have expired. Whoever pays nothing lets the hold expire.
pub fn reaction(seed: u64, event: &OrderEvent) -> Option<Settle> {
    let roll = roll(seed, event.order);
    let (amount, result) = match event.kind {
        OrderEventKind::Held if roll < CAPTURED_PER_MILLE => (event.total, PaymentResult::Captured),
        OrderEventKind::Held if roll < CAPTURED_PER_MILLE + DECLINED_PER_MILLE => {
            (event.total, PaymentResult::Declined)
        }
        OrderEventKind::Held if roll < CAPTURED_PER_MILLE + DECLINED_PER_MILLE + WRONG_AMOUNT_PER_MILLE => {
            (event.total.saturating_add(1), PaymentResult::Captured)
        }
        OrderEventKind::Expired if scramble(roll) % 1_000 < LATE_PER_MILLE => {
            (event.total, PaymentResult::Captured)
        }
        _ => return None,
    };
    let late = u64::from(event.kind == OrderEventKind::Expired);
    let sku = event.lines.first()?.sku;
    let payment = PaymentId::from(id(IdKind::Payment, seed, fold(event.order) ^ late));
    Some(Settle { order: event.order, sku, payment, amount, currency: event.currency, result })
}

fn roll(seed: u64, order: OrderId) -> u64 {
    scramble(fold(order) ^ scramble(seed)) % 1_000
}

/// The two halves of an id as one number. Orders of one seed share the first half, so they stay apart.
fn fold(order: OrderId) -> u64 {
    let both = u128::from_be_bytes(order.0);
    let low = u64::try_from(both & u128::from(u64::MAX)).unwrap_or(0);
    let high = u64::try_from(both >> 64).unwrap_or(0);
    // The lowest bit tells a late payment from one in time.
    (low ^ high.rotate_left(32)) << 1
}

#[cfg(test)]
mod tests {
    use order_model::{Currency, CustomerId, DecidedLine, DecidedLines, LineState, TimeMs};

    use super::*;

    fn event(kind: OrderEventKind, number: u64) -> OrderEvent {
        let line = DecidedLine {
            sku: "a".parse().unwrap(),
            quantity: 1,
            state: LineState::Taken,
            unit_price: 500,
            stock: None,
        };
        OrderEvent {
            kind,
            reason: None,
            order: OrderId::from(id(IdKind::Order, 9, number)),
            customer: CustomerId::default(),
            currency: Currency::EUR,
            total: 500,
            tax: 0,
            deadline: TimeMs(0),
            payment: None,
            lines: DecidedLines::from_iter([line]),
        }
    }

    #[test]
    fn shares_are_as_said() {
        let settles: Vec<_> =
            (0..10_000).filter_map(|n| reaction(1, &event(OrderEventKind::Held, n))).collect();
        let paid = settles.iter().filter(|s| s.result == PaymentResult::Captured && s.amount == 500).count();
        let declined = settles.iter().filter(|s| s.result == PaymentResult::Declined).count();
        let wrong = settles.iter().filter(|s| s.amount == 501).count();
        assert!((7_700..8_300).contains(&paid), "{paid}");
        assert!((450..750).contains(&declined), "{declined}");
        assert!((50..170).contains(&wrong), "{wrong}");
        let late = (0..10_000).filter(|n| reaction(1, &event(OrderEventKind::Expired, *n)).is_some()).count();
        assert!((2_000..4_000).contains(&late), "{late}");
        assert_eq!(reaction(1, &event(OrderEventKind::Rejected, 1)), None);
    }

    #[test]
    fn payments_differ() {
        let mut ids: Vec<_> = (0..1_000)
            .flat_map(|n| [OrderEventKind::Held, OrderEventKind::Expired].map(|kind| event(kind, n)))
            .filter_map(|event| reaction(3, &event))
            .map(|settle| settle.payment)
            .collect();
        let all = ids.len();
        ids.sort_unstable();
        ids.dedup();
        assert_eq!(ids.len(), all);
    }
}
