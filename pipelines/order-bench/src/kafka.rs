//! Throughput: our worker against one bare loop, in pairs, on the same broker and the same records.
//!
//! The orders are written before anything is measured, so no generator runs beside either. Each round has a group
//! and a topic of its own; it is measured from the first record read to the last acknowledgement, so that neither
//! side pays for joining its group or, the broker being warm, for the start of the JVM.

use std::collections::BTreeMap;
use std::sync::Arc;

use order_log::{KafkaLog, KafkaOptions, Log, TopicName};
use order_worker::Topics;
use serde::Serialize;
use testbed::Broker;

use crate::BenchError;
use crate::bare;
use crate::check::{Expected, check};
use crate::limits::{LISTINGS_MAX, PAIRS_MAX};
use crate::load::preload;
use crate::mark::{Mark, Span, ns_per_record};
use crate::sale::{Sale, create_topics};
use crate::worker::{self, WorkerSetup};

const ORDERS: &str = "orders";
const DEAD_LETTERS: &str = "dead-letters";

/// What to measure.
#[derive(Clone, Debug)]
pub struct KafkaBenchOptions {
    /// Pairs that count.
    pub pairs: u32,
    /// Pairs before them that do not, so that broker and caches are warm.
    pub warmup_pairs: u32,
    /// Orders of each round.
    pub orders: u32,
    /// Partitions of each topic.
    pub partitions: u32,
    /// Timely threads of our worker.
    pub threads: usize,
    /// Listings of the sale.
    pub listings: u32,
    /// Most records of a batch that our worker reads.
    pub batch_records: usize,
    /// More settings of the Kafka client of our worker, by librdkafka's names.
    pub client_properties: BTreeMap<String, String>,
}

impl Default for KafkaBenchOptions {
    fn default() -> Self {
        Self {
            pairs: 5,
            warmup_pairs: 1,
            orders: 1_000_000,
            partitions: 4,
            threads: 2,
            listings: 1_000,
            batch_records: 4_096,
            client_properties: BTreeMap::new(),
        }
    }
}

impl KafkaBenchOptions {
    fn check(&self) -> Result<(), BenchError> {
        let is_good = (1..=PAIRS_MAX).contains(&self.pairs)
            && self.warmup_pairs <= PAIRS_MAX
            && self.orders > 0
            && self.threads > 0
            && self.batch_records > 0
            && (1..=LISTINGS_MAX).contains(&self.listings)
            && (1..=order_model::limits::PARTITIONS_MAX).contains(&self.partitions);
        if is_good {
            return Ok(());
        }
        let partitions_max = order_model::limits::PARTITIONS_MAX;
        Err(BenchError::Options(format!(
            "a series has 1 to {PAIRS_MAX} pairs, 1 to {LISTINGS_MAX} listings, 1 to {partitions_max} partitions, and at \
             least one order, thread and record in a batch"
        )))
    }

    fn settings(&self, broker: &str) -> String {
        format!(
            "{} orders a round, {} listings, {} partitions, replication 1, acks=all, idempotent, LogAppendTime; ours: \
             Avro in and out, {} timely thread(s), batches of at most {} records; bare: one loop, poll and send a \
             record, {}-byte values, linger {} ms; both without compression, same fetch and batch sizes; \
             {} warm-up pair(s) not counted; client settings of ours beyond the usual {:?}; {broker}",
            self.orders,
            self.listings,
            self.partitions,
            self.threads,
            self.batch_records,
            bare::VALUE_BYTES,
            bare::LINGER_MS,
            self.warmup_pairs,
            self.client_properties,
        )
    }
}

/// What is being done.
#[derive(Clone, PartialEq, Debug)]
pub enum KafkaProgress {
    /// The broker is starting.
    Starting,
    /// The orders are being written.
    Loading {
        /// How many.
        orders: u32,
    },
    /// A pair that does not count is done.
    WarmedUp {
        /// Which, from 1.
        pair: u32,
    },
    /// A pair is done, and its results are right.
    Measured {
        /// Which, from 1.
        pair: u32,
        /// What it gave.
        figures: PairFigures,
    },
}

