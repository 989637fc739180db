//! The course of the sale: open, sell, settle, close, prove.

use std::sync::Arc;
use std::thread::ScopedJoinHandle;
use std::time::Instant;

use order_model::{Command, CommandId, ListingChange, ListingCommand, ListingSettings};
use order_proof::{ProofParts, prove};
use order_traffic::{IdKind, ListingSpec, SaleSpec, id};
use order_worker::{Stop, StopLevel, Summary, WorkerError, WorkerEvent, WorkerOptions, WorkerParts};
use payment_worker::PaymentHandle;

use crate::board::{Board, Phase};
use crate::limits::{HOLD_MS_MIN, QUIET_INTERVAL};
use crate::shoppers::{finish, open, shop};
use crate::writer::Writer;
use crate::{DemoError, DemoOptions, DemoParts, DemoResult, payment, watcher};

/// Ids of the closing commands count from here, far above those of the traffic.
const CLOSING_IDS: u64 = 1 << 40;
/// And those that shorten holds from here.
const SHORTENING_IDS: u64 = 1 << 41;

/// Runs a sale to its proof. `stop` breaks it off. Blocks; uses the worker's threads and three more.
pub fn run(
    parts: &DemoParts,
    options: &DemoOptions,
    board: &Arc<Board>,
    stop: &Stop,
) -> Result<DemoResult, DemoError> {
    let partitions = parts.log.partitions(&parts.topics.orders)?;
    let hold_ms = payment::hold_ms(options);
    let mut sale = SaleSpec::demo(options.orders, partitions);
    sale.listings.iter_mut().for_each(|listing| listing.settings.hold_ms = hold_ms);
    let (worker_stop, watcher_stop) = (Stop::new(), Stop::new());
    let (payments, sandbox) = payment::start(parts, options.seed, hold_ms)?;
    let (placed, seconds, summary) = std::thread::scope(|scope| {
        let worker = scope.spawn(|| decide(parts, options, board, &worker_stop));
        let watcher = scope.spawn(|| watcher::run(parts, options.batch, board, &watcher_stop));
        let crew = Crew { worker: &worker, watcher: &watcher, payments: &payments };
        let sold = Sale { parts, options, board, stop, sale: &sale, crew }.sell();
        watcher_stop.ask();
        worker_stop.ask();
        if sold.is_err() {
            // Nothing is to be finished when the sale has failed.
            worker_stop.ask();
            payments.ask_to_stop();
        }
        let watcher = watcher.join().unwrap_or(Err(DemoError::Ended("watcher")));
        let worker = worker.join().unwrap_or(Err(WorkerError::ThreadDied(0)));
        // The cause first: whoever failed is why the sale did.
        let summary = worker?;
        watcher?;
        payments.drain()?;
        let (placed, seconds) = sold?;
        Ok::<_, DemoError>((placed, seconds, summary))
    })?;
    let takings = sandbox.takings();
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
    let progress = parts.entrance.as_ref().map(|entrance| entrance.progress()).transpose()?;
    let sent_away = progress.unwrap_or_default().sent_away;
    let appended = board.lock().appended;
    Ok(DemoResult { placed, appended, sent_away, seconds, certificate, takings, proof })
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

/// Who is at work during a sale.
struct Crew<'a, 'scope> {
    worker: &'a ScopedJoinHandle<'scope, Result<Summary, WorkerError>>,
    watcher: &'a ScopedJoinHandle<'scope, Result<(), DemoError>>,
    payments: &'a PaymentHandle,
}

impl Crew<'_, '_> {
    /// Who has ended, if anybody has.
    fn ended(&self) -> Option<&'static str> {
        let finished = [
            ("worker", self.worker.is_finished()),
            ("watcher", self.watcher.is_finished()),
            ("payment worker", self.payments.is_finished()),
        ];
        finished.iter().find(|(_, is_finished)| *is_finished).map(|(name, _)| *name)
    }
}

