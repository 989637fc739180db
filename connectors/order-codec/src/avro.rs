//! Avro's binary encoding by hand: the few types our schemas use.
//!
//! Reading trusts nothing: a length or a count is compared with the bytes that are left and with a limit before
//! anything is set aside for it, and nothing here recurses. Writing cannot fail.

use crate::error::BadRecord;
use order_model::{Currency, LineState, Offset, Partition, RejectReason, RelayNumber, Sequence, Sku, TimeMs};

/// Why a field could not be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct FieldError {
    /// Which.
    pub field: &'static str,
    /// What is wrong with it.
    pub problem: Problem,
}

/// What is wrong with a field.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Problem {
    /// The record ends inside it.
    Truncated,
    /// Its value cannot be.
    Invalid(&'static str),
}

/// What was read, or why it could not be.
pub type Read<T> = Result<T, FieldError>;

/// The record ends inside `field`.
#[cold]
pub fn truncated(field: &'static str) -> FieldError {
    FieldError { field, problem: Problem::Truncated }
}

/// `field` has a value that cannot be.
#[cold]
pub fn invalid(field: &'static str, why: &'static str) -> FieldError {
    FieldError { field, problem: Problem::Invalid(why) }
}

/// The bytes of a record that are still to be read.
#[derive(Clone, Copy)]
pub struct Cursor<'a>(&'a [u8]);

