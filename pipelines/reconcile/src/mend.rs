//! Writing what a comparison said has to be written.

use order_model::Partition;
use sink_clickhouse::{Database, DerivedDifference};
use sink_dynamodb::{Repair, repair};

use crate::{Difference, Ground, ReconcileError, Runs};

/// What mending did.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Mended {
    /// Differences mended.
    pub mended: u64,
    /// Items that have changed since they were compared, and were left alone.
    pub left: u64,
}

/// Mends `differences`, and nothing else. May be repeated.
pub async fn mend(ground: &Ground, differences: &[Difference]) -> Result<Mended, ReconcileError> {
    let mut mended = Mended::default();
    if let Some((tables, _)) = &ground.tables {
        for difference in differences {
            let Difference::Item { key, wanted, found } = difference else { continue };
            match repair(tables, key, wanted.as_ref(), found.as_ref()).await? {
                Repair::Made => mended.mended += 1,
                Repair::Changed => mended.left += 1,
            }
        }
    }
    if let Some(database) = &ground.clickhouse {
        mended.mended += mend_rows(database, differences).await?;
    }
    Ok(mended)
}

async fn mend_rows(database: &Database, differences: &[Difference]) -> Result<u64, ReconcileError> {
    let mut mended = 0;
    for (partition, runs) in runs(differences) {
        for (range, rows) in runs {
            mended += range.end() - range.start() + 1;
            database.rewrite(partition, range, &rows).await?;
        }
    }
    let mut derived: Vec<(Partition, DerivedDifference)> = Vec::new();
    derived.extend(differences.iter().filter_map(|difference| match difference {
        Difference::Derived { partition, which } => Some((*partition, *which)),
        _ => None,
    }));
    derived.sort_unstable();
    for of_partition in derived.chunk_by(|a, b| a.0 == b.0) {
        let Some((partition, _)) = of_partition.first() else { continue };
        let which: Vec<_> = of_partition.iter().map(|(_, which)| *which).collect();
        database.rebuild(*partition, &which).await?;
        mended += u64::try_from(which.len()).unwrap_or(u64::MAX);
    }
    Ok(mended)
}

/// Rows that follow each other, together: each rewriting computes a span anew.
fn runs(differences: &[Difference]) -> Runs {
    let mut runs = Runs::new();
    for difference in differences {
        let Difference::Row { partition, sequence, wanted, .. } = difference else { continue };
        let runs = runs.entry(*partition).or_default();
        let row = wanted.as_deref().cloned();
        match runs.last_mut() {
            Some((range, rows)) if range.end() + 1 == *sequence => {
                *range = *range.start()..=*sequence;
                rows.extend(row);
            }
            _ => runs.push((*sequence..=*sequence, row.into_iter().collect())),
        }
    }
    runs
}
