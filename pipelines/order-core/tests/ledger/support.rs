//! A bench for ledgers: commands by short names, log time in milliseconds, relays carried between the ledgers, and
//! decisions as short texts. Everything that happens is shown to the auditor, which has its say when the sale ends.

use std::collections::{BTreeMap, VecDeque};

use order_audit::Auditor;
use order_core::{Effects, Ledger, Outcome, Shape};
use order_model::{
    Cancel, Command, CommandId, Commitment, Currency, CustomerCommand, CustomerId, Decision, Event, Extend,
    Line, LineState, ListingChange, ListingCommand, ListingSettings, Offset, OrderEvent, OrderId, Partition,
    PaymentId, PaymentResult, Place, Position, PriceStep, Relay, Seed, Settle, Sku, Stock, TimeMs,
    partition_of,
};

/// The hold of the usual settings.
pub(crate) const HOLD_MS: u64 = 10_000;
/// The retention of the usual settings.
pub(crate) const RETENTION_MS: u64 = 60_000;

/// What the ledgers said, in order: `o1 held`, `A restocked`, `alice blocked`.
pub(crate) type Said = Vec<String>;

pub(crate) struct Sale {
    pub(crate) ledgers: Vec<Ledger>,
    next_offsets: Vec<u64>,
    /// Relays that have not arrived, by receiver.
    pub(crate) under_way: Vec<VecDeque<Relay>>,
    /// Whether relays stay under way until delivered by hand.
    pub(crate) holds_relays_back: bool,
    pub(crate) now: u64,
    next_command: u128,
    stocks: BTreeMap<Sku, Stock>,
    /// All decisions so far.
    pub(crate) decisions: Vec<Decision>,
    pub(crate) outcome: Outcome,
    auditor: Option<Auditor>,
}

impl Sale {
    /// One ledger with these listings, without waitlists or limits, at 100 a unit.
    pub(crate) fn with<const N: usize>(listings: [(&str, i64); N]) -> Self {
        let mut sale = Self::of(1);
        for (sku, stock) in listings {
            sale.list(sku, stock, |_| {});
        }
        sale
    }

    /// So many ledgers without listings.
    pub(crate) fn of(partitions: u32) -> Self {
        Self::shaped(partitions, |_| {})
    }

    pub(crate) fn shaped(partitions: u32, change: impl Fn(&mut Shape)) -> Self {
        let ledger = |partition| {
            let mut shape = Shape::of(Partition(partition), partitions);
            change(&mut shape);
            Ledger::new(shape)
        };
        let count = usize::try_from(partitions).unwrap();
        Self {
            ledgers: (0..partitions).map(ledger).collect(),
            next_offsets: vec![0; count],
            under_way: vec![VecDeque::new(); count],
            holds_relays_back: false,
            now: 0,
            next_command: 1,
            stocks: BTreeMap::new(),
            decisions: Vec::new(),
            outcome: Outcome::Advanced,
            auditor: Some(Auditor::new(partitions)),
        }
    }

    /// Sends the auditor home: for what no ledger would be sent in earnest.
    pub(crate) fn unaudited(mut self) -> Self {
        self.auditor = None;
        self
    }

    pub(crate) fn list(&mut self, sku: &str, stock: i64, change: impl Fn(&mut ListingSettings)) {
        let said = self.try_list(sku, stock, change);
        assert!(said.last().unwrap().ends_with("opened"), "{said:?}");
    }

    pub(crate) fn try_list(&mut self, sku: &str, stock: i64, change: impl Fn(&mut ListingSettings)) -> Said {
        let mut settings = settings();
        change(&mut settings);
        self.listing(sku, ListingChange::Open { settings: Box::new(settings), stock })
    }

    /// A change of a listing under a new command id.
    pub(crate) fn listing(&mut self, sku: &str, change: ListingChange) -> Said {
        let id = CommandId::from(self.next_command);
        self.next_command += 1;
        self.send(listing_command(id, sku, change))
    }

    /// Opens a drawn listing whose seed is [`seed`], ten units a customer.
    pub(crate) fn list_drawn(&mut self, sku: &str, stock: i64, waitlist_max: u32) {
        self.list(sku, stock, |settings| {
            settings.draw = Some(commitment(sku));
            settings.limit_per_customer = 10;
            settings.waitlist_max = waitlist_max;
        });
    }

    pub(crate) fn reveal(&mut self, sku: &str) -> Said {
        self.listing(sku, ListingChange::Reveal { seed: seed(sku) })
    }

    pub(crate) fn restock(&mut self, sku: &str, delta: i64) -> Said {
        self.listing(sku, ListingChange::Restock { delta })
    }

    pub(crate) fn block(&mut self, customer: &str, blocked: bool) -> Said {
        let id = CommandId::from(self.next_command);
        self.next_command += 1;
        let command = CustomerCommand { id, customer: customer_id(customer), blocked };
        self.send_to(Partition(0), &Command::Customer(command))
    }

    pub(crate) fn place<const N: usize>(&mut self, order: &str, who: &str, lines: [(&str, i32); N]) -> Said {
        self.send(place(order, who, &lines))
    }

