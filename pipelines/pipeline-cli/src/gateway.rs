//! A gateway in this process: assembled from parts, started, and ended so that nothing in hand is broken off.
//!
//! Promised: it has threads and a runtime of its own, so that it runs beside whatever else the process does; it answers once
//! [`Gateway::start`] has returned. Not promised: that it is ready by then; `/readyz` says so.

pub mod people;
mod stores;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use catalogue::{CatalogueFollower, CatalogueTopic, ProductCodec, ShelfLimits};
use ingest_gateway::board::{Board, BoardParts};
use ingest_gateway::door::{Door, DoorParts, DoorStatus};
use ingest_gateway::identity::{Doorkeeper, Doorkeepers, ProgramKeys, Secret};
use ingest_gateway::limits::{BoardLimits, DoorLimits, HttpLimits, ServiceLimits};
use ingest_gateway::people::People;
use ingest_gateway::rooms::{RoomParts, Rooms};
use ingest_gateway::server::{Server, ServerError, ServerOptions, TlsFiles, listen};
use ingest_gateway::service::{Service, ServiceParts};
use ingest_gateway::shop::{Images, Shop};
use ingest_gateway::together::Together;
use order_codec::{Codec, KeyRing};
use order_log::Log;
use order_model::TimeMs;
use order_worker::{Stop, StopLevel, Topics};
use storefront::Storefront;
use tables::{TableOptions, Tables};
use tokio::runtime::Runtime;
use tokio::sync::oneshot;
use tokio::task::JoinHandle;
use waiting_room::{RoomCodec, RoomTopic};

use crate::ExitCode;
use crate::config::GatewaySettings;
use crate::context::Context;
use crate::failure::Failure;
use crate::notes::warning;
use crate::random::random;
use crate::times::now;
use people::PeopleParts;
use stores::{CountedCompanions, TableArchive, known_tables};

/// Time between two looks at what is asked of the gateway.
const LOOK: Duration = Duration::from_millis(20);
/// How often the certificate is looked at, in milliseconds.
const CERTIFICATE_LOOK_MS: u64 = 5_000;
/// Requests at once, for each that is allowed a second.
const BURST_SECONDS: u32 = 4;
/// How long work on threads that block may take to its end, after the last answer was given.
const BLOCKING_TIMEOUT: Duration = Duration::from_secs(5);
/// How long letters may take to leave when it ends.
const LETTERS_TIMEOUT: Duration = Duration::from_secs(5);

/// What a gateway is made from.
pub struct GatewayParts {
    /// Where commands go, and decisions come from.
    pub log: Arc<dyn Log>,
    /// The topics there.
    pub topics: Topics,
    /// Commands and decisions as bytes.
    pub codec: Codec,
    /// Products as bytes.
    pub products: ProductCodec,
    /// What happens in waiting rooms, as bytes.
    pub rooms: RoomCodec,
    /// Signs commands about listings and payments, and what is privileged in waiting rooms.
    pub ring: KeyRing,
    /// Signs the tokens that hold places in waiting rooms.
    pub places: KeyRing,
    /// What all gateways on the log share.
    pub secret: Secret,
    /// Where it listens, and how.
    pub settings: GatewaySettings,
    /// The tables in DynamoDB, if there are any: orders of the past, and what people need.
    pub tables: Option<TableOptions>,
    /// Accounts and carts in those tables, if there are to be any.
    pub people: Option<PeopleParts>,
    /// A ClickHouse server that counts what is bought together, if there is one.
    pub analytics: Option<sink_clickhouse::Config>,
    /// What the payment provider signs its callbacks with.
    pub callback_secrets: Vec<String>,
}

impl GatewayParts {
    /// The parts as the configuration says, on `log`.
    pub fn new(context: &Context, log: Arc<dyn Log>) -> Result<Self> {
        let tables = known_tables(context)?;
        let people = PeopleParts::new(context, tables.is_some())?;
        Ok(Self {
            log,
            topics: context.topics().clone(),
            codec: context.codec()?,
            products: context.product_codec()?,
            rooms: context.room_codec()?,
            ring: context.keys()?,
            places: context.place_keys()?,
            secret: context.gateway_secret()?,
            settings: context.settings.gateway.clone(),
            tables,
            people,
            analytics: context.clickhouse_server(),
            callback_secrets: context.settings.payment.callback_secret.iter().cloned().collect(),
        })
    }
}

/// A gateway that serves.
pub struct Gateway {
    service: Service,
    address: SocketAddr,
    origin: String,
    people: Option<Arc<People>>,
    end: oneshot::Sender<()>,
    served: JoinHandle<bool>,
    threads: Vec<std::thread::JoinHandle<()>>,
    runtime: Runtime,
}

/// What a gateway did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Served {
    /// What came of the commands.
    pub door: DoorStatus,
    /// Whether everything in hand was finished.
    pub is_finished: bool,
}

