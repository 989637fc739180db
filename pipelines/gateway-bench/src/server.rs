//! The server's process: a gateway on a folder, and the worker beside it; or the bare handler.
//!
//! It says on standard output where it listens, then answers each word of standard input by a line that says what it has
//! used; when the input ends it ends as well.

use std::collections::BTreeMap;
use std::io::{BufRead as _, Write as _};
use std::net::SocketAddr;
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

use ingest_gateway::board::{Board, BoardParts};
use ingest_gateway::door::{Door, DoorParts};
use ingest_gateway::identity::{Identity, ProgramKeys, Roles, Secret};
use ingest_gateway::limits::{BoardLimits, DoorLimits, HttpLimits, ServiceLimits};
use ingest_gateway::server::{Server, ServerOptions};
use ingest_gateway::service::{Service, ServiceParts};
use order_codec::{Codec, FileSchemas, KeyRing};
use order_log::{EmbeddedLog, EmbeddedOptions, Log, ReadLimits};
use order_model::{CustomerId, TimeMs};
use order_worker::{Stop, Summary, Topics, WorkerError, WorkerEvent, WorkerOptions, WorkerParts};
use serde::Serialize;
use tokio::runtime::{Builder, Runtime};
use tokio::sync::oneshot;

use crate::bare;
use crate::child::{Hello, Word};
use crate::error::{BenchError, died, io};
use crate::figures::Usage;
use crate::limits::{BATCH_BYTES, BATCH_RECORDS, LOOK, PACE_PER_SECOND, PARTITIONS, SILENCE_MAX};

/// Longer than any run.
const RETENTION_MS: u64 = 86_400_000;
/// The only keys of a run.
const SECRET: [u8; 32] = [7; 32];
const LOOPBACK: ([u8; 4], u16) = ([127, 0, 0, 1], 0);

/// What a server is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Kind {
    /// A handler that keeps nothing.
    Bare,
    /// The gateway.
    Gateway,
}

impl Kind {
    /// Both.
    pub const ALL: [Self; 2] = [Self::Bare, Self::Gateway];

    /// Its name on the command line.
    pub fn name(self) -> &'static str {
        match self {
            Self::Bare => "bare",
            Self::Gateway => "gateway",
        }
    }
}

/// Serves until standard input ends.
pub fn serve(kind: Kind, folder: &Path) -> Result<(), BenchError> {
    let runtime =
        Builder::new_multi_thread().enable_all().build().map_err(io("start the threads that serve"))?;
    match kind {
        Kind::Bare => {
            let listener = runtime.block_on(tokio::net::TcpListener::bind(SocketAddr::from(LOOPBACK)));
            let listener = listener.map_err(io("listen on loopback"))?;
            let address = listener.local_addr().map_err(io("listen on loopback"))?;
            runtime.spawn(async move { axum::serve(listener, bare::router()).await });
            obey(&Hello { address, key: "none".to_owned() }, |_| Ok(()))
        }
        Kind::Gateway => serve_gateway(&runtime, folder),
    }
}

/// Says hello, then does what it is told.
fn obey(hello: &Hello, mut done: impl FnMut(Word) -> Result<(), BenchError>) -> Result<(), BenchError> {
    say(hello)?;
    for word in std::io::stdin().lock().lines() {
        let word = word.map_err(io("hear what to do"))?;
        let word = Word::ALL.into_iter().find(|known| known.name() == word);
        done(word.ok_or_else(|| BenchError::Options("there is no such word".to_owned()))?)?;
        say(&Usage::now())?;
    }
    Ok(())
}

fn say(value: &impl Serialize) -> Result<(), BenchError> {
    let text = serde_json::to_string(value).map_err(|error| BenchError::Wrong(error.to_string()))?;
    let mut out = std::io::stdout().lock();
    writeln!(out, "{text}").and_then(|()| out.flush()).map_err(io("say it"))
}

