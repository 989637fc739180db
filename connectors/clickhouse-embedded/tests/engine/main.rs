//! The real engine, spoken to by the `clickhouse` crate and by a client as plain as `curl`. One process has one engine, so
//! all tests of this file share it, each in a database of its own.
#![expect(clippy::unwrap_used, reason = "the whole crate is a test")]

mod client;
mod million;
mod protocol;
mod raw;

use std::sync::LazyLock;

use clickhouse_embedded::{Engine, EngineOptions};
use tempfile::TempDir;

static ENGINE: LazyLock<(Engine, TempDir)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions { folder: folder.path().to_owned(), ..EngineOptions::default() };
    (Engine::start(&options).unwrap(), folder)
});

fn engine() -> &'static Engine {
    &ENGINE.0
}

/// A new database.
fn database(name: &str) -> String {
    raw::run(&format!("CREATE DATABASE {name}"));
    name.to_owned()
}