impl Gateway {
    /// Starts one. Call it from a thread that may block.
    pub fn start(parts: &GatewayParts) -> Result<Self> {
        check_topics(&parts.topics, parts.log.as_ref())?;
        let shop = shop(parts)?;
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.thread_name("gateway").enable_all().build();
        let runtime = runtime.context("start the threads that serve")?;
        let inside = runtime.enter();
        let listener = listen(parts.settings.listen).map_err(in_words)?;
        let address = listener.local_addr().context("learn where it listens")?;
        let scheme = if parts.settings.tls.is_some() { "https" } else { "http" };
        let origin = format!("{scheme}://{address}");
        let url = parts.settings.url.as_ref().unwrap_or(&origin);
        let tables = match &parts.tables {
            None => None,
            Some(options) => Some(runtime.block_on(Tables::connect(options)).context("use the tables")?),
        };
        let people = match parts.people.as_ref().zip(tables.as_ref()) {
            None => None,
            Some((people, tables)) => {
                runtime.block_on(people.open(tables, &parts.settings.shop_name, url))?
            }
        };
        let (service, threads) = open(parts, people.clone())?;
        let service = match tables {
            None => service,
            Some(tables) => service.with_archive(Arc::new(TableArchive(tables))),
        };
        let together = |config| Arc::new(Together::new(Arc::new(CountedCompanions::new(config))));
        let options = ServerOptions {
            shop: Some(shop),
            people: people.clone(),
            together: parts.analytics.as_ref().map(together),
            callback_secrets: parts.callback_secrets.clone(),
            ..options(&parts.settings)
        };
        let server = Server::over(listener, service.clone(), &options).map_err(in_words)?;
        let (end, ended) = oneshot::channel::<()>();
        // Told to end, or left by its owner: either way it ends.
        let served = tokio::spawn(server.serve(async move { drop(ended.await) }));
        drop(inside);
        Ok(Self { service, address, origin, people, end, served, threads, runtime })
    }

    /// Where it answers, as `http://127.0.0.1:8080`.
    pub fn origin(&self) -> &str {
        &self.origin
    }

    /// Where it listens.
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// What can be asked of it.
    pub fn service(&self) -> &Service {
        &self.service
    }

    /// Finishes what is in hand and ends. Gives up what is not finished when `stop` says that it has to be now.
    pub fn drain(self, stop: &Stop) -> Result<Served> {
        let Self { service, people, end, served, threads, runtime, .. } = self;
        drop(end);
        let is_finished = runtime.block_on(async {
            tokio::select! {
                finished = served => finished.context("the server panicked"),
                () = reached(stop, StopLevel::Now) => Ok(false),
            }
        })?;
        let door = service.door().status();
        if is_finished {
            if let Some(people) = &people {
                let sent =
                    async { tokio::time::timeout(LETTERS_TIMEOUT, people.accounts.letters_sent()).await };
                if runtime.block_on(sent).is_err() {
                    warning("some letters were not sent; their readers can ask for others");
                }
            }
            service.board().close();
            drop((service, people));
            // With the tasks go their shares in the door, and with the last of those its thread.
            runtime.shutdown_timeout(BLOCKING_TIMEOUT);
            for thread in threads {
                thread.join().map_err(|_| anyhow::anyhow!("a thread of the gateway panicked"))?;
            }
        }
        Ok(Served { door, is_finished })
    }
}

/// Waits until so much is asked.
async fn reached(stop: &Stop, level: StopLevel) {
    while stop.level() < level {
        tokio::time::sleep(LOOK).await;
    }
}

fn in_words(error: ServerError) -> Failure {
    let failure = Failure::usage(error.to_string());
    match error {
        ServerError::Listen { .. } => failure.next("the same command with --set gateway_listen=127.0.0.1:0"),
        ServerError::Tls(_) => failure,
    }
}

