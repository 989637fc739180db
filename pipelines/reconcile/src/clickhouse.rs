//! The rows of decisions in ClickHouse against the log, and what it computed from them against the rows.

use std::collections::{BTreeMap, BTreeSet};

use order_model::{OrderId, Partition};
use sink::Arrival;
use sink_clickhouse::{Database, DerivedDifference, Row, differences, row_of, span_of};

use crate::limits::DIFFERENCES_MAX;
use crate::progress::Noted;
use crate::{Difference, ReconcileError, Reconciliation, Store, count};

/// The rows of one partition, compared piece by piece.
pub(crate) struct Rows<'a> {
    database: &'a Database,
    partition: Partition,
    /// The last number compared.
    last: u64,
    compared: u64,
    /// What is wrong, because a row is: not to be named besides.
    spans: BTreeSet<u64>,
    orders: BTreeSet<OrderId>,
    sequences: BTreeSet<u64>,
}

impl<'a> Rows<'a> {
    pub(crate) fn new(database: &'a Database, partition: Partition) -> Self {
        let (spans, orders, sequences) = (BTreeSet::new(), BTreeSet::new(), BTreeSet::new());
        Self { database, partition, last: 0, compared: 0, spans, orders, sequences }
    }

    pub(crate) async fn take(
        &mut self,
        arrivals: &[Arrival],
        result: &mut Reconciliation,
    ) -> Result<(), ReconcileError> {
        let Some(last) = arrivals.last().map(|arrival| arrival.decision.sequence.0) else { return Ok(()) };
        // The sink refuses what can be no row, and goes on.
        let wanted: Vec<Row> = arrivals.iter().filter_map(|arrival| row_of(arrival).ok()).collect();
        self.compared += count(&wanted);
        result.rowless += count(arrivals) - count(&wanted);
        self.compare(last, wanted, result).await
    }

    /// Compares everything from the last number compared up to `last`.
    async fn compare(
        &mut self,
        last: u64,
        wanted: Vec<Row>,
        result: &mut Reconciliation,
    ) -> Result<(), ReconcileError> {
        let mut found = Vec::new();
        let mut first = self.last + 1;
        loop {
            let some = self.database.read_back(self.partition, first..=last).await?;
            let Some(latest) = some.last().map(|row| row.sequence) else { break };
            found.extend(some);
            if latest >= last || found.len() > wanted.len() + DIFFERENCES_MAX {
                break;
            }
            first = latest + 1;
        }
        self.last = last;
        let mut wanted_rows: BTreeMap<u64, Row> = BTreeMap::new();
        let differing = differences(&wanted, &found);
        if !differing.is_empty() {
            wanted_rows.extend(wanted.into_iter().map(|row| (row.sequence, row)));
            let found_orders = found.iter().map(|row| (row.sequence, row.order_id));
            let found_orders: BTreeMap<u64, [u8; 16]> = found_orders.collect();
            for difference in &differing {
                let sequence = difference.sequence;
                let wanted_order = wanted_rows.get(&sequence).map(|row| row.order_id);
                self.orders
                    .extend(wanted_order.iter().chain(found_orders.get(&sequence)).map(|id| OrderId(*id)));
            }
        }
        for difference in differing {
            let sequence = difference.sequence;
            self.spans.insert(span_of(sequence));
            self.sequences.insert(sequence);
            let wanted = wanted_rows.remove(&sequence).map(Box::new);
            name(
                result,
                Difference::Row { partition: self.partition, sequence, kind: difference.kind, wanted },
            );
        }
        Ok(())
    }

    /// Compares what lies beyond the log's last decision, and what was computed up to that one. Says how many rows there have
    /// to be.
    pub(crate) async fn finish(mut self, result: &mut Reconciliation) -> Result<u64, ReconcileError> {
        let upto = self.last;
        self.compare(u64::MAX - 1, Vec::new(), result).await?;
        for which in self.database.derived_differences_upto(self.partition, upto).await? {
            let is_named = match which {
                DerivedDifference::Span { span, .. } => self.spans.contains(&span),
                DerivedDifference::Order(order) => self.orders.contains(&order),
                DerivedDifference::Listing(sequence) => self.sequences.contains(&sequence),
            };
            if !is_named {
                name(result, Difference::Derived { partition: self.partition, which });
            }
        }
        Ok(self.compared)
    }
}

/// Partitions of the table that the log has not.
pub(crate) async fn partitions_beyond(
    database: &Database,
    partitions: u32,
    result: &mut Reconciliation,
) -> Result<(), ReconcileError> {
    for (partition, _) in database.partitions().await? {
        if partition.0 >= partitions {
            let found = database.noted_progress(partition).await?;
            Rows::new(database, partition).finish(result).await?;
            result.differences.extend(Noted::new(Store::ClickHouse, partition, found).difference(0));
        }
    }
    Ok(())
}

fn name(result: &mut Reconciliation, difference: Difference) {
    let is_ours = |difference: &&Difference| difference.store() == "clickhouse";
    if result.differences.iter().filter(is_ours).count() < DIFFERENCES_MAX {
        result.differences.push(difference);
    } else {
        result.is_cut = true;
    }
}
