//! The thread of the door: gathers, appends, polls, answers.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::{Duration, Instant};

use order_codec::MAC_HEADER;
use order_log::{Acknowledged, AppendBatch, AppendError, Headers, LogAppender, LogError, Ticket};
use order_model::{Command, partition_of};
use smallvec::SmallVec;
use tokio::sync::{mpsc, oneshot};

use super::{DoorParts, Outcome, Outcomes, Shared, Submission};
use crate::limits::{APPEND_PAUSE_MIN, APPENDER_RETRY, DOOR_POLL, DoorLimits};

/// A submission whose commands are in a batch, as far as they could be written.
struct Waiter {
    reply: oneshot::Sender<Outcomes>,
    /// The partition of each command; `None` for one that could not be written.
    partitions: SmallVec<[Option<u32>; 1]>,
}

/// A batch in the hands of the appender.
struct UnderWay {
    ticket: Ticket,
    since: Instant,
    waiters: Vec<Waiter>,
}

/// A batch the appender has not taken.
struct Unsent {
    batch: AppendBatch,
    since: Instant,
    waiters: Vec<Waiter>,
}

pub(super) struct DoorThread {
    parts: DoorParts,
    limits: DoorLimits,
    partitions: u32,
    shared: Arc<Shared>,
    appender: Option<Box<dyn LogAppender>>,
    /// When the latest batch was appended.
    appended: Instant,
    /// When to try again to make an appender.
    next_appender: Instant,
    under_way: VecDeque<UnderWay>,
    unsent: Option<Unsent>,
    acknowledged: Vec<Acknowledged>,
}

impl DoorThread {
    pub(super) fn new(parts: DoorParts, limits: DoorLimits, partitions: u32, shared: Arc<Shared>) -> Self {
        Self {
            parts,
            limits,
            partitions,
            shared,
            appender: None,
            appended: Instant::now(),
            next_appender: Instant::now(),
            under_way: VecDeque::new(),
            unsent: None,
            acknowledged: Vec::new(),
        }
    }

    pub(super) fn run(mut self, mut queue: mpsc::Receiver<Submission>) {
        let mut is_open = true;
        while is_open || self.unsent.is_some() || self.has_waiters() {
            if self.unsent.is_none() {
                is_open = self.gather(&mut queue) && is_open;
            }
            self.send();
            self.collect();
            self.give_up();
        }
    }

    fn has_waiters(&self) -> bool {
        self.under_way.iter().any(|batch| !batch.waiters.is_empty())
    }

    /// Takes what is there into one batch, unless it is too early for that. Waits only while nothing is under way. False:
    /// nothing will come any more.
    fn gather(&mut self, queue: &mut mpsc::Receiver<Submission>) -> bool {
        let first = if self.under_way.is_empty() {
            let Some(first) = queue.blocking_recv() else { return false };
            std::thread::sleep(self.pause_left());
            first
        } else {
            if !self.pause_left().is_zero() {
                return true;
            }
            match queue.try_recv() {
                Ok(first) => first,
                Err(mpsc::error::TryRecvError::Empty) => return true,
                Err(mpsc::error::TryRecvError::Disconnected) => return false,
            }
        };
        let mut batch = AppendBatch::new(Arc::clone(&self.parts.orders));
        batch.want_offsets = true;
        let mut waiters = vec![self.write(first, &mut batch)];
        while batch.len() < self.limits.batch_commands_max
            && let Ok(next) = queue.try_recv()
        {
            waiters.push(self.write(next, &mut batch));
        }
        let unsent = Unsent { batch, since: Instant::now(), waiters };
        if unsent.batch.is_empty() {
            self.answer(unsent.waiters, |_| Outcome::Unwritable);
        } else {
            self.unsent = Some(unsent);
        }
        true
    }

    /// How long to wait for company before the next batch: the longer, the more there are in hand.
    fn pause_left(&self) -> Duration {
        let in_hand = self.shared.in_hand.load(Ordering::Relaxed);
        if in_hand >= self.limits.batch_commands_max {
            return Duration::ZERO;
        }
        let each = Duration::from_micros(self.limits.append_pause_us_each);
        let pause = each.saturating_mul(u32::try_from(in_hand).unwrap_or(u32::MAX));
        let pause = pause.min(Duration::from_millis(self.limits.append_pause_ms_max));
        let left = pause.saturating_sub(self.appended.elapsed());
        if left < APPEND_PAUSE_MIN { Duration::ZERO } else { left }
    }

    fn write(&self, submission: Submission, batch: &mut AppendBatch) -> Waiter {
        let Submission { commands, reply } = submission;
        let partitions = commands.iter().map(|command| self.write_one(command, batch)).collect();
        Waiter { reply, partitions }
    }

    fn write_one(&self, command: &Command, batch: &mut AppendBatch) -> Option<u32> {
        let sku = command.home_sku()?;
        let partition = partition_of(sku, self.partitions).0;
        let key = Some(sku.as_bytes());
        if !command.is_privileged() {
            batch.push_with(partition, key, |out| self.parts.codec.command_to(command, out));
            return Some(partition);
        }
        let mut value = Vec::new();
        self.parts.codec.command_to(command, &mut value);
        let mac = self.parts.ring.sign((self.parts.clock)(), key, &value)?;
        let mut headers = Vec::new();
        Headers::encode(&mut headers, MAC_HEADER, &mac);
        batch.push(partition, key, Some(&value), Headers::from_encoded(&headers));
        Some(partition)
    }

