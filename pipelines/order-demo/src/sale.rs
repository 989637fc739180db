//! The course of the sale: open, sell, settle, close, prove.

use std::sync::Arc;
use std::thread::ScopedJoinHandle;
use std::time::Instant;

use order_model::{Command, CommandId, ListingChange, ListingCommand};
use order_proof::{ProofParts, prove};
use order_traffic::{IdKind, SaleSpec, id};
use order_worker::{Stop, StopLevel, Summary, WorkerError, WorkerEvent, WorkerOptions, WorkerParts};

use crate::board::{Board, Phase};
use crate::limits::QUIET_INTERVAL;
use crate::shoppers::{finish, open, shop};
use crate::writer::Writer;
use crate::{DemoError, DemoOptions, DemoParts, DemoResult, till};

/// Ids of the closing commands count from here, far above those of the traffic.
const CLOSING_IDS: u64 = 1 << 40;

/// Runs a sale to its proof. `stop` breaks it off. Blocks; uses the worker's threads and three more.
pub fn run(
    parts: &DemoParts,
    options: &DemoOptions,
    board: &Arc<Board>,
    stop: &Stop,
) -> Result<DemoResult, DemoError> {
    let partitions = parts.log.partitions(&parts.topics.orders)?;
    let sale = SaleSpec::demo(options.orders, partitions);
    let (worker_stop, till_stop) = (Stop::new(), Stop::new());
    let (placed, seconds, summary) = std::thread::scope(|scope| {
        let worker = scope.spawn(|| decide(parts, options, board, &worker_stop));
        let till = scope.spawn(|| till::run(parts, options.seed, options.batch, board, &till_stop));
        let sold = Sale { parts, options, board, stop, sale: &sale }.sell(&worker, &till);
        till_stop.ask();
        worker_stop.ask();
        if sold.is_err() {
            // Nothing is to be finished when the sale has failed.
            worker_stop.ask();
        }
        let till = till.join().unwrap_or(Err(DemoError::Ended("till")));
        let worker = worker.join().unwrap_or(Err(WorkerError::ThreadDied(0)));
        // The cause first: a worker or a till that failed is why the sale did.
        let summary = worker?;
        till?;
        let (placed, seconds) = sold?;
        Ok::<_, DemoError>((placed, seconds, summary))
    })?;
    board.enter(Phase::Proving);
    let watcher = Arc::clone(board);
    let proof = prove(&ProofParts {
        log: Arc::clone(&parts.log),
        codec: parts.codec.clone(),
        ring: parts.ring.clone(),
        topics: parts.topics.clone(),
        threads: options.threads,
        batch: options.batch,
        progress: Arc::new(move |replayed| watcher.lock().replayed = replayed),
    })?;
    let certificates: Vec<_> = summary.partitions.iter().map(|partition| partition.certificate).collect();
    let certificate = order_proof::combine(&certificates);
    Ok(DemoResult { placed, appended: board.lock().appended, seconds, certificate, proof })
}

/// The worker, telling the board how far it has got.
fn decide(
    parts: &DemoParts,
    options: &DemoOptions,
    board: &Arc<Board>,
    stop: &Stop,
) -> Result<Summary, WorkerError> {
    let board = Arc::clone(board);
    let worker = WorkerParts {
        log: Arc::clone(&parts.log),
        codec: parts.codec.clone(),
        ring: parts.ring.clone(),
        clock: Arc::clone(&parts.clock),
        observer: Arc::new(move |event| {
            if let WorkerEvent::Durable { partition, offset } = event {
                board.lock().durable.insert(partition, offset);
            }
        }),
    };
    let options = WorkerOptions {
        group: "demo".to_owned(),
        topics: parts.topics.clone(),
        threads: options.threads,
        batch: options.batch,
    };
    order_worker::run(&worker, &options, stop)
}

struct Sale<'a> {
    parts: &'a DemoParts,
    options: &'a DemoOptions,
    board: &'a Board,
    stop: &'a Stop,
    sale: &'a SaleSpec,
}

type Decider<'scope> = ScopedJoinHandle<'scope, Result<Summary, WorkerError>>;
type Till<'scope> = ScopedJoinHandle<'scope, Result<(), DemoError>>;

impl Sale<'_> {
    /// Opens, sells, settles and closes. Says how many orders were placed and how long selling took, in seconds.
    fn sell(&self, worker: &Decider<'_>, till: &Till<'_>) -> Result<(u64, f64), DemoError> {
        let mut writer = Writer::new(self.parts)?;
        open(&mut writer, self.sale, self.options.seed)?;
        // Nobody may ask before the listings are open.
        self.wait_until(worker, till, || self.is_quiet())?;
        self.board.enter(Phase::Selling);
        let start = Instant::now();
        let placed = shop(self.parts, self.options, self.sale, self.board, self.stop)?;
        let sent = self.ends()?;
        self.wait_until(worker, till, || Ok(self.is_decided(&sent)))?;
        let seconds = start.elapsed().as_secs_f64();
        self.board.enter(Phase::Settling);
        self.wait_until(worker, till, || Ok(self.board.lock().held() == 0 && self.is_quiet()?))?;
        self.board.enter(Phase::Closing);
        for (number, listing) in (CLOSING_IDS..).zip(&self.sale.listings) {
            let id = CommandId::from(id(IdKind::Command, self.options.seed, number));
            let close = ListingCommand { id, sku: listing.sku, change: ListingChange::Close };
            writer.command(&Command::Listing(close), None)?;
        }
        finish(&mut writer)?;
        self.wait_until(worker, till, || Ok(self.board.lock().waiting() == 0 && self.is_quiet()?))?;
        Ok((placed, seconds))
    }

    /// Looks now and then until `done`, as long as worker and till are at work.
    fn wait_until(
        &self,
        worker: &Decider<'_>,
        till: &Till<'_>,
        done: impl Fn() -> Result<bool, DemoError>,
    ) -> Result<(), DemoError> {
        while !done()? {
            if worker.is_finished() {
                return Err(DemoError::Ended("worker"));
            }
            if till.is_finished() {
                return Err(DemoError::Ended("till"));
            }
            if self.stop.level() != StopLevel::Run {
                return Err(DemoError::BrokenOff);
            }
            std::thread::sleep(QUIET_INTERVAL);
        }
        Ok(())
    }

    /// Whether everything on `orders` is decided, every decision read, and no payment under way.
    fn is_quiet(&self) -> Result<bool, DemoError> {
        let ends = self.ends()?;
        if !self.is_decided(&ends) {
            return Ok(false);
        }
        let topics = &self.parts.topics;
        for partition in (0..).take(ends.len()) {
            let end = self.parts.log.bounds(&topics.decisions, partition)?.end;
            if self.board.lock().read.get(&partition).copied().unwrap_or_default() < end {
                return Ok(false);
            }
        }
        Ok(self.board.lock().payments_under_way == 0 && self.ends()? == ends)
    }

    fn is_decided(&self, ends: &[u64]) -> bool {
        let board = self.board.lock();
        let durable = |partition: u32| board.durable.get(&partition).copied().unwrap_or_default();
        (0..).zip(ends).all(|(partition, end)| durable(partition) >= *end)
    }

    fn ends(&self) -> Result<Vec<u64>, DemoError> {
        let topic = &self.parts.topics.orders;
        let partitions = self.parts.log.partitions(topic)?;
        (0..partitions).map(|partition| Ok(self.parts.log.bounds(topic, partition)?.end)).collect()
    }
}
