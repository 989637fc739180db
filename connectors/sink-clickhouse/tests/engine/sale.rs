//! A small sale with everything in it, on two ledgers, written down decision by decision.

use order_model::{
    CommandId, Currency, CustomerEvent, CustomerId, DecidedLine, Decision, Event, LineState, ListingEvent,
    ListingEventKind, ListingSettings, Offset, OrderEvent, OrderEventKind, OrderId, Partition, PaymentId,
    PriceStep, RejectReason, Sequence, Stock, TimeMs, included_tax, line_total,
};
use sink::{Arrival, Batch};

/// 2026-11-27 08:00:00 UTC.
pub(crate) const OPENS_MS: u64 = 1_795_766_400_000;

/// Decisions of a ledger as they are made.
pub(crate) struct Ledger {
    partition: Partition,
    arrivals: Vec<Arrival>,
}

impl Ledger {
    pub(crate) fn new(partition: u32) -> Self {
        Self { partition: Partition(partition), arrivals: Vec::new() }
    }

    /// Decides `event` so many seconds after the sale opened.
    pub(crate) fn at(&mut self, seconds: u64, event: Event) {
        let number = u64::try_from(self.arrivals.len()).unwrap();
        let time = TimeMs(OPENS_MS + seconds * 1_000);
        let decision = Decision {
            partition: self.partition,
            sequence: Sequence(number + 1),
            offset: Offset(number * 2),
            time,
            event,
        };
        self.arrivals.push(Arrival { offset: Offset(number), time: TimeMs(time.0 + 3), decision });
    }

    pub(crate) fn batch(&self) -> Batch {
        self.cut(0, self.arrivals.len())
    }

    /// The decisions after number `follows` up to number `last`.
    pub(crate) fn cut(&self, follows: usize, last: usize) -> Batch {
        let follows_number = Sequence(u64::try_from(follows).unwrap());
        Batch {
            partition: self.partition,
            follows: follows_number,
            arrivals: self.arrivals[follows..last].to_vec(),
        }
    }
}

pub(crate) fn stock(free: u32, held: u32, sold: u32, waiting: u32) -> Option<Stock> {
    Some(Stock { free, held, sold, waiting })
}

pub(crate) fn taken(sku: &str, quantity: i32, unit_price: i64, stock: Option<Stock>) -> DecidedLine {
    DecidedLine { sku: sku.parse().unwrap(), quantity, state: LineState::Taken, unit_price, stock }
}

pub(crate) fn untaken(sku: &str, quantity: i32, state: LineState, stock: Option<Stock>) -> DecidedLine {
    DecidedLine { sku: sku.parse().unwrap(), quantity, state, unit_price: 0, stock }
}

/// An order's event; totals follow from the lines.
pub(crate) fn order(kind: OrderEventKind, id: u128, customer: u128, lines: &[DecidedLine]) -> OrderEvent {
    let prices = lines.iter().filter(|line| line.state == LineState::Taken);
    let prices: Vec<_> =
        prices.map(|line| line_total(line.unit_price, u32::try_from(line.quantity).unwrap())).collect();
    let has_deadline = matches!(kind, OrderEventKind::Held | OrderEventKind::Extended);
    OrderEvent {
        kind,
        reason: None,
        order: OrderId::from(id),
        customer: CustomerId::from(customer),
        currency: Currency::EUR,
        total: prices.iter().sum(),
        tax: prices.iter().map(|price| included_tax(*price, 1_900)).sum(),
        deadline: TimeMs(if has_deadline { OPENS_MS + 60_000 } else { 0 }),
        payment: (kind == OrderEventKind::Paid).then(|| PaymentId::from(id.wrapping_add(1_000))),
        lines: lines.iter().copied().collect(),
    }
}

pub(crate) fn refused(mut event: OrderEvent, reason: RejectReason) -> Event {
    event.reason = Some(reason);
    Event::Order(event)
}

pub(crate) fn opened(sku: &str, sale: &str, units: u32) -> Event {
    let settings = ListingSettings {
        sale: sale.to_owned(),
        currency: Currency::EUR,
        opens_at: TimeMs(OPENS_MS),
        closes_at: TimeMs(OPENS_MS + 3_600_000),
        limit_per_customer: 2,
        hold_ms: 60_000,
        extensions_max: 1,
        waitlist_max: 10,
        retention_ms: 600_000,
        tax_bp: 1_900,
        prices: vec![PriceStep { from_time: TimeMs(0), from_units: 0, unit_price: 5_000 }],
        draw: None,
    };
    Event::Listing(Box::new(ListingEvent {
        kind: ListingEventKind::Opened,
        reason: None,
        id: CommandId::from(u128::from(units) + 77),
        sku: sku.parse().unwrap(),
        delta: i64::from(units),
        stock: Stock { free: units, ..Stock::default() },
        settings: Some(settings),
        seed: None,
    }))
}

