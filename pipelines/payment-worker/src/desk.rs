//! The desk: the one thread that knows the open orders. It reads decisions, sends errands to the provider, and tells the
//! log what came of them.
//!
//! Promised: nothing it does waits for the provider; what it knows can be lost at any point and is found again from the
//! log and the provider.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, Sender};
use order_log::{LogReader, Polled, RecordBatch};
use order_model::{OrderId, Sequence, TimeMs, partition_of};
use tokio::sync::mpsc::UnboundedSender;

use crate::callback::Note;
use crate::error::PaymentError;
use crate::hands::{Errand, Return};
use crate::limits::{CALLBACKS_MAX, DESK_WAIT, NOTE_INTERVAL};
use crate::look_back::LookBack;
use crate::pace::Pace;
use crate::shelf::Shelf;
use crate::status::{PartitionStatus, PaymentStatus};
use crate::teller::Teller;
use crate::worker::{PaymentOptions, PaymentParts, SharedStatus};

/// For whom a call is made.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub(crate) enum Who {
    /// An order of a partition of ours.
    Order(u32, OrderId),
    /// A payment, by the provider's name, that a callback spoke of.
    Stray(String),
}

/// A partition as the desk sees it.
pub(crate) struct Owned {
    pub(crate) shelf: Shelf,
    pub(crate) state: State,
    pub(crate) next_offset: u64,
    pub(crate) sequence: Sequence,
    /// The record on `orders` that the latest decision is about, and the time of the latest record.
    pub(crate) decided: Option<u64>,
    pub(crate) read_at: TimeMs,
    pub(crate) calling: usize,
}

/// What may be done for a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum State {
    /// Decisions before this offset were made before it was ours; what earlier owners did about them is not known.
    /// `try_at`: the log was silent, and is asked again then.
    Restoring { end: u64, try_at: Option<Instant> },
    /// Its open orders are known.
    Live,
    /// It is to be given back.
    Leaving,
}

/// A payment that the log does not know.
pub(crate) struct Stray {
    /// Every callback about it.
    pub(crate) notes: Vec<Note>,
    /// How often the provider said that there is none.
    pub(crate) denied: u32,
    /// How often it said nothing of use.
    pub(crate) faults: u32,
}

/// What the thread that looks back found.
pub(crate) enum Found {
    /// The log knows the payment.
    Known(Note),
    /// It does not.
    Unknown(Note),
}

pub(crate) struct Desk {
    pub(crate) parts: PaymentParts,
    pub(crate) options: PaymentOptions,
    pub(crate) look_back: LookBack,
    pub(crate) partitions: u32,
    pub(crate) member: Box<dyn LogReader>,
    pub(crate) teller: Teller,
    pub(crate) errands: UnboundedSender<Errand<Who>>,
    pub(crate) returns: Receiver<Return<Who>>,
    callbacks: Receiver<Note>,
    pub(crate) questions: Sender<Note>,
    pub(crate) findings: Receiver<Found>,
    pub(crate) owned: BTreeMap<u32, Owned>,
    pub(crate) assigned: BTreeMap<u32, Instant>,
    pub(crate) ready: VecDeque<Who>,
    pub(crate) timers: BTreeMap<(TimeMs, u64), Who>,
    pub(crate) timer_number: u64,
    /// What callbacks spoke of and the log does not know, by the payment's name at the provider.
    pub(crate) strays: HashMap<String, Stray>,
    /// Callbacks that are done once the log has this many results of ours.
    pub(crate) telling: VecDeque<(u64, Vec<Note>)>,
    /// Callbacks the log is being asked about.
    pub(crate) asked: usize,
    pub(crate) calling: usize,
    pub(crate) pace: Pace,
    pub(crate) status: PaymentStatus,
    shared: SharedStatus,
    next_note: Instant,
    pub(crate) is_paused: bool,
    /// Decisions taken in and orders looked at so far, and how many there are when orders in hand are counted next.
    pub(crate) steps: u64,
    weigh_at: u64,
}

/// The ends of the desk's channels.
pub(crate) struct Wires {
    pub(crate) errands: UnboundedSender<Errand<Who>>,
    pub(crate) returns: Receiver<Return<Who>>,
    pub(crate) callbacks: Receiver<Note>,
    pub(crate) questions: Sender<Note>,
    pub(crate) findings: Receiver<Found>,
}

