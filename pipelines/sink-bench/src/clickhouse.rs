//! A backlog drained into ClickHouse by the sink's whole way: rows made of decisions, blocks sent, rows counted in the
//! table, orders and roll-ups computed, progress noted.
//!
//! Decoding is the loop's part and not the target's; what it costs is measured besides, and stands beside the figure.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use order_codec::{Codec, FileSchemas};
use order_model::Partition;
use serde::Serialize;
use sink::{Batch, Fault, Reached, Refused, Target};
use sink_clickhouse::backlog::{Backlog, drain, verify};
use sink_clickhouse::limits::sink_limits;
use sink_clickhouse::{ClickHouse, Config, Database, apply, plan};

use crate::SinkBenchError;
use crate::error::check;
use crate::limits::{BACKLOG_DECISIONS_MAX, DECISIONS_MIN, DECODED_DECISIONS};
use crate::mark::{Mark, ns_each, peak_resident_bytes, per_second, thread_cpu_time};

/// What to drain.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ClickHouseOptions {
    /// Decisions in all.
    pub decisions: u64,
    /// Ledgers.
    pub partitions: u32,
    /// Listings of each.
    pub listings: u32,
}

impl Default for ClickHouseOptions {
    fn default() -> Self {
        Self { decisions: 2_000_000, partitions: 8, listings: 20 }
    }
}

/// What was measured. Making up the backlog is in none of the rates.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ClickHouseFigures {
    /// Decisions written, a row each; all of them were counted afterwards, in the rows, the orders and the roll-ups.
    pub rows: u64,
    /// Rows a second.
    pub rows_per_second: f64,
    /// Rows for each second of processor time of this process, the engine's included.
    pub rows_per_second_per_core: f64,
    /// Processor time of a row, in nanoseconds.
    pub cpu_ns_per_row: f64,
    /// Processor time of decoding a decision, which is not in the figures above, in nanoseconds.
    pub decode_ns_per_row: f64,
    /// Rows a second of the first tenth.
    pub first_tenth_per_second: f64,
    /// Rows a second of the last tenth.
    pub last_tenth_per_second: f64,
    /// The last by the first.
    pub last_by_first: f64,
    /// Memory of this process after the first tenth, the engine's included, in bytes.
    pub first_tenth_resident_bytes: Option<u64>,
    /// The same after the last tenth.
    pub last_tenth_resident_bytes: Option<u64>,
    /// The most memory the process has had.
    pub peak_resident_bytes: Option<u64>,
    /// How it was measured.
    pub settings: String,
}

/// A tenth of the backlog.
struct Stretch {
    decisions: u64,
    time: Duration,
    resident_bytes: Option<u64>,
}

/// Drains a backlog into a database of the engine that runs in this process: it must not exist, or be empty.
///
/// `said` hears how many decisions are written. To be polled by one thread only, as `block_on` does: what making the backlog
/// costs is that thread's.
pub async fn run(
    config: &Config,
    options: ClickHouseOptions,
    mut said: impl FnMut(u64),
) -> Result<ClickHouseFigures, SinkBenchError> {
    check("the number of decisions", DECISIONS_MIN, BACKLOG_DECISIONS_MAX, options.decisions)?;
    let ClickHouseOptions { decisions, partitions, listings } = options;
    let each = decisions.div_ceil(u64::from(partitions).max(1));
    let backlog = Backlog { partitions, listings, decisions: each };
    let flush = backlog.total().div_ceil(10).min(flush_decisions_max());
    let database = Database::new(config);
    apply(&database, &plan(&database).await?).await?;
    let decode_ns_per_row = decode_ns_each(backlog)?;
    let making = Making::default();
    let mut target = Clocked { target: ClickHouse::new(config), making: making.clone() };
    let start = Mark::now();
    making.begins();
    let (mut stretches, mut written) = (Vec::new(), 0);
    let mut before = (start.at, Duration::ZERO);
    drain(&mut target, backlog, flush, |tenth| {
        let now = (Instant::now(), making.spent().time);
        let time = (now.0 - before.0).saturating_sub(now.1.saturating_sub(before.1));
        stretches.push(Stretch { decisions: tenth.decisions, time, resident_bytes: tenth.resident_bytes });
        before = now;
        written += tenth.decisions;
        said(written);
    })
    .await?;
    let cpu = (Mark::now().cpu - start.cpu).saturating_sub(making.spent().cpu);
    let peak_resident_bytes = peak_resident_bytes();
    if let Err(wrong) = verify(&database, backlog).await? {
        return Err(SinkBenchError::Wrong(wrong));
    }
    let (Some(first), Some(last)) = (stretches.first(), stretches.last()) else {
        return Err(SinkBenchError::Wrong("nothing was drained".to_owned()));
    };
    let rows = backlog.total();
    let cpu_ns_per_row = ns_each(cpu, rows);
    Ok(ClickHouseFigures {
        rows,
        rows_per_second: per_second(rows, stretches.iter().map(|stretch| stretch.time).sum()),
        rows_per_second_per_core: per_second(rows, cpu),
        cpu_ns_per_row,
        decode_ns_per_row,
        first_tenth_per_second: first.per_second(),
        last_tenth_per_second: last.per_second(),
        last_by_first: last.per_second() / first.per_second(),
        first_tenth_resident_bytes: first.resident_bytes,
        last_tenth_resident_bytes: last.resident_bytes,
        peak_resident_bytes,
        settings: format!(
            "ClickHouse's engine in this process, HTTP on loopback; {rows} decisions of {partitions} ledgers and {} \
             listings, of three one holds, one pays, one is refused; flushes of {flush}; the sink's whole way but \
             decoding; every row, order and roll-up counted afterwards; the backlog's making is in no figure",
            u64::from(partitions) * u64::from(listings)
        ),
    })
}