/// The figures of a pair.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct PairFigures {
    /// Our worker's rate.
    pub orders_per_second: f64,
    /// The bare loop's.
    pub bare_per_second: f64,
    /// The first by the second.
    pub ratio: f64,
    /// Processor time of our process for an order, in nanoseconds.
    pub cpu_ns_per_order: f64,
    /// Of the broker meanwhile.
    pub broker_cpu_ns_per_order: f64,
    /// Of the bare loop's process.
    pub bare_cpu_ns_per_order: f64,
    /// Of the broker meanwhile.
    pub bare_broker_cpu_ns_per_order: f64,
}

/// The figures of a series.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct KafkaFigures {
    /// Median over the pairs.
    pub orders_per_second: f64,
    /// Median over the pairs.
    pub bare_per_second: f64,
    /// Median of the pairs' ratios.
    pub ratio_median: f64,
    /// The pair that is worst for us.
    pub ratio_worst: f64,
    /// Median over the pairs: our process.
    pub cpu_ns_per_order: f64,
    /// Median over the pairs: the broker while our worker ran.
    pub broker_cpu_ns_per_order: f64,
    /// Median over the pairs: the bare loop's process.
    pub bare_cpu_ns_per_order: f64,
    /// Median over the pairs: the broker while the bare loop ran.
    pub bare_broker_cpu_ns_per_order: f64,
    /// Processor time of the generator for an order; it runs before the first round and is in no other figure.
    pub load_cpu_ns_per_order: f64,
    /// The pairs, in the order they were run.
    pub pairs: Vec<PairFigures>,
    /// What was measured, for people.
    pub settings: String,
}

/// Runs the series. Blocks; tells `progress` how far it is.
pub fn run(
    options: &KafkaBenchOptions,
    progress: &mut dyn FnMut(KafkaProgress),
) -> Result<KafkaFigures, BenchError> {
    options.check()?;
    progress(KafkaProgress::Starting);
    let broker = Broker::start()?;
    let kafka_options = KafkaOptions {
        properties: options.client_properties.clone(),
        ..KafkaOptions::new(broker.bootstrap())
    };
    let log: Arc<dyn Log> = Arc::new(KafkaLog::connect(kafka_options)?);
    let sale = Sale::new(options.listings, options.partitions)?;
    let orders: TopicName = Arc::from(ORDERS);
    create_topics(log.as_ref(), &[ORDERS, DEAD_LETTERS], options.partitions)?;
    progress(KafkaProgress::Loading { orders: options.orders });
    let before = Mark::now();
    let id_sum = preload(log.as_ref(), &sale, &orders, options.orders)?;
    let load_cpu = Mark::now().cpu.saturating_sub(before.cpu);
    let series = Series { options, broker, log, sale, expected: Expected { orders: options.orders, id_sum } };
    for pair in 1..=options.warmup_pairs {
        series.pair(&format!("warmup-{pair}"))?;
        progress(KafkaProgress::WarmedUp { pair });
    }
    let mut pairs = Vec::new();
    for pair in 1..=options.pairs {
        let figures = series.pair(&format!("pair-{pair}"))?;
        progress(KafkaProgress::Measured { pair, figures });
        pairs.push(figures);
    }
    Ok(summarise(options, pairs, ns_per_record(load_cpu, options.orders)))
}

struct Series<'a> {
    options: &'a KafkaBenchOptions,
    broker: Broker,
    log: Arc<dyn Log>,
    sale: Sale,
    expected: Expected,
}

