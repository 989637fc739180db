//! `pipeline demo`: a flash sale from the first order to the proof, with a shop where people can buy among the shoppers.

mod entrance;
mod shop;

use std::io::{IsTerminal, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use order_codec::KeyRing;
use order_demo::{Board, DemoError, DemoOptions, DemoParts, DemoResult, Entrance, HOLD_MS_MIN};
use order_log::{EmbeddedLog, EmbeddedOptions, Log};
use order_proof::ProofError;
use order_worker::{Stop, StopLevel, Topics};
use serde::Serialize;
use sink::SinkParts;

use self::shop::Shop;
use crate::ExitCode;
use crate::commands::prove::in_words;
use crate::commands::worker::untangle;
use crate::config::{LogUrl, Origin, Value};
use crate::context::Context;
use crate::failure::Failure;
use crate::keys;
use crate::live::watch;
use crate::notes::note;
use crate::output::Format;
use crate::outputs::{Carried, Outputs};
use crate::random::random;
use crate::signals::ask_on_signals;
use crate::times;
use crate::view::Numbers;

/// How long a paced sale takes, in seconds: long enough to watch.
const PACED_SECONDS: u64 = 6;
/// And with a shop: long enough to register and buy.
const SHOP_SECONDS: u64 = 90;
/// How long holds last in a sale with a shop, in milliseconds: people read more slowly than shoppers are simulated.
const SHOP_HOLD_MS: u64 = 20_000;
/// Time between two looks whether the shop is to close.
const LOOK: Duration = Duration::from_millis(100);
/// With more orders than this, decisions are carried to the stores only when that is asked for: the tables of the demo are
/// in memory.
const OUTPUT_ORDERS_MAX: u64 = 300_000;
/// A paced sale brings at most this many orders a second.
const PACED_RATE_MAX: u64 = 200_000;

/// Arguments of `pipeline demo`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Orders, one a shopper; repeats, cancellations and garbage come on top
    #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u64).range(1..=100_000_000))]
    orders: u64,
    /// What the traffic is made from: the same seed, the same traffic
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Orders a second; 0: as fast as it goes. Without it the sale takes about six seconds, with a shop 90, or longer where
    /// that is too fast
    #[arg(long)]
    rate: Option<u64>,
    /// Keep the log in this folder, which must be new or empty
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// Timely threads
    #[arg(long, default_value_t = 2, value_parser = clap::value_parser!(u64).range(1..=64))]
    threads: u64,
    /// No live view, and no shop
    #[arg(long)]
    headless: bool,
    /// A shop even without a live view
    #[arg(long)]
    shop: bool,
    /// No shop: orders go straight to the log, and nothing is served on gateway_listen
    #[arg(long, conflicts_with = "shop")]
    no_shop: bool,
    /// Carry decisions to nothing: no tables, no analytics
    #[arg(long, conflicts_with = "outputs")]
    no_outputs: bool,
    /// Carry decisions to tables and analytics however many orders there are; else only up to 300,000
    #[arg(long)]
    outputs: bool,
    /// No analytics: does without the ClickHouse engine, which is fetched at first use
    #[arg(long)]
    no_analytics: bool,
}

#[derive(Serialize)]
struct DemoView {
    proved: bool,
    certificate: String,
    #[serde(flatten)]
    numbers: Numbers,
    seed: u64,
    partitions: usize,
    threads: u64,
    log: String,
    records: u64,
    seconds: f64,
    orders_per_second: u64,
    peak_rss_bytes: u64,
    /// Items in the tables; `None`: nothing was carried there, as in the two that follow.
    dynamodb_items: Option<u64>,
    /// Rows of decisions in ClickHouse.
    clickhouse_rows: Option<u64>,
    /// Notices in the outbox.
    notices: Option<u64>,
    /// Orders sent away at the shop's door, which the log never saw; `None`: there was no shop.
    sent_away: Option<u64>,
    /// Whether the stores hold what the log says.
    reconciled: Option<bool>,
    /// How long the sinks went on after the sale was over.
    catch_up_seconds: Option<f64>,
}

/// The log of a demo, and what it needs to be read again.
struct Ground {
    log: Arc<dyn Log>,
    ring: KeyRing,
    topics: Topics,
    /// Where the log and the analytics are.
    folder: PathBuf,
    /// A folder that goes with the demo.
    _temporary: Option<tempfile::TempDir>,
}

