//! The sinks as the command line runs them: their names, their targets, and running several in one process.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result};
use order_log::Log;
use order_worker::Topics;
use sink::{
    Runner, SinkError, SinkHandle, SinkLimits, SinkOptions, SinkParts, SinkStatus, SinkTopics, Standing,
    Target, survey,
};
use sink_clickhouse::ClickHouse;
use sink_dynamodb::{DynamoDb, Options};
use tokio::signal::unix::{SignalKind, signal};
use tokio::task::JoinSet;

use crate::context::Context;
use crate::notes::{note, warning};
use crate::push::{Claimed, Delivery};
use crate::stores::Analytics;
use crate::times;

/// A process that says nothing for so long, in milliseconds, counts as gone: three heartbeats.
pub const SILENT_MS: u64 = 30_000;
/// Time between two looks whether everything is written.
const LOOK: Duration = Duration::from_millis(20);

/// A sink.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Name {
    /// The tables in DynamoDB.
    DynamoDb,
    /// The analytics in ClickHouse.
    ClickHouse,
    /// Notices to people.
    Push,
}

impl Name {
    /// Every sink.
    pub const ALL: [Self; 3] = [Self::DynamoDb, Self::ClickHouse, Self::Push];

    /// Its name, as in controls and dead letters.
    pub const fn text(self) -> &'static str {
        match self {
            Self::DynamoDb => "dynamodb",
            Self::ClickHouse => "clickhouse",
            Self::Push => "push",
        }
    }
}

/// The stores the sinks write to, opened.
pub struct Stores {
    analytics: Option<Analytics>,
}

impl Stores {
    /// Opens what the named sinks need.
    pub fn open(context: &Context, names: &[Name]) -> Result<Self> {
        let analytics = names.contains(&Name::ClickHouse).then(|| Analytics::open(context)).transpose()?;
        Ok(Self { analytics })
    }

    fn clickhouse(&self) -> Result<ClickHouse> {
        let analytics = self.analytics.as_ref().context("bug: ClickHouse was not opened")?;
        Ok(ClickHouse::new(&analytics.config))
    }

    /// How far a sink's target is, partition by partition, whether or not the sink runs.
    pub async fn standing(&self, context: &Context, name: Name, parts: &SinkParts) -> Result<Vec<Standing>> {
        let topics = sink_topics(context.topics());
        Ok(match name {
            Name::ClickHouse => survey(&mut self.clickhouse()?, parts, &topics).await?,
            Name::DynamoDb => survey(&mut context.dynamodb_target().await?, parts, &topics).await?,
            Name::Push => survey(&mut Claimed(context.claims().await?), parts, &topics).await?,
        })
    }
}

impl Context {
    /// What the sinks work with, on `log`.
    pub fn sink_parts(&self, log: Arc<dyn Log>) -> Result<SinkParts> {
        Ok(SinkParts { log, codec: self.codec()?, ring: self.keys()?, clock: Arc::new(times::now) })
    }

    /// The tables as a target.
    pub async fn dynamodb_target(&self) -> Result<DynamoDb> {
        Ok(DynamoDb::open(&Options::new(self.table_options()?)).await?)
    }
}

/// The topics of a sink.
pub fn sink_topics(topics: &Topics) -> SinkTopics {
    SinkTopics {
        decisions: Arc::clone(&topics.decisions),
        dead_letters: Arc::clone(&topics.dead_letters),
        controls: Some(Arc::clone(&topics.controls)),
    }
}

/// How a sink works.
pub fn sink_options(topics: &Topics, limits: SinkLimits) -> SinkOptions {
    let instance = format!("{}-{}", host(), std::process::id());
    SinkOptions { topics: sink_topics(topics), instance, limits }
}

/// The name of this machine, for people.
fn host() -> String {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim();
    if name.is_empty() { "pipeline".to_owned() } else { name.to_owned() }
}

/// Sinks that run in this process.
#[derive(Default)]
pub struct Sinks {
    handles: BTreeMap<&'static str, SinkHandle>,
    runs: JoinSet<(&'static str, Result<SinkStatus, SinkError>)>,
    /// Goes on where the sink of notices has ended.
    delivery: Option<Delivery>,
}

impl Sinks {
    /// Starts the named sinks. Call it on a tokio runtime.
    pub async fn start(
        context: &Context,
        names: &[Name],
        stores: &Stores,
        parts: &SinkParts,
    ) -> Result<Self> {
        let mut sinks = Self::default();
        for name in names {
            let starting = || format!("start the sink {}", name.text());
            match name {
                Name::ClickHouse => {
                    let options = sink_options(context.topics(), sink_clickhouse::limits::sink_limits());
                    let topic = Arc::clone(&context.topics().decisions);
                    let partitions = tokio::task::block_in_place(|| parts.log.partitions(&topic));
                    let target = stores.clickhouse()?.of_partitions(partitions.with_context(starting)?);
                    sinks.add(target, parts, options).with_context(starting)?;
                }
                Name::DynamoDb => {
                    let options = sink_options(context.topics(), sink_dynamodb::limits::loop_limits());
                    sinks.add(context.dynamodb_target().await?, parts, options).with_context(starting)?;
                }
                Name::Push => {
                    let options = sink_options(context.topics(), SinkLimits::default());
                    let (push, delivery) = context.push_target().await.with_context(starting)?;
                    sinks.delivery = Some(delivery);
                    sinks.add(push, parts, options).with_context(starting)?;
                }
            }
        }
        Ok(sinks)
    }

