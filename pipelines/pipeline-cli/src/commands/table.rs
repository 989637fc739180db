//! `pipeline table`: makes the tables in DynamoDB, and checks that they are as we rely on.

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde::Serialize;
use tables::Table;

use crate::ExitCode;
use crate::context::Context;
use crate::notes::note;
use crate::output::{Row, rows};
use crate::stores::block_on;

/// Arguments of `pipeline table`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make the tables that do not exist, and wait until they can be used
    Create,
    /// Compare the tables with their definitions
    Check,
}

#[derive(Serialize)]
struct TableRow {
    table: String,
    created: bool,
}

impl Row for TableRow {
    const COLUMNS: &'static [&'static str] = &["table", "created"];

    fn cells(&self) -> Vec<String> {
        vec![self.table.clone(), if self.created { "now" } else { "before" }.to_owned()]
    }
}

#[derive(Serialize)]
struct FlawRow {
    table: String,
    flaw: String,
}

impl Row for FlawRow {
    const COLUMNS: &'static [&'static str] = &["table", "flaw"];

    fn cells(&self) -> Vec<String> {
        vec![self.table.clone(), self.flaw.clone()]
    }
}

/// Runs `pipeline table`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    block_on(async {
        match args.verb {
            Verb::Create => create(context).await,
            Verb::Check => check(context).await,
        }
    })
}

async fn create(context: &Context) -> Result<ExitCode> {
    let tables = context.tables().await?;
    let created = tables.create(&Table::ALL).await.context("create the tables")?;
    let mut out = rows(context.format);
    for creation in created {
        out.push(&TableRow { table: creation.table, created: creation.is_new })?;
    }
    out.finish()?;
    Ok(ExitCode::Ok)
}

async fn check(context: &Context) -> Result<ExitCode> {
    let tables = context.tables().await?;
    let flaws = tables.look(&Table::ALL).await.context("check the tables")?;
    let mut out = rows(context.format);
    for flaw in &flaws {
        out.push(&FlawRow { table: flaw.table.clone(), flaw: flaw.to_string() })?;
    }
    out.finish()?;
    if flaws.is_empty() {
        note("the tables are as they have to be");
        return Ok(ExitCode::Ok);
    }
    Ok(ExitCode::CheckFailed)
}
