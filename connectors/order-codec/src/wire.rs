//! Confluent's wire format: a zero byte, the schema's id as four bytes (largest first), the Avro bytes.

use crate::error::BadRecord;

/// The byte every record begins with.
pub const MAGIC: u8 = 0;
/// How many bytes stand before the Avro bytes.
pub const HEAD_BYTES: usize = 5;

/// Writes the head of a record.
#[inline]
pub fn write_head(schema_id: u32, out: &mut Vec<u8>) {
    let [a, b, c, d] = schema_id.to_be_bytes();
    out.extend_from_slice(&[MAGIC, a, b, c, d]);
}

/// Splits a value into the schema's id and the Avro bytes. A wrong first byte is reported before a missing one.
#[inline]
pub fn split(value: Option<&[u8]>) -> Result<(u32, &[u8]), BadRecord> {
    let value = value.ok_or(BadRecord::NullValue)?;
    match value {
        [MAGIC, a, b, c, d, payload @ ..] => Ok((u32::from_be_bytes([*a, *b, *c, *d]), payload)),
        [MAGIC, ..] | [] => Err(BadRecord::TooShort(value.len())),
        [other, ..] => Err(BadRecord::WrongMagic(*other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn head_and_what_is_none() {
        let mut value = Vec::new();
        write_head(0x0102_0304, &mut value);
        value.push(9);
        assert_eq!(value, [0, 1, 2, 3, 4, 9]);
        assert_eq!(split(Some(&value)), Ok((0x0102_0304, &[9][..])));
        assert_eq!(split(Some(&value[..5])), Ok((0x0102_0304, &[][..])));
        assert_eq!(split(None), Err(BadRecord::NullValue));
        assert_eq!(split(Some(&[])), Err(BadRecord::TooShort(0)));
        assert_eq!(split(Some(&value[..4])), Err(BadRecord::TooShort(4)));
        assert_eq!(split(Some(&[7])), Err(BadRecord::WrongMagic(7)));
    }
}
