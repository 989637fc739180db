//! The dataflow of a partition, put together.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use order_codec::{Codec, KeyRing};
use order_core::Ledger;
use order_log::RecordBatch;
use timely::dataflow::ProbeHandle;
use timely::dataflow::operators::Probe;
use timely::scheduling::Activator;
use timely::worker::Worker;

use crate::Clock;
use crate::decide::{Decider, decide};
use crate::decode::decode;
use crate::encode::{Encoder, encode};
use crate::failure::{FailureCell, FlowError};
use crate::gauge::Gauge;
use crate::limits::BATCHES_IN_FLIGHT_MAX;
use crate::publish::publish;
use crate::publisher::Publisher;
use crate::read::{Inbox, read};
use crate::resume::Resume;
use crate::tally::Tally;
use crate::topics::Topics;

/// What a dataflow is run for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Purpose {
    /// To decide: effects go to the log.
    Decide,
    /// To see what was decided: effects go nowhere, so relays carry no MAC, and no key need be valid now.
    Replay,
}

/// What a dataflow is made of.
pub struct FlowParts {
    /// The ledger, as it stands before `start`.
    pub ledger: Ledger,
    /// The offset of the first record that will be offered.
    pub start: u64,
    /// What has been published.
    pub resume: Resume,
    /// Names of the topics.
    pub topics: Topics,
    /// Reads and writes records.
    pub codec: Codec,
    /// Checks and signs privileged commands.
    pub ring: KeyRing,
    /// The thread's way to the log.
    pub publisher: Rc<RefCell<Publisher>>,
    /// The time of day.
    pub clock: Clock,
    /// What it is run for.
    pub purpose: Purpose,
}

/// The dataflow of one partition on one timely thread.
pub struct PartitionFlow {
    partition: u32,
    /// Timely's name for the dataflow.
    dataflow: usize,
    inbox: Rc<RefCell<Inbox>>,
    ledger: Rc<RefCell<Ledger>>,
    probe: ProbeHandle<u64>,
    wakers: Vec<Activator>,
    failure: FailureCell,
    tally: Rc<Cell<Tally>>,
    /// The first offsets of the batches in flight, oldest first.
    in_flight: std::collections::VecDeque<u64>,
    /// The offset to be offered next.
    next: u64,
}

impl PartitionFlow {
    /// Builds the dataflow in `worker`.
    pub fn start(worker: &mut Worker, parts: FlowParts) -> Self {
        let partition = parts.ledger.shape().partition.0;
        let inbox = Rc::new(RefCell::new(Inbox::default()));
        let ledger = Rc::new(RefCell::new(parts.ledger));
        let tally = Rc::new(Cell::new(Tally::default()));
        let (failure, gauge) = (FailureCell::default(), Gauge::default());
        let probe = ProbeHandle::new();
        let orders: Rc<str> = Rc::from(&*parts.topics.orders);
        let mut resume = parts.resume;
        let verdicts = resume.take_verdicts();
        let decider = Decider::new(Rc::clone(&ledger), resume, orders, Rc::clone(&tally));
        let spare = decider.spare();
        let (codec, ring, clock) = (parts.codec, parts.ring, parts.clock);
        let signing = (parts.purpose == Purpose::Decide).then(|| (ring.clone(), Rc::clone(&clock)));
        let encoder = Encoder::new(partition, parts.topics, codec.clone(), signing);
        let (mut decode_waker, mut publish_waker) = (None, None);
        let dataflow = worker.next_dataflow_index();
        worker.dataflow::<u64, _, _>(|scope| {
            let batches = read(scope, Rc::clone(&inbox), parts.start);
            let decoded = decode(batches, codec, ring, verdicts, clock, &mut decode_waker);
            let decided = decide(decoded, decider, gauge.clone(), failure.clone());
            let encoded = encode(decided, encoder, spare, failure.clone());
            publish(encoded, partition, parts.publisher, gauge, failure.clone(), &mut publish_waker)
                .probe_with(&probe);
        });
        let wakers = [decode_waker, publish_waker].into_iter().flatten().collect();
        let in_flight = std::collections::VecDeque::new();
        Self {
            partition,
            dataflow,
            inbox,
            ledger,
            probe,
            wakers,
            failure,
            tally,
            in_flight,
            next: parts.start,
        }
    }

    /// The partition.
    pub fn partition(&self) -> u32 {
        self.partition
    }

    /// Whether another batch may be offered: at most [`BATCHES_IN_FLIGHT_MAX`] are in flight.
    pub fn has_room(&mut self) -> bool {
        let durable = self.durable_offset();
        while self.in_flight.front().is_some_and(|first| *first < durable) {
            self.in_flight.pop_front();
        }
        self.in_flight.len() < BATCHES_IN_FLIGHT_MAX
    }

    /// Hands in the next batch.
    ///
    /// # Panics
    /// When the batch is of another partition or lies before what was offered already: the caller has a bug.
    pub fn offer(&mut self, batch: RecordBatch) {
        assert_eq!(batch.partition(), self.partition, "bug: a batch of another partition");
        assert!(
            batch.first_offset() >= self.next,
            "bug: offset {} after {}",
            batch.first_offset(),
            self.next
        );
        self.in_flight.push_back(batch.first_offset());
        self.next = batch.next_offset();
        self.inbox.borrow_mut().offer(batch);
    }

    /// Says that no record stands before `next_offset` that was not offered: the log has holes where Kafka keeps records of
    /// its own.
    pub fn pass(&mut self, next_offset: u64) {
        if next_offset > self.next {
            self.next = next_offset;
            self.inbox.borrow_mut().pass(next_offset);
        }
    }

    /// Says that no more will be offered. What is in flight is finished.
    pub fn close(&self) {
        self.inbox.borrow_mut().close();
    }

    /// Ends the dataflow as it stands, which lets go of its ledger. What is in flight is not finished; what the appender
    /// has may still reach the log. `worker` is the one it was started in.
    pub fn abandon(self, worker: &mut Worker) {
        worker.drop_dataflow(self.dataflow);
    }

    /// Wakes the operators that wait for the log or the registry; to be called when the log has acknowledged something, and now and
    /// then.
    pub fn wake(&self) {
        self.wakers.iter().for_each(Activator::activate);
    }

    /// Everything before this offset is decided and its effects are in the log.
    pub fn durable_offset(&self) -> u64 {
        // A failed dataflow lets go of what it has not done.
        if self.failure.is_set() {
            return 0;
        }
        self.probe.with_frontier(|frontier| frontier.first().copied()).unwrap_or(self.next)
    }

    /// The offset to be offered next.
    pub fn next_offset(&self) -> u64 {
        self.next
    }

    /// Whether all that was offered is durable.
    pub fn is_idle(&self) -> bool {
        self.durable_offset() == self.next
    }

    /// Why the dataflow stopped, if it did. Nothing it says afterwards is to be believed.
    pub fn failure(&self) -> Option<FlowError> {
        self.failure.get()
    }

    /// Looks at the ledger, between steps of the timely worker.
    pub fn with_ledger<R>(&self, look: impl FnOnce(&Ledger) -> R) -> R {
        look(&self.ledger.borrow())
    }

    /// What went through.
    pub fn tally(&self) -> Tally {
        self.tally.get()
    }
}
