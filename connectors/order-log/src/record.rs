//! Records in batches: one arena of bytes, and ranges into it.

use std::ops::Range;

use crate::TopicName;

/// Records of one partition, in offset order, as they were read.
#[derive(Debug)]
pub struct RecordBatch {
    partition: u32,
    bytes: Vec<u8>,
    records: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    offset: u64,
    time_ms: u64,
    payload: Payload,
}

/// Ranges of one record in its batch's bytes: key, value and headers stand one after the other.
#[derive(Clone, Copy, Debug)]
struct Payload {
    start: u32,
    key_end: u32,
    value_end: u32,
    headers_end: u32,
    has_key: bool,
    has_value: bool,
}

/// A record of a [`RecordBatch`].
#[derive(Clone, Copy, Debug)]
pub struct Record<'a> {
    /// Its place in the partition.
    pub offset: u64,
    /// When the log stored it, in milliseconds since 1970.
    pub time_ms: u64,
    /// The key, if it has one.
    pub key: Option<&'a [u8]>,
    /// The value, if it has one.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers<'a>,
}

impl RecordBatch {
    /// The partition all records are of.
    pub fn partition(&self) -> u32 {
        self.partition
    }

    /// How many records; never zero.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none, which no log delivers.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of keys, values and headers.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// The offset of the first record.
    pub fn first_offset(&self) -> u64 {
        self.records.first().map_or(0, |entry| entry.offset)
    }

    /// The offset after the last record.
    pub fn next_offset(&self) -> u64 {
        self.records.last().map_or(0, |entry| entry.offset + 1)
    }

    /// The records.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Record<'_>> {
        self.records.iter().map(|entry| self.record_of(entry))
    }

    /// The record at `index`.
    pub fn get(&self, index: usize) -> Option<Record<'_>> {
        self.records.get(index).map(|entry| self.record_of(entry))
    }

    fn record_of(&self, entry: &Entry) -> Record<'_> {
        let payload = &entry.payload;
        Record {
            offset: entry.offset,
            time_ms: entry.time_ms,
            key: payload.has_key.then(|| slice(&self.bytes, payload.start..payload.key_end)),
            value: payload.has_value.then(|| slice(&self.bytes, payload.key_end..payload.value_end)),
            headers: Headers(slice(&self.bytes, payload.value_end..payload.headers_end)),
        }
    }
}

/// Builds a [`RecordBatch`]; used by the logs.
#[derive(Debug)]
pub struct RecordBatchBuilder(RecordBatch);

impl RecordBatchBuilder {
    /// An empty batch of `partition`.
    pub fn new(partition: u32) -> Self {
        Self(RecordBatch { partition, bytes: Vec::new(), records: Vec::new() })
    }

    /// How many records were pushed.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether none was.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many bytes were pushed.
    pub fn bytes(&self) -> usize {
        self.0.bytes()
    }

    /// Adds a record; `headers` in the form [`AppendRecord::headers`] and [`Headers::encode`] have.
    pub fn push(
        &mut self,
        offset: u64,
        time_ms: u64,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        headers: Headers<'_>,
    ) {
        let payload = write(&mut self.0.bytes, key, value, headers);
        self.0.records.push(Entry { offset, time_ms, payload });
    }

    /// The batch.
    pub fn finish(self) -> RecordBatch {
        self.0
    }
}

/// Records to append to one topic, each with its partition.
#[derive(Clone, Debug)]
pub struct AppendBatch {
    topic: TopicName,
    bytes: Vec<u8>,
    records: Vec<(u32, Payload)>,
    /// Whether the acknowledgement is to say each record's offset.
    pub want_offsets: bool,
}

/// A record of an [`AppendBatch`].
#[derive(Clone, Copy, Debug)]
pub struct AppendRecord<'a> {
    /// Where it goes.
    pub partition: u32,
    /// The key, if it has one.
    pub key: Option<&'a [u8]>,
    /// The value, if it has one.
    pub value: Option<&'a [u8]>,
    /// The headers.
    pub headers: Headers<'a>,
}

impl AppendBatch {
    /// An empty batch.
    pub fn new(topic: TopicName) -> Self {
        Self { topic, bytes: Vec::new(), records: Vec::new(), want_offsets: false }
    }

    /// The topic.
    pub fn topic(&self) -> &TopicName {
        &self.topic
    }

