//! Partitions: what their segments are and how far they are synced. Readers and the writer meet here.

use std::fs::File;
use std::path::{Path, PathBuf};
use std::sync::Mutex;

use crate::LogError;
use crate::signal::locked;

use super::files::{self, damaged, failed, sync_folder};
use super::segment::{Index, Mark, scan};

/// Whether a log may be changed.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Access {
    Write,
    ReadOnly,
}

#[derive(Debug)]
pub(super) struct Partition {
    pub(super) topic: String,
    pub(super) number: u32,
    folder: PathBuf,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// At least one; ascending.
    segments: Vec<Segment>,
    end: u64,
}

#[derive(Debug)]
struct Segment {
    /// The offset of its first record.
    base: u64,
    /// Bytes that are synced.
    bytes: u64,
    /// None for a segment of an earlier process that nobody has looked into yet.
    index: Option<Index>,
}

/// How far a segment may be read, and which comes next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Extent {
    pub(super) bytes: u64,
    pub(super) next_base: Option<u64>,
}

/// Where the next round goes.
#[derive(Clone, Copy, Debug)]
pub(super) struct Tail {
    pub(super) base: u64,
    pub(super) bytes: u64,
    pub(super) end: u64,
}

impl Partition {
    /// Makes the folder of an empty partition.
    pub(super) fn create(folder: &Path) -> Result<(), LogError> {
        files::create_folder(folder)?;
        files::create(&segment_path(folder, 0))?;
        sync_folder(folder)
    }

    pub(super) fn open(topic: &str, number: u32, folder: &Path, access: Access) -> Result<Self, LogError> {
        let bases: Vec<u64> = files::list(folder)?.iter().filter_map(|path| base_of(path)).collect();
        if bases.first() != Some(&0) {
            let detail = "the partition's first segment is missing; restore it from a copy";
            return Err(damaged(&segment_path(folder, 0), 0, detail));
        }
        let mut segments = Vec::new();
        for base in &bases {
            segments.push(Segment { base: *base, bytes: length(&segment_path(folder, *base))?, index: None });
        }
        let mut state = State { segments, end: 0 };
        if let Some(last) = state.segments.last_mut() {
            state.end = open_last(folder, last, access)?;
        }
        Ok(Self { topic: topic.to_owned(), number, folder: folder.to_owned(), state: Mutex::new(state) })
    }

    pub(super) fn end(&self) -> u64 {
        locked(&self.state).end
    }

    pub(super) fn segment_path(&self, base: u64) -> PathBuf {
        segment_path(&self.folder, base)
    }

    pub(super) fn extent(&self, base: u64) -> Extent {
        let state = locked(&self.state);
        let place = state.segments.partition_point(|segment| segment.base < base);
        Extent {
            bytes: state.segments.get(place).map_or(0, |segment| segment.bytes),
            next_base: state.segments.get(place + 1).map(|segment| segment.base),
        }
    }

    /// The segment that `offset` is in, and a frame of it that begins at or before `offset`.
    pub(super) fn locate(&self, offset: u64) -> Result<(u64, Mark), LogError> {
        let state = locked(&self.state);
        let after = state.segments.partition_point(|segment| segment.base <= offset);
        let Some(segment) = after.checked_sub(1).and_then(|place| state.segments.get(place)) else {
            return Ok((0, Mark { offset: 0, byte: 0 }));
        };
        let (base, bytes) = (segment.base, segment.bytes);
        let begin = Mark { offset: base, byte: 0 };
        if let Some(index) = &segment.index {
            return Ok((base, index.find(offset).unwrap_or(begin)));
        }
        drop(state);
        if offset == base {
            return Ok((base, begin));
        }
        let index = self.index_of(base, bytes)?;
        let mark = index.find(offset).unwrap_or(begin);
        if let Some(segment) = locked(&self.state).segments.iter_mut().find(|segment| segment.base == base) {
            segment.index = Some(index);
        }
        Ok((base, mark))
    }

    /// Reads a segment that is not the last: it has no tail that could be torn.
    fn index_of(&self, base: u64, bytes: u64) -> Result<Index, LogError> {
        let path = self.segment_path(base);
        let scan = scan(&path, base, bytes)?;
        match scan.torn {
            None => Ok(scan.index),
            Some(detail) => Err(damaged(&path, scan.bytes, detail)),
        }
    }

    pub(super) fn tail(&self) -> Tail {
        let state = locked(&self.state);
        let (base, bytes) = state.segments.last().map_or((0, 0), |segment| (segment.base, segment.bytes));
        Tail { base, bytes, end: state.end }
    }

    /// Creates the segment that begins at the end, and whose name is safe when this returns.
    pub(super) fn roll(&self) -> Result<File, LogError> {
        let base = self.end();
        let file = files::create(&self.segment_path(base))?;
        sync_folder(&self.folder)?;
        locked(&self.state).segments.push(Segment { base, bytes: 0, index: Some(Index::default()) });
        Ok(file)
    }

    /// Shows readers what was synced at the end of the last segment: now `bytes` bytes, and records up to `end`.
    pub(super) fn publish(&self, bytes: u64, end: u64, frames: impl Iterator<Item = Mark>) {
        let mut state = locked(&self.state);
        state.end = end;
        if let Some(last) = state.segments.last_mut() {
            last.bytes = bytes;
            let index = last.index.get_or_insert_default();
            frames.for_each(|mark| index.note(mark));
        }
    }
}

/// Checks the last segment, cuts a torn tail off, and says the end of the partition.
fn open_last(folder: &Path, last: &mut Segment, access: Access) -> Result<u64, LogError> {
    let path = segment_path(folder, last.base);
    let scan = scan(&path, last.base, last.bytes)?;
    let torn_bytes = last.bytes - scan.bytes;
    if let Some(reason) = scan.torn {
        let file = path.display();
        let byte = scan.bytes;
        let end = scan.end;
        match access {
            Access::Write => tracing::warn!(
                %file, byte, torn_bytes, end, reason,
                "a crash tore the last write: cut it off; nothing of it was acknowledged"
            ),
            Access::ReadOnly => tracing::warn!(
                %file, byte, torn_bytes, end, reason,
                "a crash tore the last write: taken as the end; nothing of it was acknowledged"
            ),
        }
    }
    if access == Access::Write && last.bytes > 0 {
        let file = files::open_to_write(&path)?;
        // Whole frames may be in the system's cache only, and readers must not see what a power cut can take back.
        let cut = if torn_bytes > 0 { file.set_len(scan.bytes) } else { Ok(()) };
        cut.and_then(|()| file.sync_all()).map_err(failed(format!("syncing {}", path.display())))?;
    }
    last.bytes = scan.bytes;
    last.index = Some(scan.index);
    Ok(scan.end)
}

fn segment_path(folder: &Path, base: u64) -> PathBuf {
    folder.join(format!("{base:020}.log"))
}

fn base_of(path: &Path) -> Option<u64> {
    path.file_name()?.to_str()?.strip_suffix(".log")?.parse().ok()
}

fn length(path: &Path) -> Result<u64, LogError> {
    let metadata = std::fs::metadata(path).map_err(failed(format!("opening {}", path.display())))?;
    Ok(metadata.len())
}