fn now() -> TimeMs {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeMs(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

fn serve_gateway(runtime: &Runtime, folder: &Path) -> Result<(), BenchError> {
    let log = EmbeddedLog::open(folder, EmbeddedOptions::default())?;
    let topics = Topics::with_prefix("");
    log.create_topics(&topics.specs(PARTITIONS, 1, RETENTION_MS))?;
    let parts = WorkerParts {
        log: Arc::new(log),
        codec: Codec::new(Arc::new(FileSchemas::new()?))?,
        ring: KeyRing::generate_one(SECRET),
        clock: Arc::new(now),
        observer: Arc::new(|_| {}),
    };
    let mut decider = Decider::new(parts.clone(), topics.clone());
    decider.start()?;
    let door = DoorParts {
        log: Arc::clone(&parts.log),
        codec: parts.codec.clone(),
        ring: parts.ring.clone(),
        orders: Arc::clone(&topics.orders),
        clock: Arc::new(now),
    };
    let (door, door_thread) = Door::open(door, DoorLimits::default())?;
    let board = BoardParts {
        log: parts.log,
        codec: parts.codec,
        orders: Arc::clone(&topics.orders),
        decisions: Arc::clone(&topics.decisions),
    };
    let (board, mut threads) = Board::open(&board, BoardLimits::default())?;
    threads.push(door_thread);
    let secret = Secret::from(SECRET);
    let roles = Roles { producer: true, admin: true };
    let identity = Identity { customer: CustomerId::from(1), verified: true, roles };
    let key = secret.program_key(&identity, TimeMs(0));
    let parts = ServiceParts {
        door,
        board,
        doorkeeper: Arc::new(ProgramKeys::new(secret.clone(), Arc::new(now))),
        secret,
        rooms: None,
        clock: Arc::new(now),
    };
    let service = Service::new(parts, &pacing());
    let options = ServerOptions { limits: share(), ..ServerOptions::default() };
    let server = runtime.block_on(Server::bind(SocketAddr::from(LOOPBACK), service.clone(), &options))?;
    let address = server.address().map_err(io("listen on loopback"))?;
    let (end, ended) = oneshot::channel::<()>();
    let served = runtime.spawn(server.serve(async move { drop(ended.await) }));
    let obeyed = obey(&Hello { address, key }, |word| match word {
        Word::Decide => decider.start(),
        Word::Rest => decider.stop(),
        Word::Settle => decider.start().and_then(|()| decider.settle()),
        Word::Usage => Ok(()),
    });
    drop(end);
    // Whoever still has a connection open is the load, which ends with us.
    runtime.block_on(served).map_err(|_| died("the server"))?;
    decider.stop()?;
    service.board().close();
    drop(service);
    for thread in threads {
        thread.join().map_err(|_| died("a thread of the gateway"))?;
    }
    obeyed
}

/// The load comes from one address, which nobody is to slow down.
fn pacing() -> ServiceLimits {
    ServiceLimits {
        address_per_second_max: PACE_PER_SECOND,
        address_burst_max: PACE_PER_SECOND,
        ..ServiceLimits::default()
    }
}

/// All connections and streams are its.
fn share() -> HttpLimits {
    let all = HttpLimits::default();
    HttpLimits { address_connections_max: all.connections_max, address_streams_max: all.streams_max, ..all }
}

/// The worker beside the gateway; started and stopped as it is told.
struct Decider {
    parts: WorkerParts,
    topics: Topics,
    /// How far each partition is durable.
    durable: Arc<Mutex<BTreeMap<u32, u64>>>,
    running: Option<(Stop, JoinHandle<Result<Summary, WorkerError>>)>,
}

impl Decider {
    fn new(mut parts: WorkerParts, topics: Topics) -> Self {
        let durable = Arc::new(Mutex::new(BTreeMap::new()));
        let noted = Arc::clone(&durable);
        parts.observer = Arc::new(move |event| {
            if let WorkerEvent::Durable { partition, offset } = event {
                noted.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, offset);
            }
        });
        Self { parts, topics, durable, running: None }
    }

    fn start(&mut self) -> Result<(), BenchError> {
        if self.running.is_some() {
            return Ok(());
        }
        let options = WorkerOptions {
            group: "workers".to_owned(),
            topics: self.topics.clone(),
            threads: 1,
            batch: ReadLimits { records_max: BATCH_RECORDS, bytes_max: BATCH_BYTES },
        };
        let (stop, parts) = (Stop::new(), self.parts.clone());
        let asked = stop.clone();
        let thread = std::thread::Builder::new().name("worker".to_owned());
        let thread = thread.spawn(move || order_worker::run(&parts, &options, &asked));
        self.running = Some((stop, thread.map_err(io("start the worker's thread"))?));
        Ok(())
    }

    fn stop(&mut self) -> Result<(), BenchError> {
        let Some((stop, thread)) = self.running.take() else { return Ok(()) };
        stop.ask();
        thread.join().map_err(|_| died("the worker"))??;
        Ok(())
    }

    /// Waits until everything on `orders` is decided.
    fn settle(&mut self) -> Result<(), BenchError> {
        let (mut heard, mut before) = (Instant::now(), BTreeMap::new());
        loop {
            let durable = self.durable.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let mut is_settled = true;
            for partition in 0..PARTITIONS {
                let end = self.parts.log.bounds(&self.topics.orders, partition)?.end;
                is_settled &= durable.get(&partition).copied().unwrap_or(0) >= end;
            }
            if is_settled {
                return Ok(());
            }
            if durable != before {
                (heard, before) = (Instant::now(), durable);
            } else if heard.elapsed() > SILENCE_MAX {
                let what = "waiting for decisions".to_owned();
                return Err(BenchError::Stuck { what, silence_s: SILENCE_MAX.as_secs() });
            }
            std::thread::sleep(LOOK);
        }
    }
}
