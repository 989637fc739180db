//! `pipeline bench`: the figures, each from a run that checks its own results.

mod gateway;

use std::path::PathBuf;

use anyhow::{Context as _, Result};
use bench::core::{CoreFigures, CoreOptions};
use clap::{Subcommand, ValueEnum};
use order_bench::kafka::{KafkaBenchOptions, KafkaFigures, KafkaProgress};
use order_bench::latency::{LatencyFigures, LatencyLog, LatencyOptions, LatencyProgress};
use serde::Serialize;
use sink_bench::clickhouse::{ClickHouseFigures, ClickHouseOptions};
use sink_bench::dynamodb::{DynamoDbFigures, DynamoDbOptions};
use sink_bench::push::{PushFigures, PushOptions};

use crate::ExitCode;
use crate::context::Context;
use crate::notes::note;
use crate::output::{Row, one};
use crate::progress::Progress;
use crate::stores::{Analytics, block_on};

/// Arguments of `pipeline bench`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    what: What,
}

#[derive(Debug, Subcommand)]
enum What {
    /// The ledger alone, on one thread
    Core {
        /// Listings
        #[arg(long, default_value_t = CoreOptions::default().listings)]
        listings: u32,
        /// Orders held all the while
        #[arg(long, default_value_t = CoreOptions::default().live_orders)]
        live_orders: u64,
        /// Orders placed under the clock
        #[arg(long, default_value_t = CoreOptions::default().orders)]
        orders: u64,
    },
    /// Orders in Kafka to decisions in Kafka, in pairs with a bare loop that decides nothing. Starts its own broker
    Kafka {
        /// Pairs
        #[arg(long, default_value_t = KafkaBenchOptions::default().pairs)]
        pairs: u32,
        /// Orders of each round
        #[arg(long, default_value_t = KafkaBenchOptions::default().orders)]
        orders: u32,
        /// Partitions of each topic
        #[arg(long, default_value_t = KafkaBenchOptions::default().partitions)]
        partitions: u32,
        /// Timely threads
        #[arg(long, default_value_t = KafkaBenchOptions::default().threads)]
        threads: usize,
    },
    /// From the moment an order was to be written to its readable decision, open loop. Starts its own broker
    Latency {
        /// Orders a second
        #[arg(long, default_value_t = LatencyOptions::default().rate_per_second)]
        rate: u32,
        /// How long, in seconds
        #[arg(long, default_value_t = LatencyOptions::default().seconds)]
        seconds: u32,
        /// Timely threads
        #[arg(long, default_value_t = LatencyOptions::default().threads)]
        threads: usize,
        /// On a folder instead of a broker
        #[arg(long)]
        embedded: bool,
    },
    /// Orders through the gateway: a second, over many open connections, and what many streams show. The server is a process
    /// of its own
    Gateway(gateway::Args),
    /// The server of `bench gateway`
    #[command(hide = true)]
    GatewayServer {
        /// What it is
        kind: gateway::ServerKind,
        /// The folder of its log
        folder: PathBuf,
    },
    /// Decisions into ClickHouse, into DynamoDB and to people. Starts all three in this process
    Sinks {
        /// One of them
        #[arg(long)]
        only: Option<SinkName>,
        /// Decisions for each, instead of 2,000,000 for ClickHouse, 200,000 for DynamoDB, 50,000 notices
        #[arg(long)]
        decisions: Option<u64>,
    },
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum SinkName {
    #[value(name = "clickhouse")]
    ClickHouse,
    #[value(name = "dynamodb")]
    DynamoDb,
    #[value(name = "push")]
    Push,
}

/// Runs `pipeline bench`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    match args.what {
        What::Gateway(args) => gateway::run(context, &args)?,
        What::GatewayServer { kind, folder } => gateway_bench::server::serve(kind.into(), &folder)?,
        What::Core { listings, live_orders, orders } => {
            let options = CoreOptions { listings, live_orders, orders, ..CoreOptions::default() };
            let figures = bench::core::run(options).context("measure the core")?;
            one(context.format, &CoreRow::from(&figures))?;
        }
        What::Kafka { pairs, orders, partitions, threads } => {
            let options =
                KafkaBenchOptions { pairs, orders, partitions, threads, ..KafkaBenchOptions::default() };
            let figures = order_bench::kafka::run(&options, &mut say_kafka).context("measure on Kafka")?;
            one(context.format, &KafkaRow(figures))?;
        }
        What::Latency { rate, seconds, threads, embedded } => {
            let log = if embedded { LatencyLog::Embedded } else { LatencyLog::Kafka };
            let options =
                LatencyOptions { log, rate_per_second: rate, seconds, threads, ..LatencyOptions::default() };
            let progress = Progress::start("orders decided");
            let mut say = |event: LatencyProgress| {
                if let LatencyProgress::Running { decided, .. } = event {
                    progress.show(decided.into());
                }
            };
            let figures = order_bench::latency::run(&options, &mut say);
            progress.end();
            one(context.format, &LatencyRow(figures.context("measure the latency")?))?;
        }
        What::Sinks { only, decisions } => one(context.format, &sinks(only, decisions)?)?,
    }
    Ok(ExitCode::Ok)
}

