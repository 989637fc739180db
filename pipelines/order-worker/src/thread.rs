//! A timely thread: runs the dataflows of its partitions, one step after the other, and never waits long.

use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::sync::Arc;
use std::time::{Duration, Instant};

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender};
use order_codec::{Codec, KeyRing};
use order_core::{Certificate, Ledger, Shape};
use order_flow::{Clock, FlowParts, PartitionFlow, Publisher, Purpose, Resume, Topics};
use order_log::{AppendBatch, AppendError, LogAppender, RecordBatch};
use order_model::{Command, Offset, Partition, Sequence, TimeMs};
use timely::worker::Worker;

use crate::error::WorkerError;
use crate::limits::{ACKNOWLEDGE_WAIT, IDLE_WAIT};
use crate::run::PartitionSummary;
use crate::ticker::Ticker;

/// What the reader tells a timely thread.
pub(crate) enum Instruction {
    /// Build the dataflow of a partition.
    Start { partition: u32, incarnation: Incarnation, resume: Resume },
    /// Decide these records.
    Batch(RecordBatch),
    /// Nothing stands before `next_offset` that was not sent.
    Passed { partition: u32, next_offset: u64 },
    /// Finish a partition and let it go.
    Finish { partition: u32 },
    /// Drop a partition as it stands: another worker has it already.
    Drop { partition: u32 },
}

/// Counts how often this worker has begun a partition, any one. What a thread reports of a partition that was lost and
/// came back at once may be about the time before.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Incarnation(pub(crate) u64);

/// What a timely thread tells the reader.
pub(crate) enum Report {
    /// Everything before `offset` is durable.
    Durable { partition: u32, incarnation: Incarnation, offset: u64 },
    /// The partition is finished.
    Finished { incarnation: Incarnation, summary: PartitionSummary },
    /// The thread has stopped.
    Failed(WorkerError),
}

/// What a timely thread needs.
pub(crate) struct ThreadParts {
    pub(crate) index: usize,
    pub(crate) partitions: u32,
    pub(crate) purpose: Purpose,
    pub(crate) topics: Topics,
    pub(crate) codec: Codec,
    pub(crate) ring: KeyRing,
    pub(crate) clock: Arc<dyn Fn() -> TimeMs + Send + Sync>,
    pub(crate) appender: Box<dyn LogAppender>,
    pub(crate) instructions: Receiver<Instruction>,
    pub(crate) reports: Sender<Report>,
}

/// Runs until the channel of instructions closes or something fails.
pub(crate) fn run_thread(parts: ThreadParts) {
    let reports = parts.reports.clone();
    if let Err(error) = TimelyThread::new(parts).run() {
        tracing::debug!(%error, "a timely thread stops");
        // The reader may be gone already, and then nobody needs to know.
        drop(reports.send(Report::Failed(error)));
    }
}

/// What was read of a partition.
enum Arrival {
    Batch(RecordBatch),
    /// Nothing more stands before this offset.
    Passed(u64),
}

struct Owned {
    incarnation: Incarnation,
    flow: PartitionFlow,
    /// Read, not offered yet. Bounded by the reader, which pauses the partition.
    queue: VecDeque<Arrival>,
    reported: u64,
    ticker: Ticker,
    is_finishing: bool,
}

struct TimelyThread {
    worker: Worker,
    /// The worker's own messages that no step has looked at yet.
    events: Rc<RefCell<Vec<usize>>>,
    publisher: Rc<RefCell<Publisher>>,
    clock: Clock,
    owned: BTreeMap<u32, Owned>,
    parts: SharedParts,
}

/// The parts every dataflow of the thread shares.
struct SharedParts {
    partitions: u32,
    purpose: Purpose,
    topics: Topics,
    codec: Codec,
    ring: KeyRing,
    instructions: Receiver<Instruction>,
    reports: Sender<Report>,
}

