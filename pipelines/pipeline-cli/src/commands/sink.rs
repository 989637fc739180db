//! `pipeline sink`: carries decisions to DynamoDB, ClickHouse and people.

use std::collections::BTreeMap;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use clap::{Subcommand, ValueEnum};
use serde::Serialize;
use sink::{Action, Controls, Heartbeat, SinkStatus, Standing};

use crate::ExitCode;
use crate::context::Context;
use crate::notes::note;
use crate::output::{Row, rows};
use crate::sinks::{Name, Sinks, Stores};
use crate::stores::block_on;
use crate::times;

/// Arguments of `pipeline sink`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Carry decisions until told to end: SIGTERM writes what was read, a second one stops at once
    Run {
        /// Which sink
        #[arg(value_enum)]
        name: Which,
        /// End when everything that is decided now is written
        #[arg(long)]
        once: bool,
    },
    /// How far each sink is, asked of its target; whether or not it runs
    Status,
    /// Have a sink write nothing until resumed, in every process that runs it
    Pause {
        /// Which sink
        #[arg(value_enum)]
        name: Which,
    },
    /// Have a sink go on
    Resume {
        /// Which sink
        #[arg(value_enum)]
        name: Which,
    },
}

/// A sink, or all of them.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Which {
    /// The tables in DynamoDB
    Dynamodb,
    /// The analytics in ClickHouse
    Clickhouse,
    /// Notices to people
    Push,
    /// Every sink
    All,
}

impl Which {
    fn names(self) -> &'static [Name] {
        match self {
            Self::Dynamodb => &[Name::DynamoDb],
            Self::Clickhouse => &[Name::ClickHouse],
            Self::Push => &[Name::Push],
            Self::All => &Name::ALL,
        }
    }
}

#[derive(Serialize)]
struct RunRow {
    sink: &'static str,
    decisions: u64,
    bytes: u64,
    retries: u64,
    refused: u64,
    repeats: u64,
}

impl Row for RunRow {
    const COLUMNS: &'static [&'static str] = &["sink", "decisions", "bytes", "retries", "refused", "repeats"];

    fn cells(&self) -> Vec<String> {
        let numbers = [self.decisions, self.bytes, self.retries, self.refused, self.repeats];
        [self.sink.to_owned()].into_iter().chain(numbers.iter().map(u64::to_string)).collect()
    }
}

/// How far a sink is in one partition.
#[derive(Serialize)]
struct StatusRow {
    sink: &'static str,
    partition: u32,
    sequence: u64,
    next_offset: u64,
    lag_records: u64,
    /// The age of the first record that is not written; zero when there is none.
    lag_seconds: f64,
    dead_letters: u64,
    /// Since the start of the processes that run it; `None` when none does.
    retries: Option<u64>,
    paused: bool,
    running: usize,
    fault: Option<String>,
}

impl Row for StatusRow {
    const COLUMNS: &'static [&'static str] = &[
        "sink",
        "partition",
        "sequence",
        "next offset",
        "lag",
        "lag s",
        "dead letters",
        "retries",
        "state",
        "fault",
    ];

    fn cells(&self) -> Vec<String> {
        let state = match (self.paused, self.running) {
            (true, _) => "paused".to_owned(),
            (false, 0) => "not running".to_owned(),
            (false, running) => format!("running ({running})"),
        };
        vec![
            self.sink.to_owned(),
            self.partition.to_string(),
            self.sequence.to_string(),
            self.next_offset.to_string(),
            self.lag_records.to_string(),
            format!("{:.1}", self.lag_seconds),
            self.dead_letters.to_string(),
            self.retries.map_or_else(|| "-".to_owned(), |retries| retries.to_string()),
            state,
            self.fault.clone().unwrap_or_default(),
        ]
    }
}

/// Runs `pipeline sink`.
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    match args.verb {
        Verb::Run { name, once } => start(context, name.names(), once),
        Verb::Status => status(context),
        Verb::Pause { name } => control(context, name.names(), Action::Pause),
        Verb::Resume { name } => control(context, name.names(), Action::Resume),
    }
}

