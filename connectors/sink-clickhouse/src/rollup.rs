//! The roll-ups of a span, added up as its decisions come in. Pure.
//!
//! A span's rows are a function of a prefix of its decisions, whoever adds them up and in however many steps. The statements
//! of [`crate::derive`] compute the same from the table; tests hold one against the other.

use std::collections::BTreeMap;

use hashbrown::HashMap;
use order_model::{LineState, Stock};

use crate::derive::span_of;
use crate::limits::SPAN_DECISIONS;
use crate::native::{Fields, KINDS, REASONS, put_string};
use crate::row::{Row, RowLine, STATE_NONE};
use crate::tables::{ROLLUP_LINES, ROLLUP_ORDERS, ROLLUP_STOCK, Table};

/// A span, as far as its decisions have come.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Span {
    partition: u32,
    /// Which one, from 0.
    number: u64,
    /// The last of its decisions that is added up, or is no row; one less than its first if there is none.
    upto: u64,
    orders: HashMap<OrderKey, OrderSums>,
    /// SKUs by their place in `skus`.
    places: HashMap<String, usize>,
    skus: Vec<String>,
    lines: HashMap<(usize, OrderKey), LineSums>,
    stock: HashMap<(usize, u32), StockEnd>,
}

#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
struct OrderKey {
    /// In seconds, as the engine has it: without what does not fit.
    minute: u32,
    kind: u8,
    reason: u16,
    currency: [u8; 3],
}

/// Sums are those of the engine, which wrap.
#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct OrderSums {
    decisions: u64,
    total: i64,
    tax: i64,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct LineSums {
    lines: u64,
    units_asked: i64,
    units: i64,
    amount: i64,
    awaited: u64,
}

#[derive(Clone, Copy, PartialEq, Eq, Default, Debug)]
struct StockEnd {
    sequence: u64,
    stock: Stock,
    none_free_at: Option<u64>,
    sold_out_at: Option<u64>,
}

impl Span {
    /// The span of a decision, none of its decisions added up.
    pub(crate) fn of(partition: u32, sequence: u64) -> Self {
        let number = span_of(sequence);
        Self {
            partition,
            number,
            upto: number * SPAN_DECISIONS,
            orders: HashMap::new(),
            places: HashMap::new(),
            skus: Vec::new(),
            lines: HashMap::new(),
            stock: HashMap::new(),
        }
    }

    /// Its last decision.
    fn end(&self) -> u64 {
        (self.number + 1) * SPAN_DECISIONS
    }

    /// The decision its first one comes after.
    pub(crate) fn follows(&self) -> u64 {
        self.number * SPAN_DECISIONS
    }

    /// Rows it gives: its size.
    fn rows(&self) -> usize {
        self.orders.len() + self.lines.len() + self.stock.len()
    }

    /// With all of its decisions up to number `upto`, which `rows` are, none having been added before.
    pub(crate) fn begun(mut self, rows: &[Row], upto: u64) -> Self {
        rows.iter().for_each(|row| self.add(row));
        self.upto = upto;
        self
    }

    /// Adds up to the decision `upto`, of which `rows` are those that come after the last one added, all of this partition:
    /// the spans there are then, of which the last one may go on.
    pub(crate) fn and(self, rows: &[Row], upto: u64) -> Vec<Self> {
        let mut spans = vec![self];
        for row in rows {
            match spans.last_mut() {
                Some(span) if row.sequence <= span.end() => span.add(row),
                last => {
                    last.into_iter().for_each(|span| span.upto = span.end());
                    let mut span = Self::of(row.partition, row.sequence);
                    span.add(row);
                    spans.push(span);
                }
            }
        }
        if let Some(span) = spans.last_mut() {
            span.upto = span.upto.max(upto.min(span.end()));
        }
        spans
    }

    fn add(&mut self, row: &Row) {
        self.upto = row.sequence;
        let seconds = row.time_ms / 1_000;
        let minute = u32::try_from((seconds - seconds % 60) & u64::from(u32::MAX)).unwrap_or_default();
        let key = OrderKey { minute, kind: row.kind, reason: row.reason, currency: row.currency };
        let sums = self.orders.entry(key).or_default();
        sums.decisions += 1;
        sums.total = sums.total.wrapping_add(row.total);
        sums.tax = sums.tax.wrapping_add(row.tax);
        for line in &row.lines {
            let place = self.place(&line.sku);
            if line.state != STATE_NONE {
                self.lines.entry((place, key)).or_default().add(line);
            }
            if let Some(stock) = line.stock {
                self.stock.entry((place, minute)).or_default().add(row, stock);
            }
        }
    }

    fn place(&mut self, sku: &str) -> usize {
        if let Some(place) = self.places.get(sku) {
            return *place;
        }
        let place = self.skus.len();
        self.skus.push(sku.to_owned());
        self.places.insert(sku.to_owned(), place);
        place
    }

    fn version(&self) -> u32 {
        u32::try_from(self.upto - self.follows()).unwrap_or(u32::MAX)
    }

