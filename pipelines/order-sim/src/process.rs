//! A simulated worker: the real dataflows of its partitions on one timely worker, stepped by hand, and a model of the
//! thread around them.

use std::cell::RefCell;
use std::collections::BTreeMap;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use order_codec::{Codec, KeyRing};
use order_core::{Certificate, Ledger, Shape};
use order_flow::{Clock, FlowParts, PartitionFlow, Publisher, Purpose, Resume};
use order_log::{
    AppendBatch, AppendError, Log, LogReader, Polled, ReadLimits, RecordBatch, RecordBatchBuilder,
};
use order_model::{Command, Partition, TimeMs};
use timely::communication::Allocator;
use timely::worker::Worker;

use crate::claim::Claim;
use crate::limits::{BATCH_RECORDS_MAX, QUEUE_BATCHES_MAX, TICK_INTERVAL_MS};
use crate::outcome::{Sabotage, SimFailure};
use crate::wire::{FaultyAppender, SharedWire, Wire, locked};
use crate::world::{World, codec};

/// Why a worker ended by itself: the log failed it, which it may, or something it must not.
pub(crate) enum Ended {
    ByTheLog,
    ByABug(SimFailure),
}

/// A partition in the hands of a worker.
pub(crate) struct Owned {
    flow: PartitionFlow,
    reader: Box<dyn LogReader>,
    is_finishing: bool,
    last_tick: TimeMs,
    claimed: u64,
    /// Another worker has it. So many small steps until this one hears of it.
    pub(crate) lost_in: Option<u64>,
}

/// See the module.
pub(crate) struct Process {
    pub(crate) id: u32,
    worker: Worker,
    publisher: Rc<RefCell<Publisher>>,
    pub(crate) wire: SharedWire,
    codec: Codec,
    ring: KeyRing,
    clock: Clock,
    batch_max: u64,
    pub(crate) owned: BTreeMap<u32, Owned>,
    /// It sleeps until then.
    pub(crate) asleep_until: Option<u64>,
    /// When its patience with a silent log ends.
    pub(crate) patience_ends: Option<u64>,
}

impl Process {
    pub(crate) fn start(id: u32, world: &mut World) -> Result<Self, SimFailure> {
        world.numbers.workers_started += 1;
        let allocator = Allocator::Thread(timely::communication::allocator::Thread::default());
        let wire = Wire::new(world.one_to(QUEUE_BATCHES_MAX));
        let appender = FaultyAppender::new(Arc::clone(&wire), world);
        let batch_max = 1 + world.dice.below(BATCH_RECORDS_MAX);
        let ring = match world.sabotage {
            Some(Sabotage::OtherKeys) if id > 1 => KeyRing::generate_one([7; 32]),
            _ => world.ring.clone(),
        };
        world.note(format_args!("worker {id} starts, batches up to {batch_max}"));
        Ok(Self {
            id,
            worker: Worker::new(timely::WorkerConfig::default(), allocator, None),
            publisher: Rc::new(RefCell::new(Publisher::new(Box::new(appender)))),
            wire,
            codec: codec(&world.registry)?,
            ring,
            clock: world.worker_clock(),
            batch_max,
            owned: BTreeMap::new(),
            asleep_until: None,
            patience_ends: None,
        })
    }

    /// Takes a partition over: its ledger is restored by a replay, the end of `decisions` says how far it has got.
    pub(crate) fn take_over(&mut self, partition: u32, world: &mut World) -> Result<(), SimFailure> {
        let resume = resume_point(world, partition)?;
        let published = resume.sequence();
        world.numbers.takeovers += u64::from(published.0 > 0);
        world.note(format_args!("worker {} takes partition {partition} after {published}", self.id));
        let parts = FlowParts {
            ledger: Ledger::new(Shape::of(Partition(partition), world.partitions)),
            start: 0,
            resume,
            topics: world.topics.clone(),
            codec: self.codec.clone(),
            ring: self.ring.clone(),
            publisher: Rc::clone(&self.publisher),
            clock: Rc::clone(&self.clock),
            purpose: Purpose::Decide,
        };
        let flow = PartitionFlow::start(&mut self.worker, parts);
        let records_max = usize::try_from(self.batch_max).unwrap_or(1);
        let mut reader =
            world.log.reader(&world.topics.orders, ReadLimits { records_max, bytes_max: usize::MAX })?;
        reader.start(partition, 0)?;
        let owned =
            Owned { flow, reader, is_finishing: false, last_tick: TimeMs(0), claimed: 0, lost_in: None };
        self.owned.insert(partition, owned);
        Ok(())
    }

