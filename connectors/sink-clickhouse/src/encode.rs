//! Rows as blocks of ClickHouse's Native format: column after column, which the engine reads several times faster than
//! row after row. Pure.

use crate::columns::columns;
use crate::limits::{BLOCK_BYTES_TARGET, BLOCK_ROWS_MAX};
use crate::row::{Row, RowLine};

/// Which version of this sink wrote a row. Raised when the same decision is written in another way: the engine keeps the
/// row with the highest, so that an older sink still running does not put its rows back.
pub(crate) const ENCODING: u8 = 1;

/// A block under construction.
#[derive(Debug, Default)]
pub struct Block {
    rows: usize,
    /// Lines so far: the end of each row's lines is its offset.
    lines: u64,
    columns: [Vec<u8>; FIELDS],
}

/// Buffers: one a column, `lines` having one for the ends of its rows and one a field.
const FIELDS: usize = 29;

impl Block {
    /// An empty block.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.rows
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether it should be sent before another row is added.
    pub fn is_full(&self) -> bool {
        self.rows >= BLOCK_ROWS_MAX || self.bytes() >= BLOCK_BYTES_TARGET
    }

    fn bytes(&self) -> usize {
        self.columns.iter().map(Vec::len).sum()
    }

    /// Adds a row.
    pub fn push(&mut self, row: &Row) {
        self.rows += 1;
        self.lines += u64::try_from(row.lines.len()).unwrap_or(u64::MAX);
        let ends = self.lines;
        let [
            partition,
            sequence,
            decisions_offset,
            orders_offset,
            time,
            recorded_at,
            kind,
            reason,
            order_id,
            customer,
            payment,
            currency,
            total,
            tax,
            deadline,
            line_ends,
            sku,
            quantity,
            state,
            unit_price,
            has_stock,
            free,
            held,
            sold,
            waiting,
            command_id,
            delta,
            settings_json,
            encoding,
        ] = &mut self.columns;
        partition.extend_from_slice(&row.partition.to_le_bytes());
        sequence.extend_from_slice(&row.sequence.to_le_bytes());
        decisions_offset.extend_from_slice(&row.decisions_offset.to_le_bytes());
        orders_offset.extend_from_slice(&row.orders_offset.to_le_bytes());
        time.extend_from_slice(&row.time_ms.to_le_bytes());
        recorded_at.extend_from_slice(&row.recorded_at_ms.to_le_bytes());
        kind.push(row.kind);
        reason.extend_from_slice(&row.reason.to_le_bytes());
        put_uuid(order_id, &row.order_id);
        put_uuid(customer, &row.customer);
        put_uuid(payment, &row.payment);
        currency.extend_from_slice(&row.currency);
        total.extend_from_slice(&row.total.to_le_bytes());
        tax.extend_from_slice(&row.tax.to_le_bytes());
        deadline.extend_from_slice(&row.deadline_ms.to_le_bytes());
        line_ends.extend_from_slice(&ends.to_le_bytes());
        for RowLine { sku: text, quantity: units, state: number, unit_price: price, stock } in &row.lines {
            put_string(sku, text);
            quantity.extend_from_slice(&units.to_le_bytes());
            state.push(*number);
            unit_price.extend_from_slice(&price.to_le_bytes());
            has_stock.push(u8::from(stock.is_some()));
            let stock = stock.unwrap_or_default();
            free.extend_from_slice(&stock.free.to_le_bytes());
            held.extend_from_slice(&stock.held.to_le_bytes());
            sold.extend_from_slice(&stock.sold.to_le_bytes());
            waiting.extend_from_slice(&stock.waiting.to_le_bytes());
        }
        put_uuid(command_id, &row.command_id);
        delta.extend_from_slice(&row.delta.to_le_bytes());
        put_string(settings_json, &row.settings_json);
        encoding.push(ENCODING);
    }

    /// The block's bytes; the block is empty afterwards and keeps its memory.
    pub fn take(&mut self) -> Vec<u8> {
        let columns = columns();
        let mut bytes = Vec::with_capacity(self.bytes() + 8 * 1_024);
        put_length(&mut bytes, columns.len());
        put_length(&mut bytes, self.rows);
        let mut fields = self.columns.iter_mut();
        for column in &columns {
            put_string(&mut bytes, &column.name);
            put_string(&mut bytes, &column.kind);
            let parts = if column.name == "lines" { 10 } else { 1 };
            for field in fields.by_ref().take(parts) {
                bytes.append(field);
            }
        }
        self.rows = 0;
        self.lines = 0;
        bytes
    }
}

/// A UUID is two numbers of 64 bits, the high one first, each with its smallest byte first.
fn put_uuid(bytes: &mut Vec<u8>, id: &[u8; 16]) {
    let id = u128::from_be_bytes(*id).rotate_left(64);
    bytes.extend_from_slice(&id.to_le_bytes());
}

fn put_string(bytes: &mut Vec<u8>, text: &str) {
    put_length(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

/// A length in LEB128.
fn put_length(bytes: &mut Vec<u8>, length: usize) {
    let mut rest = length;
    loop {
        let low = u8::try_from(rest & 0x7f).unwrap_or_default();
        rest >>= 7;
        if rest == 0 {
            bytes.push(low);
            return;
        }
        bytes.push(low | 0x80);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_and_ids() {
        let mut bytes = Vec::new();
        for length in [0, 127, 128, 300] {
            put_length(&mut bytes, length);
        }
        assert_eq!(bytes, [0, 0x7f, 0x80, 1, 0xac, 2]);
        bytes.clear();
        put_uuid(&mut bytes, &std::array::from_fn(|index| u8::try_from(index).unwrap()));
        assert_eq!(bytes, [7, 6, 5, 4, 3, 2, 1, 0, 15, 14, 13, 12, 11, 10, 9, 8]);
    }

    #[test]
    fn a_block_is_empty_after_it_was_taken() {
        let mut block = Block::new();
        assert!(block.is_empty());
        block.push(&Row {
            lines: [RowLine::default(), RowLine::default()].into_iter().collect(),
            ..Row::default()
        });
        assert_eq!(block.rows(), 1);
        let bytes = block.take();
        assert_eq!(bytes.get(..2), Some(&[20, 1][..]), "columns and rows");
        assert!(block.is_empty() && block.bytes() == 0);
        block.push(&Row::default());
        assert_eq!(block.take().len(), bytes.len() - 2 * 31, "two lines fewer");
    }

    #[test]
    fn full_by_rows_and_by_bytes() {
        let mut block = Block::new();
        let settings_json = "x".repeat(BLOCK_BYTES_TARGET);
        block.push(&Row { settings_json, ..Row::default() });
        assert!(block.is_full());
        block.take();
        for _ in 1..BLOCK_ROWS_MAX {
            block.push(&Row::default());
        }
        assert!(!block.is_full());
        block.push(&Row::default());
        assert!(block.is_full());
    }
}
