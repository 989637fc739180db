//! Frames: the bytes of a segment. The format is described in [`super`]. No I/O here.

use std::ops::Range;

use crate::Headers;
use crate::limits::{FRAME_BODY_BYTES_TARGET, RECORD_BYTES_MAX};
use crate::record::AppendRecord;

pub(super) const HEADER_BYTES: usize = 40;
const MAGIC: [u8; 4] = *b"OLF1";
/// The CRC covers all that follows it.
const CRC_FROM: usize = 8;
const LENGTHS_BYTES: usize = 12;
const NULL: u32 = u32::MAX;
const BODY_BYTES_MAX: usize = FRAME_BODY_BYTES_TARGET + LENGTHS_BYTES + RECORD_BYTES_MAX;

#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FrameHeader {
    pub(super) crc: u32,
    pub(super) body_bytes: usize,
    pub(super) records: u32,
    pub(super) first_offset: u64,
    pub(super) time_ms: u64,
    /// The byte of the segment where the round that wrote this frame began: all before it was synced by then.
    pub(super) round_start: u64,
}

impl FrameHeader {
    pub(super) fn frame_bytes(&self) -> usize {
        HEADER_BYTES + self.body_bytes
    }

    pub(super) fn next_offset(&self) -> u64 {
        self.first_offset + u64::from(self.records)
    }

    /// Reads the header at the start of `bytes`; says what is wrong if it cannot be one.
    pub(super) fn parse(bytes: &[u8]) -> Result<Self, &'static str> {
        let (magic, rest) = bytes.split_first_chunk::<4>().ok_or("the frame's header is cut short")?;
        if *magic != MAGIC {
            return Err("no frame begins here");
        }
        let cut = "the frame's header is cut short";
        let (crc, rest) = rest.split_first_chunk().ok_or(cut)?;
        let (body_bytes, rest) = rest.split_first_chunk().ok_or(cut)?;
        let (records, rest) = rest.split_first_chunk().ok_or(cut)?;
        let (first_offset, rest) = rest.split_first_chunk().ok_or(cut)?;
        let (time_ms, rest) = rest.split_first_chunk().ok_or(cut)?;
        let (round_start, _) = rest.split_first_chunk().ok_or(cut)?;
        let header = Self {
            crc: u32::from_le_bytes(*crc),
            body_bytes: usize::try_from(u32::from_le_bytes(*body_bytes)).unwrap_or(usize::MAX),
            records: u32::from_le_bytes(*records),
            first_offset: u64::from_le_bytes(*first_offset),
            time_ms: u64::from_le_bytes(*time_ms),
            round_start: u64::from_le_bytes(*round_start),
        };
        if header.body_bytes > BODY_BYTES_MAX || header.first_offset > u64::MAX - u64::from(u32::MAX) {
            return Err("the frame's header names an impossible size or offset");
        }
        Ok(header)
    }

    /// Reads the frame at the start of `bytes` and checks its CRC.
    pub(super) fn parse_frame(bytes: &[u8]) -> Result<Self, &'static str> {
        let header = Self::parse(bytes)?;
        let frame = bytes.get(..header.frame_bytes()).ok_or("the frame is cut short")?;
        if crc32fast::hash(frame.get(CRC_FROM..).unwrap_or_default()) != header.crc {
            return Err("the frame's checksum does not match its bytes");
        }
        Ok(header)
    }
}

/// A record of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct FrameRecord<'a> {
    pub(super) key: Option<&'a [u8]>,
    pub(super) value: Option<&'a [u8]>,
    pub(super) headers: &'a [u8],
    /// Bytes of the record in the frame.
    pub(super) framed_bytes: usize,
}

impl<'a> FrameRecord<'a> {
    /// The record at the start of `body`; `None` if there is no whole one.
    pub(super) fn parse(body: &'a [u8]) -> Option<Self> {
        let (lengths, rest) = body.split_first_chunk::<LENGTHS_BYTES>()?;
        let [k0, k1, k2, k3, v0, v1, v2, v3, h0, h1, h2, h3] = *lengths;
        let (key, rest) = take(rest, u32::from_le_bytes([k0, k1, k2, k3]))?;
        let (value, rest) = take(rest, u32::from_le_bytes([v0, v1, v2, v3]))?;
        let (headers, rest) = take(rest, u32::from_le_bytes([h0, h1, h2, h3]))?;
        Some(Self { key, value, headers: headers.unwrap_or_default(), framed_bytes: body.len() - rest.len() })
    }

