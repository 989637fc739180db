//! A SKU: 1 to [`SKU_BYTES_MAX`] bytes of UTF-8 without control characters, compared byte by byte.

use std::cmp::Ordering;
use std::fmt;
use std::hash::{Hash, Hasher};
use std::str::FromStr;

use crate::limits::SKU_BYTES_MAX;

const WORD: usize = size_of::<u64>();

/// Why a text is not a SKU.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SkuError {
    /// No bytes at all.
    #[error("a SKU cannot be empty")]
    Empty,
    /// More than [`SKU_BYTES_MAX`] bytes.
    #[error("a SKU has at most {SKU_BYTES_MAX} bytes, this one has {0}")]
    TooLong(usize),
    /// Not UTF-8, or with a control character.
    #[error("a SKU is UTF-8 text without control characters")]
    NotText,
}

/// The name of what is sold. Kept in place (no heap), so that copying one is copying a few words.
///
/// The bytes behind the text are zero, which no text has. Whole words, so that a copy reads what was written as it was
/// written: a length beside the bytes made every copy wait for the last one.
#[derive(Clone, Copy)]
#[repr(align(8))]
pub struct Sku([u8; SKU_BYTES_MAX]);

impl Sku {
    /// Reads a SKU from the bytes of a record.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, SkuError> {
        if bytes.is_empty() {
            return Err(SkuError::Empty);
        }
        let mut sku = Self([0; SKU_BYTES_MAX]);
        sku.0.get_mut(..bytes.len()).ok_or(SkuError::TooLong(bytes.len()))?.copy_from_slice(bytes);
        // Nearly every SKU is printable ASCII: one pass over the bytes settles those.
        if bytes.iter().all(|byte| (0x20..0x7f).contains(byte)) {
            return Ok(sku);
        }
        let text = std::str::from_utf8(bytes).map_err(|_| SkuError::NotText)?;
        if text.chars().any(char::is_control) { Err(SkuError::NotText) } else { Ok(sku) }
    }

    /// The bytes, as they stand in records and keys.
    #[inline]
    pub fn as_bytes(&self) -> &[u8] {
        self.0.get(..self.length()).unwrap_or_default()
    }

    #[inline]
    fn words(&self) -> &[[u8; WORD]] {
        self.0.as_chunks().0
    }

    #[inline]
    fn length(&self) -> usize {
        let words = self.words();
        let is_full = |word: &&[u8; WORD]| word.last() != Some(&0);
        let full = words.iter().take_while(is_full).count();
        // In the word the text ends in, the zeros behind it are the high bits.
        let rest = words.get(full).map_or(0, |word| u64::BITS - u64::from_le_bytes(*word).leading_zeros());
        full * WORD + usize::try_from(rest.div_ceil(u8::BITS)).unwrap_or_default()
    }

    /// The text.
    pub fn as_str(&self) -> &str {
        std::str::from_utf8(self.as_bytes()).unwrap_or_default()
    }
}

impl FromStr for Sku {
    type Err = SkuError;

    fn from_str(text: &str) -> Result<Self, SkuError> {
        Self::from_bytes(text.as_bytes())
    }
}

impl PartialEq for Sku {
    #[inline]
    fn eq(&self, other: &Self) -> bool {
        let differences = self.words().iter().zip(other.words());
        let differ = |(a, b): (&[u8; WORD], &[u8; WORD])| u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
        differences.map(differ).fold(0, |all, one| all | one) == 0
    }
}

impl Eq for Sku {}

impl PartialOrd for Sku {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Sku {
    fn cmp(&self, other: &Self) -> Ordering {
        self.as_bytes().cmp(other.as_bytes())
    }
}

impl Hash for Sku {
    fn hash<H: Hasher>(&self, state: &mut H) {
        self.as_bytes().hash(state);
    }
}

impl fmt::Display for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

impl fmt::Debug for Sku {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn limits_and_bad_text() {
        assert_eq!(Sku::from_bytes(b""), Err(SkuError::Empty));
        assert_eq!(
            Sku::from_bytes(&[b'x'; SKU_BYTES_MAX]).map(|sku| sku.as_bytes().len()),
            Ok(SKU_BYTES_MAX)
        );
        assert_eq!(Sku::from_bytes(&[b'x'; SKU_BYTES_MAX + 1]), Err(SkuError::TooLong(SKU_BYTES_MAX + 1)));
        assert_eq!(Sku::from_bytes(&[b'x'; 300]), Err(SkuError::TooLong(300)));
        assert_eq!(Sku::from_bytes(&[0xff, 0xfe]), Err(SkuError::NotText));
        assert_eq!("a\nb".parse::<Sku>(), Err(SkuError::NotText));
        assert_eq!("Größe-42".parse::<Sku>().map(|sku| sku.to_string()), Ok("Größe-42".to_owned()));
    }

    #[test]
    fn as_long_as_its_text() {
        for length in 1..=SKU_BYTES_MAX {
            let text = "0123456789".repeat(4);
            assert_eq!(text[..length].parse::<Sku>().unwrap().as_str(), &text[..length]);
        }
    }

    #[test]
    fn ordered_by_bytes() {
        let [a, b, ab] = ["a", "b", "ab"].map(|text| text.parse::<Sku>().unwrap());
        assert!(a < ab && ab < b);
    }
}