fn start(context: &Context, names: &[Name], once: bool) -> Result<ExitCode> {
    let log = context.open_log()?;
    let parts = context.sink_parts(Arc::clone(&log))?;
    let stores = Stores::open(context, names)?;
    let ends = once.then(|| ends(context, &*log)).transpose()?;
    let done = block_on(async {
        let mut sinks = Sinks::start(context, names, &stores, &parts).await?;
        note(format!("carrying decisions of {}", log.describe()));
        sinks.until_told(ends.as_ref()).await
    })?;
    let mut out = rows(context.format);
    for (name, status) in done {
        out.push(&run_row(name, &status))?;
    }
    out.finish()?;
    Ok(ExitCode::Ok)
}

fn run_row(name: &'static str, status: &SinkStatus) -> RunRow {
    let SinkStatus { rows, bytes, retries, refused, repeats, .. } = *status;
    RunRow { sink: name, decisions: rows, bytes, retries, refused, repeats }
}

/// The end of each partition of `decisions`.
fn ends(context: &Context, log: &dyn order_log::Log) -> Result<BTreeMap<u32, u64>> {
    let topic = &context.topics().decisions;
    let look = || format!("look at topic {topic}");
    let partitions = log.partitions(topic).with_context(look)?;
    (0..partitions)
        .map(|partition| Ok((partition, log.bounds(topic, partition).with_context(look)?.end)))
        .collect()
}

fn controls(context: &Context, log: Arc<dyn order_log::Log>) -> Result<Controls> {
    Ok(Controls { log, topic: Arc::clone(&context.topics().controls), ring: context.keys()? })
}

fn control(context: &Context, names: &[Name], action: Action) -> Result<ExitCode> {
    let controls = controls(context, context.open_log()?)?;
    for name in names {
        controls
            .give(name.text(), action, times::now())
            .with_context(|| format!("tell the sink {}", name.text()))?;
    }
    let told = if action == Action::Pause { "paused" } else { "resumed" };
    note(format!("{told}: {}", names.iter().map(|name| name.text()).collect::<Vec<_>>().join(", ")));
    Ok(ExitCode::Ok)
}

fn status(context: &Context) -> Result<ExitCode> {
    let log = context.open_log_to_read()?;
    let parts = context.sink_parts(Arc::clone(&log))?;
    let controls = controls(context, log)?;
    let stores = Stores::open(context, &Name::ALL)?;
    let mut out = rows(context.format);
    for name in Name::ALL {
        let standing = block_on(stores.standing(context, name, &parts))?;
        let beats = controls.heartbeats(name.text()).context("read the heartbeats")?;
        let paused = controls.is_paused(name.text()).context("read the controls")?;
        for standing in standing {
            out.push(&with_beats(status_row(name, &standing, paused), &beats))?;
        }
    }
    out.finish()?;
    Ok(ExitCode::Ok)
}

fn status_row(name: Name, standing: &Standing, paused: bool) -> StatusRow {
    StatusRow {
        sink: name.text(),
        partition: standing.partition.0,
        sequence: standing.reached.sequence.0,
        next_offset: standing.reached.next_offset.0,
        lag_records: standing.lag_records,
        lag_seconds: seconds(standing.lag_ms),
        dead_letters: standing.letters,
        retries: None,
        paused,
        running: 0,
        fault: None,
    }
}

/// What the processes say that have the partition and were heard lately.
fn with_beats(row: StatusRow, beats: &[Heartbeat]) -> StatusRow {
    let oldest = times::now().0.saturating_sub(crate::sinks::SILENT_MS);
    let ours = |beat: &&Heartbeat| beat.at_ms >= oldest && beat.partitions.contains(&row.partition);
    let ours: Vec<_> = beats.iter().filter(ours).collect();
    StatusRow {
        retries: (!ours.is_empty()).then(|| ours.iter().map(|beat| beat.retries).sum()),
        running: ours.len(),
        fault: ours.iter().find_map(|beat| beat.fault.clone()),
        ..row
    }
}

#[expect(clippy::as_conversions, reason = "an age for people; floats convert in no other way")]
fn seconds(ms: u64) -> f64 {
    ms as f64 / 1_000.0
}