    /// One small step, of chance.
    pub(crate) fn turn(&mut self, world: &mut World) -> Result<(), Ended> {
        match world.dice.below(100) {
            0..=29 => self.read(world).map_err(Ended::ByABug),
            30..=69 => {
                self.worker.step();
                Ok(())
            }
            70..=88 => self.hear(),
            89..=90 => {
                self.wake();
                Ok(())
            }
            _ => self.look(world),
        }
    }

    /// A whole round, as the thread makes it. Used when faults are off.
    pub(crate) fn round(&mut self, world: &mut World) -> Result<(), Ended> {
        self.read(world).map_err(Ended::ByABug)?;
        self.worker.step();
        self.hear()?;
        self.wake();
        self.worker.step();
        self.look(world)
    }

    fn wake(&self) {
        self.owned.values().for_each(|owned| owned.flow.wake());
    }

    fn hear(&mut self) -> Result<(), Ended> {
        let heard = self.publisher.borrow_mut().poll(Duration::ZERO);
        if heard.map_err(|_| Ended::ByTheLog)? {
            self.wake();
        }
        Ok(())
    }

    /// Reads a batch of one partition, cuts it somewhere, and offers it.
    fn read(&mut self, world: &mut World) -> Result<(), SimFailure> {
        let partitions: Vec<u32> = self.owned.keys().copied().collect();
        let Some(partition) = world.one_of(&partitions) else { return Ok(()) };
        let Some(owned) = self.owned.get_mut(&partition) else { return Ok(()) };
        if owned.is_finishing || !owned.flow.has_room() {
            return Ok(());
        }
        let Some(Polled::Batch(batch)) = owned.reader.poll(Duration::ZERO)? else { return Ok(()) };
        let most = u64::try_from(batch.len()).unwrap_or(1);
        let length = world.one_to(most);
        let (batch, first) = (cut(batch, length), owned.flow.next_offset());
        owned.reader.start(partition, batch.next_offset())?;
        world.note(format_args!("worker {} reads {length} of partition {partition} from {first}", self.id));
        owned.flow.offer(batch);
        Ok(())
    }

    /// What the thread does between steps: failures, claims, ticks, partitions that are finished.
    fn look(&mut self, world: &mut World) -> Result<(), Ended> {
        let now = TimeMs(world.now_ms());
        let mut finished = Vec::new();
        for (partition, owned) in &mut self.owned {
            if let Some(error) = owned.flow.failure() {
                return Err(match error {
                    order_flow::FlowError::Append { .. } => Ended::ByTheLog,
                    other => Ended::ByABug(SimFailure::Flow(other.to_string())),
                });
            }
            let offset = owned.flow.durable_offset();
            if offset > owned.claimed {
                owned.claimed = offset;
                let claim = claim(world, self.id, *partition, offset).map_err(Ended::ByABug)?;
                world.claims.push(claim);
                world.numbers.durability_claims += 1;
                world.note(format_args!("worker {} has {partition} durable to {offset}", self.id));
            }
            let is_idle = owned.flow.is_idle();
            if owned.is_finishing && is_idle {
                finished.push(*partition);
                continue;
            }
            let is_due = owned.flow.with_ledger(Ledger::next_due).is_some_and(|due| due <= now);
            if is_idle && is_due && now >= owned.last_tick.after(TICK_INTERVAL_MS) {
                owned.last_tick = now;
                tick(&self.publisher, &self.codec, world, *partition)?;
            }
        }
        for partition in finished {
            self.let_go(partition, world);
        }
        Ok(())
    }

    fn let_go(&mut self, partition: u32, world: &mut World) {
        if let Some(owned) = self.owned.remove(&partition) {
            owned.flow.close();
            world.numbers.handovers += 1;
            world.note(format_args!("worker {} hands partition {partition} over", self.id));
        }
    }

    /// Counts down to the moment it hears that partitions are lost; they are dropped as they stand.
    pub(crate) fn hear_of_losses(&mut self, world: &mut World) {
        let mut lost = Vec::new();
        for (partition, owned) in &mut self.owned {
            match &mut owned.lost_in {
                Some(0) => lost.push(*partition),
                Some(steps) => *steps -= 1,
                None => {}
            }
        }
        for partition in lost {
            if let Some(owned) = self.owned.remove(&partition) {
                owned.flow.abandon(&mut self.worker);
            }
            world.note(format_args!("worker {} hears that partition {partition} is lost", self.id));
        }
    }

