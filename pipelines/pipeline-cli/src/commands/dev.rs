//! `pipeline dev`: a real broker, registry and DynamoDB on this machine, without Docker.

use anyhow::{Context as _, Result};
use clap::Subcommand;
use serde::Serialize;
use testbed::{DevPorts, DevStack};

use crate::ExitCode;
use crate::context::Context;
use crate::notes::note;
use crate::output::{Row, one, rows};

/// Arguments of `pipeline dev`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Start them, wait until they answer, and leave them running
    Up {
        /// Take free ports instead of the usual ones (9092, 8081, 8000)
        #[arg(long)]
        free_ports: bool,
    },
    /// Stop them; what the broker and the tables have stays
    Down,
}

#[derive(Serialize)]
struct UpRow {
    brokers: String,
    registry: String,
    dynamodb: Option<String>,
}

impl Row for UpRow {
    const COLUMNS: &'static [&'static str] = &["brokers", "registry", "dynamodb"];

    fn cells(&self) -> Vec<String> {
        vec![self.brokers.clone(), self.registry.clone(), self.dynamodb.clone().unwrap_or_default()]
    }
}

#[derive(Serialize)]
struct StoppedRow {
    stopped: String,
    pid: u32,
}

impl Row for StoppedRow {
    const COLUMNS: &'static [&'static str] = &["stopped", "pid"];

    fn cells(&self) -> Vec<String> {
        vec![self.stopped.clone(), self.pid.to_string()]
    }
}

/// Runs `pipeline dev`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    match args.verb {
        Verb::Up { free_ports } => up(context, free_ports),
        Verb::Down => down(context),
    }
}

fn up(context: &Context, free_ports: bool) -> Result<ExitCode> {
    note(
        "starting the broker, the registry and DynamoDB Local; the first time their jars are fetched, which takes minutes",
    );
    let ports = if free_ports { DevPorts::free().context("find free ports")? } else { DevPorts::default() };
    let stack = DevStack::up(&context.settings.dev_dir, ports).context("start the servers")?;
    let DevStack { bootstrap: brokers, registry_url: registry, dynamodb_url: dynamodb, .. } = stack;
    one(context.format, &UpRow { brokers, registry, dynamodb })?;
    note("next: pipeline topic create --log kafka, and pipeline table create");
    Ok(ExitCode::Ok)
}

fn down(context: &Context) -> Result<ExitCode> {
    let stopped = DevStack::down(&context.settings.dev_dir).context("stop the servers")?;
    if stopped.is_empty() {
        note("nothing was running");
    }
    let mut out = rows(context.format);
    for process in stopped {
        out.push(&StoppedRow { stopped: process.name, pid: process.pid })?;
    }
    out.finish()?;
    Ok(ExitCode::Ok)
}