    fn sku(&self, place: usize) -> &str {
        self.skus.get(place).map(String::as_str).unwrap_or_default()
    }
}

impl LineSums {
    fn add(&mut self, line: &RowLine) {
        let units = i64::from(line.quantity);
        self.lines += 1;
        self.units_asked = self.units_asked.wrapping_add(units);
        if line.state == LineState::Taken.number() {
            self.units = self.units.wrapping_add(units);
            self.amount = self.amount.wrapping_add(line.unit_price.wrapping_mul(units));
        }
        self.awaited += u64::from(line.state == LineState::Awaited.number());
    }
}

impl StockEnd {
    fn add(&mut self, row: &Row, stock: Stock) {
        // Of two lines of one decision, the first one tells.
        if row.sequence > self.sequence {
            (self.sequence, self.stock) = (row.sequence, stock);
        }
        let first = |at: Option<u64>| Some(at.map_or(row.time_ms, |at| at.min(row.time_ms)));
        if stock.free == 0 && (stock.held > 0 || stock.sold > 0) {
            self.none_free_at = first(self.none_free_at);
        }
        if stock.free == 0 && stock.held == 0 && stock.sold > 0 {
            self.sold_out_at = first(self.sold_out_at);
        }
    }
}

/// The spans that partitions are in the middle of, as the last write left them.
#[derive(Debug)]
pub(crate) struct Open {
    spans: BTreeMap<u32, Span>,
    rows_max: usize,
}

impl Open {
    /// Keeps spans of so many rows.
    pub(crate) fn new(rows_max: usize) -> Self {
        Self { spans: BTreeMap::new(), rows_max }
    }

    /// The span of a partition, if it is added up to this decision and no further.
    pub(crate) fn upto(&self, partition: u32, sequence: u64) -> Option<&Span> {
        self.spans.get(&partition).filter(|span| span.upto == sequence)
    }

    /// Keeps the last of the spans of each partition. All are forgotten when they are too many, those of partitions that
    /// went elsewhere with them: what is forgotten can be added up again from the table.
    pub(crate) fn keep(&mut self, spans: Vec<Span>) {
        self.spans.extend(spans.into_iter().map(|span| (span.partition, span)));
        if self.spans.values().map(Span::rows).sum::<usize>() > self.rows_max {
            self.spans.clear();
        }
    }
}

/// A roll-up, and the blocks that spans give of it.
#[derive(Clone, Copy)]
pub(crate) struct RollUp {
    pub(crate) table: &'static Table,
    pub(crate) blocks: fn(&[Span]) -> Vec<Vec<u8>>,
}

/// The roll-ups.
pub(crate) static ROLL_UPS: [RollUp; 3] = [
    RollUp { table: &ROLLUP_ORDERS, blocks: orders },
    RollUp { table: &ROLLUP_LINES, blocks: lines },
    RollUp { table: &ROLLUP_STOCK, blocks: stock },
];

fn orders(spans: &[Span]) -> Vec<Vec<u8>> {
    let rows = spans.iter().flat_map(|span| span.orders.iter().map(move |row| (span, row)));
    blocks_of(&ROLLUP_ORDERS, rows, |fields: &mut Fields<10>, (span, (key, sums))| {
        let [partition, number, minute, kind, reason, currency, decisions, total, tax, version] =
            &mut fields.buffers;
        put_span(span, [partition, number, version]);
        put_key(key, [minute, kind, reason, currency]);
        decisions.extend_from_slice(&sums.decisions.to_le_bytes());
        total.extend_from_slice(&sums.total.to_le_bytes());
        tax.extend_from_slice(&sums.tax.to_le_bytes());
    })
}

fn lines(spans: &[Span]) -> Vec<Vec<u8>> {
    let rows = spans.iter().flat_map(|span| span.lines.iter().map(move |row| (span, row)));
    blocks_of(&ROLLUP_LINES, rows, |fields: &mut Fields<13>, (span, ((place, key), sums))| {
        let [
            partition,
            number,
            minute,
            sku,
            kind,
            reason,
            currency,
            lines,
            units_asked,
            units,
            amount,
            awaited,
            version,
        ] = &mut fields.buffers;
        put_span(span, [partition, number, version]);
        put_string(sku, span.sku(*place));
        put_key(key, [minute, kind, reason, currency]);
        lines.extend_from_slice(&sums.lines.to_le_bytes());
        units_asked.extend_from_slice(&sums.units_asked.to_le_bytes());
        units.extend_from_slice(&sums.units.to_le_bytes());
        amount.extend_from_slice(&sums.amount.to_le_bytes());
        awaited.extend_from_slice(&sums.awaited.to_le_bytes());
    })
}

