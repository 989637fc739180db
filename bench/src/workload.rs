//! Shoppers for one ledger, the same for every run: orders of one line under a limit per customer, placed at an even
//! pace, that are held and expire. Once the first holds fall due, as many orders are forgotten as are placed, and a
//! run may last as long as it likes.

use order_core::{Effects, Ledger, Outcome, Shape};
use order_model::{
    Command, CommandId, Currency, CustomerId, Event, Line, Lines, ListingChange, ListingCommand,
    ListingSettings, Offset, OrderEventKind, OrderId, Partition, Place, Position, PriceStep, RejectReason,
    Sku, Stock, TimeMs,
};

/// How many records are applied in one go.
pub const BATCH_RECORDS: usize = 256;
/// How many orders are placed in one millisecond of record time.
const ORDERS_PER_MS: u64 = 64;
/// How long an ended order is remembered, in milliseconds: the least there is.
const RETENTION_MS: u64 = 1_000;
/// Units one customer may have of one listing; a customer asks for one.
const LIMIT_PER_CUSTOMER: u32 = 100;
/// Customers, of whom any may place the next order.
const CUSTOMERS: u64 = 1 << 40;
/// The beginning of time in the log.
const START_MS: u64 = 1_800_000_000_000;

/// What the shoppers are to meet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Setting {
    /// How many SKUs; every order names one of them, any with equal chance.
    pub listings: u32,
    /// Units of each.
    pub stock: u32,
    /// How many orders are placed before the first hold falls due; from then on so many are held.
    pub live_orders: u64,
    /// Chooses the orders.
    pub seed: u64,
}

/// Why a run has no figures.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Wrong {
    /// The stock of a decision is not the stock there was.
    #[error("listing {sku} was opened with {opened} units and has {found:?}: the ledger is wrong, not slow")]
    Stock {
        /// The listing.
        sku: Sku,
        /// Units it was opened with.
        opened: u32,
        /// What the decision says.
        found: Stock,
    },
    /// An order was refused although there was stock, or for another reason than that there was none.
    #[error("an order was refused as {} with {free:?} units free: the ledger is wrong, not slow", reason.name())]
    Refused {
        /// The reason given.
        reason: RejectReason,
        /// Units free after it.
        free: Option<u32>,
    },
    /// A record had another outcome than its kind must have.
    #[error(
        "{wanted} of {records} records should have been decided, {decided} were: the ledger is wrong, not slow"
    )]
    Decided {
        /// Records applied.
        records: u64,
        /// How many of them place an order for the first time.
        wanted: u64,
        /// How many were decided.
        decided: u64,
    },
}

/// What has come of the records so far.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Tally {
    /// Orders held.
    pub held: u64,
    /// Orders refused because nothing was free.
    pub sold_out: u64,
    /// Holds that expired.
    pub expired: u64,
    /// Orders that had been placed before.
    pub repeated: u64,
}

/// One ledger and the records it is to read.
pub struct Shoppers {
    setting: Setting,
    skus: Vec<Sku>,
    ledger: Ledger,
    effects: Effects,
    records: Vec<(Position, Command)>,
    next_offset: u64,
    placed: u64,
    /// Placed orders among `records` that were placed before.
    repeats: u64,
    decided: u64,
    tally: Tally,
}

impl Shoppers {
    /// A ledger with its listings open.
    pub fn new(setting: Setting) -> Self {
        let skus =
            (0..setting.listings).filter_map(|number| format!("SKU-{number:07}").parse().ok()).collect();
        let mut shoppers = Self {
            setting,
            skus,
            ledger: Ledger::new(Shape::of(Partition(0), 1)),
            effects: Effects::default(),
            records: Vec::with_capacity(BATCH_RECORDS),
            next_offset: 0,
            placed: 0,
            repeats: 0,
            decided: 0,
            tally: Tally::default(),
        };
        for number in 0..shoppers.skus.len() {
            shoppers.open(number);
        }
        shoppers.effects = Effects::default();
        shoppers
    }

    fn open(&mut self, number: usize) {
        let Some(sku) = self.skus.get(number).copied() else { return };
        let at = self.next_position();
        let id = CommandId::from(u128::from(at.offset.0) + 1);
        let settings = Box::new(settings(self.setting.live_orders.div_ceil(ORDERS_PER_MS)));
        let change = ListingChange::Open { settings, stock: self.setting.stock.into() };
        let command = Command::Listing(ListingCommand { id, sku, change });
        self.ledger.apply(at, &command, &mut self.effects);
    }

    fn next_position(&mut self) -> Position {
        let offset = Offset(self.next_offset);
        self.next_offset += 1;
        Position { partition: Partition(0), offset, time: TimeMs(START_MS + self.placed / ORDERS_PER_MS) }
    }