    /// Starts one more.
    pub fn add<T: Target>(
        &mut self,
        target: T,
        parts: &SinkParts,
        options: SinkOptions,
    ) -> Result<(), SinkError> {
        let name = target.name();
        let (runner, handle) = tokio::task::block_in_place(|| Runner::new(target, parts.clone(), options))?;
        self.handles.insert(name, handle);
        self.runs.spawn(async move { (name, runner.run().await) });
        Ok(())
    }

    /// How each sink is.
    pub fn status(&self) -> BTreeMap<&'static str, SinkStatus> {
        self.handles.iter().map(|(name, handle)| (*name, handle.status())).collect()
    }

    /// Runs until a signal says drain, or everything up to `ends` is written if they are given. One sink that stops
    /// for good lets the others go on; its error is the result in the end.
    pub async fn until_told(
        &mut self,
        ends: Option<&BTreeMap<u32, u64>>,
    ) -> Result<BTreeMap<&'static str, SinkStatus>> {
        let mut terminate = signal(SignalKind::terminate()).context("listen for signals")?;
        let mut interrupt = signal(SignalKind::interrupt()).context("listen for signals")?;
        let (mut asked, mut told) = (false, false);
        let mut done = BTreeMap::new();
        let mut failed = None;
        while !self.handles.is_empty() {
            tokio::select! {
                _ = terminate.recv() => told = self.told(told)?,
                _ = interrupt.recv() => told = self.told(told)?,
                () = tokio::time::sleep(LOOK), if !asked && !told && ends.is_some() => {
                    if let Some(ends) = ends && self.have_reached(ends) {
                        self.drain();
                        asked = true;
                    }
                }
                Some(ended) = self.runs.join_next() => {
                    let (name, ended) = ended.context("a sink panicked")?;
                    self.handles.remove(name);
                    match ended {
                        Ok(status) => { done.insert(name, status); }
                        Err(error) => {
                            warning(error.to_string());
                            failed = failed.or(Some(error));
                        }
                    }
                }
            }
        }
        let is_whole = ends.is_some() && failed.is_none() && !told;
        tokio::select! {
            () = self.end_delivery(is_whole) => {}
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        failed.map_or(Ok(done), |error| Err(error.into()))
    }

    /// Notices are delivered after they are claimed: a run that has an end waits for what can be sent.
    async fn end_delivery(&self, is_whole: bool) {
        let Some(delivery) = &self.delivery else { return };
        if is_whole {
            delivery.finish().await;
        }
        delivery.end().await;
    }

    /// Waits for no sink; an error when one has stopped by itself.
    pub async fn check(&mut self) -> Result<()> {
        match self.runs.try_join_next() {
            None => Ok(()),
            Some(ended) => {
                let (name, ended) = ended.context("a sink panicked")?;
                ended.with_context(|| format!("run the sink {name}"))?;
                anyhow::bail!("the sink {name} ended before it was told to");
            }
        }
    }

    /// Waits until every sink has ended.
    pub async fn ended(&mut self) -> Result<BTreeMap<&'static str, SinkStatus>> {
        let mut done = BTreeMap::new();
        while let Some(ended) = self.runs.join_next().await {
            let (name, ended) = ended.context("a sink panicked")?;
            done.insert(name, ended.with_context(|| format!("run the sink {name}"))?);
        }
        self.handles.clear();
        Ok(done)
    }

    /// Whether every sink has written all up to there.
    pub fn have_reached(&self, ends: &BTreeMap<u32, u64>) -> bool {
        self.handles.values().all(|handle| handle.status().has_reached(ends))
    }

    /// Has every sink write what it has read, and end.
    pub fn drain(&self) {
        self.handles.values().for_each(SinkHandle::drain);
    }

    /// The first signal drains, the second stops at once.
    fn told(&self, before: bool) -> Result<bool> {
        if before {
            anyhow::bail!(
                "stopped at once, as told by a second signal; the next run goes on where each target is"
            );
        }
        note("writing what was read; a second signal stops at once");
        self.drain();
        Ok(true)
    }
}
