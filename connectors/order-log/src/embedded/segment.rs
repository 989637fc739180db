//! Reading segments: frame by frame, and as a whole at open.

use std::fs::File;
use std::ops::Range;
use std::os::unix::fs::FileExt;
use std::path::{Path, PathBuf};

use crate::LogError;
use crate::limits::{INDEX_EVERY_BYTES, READ_CHUNK_BYTES};

use super::files::{self, damaged, failed};
use super::frame::{FrameHeader, HEADER_BYTES, synced_frame_after};

/// Why there is no next frame.
#[derive(Debug)]
pub(super) enum Fault {
    /// The file cannot be read.
    Unreadable(LogError),
    /// No whole frame stands at `byte`.
    Broken { byte: u64, detail: &'static str },
    /// A whole frame stands at `byte`, of other records than should be there.
    Misplaced { byte: u64, found: u64, expected: u64 },
}

impl Fault {
    pub(super) fn into_error(self, file: &Path) -> LogError {
        match self {
            Self::Unreadable(error) => error,
            Self::Broken { byte, detail } => damaged(file, byte, detail),
            Self::Misplaced { byte, found, expected } => {
                damaged(file, byte, format!("offset {expected} should be here, and {found} is"))
            }
        }
    }
}

/// Reads the frames of one segment in large chunks.
#[derive(Debug)]
pub(super) struct FrameReader {
    path: PathBuf,
    file: File,
    /// Bytes of the file from `chunk_start` on; those before `at` are done with.
    chunk: Vec<u8>,
    chunk_start: u64,
    at: usize,
    /// Nothing is read from here on.
    end: u64,
}

impl FrameReader {
    /// Reads from `byte`, where a frame begins, to `end`.
    pub(super) fn open(path: PathBuf, byte: u64, end: u64) -> Result<Self, LogError> {
        let file = files::open(&path)?;
        Ok(Self { path, file, chunk: Vec::new(), chunk_start: byte, at: 0, end })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }

    /// Allows reading up to `end`.
    pub(super) fn extend(&mut self, end: u64) {
        self.end = end;
    }

    pub(super) fn byte(&self) -> u64 {
        self.chunk_start + wide(self.at)
    }

    pub(super) fn at_end(&self) -> bool {
        self.byte() >= self.end
    }

    /// The next frame, whose first record must have the offset `expected`, and where its body is in
    /// [`FrameReader::bytes`] until the next call.
    pub(super) fn next(&mut self, expected: u64) -> Result<Option<(FrameHeader, Range<usize>)>, Fault> {
        if self.at_end() {
            return Ok(None);
        }
        let byte = self.byte();
        let broken = |detail| Fault::Broken { byte, detail };
        self.fill(HEADER_BYTES)?;
        let header = FrameHeader::parse(self.rest()).map_err(broken)?;
        self.fill(header.frame_bytes())?;
        let header = FrameHeader::parse_frame(self.rest()).map_err(broken)?;
        if header.first_offset != expected {
            return Err(Fault::Misplaced { byte, found: header.first_offset, expected });
        }
        let body = self.at + HEADER_BYTES..self.at + header.frame_bytes();
        self.at = body.end;
        Ok(Some((header, body)))
    }

    /// The bytes the last body is in.
    pub(super) fn bytes(&self) -> &[u8] {
        &self.chunk
    }

    fn rest(&self) -> &[u8] {
        self.chunk.get(self.at..).unwrap_or_default()
    }

    /// Has `bytes` bytes from the current place on in the chunk, or all there are.
    fn fill(&mut self, bytes: usize) -> Result<(), Fault> {
        if self.rest().len() >= bytes {
            return Ok(());
        }
        self.chunk_start = self.byte();
        self.chunk.drain(..self.at);
        self.at = 0;
        let have = self.chunk.len();
        let left = usize::try_from(self.end.saturating_sub(self.chunk_start)).unwrap_or(usize::MAX);
        self.chunk.resize(left.min(bytes.max(READ_CHUNK_BYTES)).max(have), 0);
        let missing = self.chunk.get_mut(have..).unwrap_or_default();
        let from = self.chunk_start + wide(have);
        let read = self.file.read_exact_at(missing, from);
        read.map_err(failed(format!("reading {} from byte {from}", self.path.display()))).map_err(|error| {
            self.chunk.truncate(have);
            Fault::Unreadable(error)
        })
    }
}

/// Where some of the frames of a segment begin, one every [`INDEX_EVERY_BYTES`].
#[derive(Clone, Debug, Default)]
pub(super) struct Index(Vec<Mark>);

/// A frame that begins at `byte`, with the record at `offset`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Mark {
    pub(super) offset: u64,
    pub(super) byte: u64,
}

impl Index {
    /// Notes a frame, if the last one noted is far enough behind. Marks have to come in order.
    pub(super) fn note(&mut self, mark: Mark) {
        if self.0.last().is_none_or(|last| mark.byte >= last.byte + INDEX_EVERY_BYTES) {
            self.0.push(mark);
        }
    }

    /// The last mark at or before `offset`.
    pub(super) fn find(&self, offset: u64) -> Option<Mark> {
        let after = self.0.partition_point(|mark| mark.offset <= offset);
        self.0.get(after.checked_sub(1)?).copied()
    }
}

/// What a whole segment holds.
#[derive(Debug)]
pub(super) struct Scan {
    /// The offset after its last record.
    pub(super) end: u64,
    /// Bytes of whole frames.
    pub(super) bytes: u64,
    pub(super) index: Index,
    /// What is wrong with the bytes after those, if there are any.
    pub(super) torn: Option<&'static str>,
}

/// Reads a whole segment and checks every frame. Damage is an error, a torn tail is not; [`super`] says which is which.
pub(super) fn scan(path: &Path, base: u64, length: u64) -> Result<Scan, LogError> {
    let mut reader = FrameReader::open(path.to_owned(), 0, length)?;
    let mut scan = Scan { end: base, bytes: 0, index: Index::default(), torn: None };
    loop {
        match reader.next(scan.end) {
            Ok(None) => return Ok(scan),
            Ok(Some((header, _))) => {
                scan.index.note(Mark { offset: header.first_offset, byte: scan.bytes });
                scan.end = header.next_offset();
                scan.bytes = reader.byte();
            }
            Err(Fault::Broken { byte, detail }) => {
                refuse_damage(&reader, byte, scan.end, detail)?;
                scan.torn = Some(detail);
                return Ok(scan);
            }
            Err(fault) => return Err(fault.into_error(path)),
        }
    }
}

fn refuse_damage(reader: &FrameReader, byte: u64, offset: u64, detail: &str) -> Result<(), LogError> {
    let mut rest = vec![0; usize::try_from(reader.end - byte).unwrap_or(usize::MAX)];
    let read = reader.file.read_exact_at(&mut rest, byte);
    read.map_err(failed(format!("reading {} from byte {byte}", reader.path.display())))?;
    match synced_frame_after(&rest, byte, offset) {
        Some(later) => {
            let detail = format!(
                "{detail}, and acknowledged records follow at byte {later}; restore the file from a copy"
            );
            Err(damaged(&reader.path, byte, detail))
        }
        None => Ok(()),
    }
}

pub(super) fn wide(bytes: usize) -> u64 {
    u64::try_from(bytes).unwrap_or(u64::MAX)
}
