//! `pipeline query`: asks ClickHouse.

use std::io::Write;

use anyhow::{Context as _, Result};
use serde::Deserialize;
use serde_json::Value;
use sink_clickhouse::Database;

use crate::ExitCode;
use crate::context::Context;
use crate::failure::Failure;
use crate::output::{Format, layout};
use crate::stores::{Analytics, block_on};

/// Most rows of an answer shown as a table. As JSON lines an answer may be of any length.
const TABLE_ROWS_MAX: usize = 10_000;

/// Arguments of `pipeline query`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// The question, in ClickHouse's SQL; ten good ones stand in schemas/clickhouse/QUESTIONS.md
    sql: String,
}

/// An answer in ClickHouse's format `JSONCompact`.
#[derive(Deserialize)]
struct Answer {
    meta: Vec<Column>,
    data: Vec<Vec<Value>>,
}

#[derive(Deserialize)]
struct Column {
    name: String,
}

/// Runs `pipeline query`.
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let analytics = Analytics::open(context)?;
    let database = Database::new(&analytics.config);
    block_on(async {
        match context.format {
            Format::Table => table(&database, &args.sql).await,
            Format::Json => json(&database, &args.sql).await,
            Format::Ndjson => lines(&database, &args.sql).await,
        }
    })
    .context("ask ClickHouse")?;
    Ok(ExitCode::Ok)
}

async fn table(database: &Database, sql: &str) -> Result<()> {
    let limit = TABLE_ROWS_MAX.to_string();
    let client = database
        .client()
        .with_setting("max_result_rows", limit)
        .with_setting("result_overflow_mode", "throw");
    let answer = client.query_raw(sql).fetch_bytes("JSONCompact")?.collect().await.map_err(refused)?;
    let mut out = std::io::stdout().lock();
    if answer.is_empty() {
        return Ok(());
    }
    let answer: Answer = serde_json::from_slice(&answer).context("read the answer")?;
    let heads = answer.meta.iter().map(|column| column.name.to_uppercase()).collect();
    let cells = answer.data.iter().map(|row| row.iter().map(shown).collect());
    writeln!(out, "{}", layout([heads].into_iter().chain(cells).collect()))?;
    Ok(())
}

/// The objects as they come, with a comma between.
async fn json(database: &Database, sql: &str) -> Result<()> {
    let answer =
        database.client().query_raw(sql).fetch_bytes("JSONEachRow")?.collect().await.map_err(refused)?;
    let mut out = std::io::stdout().lock();
    let rows: Vec<&[u8]> = answer.split(|byte| *byte == b'\n').filter(|row| !row.is_empty()).collect();
    out.write_all(b"[")?;
    for (index, row) in rows.iter().enumerate() {
        out.write_all(if index == 0 { b"\n  " } else { b",\n  " })?;
        out.write_all(row)?;
    }
    out.write_all(if rows.is_empty() { b"]\n" } else { b"\n]\n" })?;
    Ok(())
}

async fn lines(database: &Database, sql: &str) -> Result<()> {
    let mut cursor = database.client().query_raw(sql).fetch_bytes("JSONEachRow")?;
    while let Some(bytes) = cursor.next().await.map_err(refused)? {
        std::io::stdout().lock().write_all(&bytes)?;
    }
    Ok(())
}

fn refused(error: clickhouse::error::Error) -> anyhow::Error {
    let is_too_long =
        matches!(&error, clickhouse::error::Error::BadResponse(text) if text.contains("TOO_MANY_ROWS"));
    if is_too_long {
        let text = format!("the answer has more than {TABLE_ROWS_MAX} rows, too many for a table");
        return Failure::usage(text).next("the same with LIMIT, or with -o ndjson").into();
    }
    error.into()
}

fn shown(value: &Value) -> String {
    match value {
        Value::String(text) => text.clone(),
        Value::Null => String::new(),
        other => other.to_string(),
    }
}
