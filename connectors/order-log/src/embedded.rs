//! The log in a folder on this machine.
//!
//! Promised, beyond what every log promises:
//! - An append is acknowledged only when its bytes are synced to the disk, and no reader sees it earlier. All that
//!   waits is written together and synced once a file: one sync a round, never one a record.
//! - One process has the folder open for writing, or any number for reading only.
//! - A write that a crash tore is cut off at the next open, with a warning; damage anywhere else is an error that
//!   names file and byte. Every read checks the checksum.
//! - After a disk error nothing more is appended: every appender fails until the folder is opened anew.
//!
//! Not promised: retention (records are kept for ever), copies on other machines, platforms without Unix file calls.
//! Segments before the last are checked when they are read, not at open.
//!
//! # Files
//!
//! ```text
//! lock                                     held by an OS lock while open
//! topics/TOPIC/topic.toml                  number of partitions
//! topics/TOPIC/PARTITION/FIRST_OFFSET.log  a segment: frames, one after the other; 20 digits
//! ```
//!
//! A new segment begins when a round finds the last one at [`EmbeddedOptions::segment_bytes`] or more.
//!
//! # Frames
//!
//! Numbers are little-endian.
//!
//! ```text
//! byte  0  magic "OLF1"
//!       4  u32  CRC32 (IEEE) of all that follows in the frame
//!       8  u32  bytes of the body
//!      12  u32  number of records
//!      16  u64  offset of the first record
//!      24  u64  time of append, milliseconds since 1970
//!      32  u64  round start: the length of the segment when the round began; all before it was synced by then
//!      40       body: the records
//! record:  u32 key bytes, u32 value bytes, u32 header bytes (4,294,967,295: none), key, value, headers
//! ```
//!
//! # Torn tail or damage
//!
//! A crash can leave the frames of the last round in any state: missing, half there, or the second whole and the
//! first not, because the disk orders unsynced writes as it likes. Nothing of that round was acknowledged. So at the
//! first bad frame, at byte B of the last segment, the rest of the file is searched for a whole frame whose round
//! began after B. If there is one, B was synced before that frame was written, so the bytes at B were good once: this
//! is damage, and the log is refused. If there is none, B is in the last round: a torn tail, cut off at B. The search
//! may only err towards refusing, when a record in a torn tail contains a whole frame of another log.
//! A frame with a right checksum and a wrong offset is damage wherever it stands.
//!
//! What this cannot tell apart: a torn last round, and a last round that was acknowledged and later spoiled on the
//! disk. Both are cut off, which is why the cut is a warning.

mod appender;
mod files;
mod frame;
mod partition;
mod reader;
mod segment;
mod topic;
mod writer;

use std::collections::BTreeMap;
use std::fs::{File, TryLockError};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::group::Groups;
use crate::limits::RECORD_BYTES_MAX;
use crate::local::LocalReader;
use crate::signal::{Signal, locked};
use crate::{Bounds, Clock, Log, LogAppender, LogError, LogReader, ReadLimits, TopicFinding, TopicSpec};

use appender::EmbeddedAppender;
use files::{failed, sync_folder};
use partition::Access;
use reader::EmbeddedSource;
use topic::Topic;
use writer::WriterHandle;

/// How an [`EmbeddedLog`] writes.
#[derive(Clone)]
pub struct EmbeddedOptions {
    /// A segment of this many bytes gets no further round.
    pub segment_bytes: u64,
    /// Stamps the records. May run backwards.
    pub clock: Clock,
}

impl Default for EmbeddedOptions {
    /// Segments of 256 MiB, the time of the system.
    fn default() -> Self {
        Self { segment_bytes: 256 * 1_048_576, clock: Arc::new(system_time_ms) }
    }
}

fn system_time_ms() -> u64 {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX)
}

/// A log in a folder. Clones share it; the last of them, its readers and its appenders closes it, after everything
/// that was taken for appending is written.
#[derive(Clone)]
pub struct EmbeddedLog(Arc<Inner>);

struct Inner {
    folder: PathBuf,
    topics: Mutex<BTreeMap<String, Arc<Topic>>>,
    signal: Arc<Signal>,
    groups: Arc<Groups>,
    /// None when opened for reading only. Dropped before the lock.
    writer: Option<WriterHandle>,
    /// Holds the folder; a folder opened for reading only may have none.
    _lock: Option<File>,
}

impl EmbeddedLog {
    /// Opens the log in `folder` for appending and reading; creates it if there is none.
    pub fn open(folder: &Path, options: EmbeddedOptions) -> Result<Self, LogError> {
        let topics_folder = folder.join("topics");
        std::fs::create_dir_all(&topics_folder)
            .map_err(failed(format!("creating the log folder {}", folder.display())))?;
        let lock = files::lock_file(&folder.join("lock"))?;
        lock.try_lock().map_err(|error| locked_out(folder, error))?;
        sync_folder(folder)?;
        let topics = topic::load_all(&topics_folder, Access::Write)?;
        let signal = Arc::new(Signal::default());
        let writer = WriterHandle::start(options, Arc::clone(&signal))?;
        Ok(Self::assemble(folder, topics, signal, Some(writer), Some(lock)))
    }

