//! The sale the laws are run on: what the ledgers decide about a hostile workload, the same on every machine.

use std::collections::VecDeque;
use std::sync::Arc;

use order_codec::{Codec, FileSchemas, KeyRing};
use order_core::{Effects, Ledger, Shape};
use order_log::{Headers, Log, MemoryLog, TopicSpec};
use order_model::{Command, Decision, Offset, Partition, Position, TimeMs};

use crate::controls::Controls;
use crate::limits::SinkLimits;
use crate::run::{SinkOptions, SinkParts, SinkTopics};
use crate::target::{Arrival, Batch, Reached};

/// What the workload is made from.
const SEED: u64 = 4;
/// The key of the rings, valid for ever.
const SECRET: [u8; 32] = [4; 32];

const DECISIONS: &str = "decisions";
const DEAD_LETTERS: &str = "dead-letters";
const CONTROLS: &str = "controls";

/// The decisions of a sale, each partition's in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sale {
    /// By partition.
    pub decisions: Vec<Vec<Decision>>,
}

impl Sale {
    /// What ledgers decide about `commands` commands of [`order_traffic::random_workload`], relays included.
    pub fn decide(commands: u64, partitions: u32) -> Self {
        let mut ledgers: Vec<_> = (0..partitions)
            .map(|partition| Ledger::new(Shape::of(Partition(partition), partitions)))
            .collect();
        let mut decisions = vec![Vec::new(); ledgers.len()];
        let mut queue = VecDeque::new();
        for (partition, time, command) in order_traffic::random_workload(SEED, commands, partitions) {
            queue.push_back((partition, time, command));
            while let Some((partition, time, command)) = queue.pop_front() {
                let index = index(partition.0);
                let (Some(ledger), Some(decided)) = (ledgers.get_mut(index), decisions.get_mut(index)) else {
                    continue;
                };
                let at = Position { partition, offset: ledger.next_offset(), time };
                let mut effects = Effects::default();
                ledger.apply(at, &command, &mut effects);
                decided.extend(effects.decisions);
                let relays = effects.relays.into_iter();
                queue.extend(relays.map(|(to, relay)| (to, time, Command::Relay(relay))));
            }
        }
        Self { decisions }
    }

    /// All decisions of a partition as they arrive, when the log holds them and nothing else.
    pub fn arrivals(&self, partition: u32) -> Vec<Arrival> {
        let decisions = self.decisions.get(index(partition)).into_iter().flatten();
        let arrival = |(offset, decision): (u64, &Decision)| Arrival {
            offset: Offset(offset),
            time: decision.time,
            decision: decision.clone(),
        };
        (0..).zip(decisions).map(arrival).collect()
    }

    /// The batches of a partition from its decision `from` up to `to` (not included), each of `size` decisions.
    pub fn batches(&self, partition: u32, from: usize, to: usize, size: usize) -> Vec<Batch> {
        let arrivals = self.arrivals(partition);
        let range = arrivals.get(from.min(to)..to.min(arrivals.len())).unwrap_or_default();
        let batch = |arrivals: &[Arrival]| {
            let first = arrivals.first()?.decision.sequence;
            let follows = order_model::Sequence(first.0 - 1);
            Some(Batch { partition: Partition(partition), follows, arrivals: arrivals.to_vec() })
        };
        range.chunks(size.max(1)).filter_map(batch).collect()
    }

    /// How many partitions.
    pub fn partitions(&self) -> u32 {
        u32::try_from(self.decisions.len()).unwrap_or(u32::MAX)
    }

    /// How many decisions a partition has.
    pub fn len(&self, partition: u32) -> usize {
        self.decisions.get(index(partition)).map_or(0, Vec::len)
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.decisions.iter().all(Vec::is_empty)
    }

    /// How far a target is that has all of a partition.
    pub fn end(&self, partition: u32) -> Reached {
        let batches = self.batches(partition, 0, self.len(partition), usize::MAX);
        batches.last().map_or_else(Reached::default, Batch::reached)
    }
}

fn index(partition: u32) -> usize {
    usize::try_from(partition).unwrap_or(usize::MAX)
}

/// What lies on `decisions`, in order.
#[derive(Clone, Debug)]
pub(super) enum Entry {
    Decision(Decision),
    /// A value that is no decision.
    Garbage(Vec<u8>),
}

impl Entry {
    fn time_ms(&self) -> u64 {
        match self {
            Self::Decision(decision) => decision.time.0,
            Self::Garbage(_) => 0,
        }
    }
}

