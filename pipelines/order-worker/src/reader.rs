//! The reader: a member of the group that hands batches to the timely threads and notes how far they have got.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use crossbeam_channel::{Receiver, Sender, TryRecvError};
use order_log::{LogError, LogReader, Polled, ReadLimits};

use crate::error::WorkerError;
use crate::limits::{BATCHES_AHEAD_MAX, BEGIN_RETRY, COMMIT_INTERVAL, READER_WAIT};
use crate::run::{PartitionSummary, Summary, WorkerEvent, WorkerOptions, WorkerParts};
use crate::stop::{Stop, StopLevel};
use crate::tail::resume_point;
use crate::thread::{Incarnation, Instruction, Report};

/// A partition as the reader sees it.
#[derive(Default)]
struct Ahead {
    incarnation: Incarnation,
    /// The offset after each batch that was handed over and is not durable, oldest first.
    batches: VecDeque<u64>,
    /// The offset after all that was handed over.
    next: u64,
    /// Everything before it is durable.
    durable: u64,
    /// What the group was told of it.
    committed: u64,
    is_paused: bool,
    /// The group, or the end of the worker, wants it back.
    is_leaving: bool,
}

pub(crate) struct Reader {
    parts: WorkerParts,
    options: WorkerOptions,
    member: Box<dyn LogReader>,
    /// Reads the ends of `decisions`.
    decisions: Box<dyn LogReader>,
    threads: Vec<Sender<Instruction>>,
    reports: Receiver<Report>,
    owned: BTreeMap<u32, Ahead>,
    /// Of the partition begun last.
    incarnation: Incarnation,
    /// Partitions that are ours and have not begun, and when to try.
    assigned: BTreeMap<u32, Instant>,
    summary: Summary,
    next_commit: Instant,
}

impl Reader {
    pub(crate) fn new(
        parts: &WorkerParts,
        options: &WorkerOptions,
        threads: Vec<Sender<Instruction>>,
        reports: Receiver<Report>,
    ) -> Result<Self, WorkerError> {
        let single = ReadLimits { records_max: 1, ..options.batch };
        let decisions = parts.log.reader(&options.topics.decisions, single)?;
        let member = parts.log.member(&options.topics.orders, &options.group, options.batch)?;
        Ok(Self {
            parts: parts.clone(),
            options: options.clone(),
            member,
            decisions,
            threads,
            reports,
            owned: BTreeMap::new(),
            incarnation: Incarnation::default(),
            assigned: BTreeMap::new(),
            summary: Summary::default(),
            next_commit: Instant::now(),
        })
    }

    pub(crate) fn run(mut self, stop: &Stop) -> Result<Summary, WorkerError> {
        let mut is_draining = false;
        loop {
            match stop.level() {
                StopLevel::Run => {}
                StopLevel::Drain if !is_draining => {
                    is_draining = true;
                    self.drain()?;
                }
                StopLevel::Drain => {}
                StopLevel::Now => break,
            }
            if is_draining && self.owned.is_empty() {
                break;
            }
            if let Some(polled) = self.member.poll(READER_WAIT)? {
                self.take(polled, is_draining)?;
            }
            self.begin_assigned()?;
            self.take_reports()?;
            self.commit();
        }
        self.summary.partitions.sort_by_key(|partition| partition.partition);
        Ok(self.summary)
    }

    fn take(&mut self, polled: Polled, is_draining: bool) -> Result<(), WorkerError> {
        match polled {
            Polled::Batch(batch) => {
                self.hand_over(batch.partition(), batch.next_offset(), Instruction::Batch(batch))
            }
            Polled::Passed { partition, next_offset } => {
                self.hand_over(partition, next_offset, Instruction::Passed { partition, next_offset })
            }
            Polled::Assigned(partitions) if is_draining => {
                partitions.into_iter().try_for_each(|partition| Ok(self.member.stop(partition)?))
            }
            Polled::Assigned(partitions) => {
                let now = Instant::now();
                self.assigned.extend(partitions.into_iter().map(|partition| (partition, now)));
                Ok(())
            }
            Polled::Revoked(partitions) => {
                partitions.into_iter().try_for_each(|partition| self.finish(partition))
            }
            Polled::Lost(partitions) => partitions.into_iter().try_for_each(|partition| {
                self.owned.remove(&partition);
                self.assigned.remove(&partition);
                tracing::warn!(
                    partition,
                    "the group took the partition away: this worker was silent for too long"
                );
                self.tell(partition, Instruction::Drop { partition })
            }),
        }
    }

    /// Begins one of the partitions that were assigned. One whose log does not answer is tried again later: the others
    /// go on meanwhile.
    fn begin_assigned(&mut self) -> Result<(), WorkerError> {
        let now = Instant::now();
        let Some(partition) =
            self.assigned.iter().find(|(_, at)| **at <= now).map(|(partition, _)| *partition)
        else {
            return Ok(());
        };
        match self.begin(partition) {
            Err(WorkerError::Log(error @ LogError::Unreachable { .. })) => {
                tracing::warn!(partition, %error, "the partition cannot be restored yet; trying again");
                self.assigned.insert(partition, Instant::now() + BEGIN_RETRY);
                Ok(())
            }
            begun => {
                self.assigned.remove(&partition);
                begun
            }
        }
    }

