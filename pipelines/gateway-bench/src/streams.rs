//! Many event streams of one listing: how long a change of its stock takes to all of them.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, AtomicU64, Ordering};
use std::time::{Duration, Instant};

use serde::Serialize;
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio::time::timeout;

use crate::Say;
use crate::check::{Checked, check};
use crate::child::{Server, ServerCommand, Word};
use crate::client::{Client, Fault};
use crate::error::{BenchError, died};
use crate::figures::{
    Latencies, Quantiles, check_open_files, connections_to, kilobytes_each, median_and_worst,
};
use crate::limits::{BETWEEN_CHANGES, CHANGES_MAX, CONNECTIONS_MAX, LISTINGS, SILENCE_MAX, STOCK};
use crate::load::{Aim, connect, open_sale, runtime};
use crate::sale::{Acknowledged, acknowledged, check_range, placing, request, sku};
use crate::server::Kind;

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct StreamOptions {
    /// Streams held open.
    pub streams: u32,
    /// Changes of the stock, one after the other.
    pub changes: u32,
}

impl Default for StreamOptions {
    fn default() -> Self {
        Self { streams: 10_000, changes: 20 }
    }
}

/// The figures.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct StreamFigures {
    /// Open streams, as the system counts their connections.
    pub streams: u32,
    /// Memory of the server for each stream, in kB.
    pub kilobytes_per_stream: f64,
    /// From the moment an order was sent to the moment a stream showed the stock it left; over all streams and changes.
    #[serde(flatten)]
    pub latency: Quantiles,
    /// Until the last stream showed it, median of the changes, in milliseconds.
    pub all_median_ms: f64,
    /// The slowest change, in milliseconds.
    pub all_max_ms: f64,
    /// Changes of the stock.
    pub changes: u32,
    /// Streams that ended before the last change, times the changes they did not show.
    pub missed: u32,
    /// Why the first of them ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub first_error: Option<String>,
    /// What became of the orders that changed the stock.
    #[serde(flatten)]
    pub checked: Checked,
    /// What was measured, for people.
    pub settings: String,
}

/// What changes have been made and shown.
struct Changes {
    origin: Instant,
    /// When each was made, in microseconds from the origin.
    made_us: Vec<AtomicU64>,
    /// How many streams have shown each.
    shown: Vec<AtomicU32>,
    /// The slowest stream of each, in microseconds.
    slowest_us: Vec<AtomicU64>,
    /// Streams that go on.
    streams: AtomicU32,
    progress: Notify,
}

impl Changes {
    fn new(changes: u32, streams: u32) -> Self {
        let many = || (0..changes).map(|_| AtomicU64::new(0)).collect();
        Self {
            origin: Instant::now(),
            made_us: many(),
            shown: (0..changes).map(|_| AtomicU32::new(0)).collect(),
            slowest_us: many(),
            streams: AtomicU32::new(streams),
            progress: Notify::new(),
        }
    }

    fn now_us(&self) -> u64 {
        u64::try_from(self.origin.elapsed().as_micros()).unwrap_or(u64::MAX)
    }

    fn made(&self, change: usize) {
        if let Some(made) = self.made_us.get(change) {
            made.store(self.now_us(), Ordering::SeqCst);
        }
    }

    /// Notes that one more stream shows a change; says after how long.
    fn show(&self, change: usize) -> Duration {
        let made = self.made_us.get(change).map_or(0, |made| made.load(Ordering::SeqCst));
        let us = self.now_us().saturating_sub(made);
        if let (Some(shown), Some(slowest)) = (self.shown.get(change), self.slowest_us.get(change)) {
            slowest.fetch_max(us, Ordering::SeqCst);
            if shown.fetch_add(1, Ordering::SeqCst) + 1 >= self.streams.load(Ordering::SeqCst) {
                self.progress.notify_one();
            }
        }
        Duration::from_micros(us)
    }

    fn lose_stream(&self) {
        self.streams.fetch_sub(1, Ordering::SeqCst);
        self.progress.notify_one();
    }

