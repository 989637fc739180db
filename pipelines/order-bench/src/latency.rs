//! Latency: from the moment an order was to be written to the moment its decision was read, under a steady load.
//!
//! Open loop: the schedule is fixed before the run and waits for nobody, and latency is counted from the *intended*
//! moment, so a stall counts for every order that fell into it. Load, worker and reader share one process and the
//! machine with the broker. Orders of the warm-up are decided and checked, and are in no figure.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use hdrhistogram::Histogram;
use order_log::{EmbeddedLog, EmbeddedOptions, KafkaLog, KafkaOptions, Log, TopicName};
use order_model::{Event, OrderEventKind};
use order_worker::Topics;
use serde::Serialize;
use testbed::Broker;

use crate::BenchError;
use crate::check::Decisions;
use crate::error::died;
use crate::limits::{LATENCY_US_MAX, LISTINGS_MAX, SILENCE_MS_MAX, WAIT_MS};
use crate::load::{Schedule, Writer, send};
use crate::sale::{Sale, create_topics, number_of};
use crate::worker::{RunningWorker, WorkerSetup};

/// On which log.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum LatencyLog {
    /// A broker of our own.
    #[default]
    Kafka,
    /// A temporary folder.
    Embedded,
}

/// What to measure.
#[derive(Clone, Debug)]
pub struct LatencyOptions {
    /// On which log.
    pub log: LatencyLog,
    /// Orders a second.
    pub rate_per_second: u32,
    /// How long they are counted, in seconds.
    pub seconds: u32,
    /// How long they are not counted before that, in seconds.
    pub warmup_seconds: u32,
    /// Partitions of each topic.
    pub partitions: u32,
    /// Timely threads of the worker.
    pub threads: usize,
    /// Listings of the sale.
    pub listings: u32,
    /// Most records of a batch that the worker reads.
    pub batch_records: usize,
    /// More settings of the Kafka clients of load, worker and reader, by librdkafka's names.
    pub client_properties: BTreeMap<String, String>,
}

impl Default for LatencyOptions {
    fn default() -> Self {
        Self {
            log: LatencyLog::Kafka,
            rate_per_second: 20_000,
            seconds: 20,
            warmup_seconds: 10,
            partitions: 4,
            threads: 2,
            listings: 1_000,
            batch_records: 4_096,
            client_properties: BTreeMap::new(),
        }
    }
}

impl LatencyOptions {
    /// Orders of warm-up and measurement together.
    fn orders(&self) -> Option<u32> {
        self.warmup_seconds.checked_add(self.seconds)?.checked_mul(self.rate_per_second)
    }

    fn check(&self) -> Result<u32, BenchError> {
        let is_good = self.rate_per_second > 0
            && self.seconds > 0
            && self.threads > 0
            && self.batch_records > 0
            && (1..=LISTINGS_MAX).contains(&self.listings)
            && (1..=order_model::limits::PARTITIONS_MAX).contains(&self.partitions);
        self.orders().filter(|_| is_good).ok_or_else(|| {
            let partitions_max = order_model::limits::PARTITIONS_MAX;
            BenchError::Options(format!(
                "rate, seconds, threads and records in a batch are at least 1, rate times seconds fits 32 bits, and a \
                 sale has 1 to {LISTINGS_MAX} listings on 1 to {partitions_max} partitions"
            ))
        })
    }

    fn settings(&self, log: &str) -> String {
        format!(
            "open loop, {} orders/s for {} s after {} s of warm-up that are not counted, {} listings, {} partitions, {} \
             timely thread(s), batches of at most {} records; load, worker and reader in one process; client settings beyond the usual {:?}; {log}",
            self.rate_per_second,
            self.seconds,
            self.warmup_seconds,
            self.listings,
            self.partitions,
            self.threads,
            self.batch_records,
            self.client_properties,
        )
    }
}

/// What is being done.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum LatencyProgress {
    /// The log is being opened.
    Starting,
    /// The load runs.
    Running {
        /// Orders decided so far.
        decided: u32,
        /// Orders of the whole run.
        of: u32,
    },
}

