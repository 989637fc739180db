//! Compares what the tables in DynamoDB and ClickHouse hold with what the log says, and mends them.
//!
//! The log's decisions say what every table has to hold: `sink_dynamodb::Fold` which items, `sink_clickhouse::row_of`
//! which rows, and ClickHouse computes from the rows what the roll-ups and order facts have to be. Each difference is
//! one [`Difference`], with what mends it. That the decisions themselves are right is `order-proof`'s to say.
//!
//! Promised: every difference is found, and one difference is named once: where a decision's row differs, what was
//! computed from its span, its order or its listing is not named besides. Mending is planned first, changes only what was
//! named, and leaves an item alone that has changed since. Memory is bounded by the items, not by the log.
//!
//! Not promised: a true comparison while a sink is writing: pause or drain it first. Items that have expired may be gone.

mod clickhouse;
mod decisions;
mod dynamodb;
pub mod limits;
mod mend;
mod progress;

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use order_codec::{Codec, RegistryError};
use order_log::{Log, LogError};
use order_model::{Partition, TimeMs};
use sink::{Fault, Reached};
use sink_clickhouse::{Database, DerivedDifference, DifferenceKind, Row};
use sink_dynamodb::{Item, Key, Retention};
use tables::{Failure, Tables};
use tokio::task::block_in_place;

pub use mend::{Mended, mend};

use progress::Noted;

/// What is compared with what.
pub struct Ground {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Reads decisions.
    pub codec: Codec,
    /// The topic of decisions.
    pub decisions: Arc<str>,
    /// The tables, if they are to be compared, and how long orders stay in them.
    pub tables: Option<(Tables, Retention)>,
    /// The analytics, if they are to be compared.
    pub clickhouse: Option<Database>,
    /// Now: what has expired by then may be gone.
    pub now: TimeMs,
    /// Is told how many decisions have been read, now and then.
    pub progress: Arc<dyn Fn(u64) + Send + Sync>,
}

/// Something a store does not hold as the log has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Difference {
    /// An item in DynamoDB.
    Item {
        /// Where it stands.
        key: Key,
        /// What has to stand there; `None`: nothing.
        wanted: Option<Item>,
        /// What stands there; `None`: nothing.
        found: Option<Item>,
    },
    /// The row of a decision in ClickHouse.
    Row {
        /// The ledger.
        partition: Partition,
        /// The decision.
        sequence: u64,
        /// How it differs.
        kind: DifferenceKind,
        /// The row as it has to be; `None`: there is no such decision.
        wanted: Option<Box<Row>>,
    },
    /// Rows that ClickHouse computed from decisions, and that they do not give.
    Derived {
        /// The ledger.
        partition: Partition,
        /// Which.
        which: DerivedDifference,
    },
    /// How far a sink says it has got.
    Progress {
        /// Where it says so.
        store: Store,
        /// The ledger.
        partition: Partition,
        /// What it says; `None`: nothing.
        found: Option<Reached>,
        /// How far it is when the other differences are mended.
        wanted: Reached,
    },
}

/// A store.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Store {
    /// The tables.
    DynamoDb,
    /// The analytics.
    ClickHouse,
}

impl Difference {
    /// The store, for people.
    pub fn store(&self) -> &'static str {
        match self {
            Self::Item { .. } | Self::Progress { store: Store::DynamoDb, .. } => "dynamodb",
            Self::Row { .. } | Self::Derived { .. } | Self::Progress { store: Store::ClickHouse, .. } => {
                "clickhouse"
            }
        }
    }

    /// Where in the store.
    pub fn place(&self) -> String {
        match self {
            Self::Item { key, .. } => key.to_string(),
            Self::Row { partition, sequence, .. } => format!("decisions_raw {partition}/{sequence}"),
            Self::Derived { partition, which } => match which {
                DerivedDifference::Span { table, span } => format!("{table} {partition}, span {span}"),
                DerivedDifference::Order(order) => format!("order_facts {order}"),
                DerivedDifference::Listing(sequence) => format!("listing_events {partition}/{sequence}"),
            },
            Self::Progress { partition, .. } => format!("progress {partition}"),
        }
    }

    /// In a word: missing, extra, changed.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Item { wanted: Some(_), found: None, .. }
            | Self::Progress { found: None, .. }
            | Self::Row { kind: DifferenceKind::Missing, .. } => "missing",
            Self::Item { wanted: None, .. } | Self::Row { kind: DifferenceKind::Extra, .. } => "extra",
            Self::Item { .. } | Self::Row { .. } | Self::Derived { .. } | Self::Progress { .. } => "changed",
        }
    }

    /// What differs, and what mending it writes.
    pub fn detail(&self) -> String {
        match self {
            Self::Item { wanted, found, .. } => dynamodb::detail(wanted.as_ref(), found.as_ref()),
            Self::Row { kind: DifferenceKind::Columns(columns), .. } => {
                format!("{}: write the log's again", columns.join(", "))
            }
            Self::Row { kind: DifferenceKind::Missing, .. } => "write it".to_owned(),
            Self::Row { kind: DifferenceKind::Extra, .. } => {
                "remove it: the log has no such decision".to_owned()
            }
            Self::Derived { .. } => "compute it again".to_owned(),
            Self::Progress { found, wanted, .. } => {
                let shown = |Reached { sequence, next_offset }: Reached| {
                    format!("decision {sequence}, next offset {next_offset}")
                };
                let found = found.map_or_else(|| "nothing".to_owned(), shown);
                format!("it says {found}, has to say {}", shown(*wanted))
            }
        }
    }
}

impl fmt::Display for Difference {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}: {}", self.store(), self.kind(), self.place(), self.detail())
    }
}