/// A log in memory with a sale on it, and what a runner needs to read it.
pub struct SaleLog {
    pub(super) log: MemoryLog,
    codec: Codec,
    ring: KeyRing,
}

impl SaleLog {
    /// A log that holds the decisions of `sale` and nothing else.
    pub fn of_sale(sale: &Sale) -> Self {
        let entries = |decisions: &Vec<Decision>| decisions.iter().cloned().map(Entry::Decision).collect();
        Self::of(&sale.decisions.iter().map(entries).collect::<Vec<_>>())
    }

    /// A log whose partitions hold `entries`.
    pub(super) fn of(entries: &[Vec<Entry>]) -> Self {
        // Record times of the log's own are those of the youngest decision.
        let youngest = entries.iter().flatten().map(Entry::time_ms).max().unwrap_or(0);
        let log = MemoryLog::new(Arc::new(move || youngest));
        let partitions = u32::try_from(entries.len()).unwrap_or(u32::MAX);
        let spec = |name: &str| TopicSpec { name: name.to_owned(), partitions, ..Controls::spec(name, 1, 1) };
        let controls = Controls::spec(CONTROLS, 1, 1);
        must("creating topics", log.create_topics(&[spec(DECISIONS), spec(DEAD_LETTERS), controls]));
        let codec = must("the schemas", FileSchemas::new());
        let codec = must("the codec", Codec::new(Arc::new(codec)));
        let sale_log = Self { log, codec, ring: KeyRing::generate_one(SECRET) };
        sale_log.append(entries);
        sale_log
    }

    /// Appends to each partition.
    pub(super) fn append(&self, entries: &[Vec<Entry>]) {
        for (partition, entry) in
            (0..).zip(entries).flat_map(|(p, entries)| entries.iter().map(move |e| (p, e)))
        {
            let mut value = Vec::new();
            match entry {
                Entry::Decision(decision) => self.codec.decision_to(decision, &mut value),
                Entry::Garbage(bytes) => value.extend_from_slice(bytes),
            }
            let (key, value) = (Some(&b"key"[..]), Some(&value[..]));
            let time_ms = entry.time_ms();
            must("appending", self.log.append_at(DECISIONS, partition, time_ms, key, value, Headers::NONE));
        }
    }

    /// What a runner works with. The clock stands still, long after the sale.
    pub fn parts(&self) -> SinkParts {
        SinkParts {
            log: Arc::new(self.log.clone()),
            codec: self.codec.clone(),
            ring: self.ring.clone(),
            clock: Arc::new(|| TimeMs(1_000_000_000)),
        }
    }

    /// How a runner works: with the topics of this log, controls included.
    pub fn options(limits: SinkLimits, instance: &str) -> SinkOptions {
        let topics = SinkTopics {
            decisions: DECISIONS.into(),
            dead_letters: DEAD_LETTERS.into(),
            controls: Some(CONTROLS.into()),
        };
        SinkOptions { topics, instance: instance.to_owned(), limits }
    }

    /// The controls of this log.
    pub fn controls(&self) -> Controls {
        Controls { log: Arc::new(self.log.clone()), topic: CONTROLS.into(), ring: self.ring.clone() }
    }

    /// Appends a copy of the first control, as whoever can write and has no key could.
    pub(super) fn replay_first_control(&self) {
        let first = must("reading controls", self.log.records(CONTROLS, 0)).swap_remove(0);
        let (key, value) = (first.key.as_deref(), first.value.as_deref());
        let headers = Headers::from_encoded(&first.headers);
        must("appending", self.log.append_at(CONTROLS, 0, first.time_ms, key, value, headers));
    }

    /// The dead letters of a partition, and the records of `decisions` there.
    pub(super) fn letters(&self, partition: u32) -> Vec<order_codec::DeadLetter> {
        let records = must("reading dead letters", self.log.records(DEAD_LETTERS, partition));
        let read = |record: order_log::MemoryRecord| {
            must("a dead letter", self.codec.dead_letter_from(&record.value.unwrap_or_default()))
        };
        records.into_iter().map(read).collect()
    }

    pub(super) fn records(&self, partition: u32) -> Vec<order_log::MemoryRecord> {
        must("reading decisions", self.log.records(DECISIONS, partition))
    }
}

/// The value, or a panic that says what failed.
pub(super) fn must<T, E: std::fmt::Debug>(what: &str, result: Result<T, E>) -> T {
    result.unwrap_or_else(|error| panic!("{what} failed: {error:?}"))
}
