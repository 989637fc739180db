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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::stores::Analytics;

    /// Three paid orders of two or three lines; what was left out of one does not count.
    const ORDERS: &str = "INSERT INTO decisions_raw (partition, sequence, kind, order_id, lines) SELECT 0, number + 1, 'paid', \
         generateUUIDv4(), [[('A', 1, 'taken', 5, false, 0, 0, 0, 0), ('B', 1, 'taken', 5, false, 0, 0, 0, 0)], \
         [('A', 1, 'taken', 5, false, 0, 0, 0, 0), ('B', 1, 'taken', 5, false, 0, 0, 0, 0), \
         ('C', 1, 'taken', 5, false, 0, 0, 0, 0)], [('A', 1, 'taken', 5, false, 0, 0, 0, 0), \
         ('D', 1, 'left_out', 0, false, 0, 0, 0, 0)]][number + 1] FROM numbers(3)";

    #[tokio::test(flavor = "multi_thread")]
    async fn clickhouse_says_what_is_bought_together() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().to_owned();
        let opened = tokio::task::spawn_blocking(move || Analytics::in_process(&path, "together")).await;
        let analytics = opened.unwrap().unwrap();
        let companions = CountedCompanions::new(&analytics.config);
        let of = async |sku: &str, most| companions.of(sku.parse().unwrap(), most).await;
        assert!(of("A", 6).await.is_err(), "there is no such database yet");
        let database = Database::new(&analytics.config);
        let plan = sink_clickhouse::plan(&database).await.unwrap();
        sink_clickhouse::apply(&database, &plan).await.unwrap();
        assert_eq!(of("A", 6).await, Ok(Vec::new()));
        database.client().query(ORDERS).execute().await.unwrap();
        let skus = |texts: &[&str]| Ok(texts.iter().map(|text| text.parse().unwrap()).collect::<Vec<Sku>>());
        assert_eq!(of("A", 6).await, skus(&["B", "C"]), "the most often first");
        assert_eq!(of("A", 1).await, skus(&["B"]));
        assert_eq!(of("C", 6).await, skus(&["A", "B"]));
        assert_eq!(of("D", 6).await, skus(&[]));
        assert_eq!(of("it's", 6).await, skus(&[]));
    }
}
