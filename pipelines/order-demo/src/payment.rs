//! How the demo is paid: the payment worker, and a provider that misbehaves as providers do.

use std::sync::Arc;

use order_traffic::is_order;
use payment_worker::{
    PaymentError, PaymentHandle, PaymentLimits, PaymentOptions, PaymentParts, PaymentWorker, Sandbox,
    SandboxFaults, SandboxOptions,
};

use crate::limits::{HELD_PER_MILLE, HOLD_MS_MAX, ORDERS_IN_HAND_MAX, PAYMENTS_PER_SECOND};
use crate::{DemoOptions, DemoParts};

/// Of a thousand orders or calls: what goes wrong. Whoever is still pending when a demo's hold is over has let it expire.
/// Nobody listens to callbacks here, so none are sent.
const FAULTS: SandboxFaults = SandboxFaults {
    declined: 60,
    pending: 120,
    lost: 10,
    turned_away: 10,
    slow: 10,
    forgotten: 0,
    other_amount: 10,
    short: 0,
    repeated: 0,
    unsent: 1_000,
    reordered: 0,
    delay_ms: (0, 1_800),
};

/// How long the holds of a sale last, in milliseconds: longer than the payment worker needs for what the shoppers are
/// ahead of it, so that whoever pays is in time, however many come at once.
pub(crate) fn hold_ms(options: &DemoOptions) -> u64 {
    let DemoOptions { orders, rate, hold_ms_min, .. } = *options;
    let held = orders.saturating_mul(HELD_PER_MILLE) / 1_000;
    let pays_ms = held.saturating_mul(1_000) / PAYMENTS_PER_SECOND;
    let sells_ms = rate.map_or(0, |rate| orders.saturating_mul(1_000) / rate.max(1));
    hold_ms_min.saturating_add(pays_ms.saturating_sub(sells_ms)).min(HOLD_MS_MAX)
}

/// A provider that answers at once and holds of seconds need other times than a real shop.
fn limits(hold_ms: u64) -> PaymentLimits {
    PaymentLimits {
        calls_max: 4_096,
        orders_max: ORDERS_IN_HAND_MAX,
        call_ms_max: 1_000,
        retry_ms_min: 20,
        retry_ms_max: 500,
        // The third look, at which a pending payment is decided, comes after the hold.
        pending_poll_ms: hold_ms / 2 + 50,
        capture_margin_ms: 100,
        close_after_ms: 300,
        clock_skew_ms: 1_000,
        ..PaymentLimits::default()
    }
}

/// Starts the worker and its provider.
pub(crate) fn start(
    parts: &DemoParts,
    seed: u64,
    hold_ms: u64,
) -> Result<(PaymentHandle, Sandbox), PaymentError> {
    let sandbox = Sandbox::new(SandboxOptions {
        seed,
        faults: FAULTS,
        // People who buy among the shoppers find that it works.
        befalls: Arc::new(move |order| is_order(seed, order)),
        secret: "demo".to_owned(),
        clock: Arc::clone(&parts.clock),
    });
    let worker = PaymentParts {
        log: Arc::clone(&parts.log),
        codec: parts.codec.clone(),
        ring: parts.ring.clone(),
        clock: Arc::clone(&parts.clock),
        observer: Arc::new(|_| {}),
    };
    let options = PaymentOptions {
        group: "demo-payment".to_owned(),
        orders: Arc::clone(&parts.topics.orders),
        decisions: Arc::clone(&parts.topics.decisions),
        dead_letters: Arc::clone(&parts.topics.dead_letters),
        limits: limits(hold_ms),
        callback_secrets: Vec::new(),
    };
    Ok((PaymentWorker::start(&worker, &options, sandbox.clone())?, sandbox))
}

#[cfg(test)]
mod tests {
    use order_log::ReadLimits;

    use super::*;
    use crate::limits::HOLD_MS_MIN;

    #[test]
    fn holds_last_as_long_as_the_worker_is_behind() {
        for (orders, rate, wanted) in [
            (10_000, Some(1_667), HOLD_MS_MIN),
            (200_000, Some(33_334), HOLD_MS_MIN),
            (10_000, None, HOLD_MS_MIN + 160),
            (1_000_000, None, HOLD_MS_MIN + 16_000),
            (1_000_000, Some(200_000), HOLD_MS_MIN + 11_000),
            (u64::MAX, Some(0), HOLD_MS_MIN),
            (1_000_000_000, None, HOLD_MS_MAX),
        ] {
            let (seed, threads, batch) = (1, 1, ReadLimits { records_max: 1, bytes_max: 1 });
            let options = DemoOptions { orders, seed, rate, hold_ms_min: HOLD_MS_MIN, threads, batch };
            assert_eq!(hold_ms(&options), wanted, "{orders} {rate:?}");
        }
    }
}
