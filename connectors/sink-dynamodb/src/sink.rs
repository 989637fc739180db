//! The target: decisions are folded into items, orders and payments go first, hot stock at most once an interval, and
//! progress last.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use order_model::{Partition, Sequence};
use sink::{Batch, Fault, Reached, Refused, Target};
use tables::{Table, Tables, TablesError};
use tokio::time::Instant;

use crate::client::{Client, RefusedItem};
use crate::config::{Options, Retention};
use crate::fold::Fold;
use crate::progress;
use crate::status::{Counts, Status};

/// The tables this sink writes.
pub const TABLES: [Table; 3] = [Table::Orders, Table::Inventory, Table::Payments];

/// The sink's target. One process may have several; they share nothing but the tables.
#[derive(Debug)]
pub struct DynamoDb {
    client: Client,
    retention: Retention,
    stock_interval: Duration,
    stock_written: Option<Instant>,
    counts: Arc<Counts>,
}

/// Reads what a [`DynamoDb`] has done, from anywhere.
#[derive(Clone, Debug)]
pub struct StatusReader(Arc<Counts>);

impl StatusReader {
    /// What was done since the start.
    pub fn status(&self) -> Status {
        self.0.status()
    }
}

impl DynamoDb {
    /// Connects, and checks that the tables are there and as they have to be.
    pub async fn open(options: &Options) -> Result<Self, TablesError> {
        let tables = Tables::connect(&options.tables).await?;
        tables.check(&TABLES).await?;
        Ok(Self::over(tables, options))
    }

    /// Over tables that the caller has checked.
    pub fn over(tables: Tables, options: &Options) -> Self {
        let counts = Arc::new(Counts::default());
        Self {
            client: Client::new(tables, options.requests_max, Arc::clone(&counts)),
            retention: options.retention,
            stock_interval: options.stock_interval,
            stock_written: None,
            counts,
        }
    }

    /// Tells what was done, also once the target is with its loop.
    pub fn status(&self) -> StatusReader {
        StatusReader(Arc::clone(&self.counts))
    }

    async fn bring(&mut self, batches: &[Batch]) -> Result<Vec<RefusedItem>, Fault> {
        let mut fold = Fold::new(self.retention);
        for arrival in batches.iter().flat_map(|batch| &batch.arrivals) {
            fold.take(&arrival.decision);
        }
        let (stock, rest): (Vec<_>, Vec<_>) =
            fold.into_folded().into_iter().partition(|(key, _)| key.table == Table::Inventory);
        let mut refused = self.client.bring(rest).await?;
        if !stock.is_empty() {
            if let Some(written) = self.stock_written {
                tokio::time::sleep_until(written + self.stock_interval).await;
            }
            self.stock_written = Some(Instant::now());
            refused.extend(self.client.bring(stock).await?);
        }
        Ok(refused)
    }
}

impl Target for DynamoDb {
    fn name(&self) -> &'static str {
        "dynamodb"
    }

    async fn reached(&mut self, partition: Partition) -> Result<Reached, Fault> {
        progress::read(self.client.tables(), partition).await
    }

    async fn write(&mut self, batches: &[Batch]) -> Result<Vec<Refused>, Fault> {
        let refused = self.bring(batches).await?;
        self.counts.refused(refused.len());
        // A decision makes several items, and is refused once.
        let mut reasons: BTreeMap<(u32, u64), String> = BTreeMap::new();
        for RefusedItem { ledger, version, reason } in refused {
            reasons
                .entry((ledger, version))
                .and_modify(|reasons| {
                    reasons.push_str("; ");
                    reasons.push_str(&reason);
                })
                .or_insert(reason);
        }
        let refused = reasons.into_iter().map(|((ledger, version), reason)| Refused {
            partition: Partition(ledger),
            sequence: Sequence(version),
            reason,
        });
        Ok(refused.collect())
    }

    async fn advance(&mut self, progress: &[(Partition, Reached)]) -> Result<(), Fault> {
        for (partition, reached) in progress {
            self.client.say(*partition, *reached).await?;
        }
        Ok(())
    }
}