    /// Opens the log in `folder` for reading what it has now; writes nothing. A torn tail is taken as the end.
    pub fn open_read_only(folder: &Path) -> Result<Self, LogError> {
        let lock_path = folder.join("lock");
        // A copy made without the lock file can be read: nobody writes there without making one.
        let lock = lock_path.exists().then(|| files::open(&lock_path)).transpose()?;
        if let Some(lock) = &lock {
            lock.try_lock_shared().map_err(|error| locked_out(folder, error))?;
        }
        let topics = topic::load_all(&folder.join("topics"), Access::ReadOnly)?;
        Ok(Self::assemble(folder, topics, Arc::default(), None, lock))
    }

    fn assemble(
        folder: &Path,
        topics: BTreeMap<String, Arc<Topic>>,
        signal: Arc<Signal>,
        writer: Option<WriterHandle>,
        lock: Option<File>,
    ) -> Self {
        Self(Arc::new(Inner {
            folder: folder.to_owned(),
            topics: Mutex::new(topics),
            groups: Groups::new(Arc::clone(&signal)),
            signal,
            writer,
            _lock: lock,
        }))
    }

    /// The topics there are, in the order of their names.
    pub fn topics(&self) -> Vec<String> {
        locked(&self.0.topics).keys().cloned().collect()
    }

    fn topic(&self, name: &str) -> Result<Arc<Topic>, LogError> {
        let topic = locked(&self.0.topics).get(name).cloned();
        topic.ok_or_else(|| LogError::NoTopic { log: self.describe(), topic: name.to_owned() })
    }

    fn writer(&self) -> Result<&WriterHandle, LogError> {
        self.0.writer.as_ref().ok_or_else(|| LogError::Failed {
            context: format!("writing to {}", self.describe()),
            detail: "it is open for reading only".to_owned(),
        })
    }

    fn reader_of(
        &self,
        topic: &str,
        group: Option<&str>,
        limits: ReadLimits,
    ) -> Result<Box<dyn LogReader>, LogError> {
        let partitions = self.partitions(topic)?;
        let membership = group.map(|group| self.0.groups.join(topic, group, partitions));
        let source = EmbeddedSource { topic: self.topic(topic)?, _log: self.clone() };
        Ok(Box::new(LocalReader::new(source, limits, Arc::clone(&self.0.signal), membership)))
    }
}

fn locked_out(folder: &Path, error: TryLockError) -> LogError {
    let folder = folder.display().to_string();
    match error {
        TryLockError::WouldBlock => LogError::Locked { folder },
        TryLockError::Error(error) => failed(format!("locking the log folder {folder}"))(error),
    }
}

impl Log for EmbeddedLog {
    fn describe(&self) -> String {
        format!("folder {}", self.0.folder.display())
    }

    fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<String>, LogError> {
        let mut topics = locked(&self.0.topics);
        let mut created = Vec::new();
        for spec in specs {
            if topics.contains_key(&spec.name) {
                continue;
            }
            self.writer()?;
            let topic = topic::create(&self.0.folder.join("topics"), spec, topics.len())?;
            topics.insert(spec.name.clone(), Arc::new(topic));
            created.push(spec.name.clone());
        }
        Ok(created)
    }

    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicFinding>, LogError> {
        let mut findings = Vec::new();
        for spec in specs {
            findings.extend(spec.compare_partitions(self.partitions(&spec.name).ok()));
            if spec.replication > 1 {
                findings.push(spec.finding("replication", 1, spec.replication));
            }
            if spec.record_bytes_max > RECORD_BYTES_MAX {
                findings.push(spec.finding("record_bytes_max", RECORD_BYTES_MAX, spec.record_bytes_max));
            }
        }
        Ok(findings)
    }

    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        Ok(self.topic(topic)?.partition_count())
    }

    fn bounds(&self, topic: &str, partition: u32) -> Result<Bounds, LogError> {
        Ok(Bounds { start: 0, end: self.topic(topic)?.partition(partition)?.end() })
    }

    fn reader(&self, topic: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        self.reader_of(topic, None, limits)
    }

    fn member(&self, topic: &str, group: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        self.reader_of(topic, Some(group), limits)
    }

    fn appender(&self) -> Result<Box<dyn LogAppender>, LogError> {
        self.writer()?.healthy()?;
        Ok(Box::new(EmbeddedAppender::new(self.clone())))
    }
}