    /// Makes ready a batch of orders nobody placed before.
    pub fn prepare_new(&mut self) {
        self.records.clear();
        self.repeats = 0;
        for _ in 0..BATCH_RECORDS {
            let place = self.order(self.placed);
            let at = self.next_position();
            self.placed += 1;
            self.records.push((at, Command::Place(place)));
        }
    }

    /// Makes ready a batch of orders that were placed some batches ago. Time stands still meanwhile.
    pub fn prepare_repeats(&mut self) {
        self.records.clear();
        self.repeats = 0;
        let placed = self.placed.max(1);
        for number in 0..BATCH_RECORDS {
            let number = u64::try_from(number).unwrap_or_default() + self.next_offset;
            let place = self.order(placed - 1 - random(number) % placed.min(self.setting.live_orders.max(1)));
            let at = self.next_position();
            self.records.push((at, Command::Place(place)));
            self.repeats += 1;
        }
    }

    /// The order placed as the `number`th, from zero.
    fn order(&self, number: u64) -> Place {
        let chance = random(self.setting.seed ^ number);
        let sku = usize::try_from(chance % u64::from(self.setting.listings.max(1))).unwrap_or_default();
        let sku = self.skus.get(sku).or_else(|| self.skus.first());
        let line = sku.map(|sku| Line { sku: *sku, quantity: 1 });
        Place {
            order: OrderId::from(u128::from(random(number)) << 64 | u128::from(number)),
            customer: CustomerId::from(u128::from(random(chance) % CUSTOMERS)),
            currency: Currency::EUR,
            partial: false,
            lines: line.into_iter().collect::<Lines>(),
        }
    }

    /// Applies what was made ready: the one step to be measured.
    pub fn apply(&mut self) {
        self.effects.clear();
        for records in self.records.chunks(Ledger::WARMED_TOGETHER) {
            self.ledger.warm(records.iter().map(|(_, command)| command));
            for (at, command) in records {
                match self.ledger.apply(*at, command, &mut self.effects) {
                    Outcome::Repeated => self.tally.repeated += 1,
                    _ => self.decided += 1,
                }
            }
        }
    }

    /// Checks what came of the batch applied last.
    pub fn check(&mut self) -> Result<(), Wrong> {
        let records = u64::try_from(self.records.len()).unwrap_or_default();
        let (decided, wanted) = (std::mem::take(&mut self.decided), records - self.repeats);
        if decided != wanted {
            return Err(Wrong::Decided { records, wanted, decided });
        }
        for decision in &self.effects.decisions {
            let Event::Order(event) = &decision.event else { continue };
            for line in &event.lines {
                let found = line.stock.unwrap_or_default();
                let total = u64::from(found.free) + u64::from(found.held) + u64::from(found.sold);
                if total != u64::from(self.setting.stock) {
                    return Err(Wrong::Stock { sku: line.sku, opened: self.setting.stock, found });
                }
            }
            let free = event.lines.first().and_then(|line| line.stock).map(|stock| stock.free);
            match (event.kind, event.reason) {
                (OrderEventKind::Held, _) => self.tally.held += 1,
                (OrderEventKind::Expired, _) => self.tally.expired += 1,
                (_, Some(RejectReason::StockShort)) if free == Some(0) => self.tally.sold_out += 1,
                (_, reason) => {
                    return Err(Wrong::Refused { reason: reason.unwrap_or(RejectReason::StockShort), free });
                }
            }
        }
        Ok(())
    }

    /// Places orders until so many were placed.
    pub fn fill(&mut self, placed: u64) -> Result<(), Wrong> {
        while self.placed < placed {
            self.prepare_new();
            self.apply();
            self.check()?;
        }
        Ok(())
    }

    /// What has come of it so far.
    pub fn tally(&self) -> Tally {
        self.tally
    }

    /// The ledger.
    pub fn ledger(&self) -> &Ledger {
        &self.ledger
    }
}

fn settings(hold_ms: u64) -> ListingSettings {
    ListingSettings {
        sale: "bench".to_owned(),
        currency: Currency::EUR,
        opens_at: TimeMs(0),
        closes_at: TimeMs(0),
        limit_per_customer: LIMIT_PER_CUSTOMER,
        hold_ms: hold_ms.max(1),
        extensions_max: 1,
        waitlist_max: 0,
        retention_ms: RETENTION_MS,
        tax_bp: 1_900,
        prices: vec![
            PriceStep { from_time: TimeMs(0), from_units: 0, unit_price: 4_999 },
            PriceStep { from_time: TimeMs(0), from_units: 100, unit_price: 5_999 },
        ],
        draw: None,
    }
}

/// The `number`th of a sequence without pattern (SplitMix64).
fn random(number: u64) -> u64 {
    let mut z = number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}