fn stock(spans: &[Span]) -> Vec<Vec<u8>> {
    let rows = spans.iter().flat_map(|span| span.stock.iter().map(move |row| (span, row)));
    blocks_of(&ROLLUP_STOCK, rows, |fields: &mut Fields<12>, (span, ((place, at), end))| {
        let [
            partition,
            number,
            minute,
            sku,
            sequence,
            free,
            held,
            sold,
            waiting,
            none_free_at,
            sold_out_at,
            version,
        ] = &mut fields.buffers;
        put_span(span, [partition, number, version]);
        minute.extend_from_slice(&at.to_le_bytes());
        put_string(sku, span.sku(*place));
        sequence.extend_from_slice(&end.sequence.to_le_bytes());
        free.extend_from_slice(&end.stock.free.to_le_bytes());
        held.extend_from_slice(&end.stock.held.to_le_bytes());
        sold.extend_from_slice(&end.stock.sold.to_le_bytes());
        waiting.extend_from_slice(&end.stock.waiting.to_le_bytes());
        none_free_at.extend_from_slice(&end.none_free_at.unwrap_or_default().to_le_bytes());
        sold_out_at.extend_from_slice(&end.sold_out_at.unwrap_or_default().to_le_bytes());
    })
}

fn blocks_of<const N: usize, R>(
    table: &Table,
    rows: impl Iterator<Item = R>,
    put: impl Fn(&mut Fields<N>, R),
) -> Vec<Vec<u8>> {
    let columns = table.columns();
    let mut fields = Fields::default();
    let mut blocks = Vec::new();
    for row in rows {
        put(&mut fields, row);
        fields.rows += 1;
        if fields.is_full() {
            blocks.push(fields.take(&columns));
        }
    }
    if fields.rows > 0 {
        blocks.push(fields.take(&columns));
    }
    blocks
}

fn put_span(span: &Span, [partition, number, version]: [&mut Vec<u8>; 3]) {
    partition.extend_from_slice(&span.partition.to_le_bytes());
    number.extend_from_slice(&span.number.to_le_bytes());
    version.extend_from_slice(&span.version().to_le_bytes());
}

fn put_key(key: &OrderKey, [minute, kind, reason, currency]: [&mut Vec<u8>; 4]) {
    minute.extend_from_slice(&key.minute.to_le_bytes());
    kind.push(KINDS.index(key.kind.into()));
    reason.push(REASONS.index(key.reason));
    currency.extend_from_slice(&key.currency);
}

#[cfg(test)]
mod tests {
    use order_model::Partition;

    use super::*;
    use crate::backlog::Backlog;
    use crate::row::row_of;

    fn rows() -> Vec<Row> {
        let backlog = Backlog { partitions: 1, listings: 3, decisions: 20_000 };
        let arrivals = backlog.batch(Partition(0), 0, u64::MAX).arrivals;
        arrivals.iter().map(|arrival| row_of(arrival).unwrap()).collect()
    }

    #[test]
    fn spans_are_the_same_in_however_many_steps_they_are_added_up() {
        let rows = rows();
        let whole = Span::of(0, 1).and(&rows, 20_000);
        assert_eq!(whole.iter().map(Span::version).collect::<Vec<_>>(), [8_192, 8_192, 20_000 - 2 * 8_192]);
        for cut in [1, 5_000, 8_191, 8_192, 8_193, 16_384, 19_999] {
            let (before, after) = rows.split_at(cut);
            let cut = u64::try_from(cut).unwrap();
            let mut spans = Span::of(0, 1).and(before, cut);
            let first = Span::of(0, cut + 1);
            let begun = if first.follows() == cut { first } else { spans.pop().unwrap() };
            spans.extend(begun.and(after, 20_000));
            assert_eq!(spans, whole, "cut after {cut}");
            let from = usize::try_from(Span::of(0, cut).follows()).unwrap();
            assert_eq!(
                [Span::of(0, cut).begun(&before[from..], cut)],
                Span::of(0, cut).and(&before[from..], cut)[..]
            );
        }
    }

    #[test]
    fn decisions_without_rows_are_counted_in_the_version() {
        let rows = rows();
        let version = |rows: &[Row], upto| -> Vec<_> {
            Span::of(0, 1).and(rows, upto).iter().map(Span::version).collect()
        };
        assert_eq!(version(&rows[..100], 120), [120]);
        assert_eq!(version(&[], 120), [120]);
        assert_eq!(version(&[&rows[..100], &rows[9_000..9_010]].concat(), 9_020), [8_192, 9_020 - 8_192]);
        assert_eq!(version(&rows[..100], 9_000), [8_192], "of the next span there is nothing to tell");
    }

    #[test]
    fn open_spans_go_on_where_they_end_and_are_bounded() {
        let span = |partition, upto: u64| Span::of(partition, 1).begun(&rows()[..10], upto);
        let mut open = Open::new(2 * span(0, 10).rows());
        open.keep(vec![span(0, 10), span(1, 12)]);
        assert_eq!(open.upto(0, 10), Some(&span(0, 10)));
        assert_eq!((open.upto(0, 9), open.upto(0, 11), open.upto(2, 10)), (None, None, None));
        open.keep(vec![span(1, 13)]);
        assert_eq!((open.upto(1, 12), open.upto(1, 13)), (None, Some(&span(1, 13))));
        open.keep(vec![span(2, 10)]);
        assert_eq!(open.spans.len(), 0, "too many");
    }
}
