//! Comparing the tables with the log, and mending them.
//!
//! The log's side is [`crate::row_of`]; the table's is [`Database::read_back`]; [`differences`] compares the two. What
//! is computed from the decisions is compared with what they give now ([`Database::derived_differences_upto`]). Mending
//! writes decisions anew ([`Database::rewrite`]) and computes anew ([`Database::rebuild`]).
//!
//! Not promised: a true comparison while a sink is writing. Drain or pause it first.

use std::ops::RangeInclusive;

use order_model::{Offset, OrderId, Partition, Sequence, TimeMs};
use sink::{Fault, Reached};

use crate::classify::fault;
use crate::client::{Database, WRITE_SETTINGS, of};
use crate::decode::{SELECTED, rows};
use crate::derive::{
    LISTING_COLUMNS, ROLLUPS, Stretch, listing_insert, listing_select, order_insert, order_select, span_of,
};
use crate::limits::{
    DERIVED_DIFFERENCES_MAX, INSERT_ROWS_MAX, ORDERS_PER_STATEMENT_MAX, READ_BACK_ROWS_MAX, SPAN_DECISIONS,
};
use crate::row::Row;
use crate::tables::ORDER_FACTS;

/// A decision that is not in the table as the log has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Difference {
    /// The ledger.
    pub partition: Partition,
    /// The decision.
    pub sequence: u64,
    /// How it differs.
    pub kind: DifferenceKind,
}

/// How a decision in the table differs from the log's.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum DifferenceKind {
    /// The log has it, the table does not.
    Missing,
    /// The table has it, the log does not.
    Extra,
    /// Both have it, and these columns differ.
    Columns(Vec<&'static str>),
}

/// A row of a computed table that the decisions do not give.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum DerivedDifference {
    /// Some row of a span of a roll-up.
    Span {
        /// The roll-up.
        table: &'static str,
        /// The span: 8,192 decisions, from 0.
        span: u64,
    },
    /// An order's row of `order_facts`.
    Order(OrderId),
    /// The row of `listing_events` of the decision with this number.
    Listing(u64),
}

/// Compares rows of one partition, both in the order of their sequence.
pub fn differences(expected: &[Row], found: &[Row]) -> Vec<Difference> {
    let mut differences = Vec::new();
    let (mut expected, mut found) = (expected.iter().peekable(), found.iter().peekable());
    loop {
        let (row, kind) = match (expected.peek(), found.peek()) {
            (None, None) => return differences,
            (Some(row), other) if other.is_none_or(|other| row.sequence < other.sequence) => {
                (expected.next(), DifferenceKind::Missing)
            }
            (Some(row), Some(other)) if row.sequence == other.sequence => {
                let columns = differing(row, other);
                found.next();
                let row = expected.next();
                if columns.is_empty() {
                    continue;
                }
                (row, DifferenceKind::Columns(columns))
            }
            _ => (found.next(), DifferenceKind::Extra),
        };
        differences.extend(row.map(|row| Difference {
            partition: Partition(row.partition),
            sequence: row.sequence,
            kind,
        }));
    }
}

/// The columns in which two rows differ.
fn differing(a: &Row, b: &Row) -> Vec<&'static str> {
    let compared = [
        ("partition", a.partition == b.partition),
        ("decisions_offset", a.decisions_offset == b.decisions_offset),
        ("orders_offset", a.orders_offset == b.orders_offset),
        ("time", a.time_ms == b.time_ms),
        ("recorded_at", a.recorded_at_ms == b.recorded_at_ms),
        ("kind", a.kind == b.kind),
        ("reason", a.reason == b.reason),
        ("order_id", a.order_id == b.order_id),
        ("customer", a.customer == b.customer),
        ("payment", a.payment == b.payment),
        ("currency", a.currency == b.currency),
        ("total", a.total == b.total),
        ("tax", a.tax == b.tax),
        ("deadline", a.deadline_ms == b.deadline_ms),
        ("lines", a.lines == b.lines),
        ("command_id", a.command_id == b.command_id),
        ("delta", a.delta == b.delta),
        ("settings_json", a.settings_json == b.settings_json),
    ];
    compared.iter().filter(|(_, equal)| !equal).map(|(column, _)| *column).collect()
}

