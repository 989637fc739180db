//! The one thread that writes. It takes what is queued, writes it, syncs each touched file once, and acknowledges.

use std::fs::File;
use std::os::unix::fs::FileExt;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread::JoinHandle;

use crate::limits::ROUND_BYTES_MAX;
use crate::record::AppendRecord;
use crate::signal::{Signal, locked};
use crate::{Acknowledged, AppendBatch, Clock, LogError, Ticket};

use super::EmbeddedOptions;
use super::files::{self, failed};
use super::frame::FrameWriter;
use super::partition::Partition;
use super::segment::{Mark, wide};
use super::topic::Topic;

/// A batch on its way. The queue is bounded by what each appender may have unacknowledged.
pub(super) struct Job {
    pub(super) topic: Arc<Topic>,
    pub(super) batch: AppendBatch,
    pub(super) ticket: Ticket,
    pub(super) answers: Arc<Mutex<Vec<Acknowledged>>>,
}

/// The writer thread. Dropping it waits until all that was queued is written.
pub(super) struct WriterHandle {
    jobs: Option<Sender<Job>>,
    thread: Option<JoinHandle<()>>,
    failure: Arc<Failure>,
}

/// What stopped the writer, once something did.
type Failure = Mutex<Option<LogError>>;

impl WriterHandle {
    pub(super) fn start(options: EmbeddedOptions, signal: Arc<Signal>) -> Result<Self, LogError> {
        let (jobs, queue) = channel();
        let failure = Arc::new(Failure::default());
        let writer = Writer {
            clock: options.clock,
            segment_bytes: options.segment_bytes,
            signal,
            failure: Arc::clone(&failure),
            topics: Vec::new(),
            touched: Vec::new(),
        };
        let thread = std::thread::Builder::new().name("log-writer".to_owned()).spawn(|| writer.run(queue));
        let thread = thread.map_err(failed("starting the log's writer thread".to_owned()))?;
        Ok(Self { jobs: Some(jobs), thread: Some(thread), failure })
    }

    pub(super) fn send(&self, job: Job) -> Result<(), LogError> {
        // A failure meanwhile is for the appender's poll to tell, since the batch was taken.
        if self.jobs.as_ref().is_some_and(|jobs| jobs.send(job).is_ok()) {
            return Ok(());
        }
        self.healthy()?;
        Err(stopped("it ended without saying why"))
    }

    pub(super) fn healthy(&self) -> Result<(), LogError> {
        locked(&self.failure).clone().map_or(Ok(()), Err)
    }
}

impl Drop for WriterHandle {
    fn drop(&mut self) {
        self.jobs = None;
        if self.thread.take().is_some_and(|thread| thread.join().is_err()) {
            tracing::error!("the log's writer thread panicked; what it had not acknowledged may be lost");
        }
    }
}

fn stopped(detail: impl ToString) -> LogError {
    LogError::Failed { context: "the log's writer has stopped".to_owned(), detail: detail.to_string() }
}

struct Writer {
    clock: Clock,
    segment_bytes: u64,
    signal: Arc<Signal>,
    failure: Arc<Failure>,
    /// By topic id and partition.
    topics: Vec<Vec<Slot>>,
    /// Topic id and partition of what the round writes to.
    touched: Vec<(usize, usize)>,
}

/// The end of one partition.
struct Slot {
    partition: Arc<Partition>,
    file: Option<File>,
    base: u64,
    synced_bytes: u64,
    next_offset: u64,
    frames: FrameWriter,
    touched: bool,
}

impl Writer {
    fn run(mut self, queue: Receiver<Job>) {
        // Whoever sees this panic's effects has to see a failure too, not a log that is silent for ever.
        let failure = Arc::clone(&self.failure);
        let signal = Arc::clone(&self.signal);
        let _guard = OnPanic { failure, signal };
        while let Ok(first) = queue.recv() {
            let jobs = gather(first, &queue);
            if let Err(error) = self.round(jobs) {
                self.fail(error);
                return;
            }
        }
    }

    fn round(&mut self, jobs: Vec<Job>) -> Result<(), LogError> {
        let time_ms = (self.clock)();
        let mut answers = Vec::with_capacity(jobs.len());
        for job in jobs {
            let offsets = self.frame(&job, time_ms)?;
            answers.push((job.answers, Acknowledged { ticket: job.ticket, offsets }));
        }
        for place in 0..self.touched.len() {
            self.slot(place, Slot::write)?;
        }
        for place in 0..self.touched.len() {
            self.slot(place, Slot::sync)?;
        }
        for place in 0..self.touched.len() {
            self.slot(place, Slot::publish)?;
        }
        self.touched.clear();
        for (queue, acknowledged) in answers {
            locked(&queue).push(acknowledged);
        }
        self.signal.raise();
        Ok(())
    }