struct Sale<'a, 'scope> {
    parts: &'a DemoParts,
    options: &'a DemoOptions,
    board: &'a Board,
    stop: &'a Stop,
    sale: &'a SaleSpec,
    crew: Crew<'a, 'scope>,
}

impl Sale<'_, '_> {
    /// Opens, sells, settles and closes. Says how many orders were placed and how long selling took, in seconds.
    fn sell(&self) -> Result<(u64, f64), DemoError> {
        let mut writer = Writer::new(self.parts)?;
        open(&mut writer, self.sale, self.options.seed)?;
        // Nobody may ask before the listings are open.
        self.wait_until(|| self.is_quiet())?;
        self.board.enter(Phase::Selling);
        let start = Instant::now();
        let placed = shop(self.parts, self.options, self.sale, self.board, self.stop)?;
        let sent = self.ends()?;
        self.wait_until(|| Ok(self.is_decided(&sent)))?;
        let seconds = start.elapsed().as_secs_f64();
        self.board.enter(Phase::Settling);
        self.shorten_holds(&mut writer)?;
        self.wait_until(|| Ok(self.board.lock().held() == 0 && self.is_quiet()?))?;
        self.board.enter(Phase::Closing);
        self.operate(&mut writer, CLOSING_IDS, |_| ListingChange::Close)?;
        self.wait_until(|| Ok(self.board.lock().waiting() == 0 && self.is_quiet()?))?;
        if let Some(entrance) = &self.parts.entrance {
            // People who still look around must not add to what is proved.
            entrance.close();
            self.wait_until(|| self.is_quiet())?;
        }
        Ok((placed, seconds))
    }

    /// Once the rush is paid for, holds for those who wait need no longer last as long as the rush did.
    fn shorten_holds(&self, writer: &mut Writer) -> Result<(), DemoError> {
        if self.sale.listings.iter().all(|listing| listing.settings.hold_ms <= HOLD_MS_MIN) {
            return Ok(());
        }
        self.wait_until(|| self.is_paid_for())?;
        self.operate(writer, SHORTENING_IDS, |listing| {
            let settings = ListingSettings { hold_ms: HOLD_MS_MIN, ..listing.settings.clone() };
            ListingChange::Change(Box::new(settings))
        })
    }

    /// Changes every listing, and waits until the log has that.
    fn operate(
        &self,
        writer: &mut Writer,
        ids: u64,
        change: impl Fn(&ListingSpec) -> ListingChange,
    ) -> Result<(), DemoError> {
        for (number, listing) in (ids..).zip(&self.sale.listings) {
            let id = CommandId::from(id(IdKind::Command, self.options.seed, number));
            let command = ListingCommand { id, sku: listing.sku, change: change(listing) };
            writer.command(&Command::Listing(command), None)?;
        }
        finish(writer)
    }

    /// Whether the payment worker has seen every decision and has no call waiting for its turn.
    fn is_paid_for(&self) -> Result<bool, DemoError> {
        let payments = self.crew.payments.status();
        for partition in (0..).take(self.ends()?.len()) {
            let end = self.parts.log.bounds(&self.parts.topics.decisions, partition)?.end;
            if payments.partitions.get(&partition).map_or(0, |partition| partition.next_offset) < end {
                return Ok(false);
            }
        }
        Ok(payments.calls_under_way < payments.calls_allowed)
    }

    /// Looks now and then until `done`, as long as all are at work.
    fn wait_until(&self, done: impl Fn() -> Result<bool, DemoError>) -> Result<(), DemoError> {
        while !done()? {
            if let Some(ended) = self.crew.ended() {
                return Err(DemoError::Ended(ended));
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
        let payments = self.crew.payments.status();
        for partition in (0..).take(ends.len()) {
            let end = self.parts.log.bounds(&topics.decisions, partition)?.end;
            let seen = self.board.lock().read.get(&partition).copied().unwrap_or_default();
            let dealt_with = payments.partitions.get(&partition).map_or(0, |partition| partition.next_offset);
            if seen < end || dealt_with < end {
                return Ok(false);
            }
        }
        Ok(payments.is_idle() && self.ends()? == ends)
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