impl SharedParts {
    /// Appends a tick, whose record time lets happen what is due.
    fn tick(&self, publisher: &Rc<RefCell<Publisher>>, partition: u32) -> Result<(), WorkerError> {
        let mut batch = AppendBatch::new(Arc::clone(&self.topics.orders));
        batch.push_with(partition, None, |bytes| self.codec.command_to(&Command::Tick, bytes));
        match publisher.borrow_mut().append(batch) {
            // A full queue is busy enough; the tick comes again.
            Ok(_) | Err(AppendError::Full(_)) => Ok(()),
            Err(AppendError::Log(error)) => Err(error.into()),
            Err(error @ AppendError::TooLarge { .. }) => {
                let context = format!("appending a tick to partition {partition}");
                Err(order_log::LogError::Failed { context, detail: error.to_string() }.into())
            }
        }
    }
}

impl TimelyThread {
    fn new(parts: ThreadParts) -> Self {
        let allocator =
            timely::communication::Allocator::Thread(timely::communication::allocator::Thread::default());
        let events = Rc::clone(allocator.events());
        // Without a timer the worker could not say that it has nothing to do.
        let worker = Worker::new(timely::WorkerConfig::default(), allocator, Some(Instant::now()));
        let clock = parts.clock;
        tracing::debug!(thread = parts.index, "timely thread starts");
        Self {
            worker,
            events,
            publisher: Rc::new(RefCell::new(Publisher::new(parts.appender))),
            clock: Rc::new(move || clock()),
            owned: BTreeMap::new(),
            parts: SharedParts {
                partitions: parts.partitions,
                purpose: parts.purpose,
                topics: parts.topics,
                codec: parts.codec,
                ring: parts.ring,
                instructions: parts.instructions,
                reports: parts.reports,
            },
        }
    }

    fn run(mut self) -> Result<(), WorkerError> {
        loop {
            let mut is_busy = match self.take_instructions() {
                Some(took) => took,
                None => return Ok(()),
            };
            is_busy |= self.offer_batches();
            is_busy |= self.step();
            if self.publisher.borrow_mut().poll(Duration::ZERO)? {
                self.wake();
                is_busy = true;
            }
            self.look_at_flows()?;
            if !is_busy && self.wait()?.is_none() {
                return Ok(());
            }
        }
    }

    /// Gives every operator that has something to do its turn; says whether there will be more for the next step.
    fn step(&mut self) -> bool {
        self.worker.step();
        // What the worker itself returns is whether it has dataflows at all.
        !self.events.borrow().is_empty()
            || self.worker.activations().borrow().empty_for() == Some(Duration::ZERO)
    }

    /// Takes what the reader has sent; `None` when it is gone.
    fn take_instructions(&mut self) -> Option<bool> {
        let mut took = false;
        loop {
            match self.parts.instructions.try_recv() {
                Ok(instruction) => self.follow(instruction),
                Err(crossbeam_channel::TryRecvError::Empty) => return Some(took),
                Err(crossbeam_channel::TryRecvError::Disconnected) => return None,
            }
            took = true;
        }
    }

    fn follow(&mut self, instruction: Instruction) {
        match instruction {
            Instruction::Start { partition, incarnation, resume } => {
                self.start(partition, incarnation, resume)
            }
            Instruction::Batch(batch) => {
                if let Some(owned) = self.owned.get_mut(&batch.partition()) {
                    owned.queue.push_back(Arrival::Batch(batch));
                }
            }
            Instruction::Passed { partition, next_offset } => {
                if let Some(owned) = self.owned.get_mut(&partition) {
                    owned.queue.push_back(Arrival::Passed(next_offset));
                }
            }
            Instruction::Finish { partition } => {
                if let Some(owned) = self.owned.get_mut(&partition) {
                    owned.is_finishing = true;
                }
            }
            Instruction::Drop { partition } => {
                if let Some(owned) = self.owned.remove(&partition) {
                    owned.flow.abandon(&mut self.worker);
                }
            }
        }
    }

