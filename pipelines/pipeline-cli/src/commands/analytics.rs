//! `pipeline analytics`: the tables and views in ClickHouse.

use anyhow::{Context as _, Result};
use clap::Subcommand;
use order_model::{Partition, TimeMs};
use serde::Serialize;
use sink_clickhouse::limits::CLOCK_MARGIN;
use sink_clickhouse::{Database, Migration};

use crate::ExitCode;
use crate::context::Context;
use crate::failure::Failure;
use crate::notes::note;
use crate::output::{Row, rows};
use crate::stores::{Analytics, block_on};
use crate::times::{self, When, parse_when};

/// Arguments of `pipeline analytics`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Bring the tables and views to the version of this program
    Migrate {
        /// Only say what would be done
        #[arg(long)]
        plan: bool,
    },
    /// Say that every decision before a time is in ClickHouse, so that the views that end in _consistent go on to there
    ///
    /// They wait at the last decision of the quietest partition, for nobody can tell by its decisions whether its
    /// worker lags. Mark only when the workers have nothing left to decide: connectors/sink-clickhouse/README.md.
    Mark {
        /// The time, as 2026-11-27T09:00:00Z; without it, now less 10 s, by which clocks may differ
        #[arg(long, value_name = "TIME", value_parser = parse_when)]
        before: Option<When>,
        /// Only this partition; may be repeated
        #[arg(long = "partition", value_name = "NUMBER")]
        partitions: Vec<u32>,
    },
}

#[derive(Serialize)]
struct MigrationRow {
    database: String,
    version: u32,
    migration: &'static str,
    statements: usize,
    applied: bool,
}

impl Row for MigrationRow {
    const COLUMNS: &'static [&'static str] = &["database", "version", "migration", "statements", "applied"];

    fn cells(&self) -> Vec<String> {
        let applied = if self.applied { "now" } else { "not yet" };
        let numbers = [self.version.to_string(), self.migration.to_owned(), self.statements.to_string()];
        [self.database.clone()].into_iter().chain(numbers).chain([applied.to_owned()]).collect()
    }
}

/// Runs `pipeline analytics`.
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    match &args.verb {
        Verb::Migrate { plan } => {
            let analytics = Analytics::open(context)?;
            block_on(migrate(context, &Database::new(&analytics.config), *plan))
        }
        Verb::Mark { before, partitions } => mark(context, *before, partitions),
    }
}

fn mark(context: &Context, before: Option<When>, named: &[u32]) -> Result<ExitCode> {
    let time = time_to_mark(before, times::now())?;
    let log = context.open_log_to_read()?;
    let topic = &context.topics().decisions;
    let known = log.partitions(topic)?;
    let named = if named.is_empty() { (0..known).collect() } else { named.to_vec() };
    if let Some(unknown) = named.iter().find(|partition| **partition >= known) {
        return Err(Failure::usage(format!("{topic} has {known} partitions, and none is {unknown}")).into());
    }
    let ends = named.iter().map(|partition| Ok((Partition(*partition), log.bounds(topic, *partition)?.end)));
    let ends = ends.collect::<Result<Vec<_>>>()?;
    let analytics = Analytics::open(context)?;
    let database = Database::new(&analytics.config);
    block_on(async {
        for (partition, end) in &ends {
            let noted =
                database.noted_progress(*partition).await.context("ask ClickHouse how far it has got")?;
            let next = noted.unwrap_or_default().next_offset.0;
            if next < *end {
                let text = format!(
                    "partition {partition} is in ClickHouse up to offset {next} of {topic}, which ends at {end}: what \
                     is missing may be before the time that is marked"
                );
                return Err(Failure::usage(text).next("pipeline sink run clickhouse --once").into());
            }
        }
        let partitions: Vec<_> = ends.iter().map(|(partition, _)| *partition).collect();
        database.mark(&partitions, time).await.context("mark the partitions")?;
        note(format!("{} partitions are marked up to {}", partitions.len(), times::show_time(time)));
        Ok(ExitCode::Ok)
    })
}

/// A mark is not taken back, so a time is refused that some clock may not have reached.
fn time_to_mark(before: Option<When>, now: TimeMs) -> Result<TimeMs> {
    let latest = TimeMs(now.0.saturating_sub(u64::try_from(CLOCK_MARGIN.as_millis()).unwrap_or(u64::MAX)));
    match before {
        None => Ok(latest),
        Some(When::At(time)) if time.0 > 0 && time <= latest => Ok(time),
        Some(_) => {
            let text = format!(
                "the time to mark has to be {} at the latest, {} s ago: clocks may differ by as much, and a mark is not \
                 taken back",
                times::show_time(latest),
                CLOCK_MARGIN.as_secs()
            );
            Err(Failure::usage(text).into())
        }
    }
}

async fn migrate(context: &Context, database: &Database, only_plan: bool) -> Result<ExitCode> {
    let plan = sink_clickhouse::plan(database).await.context("look at the database")?;
    if !only_plan {
        sink_clickhouse::apply(database, &plan).await.context("migrate the database")?;
    }
    let mut out = rows(context.format);
    for migration in &plan.pending {
        out.push(&row(&plan.database, migration, !only_plan))?;
    }
    out.finish()?;
    if plan.pending.is_empty() {
        note(format!("database {} is at version {}: nothing is to be done", plan.database, plan.at));
    }
    Ok(ExitCode::Ok)
}

fn row(database: &str, migration: &Migration, applied: bool) -> MigrationRow {
    MigrationRow {
        database: database.to_owned(),
        version: migration.version,
        migration: migration.name,
        statements: migration.statements().count(),
        applied,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_times_that_every_clock_has_reached_are_marked() {
        let now = TimeMs(100_000);
        assert_eq!(time_to_mark(None, now).unwrap(), TimeMs(90_000));
        assert_eq!(time_to_mark(Some(When::At(TimeMs(90_000))), now).unwrap(), TimeMs(90_000));
        for wrong in [When::At(TimeMs(0)), When::At(TimeMs(90_001)), When::After(1)] {
            assert!(time_to_mark(Some(wrong), now).is_err(), "{wrong:?}");
        }
    }
}
