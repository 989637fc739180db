//! The sink against the real engine. One process has one engine, so all tests share it, each in a database of its own.
//!
//! `DOORBUSTER_CLICKHOUSE_URL` names a server to run them against instead, as `http://127.0.0.1:8123`.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod counting;
mod faults;
mod folding;
mod laws;
mod many;
mod migrating;
mod progress;
mod proxy;
mod questions;
mod reconciling;
mod rows;
mod sale;
mod views;

use std::sync::LazyLock;
use std::sync::atomic::{AtomicU32, Ordering};

use clickhouse_embedded::{Engine, EngineOptions};
use order_model::Partition;
use sink::{Batch, Reached, Target};
use sink_clickhouse::{ClickHouse, Config, Database, DerivedDifference, Row, apply, plan, row_of};
use tempfile::TempDir;

enum Server {
    Named(String),
    Ours(Engine, TempDir),
}

static SERVER: LazyLock<Server> = LazyLock::new(|| {
    if let Ok(url) = std::env::var("DOORBUSTER_CLICKHOUSE_URL") {
        return Server::Named(url);
    }
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions { folder: folder.path().to_owned(), ..EngineOptions::default() };
    Server::Ours(Engine::start(&options).unwrap(), folder)
});

fn url() -> String {
    match &*SERVER {
        Server::Named(url) => url.clone(),
        Server::Ours(engine, folder) => {
            assert!(folder.path().exists());
            engine.url().to_owned()
        }
    }
}

/// A name no database has yet.
fn unused(name: &str) -> Config {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    Config::new(url(), format!("{name}_{}_{number}", std::process::id()))
}

/// A database with our tables.
async fn fresh(name: &str) -> Config {
    let config = unused(name);
    let database = Database::new(&config);
    apply(&database, &plan(&database).await.unwrap()).await.unwrap();
    config
}

/// A single-row, or any, answer as lines of fields.
async fn ask(config: &Config, sql: &str) -> Vec<String> {
    let mut cursor = Database::new(config).client().query_raw(sql).fetch_bytes("TSV").unwrap();
    let answer = cursor.collect().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
    String::from_utf8(answer.to_vec()).unwrap().lines().map(|line| line.replace('\t', " | ")).collect()
}

async fn run(config: &Config, sql: &str) {
    let done = Database::new(config).client().query_raw(sql).execute().await;
    done.unwrap_or_else(|error| panic!("{sql}: {error}"));
}

/// Frees the room; on a test that fails, the database stays to be looked at until the process ends.
async fn done(config: &Config) {
    run(config, &format!("DROP DATABASE {}", config.database)).await;
}

/// The rows of a batch whose decisions all have one.
fn rows_of(batch: &Batch) -> Vec<Row> {
    batch.arrivals.iter().map(|arrival| row_of(arrival).unwrap()).collect()
}

/// What the computed tables say otherwise than the decisions up to the noted progress.
async fn derived_differences(target: &ClickHouse, partition: Partition) -> Vec<DerivedDifference> {
    let database = target.database();
    let reached = database.noted_progress(partition).await.unwrap().unwrap_or_default();
    database.derived_differences_upto(partition, reached.sequence.0).await.unwrap()
}

/// Writes batches and records their progress, as the loop does.
async fn bring(target: &mut ClickHouse, batches: &[Batch]) {
    assert_eq!(target.write(batches).await.unwrap(), []);
    let progress: Vec<(Partition, Reached)> =
        batches.iter().map(|batch| (batch.partition, batch.reached())).collect();
    target.advance(&progress).await.unwrap();
}
