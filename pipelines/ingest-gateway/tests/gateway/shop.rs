//! A shop: a log in memory, an order worker, a gateway that listens, and what one asks it.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use catalogue::{CatalogueFollower, CatalogueTopic, Change, Product, ProductCodec, ShelfLimits};
use ingest_gateway::board::{Board, BoardParts};
use ingest_gateway::door::{Door, DoorParts};
use ingest_gateway::identity::{Doorkeeper, Doorkeepers, Identity, ProgramKeys, Roles, Secret};
use ingest_gateway::limits::{BoardLimits, DoorLimits, ServiceLimits};
use ingest_gateway::rooms::{RoomParts, Rooms};
use ingest_gateway::server::{Server, ServerOptions};
use ingest_gateway::service::{Archive, Service, ServiceParts};
use ingest_gateway::shop::{Images, Shop as Pages};
use order_codec::{Codec, FileSchemas, KeyRing};
use order_log::{
    AppendBatch, AppendError, Bounds, Log, LogAppender, LogError, LogReader, MemoryLog, ReadLimits, Ticket,
    TopicFinding, TopicSpec,
};
use order_model::{Command, CustomerId, TimeMs};
use order_worker::{Stop, Summary, Topics, WorkerError, WorkerOptions, WorkerParts};
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use storefront::Storefront;
use tokio::sync::oneshot;
use waiting_room::{PaceTarget, RoomCodec, RoomTopic};

pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
const LIMITS: ReadLimits = ReadLimits { records_max: 64, bytes_max: 1 << 20 };
pub(crate) const PARTITIONS: u32 = 2;

pub(crate) fn now() -> TimeMs {
    let since = std::time::SystemTime::UNIX_EPOCH.elapsed().unwrap();
    TimeMs(u64::try_from(since.as_millis()).unwrap())
}

/// The time of day in a shop: ours, and what a test has let pass besides.
#[derive(Clone, Default)]
struct Time {
    passed_ms: Arc<AtomicU64>,
}

impl Time {
    fn now(&self) -> TimeMs {
        now().after(self.passed_ms.load(Ordering::SeqCst))
    }

    fn clock(&self) -> Arc<dyn Fn() -> TimeMs + Send + Sync> {
        let time = self.clone();
        Arc::new(move || time.now())
    }
}

/// What signs the tokens of places.
pub(crate) fn place_keys() -> KeyRing {
    KeyRing::generate_one([6; 32])
}

pub(crate) fn room_codec() -> RoomCodec {
    RoomCodec::new(Arc::new(FileSchemas::new().unwrap())).unwrap()
}

/// What a test wants otherwise.
#[derive(Default)]
pub(crate) struct Wishes {
    pub(crate) server: ServerOptions,
    pub(crate) door: DoorLimits,
    pub(crate) board: BoardLimits,
    pub(crate) service: ServiceLimits,
    /// How people are let in from waiting rooms.
    pub(crate) pace: PaceTarget,
    /// What knows orders of the past.
    pub(crate) archive: Option<Arc<dyn Archive>>,
    /// Pages with these products; of none, there are no pages.
    pub(crate) products: Vec<Product>,
    /// Nobody decides until [`Shop::decide`].
    pub(crate) undecided: bool,
}

pub(crate) struct Shop {
    pub(crate) log: Faulty,
    pub(crate) service: Service,
    pub(crate) address: SocketAddr,
    pub(crate) client: reqwest::Client,
    secret: Secret,
    end: Option<oneshot::Sender<()>>,
    served: Option<tokio::task::JoinHandle<bool>>,
    worker: Option<(Stop, JoinHandle<Result<Summary, WorkerError>>)>,
    threads: Vec<JoinHandle<()>>,
}

/// An answer: its status, what was asked of its headers, and its body.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: StatusCode,
    pub(crate) headers: reqwest::header::HeaderMap,
    pub(crate) text: String,
}

impl Answer {
    pub(crate) async fn of(response: reqwest::Response) -> Self {
        let (status, headers) = (response.status(), response.headers().clone());
        Self { status, headers, text: response.text().await.unwrap() }
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.text).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    pub(crate) fn header(&self, name: &str) -> &str {
        self.headers.get(name).map_or("", |value| value.to_str().unwrap())
    }

