//! Whoever writes to `orders` without being a worker: producers, the payment service, those who run the sale, and
//! those who should not.

use std::collections::BTreeMap;
use std::sync::Arc;

use order_codec::MAC_HEADER;
use order_log::{Headers, Log, Polled, ReadLimits};
use order_model::{
    Command, Event, Extend, OrderEvent, OrderEventKind, Partition, Sequence, TimeMs, limits, partition_of,
};
use order_traffic::{
    Arrival, ArrivalBody, Mix, SaleSpec, Traffic, TrafficOptions, opening_commands, random_workload, reaction,
};

use crate::limits::START_MS;
use crate::outcome::SimFailure;
use crate::world::{FOREIGN_ID, Outgoing, World};

/// Every so many seeds the traffic is the hostile workload of the ledger's property tests.
const HOSTILE_EVERY: u64 = 3;
/// Decisions the payment service reads at once.
const PAYMENT_READ: ReadLimits = ReadLimits { records_max: 8, bytes_max: usize::MAX };

/// How far the payment service has read a partition.
#[derive(Clone, Copy, Default)]
struct Seen {
    offset: u64,
    sequence: Sequence,
}

/// See the module.
pub(crate) struct Shoppers {
    seed: u64,
    arrivals: Box<dyn Iterator<Item = Arrival>>,
    pub(crate) is_over: bool,
    /// Records that will be written later, by time and number.
    later: BTreeMap<(u64, u64), Outgoing>,
    written_later: u64,
    seen: Vec<Seen>,
}

impl Shoppers {
    pub(crate) fn new(seed: u64, world: &mut World) -> Self {
        let partitions = world.partitions;
        let arrivals: Box<dyn Iterator<Item = Arrival>> = if seed % HOSTILE_EVERY == 1 {
            let count = 120 + world.dice.below(240);
            Box::new(random_workload(seed, count, partitions).map(|(Partition(to), _, command)| Arrival {
                body: ArrivalBody::Command(command),
                partition_hint: Some(to),
            }))
        } else {
            let sale = sale(world);
            let opening = opening_commands(seed, &sale).into_iter();
            let opening =
                opening.map(|command| Arrival { body: ArrivalBody::Command(command), partition_hint: None });
            let orders = 40 + world.dice.below(120);
            let options = TrafficOptions { orders, mix: mix(), operator: true };
            Box::new(opening.chain(Traffic::new(seed, &sale, options)))
        };
        let seen = (0..partitions).map(|_| Seen::default()).collect();
        Self { seed, arrivals, is_over: false, later: BTreeMap::new(), written_later: 0, seen }
    }

    /// The next arrivals are written; some of them twice, because the producer did not hear in time.
    pub(crate) fn arrive(&mut self, world: &mut World) -> Result<(), SimFailure> {
        for _ in 0..1 + world.dice.below(4) {
            let Some(arrival) = self.arrivals.next() else {
                self.is_over = true;
                return Ok(());
            };
            match arrival.body {
                ArrivalBody::Command(command) => {
                    let partition = arrival.partition_hint;
                    self.send(world, &command, partition)?;
                }
                ArrivalBody::Garbage { key, value } => {
                    let anywhere = world.dice.below(u64::from(world.partitions));
                    let partition = u32::try_from(anywhere).unwrap_or(0);
                    let topic = Arc::clone(&world.topics.orders);
                    let garbage = Outgoing { partition, key, value, headers: Vec::new() };
                    world.store(&topic, &garbage)?;
                }
            }
        }
        Ok(())
    }

    /// Somebody who may write, and has no key, copies a signed record into some partition.
    pub(crate) fn copy(&self, world: &mut World) -> Result<(), SimFailure> {
        let topic = Arc::clone(&world.topics.orders);
        let mut any = || u32::try_from(world.dice.below(u64::from(world.partitions))).unwrap_or(0);
        let (from, to) = (any(), any());
        let signed: Vec<_> =
            world.records(&topic, from)?.into_iter().filter(|record| !record.headers.is_empty()).collect();
        let number = world.dice.below(u64::try_from(signed.len()).unwrap_or(0));
        if let Some(record) = usize::try_from(number).ok().and_then(|index| signed.into_iter().nth(index)) {
            let (key, value, headers) = (record.key, record.value, record.headers);
            world.numbers.copies += 1;
            world.store(&topic, &Outgoing { partition: to, key, value, headers })?;
        }
        Ok(())
    }

    /// Writes a command, and sometimes a forged one before it, and sometimes the same again later.
    fn send(
        &mut self,
        world: &mut World,
        command: &Command,
        partition: Option<u32>,
    ) -> Result<(), SimFailure> {
        let record = encode(world, command, partition);
        let topic = Arc::clone(&world.topics.orders);
        if command.is_privileged() && world.dice.chance(40) {
            let mut forged = record.clone();
            forged.headers.pop();
            world.numbers.forgeries += 1;
            world.store(&topic, &forged)?;
        }
        world.store(&topic, &record)?;
        if world.dice.chance(50) {
            world.numbers.producer_retries += 1;
            let delay = world.dice.below(2_000);
            self.write_later(world, delay, record);
        }
        Ok(())
    }

    fn write_later(&mut self, world: &World, delay_ms: u64, record: Outgoing) {
        self.written_later += 1;
        self.later.insert((world.now_ms() + delay_ms, self.written_later), record);
    }

