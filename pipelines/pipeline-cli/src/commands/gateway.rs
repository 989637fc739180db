//! `pipeline gateway`: the process people and programs talk to, and the keys of programs.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use catalogue::{CatalogueFollower, ShelfLimits};
use clap::{Subcommand, ValueEnum};
use ingest_gateway::board::{Board, BoardParts};
use ingest_gateway::door::{Door, DoorParts, DoorStatus};
use ingest_gateway::identity::{Doorkeeper, Identity, ProgramKeys, Roles};
use ingest_gateway::limits::{BoardLimits, DoorLimits, HttpLimits, ServiceLimits};
use ingest_gateway::server::{Server, ServerError, ServerOptions, TlsFiles};
use ingest_gateway::service::{Service, ServiceParts};
use ingest_gateway::shop::{Images, Shop};
use order_log::Log;
use order_model::{CustomerId, TimeMs};
use order_worker::{Stop, StopLevel};
use serde::Serialize;
use storefront::Storefront;

use crate::ExitCode;
use crate::context::Context;
use crate::failure::Failure;
use crate::notes::{note, warning};
use crate::output::{Row, one};
use crate::random::random;
use crate::signals::ask_on_signals;
use crate::stores::block_on;
use crate::times::{now, parse_duration_ms};

/// Time between two looks at what is asked of the gateway.
const LOOK: Duration = Duration::from_millis(20);
/// How often the certificate is looked at, in milliseconds.
const CERTIFICATE_LOOK_MS: u64 = 5_000;
/// Requests at once, for each that is allowed a second.
const BURST_SECONDS: u32 = 4;

