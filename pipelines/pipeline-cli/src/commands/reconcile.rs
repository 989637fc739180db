//! `pipeline reconcile`: compares the stores with the log, and mends them.

use std::sync::Arc;

use anyhow::{Context as _, Result};
use reconcile::{Difference, Ground, Reconciliation, mend, reconcile};
use serde::Serialize;
use sink_clickhouse::Database;
use sink_dynamodb::Retention;

use crate::ExitCode;
use crate::context::Context;
use crate::notes::{note, warning};
use crate::output::{Row, rows};
use crate::progress::Progress;
use crate::stores::{Analytics, block_on};
use crate::times;

/// Arguments of `pipeline reconcile`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Plan how to mend what differs; with --yes, do it
    #[arg(long)]
    repair: bool,
    /// Carry out the repair
    #[arg(long, requires = "repair")]
    yes: bool,
    /// Leave the tables in DynamoDB out
    #[arg(long)]
    no_tables: bool,
    /// Leave ClickHouse out
    #[arg(long)]
    no_analytics: bool,
}

#[derive(Serialize)]
struct DifferenceRow {
    store: &'static str,
    kind: &'static str,
    place: String,
    detail: String,
}

impl Row for DifferenceRow {
    const COLUMNS: &'static [&'static str] = &["store", "kind", "place", "detail"];

    fn cells(&self) -> Vec<String> {
        vec![self.store.to_owned(), self.kind.to_owned(), self.place.clone(), self.detail.clone()]
    }
}

impl From<&Difference> for DifferenceRow {
    fn from(difference: &Difference) -> Self {
        Self {
            store: difference.store(),
            kind: difference.kind(),
            place: difference.place(),
            detail: difference.detail(),
        }
    }
}

/// Runs `pipeline reconcile`.
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let log = context.open_log_to_read()?;
    let analytics = if args.no_analytics { None } else { Some(Analytics::open(context)?) };
    // Made where it may wait for the registry.
    let codec = context.codec()?;
    let progress = Progress::start("decisions");
    let shown = progress.clone();
    block_on(async {
        let tables =
            if args.no_tables { None } else { Some((context.tables().await?, Retention::default())) };
        let ground = Ground {
            log,
            codec,
            decisions: Arc::clone(&context.topics().decisions),
            tables,
            clickhouse: analytics.as_ref().map(|analytics| Database::new(&analytics.config)),
            now: times::now(),
            progress: Arc::new(move |read| shown.show(read)),
        };
        let found = reconcile(&ground).await;
        progress.end();
        let found = found.context("compare the stores with the log")?;
        show(context, &found)?;
        if found.differences.is_empty() || !args.yes {
            if args.repair && !found.differences.is_empty() {
                note("nothing was changed; the same with --yes writes what stands in the last column");
            }
            return Ok(if found.holds() { ExitCode::Ok } else { ExitCode::CheckFailed });
        }
        let mended = mend(&ground, &found).await.context("mend the stores")?;
        note(format!("mended {}, left {} that have changed meanwhile", mended.mended, mended.left));
        for refused in &mended.refused {
            warning(format!("DynamoDB will not have {refused}"));
        }
        let left = reconcile(&ground).await.context("compare the stores once more")?;
        note(format!("{} differences are left", left.differences.len()));
        Ok(if left.holds() { ExitCode::Ok } else { ExitCode::CheckFailed })
    })
}

fn show(context: &Context, found: &Reconciliation) -> Result<()> {
    let mut out = rows(context.format);
    for difference in &found.differences {
        out.push(&DifferenceRow::from(difference))?;
    }
    out.finish()?;
    if found.gaps > 0 {
        warning(format!("{} decisions are missing on the log between others: pipeline prove", found.gaps));
    }
    if found.unreadable > 0 {
        warning(format!("{} records of the log are no decisions: pipeline prove", found.unreadable));
    }
    if found.rowless > 0 {
        warning(format!(
            "{} decisions can be no row in ClickHouse; the topic of dead letters says why",
            found.rowless
        ));
    }
    let count =
        |count: Option<u64>| count.map_or_else(|| "not compared".to_owned(), |count| count.to_string());
    let more = if found.is_cut { " or more" } else { "" };
    note(format!(
        "{} decisions; items {}, rows {}; {}{more} differences",
        found.decisions,
        count(found.items),
        count(found.rows),
        found.differences.len()
    ));
    Ok(())
}