    /// Checks that it is a problem document of this status and name.
    #[track_caller]
    pub(crate) fn problem(&self, status: u16, name: &str) -> Value {
        assert_eq!(self.status.as_u16(), status, "{self:?}");
        assert_eq!(self.header("content-type"), "application/problem+json", "{self:?}");
        let problem = self.json();
        assert_eq!(problem["type"], format!("/problems/{name}"), "{self:?}");
        assert_eq!(problem["status"], status);
        assert!(problem["title"].is_string() && problem["detail"].is_string());
        problem
    }
}

impl Shop {
    pub(crate) async fn open(wishes: Wishes) -> Self {
        let shop = Self::open_unready(wishes).await;
        shop.until("it is ready", async |shop| shop.service.is_ready()).await;
        shop
    }

    /// One whose server is not asked whether it is ready.
    pub(crate) async fn open_unready(wishes: Wishes) -> Self {
        let log = Faulty::new();
        log.create_topics(&Topics::with_prefix("").specs(PARTITIONS, 1, 1_000_000_000)).unwrap();
        Self::on(log, wishes).await
    }

    /// A gateway on a log that there is.
    pub(crate) async fn on(log: Faulty, wishes: Wishes) -> Self {
        let codec = Codec::new(Arc::new(FileSchemas::new().unwrap())).unwrap();
        let shared: Arc<dyn Log> = Arc::new(log.clone());
        let (orders, decisions) = ("orders".into(), "decisions".into());
        let clock = log.time.clock();
        let door = DoorParts {
            log: Arc::clone(&shared),
            codec: codec.clone(),
            ring: KeyRing::generate_one([9; 32]),
            orders: Arc::clone(&orders),
            clock: Arc::clone(&clock),
        };
        let (door, door_thread) = Door::open(door, wishes.door).unwrap();
        let board = BoardParts { log: shared, codec, orders, decisions };
        let limits =
            BoardLimits { listing_every_ms: 10, wall_every_ms: 10, gauge_every_ms: 20, ..wishes.board };
        let (board, mut threads) = Board::open(&board, limits).unwrap();
        threads.push(door_thread);
        let topic = RoomTopic {
            log: Arc::new(log.clone()),
            topic: "rooms".into(),
            codec: room_codec(),
            ring: KeyRing::generate_one([9; 32]),
        };
        let (tokens, target) = (place_keys(), wishes.pace);
        let rooms = RoomParts { topic, tokens, target, stagger: 0, clock: Arc::clone(&clock) };
        let rooms = Rooms::open(rooms, &board).unwrap();
        let secret = Secret::from([5; 32]);
        let mut keepers: Vec<Arc<dyn Doorkeeper>> =
            vec![Arc::new(ProgramKeys::new(secret.clone(), Arc::clone(&clock)))];
        if let Some(people) = &wishes.server.people {
            keepers.push(Arc::new(people.accounts.clone()));
        }
        let doorkeeper = Arc::new(Doorkeepers(keepers));
        let parts = ServiceParts {
            door,
            board,
            doorkeeper,
            secret: secret.clone(),
            rooms: Some(Arc::new(rooms)),
            clock,
        };
        let mut service = Service::new(parts, &wishes.service);
        if let Some(archive) = wishes.archive {
            service = service.with_archive(archive);
        }
        let mut options = wishes.server;
        if !wishes.products.is_empty() {
            options.shop = Some(stocked(&log, wishes.products));
        }
        let loopback = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = Server::bind(loopback, service.clone(), &options).await.unwrap();
        let address = server.address().unwrap();
        let (end, ended) = oneshot::channel::<()>();
        let served = tokio::spawn(server.serve(async move { drop(ended.await) }));
        let client = reqwest::Client::builder().no_proxy().build().unwrap();
        let (end, served) = (Some(end), Some(served));
        let mut shop = Self { log, service, address, client, secret, end, served, worker: None, threads };
        if !wishes.undecided {
            shop.decide();
        }
        shop
    }

    pub(crate) fn decide(&mut self) {
        let parts = WorkerParts {
            log: Arc::new(self.log.clone()),
            codec: Codec::new(Arc::new(FileSchemas::new().unwrap())).unwrap(),
            ring: KeyRing::generate_one([9; 32]),
            clock: self.log.time.clock(),
            observer: Arc::new(|_| {}),
        };
        let options = WorkerOptions {
            group: "workers".to_owned(),
            topics: Topics::with_prefix(""),
            threads: 1,
            batch: LIMITS,
        };
        let stop = Stop::new();
        let asked = stop.clone();
        let thread = std::thread::spawn(move || order_worker::run(&parts, &options, &asked));
        self.worker = Some((stop, thread));
    }