    /// Waits until all streams that go on show a change.
    async fn shown_by_all(&self, change: usize) -> Result<(), BenchError> {
        let is_met = || {
            let shown = self.shown.get(change).map_or(0, |shown| shown.load(Ordering::SeqCst));
            shown >= self.streams.load(Ordering::SeqCst)
        };
        while !is_met() {
            if timeout(SILENCE_MAX, self.progress.notified()).await.is_err() && !is_met() {
                let what = format!("waiting until all streams show change {}", change + 1);
                return Err(BenchError::Stuck { what, silence_s: SILENCE_MAX.as_secs() });
            }
        }
        Ok(())
    }
}

/// The stocks that whole events in `bytes` show, and how many bytes they take.
fn stocks(bytes: &[u8]) -> (Vec<u32>, usize) {
    const NAME: &[u8] = b"\"free\":";
    let mut found = Vec::new();
    let whole = bytes.windows(2).rposition(|pair| pair == b"\n\n").map_or(0, |at| at + 2);
    let mut rest = bytes.get(..whole).unwrap_or_default();
    while let Some(at) = rest.windows(NAME.len()).position(|window| window == NAME) {
        rest = rest.get(at + NAME.len()..).unwrap_or_default();
        let digits = rest.iter().take_while(|byte| byte.is_ascii_digit()).count();
        let text = rest.get(..digits).and_then(|digits| std::str::from_utf8(digits).ok());
        found.extend(text.and_then(|text| text.parse::<u32>().ok()));
    }
    (found, whole)
}

/// Follows one stream until all changes are shown.
async fn follow(
    mut client: Client,
    changes: Arc<Changes>,
    first: Arc<AtomicU32>,
) -> (Vec<Duration>, Option<Fault>) {
    let count = changes.shown.len();
    let (mut latencies, mut seen) = (Vec::with_capacity(count), 0);
    let mut is_first = true;
    while seen < count {
        let bytes = match client.more().await {
            Ok(bytes) => bytes,
            Err(text) => {
                changes.lose_stream();
                return (latencies, Some(text));
            }
        };
        let (stocks, used) = stocks(bytes);
        client.use_up(used);
        for free in stocks {
            if std::mem::take(&mut is_first) {
                first.fetch_add(1, Ordering::SeqCst);
            }
            let made = usize::try_from(STOCK.saturating_sub(free)).unwrap_or(0).min(count);
            while seen < made {
                latencies.push(changes.show(seen));
                seen += 1;
            }
        }
    }
    (latencies, None)
}

/// Measures. Blocks; says how it goes.
pub fn run(
    command: &ServerCommand,
    options: StreamOptions,
    say: Say<'_>,
) -> Result<StreamFigures, BenchError> {
    check_range("streams", options.streams, CONNECTIONS_MAX)?;
    check_range("changes", options.changes, CHANGES_MAX)?;
    check_open_files(options.streams)?;
    let runtime = runtime()?;
    let mut server = Server::start(command, Kind::Gateway)?;
    let aim = Aim { address: server.hello.address, key: server.hello.key.as_str().into() };
    runtime.block_on(open_sale(&aim))?;
    let before = server.tell(Word::Usage)?;
    let changes = Arc::new(Changes::new(options.changes, options.streams));
    let mut following = runtime.block_on(open_streams(&aim, options.streams, &changes))?;
    let open = server.tell(Word::Usage)?;
    let streams = connections_to(aim.address)?;
    say(format!("{streams} streams are open"));
    let acknowledged = runtime.block_on(change_all(&aim, &changes))?;
    let (mut latencies, mut missed, mut first_error) = (Latencies::new()?, 0, None);
    runtime.block_on(async {
        while let Some(joined) = following.join_next().await {
            let (shown, fault) = joined.map_err(|_| died("a stream"))?;
            missed += options.changes - u32::try_from(shown.len()).unwrap_or(options.changes);
            shown.into_iter().for_each(|latency| latencies.record(latency));
            first_error = first_error.take().or(fault);
        }
        Ok::<_, BenchError>(())
    })?;
    server.tell(Word::Settle)?;
    let ended = server.end()?;
    let checked = check(ended.folder(), &acknowledged)?;
    let all_ms = changes.slowest_us.iter().map(|us| ms(us.load(Ordering::SeqCst)));
    let all_ms: Vec<f64> = all_ms.collect();
    Ok(StreamFigures {
        streams,
        kilobytes_per_stream: kilobytes_each(before, open, options.streams),
        latency: latencies.quantiles(),
        all_median_ms: median_and_worst(all_ms.iter().copied()).0,
        all_max_ms: all_ms.iter().copied().fold(0.0, f64::max),
        changes: options.changes,
        missed,
        first_error,
        checked,
        settings: format!(
            "{} event streams of one listing, each a connection of its own, HTTP/1.1 on loopback; {} orders one after the \
             other, each when all streams show the one before; states of a listing are sent at most every 100 ms; streams and \
             server in two processes on one machine; gateway and worker on an embedded log in a temporary folder, synced",
            options.streams, options.changes
        ),
    })
}

