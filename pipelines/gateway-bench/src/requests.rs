//! Orders a second: one a request and in batches, against a bare handler, in pairs that alternate.
//!
//! The worker rests while it is measured, since in production it is another process, and decides everything afterwards.
//! Load and server share the processors, which brings the figures of all three nearer to each other; the processor time
//! of the server alone does not.

use serde::Serialize;

use crate::Say;
use crate::check::{Checked, check};
use crate::child::{Server, ServerCommand, Word};
use crate::client::Client;
use crate::error::BenchError;
use crate::figures::{Usage, median_and_worst};
use crate::limits::{BATCH_MAX, CONNECTIONS_MAX, ORDERS_MAX, PAIRS_MAX};
use crate::load::{Aim, Round, connect, open_sale, runtime, saturate};
use crate::sale::{Acknowledged, check_range};
use crate::server::Kind;

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RequestOptions {
    /// Rounds of each of the three.
    pub pairs: u32,
    /// Orders of each round.
    pub orders: u32,
    /// Connections that ask.
    pub connections: u32,
    /// Orders of a batch.
    pub batch: u32,
}

impl Default for RequestOptions {
    fn default() -> Self {
        Self { pairs: 5, orders: 60_000, connections: 256, batch: 100 }
    }
}

/// The figures.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct RequestFigures {
    /// Orders a second of the bare handler, median.
    pub bare_per_second: f64,
    /// Orders a second of the gateway, one a request, median.
    pub orders_per_second: f64,
    /// The gateway's against the bare handler's of the same pair, median.
    pub ratio_median: f64,
    /// The smallest.
    pub ratio_worst: f64,
    /// Orders a second of the gateway in batches, median.
    pub batched_per_second: f64,
    /// In batches against one a request, of the same pair, median.
    pub batch_gain_median: f64,
    /// The smallest.
    pub batch_gain_worst: f64,
    /// Processor time of the bare handler's process, in microseconds an order, median.
    pub bare_cpu_us: f64,
    /// Processor time of the gateway's process, one order a request, in microseconds an order, median.
    pub cpu_us: f64,
    /// Processor time of the gateway's process in batches, in microseconds an order, median.
    pub batched_cpu_us: f64,
    /// What became of the orders.
    #[serde(flatten)]
    pub checked: Checked,
    /// What was measured, for people.
    pub settings: String,
}

/// One of the three, in one round.
#[derive(Clone, Copy, Debug)]
struct Measured {
    per_second: f64,
    cpu_us: f64,
}

/// A server with connections to it.
struct Side {
    server: Server,
    aim: Aim,
    clients: Vec<Client>,
    next: u32,
    acknowledged: Vec<Acknowledged>,
}

impl Side {
    fn measure(
        &mut self,
        runtime: &tokio::runtime::Runtime,
        orders: u32,
        batch: u32,
    ) -> Result<Measured, BenchError> {
        let round = Round { first: self.next, orders, batch };
        self.next = self.next.checked_add(orders).ok_or_else(|| {
            BenchError::Options("pairs times orders does not fit 32 bits; ask for fewer".to_owned())
        })?;
        let before = self.server.tell(Word::Usage)?;
        let load = saturate(&mut self.clients, &self.aim, round, &mut self.acknowledged);
        let time = runtime.block_on(load)?;
        let after = self.server.tell(Word::Usage)?;
        Ok(Measured {
            per_second: f64::from(orders) / time.as_secs_f64(),
            cpu_us: cpu_us(before, after, orders),
        })
    }
}

fn cpu_us(before: Usage, after: Usage, orders: u32) -> f64 {
    let used = std::time::Duration::from_nanos(after.cpu_ns.saturating_sub(before.cpu_ns));
    used.as_secs_f64() * 1e6 / f64::from(orders)
}

/// Measures. Blocks; says how it goes.
pub fn run(
    command: &ServerCommand,
    options: RequestOptions,
    say: Say<'_>,
) -> Result<RequestFigures, BenchError> {
    let RequestOptions { pairs, orders, connections, batch } = options;
    check_range("pairs", pairs, PAIRS_MAX)?;
    check_range("orders", orders, ORDERS_MAX)?;
    check_range("connections", connections, CONNECTIONS_MAX)?;
    check_range("orders of a batch", batch, BATCH_MAX)?;
    let runtime = runtime()?;
    let start = |kind| {
        let server = Server::start(command, kind)?;
        let aim = Aim { address: server.hello.address, key: server.hello.key.as_str().into() };
        let clients = runtime.block_on(connect(aim.address, connections))?;
        Ok::<_, BenchError>(Side { server, aim, clients, next: 0, acknowledged: Vec::new() })
    };
    let (mut bare, mut gateway) = (start(Kind::Bare)?, start(Kind::Gateway)?);
    runtime.block_on(open_sale(&gateway.aim))?;
    gateway.server.tell(Word::Rest)?;
    let warm_up = orders.div_ceil(4);
    bare.measure(&runtime, warm_up, 1)?;
    gateway.measure(&runtime, warm_up, 1)?;
    gateway.measure(&runtime, warm_up, batch)?;
    let mut rounds = Vec::new();
    for pair in 1..=pairs {
        // Whoever comes first has no advantage over all.
        let is_even = pair % 2 == 0;
        let first = if is_even { None } else { Some(bare.measure(&runtime, orders, 1)?) };
        let single = gateway.measure(&runtime, orders, 1)?;
        let bare = first.map_or_else(|| bare.measure(&runtime, orders, 1), Ok)?;
        let batched = gateway.measure(&runtime, orders, batch)?;
        say(format!(
            "pair {pair}: bare {:.0}/s, one a request {:.0}/s, batches of {batch} {:.0} orders/s",
            bare.per_second, single.per_second, batched.per_second
        ));
        rounds.push([bare, single, batched]);
    }
    say("the worker decides what was written".to_owned());
    gateway.server.tell(Word::Settle)?;
    let Side { server, clients, acknowledged, .. } = gateway;
    drop(clients);
    let ended = server.end()?;
    let checked = check(ended.folder(), &acknowledged)?;
    Ok(figures(&rounds, checked, options))
}

fn figures(rounds: &[[Measured; 3]], checked: Checked, options: RequestOptions) -> RequestFigures {
    let median = |value: fn(&[Measured; 3]) -> f64| median_and_worst(rounds.iter().map(value)).0;
    let (ratio_median, ratio_worst) =
        median_and_worst(rounds.iter().map(|[bare, single, _]| single.per_second / bare.per_second));
    let (batch_gain_median, batch_gain_worst) =
        median_and_worst(rounds.iter().map(|[_, single, batched]| batched.per_second / single.per_second));
    let RequestOptions { pairs, orders, connections, batch } = options;
    RequestFigures {
        bare_per_second: median(|[bare, ..]| bare.per_second),
        orders_per_second: median(|[_, single, _]| single.per_second),
        ratio_median,
        ratio_worst,
        batched_per_second: median(|[.., batched]| batched.per_second),
        batch_gain_median,
        batch_gain_worst,
        bare_cpu_us: median(|[bare, ..]| bare.cpu_us),
        cpu_us: median(|[_, single, _]| single.cpu_us),
        batched_cpu_us: median(|[.., batched]| batched.cpu_us),
        checked,
        settings: format!(
            "{pairs} rounds of {orders} orders after a warm-up, {connections} connections that each ask again when \
             answered, HTTP/1.1 on loopback, batches of {batch}; load and server in two processes on one machine; gateway \
             on an embedded log in a temporary folder, synced; its worker rests meanwhile and decides everything afterwards"
        ),
    }
}