    /// Lets time pass, for the log and for all that looks at its clock.
    pub(crate) fn pass(&self, ms: u64) {
        self.log.time.passed_ms.fetch_add(ms, Ordering::SeqCst);
    }

    pub(crate) async fn until(&self, what: &str, mut is_met: impl AsyncFnMut(&Self) -> bool) {
        let deadline = Instant::now() + PATIENCE;
        while !is_met(self).await {
            assert!(Instant::now() < deadline, "waited in vain until {what}");
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    }

    /// The key of a customer, or of one with roles.
    pub(crate) fn key(&self, customer: u128, roles: &str) -> String {
        let identity = Identity {
            customer: CustomerId::from(customer),
            verified: !roles.contains("unverified"),
            roles: Roles { producer: roles.contains("producer"), admin: roles.contains("admin") },
        };
        self.secret.program_key(&identity, TimeMs(0))
    }

    pub(crate) fn secret(&self) -> &Secret {
        &self.secret
    }

    pub(crate) fn request(&self, method: Method, path: &str, key: Option<&str>) -> reqwest::RequestBuilder {
        let request = self.client.request(method, format!("http://{}{path}", self.address));
        match key {
            Some(key) => request.bearer_auth(key),
            None => request,
        }
    }

    /// A request with a body and whatever headers, without a key.
    pub(crate) async fn send(
        &self,
        method: Method,
        path: &str,
        headers: &[(&str, &str)],
        body: &Value,
    ) -> Answer {
        let mut request = self.request(method, path, None).header("content-type", "application/json");
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        Answer::of(request.body(body.to_string()).send().await.unwrap()).await
    }

    pub(crate) async fn get(&self, path: &str, key: Option<&str>) -> Answer {
        Answer::of(self.request(Method::GET, path, key).send().await.unwrap()).await
    }

    pub(crate) async fn post(&self, path: &str, key: &str, headers: &[(&str, &str)], body: &Value) -> Answer {
        let mut request = self.request(Method::POST, path, Some(key));
        for (name, value) in headers {
            request = request.header(*name, *value);
        }
        let request = request.header("content-type", "application/json").body(body.to_string());
        Answer::of(request.send().await.unwrap()).await
    }

    /// Opens listings with this much stock each, and waits until they are known.
    pub(crate) async fn list(&self, listings: &[(&str, u32)], terms: &Value) {
        let listing = |(sku, stock): &(&str, u32)| {
            let mut listing = json!({"sku": sku, "stock": stock, "prices": [{"unit_price": 500}]});
            for (name, value) in terms.as_object().into_iter().flatten() {
                listing[name] = value.clone();
            }
            listing
        };
        let sale = json!({"name": "friday", "currency": "EUR", "listings": listings.iter().map(listing).collect::<Vec<_>>()});
        let answer = self.post("/v1/admin/sales", &self.key(1, "admin"), &[], &sale).await;
        assert_eq!(answer.status, 202, "{answer:?}");
        for (sku, _) in listings {
            let path = format!("/v1/listings/{sku}");
            self.until("it is listed", async |shop| shop.get(&path, None).await.status == 200).await;
        }
    }

    /// All commands in the log, in the order of each partition.
    pub(crate) fn commands(&self) -> Vec<Command> {
        let codec = Codec::new(Arc::new(FileSchemas::new().unwrap())).unwrap();
        let records =
            (0..PARTITIONS).flat_map(|partition| self.log.inner.records("orders", partition).unwrap());
        records.map(|record| codec.command_from(record.value.as_deref().unwrap()).unwrap()).collect()
    }

    pub(crate) fn places(&self) -> usize {
        self.commands().iter().filter(|command| matches!(command, Command::Place(_))).count()
    }

    /// Asks the server to end.
    pub(crate) fn ask_to_end(&mut self) {
        drop(self.end.take());
    }

    /// Ends everything; says whether the server finished what was in hand.
    pub(crate) async fn close(mut self) -> bool {
        self.ask_to_end();
        let is_finished = self.served.take().unwrap().await.unwrap();
        if let Some((stop, thread)) = self.worker.take() {
            stop.ask();
            thread.join().unwrap().unwrap();
        }
        self.service.board().close();
        let threads = std::mem::take(&mut self.threads);
        drop(self);
        // The last clone of the door has gone, and with it its thread.
        tokio::task::spawn_blocking(|| threads.into_iter().for_each(|thread| thread.join().unwrap()))
            .await
            .unwrap();
        is_finished
    }
}

/// Pages over products that are on the log.
fn stocked(log: &Faulty, products: Vec<Product>) -> Arc<Pages> {
    let codec = ProductCodec::new(Arc::new(FileSchemas::new().unwrap())).unwrap();
    let topic = CatalogueTopic { log: Arc::new(log.clone()), name: "catalogue".into(), codec };
    let changes: Vec<_> = products.into_iter().map(|product| Change::Put(Box::new(product))).collect();
    topic.write(&changes).unwrap();
    pages(topic)
}

/// Pages over a catalogue.
pub(crate) fn pages(topic: CatalogueTopic) -> Arc<Pages> {
    let catalogue = Arc::new(CatalogueFollower::start(topic, ShelfLimits::default()).unwrap());
    Arc::new(Pages { pages: Storefront::new("Shop").unwrap(), catalogue, images: Images::Demo })
}

/// One order of one SKU.
pub(crate) fn order(sku: &str, quantity: i64) -> Value {
    json!({"lines": [{"sku": sku, "quantity": quantity}]})
}

/// A log that can go away: what is appended then is not acknowledged, or breaks the appender.
#[derive(Clone)]
pub(crate) struct Faulty {
    pub(crate) inner: MemoryLog,
    faults: Arc<Faults>,
    time: Time,
}

#[derive(Default)]
struct Faults {
    is_silent: AtomicBool,
    is_broken: AtomicBool,
}

impl Faulty {
    fn new() -> Self {
        let time = Time::default();
        let clock = time.clock();
        Self { inner: MemoryLog::new(Arc::new(move || clock().0)), faults: Arc::default(), time }
    }

