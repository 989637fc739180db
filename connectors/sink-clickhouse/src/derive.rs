//! The statements that compute the derived tables from the deduplicated decisions. Pure.
//!
//! The sink itself adds up what it writes ([`crate::rollup`], [`crate::facts`]); these are for comparing and mending, and
//! know nothing of that. Each is safe to run any number of times, at any time, by anybody: a roll-up row is a function of
//! how many decisions of its span there were, and the higher number wins; the columns of `order_facts` are maxima, minima
//! and unions.

use crate::client::WRITE_SETTINGS;
use crate::limits::SPAN_DECISIONS;
use crate::tables::{ORDER_FACTS, ROLLUP_LINES, ROLLUP_ORDERS, ROLLUP_STOCK, Table};

/// Decisions of one ledger from one number up to another, both included. Everything before `upto` is in the table.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Stretch {
    pub(crate) partition: u32,
    pub(crate) first: u64,
    pub(crate) upto: u64,
}

/// The span a decision is in, from 0.
pub fn span_of(sequence: u64) -> u64 {
    sequence.saturating_sub(1) / SPAN_DECISIONS
}

impl Stretch {
    pub(crate) fn filter(&self) -> String {
        format!("(partition = {} AND sequence BETWEEN {} AND {})", self.partition, self.first, self.upto)
    }

    /// Back to the beginning of the first span.
    fn since_span(self) -> Self {
        Self { first: span_of(self.first) * SPAN_DECISIONS + 1, ..self }
    }
}

/// A filter for all of them.
pub(crate) fn filter(stretches: &[Stretch]) -> String {
    let filters: Vec<_> = stretches.iter().map(Stretch::filter).collect();
    filters.join(" OR ")
}

/// A table computed span by span.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Rollup {
    pub(crate) table: &'static Table,
    select: &'static str,
    source: &'static str,
    keys: &'static str,
}

/// The roll-ups.
pub(crate) static ROLLUPS: [Rollup; 3] = [
    Rollup {
        table: &ROLLUP_ORDERS,
        select: "toString(kind) AS k, toString(reason) AS r, currency, count(), sum(total), sum(tax)",
        source: "",
        keys: "k, r, currency",
    },
    Rollup {
        table: &ROLLUP_LINES,
        select: "line.sku AS sku, toString(kind) AS k, toString(reason) AS r, currency, count(), \
                 sum(toInt64(line.quantity)), sumIf(toInt64(line.quantity), line.state = 'taken'), \
                 sumIf(line.unit_price * line.quantity, line.state = 'taken'), countIf(line.state = 'awaited')",
        source: "ARRAY JOIN lines AS line WHERE line.state != 'none' AND",
        keys: "sku, k, r, currency",
    },
    Rollup {
        table: &ROLLUP_STOCK,
        select: "line.sku AS sku, max(sequence), argMax(line.free, sequence), argMax(line.held, sequence), \
                 argMax(line.sold, sequence), argMax(line.waiting, sequence), \
                 minIf(time, line.free = 0 AND line.held + line.sold > 0), \
                 minIf(time, line.free = 0 AND line.held = 0 AND line.sold > 0)",
        source: "ARRAY JOIN lines AS line WHERE line.has_stock AND",
        keys: "sku",
    },
];

impl Rollup {
    /// The rows of the spans that the stretch touches, the last up to its end.
    pub(crate) fn select(&self, stretch: Stretch) -> String {
        let Self { select, source, keys, .. } = self;
        let source = if source.is_empty() { "WHERE" } else { source };
        format!(
            "SELECT partition, toUInt64(intDiv(sequence - 1, {SPAN_DECISIONS})) AS span, toStartOfMinute(time) AS minute, {select}, \
             toUInt32(least(toUInt64({SPAN_DECISIONS}), toUInt64({upto}) - span * {SPAN_DECISIONS})) AS version \
             FROM decisions_raw FINAL {source} ({filter}) GROUP BY partition, span, minute, {keys}",
            upto = stretch.upto,
            filter = stretch.since_span().filter(),
        )
    }

