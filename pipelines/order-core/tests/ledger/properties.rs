//! Random workloads over one to four ledgers, relays and all, under the independent auditor. A failing seed is
//! named, and the same seed fails again.

use std::collections::{BTreeMap, VecDeque};

use order_audit::Auditor;
use order_core::{Effects, Ledger, Shape};
use order_model::{Command, Event, Offset, OrderEventKind, Partition, Position, Relay, TimeMs};
use order_traffic::random_workload;

const SEEDS: u64 = 400;
const COMMANDS: u64 = 700;
/// How many relays of a pair may be sent again at once by a worker that takes over.
const SENT_AGAIN_MAX: usize = 5;

/// A sequence without pattern (SplitMix64); not that of the workload.
struct Chance(u64);

impl Chance {
    fn below(&mut self, end: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((z ^ (z >> 31)) % u64::try_from(end.max(1)).unwrap()).unwrap()
    }

    fn one_in(&mut self, odds: usize) -> bool {
        self.below(odds) == 0
    }
}

/// The relays of one pair of ledgers: they arrive in order, those of different pairs in any.
#[derive(Default)]
struct Pair {
    under_way: VecDeque<Relay>,
    arrived: Vec<Relay>,
}

struct World {
    ledgers: Vec<Ledger>,
    offsets: Vec<u64>,
    pairs: BTreeMap<(Partition, Partition), Pair>,
    auditor: Auditor,
    kinds: BTreeMap<OrderEventKind, u64>,
    chance: Chance,
}

impl World {
    fn new(seed: u64, partitions: u32) -> Self {
        let partition = |number| Ledger::new(Shape::of(Partition(number), partitions));
        Self {
            ledgers: (0..partitions).map(partition).collect(),
            offsets: vec![0; usize::try_from(partitions).unwrap()],
            pairs: BTreeMap::new(),
            auditor: Auditor::new(partitions),
            kinds: BTreeMap::new(),
            chance: Chance(seed),
        }
    }

    fn record(&mut self, partition: Partition, time: TimeMs, command: Option<&Command>) {
        let index = usize::try_from(partition.0).unwrap();
        let at = Position { partition, offset: Offset(self.offsets[index]), time };
        self.offsets[index] += 1;
        let mut effects = Effects::default();
        match command {
            Some(command) => {
                self.ledgers[index].apply(at, command, &mut effects);
            }
            None => self.ledgers[index].skip(at, &mut effects),
        }
        self.auditor.command(at, command);
        for decision in &effects.decisions {
            self.auditor.decision(decision);
            if let Event::Order(event) = &decision.event {
                *self.kinds.entry(event.kind).or_insert(0) += 1;
            }
        }
        for (to, relay) in effects.relays {
            self.pairs.entry((partition, to)).or_default().under_way.push_back(relay);
        }
    }

    /// The next relay of a pair chosen by chance arrives; now and then some that came before come again.
    fn relay(&mut self, time: TimeMs) -> bool {
        let waiting: Vec<_> =
            self.pairs.iter().filter(|(_, pair)| !pair.under_way.is_empty()).map(|(key, _)| *key).collect();
        let Some(key) = waiting.get(self.chance.below(waiting.len())) else { return false };
        let pair = self.pairs.get_mut(key).unwrap();
        let mut relays = Vec::new();
        if self.chance.one_in(20) {
            let from = pair.arrived.len().saturating_sub(1 + self.chance.below(SENT_AGAIN_MAX));
            relays.extend_from_slice(&pair.arrived[from..]);
        }
        let next = pair.under_way.pop_front().unwrap();
        pair.arrived.push(next.clone());
        relays.push(next);
        for relay in relays {
            self.record(key.1, time, Some(&Command::Relay(relay)));
        }
        true
    }

    /// Lets everything that is due happen, until nothing is under way.
    fn settle_down(&mut self, mut time: TimeMs) {
        for _ in 0..30 {
            while self.relay(time) {}
            for partition in 0..self.ledgers.len() {
                self.record(Partition(u32::try_from(partition).unwrap()), time, Some(&Command::Tick));
            }
            time = time.after(50_000);
        }
        while self.relay(time) {}
    }
}

fn run(seed: u64, commands: u64, partitions: u32) -> BTreeMap<OrderEventKind, u64> {
    let mut world = World::new(seed, partitions);
    let mut latest = TimeMs(0);
    for (partition, time, command) in random_workload(seed, commands, partitions) {
        let readable = !world.chance.one_in(100);
        world.record(partition, time, readable.then_some(&command));
        latest = latest.max(time);
        // Relays linger for some time, now short, now long.
        let hurry = world.chance.below(4);
        for _ in 0..hurry {
            world.relay(time);
        }
    }
    world.settle_down(latest);
    let gaps: u64 = world.ledgers.iter().map(|ledger| ledger.counts().relay_gaps).sum();
    assert_eq!(gaps, 0, "seed {seed}, {partitions} partitions");
    let report = world.auditor.finish();
    assert!(report.holds(), "seed {seed}, {partitions} partitions: {report}");
    assert_eq!(report.numbers.under_way, 0, "seed {seed}, {partitions} partitions");
    world.kinds
}

#[test]
fn random_workloads_keep_every_law() {
    let mut kinds: BTreeMap<OrderEventKind, u64> = BTreeMap::new();
    for seed in 0..SEEDS {
        let partitions = 1 + u32::try_from(seed % 4).unwrap();
        for (kind, count) in run(seed, COMMANDS, partitions) {
            *kinds.entry(kind).or_insert(0) += count;
        }
    }
    for kind in OrderEventKind::ALL {
        assert!(kinds.get(kind).is_some_and(|count| *count >= 20), "too few {}: {kinds:?}", kind.name());
    }
}

#[test]
fn long_random_workloads_keep_every_law() {
    for (seed, partitions) in [(1_000, 1), (1_001, 2), (1_002, 3), (1_003, 4)] {
        run(seed, 20_000, partitions);
    }
}
