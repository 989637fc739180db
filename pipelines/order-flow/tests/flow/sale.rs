//! A sale on a log in memory, and what bare ledgers decide about it. The tests of the dataflow, of the worker and of the
//! proof share this file.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use order_codec::{
    Codec, DeadLetter, FileSchemas, KeyRing, MAC_HEADER, RawRecord, Unreadable, read_command, relay_mac_key,
};
use order_core::{Certificate, Effects, Ledger, Shape};
use order_log::limits::RECORD_BYTES_MAX;
use order_log::{Clock, Headers, Log, MemoryLog, MemoryRecord, TopicSpec};
use order_model::{Command, Event, Offset, Partition, Position, TimeMs, partition_of};
use order_traffic::{Arrival, ArrivalBody, SaleSpec, Traffic, TrafficOptions, opening_commands, reaction};

/// What the traffic is made from.
const SEED: u64 = 11;
/// The key of the sale, which is always valid.
pub const SECRET: [u8; 32] = [9; 32];
/// Time of the first record.
const START_MS: u64 = 1_000_000;

pub const ORDERS: &str = "orders";
pub const DECISIONS: &str = "decisions";
pub const DEAD_LETTERS: &str = "dead-letters";

/// The log of a sale. Unless it is given a clock, every record is a millisecond younger than the one before.
pub struct Sale {
    pub log: MemoryLog,
    pub codec: Codec,
    pub ring: KeyRing,
    pub partitions: u32,
    clock: Clock,
}

/// What a bare ledger made of its partition.
#[derive(Default)]
pub struct Decided {
    /// By partition.
    pub certificates: BTreeMap<u32, Certificate>,
    /// Partition and offset of each record that sent a relay, as often as it sent one.
    pub relays: Vec<(u32, u64)>,
    /// Partition and offset of each record that got a dead letter.
    pub dead_letters: Vec<(u32, u64)>,
}

impl Sale {
    /// Our topics, empty, on a log that stamps by a clock of its own.
    pub fn empty(partitions: u32) -> Self {
        let time_ms = AtomicU64::new(START_MS);
        Self::on(Arc::new(move || time_ms.fetch_add(1, Ordering::Relaxed)), partitions)
    }

    /// Our topics, empty, on a log that stamps by `clock`.
    pub fn on(clock: Clock, partitions: u32) -> Self {
        let log = with_topics(MemoryLog::new(Arc::clone(&clock)), partitions);
        let codec = Codec::new(Arc::new(FileSchemas::new().unwrap())).unwrap();
        Self { log, codec, ring: KeyRing::generate_one(SECRET), partitions, clock }
    }

    /// A sale of so many shoppers, all of it written and nothing decided.
    pub fn of(orders: u64, partitions: u32) -> Self {
        Self::empty(partitions).with_traffic(orders)
    }

    /// The same sale on this log.
    pub fn with_traffic(self, orders: u64) -> Self {
        let spec = SaleSpec::demo(orders, self.partitions);
        for command in opening_commands(SEED, &spec) {
            self.write(&command, None);
        }
        for arrival in Traffic::new(SEED, &spec, TrafficOptions::orders(orders)) {
            self.write_arrival(&arrival);
        }
        self
    }

    fn write_arrival(&self, arrival: &Arrival) {
        match &arrival.body {
            ArrivalBody::Command(command) => self.write(command, arrival.partition_hint),
            ArrivalBody::Garbage { key, value } => {
                let partition = arrival.partition_hint.unwrap_or_default() % self.partitions;
                self.write_raw(partition, key.as_deref(), value.as_deref(), Headers::NONE);
            }
        }
    }

    /// Writes a command to `partition`, or else to that of its SKU.
    pub fn write(&self, command: &Command, partition: Option<u32>) {
        let sku = command.home_sku();
        let home = || sku.map_or(0, |sku| partition_of(sku, self.partitions).0);
        let partition = partition.unwrap_or_else(home);
        let mut value = Vec::new();
        self.codec.command_to(command, &mut value);
        let key = sku.map(|sku| sku.as_bytes());
        let mac_key = relay_mac_key(Partition(partition));
        let signed = if matches!(command, Command::Relay(_)) { Some(&mac_key[..]) } else { key };
        let mut headers = Vec::new();
        if command.is_privileged() {
            let mac = self.ring.sign(TimeMs(START_MS), signed, &value).unwrap();
            Headers::encode(&mut headers, MAC_HEADER, &mac);
        }
        self.write_raw(partition, key, Some(&value), Headers::from_encoded(&headers));
    }