    /// How many records.
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.records.is_empty()
    }

    /// Bytes of keys, values and headers.
    pub fn bytes(&self) -> usize {
        self.bytes.len()
    }

    /// Makes room for so many more records of so many bytes together.
    pub fn reserve(&mut self, records: usize, bytes: usize) {
        self.records.reserve(records);
        self.bytes.reserve(bytes);
    }

    /// Adds a record from finished parts.
    pub fn push(&mut self, partition: u32, key: Option<&[u8]>, value: Option<&[u8]>, headers: Headers<'_>) {
        let payload = write(&mut self.bytes, key, value, headers);
        self.records.push((partition, payload));
    }

    /// Adds a record without headers whose value `encode` writes straight into the batch. `encode` must only append.
    pub fn push_with(&mut self, partition: u32, key: Option<&[u8]>, encode: impl FnOnce(&mut Vec<u8>)) {
        let start = position(&self.bytes);
        self.bytes.extend_from_slice(key.unwrap_or_default());
        let key_end = position(&self.bytes);
        encode(&mut self.bytes);
        let value_end = position(&self.bytes);
        let (has_key, has_value) = (key.is_some(), true);
        let payload = Payload { start, key_end, value_end, headers_end: value_end, has_key, has_value };
        self.records.push((partition, payload));
    }

    /// The records.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = AppendRecord<'_>> {
        self.records.iter().map(|(partition, payload)| AppendRecord {
            partition: *partition,
            key: payload.has_key.then(|| slice(&self.bytes, payload.start..payload.key_end)),
            value: payload.has_value.then(|| slice(&self.bytes, payload.key_end..payload.value_end)),
            headers: Headers(slice(&self.bytes, payload.value_end..payload.headers_end)),
        })
    }
}

/// The headers of a record: names and values, encoded one after the other, lengths first.
#[derive(Clone, Copy, Debug, Default)]
pub struct Headers<'a>(&'a [u8]);

impl<'a> Headers<'a> {
    /// No headers.
    pub const NONE: Self = Self(&[]);

    /// Reads headers from the encoded form; bytes that are no headers read as fewer headers.
    pub fn from_encoded(bytes: &'a [u8]) -> Self {
        Self(bytes)
    }

    /// The encoded form.
    pub fn as_encoded(&self) -> &'a [u8] {
        self.0
    }

    /// Appends one header to an encoded form.
    pub fn encode(into: &mut Vec<u8>, name: &str, value: &[u8]) {
        for part in [name.as_bytes(), value] {
            into.extend_from_slice(&position(part).to_le_bytes());
            into.extend_from_slice(part);
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Names and values in order; names that are not UTF-8 read as empty.
    pub fn iter(&self) -> impl Iterator<Item = (&'a str, &'a [u8])> {
        let mut rest = self.0;
        std::iter::from_fn(move || {
            let (name, after) = split(rest)?;
            let (value, after) = split(after)?;
            rest = after;
            Some((std::str::from_utf8(name).unwrap_or_default(), value))
        })
    }

    /// The first value under `name`.
    pub fn get(&self, name: &str) -> Option<&'a [u8]> {
        self.iter().find(|(candidate, _)| *candidate == name).map(|(_, value)| value)
    }
}

fn split(bytes: &[u8]) -> Option<(&[u8], &[u8])> {
    let (length, rest) = bytes.split_first_chunk::<4>()?;
    rest.split_at_checked(usize::try_from(u32::from_le_bytes(*length)).ok()?)
}

fn write(bytes: &mut Vec<u8>, key: Option<&[u8]>, value: Option<&[u8]>, headers: Headers<'_>) -> Payload {
    let start = position(bytes);
    bytes.extend_from_slice(key.unwrap_or_default());
    let key_end = position(bytes);
    bytes.extend_from_slice(value.unwrap_or_default());
    let value_end = position(bytes);
    bytes.extend_from_slice(headers.0);
    let headers_end = position(bytes);
    Payload { start, key_end, value_end, headers_end, has_key: key.is_some(), has_value: value.is_some() }
}

/// The length as a batch keeps it. Batches stay far below 4 GiB ([`crate::limits`]), so this never saturates.
fn position(bytes: &[u8]) -> u32 {
    u32::try_from(bytes.len()).unwrap_or(u32::MAX)
}

fn slice(bytes: &[u8], range: Range<u32>) -> &[u8] {
    let index = |end: u32| usize::try_from(end).unwrap_or(usize::MAX);
    bytes.get(index(range.start)..index(range.end)).unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_goes_in_comes_out() {
        let mut headers = Vec::new();
        Headers::encode(&mut headers, "a", b"1");
        Headers::encode(&mut headers, "b", b"");
        let mut batch = AppendBatch::new("orders".into());
        batch.push(3, Some(b"key"), Some(b"value"), Headers::from_encoded(&headers));
        batch.push(0, None, None, Headers::NONE);
        batch.push(1, Some(b""), Some(b""), Headers::NONE);
        batch.push_with(2, Some(b"k"), |bytes| bytes.extend_from_slice(b"v"));
        let seen: Vec<_> = batch.iter().map(|record| (record.partition, record.key, record.value)).collect();
        assert_eq!(seen[0], (3, Some(&b"key"[..]), Some(&b"value"[..])));
        assert_eq!(seen[1], (0, None, None));
        assert_eq!(seen[2], (1, Some(&b""[..]), Some(&b""[..])));
        assert_eq!(seen[3], (2, Some(&b"k"[..]), Some(&b"v"[..])));
        let first = batch.iter().next().unwrap().headers;
        assert_eq!(first.get("b"), Some(&b""[..]));
        assert_eq!(first.iter().count(), 2);
        assert_eq!(first.get("c"), None);
    }

    #[test]
    fn torn_headers_read_as_fewer() {
        let mut headers = Vec::new();
        Headers::encode(&mut headers, "name", b"value");
        for end in 0..headers.len() {
            assert_eq!(Headers::from_encoded(&headers[..end]).iter().count(), 0);
        }
    }
}