impl<'a> Cursor<'a> {
    /// All of them.
    pub fn new(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// How many bytes are left.
    pub fn left(&self) -> usize {
        self.0.len()
    }

    /// The next `count` bytes as they are.
    #[inline]
    pub fn take(&mut self, field: &'static str, count: usize) -> Read<&'a [u8]> {
        let (taken, rest) = self.0.split_at_checked(count).ok_or_else(|| truncated(field))?;
        self.0 = rest;
        Ok(taken)
    }

    #[inline]
    fn byte(&mut self, field: &'static str) -> Read<u8> {
        let (byte, rest) = self.0.split_first().ok_or_else(|| truncated(field))?;
        self.0 = rest;
        Ok(*byte)
    }

    /// A `boolean`.
    #[inline]
    pub fn boolean(&mut self, field: &'static str) -> Read<bool> {
        match self.byte(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(invalid(field, "a boolean is 0 or 1")),
        }
    }

    /// A `long`.
    #[inline]
    pub fn long(&mut self, field: &'static str) -> Read<i64> {
        let first = self.byte(field)?;
        let mut bits = u64::from(first & 0x7f);
        if first & 0x80 != 0 {
            bits |= self.long_rest(field)?;
        }
        Ok((bits >> 1).cast_signed() ^ -(bits & 1).cast_signed())
    }

    fn long_rest(&mut self, field: &'static str) -> Read<u64> {
        let mut bits = 0;
        for shift in (7..63).step_by(7) {
            let byte = self.byte(field)?;
            bits |= u64::from(byte & 0x7f) << shift;
            if byte & 0x80 == 0 {
                return Ok(bits);
            }
        }
        match self.byte(field)? {
            last @ (0 | 1) => Ok(bits | u64::from(last) << 63),
            _ => Err(invalid(field, "a number has at most 64 bits")),
        }
    }

    /// An `int`.
    #[inline]
    pub fn int(&mut self, field: &'static str) -> Read<i32> {
        i32::try_from(self.long(field)?).map_err(|_| invalid(field, "an int has at most 32 bits"))
    }

    /// `bytes` or `string`, not looked into.
    #[inline]
    pub fn bytes(&mut self, field: &'static str, bytes_max: usize) -> Read<&'a [u8]> {
        let length =
            usize::try_from(self.long(field)?).map_err(|_| invalid(field, "a length is not negative"))?;
        if length > bytes_max && length <= self.left() {
            return Err(invalid(field, "longer than can be"));
        }
        self.take(field, length)
    }

    /// A `string`.
    pub fn text(&mut self, field: &'static str, bytes_max: usize) -> Read<&'a str> {
        std::str::from_utf8(self.bytes(field, bytes_max)?).map_err(|_| invalid(field, "not UTF-8"))
    }

    /// A `fixed` of 16 bytes.
    #[inline]
    pub fn id(&mut self, field: &'static str) -> Read<[u8; 16]> {
        self.fixed(field)
    }

    /// A `fixed`.
    #[inline]
    pub fn fixed<const BYTES: usize>(&mut self, field: &'static str) -> Read<[u8; BYTES]> {
        let (bytes, rest) = self.0.split_first_chunk().ok_or_else(|| truncated(field))?;
        self.0 = rest;
        Ok(*bytes)
    }

    /// An `array`: calls `item` for each of its items, in whatever blocks they come.
    #[inline]
    pub fn array(
        &mut self,
        field: &'static str,
        items_max: usize,
        mut item: impl FnMut(&mut Self) -> Read<()>,
    ) -> Read<()> {
        let mut items_left = items_max;
        loop {
            let count = self.block(field)?;
            if count == 0 {
                return Ok(());
            }
            items_left = items_left.checked_sub(count).ok_or_else(|| invalid(field, "too many items"))?;
            for _ in 0..count {
                item(self)?;
            }
        }
    }

    /// The head of a block of an `array` or a `map`: how many items follow; zero ends it.
    #[inline]
    pub fn block(&mut self, field: &'static str) -> Read<usize> {
        let count = self.long(field)?;
        if count < 0 {
            // A negative count is followed by the size of the block, which serves those who skip it.
            let size = self.long(field)?;
            if !usize::try_from(size).is_ok_and(|size| size <= self.left()) {
                return Err(truncated(field));
            }
        }
        usize::try_from(count.unsigned_abs()).map_err(|_| invalid(field, "too many items"))
    }

    /// A union of null and something: whether it is something.
    #[inline]
    pub fn present(&mut self, field: &'static str) -> Read<bool> {
        match self.long(field)? {
            0 => Ok(false),
            1 => Ok(true),
            _ => Err(invalid(field, "no such member of the union")),
        }
    }

    /// A `long` that is not negative.
    #[inline]
    pub fn u64(&mut self, field: &'static str) -> Read<u64> {
        u64::try_from(self.long(field)?).map_err(|_| invalid(field, "is negative"))
    }

    /// A `long` of 32 bits without a sign.
    #[inline]
    pub fn u32(&mut self, field: &'static str) -> Read<u32> {
        u32::try_from(self.long(field)?).map_err(|_| invalid(field, "is not between 0 and 4294967295"))
    }

    /// An `int` of 16 bits without a sign.
    pub fn u16(&mut self, field: &'static str) -> Read<u16> {
        u16::try_from(self.int(field)?).map_err(|_| invalid(field, "is not between 0 and 65535"))
    }

    /// A time in milliseconds since 1970.
    #[inline]
    pub fn time(&mut self, field: &'static str) -> Read<TimeMs> {
        self.u64(field).map(TimeMs)
    }

    /// An offset.
    pub fn offset(&mut self, field: &'static str) -> Read<Offset> {
        self.u64(field).map(Offset)
    }

    /// A sequence.
    pub fn sequence(&mut self, field: &'static str) -> Read<Sequence> {
        self.u64(field).map(Sequence)
    }

    /// A number of a relay.
    pub fn relay_number(&mut self, field: &'static str) -> Read<RelayNumber> {
        self.u64(field).map(RelayNumber)
    }

    /// A partition.
    pub fn partition(&mut self, field: &'static str) -> Read<Partition> {
        u32::try_from(self.int(field)?).map(Partition).map_err(|_| invalid(field, "is negative"))
    }

    /// A SKU.
    #[inline]
    pub fn sku(&mut self, field: &'static str) -> Read<Sku> {
        let bytes = self.bytes(field, usize::MAX)?;
        Sku::from_bytes(bytes)
            .map_err(|_| invalid(field, "a SKU is 1 to 40 bytes of UTF-8 without control characters"))
    }

    /// A currency.
    #[inline]
    pub fn currency(&mut self, field: &'static str) -> Read<Currency> {
        let bytes = self.bytes(field, usize::MAX)?;
        Currency::from_bytes(bytes).map_err(|_| invalid(field, "a currency is three capital letters"))
    }

    /// A union of null and a reason.
    pub fn reason(&mut self, field: &'static str) -> Read<Option<RejectReason>> {
        if !self.present(field)? {
            return Ok(None);
        }
        let number = self.int(field)?;
        let reason = u16::try_from(number).ok().and_then(RejectReason::from_number);
        reason.map(Some).ok_or_else(|| invalid(field, "no reject reason has this number"))
    }

    /// The state of a line.
    pub fn line_state(&mut self, field: &'static str) -> Read<LineState> {
        let state = u8::try_from(self.int(field)?).ok().and_then(LineState::from_number);
        state.ok_or_else(|| invalid(field, "no state of a line has this number"))
    }
}

/// Reads a value that takes all of `bytes`.
#[inline]
pub fn whole<'a, T>(bytes: &'a [u8], read: impl FnOnce(&mut Cursor<'a>) -> Read<T>) -> Result<T, BadRecord> {
    let mut cursor = Cursor::new(bytes);
    let value = read(&mut cursor)?;
    match cursor.left() {
        0 => Ok(value),
        left => Err(BadRecord::TrailingBytes(left)),
    }
}

/// Writes Avro at the end of a buffer.
pub trait Encode {
    /// An `int` or a `long`.
    fn long(&mut self, value: i64);
    /// A `long` that is never negative. What does not fit stops at the largest `long`, the end of time.
    fn unsigned(&mut self, value: u64);
    /// An `int` that is never negative. What does not fit stops at the largest `int`.
    fn partition(&mut self, value: Partition);
    /// A `boolean`.
    fn boolean(&mut self, value: bool);
    /// `bytes` or a `string`.
    fn text(&mut self, value: &[u8]);
    /// A `fixed`.
    fn fixed<const BYTES: usize>(&mut self, value: &[u8; BYTES]);
    /// The number of items an `array` begins with; zero is the whole array.
    fn count(&mut self, count: usize);
    /// Which member follows of a union of null and something.
    fn present(&mut self, value: bool);
    /// A union of null and a reason.
    fn reason(&mut self, value: Option<RejectReason>);
}

impl Encode for Vec<u8> {
    #[inline]
    fn long(&mut self, value: i64) {
        let mut bits = ((value << 1) ^ (value >> 63)).cast_unsigned();
        while bits >= 0x80 {
            let [low, ..] = bits.to_le_bytes();
            self.push(low | 0x80);
            bits >>= 7;
        }
        let [low, ..] = bits.to_le_bytes();
        self.push(low);
    }

    #[inline]
    fn unsigned(&mut self, value: u64) {
        self.long(i64::try_from(value).unwrap_or(i64::MAX));
    }

    #[inline]
    fn partition(&mut self, value: Partition) {
        self.long(i64::from(i32::try_from(value.0).unwrap_or(i32::MAX)));
    }

    #[inline]
    fn boolean(&mut self, value: bool) {
        self.push(u8::from(value));
    }

    #[inline]
    fn text(&mut self, value: &[u8]) {
        self.count(value.len());
        self.extend_from_slice(value);
    }

    #[inline]
    fn fixed<const BYTES: usize>(&mut self, value: &[u8; BYTES]) {
        self.extend_from_slice(value);
    }

    #[inline]
    fn count(&mut self, count: usize) {
        self.long(i64::try_from(count).unwrap_or(i64::MAX));
    }

    #[inline]
    fn present(&mut self, value: bool) {
        self.push(if value { 2 } else { 0 });
    }

    #[inline]
    fn reason(&mut self, value: Option<RejectReason>) {
        Encode::present(self, value.is_some());
        if let Some(reason) = value {
            self.long(i64::from(reason.number()));
        }
    }
}

/// Writes an `array`.
#[inline]
pub fn array<T>(out: &mut Vec<u8>, items: &[T], mut item: impl FnMut(&mut Vec<u8>, &T)) {
    if !items.is_empty() {
        out.count(items.len());
        for each in items {
            item(out, each);
        }
    }
    out.count(0);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_there_and_back() {
        for value in [0, -1, 1, 63, 64, -64, -65, 8191, 8192, i64::from(i32::MAX), i64::MAX, i64::MIN] {
            let mut bytes = Vec::new();
            bytes.long(value);
            let mut cursor = Cursor::new(&bytes);
            assert_eq!(cursor.long("x"), Ok(value));
            assert_eq!(cursor.left(), 0);
            for end in 0..bytes.len() {
                assert_eq!(Cursor::new(&bytes[..end]).long("x"), Err(truncated("x")));
            }
        }
    }

    #[test]
    fn numbers_that_are_none() {
        let eleven = [0xff; 11];
        assert_eq!(Cursor::new(&eleven).long("x"), Err(invalid("x", "a number has at most 64 bits")));
        let mut wide = Vec::new();
        wide.long(i64::from(i32::MAX) + 1);
        assert_eq!(Cursor::new(&wide).int("x"), Err(invalid("x", "an int has at most 32 bits")));
        assert!(Cursor::new(&[1]).u64("x").is_err());
        assert!(Cursor::new(&[2]).boolean("x").is_err());
        assert!(Cursor::new(&[4]).present("x").is_err());
    }

    #[test]
    fn lengths_are_checked_before_use() {
        let mut bytes = Vec::new();
        bytes.long(i64::MAX);
        assert_eq!(Cursor::new(&bytes).bytes("x", usize::MAX), Err(truncated("x")));
        assert_eq!(Cursor::new(&[1]).bytes("x", 9), Err(invalid("x", "a length is not negative")));
        assert_eq!(Cursor::new(&[4, b'a', b'b']).bytes("x", 1), Err(invalid("x", "longer than can be")));
    }

    #[test]
    fn arrays_come_in_blocks() {
        // Two items, then a block of one with its size, then the end.
        let bytes = [4, 2, 4, 1, 2, 6, 0];
        let mut seen = Vec::new();
        let mut cursor = Cursor::new(&bytes);
        let read = cursor.array("x", 3, |cursor| {
            seen.push(cursor.long("x")?);
            Ok(())
        });
        assert_eq!((read, seen, cursor.left()), (Ok(()), vec![1, 2, 3], 0));
        assert!(Cursor::new(&bytes).array("x", 2, |cursor| cursor.long("x").map(drop)).is_err());
        let mut least = Vec::new();
        least.long(i64::MIN);
        least.long(0);
        assert!(Cursor::new(&least).array("x", 9, |_| Ok(())).is_err());
    }
}