/// Orders a to i. Lamp and desk are of ledger 0, chair and atlas of ledger 1; order e has lines of both.
pub(crate) fn small_sale() -> [Ledger; 2] {
    use OrderEventKind::{
        Cancelled, Expired, Held, Paid, PartPaid, PartTaken, Refund, Rejected, Reserving, Waiting,
    };
    let [a, b, c, d, e, f, g, h, i, j] = [1, 2, 3, 4, 5, 6, 7, 8, 9, 10];
    let o = |kind, id, customer, lines: &[DecidedLine]| Event::Order(order(kind, id, customer, lines));
    let mut home = Ledger::new(0);
    let chair = |stock| taken("chair", 1, 8_000, stock);
    let atlas = |quantity, stock| taken("atlas", quantity, 3_000, stock);
    let lamp = |stock| taken("lamp", 1, 5_000, stock);
    let desk = |stock| taken("desk", 1, 20_000, stock);
    home.at(0, opened("lamp", "friday", 2));
    home.at(0, opened("desk", "friday", 1));
    home.at(1, o(Held, a, 101, &[lamp(stock(1, 1, 0, 0))]));
    home.at(2, o(Held, b, 102, &[desk(stock(0, 1, 0, 0))]));
    home.at(3, o(Waiting, c, 103, &[untaken("desk", 1, LineState::Awaited, stock(0, 1, 0, 1))]));
    let short = order(Rejected, d, 104, &[untaken("lamp", 3, LineState::Asked, stock(1, 1, 0, 0))]);
    home.at(4, refused(short, RejectReason::StockShort));
    home.at(5, o(Reserving, e, 105, &[untaken("chair", 1, LineState::Asked, None), lamp(stock(0, 2, 0, 0))]));
    home.at(30, o(Paid, a, 101, &[lamp(stock(0, 1, 1, 0))]));
    home.at(31, o(Held, e, 105, &[chair(None), lamp(stock(0, 1, 1, 0))]));
    home.at(60, o(Paid, e, 105, &[chair(None), lamp(stock(0, 0, 2, 0))]));
    home.at(62, o(Expired, b, 102, &[desk(stock(1, 0, 0, 1))]));
    home.at(62, o(Held, c, 103, &[desk(stock(0, 1, 0, 0))]));
    let late =
        OrderEvent { total: 20_000, payment: Some(PaymentId::from(2_002)), ..order(Refund, b, 102, &[]) };
    home.at(70, refused(late, RejectReason::NotHeld));
    home.at(90, o(Paid, c, 103, &[desk(stock(0, 0, 1, 0))]));
    let short = order(Rejected, f, 106, &[untaken("lamp", 1, LineState::Asked, stock(0, 0, 2, 0))]);
    home.at(95, refused(short, RejectReason::StockShort));
    let unknown = order(Rejected, j, 106, &[untaken("ghost", 1, LineState::Asked, None)]);
    home.at(96, refused(unknown, RejectReason::ListingUnknown));

    let mut other = Ledger::new(1);
    other.at(0, opened("chair", "friday", 5));
    other.at(0, opened("atlas", "books", 10));
    other.at(6, o(PartTaken, e, 105, &[chair(stock(4, 1, 0, 0))]));
    other.at(10, o(Held, g, 101, &[atlas(1, stock(9, 1, 0, 0)), chair(stock(3, 2, 0, 0))]));
    other.at(20, o(Paid, g, 101, &[atlas(1, stock(9, 0, 1, 0)), chair(stock(3, 1, 1, 0))]));
    other.at(40, o(Held, h, 107, &[atlas(2, stock(7, 2, 1, 0))]));
    other.at(45, o(Cancelled, h, 107, &[atlas(2, stock(9, 0, 1, 0))]));
    other.at(61, o(PartPaid, e, 105, &[chair(stock(3, 0, 2, 0))]));
    other.at(100, o(Held, i, 108, &[atlas(1, stock(8, 1, 1, 0)), chair(stock(2, 1, 2, 0))]));
    other.at(110, o(Paid, i, 108, &[atlas(1, stock(8, 0, 2, 0)), chair(stock(2, 0, 3, 0))]));
    [home, other]
}

/// A decision of every kind, with every field in use somewhere.
pub(crate) fn every_kind() -> Ledger {
    let mut ledger = Ledger::new(5);
    for (seconds, kind) in (0..).zip(OrderEventKind::ALL) {
        let lines = [
            taken("größe-42", 3, 1_234_567_890_123, stock(1, 2, 3, 4)),
            untaken("b", i32::MIN, LineState::LeftOut, stock(u32::MAX, 0, 0, 0)),
            untaken("c'\\", i32::MAX, LineState::Asked, None),
        ];
        let mut event = order(*kind, u128::MAX - u128::from(kind.number()), 5, &lines);
        event.total = i64::MIN;
        event.tax = i64::MAX;
        event.reason = RejectReason::ALL.get(usize::from(kind.number())).copied();
        ledger.at(seconds, Event::Order(event));
    }
    for reason in RejectReason::ALL {
        ledger.at(100, refused(order(OrderEventKind::Refused, 1, 0, &[]), *reason));
    }
    for kind in ListingEventKind::ALL {
        let Event::Listing(event) = opened("x", "a \"sale\"", 3) else { unreachable!() };
        let refused = *kind == ListingEventKind::Refused;
        ledger.at(
            200,
            Event::Listing(Box::new(ListingEvent {
                kind: *kind,
                reason: refused.then_some(RejectReason::ListingUnknown),
                delta: i64::MIN,
                stock: if refused { Stock::default() } else { event.stock },
                settings: if refused { None } else { event.settings },
                ..*event
            })),
        );
    }
    for blocked in [true, false] {
        let id = CommandId::from(u128::from(blocked) + 1);
        let reason = blocked.then_some(RejectReason::TooManyBlocked);
        ledger.at(300, Event::Customer(CustomerEvent { id, customer: CustomerId::from(9), blocked, reason }));
    }
    ledger
}
