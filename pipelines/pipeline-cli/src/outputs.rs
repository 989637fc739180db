//! What a demo carries its decisions to: tables in this process, the analytics engine, an outbox; and the comparison of
//! all of it with the log.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use accounts::Accounts;
use anyhow::{Context as _, Result, bail};
use order_log::Log;
use order_model::CustomerId;
use order_worker::{Stop, StopLevel, Topics};
use reconcile::{Ground, Reconciliation, reconcile};
use sink::{SinkLimits, SinkParts};
use sink_clickhouse::{ClickHouse, Database};
use sink_dynamodb::{DynamoDb, Options, Retention, TABLES};
use sink_push::{
    Address, ChannelKind, Contact, Courier, MemoryClaims, MemoryContacts, Outbox, PushSink, Shop, Templates,
};
use tables::{Local, TableOptions, Tables};
use tokio::runtime::Runtime;

use crate::sinks::{Sinks, sink_options};
use crate::stores::Analytics;
use crate::times;

/// Threads of the sinks.
const THREADS: usize = 2;
/// Time between two looks whether everything is written.
const LOOK: Duration = Duration::from_millis(20);
/// How long notices that were claimed may take to be in the outbox.
const DELIVERY_TIMEOUT: Duration = Duration::from_secs(60);
/// The database of a demo.
const DATABASE: &str = "doorbuster";

/// What stands in the stores in the end.
#[derive(Clone, Debug)]
pub struct Carried {
    /// The comparison with the log.
    pub reconciliation: Reconciliation,
    /// Notices in the outbox, each once.
    pub notices: u64,
    /// Notices that were put there more than once.
    pub notices_repeated: u64,
    /// How long the sinks went on after the sale was over, in seconds.
    pub seconds: f64,
}

impl Carried {
    /// Whether the stores hold what the log says, and nobody was told anything twice.
    pub fn holds(&self) -> bool {
        self.reconciliation.holds() && self.notices_repeated == 0
    }
}

/// The stores and the sinks of a demo.
pub struct Outputs {
    // In this order they end: first those who write, then what is written to.
    sinks: Sinks,
    tables: Tables,
    local: Local,
    analytics: Option<Analytics>,
    outbox: Outbox,
    courier: Courier<MemoryClaims, MemoryContacts>,
    runtime: Runtime,
}

impl Outputs {
    /// Starts them, with the analytics in `folder` if they are wanted.
    pub fn start(parts: &SinkParts, topics: &Topics, folder: &Path, with_analytics: bool) -> Result<Self> {
        let analytics = with_analytics
            .then(|| Analytics::in_process(&folder.join("clickhouse"), DATABASE))
            .transpose()?;
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime =
            builder.worker_threads(THREADS).enable_all().build().context("start the sinks' threads")?;
        let local = Local::start().context("start DynamoDB in this process")?;
        let outbox = Outbox::in_memory();
        let (tables, sinks, courier) = runtime.block_on(async {
            let options = Options::new(local.options());
            let tables = Tables::connect(&options.tables).await?;
            tables.create(&TABLES).await.context("create the tables")?;
            tables.create(&Accounts::TABLES).await.context("create the tables of people")?;
            let mut sinks = Sinks::default();
            let limits = sink_dynamodb::limits::loop_limits();
            sinks.add(DynamoDb::open(&options).await?, parts, sink_options(topics, limits))?;
            if let Some(analytics) = &analytics {
                let database = Database::new(&analytics.config);
                let plan = sink_clickhouse::plan(&database).await?;
                sink_clickhouse::apply(&database, &plan).await.context("make the analytics' tables")?;
                let limits = sink_clickhouse::limits::sink_limits();
                let partitions = tokio::task::block_in_place(|| parts.log.partitions(&topics.decisions))?;
                let target = ClickHouse::new(&analytics.config).of_partitions(partitions);
                sinks.add(target, parts, sink_options(topics, limits))?;
            }
            let push = PushSink::start(letters_to(&outbox)?);
            let courier = push.courier();
            sinks.add(push, parts, sink_options(topics, SinkLimits::default()))?;
            Ok::<_, anyhow::Error>((tables, sinks, courier))
        })?;
        Ok(Self { sinks, tables, local, analytics, outbox, courier, runtime })
    }

    /// How the tables are reached.
    pub fn table_options(&self) -> TableOptions {
        self.local.options()
    }

    /// How the analytics are reached, if there are any.
    pub fn analytics(&self) -> Option<sink_clickhouse::Config> {
        self.analytics.as_ref().map(|analytics| analytics.config.clone())
    }

    /// Waits until every store has every decision, ends the sinks, and compares the stores with the log.
    pub fn finish(&mut self, parts: &SinkParts, topics: &Topics, stop: &Stop) -> Result<Carried> {
        let start = std::time::Instant::now();
        let ends = ends(&*parts.log, topics)?;
        let reconciliation = self.runtime.block_on(async {
            while !self.sinks.have_reached(&ends) {
                self.sinks.check().await?;
                if stop.level() != StopLevel::Run {
                    bail!("broken off before the stores had every decision");
                }
                tokio::time::sleep(LOOK).await;
            }
            // The push sink has claimed every notice; ending it would end the delivery too.
            if !self.courier.delivered(DELIVERY_TIMEOUT).await {
                bail!("notices were claimed and are not delivered after {} s", DELIVERY_TIMEOUT.as_secs());
            }
            self.sinks.drain();
            self.sinks.ended().await?;
            let ground = Ground {
                log: Arc::clone(&parts.log),
                codec: parts.codec.clone(),
                decisions: Arc::clone(&topics.decisions),
                tables: Some((self.tables.clone(), Retention::default())),
                clickhouse: self.analytics.as_ref().map(|analytics| Database::new(&analytics.config)),
                now: times::now(),
                progress: Arc::new(|_| {}),
            };
            reconcile(&ground).await.context("compare the stores with the log")
        })?;
        let seconds = start.elapsed().as_secs_f64();
        let notices = self.outbox.distinct();
        let notices_repeated = self.outbox.put_count() - notices;
        Ok(Carried { reconciliation, notices, notices_repeated, seconds })
    }
}

/// A push sink whose e-mails end in an outbox. The customers of a demo have made-up addresses.
fn letters_to(outbox: &Outbox) -> Result<sink_push::Parts<MemoryClaims, MemoryContacts>> {
    let contact = |customer: CustomerId| {
        let text = customer.to_string();
        let name: String = text.chars().filter(char::is_ascii_alphanumeric).collect();
        // Half of them read German.
        let locale = if text.ends_with(['0', '2', '4', '6', '8', 'a', 'c', 'e']) { "de" } else { "en" };
        let address = Address::Email(format!("{name}@shoppers.example"));
        Some(Contact { locale: locale.to_owned(), addresses: vec![address], muted: Vec::new() })
    };
    Ok(sink_push::Parts {
        claims: MemoryClaims::default(),
        contacts: MemoryContacts::with_otherwise(contact),
        templates: Templates::built_in().context("read the templates of notices")?,
        shop: Shop { name: "Doorbuster".to_owned(), ..Shop::default() },
        channels: vec![Box::new(outbox.channel(ChannelKind::Email))],
        clock: Arc::new(times::now),
    })
}

fn ends(log: &dyn Log, topics: &Topics) -> Result<BTreeMap<u32, u64>> {
    let partitions = log.partitions(&topics.decisions)?;
    (0..partitions).map(|partition| Ok((partition, log.bounds(&topics.decisions, partition)?.end))).collect()
}
