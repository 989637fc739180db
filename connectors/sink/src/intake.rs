//! The intake: a thread that reads `decisions` as a member of the sink's group and hands on what it read.
//!
//! It never waits for the target: when too much is held, it pauses reading and goes on polling, so that the group does
//! not lose it. Both queues between it and the writer are bounded by what is held: every portion is weighed, and for
//! each the writer answers once.

mod upkeep;

use std::collections::{BTreeMap, BTreeSet};
use std::time::Instant;

use crossbeam_channel::{Receiver, TryRecvError};
use order_log::{LogError, LogReader, Polled, RecordBatch};
use order_model::{Offset, Partition};
use tokio::sync::mpsc::UnboundedSender;

use crate::controls::{ControlError, Controls, Follower, Heartbeat};
use crate::error::SinkError;
use crate::limits::{INTAKE_WAIT, LOG_RETRY};
use crate::numbering::Numbering;
use crate::portion::{Decoder, Portion};
use crate::run::{SinkOptions, SinkParts};
use crate::target::Reached;

/// What the intake tells the writer.
pub(crate) enum FromLog {
    /// A partition is ours: where does it go on?
    Assigned(Partition),
    /// Records, decoded and as they were.
    Portion(Box<Portion>, RecordBatch),
    /// A partition is to be given back once nothing of it is being written.
    Revoked(Partition),
    /// A partition is gone.
    Lost(Partition),
    /// Where a partition ends.
    End(Partition, u64),
    /// Whether the controls say pause.
    Paused(bool),
    /// Nothing more comes: the drain has begun.
    Drained,
    /// The intake has ended.
    Failed(SinkError),
}

/// What the writer tells the intake.
pub(crate) enum ToIntake {
    /// Read a partition from here on.
    Start(Partition, Reached),
    /// Nothing of these bytes is held any more.
    Freed(usize),
    /// Everything before this offset is in the target.
    Written(Partition, u64),
    /// Give a partition back.
    Released(Partition),
    /// Read no more.
    Drain,
    /// Leave.
    Leave,
}

/// A partition that is being read.
struct Own {
    numbering: Numbering,
    written: u64,
    committed: u64,
    /// The registry did not answer: read on from this offset then.
    stuck: Option<(Instant, u64)>,
}

pub(crate) struct Intake {
    sink: &'static str,
    parts: SinkParts,
    options: SinkOptions,
    decoder: Decoder,
    member: Box<dyn LogReader>,
    follower: Option<Follower>,
    writer: UnboundedSender<FromLog>,
    inbox: Receiver<ToIntake>,
    heartbeats: Receiver<Heartbeat>,
    /// Assigned, and the writer was asked where they go on.
    asked: BTreeSet<u32>,
    owned: BTreeMap<u32, Own>,
    held_bytes: usize,
    is_holding: bool,
    is_draining: bool,
    /// What the writer knows of the controls.
    is_paused: bool,
    next_commit: Instant,
    next_controls: Instant,
    next_end: Instant,
    /// The partition whose end was looked at last.
    looked_at: u32,
}

/// The intake's ends of the channels.
pub(crate) struct Ends {
    pub(crate) writer: UnboundedSender<FromLog>,
    pub(crate) inbox: Receiver<ToIntake>,
    pub(crate) heartbeats: Receiver<Heartbeat>,
}

impl Intake {
    pub(crate) fn new(
        sink: &'static str,
        parts: SinkParts,
        options: SinkOptions,
        decoder: Decoder,
        ends: Ends,
    ) -> Result<Self, LogError> {
        let limits = order_log::ReadLimits {
            records_max: options.limits.read_records_max,
            bytes_max: options.limits.read_bytes_max,
        };
        let member = parts.log.member(&options.topics.decisions, &format!("sink-{sink}"), limits)?;
        let now = Instant::now();
        Ok(Self {
            sink,
            parts,
            options,
            decoder,
            member,
            follower: None,
            writer: ends.writer,
            inbox: ends.inbox,
            heartbeats: ends.heartbeats,
            asked: BTreeSet::new(),
            owned: BTreeMap::new(),
            held_bytes: 0,
            is_holding: false,
            is_draining: false,
            is_paused: false,
            next_commit: now,
            next_controls: now,
            next_end: now,
            looked_at: u32::MAX,
        })
    }