impl Stretch {
    fn per_second(&self) -> f64 {
        per_second(self.decisions, self.time)
    }
}

fn flush_decisions_max() -> u64 {
    u64::try_from(sink_limits().flush_rows_target).unwrap_or(u64::MAX)
}

/// What decoding costs, as the loop does it: processor time of this thread, by decision.
fn decode_ns_each(backlog: Backlog) -> Result<f64, SinkBenchError> {
    let codec = Codec::new(Arc::new(FileSchemas::new()?))?;
    let batch = backlog.batch(Partition(0), 0, DECODED_DECISIONS);
    let encode = |arrival: &sink::Arrival| {
        let mut value = Vec::new();
        codec.decision_to(&arrival.decision, &mut value);
        value
    };
    let values: Vec<Vec<u8>> = batch.arrivals.iter().map(encode).collect();
    let mut decoded = Vec::with_capacity(values.len());
    let start = thread_cpu_time();
    for value in &values {
        decoded.push(codec.decision_from(value)?);
    }
    let cpu = thread_cpu_time().saturating_sub(start);
    if !decoded.iter().eq(batch.arrivals.iter().map(|arrival| &arrival.decision)) {
        return Err(SinkBenchError::Wrong("a decision reads differently from what was written".to_owned()));
    }
    Ok(ns_each(cpu, u64::try_from(decoded.len()).unwrap_or(u64::MAX)))
}

/// What making the backlog took, which lies between the calls of the target.
#[derive(Clone, Default)]
struct Making(Arc<Mutex<Spent>>);

#[derive(Clone, Copy, Default)]
struct Spent {
    time: Duration,
    cpu: Duration,
    /// Since when decisions are being made, and the thread's processor time then.
    since: Option<(Instant, Duration)>,
}

impl Making {
    fn lock(&self) -> MutexGuard<'_, Spent> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn begins(&self) {
        self.lock().since = Some((Instant::now(), thread_cpu_time()));
    }

    fn ends(&self) {
        let mut spent = self.lock();
        if let Some((at, cpu)) = spent.since.take() {
            spent.time += at.elapsed();
            spent.cpu += thread_cpu_time().saturating_sub(cpu);
        }
    }

    fn spent(&self) -> Spent {
        *self.lock()
    }
}

/// The target, and what goes on between its calls.
struct Clocked {
    target: ClickHouse,
    making: Making,
}

impl Target for Clocked {
    fn name(&self) -> &'static str {
        self.target.name()
    }

    async fn reached(&mut self, partition: Partition) -> Result<Reached, Fault> {
        self.target.reached(partition).await
    }

    async fn write(&mut self, batches: &[Batch]) -> Result<Vec<Refused>, Fault> {
        self.making.ends();
        self.target.write(batches).await
    }

    async fn advance(&mut self, progress: &[(Partition, Reached)]) -> Result<(), Fault> {
        let done = self.target.advance(progress).await;
        self.making.begins();
        done
    }
}