    /// Computes them anew.
    pub(crate) fn insert(&self, stretch: Stretch) -> String {
        let (Table { name, .. }, names, select) = (self.table, self.table.names(), self.select(stretch));
        format!("INSERT INTO {name} ({names}) {select} SETTINGS {WRITE_SETTINGS}")
    }
}

/// The kinds of decisions an order's home makes about the order itself.
const ORDER_KINDS: &str = "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 17";

/// What each decision under `filter` tells about its order, one row a decision.
fn order_rows(filter: &str) -> String {
    let at = |kinds: &str| format!("if(toInt8(d.kind) IN ({kinds}), d.time, toDateTime64(0, 3, 'UTC'))");
    format!(
        "SELECT d.order_id AS order_id, d.partition AS partition, d.customer AS customer, d.currency AS currency, \
         d.lines.sku AS skus, bitShiftLeft(toUInt32(1), toUInt8(d.kind)) AS seen, d.sequence AS first_sequence, \
         bitShiftLeft(d.sequence, 8) + toUInt8(d.kind) AS last, toString(d.reason) AS reason, d.total AS total, \
         d.tax AS tax, d.time AS placed_at, {waiting} AS waiting_at, {held} AS held_at, {ended} AS ended_at, \
         d.deadline AS deadline FROM decisions_raw AS d FINAL WHERE toInt8(d.kind) IN ({ORDER_KINDS}) AND ({filter})",
        waiting = at("3"),
        held = at("2"),
        ended = at("4, 6, 7, 8, 9, 10"),
    )
}

/// The facts about orders that decisions under `filter` tell, one row an order.
pub(crate) fn order_select(filter: &str) -> String {
    format!(
        "SELECT order_id, partition, max(customer), max(currency), max(skus), groupBitOr(seen), min(first_sequence), \
         max(last), max(reason), max(total), max(tax), min(placed_at), max(waiting_at), max(held_at), max(ended_at), \
         max(deadline) FROM ({}) GROUP BY order_id, partition",
        order_rows(filter)
    )
}

/// Adds what decisions under `filter` tell to `order_facts`.
pub(crate) fn order_insert(filter: &str) -> String {
    let (names, rows) = (ORDER_FACTS.names(), order_rows(filter));
    format!("INSERT INTO order_facts ({names}) {rows} SETTINGS {WRITE_SETTINGS}")
}

/// The columns of `listing_events`.
pub(crate) const LISTING_COLUMNS: &str = "partition, sequence, time, sku, kind, reason, delta, settings_json";

/// The listing events under `filter`.
pub(crate) fn listing_select(filter: &str) -> String {
    format!(
        "SELECT partition, sequence, time, lines[1].sku, toString(kind), toString(reason), delta, settings_json \
         FROM decisions_raw FINAL WHERE toInt8(kind) BETWEEN 65 AND 96 AND ({filter})"
    )
}

/// Copies them.
pub(crate) fn listing_insert(filter: &str) -> String {
    format!(
        "INSERT INTO listing_events ({LISTING_COLUMNS}) {} SETTINGS {WRITE_SETTINGS}",
        listing_select(filter)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_begin_at_one() {
        assert_eq!([0, 1, 8_192, 8_193, 16_384, 16_385].map(span_of), [0, 0, 0, 1, 1, 2]);
        let stretch = Stretch { partition: 3, first: 8_200, upto: 9_000 };
        assert_eq!(stretch.since_span().first, 8_193);
        assert_eq!(
            filter(&[stretch, Stretch { partition: 4, first: 1, upto: 1 }]),
            "(partition = 3 AND sequence BETWEEN 8200 AND 9000) OR (partition = 4 AND sequence BETWEEN 1 AND 1)"
        );
    }
}