    /// Reads until the writer says so, or is gone.
    pub(crate) fn run(mut self) {
        let ended = self.work();
        self.commit_all();
        // The partitions are given up before anyone learns that this thread has ended.
        let Self { writer, member, .. } = self;
        drop(member);
        if let Err(error) = ended {
            writer.send(FromLog::Failed(error)).ok();
        }
    }

    fn work(&mut self) -> Result<(), SinkError> {
        if let Some(controls) = self.controls() {
            let follower = controls.follow(self.sink).map_err(|error| match error {
                ControlError::Log(error) => SinkError::Log(error),
                other => SinkError::Log(LogError::Failed {
                    context: "reading the controls".to_owned(),
                    detail: other.to_string(),
                }),
            })?;
            self.is_paused = follower.is_paused();
            self.tell(FromLog::Paused(self.is_paused));
            self.follower = Some(follower);
        }
        while !self.writer.is_closed() {
            match self.member.poll(INTAKE_WAIT) {
                Ok(Some(polled)) => self.take(polled)?,
                Ok(None) => {}
                Err(error @ LogError::Unreachable { .. }) => {
                    tracing::warn!(sink = self.sink, %error, "decisions cannot be read; trying again");
                    std::thread::sleep(LOG_RETRY);
                }
                Err(error) => return Err(error.into()),
            }
            if !self.take_inbox()? {
                return Ok(());
            }
            self.read_stuck()?;
            self.chores();
        }
        Ok(())
    }

    fn controls(&self) -> Option<Controls> {
        let topic = self.options.topics.controls.clone()?;
        Some(Controls { log: self.parts.log.clone(), topic, ring: self.parts.ring.clone() })
    }

    /// Says something to the writer; when it is gone, the loop ends by itself.
    fn tell(&self, message: FromLog) {
        self.writer.send(message).ok();
    }

    fn take(&mut self, polled: Polled) -> Result<(), SinkError> {
        match polled {
            Polled::Batch(raw) => self.hand_over(raw),
            Polled::Passed { partition, next_offset } => {
                self.pass(partition, next_offset);
                Ok(())
            }
            Polled::Assigned(partitions) if self.is_draining => {
                partitions.into_iter().try_for_each(|partition| Ok(self.member.stop(partition)?))
            }
            Polled::Assigned(partitions) => {
                for partition in partitions {
                    self.asked.insert(partition);
                    self.tell(FromLog::Assigned(Partition(partition)));
                }
                Ok(())
            }
            Polled::Revoked(partitions) => {
                for partition in partitions {
                    self.asked.remove(&partition);
                    self.commit(partition);
                    self.owned.remove(&partition);
                    self.tell(FromLog::Revoked(Partition(partition)));
                }
                Ok(())
            }
            Polled::Lost(partitions) => {
                for partition in partitions {
                    tracing::warn!(
                        sink = self.sink,
                        partition,
                        "the group took the partition away: this sink was silent for too long"
                    );
                    self.asked.remove(&partition);
                    self.owned.remove(&partition);
                    self.tell(FromLog::Lost(Partition(partition)));
                }
                Ok(())
            }
        }
    }

    fn hand_over(&mut self, raw: RecordBatch) -> Result<(), SinkError> {
        let partition = raw.partition();
        let is_draining = self.is_draining;
        let own = self.owned.get_mut(&partition).filter(|own| own.stuck.is_none() && !is_draining);
        let Some(own) = own else { return Ok(()) };
        let (portion, stuck) = self.decoder.decode(&raw, &mut own.numbering);
        if let Some((offset, error)) = stuck {
            tracing::warn!(sink = self.sink, partition, offset, %error, "a decision's schema is not known; trying again");
            own.stuck = Some((Instant::now() + LOG_RETRY, offset));
            self.member.pause(partition)?;
        }
        if portion.reached.next_offset.0 == raw.first_offset() {
            return Ok(());
        }
        self.held_bytes += portion.bytes;
        self.tell(FromLog::Portion(Box::new(portion), raw));
        self.hold()
    }