fn ms(us: u64) -> f64 {
    Duration::from_micros(us).as_secs_f64() * 1e3
}

type Following = JoinSet<(Vec<Duration>, Option<Fault>)>;

/// Opens all streams, and waits until each shows the stock as it is.
async fn open_streams(aim: &Aim, count: u32, changes: &Arc<Changes>) -> Result<Following, BenchError> {
    let asked = request("GET", &format!("/v1/listings/{}/events", sku(0)), &aim.key, b"");
    let first = Arc::new(AtomicU32::new(0));
    let mut following = JoinSet::new();
    for mut client in connect(aim.address, count).await? {
        let status = client.open(&asked).await;
        let status = status.map_err(|text| BenchError::Wrong(format!("a stream was not opened: {text}")))?;
        if status != 200 {
            return Err(BenchError::Wrong(format!("a stream was refused with {status}")));
        }
        following.spawn(follow(client, Arc::clone(changes), Arc::clone(&first)));
    }
    let begun = Instant::now();
    while first.load(Ordering::SeqCst) < count {
        if begun.elapsed() > SILENCE_MAX {
            let what = "waiting until all streams show the stock".to_owned();
            return Err(BenchError::Stuck { what, silence_s: SILENCE_MAX.as_secs() });
        }
        tokio::time::sleep(crate::limits::LOOK).await;
    }
    Ok(following)
}

/// Makes the changes: each an order of one unit of the listing that is followed.
async fn change_all(aim: &Aim, changes: &Changes) -> Result<Vec<Acknowledged>, BenchError> {
    let fault = |text: Fault| BenchError::Wrong(format!("an order was not placed: {text}"));
    let mut client = Client::connect(aim.address).await.map_err(fault)?;
    let mut taken = Vec::new();
    for (change, number) in
        (0..changes.shown.len()).zip((0..).step_by(usize::try_from(LISTINGS).unwrap_or(1)))
    {
        let asked = placing(&aim.key, number, 1);
        changes.made(change);
        let (status, body) = client.ask(&asked).await.map_err(fault)?;
        acknowledged(status, body, number, 1, &mut taken).map_err(fault)?;
        changes.shown_by_all(change).await?;
        tokio::time::sleep(BETWEEN_CHANGES).await;
    }
    Ok(taken)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stocks_are_read_from_whole_events_only() {
        let text = b"5\r\nid: 0-1\nevent: listing\ndata: {\"stock\":{\"free\":42,\"held\":1}}\n\n\r\n:\n\n data: {\"free\":7";
        let (found, used) = stocks(text);
        assert_eq!(found, [42]);
        assert!(text[used..].starts_with(b" data: {\"free\":7"));
        assert_eq!(stocks(b"data: {\"free\":"), (Vec::new(), 0));
    }
}
