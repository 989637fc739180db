//! `pipeline bench`: the figures, each from a run that checks its own results.

use anyhow::{Context as _, Result};
use bench::core::{CoreFigures, CoreOptions};
use clap::Subcommand;
use order_bench::kafka::{KafkaBenchOptions, KafkaFigures, KafkaProgress};
use order_bench::latency::{LatencyFigures, LatencyLog, LatencyOptions, LatencyProgress};
use serde::Serialize;

use crate::ExitCode;
use crate::context::Context;
use crate::notes::note;
use crate::output::{Row, one};
use crate::progress::Progress;

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
}

/// Runs `pipeline bench`.
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    match args.what {
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
    }
    Ok(ExitCode::Ok)
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

#[expect(clippy::as_conversions, reason = "a figure for people; floats convert in no other way")]
fn whole(figure: f64) -> u64 {
    figure.round() as u64
}