    /// Bytes of key, value and headers.
    pub(super) fn bytes(&self) -> usize {
        self.framed_bytes - LENGTHS_BYTES
    }

    pub(super) fn headers(&self) -> Headers<'a> {
        Headers::from_encoded(self.headers)
    }
}

fn take(bytes: &[u8], length: u32) -> Option<(Option<&[u8]>, &[u8])> {
    if length == NULL {
        return Some((None, bytes));
    }
    let (part, rest) = bytes.split_at_checked(usize::try_from(length).ok()?)?;
    Some((Some(part), rest))
}

/// Frames of one round for one segment, one after the other.
#[derive(Debug, Default)]
pub(super) struct FrameWriter {
    bytes: Vec<u8>,
    /// Where in `bytes` the last frame begins, its first offset and how many records it has; none when it is sealed.
    open: Option<(usize, u64, u32)>,
    /// First offset and place in `bytes` of each sealed frame.
    sealed: Vec<(u64, usize)>,
    round_start: u64,
    time_ms: u64,
}

impl FrameWriter {
    /// Begins a round; the frames of the last one are forgotten.
    pub(super) fn begin(&mut self, round_start: u64, time_ms: u64) {
        self.bytes.clear();
        self.open = None;
        self.sealed.clear();
        self.round_start = round_start;
        self.time_ms = time_ms;
    }

    /// Adds a record. Each offset must be the one after the offset before.
    pub(super) fn push(&mut self, offset: u64, record: &AppendRecord<'_>) {
        let (at, first_offset, records) = match self.open {
            Some(open) => open,
            None => {
                let at = self.bytes.len();
                self.bytes.extend_from_slice(&[0; HEADER_BYTES]);
                (at, offset, 0)
            }
        };
        let headers = record.headers.as_encoded();
        let mut lengths = [0; LENGTHS_BYTES];
        for (slot, part) in lengths.chunks_exact_mut(4).zip([record.key, record.value, Some(headers)]) {
            slot.copy_from_slice(&part.map_or(NULL, length).to_le_bytes());
        }
        self.bytes.extend_from_slice(&lengths);
        self.bytes.extend_from_slice(record.key.unwrap_or_default());
        self.bytes.extend_from_slice(record.value.unwrap_or_default());
        self.bytes.extend_from_slice(headers);
        self.open = Some((at, first_offset, records + 1));
        if self.bytes.len() - at - HEADER_BYTES >= FRAME_BODY_BYTES_TARGET {
            self.seal();
        }
    }

    /// The frames of the round, and the first offset and place of each.
    pub(super) fn finish(&mut self) -> (&[u8], &[(u64, usize)]) {
        self.seal();
        (&self.bytes, &self.sealed)
    }

    fn seal(&mut self) {
        let Some((at, first_offset, records)) = self.open.take() else { return };
        let frame = self.bytes.get_mut(at..).unwrap_or_default();
        let body_bytes = u32::try_from(frame.len() - HEADER_BYTES).unwrap_or(u32::MAX);
        write(frame, 0..4, &MAGIC);
        write(frame, 8..12, &body_bytes.to_le_bytes());
        write(frame, 12..16, &records.to_le_bytes());
        write(frame, 16..24, &first_offset.to_le_bytes());
        write(frame, 24..32, &self.time_ms.to_le_bytes());
        write(frame, 32..40, &self.round_start.to_le_bytes());
        let crc = crc32fast::hash(frame.get(CRC_FROM..).unwrap_or_default());
        write(frame, 4..8, &crc.to_le_bytes());
        self.sealed.push((first_offset, at));
    }
}

fn write(frame: &mut [u8], range: Range<usize>, bytes: &[u8]) {
    if let Some(slot) = frame.get_mut(range) {
        slot.copy_from_slice(bytes);
    }
}

