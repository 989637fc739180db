//! What a gateway asks of stores that the sinks fill: orders of the past, and what is bought together.

use anyhow::{Context as _, Result};
use ingest_gateway::board::EventId;
use ingest_gateway::service::{Archive, ArchiveError, Archived, LookingUp};
use ingest_gateway::together::{Companions, Counting};
use order_model::{OrderId, Sku};
use sink_clickhouse::{Config, Database};
use sink_dynamodb::{StoredOrder, stored_order};
use tables::{TableOptions, Tables};
use testbed::DevStack;

use crate::config::DynamoDb;
use crate::context::Context;

/// Longest work of ClickHouse on one question, in seconds.
const QUESTION_SECONDS_MAX: &str = "2";
/// A pair stands in the view once, the smaller SKU first.
const COMPANIONS: &str = "SELECT if(sku = ?, other, sku) AS companion FROM bought_together WHERE sku = ? OR other = ? \
     ORDER BY orders DESC, companion LIMIT ?";

/// Where the tables are, if that is known.
pub(super) fn known_tables(context: &Context) -> Result<Option<TableOptions>> {
    if context.settings.tables.dynamodb == DynamoDb::Dev {
        let folder = &context.settings.dev_dir;
        let stack =
            DevStack::read(folder).with_context(|| format!("read the dev stack in {}", folder.display()))?;
        if stack.is_none_or(|stack| stack.dynamodb_url.is_none()) {
            return Ok(None);
        }
    }
    context.table_options().map(Some)
}

/// Orders as the sink of DynamoDB has written them.
pub(super) struct TableArchive(pub(super) Tables);

impl Archive for TableArchive {
    fn order(&self, order: OrderId) -> LookingUp<'_> {
        Box::pin(async move {
            let stored = stored_order(&self.0, order).await;
            let stored = stored.map_err(|failure| ArchiveError(failure.to_string()))?;
            Ok(stored.map(|StoredOrder { ledger, version, time, event }| Archived {
                id: EventId { partition: ledger, sequence: version },
                time,
                event,
            }))
        })
    }
}

/// What is bought together, as ClickHouse counts it.
pub(super) struct CountedCompanions(Database);

impl CountedCompanions {
    pub(super) fn new(config: &Config) -> Self {
        Self(Database::new(config))
    }

    async fn ask(&self, sku: Sku, most: usize) -> Result<Vec<Sku>> {
        let client = self.0.client().with_setting("max_execution_time", QUESTION_SECONDS_MAX);
        let mut question = client.query(COMPANIONS);
        for _ in 0..3 {
            question = question.bind(sku.as_str());
        }
        let question = question.bind(u64::try_from(most)?);
        let answer = question.fetch_bytes("JSONCompactEachRow")?.collect().await?;
        let rows = answer.split(|byte| *byte == b'\n').filter(|row| !row.is_empty());
        rows.map(|row| {
            let [other] = serde_json::from_slice::<[String; 1]>(row)?;
            other.parse().map_err(|error| anyhow::anyhow!("{other}: {error}"))
        })
        .collect()
    }
}

impl Companions for CountedCompanions {
    fn of(&self, sku: Sku, most: usize) -> Counting<'_> {
        Box::pin(async move { self.ask(sku, most).await.map_err(|error| format!("{error:#}")) })
    }
}
