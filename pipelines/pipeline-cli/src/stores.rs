//! The ways to where decisions are carried: the tables in DynamoDB, and ClickHouse.

use std::future::Future;
use std::path::Path;

use anyhow::{Context as _, Result};
use clickhouse_embedded::{Engine, EngineOptions, LIBRARY_VERSION};
use sink_clickhouse::Config;
use tables::{TableOptions, Tables};
use testbed::DevStack;

use crate::ExitCode;
use crate::config::{ClickHouseAt, ClickHouseSettings, DynamoDb};
use crate::context::Context;
use crate::failure::Failure;
use crate::notes::note;

/// Progress of fetching the engine is said in steps of so many percent.
const FETCH_STEP_PERCENT: u64 = 20;

/// Threads that wait for answers of the stores.
const RUNTIME_THREADS: usize = 2;

/// ClickHouse as configured; the engine in this process, if it is that, runs as long as this lives.
pub struct Analytics {
    /// Where it is, and who we are there.
    pub config: Config,
    _engine: Option<Engine>,
}

impl Analytics {
    /// Opens it. An engine in this process is fetched at first use, and says where it answers.
    pub fn open(context: &Context) -> Result<Self> {
        let settings = &context.settings.clickhouse;
        match &settings.at {
            ClickHouseAt::Url(url) => Ok(Self { config: server(settings, url), _engine: None }),
            ClickHouseAt::Folder(folder) => Self::in_process(folder, &settings.database),
        }
    }

    /// The engine in this process, on `folder`.
    pub fn in_process(folder: &Path, database: &str) -> Result<Self> {
        let mut said = 0;
        clickhouse_embedded::fetch(None, &mut |progress| {
            let percent = progress.bytes.saturating_mul(100) / progress.total_bytes.max(1);
            if percent >= said + FETCH_STEP_PERCENT || said == 0 {
                said = percent.max(1);
                let megabytes = progress.bytes / 1_000_000;
                note(format!(
                    "fetching the ClickHouse engine {LIBRARY_VERSION}, once: {megabytes} MB, {percent} %"
                ));
            }
        })
        .context("fetch the ClickHouse engine")?;
        let options = EngineOptions { folder: folder.to_owned(), ..EngineOptions::default() };
        let engine = Engine::start(&options)
            .with_context(|| format!("start the ClickHouse engine on {}", folder.display()))?;
        let config = Config::new(engine.url(), database);
        Ok(Self { config, _engine: Some(engine) })
    }
}

fn server(settings: &ClickHouseSettings, url: &str) -> Config {
    Config {
        user: settings.user.clone(),
        password: settings.password.clone(),
        compressed: url.starts_with("https://"),
        ..Config::new(url, &settings.database)
    }
}

impl Context {
    /// The ClickHouse server, if one is configured, and not an engine in the process that fills it.
    pub fn clickhouse_server(&self) -> Option<Config> {
        let settings = &self.settings.clickhouse;
        match &settings.at {
            ClickHouseAt::Url(url) => Some(server(settings, url)),
            ClickHouseAt::Folder(_) => None,
        }
    }

    /// Which DynamoDB holds the tables.
    pub fn table_options(&self) -> Result<TableOptions> {
        let settings = &self.settings.tables;
        let endpoint = match &settings.dynamodb {
            DynamoDb::Aws => None,
            DynamoDb::At(url) => Some(url.clone()),
            DynamoDb::Dev => {
                let folder = &self.settings.dev_dir;
                let stack = DevStack::read(folder)
                    .with_context(|| format!("read the dev stack in {}", folder.display()))?;
                let url = stack.and_then(|stack| stack.dynamodb_url);
                Some(url.ok_or_else(|| {
                    Failure {
                        code: ExitCode::Unreachable,
                        message:
                            "find the tables: no DynamoDB is configured, and `dev up` has started none here"
                                .to_owned(),
                        next: Some(
                            "pipeline dev up, or --set dynamodb=aws, or --set dynamodb=http://HOST:PORT"
                                .to_owned(),
                        ),
                    }
                })?)
            }
        };
        Ok(TableOptions { endpoint, region: settings.region.clone(), prefix: settings.prefix.clone() })
    }

    /// A client for the tables.
    pub async fn tables(&self) -> Result<Tables> {
        Ok(Tables::connect(&self.table_options()?).await?)
    }
}

/// Runs something that waits for answers.
pub fn block_on<T>(work: impl Future<Output = Result<T>>) -> Result<T> {
    let mut builder = tokio::runtime::Builder::new_multi_thread();
    let runtime = builder.worker_threads(RUNTIME_THREADS).enable_all().build();
    runtime.context("start the threads that wait for answers")?.block_on(work)
}
