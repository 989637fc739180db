//! Writing what a comparison said has to be written.

use order_model::{Partition, Sequence};
use sink::Reached;
use sink_clickhouse::{Database, DerivedDifference};
use sink_dynamodb::{Repair, forget_progress, note_progress, repair};
use tables::{Tables, Verdict};

use crate::{Difference, Ground, ReconcileError, Reconciliation, Runs, Store};

/// What mending did.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Mended {
    /// Differences mended.
    pub mended: u64,
    /// Items that have changed since they were compared, and were left alone; progress that waits for what is left.
    pub left: u64,
    /// Items that DynamoDB will not have, each with its reason.
    pub refused: Vec<String>,
}

/// Mends what was found to differ, and nothing else. May be repeated. Changes nothing when not all decisions of the log are
/// known: what they made would look like too much.
pub async fn mend(ground: &Ground, found: &Reconciliation) -> Result<Mended, ReconcileError> {
    if !found.is_whole() {
        return Err(ReconcileError::NotWhole { gaps: found.gaps, unreadable: found.unreadable });
    }
    let mut mended = Mended::default();
    if let Some((tables, _)) = &ground.tables {
        mend_items(tables, found, &mut mended).await?;
    }
    if let Some(database) = &ground.clickhouse {
        mend_rows(database, found, &mut mended).await?;
    }
    Ok(mended)
}

async fn mend_items(
    tables: &Tables,
    found: &Reconciliation,
    mended: &mut Mended,
) -> Result<(), ReconcileError> {
    for difference in &found.differences {
        let Difference::Item { key, wanted, found } = difference else { continue };
        match repair(tables, key, wanted.as_ref(), found.as_ref()).await {
            Ok(Repair::Made) => mended.mended += 1,
            Ok(Repair::Changed) => mended.left += 1,
            Err(failure) if failure.verdict == Verdict::Refused => {
                mended.refused.push(format!("{key}: {failure}"));
            }
            Err(failure) => return Err(failure.into()),
        }
    }
    let is_all = !found.is_cut && mended.left == 0;
    for (partition, wanted) in progress(&found.differences, Store::DynamoDb) {
        // What was refused, the sink has passed as well.
        if is_all && wanted.sequence > Sequence(0) {
            note_progress(tables, partition, wanted).await?;
        } else {
            forget_progress(tables, partition).await?;
        }
        mended.count_progress(is_all);
    }
    Ok(())
}

/// Progress that is wrong goes first and comes back when everything before it is there: without it, the sink writes again
/// what it finds, and loses nothing.
async fn mend_rows(
    database: &Database,
    found: &Reconciliation,
    mended: &mut Mended,
) -> Result<(), ReconcileError> {
    let Reconciliation { differences, is_cut, .. } = found;
    for (partition, _) in progress(differences, Store::ClickHouse) {
        database.forget_progress(partition).await?;
    }
    for (partition, runs) in runs(differences) {
        for (range, rows) in runs {
            mended.mended += range.end() - range.start() + 1;
            database.rewrite(partition, range, &rows).await?;
        }
    }
    for (partition, wanted) in progress(differences, Store::ClickHouse) {
        if !is_cut && wanted.sequence > Sequence(0) {
            database.note_progress(partition, wanted).await?;
        }
        mended.count_progress(!is_cut);
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
        mended.mended += u64::try_from(which.len()).unwrap_or(u64::MAX);
    }
    Ok(())
}

impl Mended {
    fn count_progress(&mut self, is_mended: bool) {
        let counted = if is_mended { &mut self.mended } else { &mut self.left };
        *counted += 1;
    }
}

/// The progress that a store has to have noted, where it has not.
fn progress(differences: &[Difference], of: Store) -> impl Iterator<Item = (Partition, Reached)> {
    differences.iter().filter_map(move |difference| match difference {
        Difference::Progress { store, partition, wanted, .. } if *store == of => Some((*partition, *wanted)),
        _ => None,
    })
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
