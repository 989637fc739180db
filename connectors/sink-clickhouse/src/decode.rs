//! Rows as the engine hands them out in its RowBinary format: row after row, column after column. Pure.

use order_model::Stock;
use smallvec::SmallVec;

use crate::row::{Row, RowLine};

/// Bytes that are no rows of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the answer is no row of `decisions_raw` from byte {0} on")]
pub(crate) struct DecodeError(usize);

/// What to select so that [`rows`] can read it.
pub(crate) const SELECTED: &str = "partition, sequence, decisions_offset, orders_offset, time, recorded_at, kind, reason, \
     order_id, customer, payment, currency, total, tax, deadline, lines, command_id, delta, settings_json";

/// All rows of an answer.
pub(crate) fn rows(answer: &[u8]) -> Result<Vec<Row>, DecodeError> {
    let mut reader = Reader { rest: answer };
    let mut rows = Vec::new();
    while !reader.rest.is_empty() {
        let at = answer.len() - reader.rest.len();
        rows.push(row(&mut reader).ok_or(DecodeError(at))?);
    }
    Ok(rows)
}

fn row(reader: &mut Reader<'_>) -> Option<Row> {
    Some(Row {
        partition: u32::from_le_bytes(reader.take()?),
        sequence: reader.number()?,
        decisions_offset: reader.number()?,
        orders_offset: reader.number()?,
        time_ms: reader.number()?,
        recorded_at_ms: reader.number()?,
        kind: u8::from_le_bytes(reader.take()?),
        reason: u16::from_le_bytes(reader.take()?),
        order_id: reader.uuid()?,
        customer: reader.uuid()?,
        payment: reader.uuid()?,
        currency: reader.take()?,
        total: i64::from_le_bytes(reader.take()?),
        tax: i64::from_le_bytes(reader.take()?),
        deadline_ms: reader.number()?,
        lines: reader.lines()?,
        command_id: reader.uuid()?,
        delta: i64::from_le_bytes(reader.take()?),
        settings_json: reader.text()?,
    })
}

pub(crate) struct Reader<'a> {
    pub(crate) rest: &'a [u8],
}

impl Reader<'_> {
    pub(crate) fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.rest.split_first_chunk::<N>()?;
        self.rest = rest;
        Some(*bytes)
    }

    pub(crate) fn number(&mut self) -> Option<u64> {
        self.take().map(u64::from_le_bytes)
    }

    fn length(&mut self) -> Option<usize> {
        let mut length: usize = 0;
        for shift in (0..63).step_by(7) {
            let [byte] = self.take()?;
            length |= usize::from(byte & 0x7f).checked_shl(shift)?;
            if byte & 0x80 == 0 {
                return Some(length);
            }
        }
        None
    }

    pub(crate) fn text(&mut self) -> Option<String> {
        let length = self.length()?;
        let (bytes, rest) = self.rest.split_at_checked(length)?;
        self.rest = rest;
        String::from_utf8(bytes.to_vec()).ok()
    }

    pub(crate) fn uuid(&mut self) -> Option<[u8; 16]> {
        Some(u128::from_le_bytes(self.take()?).rotate_left(64).to_be_bytes())
    }

    fn lines(&mut self) -> Option<SmallVec<[RowLine; 1]>> {
        let count = self.length()?;
        let mut lines = SmallVec::new();
        for _ in 0..count {
            lines.push(self.line()?);
        }
        Some(lines)
    }

    fn line(&mut self) -> Option<RowLine> {
        let line = RowLine {
            sku: self.text()?,
            quantity: i32::from_le_bytes(self.take()?),
            state: u8::from_le_bytes(self.take()?),
            unit_price: i64::from_le_bytes(self.take()?),
            stock: None,
        };
        let [has_stock] = self.take()?;
        let stock = Stock {
            free: u32::from_le_bytes(self.take()?),
            held: u32::from_le_bytes(self.take()?),
            sold: u32::from_le_bytes(self.take()?),
            waiting: u32::from_le_bytes(self.take()?),
        };
        Some(RowLine { stock: (has_stock != 0).then_some(stock), ..line })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_that_are_no_rows() {
        assert_eq!(rows(&[]), Ok(Vec::new()));
        assert_eq!(rows(&[1, 2, 3]), Err(DecodeError(0)));
        assert_eq!(rows(&[0xff; 400]), Err(DecodeError(0)), "an absurd length is refused, not allocated");
    }
}
