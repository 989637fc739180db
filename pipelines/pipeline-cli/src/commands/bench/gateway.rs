//! `pipeline bench gateway`: the figures of the gateway, and the server they are measured on.

use anyhow::{Context as _, Result};
use clap::ValueEnum;
use gateway_bench::connections::{self, ConnectionFigures, ConnectionOptions};
use gateway_bench::requests::{self, RequestFigures, RequestOptions};
use gateway_bench::server::Kind;
use gateway_bench::streams::{self, StreamFigures, StreamOptions};
use gateway_bench::{BenchError, ServerCommand};
use serde::Serialize;

use super::or_not_measured;
use crate::context::Context;
use crate::failure::Failure;
use crate::notes::note;
use crate::output::{Row, one};

/// Arguments of `pipeline bench gateway`.
#[derive(Debug, clap::Args)]
pub(super) struct Args {
    /// One of them
    #[arg(long)]
    only: Option<Part>,
    /// Rounds of requests: the bare handler, one order a request, batches
    #[arg(long, default_value_t = RequestOptions::default().pairs)]
    pairs: u32,
    /// Orders of each round
    #[arg(long, default_value_t = RequestOptions::default().orders)]
    orders: u32,
    /// Orders of a batch
    #[arg(long, default_value_t = RequestOptions::default().batch)]
    batch: u32,
    /// Connections that ask as fast as they are answered
    #[arg(long, default_value_t = RequestOptions::default().connections)]
    clients: u32,
    /// Connections held open under a steady load
    #[arg(long, default_value_t = ConnectionOptions::default().connections)]
    connections: u32,
    /// Orders a second over them
    #[arg(long, default_value_t = ConnectionOptions::default().rate_per_second)]
    rate: u32,
    /// How long, in seconds
    #[arg(long, default_value_t = ConnectionOptions::default().seconds)]
    seconds: u32,
    /// Event streams held open
    #[arg(long, default_value_t = StreamOptions::default().streams)]
    streams: u32,
    /// Changes of the stock they show
    #[arg(long, default_value_t = StreamOptions::default().changes)]
    changes: u32,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
enum Part {
    /// Orders a second, against a bare handler
    Requests,
    /// Open connections under a steady load
    Connections,
    /// Event streams
    Streams,
}

/// What a server is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, ValueEnum)]
pub(super) enum ServerKind {
    /// A handler that keeps nothing
    Bare,
    /// The gateway
    Gateway,
}

impl From<ServerKind> for Kind {
    fn from(kind: ServerKind) -> Self {
        match kind {
            ServerKind::Bare => Self::Bare,
            ServerKind::Gateway => Self::Gateway,
        }
    }
}

#[derive(Serialize)]
struct GatewayRow {
    #[serde(skip_serializing_if = "Option::is_none")]
    requests: Option<RequestFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    connections: Option<ConnectionFigures>,
    #[serde(skip_serializing_if = "Option::is_none")]
    streams: Option<StreamFigures>,
}

/// Measures, and says the figures.
pub(super) fn run(context: &Context, args: &Args) -> Result<()> {
    let program = std::env::current_exe().context("find this program")?;
    let arguments = ["bench", "gateway-server"].map(str::to_owned).to_vec();
    let server = ServerCommand { program, arguments };
    let is_wanted = |part| args.only.is_none_or(|only| only == part);
    let mut say = |text: String| note(text);
    let mut row = GatewayRow { requests: None, connections: None, streams: None };
    if is_wanted(Part::Requests) {
        let Args { pairs, orders, batch, clients, .. } = *args;
        let options = RequestOptions { pairs, orders, connections: clients, batch };
        let figures = requests::run(&server, options, &mut say).map_err(explain);
        row.requests = Some(figures.context("measure requests")?);
    }
    if is_wanted(Part::Connections) {
        let Args { connections, rate, seconds, .. } = *args;
        let options = ConnectionOptions { connections, rate_per_second: rate, seconds };
        let figures = connections::run(&server, options, &mut say).map_err(explain);
        row.connections = Some(figures.context("measure connections")?);
    }
    if is_wanted(Part::Streams) {
        let options = StreamOptions { streams: args.streams, changes: args.changes };
        let figures = streams::run(&server, options, &mut say).map_err(explain);
        row.streams = Some(figures.context("measure streams")?);
    }
    one(context.format, &row)?;
    Ok(())
}

/// Options that make no sense are the user's matter.
fn explain(error: BenchError) -> anyhow::Error {
    match error {
        BenchError::Options(text) => Failure::usage(text).into(),
        other => other.into(),
    }
}

impl Row for GatewayRow {
    const COLUMNS: &'static [&'static str] = &[
        "orders/s, one a request",
        "bare handler",
        "ratio, median / worst",
        "orders/s in batches",
        "gain, median / worst",
        "CPU µs/order: bare, one a request, in batches",
        "acknowledged / in the log / decided",
        "setting",
        "open connections",
        "p50 / p99 / p99.9 / max ms",
        "kB/idle connection",
        "errors",
        "acknowledged / in the log / decided",
        "setting",
        "event streams",
        "a change, p50 / p99 / p99.9 / max ms",
        "until all show it, median / max ms",
        "kB/stream",
        "missed",
        "setting",
    ];

    fn cells(&self) -> Vec<String> {
        let mut cells = or_not_measured(self.requests.as_ref().map(request_cells));
        cells.extend(or_not_measured(self.connections.as_ref().map(connection_cells)));
        cells.extend(or_not_measured(self.streams.as_ref().map(stream_cells)));
        cells
    }
}

fn checked(checked: &gateway_bench::Checked) -> String {
    format!("{} / {} / {}", checked.acknowledged, checked.in_log, checked.decided)
}

fn quantiles(latency: &gateway_bench::Quantiles) -> String {
    let values = [latency.p50_ms, latency.p99_ms, latency.p999_ms, latency.max_ms];
    values.map(|ms| format!("{ms:.1}")).join(" / ")
}

fn request_cells(figures: &RequestFigures) -> [String; 8] {
    [
        format!("{:.0}", figures.orders_per_second),
        format!("{:.0}", figures.bare_per_second),
        format!("{:.2} / {:.2}", figures.ratio_median, figures.ratio_worst),
        format!("{:.0}", figures.batched_per_second),
        format!("{:.1} / {:.1}", figures.batch_gain_median, figures.batch_gain_worst),
        format!("{:.1}, {:.1}, {:.1}", figures.bare_cpu_us, figures.cpu_us, figures.batched_cpu_us),
        checked(&figures.checked),
        figures.settings.clone(),
    ]
}

fn connection_cells(figures: &ConnectionFigures) -> [String; 6] {
    let errors = match &figures.first_error {
        Some(text) => format!("{}, the first: {text}", figures.errors),
        None => figures.errors.to_string(),
    };
    [
        format!("{}, {} afterwards", figures.connections, figures.connections_after),
        quantiles(&figures.latency),
        format!("{:.1}", figures.kilobytes_per_idle_connection),
        errors,
        checked(&figures.checked),
        figures.settings.clone(),
    ]
}

fn stream_cells(figures: &StreamFigures) -> [String; 6] {
    let missed = match &figures.first_error {
        Some(text) => format!("{}, the first stream because: {text}", figures.missed),
        None => figures.missed.to_string(),
    };
    [
        figures.streams.to_string(),
        quantiles(&figures.latency),
        format!("{:.1} / {:.1}", figures.all_median_ms, figures.all_max_ms),
        format!("{:.1}", figures.kilobytes_per_stream),
        missed,
        figures.settings.clone(),
    ]
}
