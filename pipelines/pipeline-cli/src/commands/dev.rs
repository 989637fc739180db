//! `pipeline dev`: a real broker and registry on this machine, without Docker.

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
        /// Take free ports instead of the usual ones (9092, 8081)
        #[arg(long)]
        free_ports: bool,
    },
    /// Stop them; what the broker has stays
    Down,
}

#[derive(Serialize)]
struct UpRow {
    brokers: String,
    registry: String,
}

impl Row for UpRow {
    const COLUMNS: &'static [&'static str] = &["brokers", "registry"];

    fn cells(&self) -> Vec<String> {
        vec![self.brokers.clone(), self.registry.clone()]
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
    note("starting the broker and the registry; the first time their jars are fetched, which takes minutes");
    let ports = if free_ports { DevPorts::free().context("find free ports")? } else { DevPorts::default() };
    let stack =
        DevStack::up(&context.settings.dev_dir, ports).context("start the broker and the registry")?;
    one(context.format, &UpRow { brokers: stack.bootstrap, registry: stack.registry_url })?;
    note("next: pipeline topic create --log kafka");
    Ok(ExitCode::Ok)
}

fn down(context: &Context) -> Result<ExitCode> {
    let stopped = DevStack::down(&context.settings.dev_dir).context("stop the broker and the registry")?;
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