/// Arguments of `pipeline gateway`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Take orders over HTTP until told to end: SIGTERM finishes what is in hand, a second one stops at once
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
        roles: Vec<Role>,
        /// How long it is good for, as 90d
        #[arg(long, value_name = "DURATION", default_value = "365d")]
        lifetime: String,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Role {
    /// Place, read and withdraw orders of any customer
    Producer,
    /// Open and change listings
    Admin,
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

fn key(context: &Context, customer: Option<CustomerId>, roles: &[Role], lifetime: &str) -> Result<ExitCode> {
    let customer = customer.map_or_else(|| random().map(CustomerId), Ok)?;
    let lifetime_ms = parse_duration_ms(lifetime).map_err(|error| Failure::usage(error.to_string()))?;
    let has = |role| roles.contains(&role);
    let roles = Roles { producer: has(Role::Producer), admin: has(Role::Admin) };
    let identity = Identity { customer, verified: true, roles };
    let until = now().after(lifetime_ms);
    let key = context.gateway_secret()?.program_key(&identity, TimeMs(until.0));
    one(context.format, &KeyRow { customer: customer.to_string(), key })?;
    Ok(ExitCode::Ok)
}

fn serve(context: &Context, listen: Option<SocketAddr>) -> Result<ExitCode> {
    let log = context.open_log()?;
    check_topics(context, log.as_ref())?;
    let stop = Stop::new();
    ask_on_signals(&stop).context("listen for signals")?;
    let gateway = open(context, &log).context("start the gateway")?;
    let settings = &context.settings.gateway;
    let listen = listen.unwrap_or(settings.listen);
    let options = ServerOptions { shop: Some(shop(context, &log)?), ..options(context) };
    let service = gateway.service.clone();
    let finished = block_on(async move {
        let server = Server::bind(listen, service, &options).await.map_err(|error| match error {
            ServerError::Listen { .. } => {
                Failure::usage(error.to_string()).next("pipeline gateway run --listen 127.0.0.1:0")
            }
            ServerError::Tls(_) => Failure::usage(error.to_string()),
        })?;
        let scheme = if options.tls.is_some() { "https" } else { "http" };
        note(format!("taking orders at {scheme}://{}; end with Ctrl-C or SIGTERM", server.address()?));
        let served = server.serve(reached(stop.clone(), StopLevel::Drain));
        tokio::select! {
            finished = served => Ok(finished),
            () = reached(stop, StopLevel::Now) => Ok(false),
        }
    })?;
    let DoorStatus { accepted, unknown, turned_away, batches, .. } = gateway.service.door().status();
    if finished {
        gateway.close()?;
    } else {
        warning("not everything in hand was finished; whoever got no answer may ask again");
    }
    one(context.format, &GatewayRow { accepted, unknown, turned_away, batches, finished })?;
    Ok(ExitCode::Ok)
}

/// A gateway's threads and what they serve.
pub(crate) struct Gateway {
    /// What can be asked of it.
    pub(crate) service: Service,
    threads: Vec<std::thread::JoinHandle<()>>,
}

impl Gateway {
    /// Ends the threads, when nobody else has the service.
    pub(crate) fn close(self) -> Result<()> {
        self.service.board().close();
        drop(self.service);
        for thread in self.threads {
            thread.join().map_err(|_| anyhow::anyhow!("a thread of the gateway panicked"))?;
        }
        Ok(())
    }
}

/// A gateway on a log, before anybody can reach it.
pub(crate) fn open(context: &Context, log: &Arc<dyn Log>) -> Result<Gateway> {
    let (topics, settings) = (context.topics(), &context.settings.gateway);
    let (codec, clock) = (context.codec()?, Arc::new(now));
    let door = DoorParts {
        log: Arc::clone(log),
        codec: codec.clone(),
        ring: context.keys()?,
        orders: Arc::clone(&topics.orders),
        clock: clock.clone(),
    };
    let (door, door_thread) = Door::open(door, DoorLimits::default())?;
    let board = BoardParts {
        log: Arc::clone(log),
        codec,
        orders: Arc::clone(&topics.orders),
        decisions: Arc::clone(&topics.decisions),
    };
    let (board, mut threads) = Board::open(&board, BoardLimits::default())?;
    threads.push(door_thread);
    let secret = context.gateway_secret()?;
    let doorkeeper: Arc<dyn Doorkeeper> = Arc::new(ProgramKeys::new(secret.clone(), clock.clone()));
    let parts = ServiceParts { door, board, doorkeeper, secret, admission: None, clock };
    let limits = ServiceLimits {
        customer_per_second_max: settings.customer_per_second,
        customer_burst_max: settings.customer_per_second.saturating_mul(BURST_SECONDS),
        address_per_second_max: settings.address_per_second,
        address_burst_max: settings.address_per_second.saturating_mul(BURST_SECONDS),
        ..ServiceLimits::default()
    };
    Ok(Gateway { service: Service::new(parts, &limits), threads })
}

/// Pages and products.
fn shop(context: &Context, log: &Arc<dyn Log>) -> Result<Arc<Shop>> {
    let settings = &context.settings.gateway;
    let topic = super::catalogue::topic(context, Arc::clone(log))?;
    let catalogue =
        CatalogueFollower::start(topic, ShelfLimits::default()).context("follow the catalogue")?;
    let images = settings.shop_images.clone().map_or(Images::Demo, Images::Folder);
    let pages = Storefront::new(&settings.shop_name).context("make the pages")?;
    Ok(Arc::new(Shop { pages, catalogue: Arc::new(catalogue), images }))
}

/// How to serve, from the configuration.
pub(crate) fn options(context: &Context) -> ServerOptions {
    let settings = &context.settings.gateway;
    let files = |(certificate, key)| TlsFiles { certificate, key, look_every_ms: CERTIFICATE_LOOK_MS };
    ServerOptions {
        limits: HttpLimits { unready_ms: settings.unready_ms, ..HttpLimits::default() },
        proxies: settings.proxies.clone(),
        proxy_protocol: settings.proxy_protocol,
        origins: settings.origins.clone(),
        tls: settings.tls.clone().map(files),
        ..ServerOptions::default()
    }
}

/// Both topics have as many partitions, or answers would be looked for in the wrong place.
fn check_topics(context: &Context, log: &dyn Log) -> Result<()> {
    let topics = context.topics();
    let orders = log.partitions(&topics.orders).context("find the topics")?;
    let decisions = log.partitions(&topics.decisions).context("find the topics")?;
    if orders == decisions {
        return Ok(());
    }
    let message = format!("{} has {orders} partitions, {} has {decisions}", topics.orders, topics.decisions);
    let failure = Failure { code: ExitCode::CheckFailed, message, next: None };
    Err(anyhow::Error::from(failure.next("pipeline topic check")).context("rely on the topics"))
}

/// Waits until so much is asked.
async fn reached(stop: Stop, level: StopLevel) {
    while stop.level() < level {
        tokio::time::sleep(LOOK).await;
    }
}
