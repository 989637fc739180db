//! `pipeline worker`: the process that decides.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use clap::Subcommand;
use order_log::Log;
use order_worker::{
    PartitionSummary, Stop, StopLevel, Topics, WorkerError, WorkerEvent, WorkerOptions, WorkerParts,
};
use serde::Serialize;

use crate::ExitCode;
use crate::context::Context;
use crate::failure::Failure;
use crate::notes::note;
use crate::output::{Row, rows};
use crate::signals::ask_on_signals;
use crate::times;

/// How often `--once` looks whether all is decided.
const ONCE_INTERVAL: Duration = Duration::from_millis(50);

/// Arguments of `pipeline worker`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Decide orders until told to end: SIGTERM finishes what is in flight, a second one stops at once
    Run {
        /// End when everything in the log is decided
        #[arg(long)]
        once: bool,
    },
}

#[derive(Serialize)]
struct PartitionRow {
    partition: u32,
    records: u64,
    decisions: u64,
    published: u64,
    dead_letters: u64,
    next_offset: u64,
    sequence: u64,
    certificate: String,
}

impl Row for PartitionRow {
    const COLUMNS: &'static [&'static str] = &[
        "partition",
        "records",
        "decisions",
        "published",
        "dead letters",
        "next offset",
        "sequence",
        "certificate",
    ];

    fn cells(&self) -> Vec<String> {
        let numbers = [
            self.records,
            self.decisions,
            self.published,
            self.dead_letters,
            self.next_offset,
            self.sequence,
        ];
        let mut cells = vec![self.partition.to_string()];
        cells.extend(numbers.iter().map(u64::to_string));
        cells.push(self.certificate.clone());
        cells
    }
}

impl From<&PartitionSummary> for PartitionRow {
    fn from(summary: &PartitionSummary) -> Self {
        Self {
            partition: summary.partition,
            records: summary.tally.records,
            decisions: summary.tally.decisions,
            published: summary.tally.published,
            dead_letters: summary.tally.dead_letters,
            next_offset: summary.next_offset.0,
            sequence: summary.sequence.0,
            certificate: summary.certificate.to_string(),
        }
    }
}

/// Runs `pipeline worker`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    let Verb::Run { once } = args.verb;
    let log = context.open_log()?;
    check_topics(context, log.as_ref())?;
    let stop = Stop::new();
    ask_on_signals(&stop).context("listen for signals")?;
    let durable = Arc::new(Mutex::new(BTreeMap::new()));
    let parts = WorkerParts {
        log: Arc::clone(&log),
        codec: context.codec()?,
        ring: context.keys()?,
        clock: Arc::new(times::now),
        observer: Arc::new(observer(Arc::clone(&durable))),
    };
    let options = options(context);
    note(format!("deciding orders on {}; end with Ctrl-C or SIGTERM", log.describe()));
    let summary = std::thread::scope(|scope| {
        if once {
            let (log, topics, stop) = (Arc::clone(&log), &options.topics, stop.clone());
            scope.spawn(move || end_when_decided(log.as_ref(), topics, &durable, &stop));
        }
        let summary = order_worker::run(&parts, &options, &stop);
        stop.ask();
        summary
    });
    let summary = summary.map_err(untangle).context("decide orders")?;
    let mut out = rows(context.format);
    for partition in &summary.partitions {
        out.push(&PartitionRow::from(partition))?;
    }
    out.finish()?;
    Ok(ExitCode::Ok)
}

/// The options of a worker, from the configuration.
pub(crate) fn options(context: &Context) -> WorkerOptions {
    WorkerOptions {
        group: context.settings.group.clone(),
        topics: context.topics().clone(),
        threads: context.settings.threads,
        batch: context.settings.read_limits,
    }
}

/// The error of the log behind a worker's, so that its exit code and next step are found.
pub(crate) fn untangle(error: WorkerError) -> anyhow::Error {
    match error {
        WorkerError::Log(error) => error.into(),
        error => error.into(),
    }
}

/// Refuses to decide on topics whose settings do not hold what we promise.
fn check_topics(context: &Context, log: &dyn Log) -> Result<()> {
    let settings = &context.settings;
    let partitions = log.partitions(&context.topics().orders).context("find the topics")?;
    let mut specs = context.topics().specs(partitions, settings.replication, settings.retention_ms);
    // A worker has nothing to do with the controls of the sinks, nor with what is sold in words and pictures.
    let topics = context.topics();
    specs.retain(|spec| *spec.name != *topics.controls && *spec.name != *topics.catalogue);
    let findings = log.check_topics(&specs).context("check the topics")?;
    if findings.is_empty() {
        return Ok(());
    }
    let list: Vec<String> = findings.iter().map(ToString::to_string).collect();
    let failure = Failure { code: ExitCode::CheckFailed, message: list.join("; "), next: None };
    Err(anyhow::Error::from(failure.next("pipeline topic check")).context("rely on the topics"))
}

/// Tells people what happens, and notes how far each partition is decided.
fn observer(durable: Arc<Mutex<BTreeMap<u32, u64>>>) -> impl Fn(WorkerEvent) + Send + Sync {
    move |event| match event {
        WorkerEvent::Assigned { partition, published } => {
            durable.lock().unwrap_or_else(PoisonError::into_inner).entry(partition).or_default();
            note(format!(
                "partition {partition} is ours; its last decision is {published}, replaying up to it"
            ));
        }
        WorkerEvent::Durable { partition, offset } => {
            durable.lock().unwrap_or_else(PoisonError::into_inner).insert(partition, offset);
        }
        WorkerEvent::Released(summary) => {
            durable.lock().unwrap_or_else(PoisonError::into_inner).remove(&summary.partition);
            note(format!("partition {} is given back at offset {}", summary.partition, summary.next_offset));
        }
    }
}

fn end_when_decided(log: &dyn Log, topics: &Topics, durable: &Mutex<BTreeMap<u32, u64>>, stop: &Stop) {
    while stop.level() == StopLevel::Run {
        std::thread::sleep(ONCE_INTERVAL);
        let durable = durable.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let is_decided = |partition: u32| {
            let end = log.bounds(&topics.orders, partition).map(|bounds| bounds.end);
            end.is_ok_and(|end| durable.get(&partition).is_some_and(|offset| *offset >= end))
        };
        let partitions = log.partitions(&topics.orders).unwrap_or_default();
        if partitions > 0 && (0..partitions).all(is_decided) {
            stop.ask();
            return;
        }
    }
}
