//! Many open connections under a steady load, open loop: the schedule is fixed before the run and waits for nobody.
//!
//! The worker decides meanwhile, in the process of the server.

use std::time::Instant;

use serde::Serialize;

use crate::Say;
use crate::check::{Checked, check};
use crate::child::{Server, ServerCommand, Word};
use crate::error::BenchError;
use crate::figures::{Quantiles, check_open_files, connections_to, kilobytes_each};
use crate::limits::{BEFORE_LOAD, CONNECTIONS_MAX, ORDERS_MAX};
use crate::load::{Aim, Schedule, Steady, connect, open_sale, runtime, steady};
use crate::sale::{check_range, request};
use crate::server::Kind;

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ConnectionOptions {
    /// Connections held open.
    pub connections: u32,
    /// Orders a second, over all of them in turn.
    pub rate_per_second: u32,
    /// How long, in seconds.
    pub seconds: u32,
}

impl Default for ConnectionOptions {
    fn default() -> Self {
        Self { connections: 10_000, rate_per_second: 5_000, seconds: 20 }
    }
}

/// The figures.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct ConnectionFigures {
    /// Open connections before the load, as the system counts them.
    pub connections: u32,
    /// The same after it.
    pub connections_after: u32,
    /// Memory of the server for each idle connection that has asked once, in kB.
    pub kilobytes_per_idle_connection: f64,
    /// From the moment an order was to be placed to its acknowledgement.
    #[serde(flatten)]
    pub latency: Quantiles,
    /// Orders to be placed.
    pub orders: u32,
    /// Orders that were not acknowledged.
    pub errors: u32,
    /// What the first of them was told.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_error: Option<String>,
    /// What became of the orders.
    #[serde(flatten)]
    pub checked: Checked,
    /// What was measured, for people.
    pub settings: String,
}

/// Measures. Blocks; says how it goes.
pub fn run(
    command: &ServerCommand,
    options: ConnectionOptions,
    say: Say<'_>,
) -> Result<ConnectionFigures, BenchError> {
    let ConnectionOptions { connections, rate_per_second, seconds } = options;
    check_range("connections", connections, CONNECTIONS_MAX)?;
    let orders = rate_per_second.saturating_mul(seconds);
    check_range("rate times seconds", orders, ORDERS_MAX)?;
    check_open_files(connections)?;
    let runtime = runtime()?;
    let mut server = Server::start(command, Kind::Gateway)?;
    let aim = Aim { address: server.hello.address, key: server.hello.key.as_str().into() };
    runtime.block_on(open_sale(&aim))?;
    let before = server.tell(Word::Usage)?;
    let clients = runtime.block_on(async {
        let mut clients = connect(aim.address, connections).await?;
        for client in &mut clients {
            let asked = client.ask(&request("GET", "/livez", &aim.key, b"")).await;
            asked.map_err(|text| BenchError::Wrong(format!("a connection was not served: {text}")))?;
        }
        Ok::<_, BenchError>(clients)
    })?;
    let idle = server.tell(Word::Usage)?;
    let counted = connections_to(aim.address)?;
    say(format!("{counted} connections are open"));
    let (steady, clients) = runtime.block_on(async {
        let start = Instant::now() + BEFORE_LOAD;
        steady(clients, &aim, Schedule { start, rate_per_second, orders }).await
    })?;
    let counted_after = connections_to(aim.address)?;
    say("the worker decides what is left".to_owned());
    server.tell(Word::Settle)?;
    drop(clients);
    let ended = server.end()?;
    let Steady { latencies, acknowledged, errors, first_error } = steady;
    let checked = check(ended.folder(), &acknowledged)?;
    Ok(ConnectionFigures {
        connections: counted,
        connections_after: counted_after,
        kilobytes_per_idle_connection: kilobytes_each(before, idle, connections),
        latency: latencies.quantiles(),
        orders,
        errors,
        first_error,
        checked,
        settings: format!(
            "open loop, {rate_per_second} orders/s for {seconds} s over {connections} connections in turn, HTTP/1.1 on \
             loopback, one order a request, answered when the log has it; load and server in two processes on one machine; \
             gateway and worker on an embedded log in a temporary folder, synced; memory is resident memory of the server's \
             process, what the system keeps for sockets is not in it"
        ),
    })
}