impl Database {
    /// The partitions the table has decisions of, and the highest number of each.
    pub async fn partitions(&self) -> Result<Vec<(Partition, u64)>, Fault> {
        let sql = "SELECT partition, max(sequence) FROM decisions_raw GROUP BY partition ORDER BY partition";
        let rows = self.ask_numbers("listing the partitions", sql).await?;
        let partition = |row: &Vec<u64>| {
            let [partition, last] = <[u64; 2]>::try_from(row.as_slice()).ok()?;
            Some((Partition(u32::try_from(partition).ok()?), last))
        };
        Ok(rows.iter().filter_map(partition).collect())
    }

    /// The rows of decisions as the table has them, each once, in order; at most [`READ_BACK_ROWS_MAX`] of them, the first
    /// ones. Ask again from the number after the last.
    pub async fn read_back(
        &self,
        partition: Partition,
        sequences: RangeInclusive<u64>,
    ) -> Result<Vec<Row>, Fault> {
        let (first, last) = sequences.into_inner();
        let sql = format!(
            "SELECT {SELECTED} FROM decisions_raw FINAL WHERE partition = {partition} AND sequence BETWEEN {first} AND \
             {last} ORDER BY sequence LIMIT {READ_BACK_ROWS_MAX}"
        );
        let what = format!("reading decisions of {} back", of(partition));
        let answer = self.ask(&sql, "RowBinary").await.map_err(|error| fault(&what, &error))?;
        rows(&answer).map_err(|error| {
            Fault::Halt(format!(
                "ClickHouse: {what}: {error}; run `pipeline analytics migrate`, or change back what was \
                                 changed by hand"
            ))
        })
    }

    /// What the computed tables say of a partition and its decisions up to this one do not give.
    pub async fn derived_differences_upto(
        &self,
        partition: Partition,
        upto: u64,
    ) -> Result<Vec<DerivedDifference>, Fault> {
        let stretch = Stretch { partition: partition.0, first: 1, upto };
        let mut found = Vec::new();
        for rollup in &ROLLUPS {
            let table = rollup.table.name;
            let sql = unlike("span", table, &rollup.table.names(), partition, &rollup.select(stretch));
            let spans = self.ask_numbers(&format!("comparing table {table}"), &sql).await?;
            let spans = spans.iter().filter_map(|row| row.first());
            found.extend(spans.map(|span| DerivedDifference::Span { table, span: *span }));
        }
        let filter = stretch.filter();
        let sql = unlike("order_id", "order_facts", &ORDER_FACTS.names(), partition, &order_select(&filter));
        let orders = self.ask_ids("comparing table order_facts", &sql).await?;
        found.extend(orders.into_iter().map(|id| DerivedDifference::Order(OrderId(id))));
        let sql = unlike("sequence", "listing_events", LISTING_COLUMNS, partition, &listing_select(&filter));
        let listings = self.ask_numbers("comparing table listing_events", &sql).await?;
        found.extend(
            listings.iter().filter_map(|row| row.first()).map(|number| DerivedDifference::Listing(*number)),
        );
        Ok(found)
    }

    /// Puts `rows` in the place of whatever the table has of these decisions, and computes anew what depends on them.
    /// `rows` are of this partition and this range, in order; without any, the range is emptied.
    pub async fn rewrite(
        &self,
        partition: Partition,
        sequences: RangeInclusive<u64>,
        rows: &[Row],
    ) -> Result<(), Fault> {
        let (first, last) = sequences.into_inner();
        let range = format!("partition = {partition} AND sequence BETWEEN {first} AND {last}");
        let what = format!("rewriting decisions {first} to {last} of {}", of(partition));
        let mut orders = self.orders_in(&range).await?;
        orders.extend(rows.iter().map(|row| OrderId(row.order_id)));
        orders.sort_unstable();
        orders.dedup();
        self.delete("decisions_raw", &range).await?;
        for part in rows.chunks(INSERT_ROWS_MAX) {
            self.insert(part).await.map_err(|error| fault(&what, &error))?;
        }
        self.delete("listing_events", &range).await?;
        self.run(&what, &listing_insert(&range)).await?;
        self.rebuild_spans(partition, span_of(first)..=span_of(last)).await?;
        self.rebuild_orders(partition, &orders).await
    }

