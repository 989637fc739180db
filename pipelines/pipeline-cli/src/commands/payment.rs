//! `pipeline payment`: takes the money for holds.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use order_worker::{Stop, StopLevel};
use payment_worker::{
    HttpOptions, HttpProvider, Moment, PaymentHandle, PaymentLimits, PaymentOptions, PaymentParts,
    PaymentStatus, PaymentWorker, Sandbox, SandboxFaults, SandboxOptions, callback_router,
};
use serde::Serialize;
use tokio::net::TcpListener;

use crate::ExitCode;
use crate::config::PaymentProvider;
use crate::context::Context;
use crate::failure::Failure;
use crate::notes::{note, warning};
use crate::output::{Row, one};
use crate::random::random;
use crate::signals::ask_on_signals;
use crate::stores::block_on;
use crate::times;

/// Time between two looks at what is asked of the worker.
const LOOK: Duration = Duration::from_millis(50);
/// The provider's answer that is waited for, at the longest.
const CALL_TIMEOUT: Duration = Duration::from_secs(10);
/// Of a thousand: what goes wrong in the sandbox, besides what is declined.
const SANDBOX_FAULTS: SandboxFaults = SandboxFaults {
    declined: 0,
    pending: 20,
    lost: 10,
    turned_away: 10,
    slow: 10,
    forgotten: 0,
    other_amount: 0,
    short: 0,
    repeated: 0,
    unsent: 0,
    reordered: 0,
    delay_ms: (5, 500),
};

/// Arguments of `pipeline payment`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Take and give back money until told to end: SIGTERM finishes the calls under way, a second one stops at once
    Run,
}

#[derive(Serialize)]
struct PaymentRow {
    captured: u64,
    declined: u64,
    closed: u64,
    refunded: u64,
    refused: u64,
    strays: u64,
    calls: u64,
    retries: u64,
}

impl Row for PaymentRow {
    const COLUMNS: &'static [&'static str] =
        &["captured", "declined", "closed", "refunded", "refused", "strays", "calls", "retries"];

    fn cells(&self) -> Vec<String> {
        let Self { captured, declined, closed, refunded, refused, strays, calls, retries } = self;
        [captured, declined, closed, refunded, refused, strays, calls, retries].map(u64::to_string).to_vec()
    }
}

impl From<&PaymentStatus> for PaymentRow {
    fn from(status: &PaymentStatus) -> Self {
        Self {
            captured: status.captured,
            declined: status.declined,
            closed: status.closed,
            refunded: status.refunded,
            refused: status.refused,
            strays: status.strays,
            calls: status.calls,
            retries: status.retries,
        }
    }
}

/// Runs `pipeline payment`.
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let Verb::Run = args.verb;
    let log = context.open_log()?;
    let parts = PaymentParts {
        log: Arc::clone(&log),
        codec: context.codec()?,
        ring: context.keys()?,
        clock: Arc::new(times::now),
        observer: Arc::new(observe),
    };
    let settings = &context.settings.payment;
    let topics = context.topics();
    let options = PaymentOptions {
        group: "payment".to_owned(),
        orders: Arc::clone(&topics.orders),
        decisions: Arc::clone(&topics.decisions),
        dead_letters: Arc::clone(&topics.dead_letters),
        limits: PaymentLimits::default(),
        callback_secrets: settings.callback_secret.iter().cloned().collect(),
    };
    let stop = Stop::new();
    ask_on_signals(&stop).context("listen for signals")?;
    let starting = "start the payment worker";
    let handle = match &settings.provider {
        PaymentProvider::Sandbox => {
            warning(
                "the sandbox pays: no money moves. --set payment_provider=https://api.stripe.com is for real",
            );
            PaymentWorker::start(&parts, &options, sandbox(settings.sandbox_declines)?).context(starting)?
        }
        PaymentProvider::Http(endpoint) => {
            let key = settings.key.clone().ok_or_else(|| {
                Failure::usage("take money: the provider's key is not configured")
                    .next("PIPELINE_PAYMENT_KEY=…")
            })?;
            let http =
                HttpOptions { endpoint: endpoint.clone(), key, payment_method: None, timeout: CALL_TIMEOUT };
            PaymentWorker::start(&parts, &options, HttpProvider::new(&http)?).context(starting)?
        }
    };
    note(format!("taking money for holds of {}", log.describe()));
    let listen = settings.listen;
    let status = block_on(async { serve(handle, listen, &stop).await })?;
    one(context.format, &PaymentRow::from(&status))?;
    Ok(ExitCode::Ok)
}

fn sandbox(declined: u64) -> Result<Sandbox> {
    let [a, b, c, d, ..]: [u8; 32] = random()?;
    let seed = u64::from(u32::from_be_bytes([a, b, c, d]));
    let faults = SandboxFaults { declined, ..SANDBOX_FAULTS };
    let secret = "sandbox".to_owned();
    let befalls = Arc::new(|_| true);
    Ok(Sandbox::new(SandboxOptions { seed, faults, befalls, secret, clock: Arc::new(times::now) }))
}

/// Serves callbacks, if an address is configured, until the worker has ended.
async fn serve(handle: PaymentHandle, listen: Option<SocketAddr>, stop: &Stop) -> Result<PaymentStatus> {
    let server = match listen {
        None => None,
        Some(address) => {
            let listener =
                TcpListener::bind(address).await.with_context(|| format!("listen on {address}"))?;
            note(format!("callbacks of the provider come in at http://{}", listener.local_addr()?));
            let router = callback_router(handle.callbacks());
            Some(tokio::spawn(async move { axum::serve(listener, router).await }))
        }
    };
    let mut asked = StopLevel::Run;
    while !handle.is_finished() {
        let level = stop.level();
        if level != asked {
            asked = level;
            handle.ask_to_stop();
        }
        tokio::time::sleep(LOOK).await;
    }
    if let Some(server) = server {
        server.abort();
    }
    let joined = tokio::task::spawn_blocking(|| handle.join()).await;
    Ok(joined.context("the payment worker panicked")??)
}

fn observe(moment: Moment) {
    match moment {
        Moment::Restored(partition) => {
            note(format!("partition {partition} is ours, and its open holds are known"))
        }
        Moment::Released(partition) => note(format!("partition {partition} is given back")),
        _ => {}
    }
}
