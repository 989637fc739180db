//! A workload for property tests of the ledger: few SKUs, few customers, tiny stocks, numbers at their limits, and
//! every command in every state.

use order_model::{
    Cancel, Command, CommandId, Commitment, Currency, CustomerCommand, CustomerId, Extend, Line, Lines,
    ListingChange, ListingCommand, ListingSettings, OrderId, Partition, PaymentId, PaymentResult, Place,
    PriceStep, Seed, Settle, Sku, TimeMs, limits, partition_of,
};

use crate::dice::{Dice, IdKind, id};

/// A command, where it is written, and the time its record gets.
pub type WorkloadItem = (Partition, TimeMs, Command);

/// When the workload begins.
const START_MS: u64 = 1_000_000;
/// How many SKUs there are; the last is never listed.
const SKUS: u64 = 7;
/// How many customers there are.
const CUSTOMERS: u64 = 5;
/// Later commands name one of so many latest orders, so that many still live.
const RECENT_ORDERS: u64 = 24;
/// One SKU in so many is drawn; which, depends on the seed.
const DRAWN_ONE_IN: u64 = 4;
/// Base price of a unit; the price of most lines, so that payments can be guessed.
const UNIT_PRICE: i64 = 1_000;

/// `count` commands for `partitions` ledgers. Record times of all partitions go up together, with jumps back and
/// forth. There are no relays: whoever runs the ledgers passes on what they send each other.
pub fn random_workload(seed: u64, count: u64, partitions: u32) -> impl Iterator<Item = WorkloadItem> {
    let mut hostile = Hostile {
        seed,
        dice: Dice::new(seed, 2),
        partitions: partitions.clamp(1, limits::PARTITIONS_MAX),
        now: START_MS,
        orders: 0,
        commands: 0,
        skus: (0..SKUS).filter_map(|number| format!("s{number}").parse().ok()).collect(),
    };
    (0..count).filter_map(move |number| hostile.item(number))
}

struct Hostile {
    seed: u64,
    dice: Dice,
    partitions: u32,
    now: u64,
    orders: u64,
    commands: u64,
    skus: Vec<Sku>,
}

impl Hostile {
    fn item(&mut self, number: u64) -> Option<WorkloadItem> {
        let time = self.time();
        let opening = self.skus.len().saturating_sub(1);
        let command = match usize::try_from(number).ok() {
            Some(rank) if rank < opening => {
                let sku = *self.skus.get(rank)?;
                let stock = i64::try_from(self.dice.below(12)).ok()?;
                let settings = Box::new(self.settings(false, &sku));
                self.listing(sku, ListingChange::Open { settings, stock })
            }
            _ => self.command()?,
        };
        let stray = self.dice.chance(30);
        let own = command.home_sku().filter(|_| !stray).map(|sku| partition_of(sku, self.partitions));
        let any = u32::try_from(self.dice.below(u64::from(self.partitions))).ok()?;
        Some((own.unwrap_or(Partition(any)), time, command))
    }

    /// Mostly a little later; sometimes earlier, or past every hold, or past all that is remembered.
    fn time(&mut self) -> TimeMs {
        self.now += match self.dice.below(1_000) {
            0..=3 => 10_000,
            4 => 700_000,
            _ => self.dice.below(120),
        };
        let back = if self.dice.chance(50) { self.dice.below(5_000) } else { 0 };
        TimeMs(self.now.saturating_sub(back))
    }

    fn command(&mut self) -> Option<Command> {
        Some(match self.dice.below(100) {
            0..=49 => self.place()?,
            50..=52 => self.replace()?,
            53..=62 => {
                let (order, sku) = self.some_order()?;
                Command::Cancel(Cancel { order, customer: self.customer(), sku })
            }
            63..=79 => self.settle()?,
            80..=84 => {
                let (order, sku) = self.some_order()?;
                let number = u32::try_from(self.dice.below(4)).ok()?;
                Command::Extend(Extend { order, sku, number })
            }
            85..=94 => self.operate()?,
            95..=96 => {
                let (customer, blocked) = (self.customer(), self.dice.chance(300));
                Command::Customer(CustomerCommand { id: self.command_id(), customer, blocked })
            }
            _ => Command::Tick,
        })
    }

    fn customer(&mut self) -> CustomerId {
        CustomerId::from(id(IdKind::Customer, self.seed, self.dice.below(CUSTOMERS)))
    }

    fn sku(&mut self) -> Option<Sku> {
        // The last SKU is not listed, and seldom asked for.
        let end = if self.dice.chance(30) { SKUS } else { SKUS - 1 };
        self.skus.get(usize::try_from(self.dice.below(end)).ok()?).copied()
    }

    fn place(&mut self) -> Option<Command> {
        self.orders += 1;
        self.order(self.orders)
    }

    /// An order under an id of the recent past: its content comes from the id, so that it is mostly a repeat.
    fn replace(&mut self) -> Option<Command> {
        let back = self.dice.below(RECENT_ORDERS).min(self.orders.saturating_sub(1));
        let mut command = self.order(self.orders.max(1) - back)?;
        if let Command::Place(place) = &mut command
            && self.dice.chance(300)
        {
            place.partial = !place.partial;
        }
        Some(command)
    }