    /// Computes anew what was found to differ.
    pub async fn rebuild(
        &self,
        partition: Partition,
        differences: &[DerivedDifference],
    ) -> Result<(), Fault> {
        let mut spans = Vec::new();
        let mut orders = Vec::new();
        for difference in differences {
            match difference {
                DerivedDifference::Span { span, .. } => spans.push(*span),
                DerivedDifference::Order(order) => orders.push(*order),
                DerivedDifference::Listing(sequence) => self.rebuild_listing(partition, *sequence).await?,
            }
        }
        spans.sort_unstable();
        spans.dedup();
        for span in spans {
            self.rebuild_spans(partition, span..=span).await?;
        }
        self.rebuild_orders(partition, &orders).await
    }

    async fn rebuild_listing(&self, partition: Partition, sequence: u64) -> Result<(), Fault> {
        let range = format!("partition = {partition} AND sequence = {sequence}");
        self.delete("listing_events", &range).await?;
        self.run("computing table listing_events", &listing_insert(&range)).await
    }

    async fn rebuild_spans(&self, partition: Partition, spans: RangeInclusive<u64>) -> Result<(), Fault> {
        let (first, last) = spans.into_inner();
        let computed = self.computed(partition).await?;
        let upto = last.saturating_add(1).saturating_mul(SPAN_DECISIONS).min(computed);
        let stretch = Stretch { partition: partition.0, first: first * SPAN_DECISIONS + 1, upto };
        for rollup in &ROLLUPS {
            let table = rollup.table.name;
            let range = format!("partition = {partition} AND span BETWEEN {first} AND {last}");
            self.delete(table, &range).await?;
            if stretch.first <= stretch.upto {
                self.run(&format!("computing table {table}"), &rollup.insert(stretch)).await?;
            }
        }
        Ok(())
    }

    async fn rebuild_orders(&self, partition: Partition, orders: &[OrderId]) -> Result<(), Fault> {
        for part in orders.chunks(ORDERS_PER_STATEMENT_MAX) {
            let ids: Vec<_> = part.iter().map(|order| format!("'{order}'")).collect();
            let range = format!("partition = {partition} AND order_id IN ({})", ids.join(", "));
            self.delete("order_facts", &range).await?;
            self.run("computing table order_facts", &order_insert(&range)).await?;
        }
        Ok(())
    }

    async fn orders_in(&self, range: &str) -> Result<Vec<OrderId>, Fault> {
        let sql = format!("SELECT DISTINCT order_id FROM decisions_raw WHERE {range}");
        let ids = self.ask_ids("listing the orders to compute anew", &sql).await?;
        Ok(ids.into_iter().map(OrderId).collect())
    }

    /// The progress of a partition, if any is noted.
    pub async fn noted_progress(&self, partition: Partition) -> Result<Option<Reached>, Fault> {
        let sql = format!(
            "SELECT max(progress.sequence), max(next_offset) FROM progress WHERE partition = {partition} \
             GROUP BY partition"
        );
        let answer = self.ask_numbers("asking for the progress", &sql).await?;
        Ok(answer.first().and_then(|row| {
            let [sequence, next_offset] = <[u64; 2]>::try_from(row.as_slice()).ok()?;
            Some(Reached { sequence: Sequence(sequence), next_offset: Offset(next_offset) })
        }))
    }

    /// Says that every decision of these partitions with a ledger time before `time` is in the tables, though the last one is
    /// older: for whoever knows that. Without it, the views that end in `_consistent` wait at the last decision of the
    /// quietest partition. A mark before what is known already changes nothing; one after it is not taken back.
    pub async fn mark(&self, partitions: &[Partition], time: TimeMs) -> Result<(), Fault> {
        let row =
            |partition: &Partition| format!("({partition}, 0, 0, 0, fromUnixTimestamp64Milli({}))", time.0);
        let rows: Vec<_> = partitions.iter().map(row).collect();
        self.note("marking partitions", &rows).await
    }

    /// Adds rows to the progress.
    pub(crate) async fn note(&self, what: &str, rows: &[String]) -> Result<(), Fault> {
        if rows.is_empty() {
            return Ok(());
        }
        let sql = format!(
            "INSERT INTO progress (partition, sequence, next_offset, last_row, time) SETTINGS {WRITE_SETTINGS} VALUES {}",
            rows.join(", ")
        );
        self.run(what, &sql).await
    }

    /// Takes the progress of a partition away: the sink then writes its decisions again, which changes nothing.
    pub async fn forget_progress(&self, partition: Partition) -> Result<(), Fault> {
        self.delete("progress", &format!("partition = {partition}")).await
    }

