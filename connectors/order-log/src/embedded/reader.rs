//! Reading a partition from segment to segment, up to what is synced.

use std::ops::Range;
use std::sync::Arc;

use crate::local::{Source, after_the_end};
use crate::{LogError, ReadLimits, RecordBatch, RecordBatchBuilder};

use super::EmbeddedLog;
use super::files::damaged;
use super::frame::FrameRecord;
use super::partition::Partition;
use super::segment::FrameReader;
use super::topic::Topic;

/// The partitions of a topic. Keeps the log open.
pub(super) struct EmbeddedSource {
    pub(super) topic: Arc<Topic>,
    pub(super) _log: EmbeddedLog,
}

impl Source for EmbeddedSource {
    type Cursor = Cursor;

    fn seek(&self, partition: u32, offset: u64) -> Result<Cursor, LogError> {
        let partition = self.topic.partition(partition)?;
        let end = partition.end();
        if offset > end {
            return Err(after_the_end(&partition.topic, partition.number, offset, end));
        }
        Cursor::open(Arc::clone(partition), offset)
    }

    fn read(&self, cursor: &mut Cursor, limits: ReadLimits) -> Result<Option<RecordBatch>, LogError> {
        let mut batch = RecordBatchBuilder::new(cursor.partition.number);
        while cursor.take(&mut batch, limits)? && cursor.next_frame()? {}
        Ok((!batch.is_empty()).then(|| batch.finish()))
    }
}

/// A place in a partition.
#[derive(Debug)]
pub(super) struct Cursor {
    partition: Arc<Partition>,
    /// The segment it is in.
    base: u64,
    frames: FrameReader,
    /// The first offset wanted.
    from: u64,
    /// What is left of the frame it is in: where, from which offset on, to which.
    body: Range<usize>,
    next: u64,
    frame_end: u64,
    time_ms: u64,
}

impl Cursor {
    fn open(partition: Arc<Partition>, from: u64) -> Result<Self, LogError> {
        let (base, mark) = partition.locate(from)?;
        let end = partition.extent(base).bytes;
        let frames = FrameReader::open(partition.segment_path(base), mark.byte, end)?;
        let (next, frame_end) = (mark.offset, mark.offset);
        Ok(Self { partition, base, frames, from, body: 0..0, next, frame_end, time_ms: 0 })
    }

    /// Moves records of the frame into the batch; false when the batch is full.
    fn take(&mut self, batch: &mut RecordBatchBuilder, limits: ReadLimits) -> Result<bool, LogError> {
        let mut body = self.frames.bytes().get(self.body.clone()).unwrap_or_default();
        while self.next < self.frame_end {
            let Some(record) = FrameRecord::parse(body) else {
                let detail = format!("the frame has no record {}", self.next);
                return Err(damaged(self.frames.path(), self.frames.byte(), detail));
            };
            if self.next >= self.from {
                let full =
                    batch.len() >= limits.records_max || batch.bytes() + record.bytes() > limits.bytes_max;
                if full && !batch.is_empty() {
                    return Ok(false);
                }
                batch.push(self.next, self.time_ms, record.key, record.value, record.headers());
            }
            body = body.get(record.framed_bytes..).unwrap_or_default();
            self.body.start += record.framed_bytes;
            self.next += 1;
        }
        Ok(true)
    }

    /// Goes to the next frame; false when there is none yet.
    fn next_frame(&mut self) -> Result<bool, LogError> {
        while self.frames.at_end() {
            let extent = self.partition.extent(self.base);
            self.frames.extend(extent.bytes);
            if !self.frames.at_end() {
                break;
            }
            let Some(next_base) = extent.next_base else { return Ok(false) };
            if next_base != self.next {
                let detail = format!("the records from {} to before {next_base} are missing", self.next);
                return Err(damaged(self.frames.path(), self.frames.byte(), detail));
            }
            let end = self.partition.extent(next_base).bytes;
            self.frames = FrameReader::open(self.partition.segment_path(next_base), 0, end)?;
            self.base = next_base;
        }
        let frame = self.frames.next(self.next).map_err(|fault| fault.into_error(self.frames.path()))?;
        if let Some((header, body)) = frame {
            self.body = body;
            self.frame_end = header.next_offset();
            self.time_ms = header.time_ms;
        }
        Ok(self.next < self.frame_end)
    }
}
