//! Runs dataflows by hand: offers the records of a log, steps timely, passes on acknowledgements.

use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, VecDeque};
use std::rc::Rc;
use std::time::Duration;

use order_codec::{Codec, KeyRing};
use order_core::{Certificate, Ledger, Shape};
use order_flow::{FlowParts, PartitionFlow, Publisher, Purpose, Resume, Topics};
use order_log::{Headers, LogAppender, MemoryLog, MemoryRecord, RecordBatch, RecordBatchBuilder};
use order_model::{Partition, TimeMs};
use timely::communication::{Allocator, allocator::Thread};
use timely::worker::Worker;

use crate::sale::{ORDERS, Sale};

/// No test needs as many.
const ROUNDS_MAX: usize = 1_000_000;

/// Dataflows of some partitions on one timely worker.
pub struct Driver {
    worker: Worker,
    publisher: Rc<RefCell<Publisher>>,
    pub flows: Vec<(PartitionFlow, VecDeque<RecordBatch>)>,
    /// What the operators take for the time of day, in milliseconds.
    pub clock: Rc<Cell<u64>>,
    /// What dataflows are started for.
    pub purpose: Purpose,
}

impl Driver {
    pub fn new(appender: impl LogAppender + 'static) -> Self {
        let allocator = Allocator::Thread(Thread::default());
        Self {
            worker: Worker::new(timely::WorkerConfig::default(), allocator, None),
            publisher: Rc::new(RefCell::new(Publisher::new(Box::new(appender)))),
            flows: Vec::new(),
            clock: Rc::new(Cell::new(1)),
            purpose: Purpose::Decide,
        }
    }

    /// Starts the dataflow of a partition of `sale`, which reads batches of so many records.
    pub fn start(&mut self, sale: &Sale, partition: u32, batch: usize, resume: Resume) {
        let (codec, ring) = (sale.codec.clone(), sale.ring.clone());
        self.start_with(sale, partition, batch, resume, codec, ring);
    }

    pub fn start_with(
        &mut self,
        sale: &Sale,
        partition: u32,
        batch: usize,
        resume: Resume,
        codec: Codec,
        ring: KeyRing,
    ) {
        let clock = Rc::clone(&self.clock);
        let parts = FlowParts {
            ledger: Ledger::new(Shape::of(Partition(partition), sale.partitions)),
            start: 0,
            resume,
            topics: Topics::with_prefix(""),
            codec,
            ring,
            publisher: Rc::clone(&self.publisher),
            clock: Rc::new(move || TimeMs(clock.get())),
            purpose: self.purpose,
        };
        let flow = PartitionFlow::start(&mut self.worker, parts);
        self.flows.push((flow, batches(sale, partition, batch)));
    }

    /// Offers, steps once, and passes on what was acknowledged.
    pub fn round(&mut self) {
        for (flow, waiting) in &mut self.flows {
            while flow.has_room()
                && let Some(batch) = waiting.pop_front()
            {
                flow.offer(batch);
            }
        }
        self.worker.step();
        if self.publisher.borrow_mut().poll(Duration::ZERO).unwrap() {
            self.wake();
        }
    }

    pub fn wake(&self) {
        self.flows.iter().for_each(|(flow, _)| flow.wake());
    }

    /// Rounds until everything is durable.
    pub fn run(&mut self) {
        for _ in 0..ROUNDS_MAX {
            if self.flows.iter().all(|(flow, waiting)| waiting.is_empty() && flow.is_idle()) {
                return;
            }
            self.flows.iter().for_each(|(flow, _)| assert!(flow.failure().is_none(), "{:?}", flow.failure()));
            self.round();
        }
        panic!("the dataflows do not come to an end");
    }

    /// As many rounds as anything needs that can happen at all.
    pub fn settle(&mut self) {
        for _ in 0..200 {
            self.wake();
            self.round();
        }
    }

    pub fn certificates(&self) -> BTreeMap<u32, Certificate> {
        let certificate = |flow: &PartitionFlow| flow.with_ledger(Ledger::certificate);
        self.flows.iter().map(|(flow, _)| (flow.partition(), certificate(flow))).collect()
    }
}

/// A log of our topics for what is decided again.
pub fn empty_log(partitions: u32) -> MemoryLog {
    Sale::empty(partitions).log
}

fn batches(sale: &Sale, partition: u32, records_max: usize) -> VecDeque<RecordBatch> {
    let records = sale.log.records(ORDERS, partition).unwrap();
    let batch = |records: &[MemoryRecord]| {
        let mut batch = RecordBatchBuilder::new(partition);
        for record in records {
            let (key, value) = (record.key.as_deref(), record.value.as_deref());
            batch.push(record.offset, record.time_ms, key, value, Headers::from_encoded(&record.headers));
        }
        batch.finish()
    };
    records.chunks(records_max).map(batch).collect()
}