    /// Notes that everything up to there is in the tables, in the place of what was forgotten.
    pub async fn note_progress(&self, partition: Partition, reached: Reached) -> Result<(), Fault> {
        let Reached { sequence, next_offset } = reached;
        let sql = format!(
            "INSERT INTO progress (partition, sequence, next_offset, last_row, time) SELECT {partition}, {sequence}, \
             {next_offset}, max(d.sequence), max(d.time) FROM decisions_raw AS d WHERE d.partition = {partition} AND \
             d.sequence <= {sequence} SETTINGS {WRITE_SETTINGS}"
        );
        self.run("noting the progress", &sql).await
    }

    /// Up to which decision of a partition tables are computed. Progress that is lost, or was not noted yet, says too
    /// little: then it is the last before the first that is missing.
    async fn computed(&self, partition: Partition) -> Result<u64, Fault> {
        let noted = self.noted_progress(partition).await?.unwrap_or_default().sequence.0;
        let sql = format!("SELECT max(sequence) FROM decisions_raw WHERE partition = {partition}");
        let answer = self.ask_numbers("asking for the last decision", &sql).await?;
        let last = answer.first().and_then(|row| row.first()).copied().unwrap_or_default();
        if last <= noted {
            return Ok(noted);
        }
        Ok(self.dense(partition).await?.sequence.0.max(noted))
    }

    /// What can be told from the decisions alone, when they end before the progress that was noted: somebody took rows
    /// away, or put back an older copy of the table.
    pub(crate) async fn dense(&self, partition: Partition) -> Result<Reached, Fault> {
        let sql = format!(
            "SELECT intDiv(sequence - 1, {SPAN_DECISIONS}) AS span, count(), max(sequence), \
             argMax(decisions_offset, sequence) FROM decisions_raw FINAL WHERE partition = {partition} \
             GROUP BY span ORDER BY span"
        );
        let spans = self.ask_numbers("looking for the first decision that is missing", &sql).await?;
        let mut reached = Reached::default();
        for (expected, span) in (0..).zip(&spans) {
            let &[span, count, last, offset] = span.as_slice() else { break };
            if span != expected || last != span * SPAN_DECISIONS + count {
                break;
            }
            reached = Reached { sequence: Sequence(last), next_offset: Offset(offset).next() };
            if count < SPAN_DECISIONS {
                break;
            }
        }
        Ok(reached)
    }

    async fn delete(&self, table: &str, range: &str) -> Result<(), Fault> {
        let sql = format!(
            "DELETE FROM {table} WHERE {range} SETTINGS lightweight_deletes_sync = 2, mutations_sync = 2"
        );
        self.run(&format!("deleting from table {table}"), &sql).await
    }

    async fn run(&self, what: &str, sql: &str) -> Result<(), Fault> {
        self.execute(sql).await.map_err(|error| fault(what, &error))
    }
}

/// A question for the keys under which a table's rows are not what `select` gives. Rows are compared by their hashes: those
/// of both sides cancel each other out.
fn unlike(key: &str, table: &str, columns: &str, partition: Partition, select: &str) -> String {
    format!(
        "SELECT {key} FROM (SELECT {key}, sipHash64({columns}) AS hash FROM {table} FINAL WHERE partition = {partition} \
         UNION ALL SELECT * FROM (SELECT {key}, sipHash64(*) AS hash FROM ({select}))) \
         GROUP BY {key} HAVING groupBitXor(hash) != 0 ORDER BY {key} LIMIT {DERIVED_DIFFERENCES_MAX}"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(sequence: u64, total: i64) -> Row {
        Row { partition: 3, sequence, total, ..Row::default() }
    }

    #[test]
    fn each_difference_is_named_once() {
        let expected = [row(1, 10), row(2, 20), row(3, 30), row(5, 50)];
        let found = [row(2, 20), row(3, 31), row(4, 40), row(5, 50), row(6, 60)];
        let named: Vec<_> = differences(&expected, &found)
            .into_iter()
            .map(|difference| (difference.sequence, difference.kind))
            .collect();
        assert_eq!(
            named,
            [
                (1, DifferenceKind::Missing),
                (3, DifferenceKind::Columns(vec!["total"])),
                (4, DifferenceKind::Extra),
                (6, DifferenceKind::Extra),
            ]
        );
        assert_eq!(differences(&expected, &expected), []);
        assert_eq!(differences(&[], &[]), []);
    }
}
