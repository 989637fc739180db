//! A backlog to measure with: decisions that are a function of their number, so that any of them can be made at any time,
//! none has to be kept, and what the tables have to say afterwards is known.

use std::time::{Duration, Instant};

use order_model::{
    CommandId, Currency, CustomerId, DecidedLine, DecidedLines, Decision, Event, LineState, ListingEvent,
    ListingEventKind, ListingSettings, Offset, OrderEvent, OrderEventKind, OrderId, Partition, PaymentId,
    PriceStep, RejectReason, Sequence, Sku, Stock, TimeMs,
};
use sink::{Arrival, Batch, Fault, Reached, Target};

use crate::client::Database;

/// Price of every unit, and the tax in it.
const UNIT_PRICE: i64 = 4_999;
const TAX: i64 = 798;
/// Units of every listing.
const STOCK: u32 = 1_000_000_000;
/// Ledger time of the first decision, in milliseconds: 2026-11-27T08:00:00Z.
const OPENS_MS: u64 = 1_795_766_400_000;
/// Decisions of one ledger in a millisecond.
const DECISIONS_PER_MS: u64 = 4;

/// A sale in which of every three decisions one holds an order, one has it paid, and one refuses another.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Backlog {
    /// Ledgers.
    pub partitions: u32,
    /// Listings of each, all opened first.
    pub listings: u32,
    /// Decisions of each.
    pub decisions: u64,
}

/// A tenth of a backlog, written.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Tenth {
    /// Decisions.
    pub decisions: u64,
    /// Time it took.
    pub elapsed: Duration,
    /// Memory of this process at its end, in bytes, where the system says so (Linux).
    pub resident_bytes: Option<u64>,
}

impl Backlog {
    /// Decisions in all.
    pub fn total(&self) -> u64 {
        self.decisions * u64::from(self.partitions)
    }

    /// Decisions of each ledger that are of this kind: 0 held, 1 paid, 2 rejected.
    fn of_kind(&self, phase: u64) -> u64 {
        let orders = self.decisions.saturating_sub(u64::from(self.listings));
        (orders + 2 - phase) / 3
    }

    /// `count` decisions of a ledger after number `follows`, or as many as there are.
    pub fn batch(&self, partition: Partition, follows: u64, count: u64) -> Batch {
        let last = follows.saturating_add(count).min(self.decisions);
        let arrivals = (follows + 1..=last).map(|sequence| self.arrival(partition, sequence)).collect();
        Batch { partition, follows: Sequence(follows), arrivals }
    }

    fn arrival(&self, partition: Partition, sequence: u64) -> Arrival {
        let time = TimeMs(OPENS_MS + sequence / DECISIONS_PER_MS);
        let listings = u64::from(self.listings);
        let event = if sequence <= listings {
            opened(partition, sequence)
        } else {
            order(partition, sequence - listings - 1, listings)
        };
        let offset = Offset(sequence - 1);
        let decision = Decision { partition, sequence: Sequence(sequence), offset, time, event };
        Arrival { offset, time, decision }
    }
}

fn sku(partition: Partition, number: u64) -> Sku {
    Sku::from_bytes(format!("sku-{partition}-{number}").as_bytes())
        .unwrap_or_else(|_| unreachable!("a short text"))
}

fn opened(partition: Partition, number: u64) -> Event {
    let price = PriceStep { from_time: TimeMs(0), from_units: 0, unit_price: UNIT_PRICE };
    let settings = ListingSettings {
        sale: "black-friday".to_owned(),
        currency: Currency::EUR,
        opens_at: TimeMs(0),
        closes_at: TimeMs(0),
        limit_per_customer: 0,
        hold_ms: 600_000,
        extensions_max: 0,
        waitlist_max: 0,
        retention_ms: 3_600_000,
        tax_bp: 1_900,
        prices: vec![price],
        draw: None,
    };
    Event::Listing(Box::new(ListingEvent {
        kind: ListingEventKind::Opened,
        reason: None,
        id: CommandId::from(u128::from(number)),
        sku: sku(partition, number),
        delta: i64::from(STOCK),
        stock: Stock { free: STOCK, ..Stock::default() },
        settings: Some(settings),
        seed: None,
    }))
}

/// The decision after the listings were opened, from 0: held, paid, held, paid, … with a refusal after each pair.
fn order(partition: Partition, index: u64, listings: u64) -> Event {
    let (turn, phase) = (index / 3, index % 3);
    let kind = [OrderEventKind::Held, OrderEventKind::Paid, OrderEventKind::Rejected];
    let kind = kind.get(usize::try_from(phase).unwrap_or_default()).copied().unwrap_or(OrderEventKind::Held);
    let is_refused = kind == OrderEventKind::Rejected;
    let id = scattered(u64::from(partition.0), turn * 2 + u64::from(is_refused));
    let sold = u32::try_from(turn / listings.max(1)).unwrap_or(STOCK);
    let is_held = u32::from(kind == OrderEventKind::Held);
    let is_paid = u32::from(kind == OrderEventKind::Paid || is_refused);
    let sold = sold + is_paid;
    let line = DecidedLine {
        sku: sku(partition, turn % listings.max(1) + 1),
        quantity: 1,
        state: if is_refused { LineState::Asked } else { LineState::Taken },
        unit_price: if is_refused { 0 } else { UNIT_PRICE },
        stock: Some(Stock { free: STOCK - sold - is_held, held: is_held, sold, waiting: 0 }),
    };
    Event::Order(OrderEvent {
        kind,
        reason: is_refused.then_some(RejectReason::LimitPerCustomer),
        order: OrderId::from(id),
        customer: CustomerId::from(scattered(7, turn % 100_000)),
        currency: Currency::EUR,
        total: if is_refused { 0 } else { UNIT_PRICE },
        tax: if is_refused { 0 } else { TAX },
        deadline: TimeMs(0),
        payment: (kind == OrderEventKind::Paid).then_some(PaymentId::from(id)),
        lines: DecidedLines::from_iter([line]),
    })
}