impl Series<'_> {
    fn pair(&self, name: &str) -> Result<PairFigures, BenchError> {
        let ours = self.ours(name)?;
        let bare = self.bare(name)?;
        let records = self.records();
        let (orders_per_second, bare_per_second) = (ours.per_second(records), bare.per_second(records));
        Ok(PairFigures {
            orders_per_second,
            bare_per_second,
            ratio: orders_per_second / bare_per_second,
            cpu_ns_per_order: ns_per_record(ours.cpu, records),
            broker_cpu_ns_per_order: ns_per_record(ours.broker_cpu, records),
            bare_cpu_ns_per_order: ns_per_record(bare.cpu, records),
            bare_broker_cpu_ns_per_order: ns_per_record(bare.broker_cpu, records),
        })
    }

    /// Orders and openings: what either side reads, and how many it writes.
    fn records(&self) -> u32 {
        self.options.orders.saturating_add(self.options.listings)
    }

    fn ours(&self, name: &str) -> Result<Span, BenchError> {
        let decisions = format!("{name}-decisions");
        create_topics(self.log.as_ref(), &[&decisions], self.options.partitions)?;
        let setup = WorkerSetup {
            group: format!("{name}-worker"),
            topics: Topics {
                orders: Arc::from(ORDERS),
                decisions: Arc::from(decisions.as_str()),
                dead_letters: Arc::from(DEAD_LETTERS),
                ..Topics::with_prefix("")
            },
            threads: self.options.threads,
            batch_records: self.options.batch_records,
        };
        let span = worker::measure(&self.log, &self.broker, &self.sale, setup)?;
        check(self.log.as_ref(), &self.sale, &decisions, self.expected)?;
        Ok(span)
    }

    fn bare(&self, name: &str) -> Result<Span, BenchError> {
        let copies = format!("{name}-bare");
        create_topics(self.log.as_ref(), &[&copies], self.options.partitions)?;
        let group = format!("{name}-bare-loop");
        let span = bare::measure(&self.broker, &group, ORDERS, &copies, self.records())?;
        let mut written = 0;
        for partition in 0..self.options.partitions {
            written += self.log.bounds(&copies, partition)?.end;
        }
        if written != u64::from(self.records()) {
            let text = format!("the bare loop wrote {written} records of {}", self.records());
            return Err(BenchError::Wrong(text));
        }
        Ok(span)
    }
}

fn summarise(
    options: &KafkaBenchOptions,
    pairs: Vec<PairFigures>,
    load_cpu_ns_per_order: f64,
) -> KafkaFigures {
    let middle = |figure: fn(&PairFigures) -> f64| median(pairs.iter().map(figure).collect());
    KafkaFigures {
        orders_per_second: middle(|pair| pair.orders_per_second),
        bare_per_second: middle(|pair| pair.bare_per_second),
        ratio_median: middle(|pair| pair.ratio),
        ratio_worst: pairs.iter().map(|pair| pair.ratio).fold(f64::INFINITY, f64::min),
        cpu_ns_per_order: middle(|pair| pair.cpu_ns_per_order),
        broker_cpu_ns_per_order: middle(|pair| pair.broker_cpu_ns_per_order),
        bare_cpu_ns_per_order: middle(|pair| pair.bare_cpu_ns_per_order),
        bare_broker_cpu_ns_per_order: middle(|pair| pair.bare_broker_cpu_ns_per_order),
        load_cpu_ns_per_order,
        pairs,
        settings: options.settings("one broker, Apache Kafka 4.1, on this machine"),
    }
}

/// The middle one; of an even number, the mean of the two in the middle.
fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    let middle = figures.len() / 2;
    let at = |index: usize| figures.get(index).copied().unwrap_or(f64::NAN);
    if figures.len() % 2 == 1 { at(middle) } else { f64::midpoint(at(middle.saturating_sub(1)), at(middle)) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_median_is_in_the_middle() {
        assert_eq!(median(vec![3.0, 1.0, 2.0]), 2.0);
        assert_eq!(median(vec![4.0, 1.0, 2.0, 3.0]), 2.5);
        assert!(median(vec![]).is_nan());
    }

    #[test]
    fn options_that_make_no_sense_are_refused() {
        let bad = KafkaBenchOptions { pairs: 0, ..KafkaBenchOptions::default() };
        assert!(matches!(bad.check(), Err(BenchError::Options(_))));
        assert!(KafkaBenchOptions::default().check().is_ok());
    }
}