    pub(crate) fn place_partial<const N: usize>(
        &mut self,
        order: &str,
        who: &str,
        lines: [(&str, i32); N],
    ) -> Said {
        let Command::Place(order) = place(order, who, &lines) else { unreachable!() };
        self.send(Command::Place(Place { partial: true, ..order }))
    }

    pub(crate) fn cancel(&mut self, order: &str, who: &str, sku: &str) -> Said {
        self.send(cancel(order, who, sku))
    }

    pub(crate) fn capture(&mut self, order: &str, sku: &str, payment: &str, amount: i64) -> Said {
        self.send(settle(order, sku, payment, amount, PaymentResult::Captured))
    }

    pub(crate) fn decline(&mut self, order: &str, sku: &str, payment: &str) -> Said {
        self.send(settle(order, sku, payment, 0, PaymentResult::Declined))
    }

    pub(crate) fn extend(&mut self, order: &str, sku: &str, number: u32) -> Said {
        self.send(extend(order, sku, number))
    }

    /// Moves time on to `ms` by a tick in every ledger.
    pub(crate) fn tick_at(&mut self, ms: u64) -> Said {
        self.now = ms;
        let mut said = Said::new();
        for partition in 0..self.count() {
            said.extend(self.record(Partition(partition), Some(&Command::Tick)));
        }
        said.extend(self.deliver_unless_held_back());
        said
    }

    /// Appends a command where its key belongs.
    pub(crate) fn send(&mut self, command: Command) -> Said {
        let home = command.home_sku().map_or(Partition(0), |sku| partition_of(sku, self.count()));
        self.send_to(home, &command)
    }

    pub(crate) fn send_to(&mut self, partition: Partition, command: &Command) -> Said {
        let mut said = self.record(partition, Some(command));
        said.extend(self.deliver_unless_held_back());
        said
    }

    /// A record nobody can read.
    pub(crate) fn unreadable(&mut self) -> Said {
        self.record(Partition(0), None)
    }

    /// One record at one ledger; what it says.
    pub(crate) fn record(&mut self, partition: Partition, command: Option<&Command>) -> Said {
        let index = usize::try_from(partition.0).unwrap();
        let offset = Offset(self.next_offsets[index]);
        self.next_offsets[index] += 1;
        let at = Position { partition, offset, time: TimeMs(self.now) };
        let mut effects = Effects::default();
        match command {
            Some(command) => self.outcome = self.ledgers[index].apply(at, command, &mut effects),
            None => self.ledgers[index].skip(at, &mut effects),
        }
        if let Some(auditor) = &mut self.auditor {
            auditor.command(at, command);
            effects.decisions.iter().for_each(|decision| auditor.decision(decision));
        }
        for (to, relay) in effects.relays {
            self.under_way[usize::try_from(to.0).unwrap()].push_back(relay);
        }
        let said = effects.decisions.iter().map(|decision| self.text(decision)).collect();
        effects.decisions.iter().for_each(|decision| self.note_stock(decision));
        self.decisions.extend(effects.decisions);
        said
    }

    fn deliver_unless_held_back(&mut self) -> Said {
        if self.holds_relays_back { Said::new() } else { self.deliver() }
    }

    /// Delivers relays, a ledger at a time in turn, until none is under way.
    pub(crate) fn deliver(&mut self) -> Said {
        let mut said = Said::new();
        while self.under_way.iter().any(|relays| !relays.is_empty()) {
            for partition in 0..self.count() {
                said.extend(self.deliver_to(partition));
            }
        }
        said
    }

    /// Delivers the next relay to a ledger.
    pub(crate) fn deliver_to(&mut self, partition: u32) -> Said {
        match self.under_way[usize::try_from(partition).unwrap()].pop_front() {
            Some(relay) => self.record(Partition(partition), Some(&Command::Relay(relay))),
            None => Said::new(),
        }
    }

    pub(crate) fn count(&self) -> u32 {
        u32::try_from(self.ledgers.len()).unwrap()
    }

    fn text(&self, decision: &Decision) -> String {
        let text = match &decision.event {
            Event::Order(event) => {
                let reason = event.reason.map(|reason| format!(" {}", reason.name())).unwrap_or_default();
                format!("{} {}{reason}", name(&event.order.0), event.kind.name())
            }
            Event::Listing(event) => {
                let reason = event.reason.map(|reason| format!(" {}", reason.name())).unwrap_or_default();
                format!("{} {}{reason}", event.sku, event.kind.name())
            }
            Event::Customer(event) => {
                let done = if event.blocked { "blocked" } else { "unblocked" };
                let reason = event.reason.map(|reason| format!(" {}", reason.name())).unwrap_or_default();
                format!("{} {done}{reason}", name(&event.customer.0))
            }
        };
        if self.ledgers.len() == 1 { text } else { format!("{}: {text}", decision.partition) }
    }