/// A number of 128 bits that looks like chance: ids of orders are spread over the table as in life.
fn scattered(a: u64, b: u64) -> u128 {
    let seed = (u128::from(a) << 64) | u128::from(b);
    let mixed = (seed ^ (seed >> 59)).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835);
    (mixed ^ (mixed >> 61)).wrapping_mul(0xd6e8_feb8_6659_fd93_a5a3_5625_e221_4b75) ^ (mixed >> 67)
}

/// Writes a backlog, `flush` decisions at a time, from all ledgers alike, and says how each tenth went.
pub async fn drain(
    target: &mut impl Target,
    backlog: Backlog,
    flush: u64,
    mut said: impl FnMut(&Tenth),
) -> Result<Vec<Tenth>, Fault> {
    let mut tenths: Vec<Tenth> = Vec::new();
    let (mut started, mut written, mut follows) = (Instant::now(), 0, 0);
    let share = (flush / u64::from(backlog.partitions.max(1))).max(1);
    while follows < backlog.decisions {
        let batches: Vec<_> = (0..backlog.partitions)
            .map(|partition| backlog.batch(Partition(partition), follows, share))
            .collect();
        if let Some(refused) = target.write(&batches).await?.first() {
            return Err(Fault::Halt(format!(
                "decision {} was refused: {}",
                refused.sequence, refused.reason
            )));
        }
        let progress: Vec<(Partition, Reached)> =
            batches.iter().map(|batch| (batch.partition, batch.reached())).collect();
        target.advance(&progress).await?;
        written +=
            batches.iter().map(|batch| u64::try_from(batch.arrivals.len()).unwrap_or_default()).sum::<u64>();
        follows = (follows + share).min(backlog.decisions);
        let due = u64::try_from(tenths.len() + 1).unwrap_or(10) * backlog.decisions / 10;
        if follows >= due {
            let tenth =
                Tenth { decisions: written, elapsed: started.elapsed(), resident_bytes: resident_bytes() };
            said(&tenth);
            tenths.push(tenth);
            (started, written) = (Instant::now(), 0);
        }
    }
    Ok(tenths)
}

/// Checks that a database that held nothing else says of the backlog what is true, in the decisions, the roll-ups and the
/// orders. What it says instead, if it does not.
pub async fn verify(database: &Database, backlog: Backlog) -> Result<Result<(), String>, Fault> {
    let partitions = u64::from(backlog.partitions);
    let [held, paid, rejected] = [0, 1, 2].map(|phase| backlog.of_kind(phase) * partitions);
    let gross = paid * UNIT_PRICE.unsigned_abs();
    let expected = vec![backlog.total(), held, paid, rejected, gross, held + rejected, gross];
    let sql = "SELECT (SELECT count() FROM decisions), \
         (SELECT sum(decisions) FROM orders_per_minute WHERE kind = 'held'), \
         (SELECT sum(decisions) FROM orders_per_minute WHERE kind = 'paid'), \
         (SELECT sum(line_count) FROM skus_per_minute WHERE kind = 'rejected'), \
         (SELECT sum(amount) FROM skus_per_minute WHERE kind = 'paid'), \
         (SELECT count() FROM order_state), \
         (SELECT sum(order_state.total) FROM order_state WHERE state = 'paid')";
    let found = database.ask_numbers("checking a backlog", sql).await?;
    if found == [expected.clone()] {
        return Ok(Ok(()));
    }
    Ok(Err(format!(
        "decisions, held, paid, rejected, gross by line, orders, gross by order are {found:?} and have to be {expected:?}"
    )))
}

fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_backlog_is_dense_and_counted() {
        let backlog = Backlog { partitions: 2, listings: 5, decisions: 100 };
        let batch = backlog.batch(Partition(1), 0, 1_000);
        assert_eq!(batch.reached(), Reached { sequence: Sequence(100), next_offset: Offset(100) });
        let numbers: Vec<_> = batch.arrivals.iter().map(|arrival| arrival.decision.sequence.0).collect();
        assert_eq!(numbers, (1..=100).collect::<Vec<_>>());
        let count = |wanted: OrderEventKind| {
            let is_it = |arrival: &&Arrival| matches!(&arrival.decision.event, Event::Order(event) if event.kind == wanted);
            batch.arrivals.iter().filter(is_it).count()
        };
        let kinds = [OrderEventKind::Held, OrderEventKind::Paid, OrderEventKind::Rejected];
        assert_eq!(kinds.map(count), [32, 32, 31]);
        assert_eq!([0, 1, 2].map(|phase| backlog.of_kind(phase)), [32, 32, 31]);
        assert_eq!(
            backlog.batch(Partition(1), 98, 1),
            Batch {
                partition: Partition(1),
                follows: Sequence(98),
                arrivals: batch.arrivals.get(98..99).unwrap().to_vec(),
            }
        );
    }
}