/// ClickHouse first: its peak of memory is then its own.
fn sinks(only: Option<SinkName>, decisions: Option<u64>) -> Result<SinksRow> {
    let is_wanted = |name| only.is_none_or(|only| only == name);
    let clickhouse = is_wanted(SinkName::ClickHouse).then(|| clickhouse(decisions)).transpose()?;
    let dynamodb = is_wanted(SinkName::DynamoDb).then(|| dynamodb(decisions)).transpose()?;
    let push = is_wanted(SinkName::Push).then(|| push(decisions)).transpose()?;
    Ok(SinksRow { clickhouse, dynamodb, push })
}

fn clickhouse(decisions: Option<u64>) -> Result<ClickHouseFigures> {
    let options = ClickHouseOptions::default();
    let options = ClickHouseOptions { decisions: decisions.unwrap_or(options.decisions), ..options };
    let folder = tempfile::tempdir().context("make a folder for ClickHouse")?;
    let analytics = Analytics::in_process(folder.path(), "bench")?;
    let progress = Progress::start("decisions in ClickHouse");
    let run = sink_bench::clickhouse::run(&analytics.config, options, |written| progress.show(written));
    let figures = block_on(async { Ok(run.await?) });
    progress.end();
    figures.context("measure the sink of ClickHouse")
}

fn dynamodb(decisions: Option<u64>) -> Result<DynamoDbFigures> {
    let options = DynamoDbOptions::default();
    let options = DynamoDbOptions { decisions: decisions.unwrap_or(options.decisions), ..options };
    let progress = Progress::start("decisions in DynamoDB");
    let run = sink_bench::dynamodb::run(options, |written| progress.show(written));
    let figures = block_on(async { Ok(run.await?) });
    progress.end();
    figures.context("measure the sink of DynamoDB")
}

fn push(decisions: Option<u64>) -> Result<PushFigures> {
    let options = PushOptions::default();
    let options = PushOptions { notices: decisions.unwrap_or(options.notices), ..options };
    let figures = block_on(async { Ok(sink_bench::push::run(options).await?) });
    figures.context("measure the notices")
}

fn say_kafka(event: KafkaProgress) {
    note(match event {
        KafkaProgress::Starting => "starting a broker".to_owned(),
        KafkaProgress::Loading { orders } => format!("writing {orders} orders"),
        KafkaProgress::WarmedUp { pair } => format!("warm-up pair {pair} is done"),
        KafkaProgress::Measured { pair, figures } => format!(
            "pair {pair}: {:.0} orders/s, bare loop {:.0} records/s, ratio {:.2}",
            figures.orders_per_second, figures.bare_per_second, figures.ratio
        ),
    });
}

#[derive(Serialize)]
struct CoreRow {
    orders_per_second: u64,
    lifecycles_per_second: u64,
    bytes_per_order: Option<u64>,
    listings: u32,
    live_orders: u64,
    orders: u64,
    certificates: [String; 2],
}

impl From<&CoreFigures> for CoreRow {
    fn from(figures: &CoreFigures) -> Self {
        Self {
            orders_per_second: whole(figures.orders_per_second),
            lifecycles_per_second: whole(figures.lifecycles_per_second),
            bytes_per_order: figures.bytes_per_order.map(whole),
            listings: figures.listings,
            live_orders: figures.live_orders,
            orders: figures.orders,
            certificates: figures.certificates.map(|certificate| certificate.to_string()),
        }
    }
}

