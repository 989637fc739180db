//! Rows of `decisions_raw` as blocks. Pure.

use crate::columns::columns;
use crate::native::{Fields, count, put_string, put_uuid};
use crate::row::{Row, RowLine};

/// Which version of this sink wrote a row. Raised when the same decision is written in another way: the engine keeps the
/// row with the highest, so that an older sink still running does not put its rows back.
pub(crate) const ENCODING: u8 = 1;

/// A block of decisions under construction.
#[derive(Debug, Default)]
pub struct Block(Fields<29>);

impl Block {
    /// An empty block.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many rows it has.
    pub fn rows(&self) -> usize {
        self.0.rows
    }

    /// Whether it has none.
    pub fn is_empty(&self) -> bool {
        self.0.rows == 0
    }

    /// Whether it should be sent before another row is added.
    pub fn is_full(&self) -> bool {
        self.0.is_full()
    }

    /// Adds a row.
    pub fn push(&mut self, row: &Row) {
        self.0.rows += 1;
        self.0.elements += count(row.lines.len());
        let ends = self.0.elements;
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
        ] = &mut self.0.buffers;
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
        self.0.take(&columns())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::{BLOCK_BYTES_TARGET, BLOCK_ROWS_MAX};

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
        assert!(block.is_empty() && block.0.bytes() == 0);
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