/// Runs `pipeline demo`.
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let ground = prepare(context, args)?;
    let stop = Stop::new();
    ask_on_signals(&stop).context("listen for signals")?;
    let sinks = SinkParts {
        log: Arc::clone(&ground.log),
        codec: context.codec()?,
        ring: ground.ring.clone(),
        clock: Arc::new(times::now),
    };
    let mut outputs = wants_outputs(args)
        .then(|| Outputs::start(&sinks, &ground.topics, &ground.folder, !args.no_analytics))
        .transpose()
        .context("start the stores of the demo")?;
    let shop = has_shop(args)
        .then(|| Shop::open(context, &ground, outputs.as_ref()))
        .transpose()
        .context("open the shop of the demo")?;
    let result = sell(context, args, &ground, shop.as_ref(), &stop)?;
    if let Some(shop) = &shop {
        shop.show_proof(&result);
    }
    let finish = |outputs: &mut Outputs| outputs.finish(&sinks, &ground.topics, &stop);
    let carried = outputs.as_mut().map(finish).transpose().context("carry the decisions to the stores")?;
    show(context.format, args, &ground, &result, carried.as_ref())?;
    if let Some(shop) = shop {
        stay_open(&shop, &stop);
        shop.close(&stop).context("close the shop")?;
    }
    let is_reconciled = carried.is_none_or(|carried| carried.holds());
    Ok(if result.is_proved() && is_reconciled { ExitCode::Ok } else { ExitCode::CheckFailed })
}

/// The sale, from the first order to the proof.
fn sell(
    context: &Context,
    args: &Args,
    ground: &Ground,
    shop: Option<&Shop>,
    stop: &Stop,
) -> Result<DemoResult> {
    let entrance = shop.map(Shop::doorway).transpose().context("send the shoppers to the shop")?;
    let parts = DemoParts {
        log: Arc::clone(&ground.log),
        codec: context.codec()?,
        ring: ground.ring.clone(),
        topics: ground.topics.clone(),
        clock: Arc::new(times::now),
        entrance: entrance.map(|entrance| -> Arc<dyn Entrance> { Arc::new(entrance) }),
    };
    let seconds = if shop.is_some() { SHOP_SECONDS } else { PACED_SECONDS };
    let rate = match args.rate {
        Some(0) => None,
        Some(rate) => Some(rate),
        None => Some(args.orders.div_ceil(seconds).min(PACED_RATE_MAX)),
    };
    let options = DemoOptions {
        orders: args.orders,
        seed: args.seed,
        rate,
        hold_ms_min: if shop.is_some() { SHOP_HOLD_MS } else { HOLD_MS_MIN },
        threads: usize::try_from(args.threads)?,
        batch: context.settings.read_limits,
    };
    let board = Arc::new(Board::default());
    let is_live = !args.headless && std::io::stderr().is_terminal();
    if !is_live {
        note(format!("{} shoppers, seed {}, on {}", args.orders, args.seed, ground.log.describe()));
    }
    let result = std::thread::scope(|scope| {
        let sale = scope.spawn(|| order_demo::run(&parts, &options, &board, stop));
        if is_live {
            watch(&board, args.orders, shop.map(Shop::sign).as_deref(), || sale.is_finished());
        }
        sale.join().unwrap_or(Err(DemoError::Ended("sale")))
    });
    result.map_err(untangle_demo).context("run the sale")
}

fn has_shop(args: &Args) -> bool {
    args.shop || !(args.headless || args.no_shop)
}

/// After a sale that somebody watches, the shop stays until they have seen enough.
fn stay_open(shop: &Shop, stop: &Stop) {
    if !(std::io::stderr().is_terminal() && std::io::stdout().is_terminal()) {
        return;
    }
    note(format!("the sale is over, the shop still there to look around; Ctrl-C ends it: {}", shop.sign()));
    while stop.level() == StopLevel::Run {
        std::thread::sleep(LOOK);
    }
}

fn wants_outputs(args: &Args) -> bool {
    let is_large = args.orders > OUTPUT_ORDERS_MAX && !args.outputs;
    if is_large && !args.no_outputs {
        note(format!(
            "more than {OUTPUT_ORDERS_MAX} orders: decisions are carried to no stores without --outputs"
        ));
    }
    !args.no_outputs && !is_large
}

fn untangle_demo(error: DemoError) -> anyhow::Error {
    match error {
        DemoError::Log(error) | DemoError::Proof(ProofError::Log(error)) => error.into(),
        DemoError::Worker(error) | DemoError::Proof(ProofError::Worker(error)) => untangle(error),
        error => error.into(),
    }
}

/// Opens the log the demo runs on: Kafka where the command line says so, else a folder of its own.
fn prepare(context: &Context, args: &Args) -> Result<Ground> {
    let settings = &context.settings;
    let (folder, temporary) = folder(args.keep.as_deref())?;
    let (log, ring, topics) = match &settings.log {
        LogUrl::Kafka(_) => {
            // Topics of its own: a demo never mixes with a sale, or with another demo.
            let [a, b, c, d, ..]: [u8; 32] = random()?;
            let prefix = format!("demo-{:08x}-", u32::from_be_bytes([a, b, c, d]));
            note(format!("the demo's topics begin with {prefix}"));
            (context.open_log()?, context.keys()?, Topics::with_prefix(&prefix))
        }
        LogUrl::Folder(_) => {
            refuse_folder(context)?;
            let log: Arc<dyn Log> = Arc::new(
                EmbeddedLog::open(&folder, EmbeddedOptions::default())
                    .with_context(|| format!("open the log {}", folder.display()))?,
            );
            (log, keys::generate(&folder.join(keys::FILE_NAME))?, Topics::with_prefix(""))
        }
    };
    let specs = topics.specs(settings.partitions, settings.replication, settings.retention_ms);
    log.create_topics(&specs).context("make the topics")?;
    Ok(Ground { log, ring, topics, folder, _temporary: temporary })
}

