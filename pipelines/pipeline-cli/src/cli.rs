//! The command line: global flags and one subcommand a noun. Its doc comments are its help.

use std::path::{Path, PathBuf};
use std::sync::OnceLock;

use anyhow::{Context as _, Result};
use clap::{Args, Parser, Subcommand};

use crate::ExitCode;
use crate::commands::{
    account, analytics, bench, catalogue, completions, config, customer, demo, dev, gateway, keys, listing,
    log, notices, order, payment, prove, query, reconcile, sale, sim, sink, table, topic, worker,
};
use crate::config::{ConfigError, DEFAULT_FILE, ENV_FILE, Flag, Settings, load};
use crate::context::Context;
use crate::failure::Failure;
use crate::output::Format;

/// Decides the orders of a flash sale from a log, and proves afterwards that it did so rightly.
///
/// Data goes to standard output, everything else to standard error.
#[derive(Debug, Parser)]
#[command(name = "pipeline", version, about, after_long_help = exit_codes())]
pub struct Cli {
    /// Global flags.
    #[command(flatten)]
    pub global: Global,
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// Flags every command takes.
#[derive(Debug, Args)]
#[command(next_help_heading = "Global options")]
pub struct Global {
    /// Form of the data on standard output
    #[arg(short, long, global = true, value_enum, default_value = "table")]
    pub output: Format,
    /// Configuration file; without it pipeline.toml is read if it is there
    #[arg(long, global = true, value_name = "FILE", env = ENV_FILE)]
    pub config: Option<PathBuf>,
    /// The log: a folder, `kafka`, or `kafka://host:port,…`
    #[arg(long = "log", global = true, value_name = "URL", id = "log_url")]
    pub log: Option<String>,
    /// Wait this long for a log that does not answer at start, instead of failing at once
    #[arg(long, global = true, value_name = "SECONDS")]
    pub wait_for_log: Option<u64>,
    /// Set any option of the configuration, as in --set partitions=12
    #[arg(long = "set", global = true, value_name = "OPTION=VALUE")]
    pub set: Vec<String>,
    /// Say more on standard error; twice: still more
    #[arg(short, long, global = true, action = clap::ArgAction::Count)]
    pub verbose: u8,
}

/// The nouns.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Watch a flash sale being decided and proved, in one process
    Demo(demo::Args),
    /// Decide orders
    Worker(worker::Args),
    /// Replay and audit a log: was everything decided, once, and rightly?
    Prove(prove::Args),
    /// Play sales under faults, by seed
    Sim(sim::Args),
    /// Measure, with checked results
    Bench(bench::Args),
    /// Make and check the topics
    Topic(topic::Args),
    /// Apply, show and close sales
    Sale(sale::Args),
    /// Apply, list and show what is sold, in words and pictures
    Catalogue(catalogue::Args),
    /// Restock, pause and resume a listing
    Listing(listing::Args),
    /// Look at an account, and say what somebody may do
    Account(account::Args),
    /// Block and unblock a customer
    Customer(customer::Args),
    /// Place, cancel and look at an order
    Order(order::Args),
    /// Read the topics, decoded
    Log(log::Args),
    /// What people were told, and where they are told
    Notices(notices::Args),
    /// Take orders over HTTP and gRPC, and tell what becomes of them
    Gateway(gateway::Args),
    /// Take the money for holds
    Payment(payment::Args),
    /// Carry decisions to DynamoDB, ClickHouse and people
    Sink(sink::Args),
    /// Make and check the tables in DynamoDB
    Table(table::Args),
    /// Make the tables and views in ClickHouse
    Analytics(analytics::Args),
    /// Ask ClickHouse
    Query(query::Args),
    /// Compare the tables and ClickHouse with the log, and mend them
    Reconcile(reconcile::Args),
    /// Start and stop a real broker, registry and DynamoDB on this machine
    Dev(dev::Args),
    /// Look at the configuration
    Config(config::Args),
    /// Make the keys that sign privileged commands
    Keys(keys::Args),
    /// Print a script that completes commands in a shell
    Completions(completions::Args),
}

