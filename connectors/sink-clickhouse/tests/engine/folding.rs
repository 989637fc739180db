//! What the sink adds up itself is what the engine computes from the decisions: over sales made up by chance, cut into
//! batches by chance, with restarts, repeats and refusals in between.

use order_model::{
    Currency, CustomerEvent, CustomerId, DecidedLine, Event, LineState, ListingEventKind, OrderEventKind,
    Partition, RejectReason, Sequence, Stock, TimeMs, limits::LINES_MAX,
};
use sink::{Arrival, Batch, Target};
use sink_clickhouse::limits::{SPAN_DECISIONS, TIME_MS_MAX};
use sink_clickhouse::{ClickHouse, row_of};

use crate::sale::{OPENS_MS, opened, order};
use crate::{ask, derived_differences, done, fresh};

/// Sales made up, decisions of each ledger, and its first number: spans end on the way.
const SALES: u64 = 4;
const DECISIONS: u64 = 1_500;
const FOLLOWS: u64 = SPAN_DECISIONS - 700;
/// 2106-02-07 06:28:16 UTC: the first second a minute of the engine has no number for.
const MINUTES_END_MS: u64 = 4_294_967_296_000;

/// Numbers that look like chance, and are the same each time.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, end: u64) -> u64 {
        self.next() % end
    }

    fn is(&mut self, of_hundred: u64) -> bool {
        self.below(100) < of_hundred
    }

    fn of<T: Copy>(&mut self, all: &[T]) -> T {
        let place = self.below(u64::try_from(all.len()).unwrap());
        all[usize::try_from(place).unwrap()]
    }

    fn small(&mut self) -> u32 {
        u32::try_from(self.below(3)).unwrap()
    }

    /// An id of which either half decides which one is greater.
    fn id(&mut self, count: u64) -> u128 {
        let number = u128::from(self.below(count));
        (number.wrapping_mul(0x5851_f42d_4c95_7f2d) << 64) | (number * 7 % 11)
    }

    fn line(&mut self) -> DecidedLine {
        let sku = self.of(&["lamp", "desk", "Lamp", "größe-42", "lamp-2", "la"]);
        let stock =
            Stock { free: self.small(), held: self.small(), sold: self.small(), waiting: self.small() };
        DecidedLine {
            sku: sku.parse().unwrap(),
            quantity: if self.is(5) { self.of(&[i32::MIN, i32::MAX, 0]) } else { 1 },
            state: self.of(LineState::ALL),
            unit_price: if self.is(5) { self.of(&[i64::MIN, i64::MAX, -1]) } else { 5_000 },
            stock: self.is(70).then_some(stock),
        }
    }

    fn event(&mut self) -> Event {
        if self.is(5) {
            let (id, customer) = (self.id(9).into(), CustomerId::from(self.id(9)));
            return Event::Customer(CustomerEvent { id, customer, blocked: self.is(50), reason: None });
        }
        if self.is(5) {
            let Event::Listing(mut event) = opened("desk", "friday", self.small()) else { unreachable!() };
            event.kind = self.of(ListingEventKind::ALL);
            event.reason = self.is(30).then_some(RejectReason::ListingUnknown);
            return Event::Listing(event);
        }
        let lines: Vec<_> = (0..self.of(&[0, 1, 1, 1, 2, 3, LINES_MAX])).map(|_| self.line()).collect();
        let mut event = order(self.of(OrderEventKind::ALL), self.id(60), self.id(20), &[]);
        event.lines = lines.into_iter().collect();
        event.reason = self.is(40).then(|| self.of(RejectReason::ALL));
        event.currency = self.of(&[Currency::EUR, Currency::NONE]);
        event.total = if self.is(5) { self.of(&[i64::MIN, i64::MAX, -1]) } else { 5_000 };
        event.tax = event.total / 5;
        event.deadline = TimeMs(self.of(&[0, OPENS_MS, TIME_MS_MAX]));
        Event::Order(event)
    }

    /// The decisions of a ledger; some can be no rows.
    fn arrivals(&mut self, partition: Partition, mut time: u64) -> Vec<Arrival> {
        let mut arrivals = Vec::new();
        for number in FOLLOWS..FOLLOWS + DECISIONS {
            let step = if self.is(2) { self.below(200_000) } else { self.below(50) };
            time = (time + step).min(TIME_MS_MAX);
            let decision = order_model::Decision {
                partition,
                sequence: Sequence(number + 1),
                offset: order_model::Offset(number),
                time: TimeMs(time),
                event: self.event(),
            };
            let recorded_at = if self.is(3) { TIME_MS_MAX + 1 } else { time };
            arrivals.push(Arrival {
                offset: order_model::Offset(number),
                time: TimeMs(recorded_at),
                decision,
            });
        }
        arrivals
    }
}

fn batch(partition: Partition, arrivals: &[Arrival], from: u64, count: u64) -> Batch {
    let from = usize::try_from(from).unwrap().min(arrivals.len() - 1);
    let upto = (from + usize::try_from(count).unwrap()).min(arrivals.len());
    let arrivals = arrivals[from..upto].to_vec();
    Batch { partition, follows: Sequence(arrivals[0].decision.sequence.0 - 1), arrivals }
}

async fn bring(target: &mut ClickHouse, batches: &[Batch]) {
    let refused = target.write(batches).await.unwrap();
    let wrong = batches.iter().flat_map(|batch| &batch.arrivals);
    let wrong = wrong.filter(|arrival| row_of(arrival).is_err()).count();
    assert_eq!(refused.len(), wrong);
    let progress: Vec<_> = batches.iter().map(|batch| (batch.partition, batch.reached())).collect();
    target.advance(&progress).await.unwrap();
}

/// Brings a sale, and says what the engine computes otherwise.
async fn brought(seed: u64) {
    let config = fresh("folding").await;
    let mut chance = Chance(seed);
    let opens = [OPENS_MS, MINUTES_END_MS - 100_000, 0].into_iter().cycle();
    let partitions = [0, 1, 7].map(Partition);
    let ledgers: Vec<_> = partitions
        .into_iter()
        .zip(opens)
        .map(|(partition, at)| (partition, chance.arrivals(partition, at)))
        .collect();
    let mut target = ClickHouse::new(&config);
    let mut from = 0;
    while from < DECISIONS {
        if chance.is(30) {
            target = ClickHouse::new(&config);
        }
        from -= if chance.is(30) { chance.below(from + 1) } else { 0 };
        let count = chance.of(&[1, 30, 200, 900]);
        let batches: Vec<_> =
            ledgers.iter().map(|(partition, all)| batch(*partition, all, from, count)).collect();
        bring(&mut target, &batches).await;
        from += count;
        if chance.is(20) {
            assert_same(&target, seed).await;
        }
    }
    assert_same(&target, seed).await;
    let rolled_up = ask(&config, "SELECT sum(decisions) FROM orders_per_minute").await;
    let rows = ledgers.iter().flat_map(|(_, all)| all).filter(|arrival| row_of(arrival).is_ok()).count();
    assert_eq!(rolled_up, [rows.to_string()], "seed {seed}");
    done(&config).await;
}

async fn assert_same(target: &ClickHouse, seed: u64) {
    for partition in [0, 1, 7].map(Partition) {
        let found = derived_differences(target, partition).await;
        assert_eq!(found, [], "seed {seed}, partition {partition}");
    }
}

#[tokio::test]
async fn the_sink_adds_up_what_the_engine_does() {
    for seed in 0..SALES {
        brought(seed).await;
    }
}
