//! Compares what the tables in DynamoDB and ClickHouse hold with what the log says, and mends them.
//!
//! The log's decisions say what every table has to hold: `sink_dynamodb::Fold` which items, `sink_clickhouse::rows_of`
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

use std::collections::BTreeMap;
use std::fmt;
use std::ops::RangeInclusive;
use std::sync::Arc;

use order_codec::Codec;
use order_log::{Log, LogError};
use order_model::{Partition, TimeMs};
use sink::{Arrival, Fault};
use sink_clickhouse::{Database, DerivedDifference, DifferenceKind, Row, RowError};
use sink_dynamodb::{Item, Key, Retention};
use tables::{Failure, Tables};

pub use mend::{Mended, mend};

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
}

impl Difference {
    /// The store, for people.
    pub fn store(&self) -> &'static str {
        match self {
            Self::Item { .. } => "dynamodb",
            Self::Row { .. } | Self::Derived { .. } => "clickhouse",
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
        }
    }

    /// In a word: missing, extra, changed.
    pub fn kind(&self) -> &'static str {
        match self {
            Self::Item { wanted: Some(_), found: None, .. }
            | Self::Row { kind: DifferenceKind::Missing, .. } => "missing",
            Self::Item { wanted: None, .. } | Self::Row { kind: DifferenceKind::Extra, .. } => "extra",
            Self::Item { .. } | Self::Row { .. } | Self::Derived { .. } => "changed",
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
    /// What differs, store by store; at most [`limits::DIFFERENCES_MAX`] of each kind of store.
    pub differences: Vec<Difference>,
    /// Whether there are more than are named.
    pub is_cut: bool,
}

impl Reconciliation {
    /// Whether all stores hold what the log says, and the log is whole.
    pub fn holds(&self) -> bool {
        self.differences.is_empty() && self.gaps == 0
    }
}

/// Why no comparison was made.
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
    /// A decision has no row.
    #[error("decision of partition {partition} has no row: {error}")]
    Row {
        /// The ledger.
        partition: u32,
        /// Why.
        error: RowError,
    },
}

impl From<Failure> for ReconcileError {
    fn from(failure: Failure) -> Self {
        Self::DynamoDb(failure.to_string())
    }
}

/// Compares.
pub async fn reconcile(ground: &Ground) -> Result<Reconciliation, ReconcileError> {
    let mut result = Reconciliation::default();
    let mut items = ground.tables.as_ref().map(|(_, retention)| sink_dynamodb::Fold::new(*retention));
    let mut rows = ground.clickhouse.as_ref().map(|_| 0);
    let partitions = ground.log.partitions(&ground.decisions)?;
    for partition in (0..partitions).map(Partition) {
        let mut decisions = decisions::Decisions::new(ground, partition)?;
        let mut compared =
            ground.clickhouse.as_ref().map(|database| clickhouse::Rows::new(database, partition));
        while let Some(arrivals) = decisions.next()? {
            if let Some(items) = &mut items {
                arrivals.iter().for_each(|arrival| items.take(&arrival.decision));
            }
            if let Some(compared) = &mut compared {
                compared.take(&arrivals, &mut result).await?;
            }
            result.decisions += count(&arrivals);
            (ground.progress)(result.decisions);
        }
        if let Some(compared) = compared {
            *rows.get_or_insert(0) += compared.finish(&mut result).await?;
        }
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

fn count(arrivals: &[Arrival]) -> u64 {
    u64::try_from(arrivals.len()).unwrap_or(u64::MAX)
}

/// A run of decisions of one partition whose rows are written anew together.
type Runs = BTreeMap<Partition, Vec<(RangeInclusive<u64>, Vec<Row>)>>;
