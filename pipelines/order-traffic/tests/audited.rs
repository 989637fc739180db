//! The traffic, decided by real ledgers under the auditor: it is of use only if it goes everywhere a sale can go.

#![expect(clippy::unwrap_used, reason = "the whole crate is a test")]

use std::collections::{BTreeMap, VecDeque};

use order_audit::{Auditor, Report};
use order_core::{Effects, Ledger, Shape};
use order_model::{Command, Event, Offset, OrderEventKind, Partition, Position, TimeMs, partition_of};
use order_traffic::{
    ArrivalBody, SaleSpec, Traffic, TrafficOptions, opening_commands, random_workload, reaction,
};

/// All ledgers of a log, with the relays between them and the payments on their way.
struct World {
    ledgers: Vec<Ledger>,
    offsets: Vec<u64>,
    auditor: Auditor,
    effects: Effects,
    relays: VecDeque<(Partition, Command)>,
    payments: VecDeque<Command>,
    pays: Option<u64>,
    kinds: BTreeMap<OrderEventKind, u64>,
}

impl World {
    fn new(partitions: u32, pays: Option<u64>) -> Self {
        Self {
            ledgers: (0..partitions).map(|p| Ledger::new(Shape::of(Partition(p), partitions))).collect(),
            offsets: vec![0; usize::try_from(partitions).unwrap()],
            auditor: Auditor::new(partitions),
            effects: Effects::default(),
            relays: VecDeque::new(),
            payments: VecDeque::new(),
            pays,
            kinds: BTreeMap::new(),
        }
    }

    fn partitions(&self) -> u32 {
        u32::try_from(self.ledgers.len()).unwrap()
    }

    fn apply(&mut self, partition: Partition, time: TimeMs, command: Option<&Command>) {
        let index = usize::try_from(partition.0).unwrap();
        let at = Position { partition, offset: Offset(self.offsets[index]), time };
        self.offsets[index] += 1;
        self.auditor.command(at, command);
        match command {
            Some(command) => {
                self.ledgers[index].apply(at, command, &mut self.effects);
            }
            None => self.ledgers[index].skip(at, &mut self.effects),
        }
        for decision in &self.effects.decisions {
            self.auditor.decision(decision);
            if let Event::Order(event) = &decision.event {
                *self.kinds.entry(event.kind).or_insert(0) += 1;
                self.payments.extend(self.pays.and_then(|seed| reaction(seed, event)).map(Command::Settle));
            }
        }
        let relays = self.effects.relays.drain(..);
        self.relays.extend(relays.map(|(to, relay)| (to, Command::Relay(relay))));
        self.effects.clear();
    }

    /// Lets relays arrive until at most `left` are under way.
    fn relay(&mut self, time: TimeMs, left: usize) {
        while self.relays.len() > left {
            let (to, relay) = self.relays.pop_front().unwrap();
            self.apply(to, time, Some(&relay));
        }
    }

    fn pay(&mut self, time: TimeMs, left: usize) {
        while self.payments.len() > left {
            let settle = self.payments.pop_front().unwrap();
            let partition = partition_of(settle.home_sku().unwrap(), self.partitions());
            self.apply(partition, time, Some(&settle));
        }
    }

    /// Ends all that is under way, lets every hold fall due, and asks the auditor.
    fn finish(mut self, mut time: TimeMs) -> (Report, BTreeMap<OrderEventKind, u64>) {
        for _ in 0..40 {
            self.pay(time, 0);
            self.relay(time, 0);
            for partition in 0..self.partitions() {
                self.apply(Partition(partition), time, Some(&Command::Tick));
            }
            time = time.after(100_000);
        }
        self.relay(time, 0);
        (self.auditor.finish(), self.kinds)
    }
}

fn hostile(seed: u64, count: u64, partitions: u32) -> (Report, BTreeMap<OrderEventKind, u64>) {
    let mut world = World::new(partitions, None);
    let mut last = TimeMs(0);
    for (partition, time, command) in random_workload(seed, count, partitions) {
        world.apply(partition, time, Some(&command));
        // How many relays linger changes, so that they meet every state of an order.
        world.relay(time, usize::try_from(time.0 % 7).unwrap());
        last = last.max(time);
    }
    world.finish(last)
}

fn demo(seed: u64, orders: u64, partitions: u32) -> (Report, BTreeMap<OrderEventKind, u64>) {
    let sale = SaleSpec::demo(orders, partitions);
    let mut world = World::new(partitions, Some(seed));
    let mut time = 1_000_000;
    for command in opening_commands(seed, &sale) {
        let partition = partition_of(command.home_sku().unwrap(), partitions);
        world.apply(partition, TimeMs(time), Some(&command));
    }
    for (number, arrival) in Traffic::new(seed, &sale, TrafficOptions::orders(orders)).enumerate() {
        time += u64::from(number % 4 == 0);
        let own = |command: &Command| command.home_sku().map_or(0, |sku| partition_of(sku, partitions).0);
        match &arrival.body {
            ArrivalBody::Command(command) => {
                let partition = arrival.partition_hint.unwrap_or_else(|| own(command));
                world.apply(Partition(partition), TimeMs(time), Some(command));
            }
            ArrivalBody::Garbage { .. } => world.apply(Partition(0), TimeMs(time), None),
        }
        world.relay(TimeMs(time), 3);
        world.pay(TimeMs(time), 20);
    }
    world.finish(TimeMs(time))
}

fn assert_holds(name: &str, report: &Report) {
    assert!(report.holds(), "{name}: {report}");
    assert_eq!(report.numbers.under_way, 0, "{name}: {report}");
}

#[test]
fn hostile_workloads_keep_every_law() {
    let mut kinds: BTreeMap<OrderEventKind, u64> = BTreeMap::new();
    for seed in 0..20 {
        for partitions in [1, 2, 3] {
            let (report, seen) = hostile(seed, 1_500, partitions);
            assert_holds(&format!("seed {seed}, {partitions} partitions"), &report);
            for (kind, count) in seen {
                *kinds.entry(kind).or_insert(0) += count;
            }
        }
    }
    let missing: Vec<_> = OrderEventKind::ALL.iter().filter(|kind| !kinds.contains_key(kind)).collect();
    assert!(missing.is_empty(), "never decided: {missing:?}");
}

#[test]
fn the_demo_keeps_every_law_and_goes_everywhere() {
    for partitions in [1, 4] {
        let (report, kinds) = demo(3, 20_000, partitions);
        assert_holds("demo", &report);
        let missing: Vec<_> = OrderEventKind::ALL
            .iter()
            .filter(|kind| partitions > 1 || !is_part(**kind))
            .filter(|kind| !matches!(kind, OrderEventKind::Extended | OrderEventKind::Entered))
            .filter(|kind| !kinds.contains_key(kind))
            .collect();
        assert!(missing.is_empty(), "never decided: {missing:?}");
        let n = &report.numbers;
        for (name, count) in [("waitlisted", n.waitlisted), ("expired", n.expired), ("paid", n.paid)] {
            assert!(count > 100, "{name}: {count}");
        }
    }
}

fn is_part(kind: OrderEventKind) -> bool {
    (OrderEventKind::PartTaken..=OrderEventKind::PartReleased).contains(&kind)
        || kind == OrderEventKind::Reserving
}