impl Cli {
    /// Runs the command.
    pub fn run(self) -> Result<ExitCode> {
        let context = self.global.context(std::env::vars_os(), Path::new(DEFAULT_FILE))?;
        match self.command {
            Command::Demo(args) => demo::run(&context, &args),
            Command::Worker(args) => worker::run(&context, args),
            Command::Prove(args) => prove::run(&context, &args),
            Command::Sim(args) => sim::run(&context, &args),
            Command::Bench(args) => bench::run(&context, args),
            Command::Topic(args) => topic::run(&context, args),
            Command::Sale(args) => sale::run(&context, args),
            Command::Catalogue(args) => catalogue::run(&context, args),
            Command::Listing(args) => listing::run(&context, args),
            Command::Account(args) => account::run(&context, args),
            Command::Customer(args) => customer::run(&context, args),
            Command::Order(args) => order::run(&context, args),
            Command::Log(args) => log::run(&context, args),
            Command::Notices(args) => notices::run(&context, args),
            Command::Gateway(args) => gateway::run(&context, args),
            Command::Payment(args) => payment::run(&context, &args),
            Command::Sink(args) => sink::run(&context, &args),
            Command::Table(args) => table::run(&context, args),
            Command::Analytics(args) => analytics::run(&context, &args),
            Command::Query(args) => query::run(&context, &args),
            Command::Reconcile(args) => reconcile::run(&context, &args),
            Command::Dev(args) => dev::run(&context, args),
            Command::Config(args) => config::run(&context, args),
            Command::Keys(args) => keys::run(&context, args),
            Command::Completions(args) => completions::run(&context, args),
        }
    }
}

impl Global {
    /// The context of a run: the configuration from all its layers.
    pub fn context(
        &self,
        environment: impl IntoIterator<Item = (std::ffi::OsString, std::ffi::OsString)>,
        default_file: &Path,
    ) -> Result<Context> {
        let environment = environment
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok()?, value.into_string().ok()?)));
        let file = match &self.config {
            Some(file) => Some(file.as_path()),
            None => default_file.exists().then_some(default_file),
        };
        let text = file.map(read_file).transpose()?;
        let values = load(file.zip(text.as_deref()), environment, &self.flags()?)
            .and_then(|values| Ok((Settings::new(&values)?, values)));
        let (settings, values) = values
            .map_err(|error: ConfigError| {
                Failure::usage(error.to_string()).next("pipeline config show --options")
            })
            .context("read the configuration")?;
        Ok(Context { settings, values, format: self.output })
    }

    fn flags(&self) -> Result<Vec<Flag>> {
        let mut flags = Vec::new();
        if let Some(log) = &self.log {
            flags.push(Flag { flag: "--log", name: "log".to_owned(), text: log.clone() });
        }
        if let Some(seconds) = self.wait_for_log {
            let (name, text) = ("wait_for_log_seconds".to_owned(), seconds.to_string());
            flags.push(Flag { flag: "--wait-for-log", name, text });
        }
        for set in &self.set {
            let (name, text) = set
                .split_once('=')
                .ok_or_else(|| Failure::usage(format!("\"{set}\" after --set is not OPTION=VALUE")))
                .context("read the configuration")?;
            flags.push(Flag { flag: "--set", name: name.to_owned(), text: text.to_owned() });
        }
        Ok(flags)
    }
}

fn read_file(file: &Path) -> Result<String> {
    std::fs::read_to_string(file)
        .map_err(|error| Failure::usage(error.to_string()))
        .with_context(|| format!("read the configuration file {}", file.display()))
}

fn exit_codes() -> &'static str {
    static TEXT: OnceLock<String> = OnceLock::new();
    TEXT.get_or_init(|| {
        let lines = ExitCode::ALL.iter().map(|code| format!("  {:>2}  {}", code.number(), code.meaning()));
        format!("Exit codes:\n{}", lines.collect::<Vec<_>>().join("\n"))
    })
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use crate::config::LogUrl;

    use super::*;

    #[test]
    fn the_definition_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn flags_reach_the_settings() {
        let cli = Cli::parse_from(["pipeline", "config", "show", "--log", "kafka", "--set", "threads=3"]);
        let context = cli.global.context([], Path::new("does-not-exist.toml")).unwrap();
        assert_eq!(context.settings.log, LogUrl::Kafka(None));
        assert_eq!(context.settings.threads, 3);
    }
}
