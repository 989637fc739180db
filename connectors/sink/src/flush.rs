//! What is gathered for the target, and the flush that is under way.

use std::collections::{BTreeMap, VecDeque};

use order_codec::{DeadLetter, DeadLetterReason};
use order_log::RecordBatch;
use order_model::{Partition, TimeMs};
use tokio::time::Instant;

use crate::limits::SinkLimits;
use crate::portion::{Decoder, Portion};
use crate::target::{Batch, Reached, Refused};

/// A portion that waits for its flush.
struct Waiting {
    portion: Box<Portion>,
    raw: RecordBatch,
    since: Instant,
}

/// Portions in the order they were read.
#[derive(Default)]
pub(crate) struct Gathered {
    portions: VecDeque<Waiting>,
    bytes: usize,
    rows: usize,
}

impl Gathered {
    pub(crate) fn push(&mut self, portion: Box<Portion>, raw: RecordBatch, now: Instant) {
        self.bytes += portion.bytes;
        self.rows += portion.rows();
        self.portions.push_back(Waiting { portion, raw, since: now });
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.portions.is_empty()
    }

    /// When the next flush is due, if there is anything to flush.
    pub(crate) fn due(&self, limits: &SinkLimits) -> Option<Instant> {
        let oldest = self.portions.front()?.since;
        // What is held in all bounds reading, so that a flush that needs more would never fill.
        let bytes_full = limits.flush_bytes_target.min(limits.held_bytes_max / 2);
        let is_full = self.bytes >= bytes_full || self.rows >= limits.flush_rows_target;
        Some(if is_full { oldest } else { oldest + limits.flush_wait })
    }

    /// Forgets a partition; says how many bytes that frees.
    pub(crate) fn drop_partition(&mut self, partition: Partition) -> usize {
        let before = self.bytes;
        self.portions.retain(|waiting| {
            let stays = waiting.portion.partition != partition;
            if !stays {
                self.bytes -= waiting.portion.bytes;
                self.rows -= waiting.portion.rows();
            }
            stays
        });
        before - self.bytes
    }

    /// The time of the oldest record of a partition.
    pub(crate) fn oldest(&self, partition: Partition) -> Option<TimeMs> {
        let ours = self.portions.iter().filter(|waiting| waiting.portion.partition == partition);
        ours.map(|waiting| waiting.portion.time).find(|time| *time > TimeMs(0))
    }

    /// The next flush: the oldest portions, up to the targets of the limits.
    pub(crate) fn take(&mut self, limits: &SinkLimits, now: Instant) -> Flush {
        let mut flush = Flush::new(now);
        let (mut bytes, mut rows) = (0, 0);
        while bytes < limits.flush_bytes_target && rows < limits.flush_rows_target {
            let Some(waiting) = self.portions.pop_front() else { break };
            self.bytes -= waiting.portion.bytes;
            self.rows -= waiting.portion.rows();
            bytes += waiting.portion.bytes;
            rows += waiting.portion.rows();
            flush.add(*waiting.portion, waiting.raw);
        }
        flush
    }
}

/// What has to be done next for a flush.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Step {
    /// Bring the decisions into the target.
    Write,
    /// Store the dead letters.
    Letters,
    /// Record the progress.
    Advance,
}

/// Decisions on their way into the target. Each step is tried until it is done.
pub(crate) struct Flush {
    pub(crate) step: Step,
    pub(crate) batches: Vec<Batch>,
    pub(crate) letters: Vec<DeadLetter>,
    pub(crate) progress: BTreeMap<Partition, Progress>,
    /// Faults in a row.
    pub(crate) faults: u32,
    /// Not to be tried before.
    pub(crate) not_before: Instant,
    raws: Vec<RecordBatch>,
}

/// What a flush means for one partition.
#[derive(Clone, Copy)]
pub(crate) struct Progress {
    pub(crate) reached: Reached,
    /// The time of the oldest record; zero when there is none.
    pub(crate) time: TimeMs,
    /// What it holds in memory.
    pub(crate) bytes: usize,
}

impl Flush {
    fn new(now: Instant) -> Self {
        Self {
            step: Step::Write,
            batches: Vec::new(),
            letters: Vec::new(),
            progress: BTreeMap::new(),
            faults: 0,
            not_before: now,
            raws: Vec::new(),
        }
    }

    fn add(&mut self, portion: Portion, raw: RecordBatch) {
        let Portion { partition, batches, letters, reached, time, bytes, .. } = portion;
        let progress = self.progress.entry(partition).or_insert(Progress { reached, time, bytes: 0 });
        progress.reached = reached;
        progress.time = if progress.time == TimeMs(0) { time } else { progress.time };
        progress.bytes += bytes;
        for batch in batches {
            let mut ours = self.batches.iter_mut().rev().filter(|earlier| earlier.partition == partition);
            match ours
                .next()
                .filter(|earlier| earlier.reached().sequence == batch.follows && batch.is_dense())
            {
                Some(earlier) => earlier.arrivals.extend(batch.arrivals),
                None => self.batches.push(batch),
            }
        }
        self.letters.extend(letters);
        self.raws.push(raw);
    }

    /// Forgets a partition that goes to another process; says how many bytes that frees.
    pub(crate) fn drop_partition(&mut self, partition: Partition) -> usize {
        self.batches.retain(|batch| batch.partition != partition);
        self.letters.retain(|letter| letter.partition != partition.0);
        self.raws.retain(|raw| raw.partition() != partition.0);
        self.progress.remove(&partition).map_or(0, |progress| progress.bytes)
    }

    /// The dead letter of a decision the target refused, if it was given one.
    pub(crate) fn letter(&self, decoder: &Decoder, refused: &Refused) -> Option<DeadLetter> {
        let ours = self.batches.iter().filter(|batch| batch.partition == refused.partition);
        let mut arrivals = ours.flat_map(|batch| &batch.arrivals);
        let offset = arrivals.find(|arrival| arrival.decision.sequence == refused.sequence)?.offset.0;
        let raws = self.raws.iter().filter(|raw| raw.partition() == refused.partition.0);
        let mut near = raws.filter(|raw| (raw.first_offset()..raw.next_offset()).contains(&offset));
        let record = near.next()?.iter().find(|record| record.offset == offset)?;
        Some(decoder.letter(refused.partition, &record, DeadLetterReason::Refused, refused.reason.clone()))
    }

    pub(crate) fn rows(&self) -> usize {
        self.batches.iter().map(|batch| batch.arrivals.len()).sum()
    }

    pub(crate) fn record_bytes(&self) -> usize {
        self.raws.iter().map(RecordBatch::bytes).sum()
    }

    pub(crate) fn held_bytes(&self) -> usize {
        self.progress.values().map(|progress| progress.bytes).sum()
    }
}
