//! Load: as much as there can be, or as much as the schedule says.

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

use crate::client::{Client, Fault};
use crate::error::{BenchError, died, io};
use crate::figures::Latencies;
use crate::limits::{LISTINGS, LOOK, OPENING_MAX, SILENCE_MAX};
use crate::sale::{Acknowledged, acknowledged, placing, request, sale, sku};

/// Where the load goes, and by which key.
#[derive(Clone, Debug)]
pub(crate) struct Aim {
    pub(crate) address: SocketAddr,
    pub(crate) key: Arc<str>,
}

/// The threads that make the load: as many as there are processors, as the server has.
pub(crate) fn runtime() -> Result<Runtime, BenchError> {
    Builder::new_multi_thread().enable_all().build().map_err(io("start the threads of the load"))
}

/// Opens the listings, and waits until they are decided.
pub(crate) async fn open_sale(aim: &Aim) -> Result<(), BenchError> {
    let fault = |what: &str| BenchError::Wrong(format!("the sale could not be opened: {what}"));
    let mut client = Client::connect(aim.address).await.map_err(|text| fault(&text))?;
    let posted = request("POST", "/v1/admin/sales", &aim.key, sale().as_bytes());
    let (status, body) = client.ask(&posted).await.map_err(|text| fault(&text))?;
    if status != 202 {
        return Err(fault(&format!("{status} {}", String::from_utf8_lossy(body))));
    }
    let begun = Instant::now();
    for number in 0..LISTINGS {
        let asked = request("GET", &format!("/v1/listings/{}", sku(number)), &aim.key, b"");
        while client.ask(&asked).await.map_err(|text| fault(&text))?.0 != 200 {
            if begun.elapsed() > SILENCE_MAX {
                return Err(BenchError::Stuck {
                    what: "opening the listings".to_owned(),
                    silence_s: SILENCE_MAX.as_secs(),
                });
            }
            tokio::time::sleep(LOOK).await;
        }
    }
    Ok(())
}

/// Opens connections, not too many at the same time.
pub(crate) async fn connect(address: SocketAddr, count: u32) -> Result<Vec<Client>, BenchError> {
    let count = usize::try_from(count).unwrap_or(usize::MAX);
    let (mut opening, mut open) = (JoinSet::new(), Vec::with_capacity(count));
    while open.len() < count {
        while opening.len() < OPENING_MAX && open.len() + opening.len() < count {
            opening.spawn(Client::connect(address));
        }
        let Some(joined) = opening.join_next().await else { break };
        let client = joined.map_err(|_| died("a connection"))?;
        open.push(client.map_err(|text| {
            BenchError::Wrong(format!("connection {} was not opened: {text}", open.len() + 1))
        })?);
    }
    Ok(open)
}

/// Orders to place as fast as can be.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Round {
    /// The number of the first.
    pub(crate) first: u32,
    pub(crate) orders: u32,
    /// Orders of one request.
    pub(crate) batch: u32,
}

/// Each connection asks again as soon as it is answered. Says how long all took; any answer that acknowledges nothing ends it.
pub(crate) async fn saturate(
    clients: &mut Vec<Client>,
    aim: &Aim,
    round: Round,
    into: &mut Vec<Acknowledged>,
) -> Result<Duration, BenchError> {
    let next = Arc::new(AtomicU32::new(0));
    let mut asking = JoinSet::new();
    let begun = Instant::now();
    for mut client in clients.drain(..) {
        let (next, key) = (Arc::clone(&next), Arc::clone(&aim.key));
        asking.spawn(async move {
            let mut taken = Vec::new();
            loop {
                let at = next.fetch_add(round.batch, Ordering::Relaxed);
                if at >= round.orders {
                    return Ok::<_, Fault>((client, taken));
                }
                let count = round.batch.min(round.orders - at);
                let (status, body) = client.ask(&placing(&key, round.first + at, count)).await?;
                acknowledged(status, body, round.first + at, count, &mut taken)?;
            }
        });
    }
    let mut fault = None;
    while let Some(joined) = asking.join_next().await {
        match joined.map_err(|_| died("a connection"))? {
            Ok((client, mut taken)) => {
                clients.push(client);
                into.append(&mut taken);
            }
            Err(text) => fault = Some(text),
        }
    }
    let time = begun.elapsed();
    match fault {
        Some(text) => Err(BenchError::Wrong(format!("a request failed: {text}"))),
        None => Ok(time),
    }
}

/// When each order is to be placed: fixed beforehand, whatever becomes of the others.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) start: Instant,
    pub(crate) rate_per_second: u32,
    pub(crate) orders: u32,
}

impl Schedule {
    fn time_of(&self, number: u32) -> Instant {
        self.start + Duration::from_secs(1) * number / self.rate_per_second.max(1)
    }
}

/// What came of a steady load.
pub(crate) struct Steady {
    pub(crate) latencies: Latencies,
    pub(crate) acknowledged: Vec<Acknowledged>,
    pub(crate) errors: u32,
    pub(crate) first_error: Option<String>,
}

/// Places orders by schedule over all connections in turn. Latency counts from the moment an order was to be placed; what
/// waits for the answer before it on its connection waits on the clock. Gives the connections back, those that work.
pub(crate) async fn steady(
    clients: Vec<Client>,
    aim: &Aim,
    schedule: Schedule,
) -> Result<(Steady, Vec<Client>), BenchError> {
    let stride = u32::try_from(clients.len()).unwrap_or(u32::MAX).max(1);
    let mut asking = JoinSet::new();
    for (first, mut client) in (0..).zip(clients) {
        let key = Arc::clone(&aim.key);
        asking.spawn(async move {
            let (mut taken, mut latencies, mut faults) = (Vec::new(), Vec::new(), Vec::new());
            let mut number: u32 = first;
            while number < schedule.orders {
                let at = schedule.time_of(number);
                tokio::time::sleep_until(at.into()).await;
                let asked = match client.ask(&placing(&key, number, 1)).await {
                    Ok((status, body)) => Ok(acknowledged(status, body, number, 1, &mut taken)),
                    Err(text) => Err(text),
                };
                match asked {
                    Ok(Ok(())) => latencies.push(at.elapsed()),
                    Ok(Err(text)) => faults.push(text),
                    Err(text) => {
                        // The connection is gone, and with it all orders that were to go over it.
                        let left = (schedule.orders - 1 - number) / stride;
                        faults.extend(std::iter::repeat_n(text, usize::try_from(left).unwrap_or(0) + 1));
                        return (None, taken, latencies, faults);
                    }
                }
                number = number.saturating_add(stride);
            }
            (Some(client), taken, latencies, faults)
        });
    }
    let mut open = Vec::new();
    let (latencies, acknowledged) = (Latencies::new()?, Vec::new());
    let mut steady = Steady { latencies, acknowledged, errors: 0, first_error: None };
    while let Some(joined) = asking.join_next().await {
        let (client, mut taken, latencies, faults) = joined.map_err(|_| died("a connection"))?;
        open.extend(client);
        steady.acknowledged.append(&mut taken);
        latencies.into_iter().for_each(|latency| steady.latencies.record(latency));
        steady.errors += u32::try_from(faults.len()).unwrap_or(u32::MAX);
        steady.first_error = steady.first_error.or_else(|| faults.into_iter().next());
    }
    Ok((steady, open))
}