impl Row for CoreRow {
    const COLUMNS: &'static [&'static str] =
        &["orders/s", "lifecycles/s", "bytes/order", "listings", "live orders", "orders", "certificates"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.orders_per_second.to_string(),
            self.lifecycles_per_second.to_string(),
            self.bytes_per_order.map_or_else(|| "unknown".to_owned(), |bytes| bytes.to_string()),
            self.listings.to_string(),
            self.live_orders.to_string(),
            self.orders.to_string(),
            self.certificates.join("\n"),
        ]
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct KafkaRow(KafkaFigures);

impl Row for KafkaRow {
    const COLUMNS: &'static [&'static str] = &[
        "orders/s",
        "bare records/s",
        "ratio, median",
        "ratio, worst",
        "CPU ns/order",
        "broker CPU ns/order",
        "setting",
    ];

    fn cells(&self) -> Vec<String> {
        let figures = &self.0;
        vec![
            format!("{:.0}", figures.orders_per_second),
            format!("{:.0}", figures.bare_per_second),
            format!("{:.2}", figures.ratio_median),
            format!("{:.2}", figures.ratio_worst),
            format!("{:.0}", figures.cpu_ns_per_order),
            format!("{:.0}", figures.broker_cpu_ns_per_order),
            figures.settings.clone(),
        ]
    }
}

#[derive(Serialize)]
#[serde(transparent)]
struct LatencyRow(LatencyFigures);

impl Row for LatencyRow {
    const COLUMNS: &'static [&'static str] =
        &["p50 ms", "p99 ms", "p99.9 ms", "max ms", "sent", "decided", "lost", "setting"];

    fn cells(&self) -> Vec<String> {
        let figures = &self.0;
        let milliseconds = [figures.p50_ms, figures.p99_ms, figures.p999_ms, figures.max_ms];
        let mut cells: Vec<String> = milliseconds.iter().map(|ms| format!("{ms:.2}")).collect();
        cells.extend([figures.sent, figures.decided, figures.lost].iter().map(u32::to_string));
        cells.push(figures.settings.clone());
        cells
    }
}

#[derive(Serialize)]
struct SinksRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    clickhouse: Option<ClickHouseFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    dynamodb: Option<DynamoDbFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    push: Option<PushFigures>,
}

impl Row for SinksRow {
    const COLUMNS: &'static [&'static str] = &[
        "ClickHouse rows/s",
        "rows/s/core",
        "decode ns/row",
        "first tenth rows/s",
        "last tenth rows/s",
        "peak MB",
        "setting",
        "DynamoDB decisions/s",
        "write units/1,000 orders",
        "requests/1,000 orders",
        "setting",
        "notices/s",
        "CPU ns/notice",
        "setting",
    ];

    fn cells(&self) -> Vec<String> {
        let clickhouse = self.clickhouse.as_ref().map(|figures| {
            let peak = figures.peak_resident_bytes.map(|bytes| (bytes / 1_000_000).to_string());
            [
                format!("{:.0}", figures.rows_per_second),
                format!("{:.0}", figures.rows_per_second_per_core),
                format!("{:.0}", figures.decode_ns_per_row),
                format!("{:.0}", figures.first_tenth_per_second),
                format!("{:.0}", figures.last_tenth_per_second),
                peak.unwrap_or_else(|| "unknown".to_owned()),
                figures.settings.clone(),
            ]
        });
        let dynamodb = self.dynamodb.as_ref().map(|figures| {
            let (at_once, later) = (&figures.paid_at_once, &figures.paid_later);
            let both = |at_once: f64, later: f64| format!("{at_once:.0} paid at once, {later:.0} paid later");
            [
                both(at_once.decisions_per_second, later.decisions_per_second),
                both(at_once.write_units_per_1000_orders, later.write_units_per_1000_orders),
                both(at_once.requests_per_1000_orders, later.requests_per_1000_orders),
                figures.settings.clone(),
            ]
        });
        let push = self.push.as_ref().map(|figures| {
            [
                format!("{:.0}", figures.notices_per_second),
                format!("{:.0}", figures.cpu_ns_per_notice),
                figures.settings.clone(),
            ]
        });
        let mut cells = or_not_measured(clickhouse);
        cells.extend(or_not_measured(dynamodb));
        cells.extend(or_not_measured(push));
        cells
    }
}

fn or_not_measured<const N: usize>(cells: Option<[String; N]>) -> Vec<String> {
    cells.map_or_else(|| vec!["not measured".to_owned(); N], Vec::from)
}

#[expect(clippy::as_conversions, reason = "a figure for people; floats convert in no other way")]
fn whole(figure: f64) -> u64 {
    figure.round() as u64
}
