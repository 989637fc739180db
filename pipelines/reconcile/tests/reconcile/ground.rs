//! A log of decisions, and stores that have them.

use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, LazyLock};

use clickhouse_embedded::{Engine, EngineOptions};
use order_codec::{Codec, FileSchemas, RegistryError, SchemaSource};
use order_log::{Bounds, Headers, Log, LogAppender, LogError, LogReader, MemoryLog, ReadLimits};
use order_log::{TopicFinding, TopicSpec};
use order_model::{Decision, Partition, TimeMs};
use reconcile::Ground;
use sink::{Batch, Reached, Target};
use sink_clickhouse::backlog::Backlog;
use sink_clickhouse::{ClickHouse, Config, Database, apply, plan};
use sink_dynamodb::{DynamoDb, Options, Retention, TABLES};
use tables::{Local, TableOptions, Tables};
use tempfile::TempDir;

pub(crate) const BACKLOG: Backlog = Backlog { partitions: 2, listings: 2, decisions: 60 };
const TOPIC: &str = "decisions";

/// A log that has forgotten its beginning.
pub(crate) struct CutOff(pub(crate) MemoryLog);

impl Log for CutOff {
    fn describe(&self) -> String {
        self.0.describe()
    }
    fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<String>, LogError> {
        self.0.create_topics(specs)
    }
    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicFinding>, LogError> {
        self.0.check_topics(specs)
    }
    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        self.0.partitions(topic)
    }
    fn bounds(&self, topic: &str, partition: u32) -> Result<Bounds, LogError> {
        Ok(Bounds { start: 10, ..self.0.bounds(topic, partition)? })
    }
    fn reader(&self, topic: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        self.0.reader(topic, limits)
    }
    fn member(&self, topic: &str, group: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        self.0.member(topic, group, limits)
    }
    fn appender(&self) -> Result<Box<dyn LogAppender>, LogError> {
        self.0.appender()
    }
}

/// A registry that knows our schemas and is silent about all others.
pub(crate) struct Silent(pub(crate) FileSchemas);

impl SchemaSource for Silent {
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        self.0.register_or_find(subject, schema_json)
    }

    fn schema(&self, _: u32) -> Result<Option<String>, RegistryError> {
        Err(RegistryError::Unreachable { registry: "test".to_owned(), detail: "silent".to_owned() })
    }
}

pub(crate) fn codec() -> Codec {
    Codec::new(Arc::new(FileSchemas::new().unwrap())).unwrap()
}

pub(crate) fn empty_log() -> MemoryLog {
    let log = MemoryLog::new(Arc::new(|| 1));
    let topic = TopicSpec {
        name: TOPIC.to_owned(),
        partitions: BACKLOG.partitions,
        replication: 1,
        retention_ms: 86_400_000,
        is_compacted: false,
        record_bytes_max: 1_048_576,
    };
    log.create_topics(&[topic]).unwrap();
    log
}

pub(crate) fn append(log: &MemoryLog, partition: Partition, time: TimeMs, value: &[u8]) {
    log.append_at(TOPIC, partition.0, time.0, None, Some(value), Headers::default()).unwrap();
}

pub(crate) fn append_decision(log: &MemoryLog, decision: &Decision) {
    let mut value = Vec::new();
    codec().decision_to(decision, &mut value);
    append(log, decision.partition, decision.time, &value);
}

/// All decisions of the backlog, as batches.
pub(crate) fn batches() -> Vec<Batch> {
    (0..BACKLOG.partitions).map(|partition| BACKLOG.batch(Partition(partition), 0, u64::MAX)).collect()
}

pub(crate) fn log_of(batches: &[Batch]) -> MemoryLog {
    let log = empty_log();
    for arrival in batches.iter().flat_map(|batch| &batch.arrivals) {
        append_decision(&log, &arrival.decision);
    }
    log
}

/// What is compared with no store at all.
pub(crate) fn bare(log: impl Log + 'static, codec: Codec) -> Ground {
    Ground {
        log: Arc::new(log),
        codec,
        decisions: Arc::from(TOPIC),
        tables: None,
        clickhouse: None,
        now: TimeMs(0),
        progress: Arc::new(|_| {}),
    }
}

static ENGINE: LazyLock<(Engine, TempDir)> = LazyLock::new(|| {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions { folder: folder.path().to_owned(), ..EngineOptions::default() };
    (Engine::start(&options).unwrap(), folder)
});
static LOCAL: LazyLock<Local> = LazyLock::new(|| Local::start().unwrap());

/// Stores of a test's own that have taken `batches`, and a log that has them too.
pub(crate) async fn written(batches: &[Batch]) -> Ground {
    static NUMBER: AtomicU32 = AtomicU32::new(0);
    let number = NUMBER.fetch_add(1, Ordering::Relaxed);
    let options = TableOptions { prefix: format!("r{number}-"), ..TableOptions::local(LOCAL.endpoint()) };
    let options = Options::new(options);
    let tables = Tables::connect(&options.tables).await.unwrap();
    tables.create(&TABLES).await.unwrap();
    let config = Config::new(ENGINE.0.url(), format!("r{number}"));
    let database = Database::new(&config);
    apply(&database, &plan(&database).await.unwrap()).await.unwrap();
    bring(&mut DynamoDb::over(tables.clone(), &options), batches).await;
    bring(&mut ClickHouse::new(&config), batches).await;
    Ground {
        tables: Some((tables, Retention::default())),
        clickhouse: Some(database),
        ..bare(log_of(batches), codec())
    }
}

async fn bring(target: &mut impl Target, batches: &[Batch]) {
    target.write(batches).await.unwrap();
    let progress: Vec<(Partition, Reached)> =
        batches.iter().map(|batch| (batch.partition, batch.reached())).collect();
    target.advance(&progress).await.unwrap();
}

/// Runs a statement in ClickHouse.
pub(crate) async fn run(ground: &Ground, sql: &str) {
    let client = ground.clickhouse.as_ref().unwrap().client();
    client.query_raw(sql).execute().await.unwrap_or_else(|error| panic!("{sql}: {error}"));
}
