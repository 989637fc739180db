//! How the demo is paid: the payment worker, and a provider that misbehaves as providers do.

use std::sync::Arc;

use payment_worker::{
    PaymentError, PaymentHandle, PaymentLimits, PaymentOptions, PaymentParts, PaymentWorker, Sandbox,
    SandboxFaults, SandboxOptions,
};

use crate::DemoParts;

/// Of a thousand orders or calls: what goes wrong. Whoever is still pending when a demo's hold is over has let it expire.
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
    unsent: 0,
    reordered: 0,
    delay_ms: (0, 1_800),
};

/// A provider that answers at once and holds that last 1.5 seconds need other times than a real shop.
fn limits() -> PaymentLimits {
    PaymentLimits {
        calls_max: 4_096,
        call_ms_max: 1_000,
        retry_ms_min: 20,
        retry_ms_max: 500,
        pending_poll_ms: 800,
        capture_margin_ms: 100,
        close_after_ms: 300,
        clock_skew_ms: 1_000,
        ..PaymentLimits::default()
    }
}

/// Starts the worker and its provider.
pub(crate) fn start(parts: &DemoParts, seed: u64) -> Result<(PaymentHandle, Sandbox), PaymentError> {
    let sandbox = Sandbox::new(SandboxOptions {
        seed,
        faults: FAULTS,
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
        limits: limits(),
        callback_secrets: Vec::new(),
    };
    Ok((PaymentWorker::start(&worker, &options, sandbox.clone())?, sandbox))
}