    /// What was passed is done with as soon as everything before it is.
    fn pass(&mut self, partition: u32, next_offset: u64) {
        let own = self.owned.get(&partition).filter(|own| own.stuck.is_none() && !self.is_draining);
        let Some(own) = own else { return };
        let reached = Reached { sequence: own.numbering.last(), next_offset: Offset(next_offset) };
        let (portion, raw) = Portion::passed(Partition(partition), reached);
        self.held_bytes += portion.bytes;
        self.tell(FromLog::Portion(Box::new(portion), raw));
    }

    /// Pauses or resumes reading by what is held.
    fn hold(&mut self) -> Result<(), SinkError> {
        let max = self.options.limits.held_bytes_max;
        let hold = if self.is_holding { self.held_bytes > max / 2 } else { self.held_bytes >= max };
        if hold == self.is_holding || self.is_draining {
            return Ok(());
        }
        self.is_holding = hold;
        for (partition, _) in self.owned.iter().filter(|(_, own)| own.stuck.is_none()) {
            match hold {
                true => self.member.pause(*partition)?,
                false => self.member.resume(*partition)?,
            }
        }
        Ok(())
    }

    /// Takes what the writer says; false when it is time to leave.
    fn take_inbox(&mut self) -> Result<bool, SinkError> {
        loop {
            match self.inbox.try_recv() {
                Ok(ToIntake::Start(partition, reached)) => self.start(partition.0, reached)?,
                Ok(ToIntake::Freed(bytes)) => {
                    self.held_bytes = self.held_bytes.saturating_sub(bytes);
                    self.hold()?;
                }
                Ok(ToIntake::Written(partition, offset)) => {
                    if let Some(own) = self.owned.get_mut(&partition.0) {
                        own.written = offset;
                    }
                }
                Ok(ToIntake::Released(partition)) => self.member.stop(partition.0)?,
                Ok(ToIntake::Drain) => {
                    self.is_draining = true;
                    for partition in self.owned.keys() {
                        self.member.pause(*partition)?;
                    }
                    self.tell(FromLog::Drained);
                }
                Ok(ToIntake::Leave) | Err(TryRecvError::Disconnected) => return Ok(false),
                Err(TryRecvError::Empty) => return Ok(true),
            }
        }
    }

    fn start(&mut self, partition: u32, reached: Reached) -> Result<(), SinkError> {
        // It may have been revoked since the writer was asked.
        if !self.asked.remove(&partition) || self.is_draining {
            return Ok(());
        }
        let topic = self.options.topics.decisions.to_string();
        let end = match self.parts.log.bounds(&topic, partition) {
            Ok(bounds) => bounds.end,
            Err(error @ LogError::Unreachable { .. }) => {
                tracing::warn!(sink = self.sink, partition, %error, "the partition cannot be read; trying again");
                std::thread::sleep(LOG_RETRY);
                self.asked.insert(partition);
                self.tell(FromLog::Assigned(Partition(partition)));
                return Ok(());
            }
            Err(error) => return Err(error.into()),
        };
        let next = reached.next_offset.0;
        if next > end {
            return Err(SinkError::AheadOfLog { sink: self.sink, topic, partition, reached: next, end });
        }
        self.tell(FromLog::End(Partition(partition), end));
        let numbering = Numbering::after(reached.sequence);
        self.owned.insert(partition, Own { numbering, written: next, committed: 0, stuck: None });
        self.member.start(partition, next)?;
        if self.is_holding {
            self.member.pause(partition)?;
        }
        Ok(())
    }

    /// Reads on where the registry did not answer.
    fn read_stuck(&mut self) -> Result<(), SinkError> {
        let now = Instant::now();
        for (partition, own) in self.owned.iter_mut().filter(|_| !self.is_draining) {
            let Some((_, offset)) = own.stuck.take_if(|(at, _)| *at <= now) else { continue };
            self.member.start(*partition, offset)?;
            if !self.is_holding {
                self.member.resume(*partition)?;
            }
        }
        Ok(())
    }
}