    /// The content of an order is a function of its number, so that it can be asked for again.
    fn order(&mut self, number: u64) -> Option<Command> {
        let order = OrderId::from(id(IdKind::Order, self.seed, number));
        let own = Dice::new(self.seed.wrapping_add(number), 3);
        let ours = std::mem::replace(&mut self.dice, own);
        let place = self.content(order);
        self.dice = ours;
        place.map(Command::Place)
    }

    fn content(&mut self, order: OrderId) -> Option<Place> {
        let count = match self.dice.below(100) {
            0 => 0,
            1 => 17,
            2..=69 => 1,
            70..=89 => 2,
            _ => 3,
        };
        let mut lines = Lines::new();
        for _ in 0..count {
            let sku = self.sku()?;
            if lines.iter().all(|line: &Line| line.sku != sku) || self.dice.chance(50) || count > 3 {
                lines.push(Line { sku, quantity: self.quantity() });
            }
        }
        let foreign = if self.dice.chance(20) { Currency::from_bytes(b"USD").ok() } else { None };
        let (customer, partial) = (self.customer(), self.dice.chance(250));
        Some(Place { order, customer, currency: foreign.unwrap_or(Currency::EUR), partial, lines })
    }

    fn quantity(&mut self) -> i32 {
        let absurd = [0, -1, i32::MIN, i32::MAX, 10_000, 10_001];
        if self.dice.chance(15) {
            return self.dice.pick(&absurd).copied().unwrap_or(0);
        }
        1 + i32::try_from(self.dice.below(3)).unwrap_or(0)
    }

    /// An order of the recent past, or one nobody knows, with the SKU it is looked for under.
    fn some_order(&mut self) -> Option<(OrderId, Sku)> {
        let back = self.dice.below(RECENT_ORDERS);
        let number = if self.dice.chance(30) {
            self.orders + 1_000_000
        } else {
            self.orders.saturating_sub(back).max(1)
        };
        let Some(Command::Place(place)) = self.order(number) else { return None };
        let smallest = place.lines.iter().map(|line| line.sku).min();
        let sku = if self.dice.chance(30) { self.sku() } else { smallest };
        Some((place.order, sku.or_else(|| self.skus.first().copied())?))
    }

    fn settle(&mut self) -> Option<Command> {
        let (order, sku) = self.some_order()?;
        let number = u64::from_be_bytes(*order.0.last_chunk::<8>()?);
        let payment =
            PaymentId::from(id(IdKind::Payment, self.seed, number.wrapping_add(self.dice.below(2))));
        // Most lines cost the base price, and most orders are of one to three units.
        let units = i64::try_from(1 + self.dice.below(4)).ok()?;
        let amount = match self.dice.below(50) {
            0 => i64::MAX,
            1 => i64::MIN,
            2 => 0,
            _ => UNIT_PRICE.saturating_mul(units),
        };
        let result = if self.dice.chance(200) { PaymentResult::Declined } else { PaymentResult::Captured };
        Some(Command::Settle(Settle { order, sku, payment, amount, currency: Currency::EUR, result }))
    }

    fn operate(&mut self) -> Option<Command> {
        let sku = self.sku()?;
        let extreme = [i64::MAX, i64::MIN, -1_000_000_001, 1_000_000_000];
        let change = match self.dice.below(100) {
            0..=49 => ListingChange::Restock { delta: i64::try_from(self.dice.below(12)).ok()? - 3 },
            50..=53 => ListingChange::Restock { delta: self.dice.pick(&extreme).copied()? },
            54..=64 => ListingChange::Pause,
            65..=79 => ListingChange::Resume,
            80..=87 => ListingChange::Change(Box::new(self.settings(true, &sku))),
            88..=94 => return self.reveal(),
            95..=97 => ListingChange::Open { settings: Box::new(self.settings(true, &sku)), stock: 5 },
            98 => ListingChange::Open { settings: Box::new(self.settings(false, &sku)), stock: -1 },
            _ => ListingChange::Close,
        };
        Some(self.listing(sku, change))
    }

    /// The seed of a drawn SKU; now and then a wrong one, or that of a SKU that is not drawn.
    fn reveal(&mut self) -> Option<Command> {
        let drawn: Vec<Sku> = self.skus.iter().filter(|sku| self.is_drawn(sku)).copied().collect();
        let any = if self.dice.chance(100) { self.sku() } else { None };
        let sku = any.or_else(|| self.dice.pick(&drawn).copied())?;
        let of = if self.dice.chance(200) { self.sku()? } else { sku };
        let seed = self.seed_of(&of);
        Some(self.listing(sku, ListingChange::Reveal { seed }))
    }

    fn is_drawn(&self, sku: &Sku) -> bool {
        let rank = self.skus.iter().position(|known| known == sku).and_then(|rank| u64::try_from(rank).ok());
        rank.is_some_and(|rank| (self.seed.wrapping_add(rank)).is_multiple_of(DRAWN_ONE_IN))
    }