    pub fn write_raw(&self, partition: u32, key: Option<&[u8]>, value: Option<&[u8]>, headers: Headers<'_>) {
        let time_ms = (self.clock)();
        self.log.append_at(ORDERS, partition, time_ms, key, value, headers).unwrap();
    }

    /// Decides everything with bare ledgers, one record after the other, pays some holds and expires the others: what
    /// the dataflow has to do, without it.
    pub fn decide(&self) -> Decided {
        let mut decided = Decided::default();
        let ledger = |partition| (Ledger::new(Shape::of(Partition(partition), self.partitions)), 0);
        let mut ledgers: Vec<_> = (0..self.partitions).map(ledger).collect();
        let mut is_quiet = false;
        while !is_quiet {
            is_quiet = true;
            for (partition, (ledger, next)) in (0..).zip(&mut ledgers) {
                let records = self.log.records(ORDERS, partition).unwrap();
                is_quiet &= *next == records.len();
                for record in &records[*next..] {
                    self.decide_record(ledger, record, &mut decided);
                }
                *next = records.len();
            }
        }
        decided.certificates =
            (0..).zip(&ledgers).map(|(partition, (ledger, _))| (partition, ledger.certificate())).collect();
        decided
    }

    fn decide_record(&self, ledger: &mut Ledger, record: &MemoryRecord, decided: &mut Decided) {
        let partition = ledger.shape().partition;
        let (offset, time) = (Offset(record.offset), TimeMs(record.time_ms));
        let at = Position { partition, offset, time };
        let mut effects = Effects::default();
        let mac = Headers::from_encoded(&record.headers).get(MAC_HEADER);
        let raw =
            RawRecord { partition, time, key: record.key.as_deref(), value: record.value.as_deref(), mac };
        match read_command(&self.codec, &self.ring, &raw) {
            Ok(command) => {
                ledger.apply(at, &command, &mut effects);
            }
            Err(Unreadable::Bad(reason, detail)) => {
                ledger.skip(at, &mut effects);
                decided.dead_letters.push((partition.0, record.offset));
                let letter = DeadLetter {
                    topic: ORDERS.to_owned(),
                    partition: partition.0,
                    offset: record.offset,
                    time,
                    stage: reason.stage(),
                    reason,
                    detail,
                    key: record.key.clone(),
                    value: record.value.clone(),
                    headers: record.headers.clone(),
                };
                self.write_effect(DEAD_LETTERS, partition, |value| self.codec.dead_letter_to(&letter, value));
            }
            Err(Unreadable::Retry(error)) => panic!("{error}"),
        }
        for (to, relay) in effects.relays {
            decided.relays.push((partition.0, record.offset));
            self.write(&Command::Relay(relay), Some(to.0));
        }
        for decision in effects.decisions {
            self.write_effect(DECISIONS, partition, |value| self.codec.decision_to(&decision, value));
            if let Event::Order(order) = &decision.event
                && let Some(settle) = reaction(SEED, order)
            {
                self.write(&Command::Settle(settle), None);
            }
        }
    }

    fn write_effect(&self, topic: &str, partition: Partition, encode: impl FnOnce(&mut Vec<u8>)) {
        let mut value = Vec::new();
        encode(&mut value);
        let time_ms = (self.clock)();
        self.log.append_at(topic, partition.0, time_ms, None, Some(&value), Headers::NONE).unwrap();
    }
}

fn with_topics(log: MemoryLog, partitions: u32) -> MemoryLog {
    let spec = |name: &str| TopicSpec {
        name: name.to_owned(),
        partitions,
        replication: 1,
        retention_ms: u64::MAX,
        is_compacted: false,
        record_bytes_max: RECORD_BYTES_MAX,
    };
    log.create_topics(&[ORDERS, DECISIONS, DEAD_LETTERS].map(spec)).unwrap();
    log
}

/// The values of each partition of a topic.
pub fn values(log: &MemoryLog, topic: &str) -> Vec<Vec<Vec<u8>>> {
    let value = |record: MemoryRecord| record.value.unwrap_or_default();
    (0..log.partitions(topic).unwrap())
        .map(|partition| log.records(topic, partition).unwrap().into_iter().map(value).collect())
        .collect()
}