fn length(part: &[u8]) -> u32 {
    u32::try_from(part.len()).unwrap_or(NULL)
}

/// The first whole frame in `bytes`, which begin at byte `from` of a segment, that was begun after everything up to
/// and with byte `from` was synced, and whose records come after `offset`.
pub(super) fn synced_frame_after(bytes: &[u8], from: u64, offset: u64) -> Option<u64> {
    let starts = bytes.windows(MAGIC.len()).enumerate().filter(|(_, window)| *window == MAGIC);
    for (start, _) in starts.skip_while(|(start, _)| *start == 0) {
        let frame = FrameHeader::parse_frame(bytes.get(start..)?);
        if frame.is_ok_and(|frame| frame.round_start > from && frame.first_offset > offset) {
            return Some(from + u64::try_from(start).unwrap_or(u64::MAX));
        }
    }
    None
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    type Owned = (Option<Vec<u8>>, Option<Vec<u8>>, Vec<u8>);

    fn write_all(records: &[Owned], first_offset: u64) -> Vec<u8> {
        let mut writer = FrameWriter::default();
        writer.begin(7, 1_000);
        for (index, (key, value, headers)) in records.iter().enumerate() {
            let headers = Headers::from_encoded(headers);
            let record = AppendRecord { partition: 0, key: key.as_deref(), value: value.as_deref(), headers };
            writer.push(first_offset + u64::try_from(index).unwrap(), &record);
        }
        writer.finish().0.to_vec()
    }

    fn read_all(mut bytes: &[u8]) -> Vec<(u64, Owned)> {
        let mut records = Vec::new();
        while !bytes.is_empty() {
            let header = FrameHeader::parse_frame(bytes).unwrap();
            assert_eq!((header.time_ms, header.round_start), (1_000, 7));
            let mut body = &bytes[HEADER_BYTES..header.frame_bytes()];
            for offset in header.first_offset..header.next_offset() {
                let record = FrameRecord::parse(body).unwrap();
                let owned = |part: Option<&[u8]>| part.map(<[u8]>::to_vec);
                records.push((offset, (owned(record.key), owned(record.value), record.headers.to_vec())));
                body = &body[record.framed_bytes..];
            }
            assert!(body.is_empty());
            bytes = &bytes[header.frame_bytes()..];
        }
        records
    }

    fn bytes() -> impl Strategy<Value = Vec<u8>> {
        proptest::collection::vec(any::<u8>(), 0..40)
    }

    proptest! {
        #[test]
        fn records_survive_framing(
            records in proptest::collection::vec(
                (proptest::option::of(bytes()), proptest::option::of(bytes()), bytes()), 1..20),
            first in 0..u64::MAX / 2,
        ) {
            let read = read_all(&write_all(&records, first));
            let expected: Vec<_> = (first..).zip(records).collect();
            prop_assert_eq!(read, expected);
        }

        #[test]
        fn a_changed_bit_is_seen(value in bytes(), byte in any::<prop::sample::Index>(), bit in 0..8) {
            let mut frame = write_all(&[(None, Some(value), Vec::new())], 3);
            let at = byte.index(frame.len());
            frame[at] ^= 1_u8 << bit;
            prop_assert!(FrameHeader::parse_frame(&frame).is_err());
        }
    }

    #[test]
    fn large_rounds_are_cut_into_frames() {
        let records: Vec<Owned> = (0..5).map(|_| (None, Some(vec![1; 600_000]), Vec::new())).collect();
        let bytes = write_all(&records, 0);
        let first = FrameHeader::parse_frame(&bytes).unwrap();
        assert_eq!(first.records, 2);
        assert_eq!(read_all(&bytes).len(), 5);
    }

    #[test]
    fn only_frames_of_a_later_round_prove_damage() {
        let frame = write_all(&[(None, None, Vec::new())], 9);
        let bytes = [&[0; 10][..], &frame].concat();
        assert_eq!(synced_frame_after(&bytes, 6, 3), Some(16), "its round began at byte 7");
        assert_eq!(synced_frame_after(&bytes, 7, 3), None, "same round");
        assert_eq!(synced_frame_after(&bytes, 6, 9), None, "not a later record");
    }
}
