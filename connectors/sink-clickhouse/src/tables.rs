//! The computed tables: their names, and the columns that are written, in the order in which they are.

use crate::columns::Column;

/// A computed table.
#[derive(PartialEq, Eq, Debug)]
pub(crate) struct Table {
    pub(crate) name: &'static str,
    /// Names and types.
    columns: &'static [(&'static str, &'static str)],
}

impl Table {
    pub(crate) fn columns(&self) -> Vec<Column> {
        let column =
            |(name, kind): &(&str, &str)| Column { name: (*name).to_owned(), kind: (*kind).to_owned() };
        self.columns.iter().map(column).collect()
    }

    /// The names of the columns, as in a statement.
    pub(crate) fn names(&self) -> String {
        let names: Vec<_> = self.columns.iter().map(|(name, _)| *name).collect();
        names.join(", ")
    }
}

/// What became of each order.
pub(crate) static ORDER_FACTS: Table = Table {
    name: "order_facts",
    columns: &[
        ("order_id", "UUID"),
        ("partition", "UInt32"),
        ("customer", "SimpleAggregateFunction(max, UUID)"),
        ("currency", "SimpleAggregateFunction(max, FixedString(3))"),
        ("skus", "SimpleAggregateFunction(max, Array(String))"),
        ("seen", "SimpleAggregateFunction(groupBitOr, UInt32)"),
        ("first_sequence", "SimpleAggregateFunction(min, UInt64)"),
        ("last", "SimpleAggregateFunction(max, UInt64)"),
        ("reason", "SimpleAggregateFunction(max, LowCardinality(String))"),
        ("total", "SimpleAggregateFunction(max, Int64)"),
        ("tax", "SimpleAggregateFunction(max, Int64)"),
        ("placed_at", "SimpleAggregateFunction(min, DateTime64(3, 'UTC'))"),
        ("waiting_at", "SimpleAggregateFunction(max, DateTime64(3, 'UTC'))"),
        ("held_at", "SimpleAggregateFunction(max, DateTime64(3, 'UTC'))"),
        ("ended_at", "SimpleAggregateFunction(max, DateTime64(3, 'UTC'))"),
        ("deadline", "SimpleAggregateFunction(max, DateTime64(3, 'UTC'))"),
    ],
};

/// Decisions and money, by minute.
pub(crate) static ROLLUP_ORDERS: Table = Table {
    name: "rollup_orders",
    columns: &[
        ("partition", "UInt32"),
        ("span", "UInt64"),
        ("minute", "DateTime('UTC')"),
        ("kind", "LowCardinality(String)"),
        ("reason", "LowCardinality(String)"),
        ("currency", "FixedString(3)"),
        ("decisions", "UInt64"),
        ("total", "Int64"),
        ("tax", "Int64"),
        ("version", "UInt32"),
    ],
};

/// Lines, by SKU and minute.
pub(crate) static ROLLUP_LINES: Table = Table {
    name: "rollup_lines",
    columns: &[
        ("partition", "UInt32"),
        ("span", "UInt64"),
        ("minute", "DateTime('UTC')"),
        ("sku", "String"),
        ("kind", "LowCardinality(String)"),
        ("reason", "LowCardinality(String)"),
        ("currency", "FixedString(3)"),
        ("line_count", "UInt64"),
        ("units_asked", "Int64"),
        ("units", "Int64"),
        ("amount", "Int64"),
        ("awaited", "UInt64"),
        ("version", "UInt32"),
    ],
};

/// Stock at the end of each minute.
pub(crate) static ROLLUP_STOCK: Table = Table {
    name: "rollup_stock",
    columns: &[
        ("partition", "UInt32"),
        ("span", "UInt64"),
        ("minute", "DateTime('UTC')"),
        ("sku", "String"),
        ("sequence", "UInt64"),
        ("free", "UInt32"),
        ("held", "UInt32"),
        ("sold", "UInt32"),
        ("waiting", "UInt32"),
        ("none_free_at", "DateTime64(3, 'UTC')"),
        ("sold_out_at", "DateTime64(3, 'UTC')"),
        ("version", "UInt32"),
    ],
};

/// Those the sink itself writes.
pub(crate) static WRITTEN: [&Table; 4] = [&ORDER_FACTS, &ROLLUP_ORDERS, &ROLLUP_LINES, &ROLLUP_STOCK];
