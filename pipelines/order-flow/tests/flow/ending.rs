//! How a dataflow ends when it must not go on.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;

use order_codec::{Codec, DeadLetterReason, FileSchemas, KeyRing};
use order_core::{Effects, Ledger, Shape};
use order_flow::{
    DecidedBatch, Decider, DecodedBatch, FlowError, FlowParts, PartitionFlow, Publisher, Purpose, Resume,
    Tally, Topics,
};
use order_log::{
    Acknowledged, AppendBatch, AppendError, Headers, LogAppender, LogError, RecordBatch, RecordBatchBuilder,
    Ticket,
};
use order_model::{Cancel, Command, Decision, Offset, Partition, Position, Sequence, TimeMs};
use timely::communication::{Allocator, allocator::Thread};
use timely::worker::Worker;

/// A cancellation of an order nobody knows: decided by one refusal.
fn command() -> Command {
    let (order, customer) = (Default::default(), Default::default());
    Command::Cancel(Cancel { order, customer, sku: "a".parse().unwrap() })
}

fn ledger() -> Ledger {
    Ledger::new(Shape::of(Partition(0), 1))
}

fn records(value: &[u8], offsets: std::ops::Range<u64>) -> RecordBatch {
    let mut batch = RecordBatchBuilder::new(0);
    offsets.for_each(|offset| batch.push(offset, 1, Some(b"a"), Some(value), Headers::NONE));
    batch.finish()
}

/// What a ledger decides about `count` commands.
fn decisions(count: u64) -> Vec<Decision> {
    let (mut ledger, mut effects) = (ledger(), Effects::default());
    for offset in 0..count {
        let at = Position { partition: Partition(0), offset: Offset(offset), time: TimeMs(1) };
        ledger.apply(at, &command(), &mut effects);
    }
    effects.decisions
}

/// Decides five records after a worker that published three decisions, the replay being able to read those of `readable`.
fn decide_again(readable: impl Fn(u64) -> bool) -> Result<DecidedBatch, FlowError> {
    let ledger = Rc::new(RefCell::new(ledger()));
    let resume = Resume::after(decisions(3).pop().unwrap());
    let tally = Rc::new(Cell::new(Tally::default()));
    let mut decider = Decider::new(ledger, resume, "orders".into(), tally);
    let unreadable = || Err((DeadLetterReason::MacKeyUnknown, String::new()));
    let commands = (0..5).map(|offset| if readable(offset) { Ok(command()) } else { unreadable() });
    let batch = DecodedBatch { records: records(b"", 0..5), commands: commands.collect() };
    decider.decide(&batch, 0).map(|(decided, next)| {
        assert_eq!(next, 5);
        decided
    })
}

#[test]
fn a_replay_that_says_the_same_goes_on_behind_the_seam() {
    let published = decide_again(|_| true).unwrap().effects.decisions;
    assert_eq!(published, decisions(5)[3..]);
}

#[test]
fn a_replay_that_says_less_stops_at_the_seam() {
    // Number 3 would be said again, about another record.
    let diverged = decide_again(|offset| offset != 0).unwrap_err();
    let stops = |sequence| FlowError::Diverged { partition: 0, sequence: Sequence(sequence) }.to_string();
    assert_eq!(diverged.to_string(), stops(3));
    assert_eq!(decide_again(|offset| offset > 2).unwrap_err().to_string(), stops(1));
}

/// Takes everything and acknowledges nothing.
struct Silent(u64);

impl LogAppender for Silent {
    fn append(&mut self, _batch: AppendBatch) -> Result<Ticket, AppendError> {
        self.0 += 1;
        Ok(Ticket(self.0))
    }

    fn poll(&mut self, _wait: Duration, _acknowledged: &mut Vec<Acknowledged>) -> Result<(), LogError> {
        Ok(())
    }
}

#[test]
fn an_abandoned_dataflow_lets_go_of_everything() {
    let mut worker = Worker::new(timely::WorkerConfig::default(), Allocator::Thread(Thread::default()), None);
    let publisher = Rc::new(RefCell::new(Publisher::new(Box::new(Silent(0)))));
    let codec = Codec::new(Arc::new(FileSchemas::new().unwrap())).unwrap();
    let mut value = Vec::new();
    codec.command_to(&command(), &mut value);
    let parts = FlowParts {
        ledger: ledger(),
        start: 0,
        resume: Resume::from_start(),
        topics: Topics::with_prefix(""),
        codec,
        ring: KeyRing::generate_one([1; 32]),
        publisher: Rc::clone(&publisher),
        clock: Rc::new(|| TimeMs(1)),
        purpose: Purpose::Decide,
    };
    let mut flow = PartitionFlow::start(&mut worker, parts);
    flow.offer(records(&value, 0..5));
    for _ in 0..10 {
        worker.step();
    }
    assert_eq!(flow.durable_offset(), 0, "nothing is acknowledged");
    assert!(publisher.borrow().is_waiting());
    flow.abandon(&mut worker);
    worker.step();
    assert!(!worker.has_dataflows());
    assert_eq!(Rc::strong_count(&publisher), 1, "no operator is left");
}