/// A service with the threads behind it, before anybody can reach it.
fn open(
    parts: &GatewayParts,
    people: Option<Arc<People>>,
) -> Result<(Service, Vec<std::thread::JoinHandle<()>>)> {
    let GatewayParts { log, topics, codec, ring, secret, settings, .. } = parts;
    let clock = Arc::new(now);
    let door = DoorParts {
        log: Arc::clone(log),
        codec: codec.clone(),
        ring: ring.clone(),
        orders: Arc::clone(&topics.orders),
        clock: clock.clone(),
    };
    let (door, door_thread) = Door::open(door, DoorLimits::default())?;
    let board = BoardParts {
        log: Arc::clone(log),
        codec: codec.clone(),
        orders: Arc::clone(&topics.orders),
        decisions: Arc::clone(&topics.decisions),
    };
    let (board, mut threads) = Board::open(&board, BoardLimits::default())?;
    threads.push(door_thread);
    let rooms = Arc::new(rooms(parts, &board, clock.clone())?);
    let mut keepers: Vec<Arc<dyn Doorkeeper>> =
        vec![Arc::new(ProgramKeys::new(secret.clone(), clock.clone()))];
    if let Some(people) = people {
        keepers.push(Arc::new(people.accounts.clone()));
    }
    let doorkeeper = Arc::new(Doorkeepers(keepers));
    let secret = secret.clone();
    let parts = ServiceParts { door, board, doorkeeper, secret, rooms: Some(rooms), clock };
    let limits = ServiceLimits {
        customer_per_second_max: settings.customer_per_second,
        customer_burst_max: settings.customer_per_second.saturating_mul(BURST_SECONDS),
        address_per_second_max: settings.address_per_second,
        address_burst_max: settings.address_per_second.saturating_mul(BURST_SECONDS),
        ..ServiceLimits::default()
    };
    Ok((Service::new(parts, &limits), threads))
}

/// Waiting rooms. Gateways step in one after the other, so that few write in vain; chance tells them apart.
fn rooms(parts: &GatewayParts, board: &Board, clock: Arc<dyn Fn() -> TimeMs + Send + Sync>) -> Result<Rooms> {
    let topic = RoomTopic {
        log: Arc::clone(&parts.log),
        topic: Arc::clone(&parts.topics.rooms),
        codec: parts.rooms.clone(),
        ring: parts.ring.clone(),
    };
    let stagger = u64::from_le_bytes(random()?);
    let (tokens, target) = (parts.places.clone(), parts.settings.pace);
    Rooms::open(RoomParts { topic, tokens, target, stagger, clock }, board)
        .context("follow the waiting rooms")
}

/// Pages and products.
fn shop(parts: &GatewayParts) -> Result<Arc<Shop>> {
    let settings = &parts.settings;
    let topic = CatalogueTopic {
        log: Arc::clone(&parts.log),
        name: Arc::clone(&parts.topics.catalogue),
        codec: parts.products.clone(),
    };
    let catalogue =
        CatalogueFollower::start(topic, ShelfLimits::default()).context("follow the catalogue")?;
    let images = settings.shop_images.clone().map_or(Images::Demo, Images::Folder);
    let pages = Storefront::new(&settings.shop_name).context("make the pages")?;
    Ok(Arc::new(Shop { pages, catalogue: Arc::new(catalogue), images }))
}

/// How to serve, from the settings.
fn options(settings: &GatewaySettings) -> ServerOptions {
    let files = |(certificate, key)| TlsFiles { certificate, key, look_every_ms: CERTIFICATE_LOOK_MS };
    ServerOptions {
        limits: HttpLimits {
            address_connections_max: settings.address_connections,
            address_streams_max: settings.address_streams,
            unready_ms: settings.unready_ms,
            ..HttpLimits::default()
        },
        proxies: settings.proxies.clone(),
        proxy_protocol: settings.proxy_protocol,
        origins: settings.origins.clone(),
        tls: settings.tls.clone().map(files),
        tls_in_front: settings.url.as_ref().is_some_and(|url| url.starts_with("https://")),
        ..ServerOptions::default()
    }
}

/// Both topics have as many partitions, or answers would be looked for in the wrong place.
fn check_topics(topics: &Topics, log: &dyn Log) -> Result<()> {
    let orders = log.partitions(&topics.orders).context("find the topics")?;
    let decisions = log.partitions(&topics.decisions).context("find the topics")?;
    if orders == decisions {
        return Ok(());
    }
    let message = format!("{} has {orders} partitions, {} has {decisions}", topics.orders, topics.decisions);
    let failure = Failure { code: ExitCode::CheckFailed, message, next: None };
    Err(anyhow::Error::from(failure.next("pipeline topic check")).context("rely on the topics"))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{Flag, Settings, load};

    #[test]
    fn what_is_configured_holds() {
        let options_with = |flags: &[(&str, &str)]| {
            let flag = |(name, text): &(&str, &str)| Flag {
                flag: "--set",
                name: (*name).to_owned(),
                text: (*text).to_owned(),
            };
            let flags: Vec<_> = flags.iter().map(flag).collect();
            let values = load(None, std::iter::empty(), &flags).unwrap();
            options(&Settings::new(&values).unwrap().gateway)
        };
        let plain = options_with(&[]);
        assert_eq!((plain.limits, plain.tls_in_front), (HttpLimits::default(), false));
        let other = options_with(&[
            ("gateway_address_connections", "7"),
            ("gateway_address_streams", "8"),
            ("gateway_url", "https://shop.example"),
        ]);
        let limits = other.limits;
        assert_eq!((limits.address_connections_max, limits.address_streams_max), (7, 8));
        assert!(other.tls_in_front);
    }
}
