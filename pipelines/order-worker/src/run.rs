//! Running a worker: its threads, its options, what it says.

use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, Sender, bounded};
use order_codec::{Codec, KeyRing};
use order_core::Certificate;
use order_flow::{Purpose, Tally, Topics};
use order_log::{Log, ReadLimits};
use order_model::{Offset, Sequence, TimeMs};

use crate::error::WorkerError;
use crate::limits::{BATCHES_AHEAD_MAX, THREADS_MAX};
use crate::reader::Reader;
use crate::stop::Stop;
use crate::thread::{Instruction, ThreadParts, run_thread};

/// What a worker works with.
#[derive(Clone)]
pub struct WorkerParts {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Reads and writes records.
    pub codec: Codec,
    /// Checks and signs privileged commands.
    pub ring: KeyRing,
    /// The time of day: when to tick, and which key to sign with.
    pub clock: Arc<dyn Fn() -> TimeMs + Send + Sync>,
    /// Is told what happens. Called on the reader's thread; must be quick.
    pub observer: Arc<dyn Fn(WorkerEvent) + Send + Sync>,
}

/// How a worker works.
#[derive(Clone, Debug)]
pub struct WorkerOptions {
    /// The group whose members share the partitions.
    pub group: String,
    /// Names of the topics.
    pub topics: Topics,
    /// Timely threads, from 1 to [`THREADS_MAX`].
    pub threads: usize,
    /// How large batches may be.
    pub batch: ReadLimits,
}

/// What happens in a worker.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum WorkerEvent {
    /// A partition is ours; it will be restored by a replay up to its last decision.
    Assigned {
        /// Which.
        partition: u32,
        /// The number of its last decision in the log.
        published: Sequence,
    },
    /// Everything before `offset` is decided and durable.
    Durable {
        /// Of which partition.
        partition: u32,
        /// The first offset that is not.
        offset: u64,
    },
    /// A partition is finished and given back.
    Released(PartitionSummary),
}

/// A partition as its worker left it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionSummary {
    /// Which.
    pub partition: u32,
    /// Over all it has read.
    pub certificate: Certificate,
    /// Its latest decision.
    pub sequence: Sequence,
    /// The offset after the last record read.
    pub next_offset: Offset,
    /// What went through.
    pub tally: Tally,
}

/// What a worker did, once it has drained.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Summary {
    /// The partitions it had at the end, in order.
    pub partitions: Vec<PartitionSummary>,
}

/// Runs a worker until `stop` asks it to end or something fails. Blocks; runs on the calling thread and
/// `options.threads` more.
pub fn run(parts: &WorkerParts, options: &WorkerOptions, stop: &Stop) -> Result<Summary, WorkerError> {
    run_for(Purpose::Decide, parts, options, stop)
}

/// The same to see what was decided, on a log whose appender keeps nothing: relays are not signed, nothing is ticked.
pub fn replay(parts: &WorkerParts, options: &WorkerOptions, stop: &Stop) -> Result<Summary, WorkerError> {
    run_for(Purpose::Replay, parts, options, stop)
}

fn run_for(
    purpose: Purpose,
    parts: &WorkerParts,
    options: &WorkerOptions,
    stop: &Stop,
) -> Result<Summary, WorkerError> {
    let partitions = equal_partitions(parts.log.as_ref(), &options.topics)?;
    let thread_count = options.threads.clamp(1, THREADS_MAX);
    // Room for every batch the reader may have ahead, and for what it has to say about each partition.
    let capacity = usize::try_from(partitions).unwrap_or(usize::MAX).saturating_mul(BATCHES_AHEAD_MAX + 4);
    let (reports_in, reports) = bounded(capacity);
    let mut threads = Vec::with_capacity(thread_count);
    for index in 0..thread_count {
        let (instructions, inbox): (Sender<Instruction>, Receiver<Instruction>) = bounded(capacity);
        let thread = ThreadParts {
            index,
            partitions,
            purpose,
            topics: options.topics.clone(),
            codec: parts.codec.clone(),
            ring: parts.ring.clone(),
            clock: Arc::clone(&parts.clock),
            appender: parts.log.appender()?,
            instructions: inbox,
            reports: reports_in.clone(),
        };
        threads.push(Thread::start(thread, instructions)?);
    }
    drop(reports_in);
    let instructions = threads.iter().map(|thread| thread.instructions.clone()).collect();
    let result = Reader::new(parts, options, instructions, reports)?.run(stop);
    threads.into_iter().for_each(Thread::join);
    result
}

/// One partition count for `orders` and `decisions`.
fn equal_partitions(log: &dyn Log, topics: &Topics) -> Result<u32, WorkerError> {
    let orders_partitions = log.partitions(&topics.orders)?;
    let decisions_partitions = log.partitions(&topics.decisions)?;
    if orders_partitions == decisions_partitions {
        return Ok(orders_partitions);
    }
    let (orders, decisions) = (topics.orders.to_string(), topics.decisions.to_string());
    Err(WorkerError::PartitionsDiffer { orders, orders_partitions, decisions, decisions_partitions })
}

struct Thread {
    instructions: Sender<Instruction>,
    handle: JoinHandle<()>,
}

impl Thread {
    fn start(parts: ThreadParts, instructions: Sender<Instruction>) -> Result<Self, WorkerError> {
        let builder = std::thread::Builder::new().name(format!("timely-{}", parts.index));
        let handle = builder.spawn(move || run_thread(parts)).map_err(WorkerError::Spawn)?;
        Ok(Self { instructions, handle })
    }

    fn join(self) {
        drop(self.instructions);
        if self.handle.join().is_err() {
            tracing::error!("a timely thread panicked");
        }
    }
}