    /// Writes what is due.
    pub(crate) fn deliver(&mut self, world: &mut World) -> Result<(), SimFailure> {
        let topic = Arc::clone(&world.topics.orders);
        while let Some(entry) = self.later.first_entry().filter(|entry| entry.key().0 <= world.now_ms()) {
            let record = entry.remove();
            world.store(&topic, &record)?;
        }
        Ok(())
    }

    /// When the next record is due.
    pub(crate) fn next_due(&self) -> Option<TimeMs> {
        self.later.first_key_value().map(|((time, _), _)| TimeMs(*time))
    }

    /// The payment service reads some decisions of a partition, each number once, and says what it has to say later.
    pub(crate) fn pay(&mut self, world: &mut World, partition: u32) -> Result<bool, SimFailure> {
        let index = usize::try_from(partition).unwrap_or(0);
        let Some(seen) = self.seen.get(index).copied() else { return Ok(false) };
        if world.end_of(&world.topics.decisions, partition)? <= seen.offset {
            return Ok(false);
        }
        let mut reader = world.log.reader(&world.topics.decisions, PAYMENT_READ)?;
        reader.start(partition, seen.offset)?;
        let Some(Polled::Batch(batch)) = reader.poll(std::time::Duration::ZERO)? else { return Ok(false) };
        let mut latest = seen.sequence;
        for record in batch.iter() {
            let decision = world
                .codec
                .decision_from(record.value.unwrap_or_default())
                .map_err(|error| SimFailure::Decisions(format!("{partition}/{}: {error}", record.offset)))?;
            if decision.sequence <= latest {
                continue;
            }
            latest = decision.sequence;
            if let Event::Order(event) = &decision.event {
                self.react(world, event);
            }
        }
        if let Some(seen) = self.seen.get_mut(index) {
            *seen = Seen { offset: batch.next_offset(), sequence: latest };
        }
        Ok(true)
    }

    fn react(&mut self, world: &mut World, event: &OrderEvent) {
        let settle = reaction(self.seed, event).map(Command::Settle);
        let is_held = event.kind == OrderEventKind::Held;
        let sku = event.lines.first().map(|line| line.sku).filter(|_| is_held && world.dice.chance(150));
        let extend = sku.map(|sku| Command::Extend(Extend { order: event.order, sku, number: 1 }));
        for command in [settle, extend].into_iter().flatten() {
            // Sometimes said twice, sometimes into the wrong partition.
            let copies = 1 + u64::from(world.dice.chance(80));
            world.numbers.producer_retries += copies - 1;
            for _ in 0..copies {
                let astray = world.dice.chance(40);
                let anywhere = world.dice.below(u64::from(world.partitions));
                let partition = u32::try_from(anywhere).ok().filter(|_| astray);
                let record = encode(world, &command, partition);
                let delay = world.dice.below(600);
                self.write_later(world, delay, record);
            }
        }
    }
}

/// A command as a record; sometimes under another writer's schema.
fn encode(world: &mut World, command: &Command, partition: Option<u32>) -> Outgoing {
    let sku = command.home_sku().copied();
    let mut value = Vec::new();
    world.codec.command_to(command, &mut value);
    if world.dice.chance(30)
        && let Some(id) = value.get_mut(1..5)
    {
        id.copy_from_slice(&FOREIGN_ID.to_be_bytes());
        world.numbers.foreign_records += 1;
    }
    let key = sku.map(|sku| sku.as_bytes().to_vec());
    let mut headers = Vec::new();
    if command.is_privileged()
        && let Some(mac) = world.ring.sign(TimeMs(world.now_ms()), key.as_deref(), &value)
    {
        Headers::encode(&mut headers, MAC_HEADER, &mac);
    }
    let home = sku.map_or(0, |sku| partition_of(&sku, world.partitions).0);
    Outgoing { partition: partition.unwrap_or(home), key, value: Some(value), headers }
}

/// More of everything that is hard than the demo has.
fn mix() -> Mix {
    Mix {
        repeat: 60,
        reused_id: 15,
        cancel: 90,
        several_lines: 80,
        several_partitions: 200,
        garbage: 30,
        wrong_partition: 60,
        ..Mix::DEMO
    }
}

/// A small sale with little of everything.
fn sale(world: &mut World) -> SaleSpec {
    let mut sale = SaleSpec::demo(60, world.partitions);
    sale.listings.truncate(world.one_to(9) + 2);
    sale.customers = 12;
    for listing in &mut sale.listings {
        listing.stock = i64::try_from(world.dice.below(9)).unwrap_or(0);
        let settings = &mut listing.settings;
        settings.limit_per_customer = world.one_of(&[0, 0, 1, 2, 5]).unwrap_or(0);
        settings.hold_ms = world.one_of(&[40, 300, 1_500, 5_000]).unwrap_or(limits::HOLD_MS_MAX);
        settings.extensions_max = world.one_of(&[0, 1, 2]).unwrap_or(0);
        settings.waitlist_max = world.one_of(&[0, 1, 3, 20]).unwrap_or(0);
        settings.retention_ms = world.one_of(&[1_000, 5_000, 600_000]).unwrap_or(limits::RETENTION_MS_MAX);
        settings.opens_at = TimeMs(if world.dice.chance(100) { START_MS + 1_000 } else { 0 });
        let closes_in = 2_000 + world.dice.below(8_000);
        settings.closes_at = TimeMs(if world.dice.chance(150) { START_MS + closes_in } else { 0 });
    }
    sale
}