    fn start(&mut self, partition: u32, incarnation: Incarnation, resume: Resume) {
        let parts = FlowParts {
            ledger: Ledger::new(Shape::of(Partition(partition), self.parts.partitions)),
            start: 0,
            resume,
            topics: self.parts.topics.clone(),
            codec: self.parts.codec.clone(),
            ring: self.parts.ring.clone(),
            publisher: Rc::clone(&self.publisher),
            clock: Rc::clone(&self.clock),
            purpose: self.parts.purpose,
        };
        let flow = PartitionFlow::start(&mut self.worker, parts);
        let owned = Owned {
            incarnation,
            flow,
            queue: VecDeque::new(),
            reported: 0,
            ticker: Ticker::default(),
            is_finishing: false,
        };
        self.owned.insert(partition, owned);
    }

    fn offer_batches(&mut self) -> bool {
        let mut offered = false;
        for owned in self.owned.values_mut() {
            while !owned.queue.is_empty() && owned.flow.has_room() {
                match owned.queue.pop_front() {
                    Some(Arrival::Batch(batch)) => owned.flow.offer(batch),
                    Some(Arrival::Passed(next_offset)) => owned.flow.pass(next_offset),
                    None => {}
                }
                offered = true;
            }
        }
        offered
    }

    fn wake(&self) {
        self.owned.values().for_each(|owned| owned.flow.wake());
    }

    /// Reports progress, lets finished partitions go, appends ticks.
    fn look_at_flows(&mut self) -> Result<(), WorkerError> {
        let now = (self.clock)();
        let mut finished = Vec::new();
        for (partition, owned) in &mut self.owned {
            if let Some(error) = owned.flow.failure() {
                return Err(error.into());
            }
            let offset = owned.flow.durable_offset();
            if offset > owned.reported {
                owned.reported = offset;
                let (partition, incarnation) = (*partition, owned.incarnation);
                self.parts.reports.send(Report::Durable { partition, incarnation, offset }).ok();
            }
            let is_idle = owned.queue.is_empty() && owned.flow.is_idle();
            if owned.is_finishing && is_idle {
                finished.push(*partition);
            } else if self.parts.purpose == Purpose::Decide
                && owned.ticker.should_tick(now, owned.flow.with_ledger(Ledger::next_due), is_idle)
            {
                self.parts.tick(&self.publisher, *partition)?;
            }
        }
        for partition in finished {
            if let Some(owned) = self.owned.remove(&partition) {
                owned.flow.close();
                let (incarnation, summary) = (owned.incarnation, summary(&owned.flow));
                self.parts.reports.send(Report::Finished { incarnation, summary }).ok();
            }
        }
        Ok(())
    }

    /// Waits for acknowledgements if some are due, else for instructions; `None` when the reader is gone.
    fn wait(&mut self) -> Result<Option<()>, WorkerError> {
        if self.publisher.borrow().is_waiting() {
            let heard = self.publisher.borrow_mut().poll(ACKNOWLEDGE_WAIT)?;
            if heard {
                self.wake();
            }
            return Ok(Some(()));
        }
        match self.parts.instructions.recv_timeout(IDLE_WAIT) {
            Ok(instruction) => self.follow(instruction),
            // A registry that did not answer is asked again.
            Err(RecvTimeoutError::Timeout) => self.wake(),
            Err(RecvTimeoutError::Disconnected) => return Ok(None),
        }
        Ok(Some(()))
    }
}

fn summary(flow: &PartitionFlow) -> PartitionSummary {
    let (certificate, sequence, next_offset): (Certificate, Sequence, Offset) =
        flow.with_ledger(|ledger| (ledger.certificate(), ledger.sequence(), ledger.next_offset()));
    PartitionSummary { partition: flow.partition(), certificate, sequence, next_offset, tally: flow.tally() }
}