/// The figures. Latencies in milliseconds.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct LatencyFigures {
    /// Half of the orders took no longer.
    pub p50_ms: f64,
    /// 99 % of them.
    pub p99_ms: f64,
    /// 99.9 % of them.
    pub p999_ms: f64,
    /// The slowest of them.
    pub max_ms: f64,
    /// Orders sent after the warm-up.
    pub sent: u32,
    /// Of those, orders decided.
    pub decided: u32,
    /// The difference; a run with one lost has no figures.
    pub lost: u32,
    /// What was measured, for people.
    pub settings: String,
}

/// Measures. Blocks; tells `progress` how far it is.
pub fn run(
    options: &LatencyOptions,
    progress: &mut dyn FnMut(LatencyProgress),
) -> Result<LatencyFigures, BenchError> {
    let orders = options.check()?;
    progress(LatencyProgress::Starting);
    match options.log {
        LatencyLog::Kafka => {
            let broker = Broker::start()?;
            let properties = options.client_properties.clone();
            let kafka_options = KafkaOptions { properties, ..KafkaOptions::new(broker.bootstrap()) };
            let log = Arc::new(KafkaLog::connect(kafka_options)?);
            measure(options, orders, log, "Apache Kafka 4.1, one broker on this machine, acks=all", progress)
        }
        LatencyLog::Embedded => {
            let folder = tempfile::tempdir()
                .map_err(|source| BenchError::Io { what: "make a temporary folder", source })?;
            let log = Arc::new(EmbeddedLog::open(folder.path(), EmbeddedOptions::default())?);
            measure(options, orders, log, "embedded log in a temporary folder, synced", progress)
        }
    }
}

fn measure(
    options: &LatencyOptions,
    orders: u32,
    log: Arc<dyn Log>,
    description: &str,
    progress: &mut dyn FnMut(LatencyProgress),
) -> Result<LatencyFigures, BenchError> {
    let sale = Sale::new(options.listings, options.partitions)?;
    let topics = Topics::with_prefix("");
    let names = [&*topics.orders, &*topics.decisions, &*topics.dead_letters];
    create_topics(log.as_ref(), &names, options.partitions)?;
    let orders_topic: TopicName = Arc::clone(&topics.orders);
    let mut writer = Writer::open(log.as_ref())?;
    writer.append(sale.openings(&orders_topic)?)?;
    writer.finish()?;
    let setup = WorkerSetup {
        group: "workers".to_owned(),
        topics: topics.clone(),
        threads: options.threads,
        batch_records: options.batch_records,
    };
    let worker = RunningWorker::start(Arc::clone(&log), &sale, setup, Arc::new(|_| {}))?;
    let mut decisions = Decisions::open(log.as_ref(), &sale, &topics.decisions)?;
    let mut seen = Seen::new(orders, options.warmup_seconds.saturating_mul(options.rate_per_second));
    let result = seen.wait_for_openings(&mut decisions, options.listings, &worker).and_then(|()| {
        let rate_per_second = options.rate_per_second;
        let schedule = Schedule { start: Instant::now(), rate_per_second, orders };
        thread::scope(|scope| {
            let load = scope.spawn(|| send(log.as_ref(), &sale, &orders_topic, schedule));
            let followed = seen.follow(&mut decisions, schedule, &worker, progress);
            load.join().map_err(|_| died("the load"))?.and(followed)
        })
    });
    if result.is_err() && worker.has_ended() {
        // Why the worker ended says more than that it did.
        worker.finish()?;
    } else if result.is_ok() {
        worker.finish()?;
    }
    result?;
    Ok(seen.figures(options.settings(description)))
}

/// What has been read.
struct Seen {
    opened: u32,
    decided: u32,
    /// By number.
    is_decided: Vec<bool>,
    /// Numbers below it belong to the warm-up.
    first_counted: u32,
    /// In microseconds.
    latencies: Option<Histogram<u64>>,
}

impl Seen {
    fn new(orders: u32, first_counted: u32) -> Self {
        Self {
            opened: 0,
            decided: 0,
            is_decided: vec![false; usize::try_from(orders).unwrap_or(usize::MAX)],
            first_counted,
            latencies: Histogram::new_with_bounds(1, LATENCY_US_MAX, 3).ok(),
        }
    }

