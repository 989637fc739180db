//! Runs our worker on a thread of its own, and measures how long it takes to an end fixed beforehand.

use std::collections::BTreeMap;
use std::sync::mpsc::{Receiver, RecvTimeoutError, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

use order_log::{Log, ReadLimits};
use order_worker::{Stop, Summary, Topics, WorkerError, WorkerEvent, WorkerOptions, WorkerParts};
use testbed::Broker;

use crate::BenchError;
use crate::error::died;
use crate::limits::{BATCH_BYTES, SILENCE_MS_MAX, WAIT_MS};
use crate::mark::{Mark, Span};
use crate::sale::{self, Sale};
use crate::watched::WatchedLog;

/// How a worker of a benchmark is run.
#[derive(Clone, Debug)]
pub(crate) struct WorkerSetup {
    pub(crate) group: String,
    pub(crate) topics: Topics,
    pub(crate) threads: usize,
    pub(crate) batch_records: usize,
}

/// A worker on a thread of its own. Asked to stop when dropped.
pub(crate) struct RunningWorker {
    stop: Stop,
    handle: Option<JoinHandle<Result<Summary, WorkerError>>>,
}

impl RunningWorker {
    pub(crate) fn start(
        log: Arc<dyn Log>,
        sale: &Sale,
        setup: WorkerSetup,
        observer: Arc<dyn Fn(WorkerEvent) + Send + Sync>,
    ) -> Result<Self, BenchError> {
        let parts = WorkerParts {
            log,
            codec: sale.codec.clone(),
            ring: sale.ring.clone(),
            clock: Arc::new(sale::now),
            observer,
        };
        let options = WorkerOptions {
            group: setup.group,
            topics: setup.topics,
            threads: setup.threads,
            batch: ReadLimits { records_max: setup.batch_records, bytes_max: BATCH_BYTES },
        };
        let stop = Stop::new();
        let asked = stop.clone();
        let handle = std::thread::Builder::new()
            .name("worker".to_owned())
            .spawn(move || order_worker::run(&parts, &options, &asked))
            .map_err(|source| BenchError::Io { what: "start the worker's thread", source })?;
        Ok(Self { stop, handle: Some(handle) })
    }

    /// Whether it has ended by itself; then [`Self::finish`] says why.
    pub(crate) fn has_ended(&self) -> bool {
        self.handle.as_ref().is_none_or(JoinHandle::is_finished)
    }

    /// Lets it drain.
    pub(crate) fn finish(mut self) -> Result<Summary, BenchError> {
        self.stop.ask();
        let handle = self.handle.take().ok_or_else(|| died("the worker"))?;
        Ok(handle.join().map_err(|_| died("the worker"))??)
    }
}

impl Drop for RunningWorker {
    fn drop(&mut self) {
        self.stop.ask();
        self.stop.ask();
        if let Some(handle) = self.handle.take() {
            handle.join().ok();
        }
    }
}

/// Decides everything on `setup.topics.orders` and measures from the first batch read to the last acknowledgement.
pub(crate) fn measure(
    log: &Arc<dyn Log>,
    broker: &Broker,
    sale: &Sale,
    setup: WorkerSetup,
) -> Result<Span, BenchError> {
    let mut ends = BTreeMap::new();
    for partition in 0..sale.spec.partitions {
        ends.insert(partition, log.bounds(&setup.topics.orders, partition)?.end);
    }
    let (first_batch, first) = channel();
    let (all_durable, last) = channel();
    let watched = Arc::new(WatchedLog { log: Arc::clone(log), first_batch });
    let worker = RunningWorker::start(watched, sale, setup, observer(ends, all_durable))?;
    let start = wait_for(&first, &worker);
    let broker_start = broker.cpu_time()?;
    let end = start.and_then(|start| Ok((start, wait_for(&last, &worker)?)));
    let broker_end = broker.cpu_time()?;
    match end {
        Ok((start, end)) => {
            worker.finish()?;
            Ok(Span::between(start, end, broker_end.saturating_sub(broker_start)))
        }
        // Why the worker ended says more than that it did.
        Err(error) if worker.has_ended() => worker.finish().and(Err(error)),
        Err(error) => Err(error),
    }
}

/// Tells when every partition is durable up to its end.
fn observer(ends: BTreeMap<u32, u64>, all_durable: Sender<Mark>) -> Arc<dyn Fn(WorkerEvent) + Send + Sync> {
    let left = Mutex::new(ends);
    Arc::new(move |event| {
        let WorkerEvent::Durable { partition, offset } = event else { return };
        let mut left = left.lock().unwrap_or_else(PoisonError::into_inner);
        if left.get(&partition).is_some_and(|end| offset >= *end) {
            left.remove(&partition);
            if left.is_empty() {
                all_durable.send(Mark::now()).ok();
            }
        }
    })
}

fn wait_for(marks: &Receiver<Mark>, worker: &RunningWorker) -> Result<Mark, BenchError> {
    let deadline = Instant::now() + Duration::from_millis(SILENCE_MS_MAX);
    let stuck = || BenchError::Stuck { what: "the worker's round".to_owned(), silence_ms: SILENCE_MS_MAX };
    loop {
        match marks.recv_timeout(Duration::from_millis(WAIT_MS)) {
            Ok(mark) => return Ok(mark),
            Err(RecvTimeoutError::Timeout) if Instant::now() < deadline && !worker.has_ended() => {}
            Err(_) => return Err(stuck()),
        }
    }
}
