//! Blocks of ClickHouse's Native format: column after column, which the engine reads several times faster than row after
//! row. Pure.

use std::sync::LazyLock;

use crate::columns::{Column, kinds, reasons};
use crate::limits::{BLOCK_BYTES_TARGET, BLOCK_ROWS_MAX};

/// A block under construction: a buffer a column, arrays having one for the ends of their rows and one for each field.
#[derive(Debug)]
pub(crate) struct Fields<const N: usize> {
    pub(crate) rows: usize,
    pub(crate) buffers: [Vec<u8>; N],
    /// Elements of arrays so far: the end of each row's elements is its offset.
    pub(crate) elements: u64,
}

impl<const N: usize> Default for Fields<N> {
    fn default() -> Self {
        Self { rows: 0, buffers: [const { Vec::new() }; N], elements: 0 }
    }
}

impl<const N: usize> Fields<N> {
    /// Whether it should be sent before another row is added.
    pub(crate) fn is_full(&self) -> bool {
        self.rows >= BLOCK_ROWS_MAX || self.bytes() >= BLOCK_BYTES_TARGET
    }

    pub(crate) fn bytes(&self) -> usize {
        self.buffers.iter().map(Vec::len).sum()
    }

    /// The block's bytes; the block is empty afterwards and keeps its memory.
    pub(crate) fn take(&mut self, columns: &[Column]) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.bytes() + 8 * 1_024);
        put_length(&mut bytes, columns.len());
        put_length(&mut bytes, self.rows);
        let mut buffers = self.buffers.iter_mut();
        for Column { name, kind } in columns {
            put_string(&mut bytes, name);
            put_string(&mut bytes, kind);
            if kind.contains("LowCardinality") {
                let names = if name == "kind" { &KINDS } else { &REASONS };
                names.put_dictionary(&mut bytes, self.rows);
            }
            for buffer in buffers.by_ref().take(parts(kind)) {
                bytes.append(buffer);
            }
        }
        self.rows = 0;
        self.elements = 0;
        bytes
    }
}

/// Buffers of a column.
fn parts(kind: &str) -> usize {
    match kind {
        kind if kind.contains("Array(Tuple(") => 10,
        kind if kind.contains("Array(") => 2,
        _ => 1,
    }
}

/// Names behind numbers, as a dictionary: sorted, so that the greater index is the greater text; the first is empty.
pub(crate) struct Names {
    texts: Vec<&'static str>,
    /// By number; what has no name is the empty one.
    indexes: Vec<u8>,
}

/// What can be decided.
pub(crate) static KINDS: LazyLock<Names> = LazyLock::new(|| Names::new(kinds()));
/// Why something is refused.
pub(crate) static REASONS: LazyLock<Names> = LazyLock::new(|| Names::new(reasons()));

impl Names {
    fn new(members: impl Iterator<Item = (&'static str, i16)>) -> Self {
        let members: Vec<_> = members.collect();
        let mut texts: Vec<_> = members.iter().map(|(text, _)| *text).chain([""]).collect();
        texts.sort_unstable();
        texts.dedup();
        let mut indexes = Vec::new();
        for (text, number) in members {
            let number = usize::try_from(number).unwrap_or_default();
            let index = texts.binary_search(&text).ok().and_then(|index| u8::try_from(index).ok());
            indexes.resize(indexes.len().max(number + 1), 0);
            if let Some(place) = indexes.get_mut(number) {
                *place = index.unwrap_or_default();
            }
        }
        Self { texts, indexes }
    }

    /// Where the name of a number lies in the dictionary.
    pub(crate) fn index(&self, number: u16) -> u8 {
        self.indexes.get(usize::from(number)).copied().unwrap_or_default()
    }

    /// What precedes the indexes of `rows` rows in a column of `LowCardinality(String)`.
    fn put_dictionary(&self, bytes: &mut Vec<u8>, rows: usize) {
        const VERSION: u64 = 1;
        /// Indexes of one byte; the block has a dictionary of its own, which replaces any before.
        const LAYOUT: u64 = 0x600;
        bytes.extend_from_slice(&VERSION.to_le_bytes());
        bytes.extend_from_slice(&LAYOUT.to_le_bytes());
        bytes.extend_from_slice(&count(self.texts.len()).to_le_bytes());
        self.texts.iter().for_each(|text| put_string(bytes, text));
        bytes.extend_from_slice(&count(rows).to_le_bytes());
    }
}

/// A length as the number the format has for it.
pub(crate) fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A UUID as the engine's number, by which it compares them: the low half before the high one.
pub(crate) fn uuid_number(id: &[u8; 16]) -> u128 {
    u128::from_be_bytes(*id).rotate_left(64)
}

pub(crate) fn put_uuid(bytes: &mut Vec<u8>, id: &[u8; 16]) {
    bytes.extend_from_slice(&uuid_number(id).to_le_bytes());
}

pub(crate) fn put_string(bytes: &mut Vec<u8>, text: &str) {
    put_length(bytes, text.len());
    bytes.extend_from_slice(text.as_bytes());
}

/// A length in LEB128.
pub(crate) fn put_length(bytes: &mut Vec<u8>, length: usize) {
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
    fn names_are_sorted_and_found_by_their_numbers() {
        for (names, members) in [(&KINDS, kinds().collect::<Vec<_>>()), (&REASONS, reasons().collect())] {
            assert!(names.texts.is_sorted() && names.texts.len() <= 256);
            for (text, number) in members {
                let index = names.index(u16::try_from(number).unwrap());
                assert_eq!(names.texts.get(usize::from(index)), Some(&text));
            }
            assert_eq!(names.texts.get(usize::from(names.index(u16::MAX))), Some(&""));
        }
    }
}