impl Desk {
    pub(crate) fn new(
        parts: &PaymentParts,
        options: &PaymentOptions,
        look_back: LookBack,
        wires: Wires,
        shared: SharedStatus,
    ) -> Result<Self, PaymentError> {
        let partitions = parts.log.partitions(&options.orders)?;
        let member = parts.log.member(&options.decisions, &options.group, options.limits.batch)?;
        Ok(Self {
            teller: Teller::new(parts, options, partitions)?,
            parts: parts.clone(),
            options: options.clone(),
            look_back,
            partitions,
            member,
            errands: wires.errands,
            returns: wires.returns,
            callbacks: wires.callbacks,
            questions: wires.questions,
            findings: wires.findings,
            owned: BTreeMap::new(),
            assigned: BTreeMap::new(),
            ready: VecDeque::new(),
            timers: BTreeMap::new(),
            timer_number: 0,
            strays: HashMap::new(),
            telling: VecDeque::new(),
            asked: 0,
            calling: 0,
            pace: Pace::new(options.limits.calls_max),
            status: PaymentStatus::default(),
            shared,
            next_note: Instant::now(),
            is_paused: false,
            steps: 0,
            weigh_at: 0,
        })
    }

    /// Runs until asked to stop: 1 drains, more stops at once.
    pub(crate) fn run(mut self, stop: &AtomicU8) -> Result<(), PaymentError> {
        let mut is_draining = false;
        loop {
            match stop.load(Ordering::Relaxed) {
                0 => {}
                1 if !is_draining => {
                    is_draining = true;
                    self.leave_all()?;
                }
                1 => {}
                _ => return Ok(()),
            }
            if is_draining && self.owned.is_empty() && self.teller.under_way() == 0 {
                self.publish()?;
                return Ok(());
            }
            // Where answers are due, they are what is waited for.
            let expects_answers = self.calling > 0;
            let polled = self.member.poll(if expects_answers { Duration::ZERO } else { DESK_WAIT })?;
            let is_quiet = polled.is_none();
            if let Some(polled) = polled {
                self.take(polled, is_draining)?;
            }
            self.begin_assigned()?;
            self.catch_up()?;
            self.take_callbacks()?;
            self.take_returns(expects_answers && is_quiet)?;
            self.take_findings();
            self.wake()?;
            self.work()?;
            self.teller.send(&self.parts)?;
            self.finish_callbacks();
            self.throttle()?;
            self.give_back()?;
            self.publish()?;
        }
    }

    pub(crate) fn now(&self) -> TimeMs {
        (self.parts.clock)()
    }

    fn take(&mut self, polled: Polled, is_draining: bool) -> Result<(), PaymentError> {
        match polled {
            Polled::Batch(batch) => self.take_batch(&batch),
            Polled::Passed { partition, next_offset } => {
                if let Some(owned) = self.owned.get_mut(&partition) {
                    owned.next_offset = owned.next_offset.max(next_offset);
                }
                Ok(())
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
                partitions.into_iter().try_for_each(|partition| self.leave(partition))
            }
            Polled::Lost(partitions) => {
                for partition in partitions {
                    tracing::warn!(
                        partition,
                        "the group took the partition away: this worker was silent for too long"
                    );
                    self.owned.remove(&partition);
                    self.weigh_anew();
                    self.assigned.remove(&partition);
                }
                Ok(())
            }
        }
    }

    fn take_batch(&mut self, batch: &RecordBatch) -> Result<(), PaymentError> {
        let partition = batch.partition();
        let now = self.now();
        let Some(owned) = self.owned.get_mut(&partition) else { return Ok(()) };
        if owned.state == State::Leaving {
            return Ok(());
        }
        for record in batch.iter() {
            let decision = match self.parts.codec.decision_from(record.value.unwrap_or_default()) {
                Ok(decision) => decision,
                Err(order_codec::DecodeError::Registry(error)) => return Err(error.into()),
                Err(order_codec::DecodeError::Bad(bad)) => {
                    self.status.unreadable += 1;
                    // One that was there before was a dead letter before.
                    if owned.state == State::Live {
                        let (reason, detail) = (bad.reason(), bad.to_string());
                        self.teller.dead_letter(&self.parts, partition, &record, reason, detail);
                    }
                    continue;
                }
            };
            if decision.sequence <= owned.sequence {
                continue;
            }
            let gap = decision.sequence.0 - owned.sequence.0 - 1;
            if gap > 0 && owned.decided.is_some() {
                self.status.gaps += gap;
                tracing::error!(partition, offset = record.offset, gap, "decisions are missing: a bug");
            }
            owned.sequence = decision.sequence;
            owned.decided = Some(decision.offset.0);
            owned.read_at = TimeMs(record.time_ms);
            let is_live = owned.state == State::Live;
            self.steps += 1;
            let touched = owned.shelf.take(&decision, record.offset, now, is_live);
            if let (Some(order), true) = (touched, is_live) {
                queue(&mut self.ready, owned, partition, order);
            }
        }
        owned.next_offset = owned.next_offset.max(batch.next_offset());
        self.member.commit(partition, batch.next_offset());
        Ok(())
    }