    /// Stores what is appended and acknowledges nothing, as if the answers were lost on the way.
    pub(crate) fn silence(&self, is_silent: bool) {
        self.faults.is_silent.store(is_silent, Ordering::SeqCst);
    }

    /// Fails whatever is asked of it.
    pub(crate) fn break_off(&self, is_broken: bool) {
        self.faults.is_broken.store(is_broken, Ordering::SeqCst);
    }

    fn check(&self) -> Result<(), LogError> {
        if self.faults.is_broken.load(Ordering::SeqCst) {
            return Err(LogError::Unreachable {
                log: "memory".to_owned(),
                detail: "broken on purpose".to_owned(),
            });
        }
        Ok(())
    }
}

impl Log for Faulty {
    fn describe(&self) -> String {
        self.inner.describe()
    }

    fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<String>, LogError> {
        self.inner.create_topics(specs)
    }

    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicFinding>, LogError> {
        self.inner.check_topics(specs)
    }

    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        self.check()?;
        self.inner.partitions(topic)
    }

    fn bounds(&self, topic: &str, partition: u32) -> Result<Bounds, LogError> {
        self.check()?;
        self.inner.bounds(topic, partition)
    }

    fn reader(&self, topic: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        self.inner.reader(topic, limits)
    }

    fn member(&self, topic: &str, group: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        self.inner.member(topic, group, limits)
    }

    /// The worker's appenders and the gateway's are told apart by their topic.
    fn appender(&self) -> Result<Box<dyn LogAppender>, LogError> {
        self.check()?;
        Ok(Box::new(FaultyAppender { log: self.clone(), inner: self.inner.appender()?, kept: Vec::new() }))
    }
}

struct FaultyAppender {
    log: Faulty,
    inner: Box<dyn LogAppender>,
    kept: Vec<order_log::Acknowledged>,
}

impl LogAppender for FaultyAppender {
    fn append(&mut self, batch: AppendBatch) -> Result<Ticket, AppendError> {
        self.log.check()?;
        self.inner.append(batch)
    }

    fn poll(
        &mut self,
        wait: Duration,
        acknowledged: &mut Vec<order_log::Acknowledged>,
    ) -> Result<(), LogError> {
        self.log.check()?;
        self.inner.poll(wait, &mut self.kept)?;
        if !self.log.faults.is_silent.load(Ordering::SeqCst) {
            acknowledged.append(&mut self.kept);
        }
        Ok(())
    }
}