    pub(crate) fn finish_partition(&mut self, partition: u32) {
        if let Some(owned) = self.owned.get_mut(&partition) {
            owned.is_finishing = true;
        }
    }

    /// Whether it may be given partitions.
    pub(crate) fn is_available(&self) -> bool {
        self.asleep_until.is_none() && self.patience_ends.is_none()
    }

    /// Whether all of the log is read and durable, and when the next thing is due.
    pub(crate) fn rest(&mut self, world: &World) -> Result<(bool, Option<TimeMs>), SimFailure> {
        let mut is_done = !locked(&self.wire).is_waiting();
        let mut due = None;
        for (partition, owned) in &self.owned {
            let end = world.end_of(&world.topics.orders, *partition)?;
            is_done &= owned.flow.is_idle() && owned.flow.next_offset() == end;
            let next = owned.flow.with_ledger(Ledger::next_due);
            due = [due, next].into_iter().flatten().min();
        }
        Ok((is_done, due))
    }

    /// The certificate of each partition, and how many relays came too early.
    pub(crate) fn certificates(&self) -> Vec<(u32, Certificate, u64)> {
        let look = |(partition, owned): (&u32, &Owned)| {
            (*partition, owned.flow.with_ledger(Ledger::certificate), owned.flow.tally().relay_gaps)
        };
        self.owned.iter().map(look).collect()
    }

    /// The partitions at which relays came before their predecessors.
    pub(crate) fn relay_gap(&self) -> Option<u32> {
        self.owned
            .iter()
            .find(|(_, owned)| owned.flow.tally().relay_gaps > 0)
            .map(|(partition, _)| *partition)
    }
}

fn claim(world: &World, process: u32, partition: u32, offset: u64) -> Result<Claim, SimFailure> {
    let topics = &world.topics;
    let orders_ends = (0..world.partitions).map(|to| world.end_of(&topics.orders, to));
    Ok(Claim {
        process,
        partition,
        offset,
        decisions_end: world.end_of(&topics.decisions, partition)?,
        dead_letters_end: world.end_of(&topics.dead_letters, partition)?,
        orders_ends: orders_ends.collect::<Result<_, _>>()?,
    })
}

fn tick(
    publisher: &Rc<RefCell<Publisher>>,
    codec: &Codec,
    world: &mut World,
    partition: u32,
) -> Result<(), Ended> {
    let mut batch = AppendBatch::new(Arc::clone(&world.topics.orders));
    batch.push_with(partition, None, |bytes| codec.command_to(&Command::Tick, bytes));
    match publisher.borrow_mut().append(batch) {
        Ok(_) => {
            world.numbers.ticks += 1;
            Ok(())
        }
        Err(AppendError::Full(_)) => Ok(()),
        Err(_) => Err(Ended::ByTheLog),
    }
}

/// The first `length` records.
fn cut(batch: RecordBatch, length: usize) -> RecordBatch {
    if batch.len() <= length {
        return batch;
    }
    let mut kept = RecordBatchBuilder::new(batch.partition());
    for record in batch.iter().take(length) {
        kept.push(record.offset, record.time_ms, record.key, record.value, record.headers);
    }
    kept.finish()
}

/// Where a worker that takes over goes on; as `order_worker::resume_point`, which waits by the wall clock.
fn resume_point(world: &World, partition: u32) -> Result<Resume, SimFailure> {
    let topic = &world.topics.decisions;
    let end = world.end_of(topic, partition)?;
    let Some(last) = end.checked_sub(1) else { return Ok(Resume::from_start()) };
    let mut reader = world.log.reader(topic, ReadLimits { records_max: 1, bytes_max: usize::MAX })?;
    reader.start(partition, last)?;
    let Some(Polled::Batch(batch)) = reader.poll(Duration::ZERO)? else {
        return Err(SimFailure::Simulator(format!("decision {last} of {partition} did not come")));
    };
    let value = batch.get(0).and_then(|record| record.value).unwrap_or_default();
    let mut decision = world
        .codec
        .decision_from(value)
        .map_err(|error| SimFailure::Decisions(format!("the last of {partition}: {error}")))?;
    if world.sabotage == Some(Sabotage::ResumeTooHigh) {
        decision.sequence = decision.sequence.next();
        decision.offset = decision.offset.next();
    }
    Ok(Resume::after(decision))
}