    fn wait_for_openings(
        &mut self,
        decisions: &mut Decisions<'_>,
        listings: u32,
        worker: &RunningWorker,
    ) -> Result<(), BenchError> {
        let mut patience = Patience::new("opening the listings");
        while self.opened < listings {
            let Some(batch) = decisions.poll(Duration::from_millis(WAIT_MS))? else {
                patience.check(worker)?;
                continue;
            };
            patience.renew();
            decisions.each(&batch, |decision| match decision.event {
                Event::Listing(_) => {
                    self.opened += 1;
                    Ok(())
                }
                other => Err(BenchError::Wrong(format!("a decision that nothing asked for: {other:?}"))),
            })?;
        }
        Ok(())
    }

    /// Reads until every order is decided.
    fn follow(
        &mut self,
        decisions: &mut Decisions<'_>,
        schedule: Schedule,
        worker: &RunningWorker,
        progress: &mut dyn FnMut(LatencyProgress),
    ) -> Result<(), BenchError> {
        let mut patience = Patience::new("waiting for decisions");
        let mut told = Instant::now();
        while self.decided < schedule.orders {
            let Some(batch) = decisions.poll(Duration::from_millis(WAIT_MS))? else {
                patience.check(worker)?;
                continue;
            };
            let now = Instant::now();
            patience.renew();
            decisions.each(&batch, |decision| match decision.event {
                Event::Order(event) if event.kind == OrderEventKind::Held => {
                    let number = number_of(event.order).filter(|number| *number < schedule.orders);
                    let number = number
                        .ok_or_else(|| BenchError::Wrong(format!("order {} was not placed", event.order)))?;
                    self.take(number, now.saturating_duration_since(schedule.time_of(number)))
                }
                other => Err(BenchError::Wrong(format!("a decision that nothing asked for: {other:?}"))),
            })?;
            if told.elapsed() > Duration::from_secs(1) {
                told = now;
                progress(LatencyProgress::Running { decided: self.decided, of: schedule.orders });
            }
        }
        Ok(())
    }

    fn take(&mut self, number: u32, latency: Duration) -> Result<(), BenchError> {
        let place = usize::try_from(number).ok().and_then(|index| self.is_decided.get_mut(index));
        match place {
            Some(is_decided) if !*is_decided => *is_decided = true,
            _ => return Err(BenchError::Wrong(format!("order {number} was decided twice"))),
        }
        self.decided += 1;
        if number >= self.first_counted
            && let Some(latencies) = &mut self.latencies
        {
            latencies.saturating_record(u64::try_from(latency.as_micros()).unwrap_or(u64::MAX));
        }
        Ok(())
    }

    fn figures(&self, settings: String) -> LatencyFigures {
        let ms = |us: u64| Duration::from_micros(us).as_secs_f64() * 1e3;
        let quantile = |share: f64| {
            self.latencies.as_ref().map_or(f64::NAN, |latencies| ms(latencies.value_at_quantile(share)))
        };
        let sent = u32::try_from(self.is_decided.len()).unwrap_or(u32::MAX) - self.first_counted;
        let decided = self.decided - self.first_counted;
        LatencyFigures {
            p50_ms: quantile(0.5),
            p99_ms: quantile(0.99),
            p999_ms: quantile(0.999),
            max_ms: self.latencies.as_ref().map_or(f64::NAN, |latencies| ms(latencies.max())),
            sent,
            decided,
            lost: sent - decided,
            settings,
        }
    }
}

/// How long nothing may come.
struct Patience {
    what: &'static str,
    since: Instant,
}

impl Patience {
    fn new(what: &'static str) -> Self {
        Self { what, since: Instant::now() }
    }

    fn renew(&mut self) {
        self.since = Instant::now();
    }

    fn check(&self, worker: &RunningWorker) -> Result<(), BenchError> {
        if worker.has_ended() || self.since.elapsed() > Duration::from_millis(SILENCE_MS_MAX) {
            return Err(BenchError::Stuck { what: self.what.to_owned(), silence_ms: SILENCE_MS_MAX });
        }
        Ok(())
    }
}
