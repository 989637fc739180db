//! Results piece by piece. Pure.
//!
//! The engine formats each piece as if it were a whole result. For formats without a frame the pieces add up to the whole;
//! for those that begin with names or types, the beginning of every piece but the first is taken away; for the rest (JSON,
//! Parquet, Arrow, Pretty...) a result can only be had whole.

/// How pieces of a format begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Beginning {
    None,
    Lines(usize),
    /// One or two lines in which an end of line may stand in quotes.
    CsvLines(usize),
    /// The number of columns, then this many strings a column.
    Strings(usize),
}

/// How pieces of `format` begin; none if it is to be had whole only.
pub(crate) fn beginning(format: &str) -> Option<Beginning> {
    let lines = |format: &str| match format {
        "TabSeparated"
        | "TSV"
        | "TabSeparatedRaw"
        | "TSVRaw"
        | "Raw"
        | "JSONCompactEachRow"
        | "JSONCompactStringsEachRow" => Some(()),
        _ => None,
    };
    match format {
        "CSV" | "JSONEachRow" | "JSONLines" | "NDJSON" | "JSONStringsEachRow" | "RowBinary" | "Native" => {
            Some(Beginning::None)
        }
        "CSVWithNames" => Some(Beginning::CsvLines(1)),
        "CSVWithNamesAndTypes" => Some(Beginning::CsvLines(2)),
        "RowBinaryWithNames" => Some(Beginning::Strings(1)),
        "RowBinaryWithNamesAndTypes" => Some(Beginning::Strings(2)),
        _ => {
            let (base, count) = format
                .strip_suffix("WithNamesAndTypes")
                .map(|base| (base, 2))
                .or_else(|| format.strip_suffix("WithNames").map(|base| (base, 1)))
                .unwrap_or((format, 0));
            lines(base)?;
            Some(if count == 0 { Beginning::None } else { Beginning::Lines(count) })
        }
    }
}

impl Beginning {
    /// How many bytes of the first piece are names and types.
    pub(crate) fn length(self, piece: &[u8]) -> usize {
        match self {
            Self::None => 0,
            Self::Lines(count) => lines_length(piece, count, false),
            Self::CsvLines(count) => lines_length(piece, count, true),
            Self::Strings(each) => strings_length(piece, each).unwrap_or(0),
        }
    }
}

fn lines_length(piece: &[u8], count: usize, quotes: bool) -> usize {
    let mut left = count;
    let mut quoted = false;
    for (index, byte) in piece.iter().enumerate() {
        match byte {
            b'"' if quotes => quoted = !quoted,
            b'\n' if !quoted => {
                left -= 1;
                if left == 0 {
                    return index + 1;
                }
            }
            _ => {}
        }
    }
    piece.len()
}

fn strings_length(piece: &[u8], each: usize) -> Option<usize> {
    let mut at = 0;
    let columns = varint(piece, &mut at)?;
    for _ in 0..columns.checked_mul(each)? {
        let length = varint(piece, &mut at)?;
        at = at.checked_add(length).filter(|at| *at <= piece.len())?;
    }
    Some(at)
}

fn varint(bytes: &[u8], at: &mut usize) -> Option<usize> {
    let mut value = 0_usize;
    for shift in (0..usize::BITS).step_by(7) {
        let byte = *bytes.get(*at)?;
        *at += 1;
        value |= usize::from(byte & 0x7f).checked_shl(shift)?;
        if byte & 0x80 == 0 {
            return Some(value);
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn beginnings_are_measured() {
        for (format, piece, length) in [
            ("TSV", &b"a\tb\n1\t2\n"[..], 0),
            ("TSVWithNames", b"a\tb\n1\t2\n", 4),
            ("TabSeparatedWithNamesAndTypes", b"a\nInt8\n1\n", 7),
            ("CSVWithNames", b"\"a\nb\"\n1\n", 6),
            ("JSONCompactEachRowWithNames", b"[\"a\"]\n[1]\n", 6),
            ("RowBinaryWithNames", b"\x01\x01a\x07", 3),
            ("RowBinaryWithNamesAndTypes", b"\x01\x01a\x04Int8\x07", 8),
        ] {
            assert_eq!(beginning(format).map(|beginning| beginning.length(piece)), Some(length), "{format}");
        }
        for format in ["JSON", "Parquet", "Pretty", "ArrowStream", "JSONWithNames", "Nothing"] {
            assert_eq!(beginning(format), None, "{format}");
        }
    }

    #[test]
    fn a_cut_beginning_is_no_beginning() {
        assert_eq!(Beginning::Strings(2).length(b"\x01\x05a"), 0);
        assert_eq!(Beginning::Strings(1).length(b"\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff"), 0);
    }
}