    /// A partition is ours: its ledger is restored by reading it from the beginning.
    fn begin(&mut self, partition: u32) -> Result<(), WorkerError> {
        let log = Arc::clone(&self.parts.log);
        let topics = &self.options.topics;
        let resume =
            resume_point(log.as_ref(), self.decisions.as_mut(), &self.parts.codec, topics, partition)?;
        (self.parts.observer)(WorkerEvent::Assigned { partition, published: resume.sequence() });
        self.incarnation.0 += 1;
        let incarnation = self.incarnation;
        self.owned.insert(partition, Ahead { incarnation, ..Ahead::default() });
        self.tell(partition, Instruction::Start { partition, incarnation, resume })?;
        Ok(self.member.start(partition, 0)?)
    }

    /// A partition goes: what was handed over is finished first.
    fn finish(&mut self, partition: u32) -> Result<(), WorkerError> {
        match self.owned.get_mut(&partition) {
            Some(ahead) if ahead.is_leaving => Ok(()),
            Some(ahead) => {
                ahead.is_leaving = true;
                self.tell(partition, Instruction::Finish { partition })
            }
            None => {
                self.assigned.remove(&partition);
                Ok(self.member.stop(partition)?)
            }
        }
    }

    fn drain(&mut self) -> Result<(), WorkerError> {
        for (partition, _) in std::mem::take(&mut self.assigned) {
            self.member.stop(partition)?;
        }
        // Those that are leaving already are not read any more.
        let staying = self.owned.iter().filter(|(_, ahead)| !ahead.is_leaving);
        let partitions: Vec<u32> = staying.map(|(partition, _)| *partition).collect();
        for partition in partitions {
            self.member.pause(partition)?;
            self.finish(partition)?;
        }
        Ok(())
    }

    /// Hands over what was read of a partition, up to `next`.
    fn hand_over(&mut self, partition: u32, next: u64, read: Instruction) -> Result<(), WorkerError> {
        let Some(ahead) =
            self.owned.get_mut(&partition).filter(|ahead| !ahead.is_leaving && ahead.next < next)
        else {
            return Ok(());
        };
        ahead.next = next;
        ahead.batches.push_back(next);
        if ahead.batches.len() >= BATCHES_AHEAD_MAX && !ahead.is_paused {
            ahead.is_paused = true;
            self.member.pause(partition)?;
        }
        self.tell(partition, read)
    }

    fn take_reports(&mut self) -> Result<(), WorkerError> {
        loop {
            match self.reports.try_recv() {
                Ok(report) => self.note(report)?,
                Err(TryRecvError::Empty) => return Ok(()),
                // Every thread has ended, and none has said why.
                Err(TryRecvError::Disconnected) => return Err(WorkerError::ThreadDied(0)),
            }
        }
    }

    /// Tells the group how far its partitions are, now and then.
    fn commit(&mut self) {
        let now = Instant::now();
        if now < self.next_commit {
            return;
        }
        self.next_commit = now + COMMIT_INTERVAL;
        for (partition, ahead) in &mut self.owned {
            commit(self.member.as_mut(), *partition, ahead);
        }
    }

    fn note(&mut self, report: Report) -> Result<(), WorkerError> {
        match report {
            Report::Durable { partition, incarnation, offset } => {
                let Some(ahead) = self.owned.get_mut(&partition) else { return Ok(()) };
                if ahead.incarnation != incarnation {
                    return Ok(());
                }
                ahead.durable = offset;
                while ahead.batches.front().is_some_and(|next| *next <= offset) {
                    ahead.batches.pop_front();
                }
                if ahead.is_paused && !ahead.is_leaving && ahead.batches.len() < BATCHES_AHEAD_MAX / 2 {
                    ahead.is_paused = false;
                    self.member.resume(partition)?;
                }
                (self.parts.observer)(WorkerEvent::Durable { partition, offset });
                Ok(())
            }
            Report::Finished { incarnation, summary } => self.release(incarnation, summary),
            Report::Failed(error) => Err(error),
        }
    }

    /// Gives back a partition that is finished, unless it was lost meanwhile.
    fn release(&mut self, incarnation: Incarnation, summary: PartitionSummary) -> Result<(), WorkerError> {
        let partition = summary.partition;
        let Some(ahead) = self.owned.get_mut(&partition).filter(|ahead| ahead.incarnation == incarnation)
        else {
            return Ok(());
        };
        commit(self.member.as_mut(), partition, ahead);
        self.owned.remove(&partition);
        self.member.stop(partition)?;
        (self.parts.observer)(WorkerEvent::Released(summary.clone()));
        self.summary.partitions.retain(|earlier| earlier.partition != partition);
        self.summary.partitions.push(summary);
        Ok(())
    }

    fn tell(&self, partition: u32, instruction: Instruction) -> Result<(), WorkerError> {
        let index = usize::try_from(partition).unwrap_or_default() % self.threads.len();
        if self.threads.get(index).is_some_and(|thread| thread.send(instruction).is_ok()) {
            return Ok(());
        }
        // The thread is gone; its report says why.
        let why = self.reports.try_iter().find_map(|report| match report {
            Report::Failed(error) => Some(error),
            _ => None,
        });
        Err(why.unwrap_or(WorkerError::ThreadDied(index)))
    }
}

/// Tells the group how far a partition is, if that is news.
fn commit(member: &mut dyn LogReader, partition: u32, ahead: &mut Ahead) {
    if ahead.durable > ahead.committed {
        ahead.committed = ahead.durable;
        member.commit(partition, ahead.durable);
    }
}

#[cfg(test)]
mod tests;
