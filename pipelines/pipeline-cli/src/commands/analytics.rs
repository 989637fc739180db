//! `pipeline analytics`: the tables and views in ClickHouse.

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde::Serialize;
use sink_clickhouse::{Database, Migration};

use crate::ExitCode;
use crate::context::Context;
use crate::notes::note;
use crate::output::{Row, rows};
use crate::stores::{Analytics, block_on};

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
    let Verb::Migrate { plan } = args.verb;
    let analytics = Analytics::open(context)?;
    block_on(migrate(context, &Database::new(&analytics.config), plan))
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
