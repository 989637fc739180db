//! The same work as in production, timed and checked: for `pipeline bench sinks`.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use order_model::{Partition, Sequence};
use sink::{Batch, Fault, Reached, Target};
use tables::{Tables, TablesError};

use crate::fold::Fold;
use crate::{DynamoDb, Options, Status, TABLES, classify, scan};

/// What a run took and did.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Measured {
    /// Decisions written.
    pub decisions: u64,
    /// Orders that the tables hold now.
    pub orders: u64,
    /// Items that the tables hold now, each compared with what it should be.
    pub items: u64,
    /// How long it took to write them and to say so.
    pub time: Duration,
    /// What was done.
    pub status: Status,
}

impl Measured {
    /// Decisions a second.
    pub fn decisions_per_second(&self) -> u64 {
        let nanoseconds = self.time.as_nanos().max(1);
        u64::try_from(u128::from(self.decisions) * 1_000_000_000 / nanoseconds).unwrap_or(u64::MAX)
    }

    /// Write units that AWS would charge for 1,000 orders.
    pub fn write_units_per_1000_orders(&self) -> u64 {
        self.status.write_units * 1_000 / self.orders.max(1)
    }
}

/// Why a run came to nothing.
#[derive(Debug, thiserror::Error)]
pub enum MeasureError {
    /// The tables cannot be used.
    #[error(transparent)]
    Tables(#[from] TablesError),
    /// They did not take the decisions.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// They took them, and hold something else.
    #[error("{0}")]
    Wrong(String),
}

/// Makes the tables, which must be empty, writes `flushes` as the loop would, and compares what lies there then with
/// what should.
pub async fn measure(options: &Options, flushes: &[Vec<Batch>]) -> Result<Measured, MeasureError> {
    let tables = Tables::connect(&options.tables).await?;
    tables.create(&TABLES).await?;
    let mut target = DynamoDb::open(options).await?;
    let begun = Instant::now();
    for batches in flushes {
        write(&mut target, batches).await?;
    }
    let time = begun.elapsed();
    let mut fold = Fold::new(options.retention);
    let arrivals = || flushes.iter().flatten().flat_map(|batch| &batch.arrivals);
    arrivals().for_each(|arrival| fold.take(&arrival.decision));
    let wanted = fold.into_items();
    let found = scan(&tables, &TABLES).await.map_err(|failure| classify::fault(&failure))?;
    if wanted != found {
        let different = wanted.iter().filter(|(key, item)| found.get(*key) != Some(*item)).count();
        let (wanted, found) = (wanted.len(), found.len());
        return Err(MeasureError::Wrong(format!(
            "the tables hold {found} items where the decisions make {wanted}, {different} of which differ or are missing"
        )));
    }
    let orders = found.keys().filter(|key| key.table == tables::Table::Orders).count();
    Ok(Measured {
        decisions: u64::try_from(arrivals().count()).unwrap_or(u64::MAX),
        orders: u64::try_from(orders).unwrap_or(u64::MAX),
        items: u64::try_from(found.len()).unwrap_or(u64::MAX),
        time,
        status: target.status().status(),
    })
}

async fn write(target: &mut DynamoDb, batches: &[Batch]) -> Result<(), MeasureError> {
    let refused = target.write(batches).await?;
    if let Some(refused) = refused.first() {
        return Err(MeasureError::Wrong(refused.reason.clone()));
    }
    let mut progress: BTreeMap<Partition, Reached> = BTreeMap::new();
    for batch in batches {
        let reached = progress.entry(batch.partition).or_default();
        *reached = (*reached).max(batch.reached());
    }
    let progress: Vec<_> =
        progress.into_iter().filter(|(_, reached)| reached.sequence > Sequence(0)).collect();
    Ok(target.advance(&progress).await?)
}
