//! `pipeline gateway`: the process people and programs talk to, and the keys of programs.

use std::net::SocketAddr;
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use ingest_gateway::door::DoorStatus;
use ingest_gateway::identity::{Identity, Roles};
use order_model::{CustomerId, TimeMs};
use order_worker::{Stop, StopLevel};
use serde::Serialize;

use super::account::Granted;
use crate::ExitCode;
use crate::context::Context;
use crate::failure::Failure;
use crate::gateway::{Gateway, GatewayParts, Served};
use crate::notes::{note, warning};
use crate::output::{Row, one};
use crate::random::random;
use crate::signals::ask_on_signals;
use crate::times::{now, parse_duration_ms};

/// Time between two looks at what is asked of the gateway.
const LOOK: Duration = Duration::from_millis(20);

/// Arguments of `pipeline gateway`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Take orders over HTTP and gRPC until told to end: SIGTERM finishes what is in hand, a second one stops at once
    Run {
        /// Where to listen; left out: gateway_listen of the configuration
        #[arg(long, value_name = "ADDRESS:PORT")]
        listen: Option<SocketAddr>,
    },
    /// Make a key for a program, to be sent as `Authorization: Bearer KEY`
    Key {
        /// Who the program is; left out: somebody new
        #[arg(long)]
        customer: Option<CustomerId>,
        /// What it may do beyond ordering for itself
        #[arg(long = "role", value_name = "ROLE")]
        roles: Vec<Granted>,
        /// How long it is good for, as 90d
        #[arg(long, value_name = "DURATION", default_value = "365d")]
        lifetime: String,
    },
}

#[derive(Serialize)]
struct KeyRow {
    customer: String,
    key: String,
}

impl Row for KeyRow {
    const COLUMNS: &'static [&'static str] = &["customer", "key"];

    fn cells(&self) -> Vec<String> {
        vec![self.customer.clone(), self.key.clone()]
    }
}

#[derive(Serialize)]
struct GatewayRow {
    accepted: u64,
    unknown: u64,
    turned_away: u64,
    batches: u64,
    finished: bool,
}

impl Row for GatewayRow {
    const COLUMNS: &'static [&'static str] = &["accepted", "unknown", "turned away", "batches", "finished"];

    fn cells(&self) -> Vec<String> {
        let numbers = [self.accepted, self.unknown, self.turned_away, self.batches];
        numbers.iter().map(u64::to_string).chain([self.finished.to_string()]).collect()
    }
}

/// Runs `pipeline gateway`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    match args.verb {
        Verb::Run { listen } => serve(context, listen),
        Verb::Key { customer, roles, lifetime } => key(context, customer, &roles, &lifetime),
    }
}

fn key(
    context: &Context,
    customer: Option<CustomerId>,
    roles: &[Granted],
    lifetime: &str,
) -> Result<ExitCode> {
    let customer = customer.map_or_else(|| random().map(CustomerId), Ok)?;
    let lifetime_ms = parse_duration_ms(lifetime).map_err(|error| Failure::usage(error.to_string()))?;
    let has = |role| roles.contains(&role);
    let roles = Roles { producer: has(Granted::Producer), admin: has(Granted::Admin) };
    let identity = Identity { customer, verified: true, roles };
    let until = now().after(lifetime_ms);
    let key = context.gateway_secret()?.program_key(&identity, TimeMs(until.0));
    one(context.format, &KeyRow { customer: customer.to_string(), key })?;
    Ok(ExitCode::Ok)
}

fn serve(context: &Context, listen: Option<SocketAddr>) -> Result<ExitCode> {
    let mut parts = GatewayParts::new(context, context.open_log()?)?;
    parts.settings.listen = listen.unwrap_or(parts.settings.listen);
    let stop = Stop::new();
    ask_on_signals(&stop).context("listen for signals")?;
    let gateway = Gateway::start(&parts).context("start the gateway")?;
    note(format!("taking orders at {}; end with Ctrl-C or SIGTERM", gateway.origin()));
    while stop.level() == StopLevel::Run {
        std::thread::sleep(LOOK);
    }
    let Served { door, is_finished: finished } = gateway.drain(&stop)?;
    if !finished {
        warning("not everything in hand was finished; whoever got no answer may ask again");
    }
    let DoorStatus { accepted, unknown, turned_away, batches, .. } = door;
    one(context.format, &GatewayRow { accepted, unknown, turned_away, batches, finished })?;
    Ok(ExitCode::Ok)
}