/// `--log FOLDER` would be ignored: a demo has a folder of its own.
fn refuse_folder(context: &Context) -> Result<()> {
    let is_flag = |value: &Value| value.option.name == "log" && matches!(value.origin, Origin::Flag(_));
    if context.values.iter().any(is_flag) {
        let text = "run the demo on a folder that is there: it makes its own";
        return Err(Failure::usage(text).next("the same command with --keep FOLDER instead of --log").into());
    }
    Ok(())
}

fn folder(keep: Option<&Path>) -> Result<(PathBuf, Option<tempfile::TempDir>)> {
    let Some(folder) = keep else {
        let temporary = tempfile::tempdir().context("make a folder for the log")?;
        return Ok((temporary.path().to_owned(), Some(temporary)));
    };
    let is_used = std::fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some());
    if is_used {
        let text = format!("keep the log in {}: the folder is not empty", folder.display());
        return Err(Failure::usage(text).next("the same command with another folder after --keep").into());
    }
    Ok((folder.to_owned(), None))
}

fn show(
    format: Format,
    args: &Args,
    ground: &Ground,
    result: &DemoResult,
    carried: Option<&Carried>,
) -> Result<()> {
    let numbers = Numbers::of(&result.proof);
    let rate = per_second(result.placed, result.seconds);
    let mut out = std::io::stdout().lock();
    if format == Format::Table {
        let seconds = result.seconds;
        writeln!(out, "{} orders placed and decided in {seconds:.1} s ({rate} orders/s).", result.placed)?;
        if result.sent_away > 0 {
            let sent_away = result.sent_away;
            writeln!(
                out,
                "{sent_away} of the askings were answered at the door: sold out, or over the limit."
            )?;
        }
        write!(out, "{}", in_words(&result.proof))?;
        if result.proof.certificate != result.certificate {
            writeln!(out, "The run's own certificate is another: {}", result.certificate)?;
        }
        if let Some(carried) = carried {
            writeln!(out, "{}", stores_in_words(carried))?;
        }
        if let Some(folder) = &args.keep {
            writeln!(out, "The log is kept: pipeline prove --log {}", folder.display())?;
        }
        return Ok(());
    }
    let view = DemoView {
        proved: result.is_proved(),
        certificate: result.certificate.to_string(),
        numbers,
        seed: args.seed,
        partitions: result.proof.partitions.len(),
        threads: args.threads,
        log: ground.log.describe(),
        records: result.proof.partitions.iter().map(|partition| partition.records).sum(),
        seconds: (result.seconds * 1_000.0).round() / 1_000.0,
        orders_per_second: rate,
        peak_rss_bytes: peak_rss_bytes(),
        dynamodb_items: carried.and_then(|carried| carried.reconciliation.items),
        clickhouse_rows: carried.and_then(|carried| carried.reconciliation.rows),
        notices: carried.map(|carried| carried.notices),
        sent_away: has_shop(args).then_some(result.sent_away),
        reconciled: carried.map(Carried::holds),
        catch_up_seconds: carried.map(|carried| (carried.seconds * 1_000.0).round() / 1_000.0),
    };
    match format {
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&view)?)?,
        _ => writeln!(out, "{}", serde_json::to_string(&view)?)?,
    }
    Ok(())
}

/// One sentence about the stores.
fn stores_in_words(carried: &Carried) -> String {
    let Carried { reconciliation, notices, notices_repeated, .. } = carried;
    let stores = [(reconciliation.items, "items in the tables"), (reconciliation.rows, "rows in ClickHouse")];
    let stores: Vec<String> =
        stores.iter().filter_map(|(count, what)| Some(format!("{} {what}", (*count)?))).collect();
    let stores = stores.join(" and ");
    match reconciliation.differences.as_slice() {
        [] if carried.holds() => {
            format!("{stores}: exactly what the log says. {notices} notices, each once.")
        }
        [] if reconciliation.holds() => {
            format!(
                "{stores}: exactly what the log says. {notices} notices, {notices_repeated} of them twice."
            )
        }
        [] => format!("{stores}; {} decisions are missing on the log.", reconciliation.gaps),
        [first, ..] => {
            format!(
                "{stores}; {} differences from the log. The first: {first}",
                reconciliation.differences.len()
            )
        }
    }
}

#[expect(clippy::as_conversions, reason = "a rate for people; floats convert in no other way")]
fn per_second(count: u64, seconds: f64) -> u64 {
    (count as f64 / seconds.max(0.001)).round() as u64
}

/// The most memory this process has had, as Linux counts it; zero elsewhere.
fn peak_rss_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kilobytes =
        line.and_then(|line| line.split_whitespace().next()).and_then(|number| number.parse::<u64>().ok());
    kilobytes.unwrap_or_default() * 1_024
}