    fn seed_of(&self, sku: &Sku) -> Seed {
        let number = self.seed.to_le_bytes();
        Seed(blake3::hash(&[number.as_slice(), sku.as_bytes()].concat()).into())
    }

    fn listing(&mut self, sku: Sku, change: ListingChange) -> Command {
        Command::Listing(ListingCommand { id: self.command_id(), sku, change })
    }

    /// A new id, or now and then that of the command before.
    fn command_id(&mut self) -> CommandId {
        if !self.dice.chance(40) {
            self.commands += 1;
        }
        CommandId::from(id(IdKind::Command, self.seed, self.commands))
    }

    fn settings(&mut self, wild: bool, sku: &Sku) -> ListingSettings {
        let draw = self.is_drawn(sku).then(|| Commitment(blake3::hash(&self.seed_of(sku).0).into()));
        let limits: &[u64] = if draw.is_some() { &[2, 4, 10] } else { &[0, 0, 2, 4, 10] };
        let pick = |dice: &mut Dice, choices: &[u64]| dice.pick(choices).copied().unwrap_or(0);
        let small = |number: u64| u32::try_from(number).unwrap_or(0);
        let dice = &mut self.dice;
        let mut prices = vec![PriceStep { from_time: TimeMs(0), from_units: 0, unit_price: UNIT_PRICE }];
        if dice.chance(300) {
            prices.push(PriceStep { from_time: TimeMs(0), from_units: 4, unit_price: 1_500 });
            prices.push(PriceStep { from_time: TimeMs(START_MS + 60_000), from_units: 0, unit_price: 700 });
        }
        let mut settings = ListingSettings {
            sale: "hostile".to_owned(),
            currency: Currency::EUR,
            opens_at: TimeMs(0),
            closes_at: TimeMs(0),
            limit_per_customer: small(pick(dice, limits)),
            hold_ms: pick(dice, &[1, 200, 1_000, 5_000, 60_000]),
            extensions_max: small(pick(dice, &[0, 1, 2])),
            waitlist_max: small(pick(dice, &[0, 1, 3, 50])),
            retention_ms: pick(dice, &[1_000, 1_500, 20_000, 600_000]),
            tax_bp: u16::try_from(pick(dice, &[0, 700, 1_900, 10_000])).unwrap_or(0),
            prices,
            draw,
        };
        if wild && dice.chance(300) {
            self.spoil(&mut settings);
        }
        settings
    }

    /// Settings at their limits, beyond them, or about to take effect.
    fn spoil(&mut self, settings: &mut ListingSettings) {
        let soon = TimeMs(self.now + self.dice.below(20_000));
        let step = |unit_price| vec![PriceStep { from_time: TimeMs(0), from_units: 0, unit_price }];
        match self.dice.below(15) {
            0 => settings.closes_at = soon,
            1 => settings.opens_at = soon,
            2 => settings.prices = step(limits::UNIT_PRICE_MAX),
            3 => settings.prices = step(limits::UNIT_PRICE_MAX + 1),
            4 => settings.prices = step(-1),
            5 => settings.prices.clear(),
            6 => settings.retention_ms = u64::MAX,
            7 => settings.hold_ms = u64::MAX,
            8 => settings.hold_ms = limits::HOLD_MS_MAX,
            9 => settings.limit_per_customer = u32::MAX,
            10 => settings.waitlist_max = u32::MAX,
            11 => settings.sale = "another".to_owned(),
            12 => settings.draw = settings.draw.xor(Some(Commitment([7; 32]))),
            13 => settings.limit_per_customer = 0,
            _ => settings.retention_ms = 0,
        }
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;

    #[test]
    fn the_seed_is_all() {
        let run = |seed| random_workload(seed, 3_000, 3).collect::<Vec<_>>();
        assert_eq!(run(4), run(4));
        assert_ne!(run(4), run(5));
        assert_eq!(run(4).len(), 3_000);
    }

    #[test]
    fn every_command_comes_and_time_runs_back() {
        let mut counts: BTreeMap<&str, u64> = BTreeMap::new();
        let (mut last, mut strays) = (TimeMs(0), 0);
        for (partition, time, command) in random_workload(1, 5_000, 3) {
            let kind = match &command {
                Command::Place(_) => "place",
                Command::Cancel(_) => "cancel",
                Command::Tick => "tick",
                Command::Settle(_) => "settle",
                Command::Extend(_) => "extend",
                Command::Listing(_) => "listing",
                Command::Customer(_) => "customer",
                Command::Relay(_) => "relay",
            };
            *counts.entry(kind).or_insert(0) += 1;
            *counts.entry("back").or_insert(0) += u64::from(time < last);
            strays += u64::from(command.home_sku().is_some_and(|sku| partition_of(sku, 3) != partition));
            last = time;
        }
        for kind in ["place", "cancel", "tick", "settle", "extend", "listing", "customer", "back"] {
            assert!(counts.get(kind).is_some_and(|count| *count > 50), "{kind} in {counts:?}");
        }
        assert!(strays > 50 && !counts.contains_key("relay"));
    }
}