    fn note_stock(&mut self, decision: &Decision) {
        match &decision.event {
            Event::Order(event) => {
                for line in &event.lines {
                    if let Some(stock) = line.stock {
                        self.stocks.insert(line.sku, stock);
                    }
                }
            }
            Event::Listing(event) => {
                self.stocks.insert(event.sku, event.stock);
            }
            Event::Customer(_) => {}
        }
    }

    /// Free, held, sold, waiting, as the latest decision about the listing has it.
    pub(crate) fn stock(&self, name: &str) -> [u32; 4] {
        let stock = self.stocks.get(&sku(name)).copied().unwrap_or_default();
        [stock.free, stock.held, stock.sold, stock.waiting]
    }

    /// The latest decision about an order.
    pub(crate) fn last(&self, order: &str) -> &OrderEvent {
        let events = self.decisions.iter().rev().filter_map(|decision| match &decision.event {
            Event::Order(event) => Some(event),
            _ => None,
        });
        events.into_iter().find(|event| event.order == order_id(order)).unwrap()
    }

    /// The lines of the latest decision about an order: `A 2 taken`.
    pub(crate) fn lines(&self, order: &str) -> Vec<String> {
        let line = |line: &order_model::DecidedLine| {
            let state: LineState = line.state;
            format!("{} {} {}", line.sku, line.quantity, state.name())
        };
        self.last(order).lines.iter().map(line).collect()
    }
}

impl Drop for Sale {
    fn drop(&mut self) {
        if let Some(auditor) = self.auditor.take()
            && !std::thread::panicking()
        {
            let report = auditor.finish();
            assert!(report.holds(), "{report}");
        }
    }
}

pub(crate) fn settings() -> ListingSettings {
    ListingSettings {
        sale: "summer".to_owned(),
        currency: Currency::EUR,
        opens_at: TimeMs(0),
        closes_at: TimeMs(0),
        limit_per_customer: 0,
        hold_ms: HOLD_MS,
        extensions_max: 0,
        waitlist_max: 0,
        retention_ms: RETENTION_MS,
        tax_bp: 0,
        prices: vec![PriceStep { from_time: TimeMs(0), from_units: 0, unit_price: 100 }],
        draw: None,
    }
}

pub(crate) fn listing_command(id: CommandId, name: &str, change: ListingChange) -> Command {
    Command::Listing(ListingCommand { id, sku: sku(name), change })
}

pub(crate) fn place(order: &str, who: &str, lines: &[(&str, i32)]) -> Command {
    let line = |(name, quantity): &(&str, i32)| Line { sku: sku(name), quantity: *quantity };
    Command::Place(Place {
        order: order_id(order),
        customer: customer_id(who),
        currency: Currency::EUR,
        partial: false,
        lines: lines.iter().map(line).collect(),
    })
}

pub(crate) fn cancel(order: &str, who: &str, name: &str) -> Command {
    Command::Cancel(Cancel { order: order_id(order), customer: customer_id(who), sku: sku(name) })
}

pub(crate) fn settle(order: &str, name: &str, payment: &str, amount: i64, result: PaymentResult) -> Command {
    let (order, sku, payment) = (order_id(order), sku(name), PaymentId(bytes(payment)));
    Command::Settle(Settle { order, sku, payment, amount, currency: Currency::EUR, result })
}

pub(crate) fn extend(order: &str, name: &str, number: u32) -> Command {
    Command::Extend(Extend { order: order_id(order), sku: sku(name), number })
}

/// The seed of a SKU's draw.
pub(crate) fn seed(name: &str) -> Seed {
    let mut seed = [b'#'; 32];
    seed[..name.len()].copy_from_slice(name.as_bytes());
    Seed(seed)
}

pub(crate) fn commitment(name: &str) -> Commitment {
    Commitment(blake3::hash(&seed(name).0).into())
}

/// The orders as the draw for a SKU has them.
pub(crate) fn drawn<'a>(name: &str, orders: &[&'a str]) -> Vec<&'a str> {
    let mut drawn = orders.to_vec();
    drawn.sort_by_key(|order| {
        blake3::hash(&[&seed(name).0[..], &order_id(order).0].concat()).to_hex().to_string()
    });
    drawn
}

pub(crate) fn sku(name: &str) -> Sku {
    name.parse().unwrap()
}

pub(crate) fn order_id(name: &str) -> OrderId {
    OrderId(bytes(name))
}

pub(crate) fn customer_id(name: &str) -> CustomerId {
    CustomerId(bytes(name))
}

/// A SKU beginning with `prefix` whose home is `partition`.
pub(crate) fn sku_at(prefix: &str, partition: u32, partitions: u32) -> String {
    let mut names = (0..).map(|number: u32| format!("{prefix}{number}"));
    names.find(|name| partition_of(&sku(name), partitions) == Partition(partition)).unwrap()
}

/// An id that is its own name.
fn bytes(name: &str) -> [u8; 16] {
    let mut bytes = [0; 16];
    bytes[..name.len()].copy_from_slice(name.as_bytes());
    bytes
}

fn name(bytes: &[u8]) -> &str {
    std::str::from_utf8(bytes).unwrap_or("?").trim_end_matches('\0')
}