/// What was compared, and what differs.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Reconciliation {
    /// Decisions on the log, each once.
    pub decisions: u64,
    /// Decisions that are missing on the log between two others; more than none is a bug of whoever decided.
    pub gaps: u64,
    /// Records on the log that are no decisions.
    pub unreadable: u64,
    /// Items the tables have to hold; `None`: not compared.
    pub items: Option<u64>,
    /// Rows ClickHouse has to hold; `None`: not compared.
    pub rows: Option<u64>,
    /// Decisions that ClickHouse can have no row of: the sink refused them too, and left a dead letter.
    pub rowless: u64,
    /// What differs, store by store; at most [`limits::DIFFERENCES_MAX`] of each kind of store.
    pub differences: Vec<Difference>,
    /// Whether there are more than are named.
    pub is_cut: bool,
}

impl Reconciliation {
    /// Whether all stores hold what the log says, and the log is whole.
    pub fn holds(&self) -> bool {
        self.differences.is_empty() && self.is_whole()
    }

    /// Whether every decision of the log is known: only then is what no decision makes too much.
    pub fn is_whole(&self) -> bool {
        self.gaps == 0 && self.unreadable == 0
    }
}

/// Why no comparison was made, or nothing mended.
#[derive(Debug, thiserror::Error)]
pub enum ReconcileError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// ClickHouse failed.
    #[error(transparent)]
    ClickHouse(#[from] Fault),
    /// DynamoDB failed.
    #[error("reading the tables back: {0}")]
    DynamoDb(String),
    /// The beginning of the log is gone.
    #[error(
        "partition {partition} of {topic} begins at offset {start}: what came before has expired, and what it made would \
         look like rows that nobody decided. Nothing was compared. Compare with a copy of the log that begins at 0, and \
         have the topic keep its records longer than you compare (retention.ms)"
    )]
    CutOff {
        /// The topic.
        topic: String,
        /// The ledger.
        partition: u32,
        /// The first record that is left.
        start: u64,
    },
    /// Nobody knows whether a record is a decision.
    #[error(
        "the record at offset {offset} of partition {partition} cannot be read, as its schema is not told. Nothing was \
         compared; try again when the registry answers"
    )]
    Registry {
        /// The ledger.
        partition: u32,
        /// Where on `decisions`.
        offset: u64,
        /// What the registry said.
        #[source]
        error: RegistryError,
    },
    /// What is not on the log, or cannot be read there, would be taken out of the stores.
    #[error(
        "nothing was mended: {gaps} decisions are missing on the log and {unreadable} of its records are no decisions, and \
         what they made would be removed. `pipeline prove` says what is wrong with the log"
    )]
    NotWhole {
        /// Decisions that are missing between others.
        gaps: u64,
        /// Records that are no decisions.
        unreadable: u64,
    },
}

impl From<Failure> for ReconcileError {
    fn from(failure: Failure) -> Self {
        Self::DynamoDb(failure.to_string())
    }
}

/// Compares. Needs a Tokio runtime of several threads: log and registry are waited for on this one.
pub async fn reconcile(ground: &Ground) -> Result<Reconciliation, ReconcileError> {
    let mut result = Reconciliation::default();
    let mut items = ground.tables.as_ref().map(|(_, retention)| sink_dynamodb::Fold::new(*retention));
    let mut rows = ground.clickhouse.as_ref().map(|_| 0);
    let partitions = ground.log.partitions(&ground.decisions)?;
    for partition in (0..partitions).map(Partition) {
        let mut noted = noted(ground, partition).await?;
        let mut decisions = decisions::Decisions::new(ground, partition)?;
        let mut compared =
            ground.clickhouse.as_ref().map(|database| clickhouse::Rows::new(database, partition));
        while let Some(arrivals) = block_in_place(|| decisions.next())? {
            if let Some(items) = &mut items {
                arrivals.iter().for_each(|arrival| items.take(&arrival.decision));
            }
            if let Some(compared) = &mut compared {
                compared.take(&arrivals, &mut result).await?;
            }
            noted.iter_mut().for_each(|noted| noted.see(&arrivals));
            result.decisions += count(&arrivals);
            (ground.progress)(result.decisions);
        }
        if let Some(compared) = compared {
            *rows.get_or_insert(0) += compared.finish(&mut result).await?;
        }
        let end = decisions.end();
        result.differences.extend(noted.iter().filter_map(|noted| noted.difference(end)));
        result.gaps += decisions.gaps();
        result.unreadable += decisions.unreadable();
    }
    if let Some(database) = &ground.clickhouse {
        clickhouse::partitions_beyond(database, partitions, &mut result).await?;
    }
    result.rows = rows;
    if let (Some((tables, _)), Some(items)) = (&ground.tables, items) {
        dynamodb::compare(tables, items.into_items(), ground.now, &mut result).await?;
    }
    Ok(result)
}

/// What the sinks have noted of a partition. Asked before the log is: they go on, it may grow.
async fn noted(ground: &Ground, partition: Partition) -> Result<Vec<Noted>, ReconcileError> {
    let mut noted = Vec::new();
    if let Some((tables, _)) = &ground.tables {
        let found = sink_dynamodb::noted_progress(tables, partition).await?;
        noted.push(Noted::new(Store::DynamoDb, partition, found));
    }
    if let Some(database) = &ground.clickhouse {
        let found = database.noted_progress(partition).await?;
        noted.push(Noted::new(Store::ClickHouse, partition, found));
    }
    Ok(noted)
}

fn count<T>(some: &[T]) -> u64 {
    u64::try_from(some.len()).unwrap_or(u64::MAX)
}

/// A run of decisions of one partition whose rows are written anew together.
type Runs = BTreeMap<Partition, Vec<(RangeInclusive<u64>, Vec<Row>)>>;