    /// Puts a batch into the frames of the round; says the offsets if they are wanted.
    fn frame(&mut self, job: &Job, time_ms: u64) -> Result<Vec<u64>, LogError> {
        let id = job.topic.id;
        if self.topics.len() <= id {
            self.topics.resize_with(id + 1, Vec::new);
        }
        let Some(slots) = self.topics.get_mut(id) else { return Err(stopped("a topic without a place")) };
        if slots.is_empty() {
            slots.extend(job.topic.partitions.iter().map(|partition| Slot::new(Arc::clone(partition))));
        }
        let mut offsets = Vec::with_capacity(if job.batch.want_offsets { job.batch.len() } else { 0 });
        for record in job.batch.iter() {
            let index = usize::try_from(record.partition).unwrap_or(usize::MAX);
            let Some(slot) = slots.get_mut(index) else {
                return Err(stopped("a record without a partition"));
            };
            if !slot.touched {
                slot.begin(time_ms, self.segment_bytes)?;
                self.touched.push((id, index));
            }
            let offset = slot.push(&record);
            if job.batch.want_offsets {
                offsets.push(offset);
            }
        }
        Ok(offsets)
    }

    fn slot(
        &mut self,
        place: usize,
        act: impl Fn(&mut Slot) -> Result<(), LogError>,
    ) -> Result<(), LogError> {
        let touched = self.touched.get(place).copied();
        let slot = touched.and_then(|(id, index)| self.topics.get_mut(id)?.get_mut(index));
        slot.map_or(Ok(()), act)
    }

    /// Takes the round's bytes back as far as the disk lets us, so that what was never acknowledged does not appear
    /// at the next open; then tells everyone.
    fn fail(&mut self, error: LogError) {
        for (id, index) in std::mem::take(&mut self.touched) {
            let slot = self.topics.get(id).and_then(|slots| slots.get(index));
            let Some((slot, file)) = slot.and_then(|slot| Some((slot, slot.file.as_ref()?))) else {
                continue;
            };
            if let Err(error) = file.set_len(slot.synced_bytes) {
                let file = slot.partition.segment_path(slot.base).display().to_string();
                tracing::warn!(file, %error, "could not take back a write that failed");
            }
        }
        tracing::error!(%error, "the log takes no more records; open it anew when the cause is gone");
        *locked(&self.failure) = Some(error);
        self.signal.raise();
    }
}

fn gather(first: Job, queue: &Receiver<Job>) -> Vec<Job> {
    let mut bytes = first.batch.bytes();
    let mut jobs = vec![first];
    while bytes < ROUND_BYTES_MAX
        && let Ok(job) = queue.try_recv()
    {
        bytes += job.batch.bytes();
        jobs.push(job);
    }
    jobs
}

impl Slot {
    fn new(partition: Arc<Partition>) -> Self {
        let tail = partition.tail();
        Self {
            partition,
            file: None,
            base: tail.base,
            synced_bytes: tail.bytes,
            next_offset: tail.end,
            frames: FrameWriter::default(),
            touched: false,
        }
    }

    /// Begins a round, in a new segment if the last one is full. All of the last one is synced by now.
    fn begin(&mut self, time_ms: u64, segment_bytes: u64) -> Result<(), LogError> {
        if self.synced_bytes > 0 && self.synced_bytes >= segment_bytes {
            self.file = Some(self.partition.roll()?);
            self.base = self.next_offset;
            self.synced_bytes = 0;
        } else if self.file.is_none() {
            self.file = Some(files::open_to_write(&self.partition.segment_path(self.base))?);
        }
        self.frames.begin(self.synced_bytes, time_ms);
        self.touched = true;
        Ok(())
    }

    fn push(&mut self, record: &AppendRecord<'_>) -> u64 {
        let offset = self.next_offset;
        self.frames.push(offset, record);
        self.next_offset += 1;
        offset
    }

    fn write(&mut self) -> Result<(), LogError> {
        let Some(file) = &self.file else { return Ok(()) };
        let (bytes, _) = self.frames.finish();
        let written = file.write_all_at(bytes, self.synced_bytes);
        written.map_err(|error| self.failed("writing", &error))
    }

    fn sync(&mut self) -> Result<(), LogError> {
        let Some(file) = &self.file else { return Ok(()) };
        file.sync_data().map_err(|error| self.failed("syncing", &error))
    }

    fn publish(&mut self) -> Result<(), LogError> {
        let begin = self.synced_bytes;
        let (bytes, frames) = self.frames.finish();
        self.synced_bytes += wide(bytes.len());
        let marks = frames.iter().map(|(offset, at)| Mark { offset: *offset, byte: begin + wide(*at) });
        self.partition.publish(self.synced_bytes, self.next_offset, marks);
        self.touched = false;
        Ok(())
    }

    fn failed(&self, doing: &str, error: &std::io::Error) -> LogError {
        let file = self.partition.segment_path(self.base);
        let (topic, partition) = (&self.partition.topic, self.partition.number);
        LogError::Failed {
            context: format!(
                "{doing} {} (topic {topic}, partition {partition}, up to offset {})",
                file.display(),
                self.next_offset
            ),
            detail: format!("{error}; nothing more is appended until the log is opened anew"),
        }
    }
}

/// Turns a panic of the writer into a failure.
struct OnPanic {
    failure: Arc<Failure>,
    signal: Arc<Signal>,
}

impl Drop for OnPanic {
    fn drop(&mut self) {
        if std::thread::panicking() {
            locked(&self.failure).get_or_insert_with(|| stopped("it panicked; see the log for where"));
            self.signal.raise();
        }
    }
}