    fn take_callbacks(&mut self) -> Result<(), PaymentError> {
        while self.asked + self.strays.len() < CALLBACKS_MAX {
            let Ok(note) = self.callbacks.try_recv() else { break };
            let (Some(order), Some(sku)) = (note.payment.order, note.payment.sku) else { continue };
            let partition = partition_of(&sku, self.partitions).0;
            if let Some(owned) = self.owned.get_mut(&partition)
                && let Some(dossier) = owned.shelf.get_mut(&order)
            {
                // It is in hand: look at it now rather than later.
                if !dossier.is_calling {
                    dossier.doubt();
                }
                queue(&mut self.ready, owned, partition, order);
                // The log has the order open: whoever comes after us finds it there.
                note.done();
            } else if !note.payment.holds_money() {
                note.done();
            } else if self.questions.try_send(note).is_ok() {
                self.asked += 1;
            }
        }
        Ok(())
    }

    /// Has orders in hand counted at the next look, as a partition came or went.
    pub(crate) fn weigh_anew(&mut self) {
        self.weigh_at = self.steps;
    }

    /// Stops reading while too many orders are in hand.
    fn throttle(&mut self) -> Result<(), PaymentError> {
        let orders_max = self.options.limits.orders_max.max(1);
        let shelved: usize = self.owned.values().map(|owned| owned.shelf.len()).sum();
        if (shelved < orders_max && !self.is_paused) || self.steps < self.weigh_at {
            return Ok(());
        }
        // Who waits for the log must not keep it from being read.
        let burdens = |owned: &Owned| owned.shelf.burdens(!matches!(owned.state, State::Restoring { .. }));
        let total: usize = self.owned.values().map(burdens).sum();
        let resume_at = orders_max / 4 * 3;
        let pauses = if self.is_paused { total > resume_at } else { total >= orders_max };
        // Each step makes it one more or one less, so it is not counted again before it can matter.
        let distance = if pauses { total - resume_at } else { orders_max - total };
        self.weigh_at = self.steps + u64::try_from(distance).unwrap_or_default();
        if pauses == self.is_paused {
            return Ok(());
        }
        self.is_paused = pauses;
        let partitions: Vec<u32> = self.owned.keys().copied().collect();
        for partition in partitions {
            let Some(owned) = self.owned.get_mut(&partition) else { continue };
            match (owned.state, pauses) {
                (State::Leaving, _) => {}
                (State::Restoring { .. }, true) => {
                    self.member.pause(partition)?;
                    let orders: Vec<OrderId> = owned.shelf.orders().map(|(order, _)| *order).collect();
                    orders.into_iter().for_each(|order| queue(&mut self.ready, owned, partition, order));
                }
                (_, true) => self.member.pause(partition)?,
                (_, false) => self.member.resume(partition)?,
            }
        }
        Ok(())
    }

    fn publish(&mut self) -> Result<(), PaymentError> {
        let orders = self.owned.values().map(|owned| owned.shelf.len()).sum();
        self.status.orders = orders;
        self.status.calls_under_way = self.calling;
        self.status.calls_allowed = self.pace.allowed();
        self.status.results_under_way = self.teller.under_way();
        self.status.callbacks_in_hand = self.asked + self.strays.len() + self.callbacks.len();
        self.status.is_paused = self.is_paused;
        let looks = Instant::now() >= self.next_note;
        let mut partitions = BTreeMap::new();
        for (partition, owned) in &self.owned {
            let before = self.status.partitions.get(partition).copied().unwrap_or_default();
            let end = match looks {
                true => self.parts.log.bounds(&self.options.decisions, *partition).map(|bounds| bounds.end),
                false => Ok(before.next_offset + before.lag_records),
            };
            // A log that does not answer shows no lag; reading it says what is wrong.
            let lag_records = end.unwrap_or_default().saturating_sub(owned.next_offset);
            let lag_ms = if lag_records == 0 { 0 } else { self.now().0.saturating_sub(owned.read_at.0) };
            let status = PartitionStatus {
                sequence: owned.sequence,
                next_offset: owned.next_offset,
                lag_records,
                lag_ms,
                is_restored: owned.state == State::Live,
                orders: owned.shelf.len(),
            };
            partitions.insert(*partition, status);
        }
        self.status.partitions = partitions;
        if looks {
            self.next_note = Instant::now() + NOTE_INTERVAL;
        }
        self.shared.set(self.status.clone());
        Ok(())
    }
}

/// Queues an order, once.
pub(crate) fn queue(ready: &mut VecDeque<Who>, owned: &mut Owned, partition: u32, order: OrderId) {
    if let Some(dossier) = owned.shelf.get_mut(&order)
        && !dossier.is_queued
    {
        dossier.is_queued = true;
        ready.push_back(Who::Order(partition, order));
    }
}