    /// Gives the appender what is not with it yet.
    fn send(&mut self) {
        let Some(Unsent { batch, since, waiters }) = self.unsent.take() else { return };
        let Some(appender) = self.appender() else {
            return self.answer(waiters, |_| Outcome::Away);
        };
        match appender.append(batch) {
            Ok(ticket) => {
                self.shared.batches.fetch_add(1, Ordering::Relaxed);
                self.appended = Instant::now();
                self.under_way.push_back(UnderWay { ticket, since: Instant::now(), waiters });
            }
            Err(AppendError::Full(batch)) => {
                if since.elapsed() < Duration::from_millis(self.limits.full_ms_max) {
                    self.unsent = Some(Unsent { batch, since, waiters });
                } else {
                    self.answer(waiters, |_| Outcome::Away);
                }
            }
            Err(error @ AppendError::TooLarge { .. }) => {
                tracing::error!(%error, "a command is larger than the log takes");
                self.answer(waiters, |_| Outcome::Unwritable);
            }
            Err(AppendError::Log(error)) => {
                // Part of the batch may have been on its way.
                self.answer(waiters, |_| Outcome::Unknown);
                self.break_down(&error);
            }
        }
    }

    fn appender(&mut self) -> Option<&mut Box<dyn LogAppender>> {
        if self.appender.is_none() && Instant::now() >= self.next_appender {
            match self.parts.log.appender() {
                Ok(appender) => self.appender = Some(appender),
                Err(error) => {
                    tracing::warn!(%error, "orders cannot be written; trying again");
                    self.next_appender = Instant::now() + APPENDER_RETRY;
                }
            }
        }
        self.appender.as_mut()
    }

    /// The appender is broken: what it had may be in the log or not, and a new one has to be made.
    fn break_down(&mut self, error: &LogError) {
        tracing::warn!(%error, "the log broke off; orders on their way are of unknown outcome");
        self.appender = None;
        self.next_appender = Instant::now() + APPENDER_RETRY;
        for batch in std::mem::take(&mut self.under_way) {
            self.answer(batch.waiters, |_| Outcome::Unknown);
        }
    }

    fn collect(&mut self) {
        let Some(appender) = self.appender.as_mut() else {
            return;
        };
        if self.under_way.is_empty() && self.unsent.is_none() {
            return;
        }
        let mut acknowledged = std::mem::take(&mut self.acknowledged);
        let polled = appender.poll(DOOR_POLL, &mut acknowledged);
        for Acknowledged { ticket, offsets } in acknowledged.drain(..) {
            // Tickets come in their order, so the oldest batch is the one.
            let Some(index) = self.under_way.iter().position(|batch| batch.ticket == ticket) else {
                continue;
            };
            let Some(batch) = self.under_way.remove(index) else { continue };
            let mut offsets = offsets.into_iter();
            self.answer(batch.waiters, |partition| match offsets.next() {
                Some(offset) => Outcome::Accepted { partition, offset },
                None => Outcome::Unknown,
            });
        }
        self.acknowledged = acknowledged;
        if let Err(error) = polled {
            self.break_down(&error);
        }
    }

    /// Answers those who have waited long enough, and says whether the log keeps up.
    fn give_up(&mut self) {
        let oldest = self.under_way.front().map_or(Duration::ZERO, |batch| batch.since.elapsed());
        let is_stalled = oldest > Duration::from_millis(self.limits.stall_ms_max);
        self.shared.is_stalled.store(is_stalled, Ordering::Relaxed);
        if oldest < Duration::from_millis(self.limits.answer_ms_max) {
            return;
        }
        let limit = Duration::from_millis(self.limits.answer_ms_max);
        let late = self.under_way.iter_mut().take_while(|batch| batch.since.elapsed() >= limit);
        let waiters: Vec<Waiter> = late.flat_map(|batch| std::mem::take(&mut batch.waiters)).collect();
        self.answer(waiters, |_| Outcome::Unknown);
    }

    /// Answers, calling `outcome` once for each command that was written, in order.
    fn answer(&self, waiters: Vec<Waiter>, mut outcome: impl FnMut(u32) -> Outcome) {
        for Waiter { reply, partitions } in waiters {
            let outcomes: Outcomes = partitions
                .iter()
                .map(|partition| partition.map_or(Outcome::Unwritable, &mut outcome))
                .collect();
            self.count(&outcomes);
            // Whoever asked may have gone; the log has the command all the same.
            drop(reply.send(outcomes));
        }
    }

    fn count(&self, outcomes: &[Outcome]) {
        self.shared.in_hand.fetch_sub(outcomes.len(), Ordering::Relaxed);
        for outcome in outcomes {
            let counter = match outcome {
                Outcome::Accepted { .. } => &self.shared.accepted,
                Outcome::Unknown => &self.shared.unknown,
                Outcome::Full | Outcome::Away | Outcome::Unwritable => &self.shared.turned_away,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
    }
}
