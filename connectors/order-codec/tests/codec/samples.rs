//! Samples of everything the schemas can say, for all tests of the codec.

use order_codec::{DeadLetter, DeadLetterReason, Stage};
use order_model::{
    Cancel, Command, CommandId, Commitment, Currency, CustomerCommand, CustomerEvent, CustomerId,
    DecidedLine, DecidedLines, Decision, Event, Extend, Line, LineState, Lines, ListingChange,
    ListingCommand, ListingEvent, ListingEventKind, ListingSettings, Offset, OrderEvent, OrderEventKind,
    OrderId, Partition, PaymentId, PaymentResult, Place, PriceStep, RejectReason, Relay, RelayBody,
    RelayLine, RelayLines, RelayNumber, Reserve, ReserveAnswer, Seed, Sequence, Settle, Sku, Stock, TimeMs,
};

pub(crate) fn sku(text: &str) -> Sku {
    text.parse().unwrap()
}

pub(crate) fn place() -> Place {
    Place {
        order: OrderId::from(0x0123_4567_89ab_cdef_0011_2233_4455_6677),
        customer: CustomerId::from(0xfedc_ba98_7654_3210_8899_aabb_ccdd_eeff),
        currency: Currency::EUR,
        partial: false,
        lines: [Line { sku: sku("SNEAKER-42"), quantity: 1 }].into_iter().collect(),
    }
}

pub(crate) fn settings() -> ListingSettings {
    ListingSettings {
        sale: "spring".to_owned(),
        currency: Currency::EUR,
        opens_at: TimeMs(1_780_000_000_000),
        closes_at: TimeMs(0),
        limit_per_customer: 2,
        hold_ms: 600_000,
        extensions_max: 1,
        waitlist_max: 1_000,
        retention_ms: 86_400_000,
        tax_bp: 1_900,
        prices: vec![
            PriceStep { from_time: TimeMs(0), from_units: 0, unit_price: 9_900 },
            PriceStep { from_time: TimeMs(1_780_000_100_000), from_units: 500, unit_price: 12_900 },
        ],
        draw: None,
    }
}

fn listing(change: ListingChange) -> Command {
    Command::Listing(ListingCommand { id: CommandId::from(7), sku: sku("SNEAKER-42"), change })
}

fn relay(body: RelayBody) -> Command {
    Command::Relay(Relay { from: Partition(3), number: RelayNumber(17), body })
}

fn relay_lines() -> RelayLines {
    [
        RelayLine { sku: sku("A"), quantity: 2, state: LineState::Taken, unit_price: 9_900, tax: 3_161 },
        RelayLine { sku: sku("Größe-42"), quantity: 1, state: LineState::Asked, unit_price: 0, tax: 0 },
    ]
    .into_iter()
    .collect()
}

/// One command of every kind that version 1 can say, by the name of its golden file.
pub(crate) fn plain_commands() -> Vec<(&'static str, Command)> {
    let order = OrderId::from(1);
    let several = Place {
        partial: true,
        lines: [Line { sku: sku("B"), quantity: 3 }, Line { sku: sku("A"), quantity: -1 }]
            .into_iter()
            .collect(),
        ..place()
    };
    let settle = Settle {
        order,
        sku: sku("SNEAKER-42"),
        payment: PaymentId::from(9),
        amount: 9_900,
        currency: Currency::EUR,
        result: PaymentResult::Captured,
    };
    let reserve = Reserve {
        home: Partition(3),
        order,
        customer: CustomerId::from(2),
        currency: Currency::EUR,
        partial: true,
        lines: relay_lines(),
    };
    let answer = ReserveAnswer { order, refused: None, lines: relay_lines() };
    let refused = ReserveAnswer { refused: Some(RejectReason::StockShort), ..answer.clone() };
    vec![
        ("place", Command::Place(place())),
        ("place_several", Command::Place(several.clone())),
        ("place_nothing", Command::Place(Place { lines: Lines::new(), ..place() })),
        ("cancel", Command::Cancel(Cancel { order, customer: CustomerId::from(2), sku: sku("SNEAKER-42") })),
        ("tick", Command::Tick),
        ("settle_captured", Command::Settle(settle)),
        ("settle_declined", Command::Settle(Settle { result: PaymentResult::Declined, ..settle })),
        ("extend", Command::Extend(Extend { order, sku: sku("SNEAKER-42"), number: 1 })),
        ("listing_open", listing(ListingChange::Open { settings: Box::new(settings()), stock: 1_000 })),
        ("listing_change", listing(ListingChange::Change(Box::new(settings())))),
        ("listing_restock", listing(ListingChange::Restock { delta: -5 })),
        ("listing_pause", listing(ListingChange::Pause)),
        ("listing_resume", listing(ListingChange::Resume)),
        ("listing_close", listing(ListingChange::Close)),
        (
            "customer_block",
            Command::Customer(CustomerCommand {
                id: CommandId::from(7),
                customer: CustomerId::from(2),
                blocked: true,
            }),
        ),
        ("relay_forward", relay(RelayBody::Forward(Box::new(Command::Place(several))))),
        ("relay_forward_settle", relay(RelayBody::Forward(Box::new(Command::Settle(settle))))),
        ("relay_reserve", relay(RelayBody::Reserve(Box::new(reserve)))),
        ("relay_answer", relay(RelayBody::Answer(Box::new(answer)))),
        ("relay_answer_refused", relay(RelayBody::Answer(Box::new(refused)))),
        ("relay_confirm", relay(RelayBody::Confirm { order })),
        ("relay_release", relay(RelayBody::Release { order })),
    ]
}

fn drawn() -> ListingSettings {
    ListingSettings { draw: Some(Commitment([0xc0; 32])), ..settings() }
}

/// One command of every kind.
pub(crate) fn commands() -> Vec<(&'static str, Command)> {
    let reveal = listing(ListingChange::Reveal { seed: Seed([0x5e; 32]) });
    let mut all = plain_commands();
    all.extend([
        ("listing_open_drawn", listing(ListingChange::Open { settings: Box::new(drawn()), stock: 1_000 })),
        ("listing_change_drawn", listing(ListingChange::Change(Box::new(drawn())))),
        ("listing_reveal", reveal.clone()),
        ("relay_forward_reveal", relay(RelayBody::Forward(Box::new(reveal)))),
    ]);
    all
}

/// One decision of every kind.
pub(crate) fn decisions() -> Vec<(&'static str, Decision)> {
    let stock = Stock { free: 1_000, waiting: 7, ..Stock::default() };
    let mut entered =
        OrderEvent { kind: OrderEventKind::Entered, total: 0, tax: 0, deadline: TimeMs(0), ..held() };
    for line in &mut entered.lines {
        *line = DecidedLine { state: LineState::Awaited, unit_price: 0, stock: Some(stock), ..*line };
    }
    let opened = ListingEvent {
        kind: ListingEventKind::Opened,
        reason: None,
        id: CommandId::from(7),
        sku: sku("SNEAKER-42"),
        delta: 1_000,
        stock: Stock { free: 1_000, ..Stock::default() },
        settings: Some(drawn()),
        seed: None,
    };
    let revealed = ListingEvent {
        kind: ListingEventKind::Revealed,
        delta: 0,
        stock,
        settings: None,
        seed: Some(Seed([0x5e; 32])),
        ..opened.clone()
    };
    let mut all = plain_decisions();
    all.extend([
        ("order_entered", decision(Event::Order(entered))),
        ("listing_opened_drawn", decision(Event::Listing(Box::new(opened)))),
        ("listing_revealed", decision(Event::Listing(Box::new(revealed)))),
    ]);
    all
}

fn decision(event: Event) -> Decision {
    Decision {
        partition: Partition(3),
        sequence: Sequence(123_456),
        offset: Offset(654_321),
        time: TimeMs(1_780_000_000_123),
        event,
    }
}

/// The held order that the hot path writes most.
pub(crate) fn held() -> OrderEvent {
    OrderEvent {
        kind: OrderEventKind::Held,
        reason: None,
        order: place().order,
        customer: place().customer,
        currency: Currency::EUR,
        total: 9_900,
        tax: 1_581,
        deadline: TimeMs(1_780_000_600_123),
        payment: None,
        lines: [DecidedLine {
            sku: sku("SNEAKER-42"),
            quantity: 1,
            state: LineState::Taken,
            unit_price: 9_900,
            stock: Some(Stock { free: 999, held: 1, sold: 0, waiting: 0 }),
        }]
        .into_iter()
        .collect(),
    }
}

/// One decision of every kind that version 1 can say, by the name of its golden file.
pub(crate) fn plain_decisions() -> Vec<(&'static str, Decision)> {
    let foreign_line =
        DecidedLine { sku: sku("Z"), quantity: 2, state: LineState::LeftOut, unit_price: 0, stock: None };
    let mut paid = OrderEvent { kind: OrderEventKind::Paid, payment: Some(PaymentId::from(9)), ..held() };
    paid.lines.push(foreign_line);
    let rejected = OrderEvent {
        kind: OrderEventKind::Rejected,
        reason: Some(RejectReason::StockShort),
        total: 0,
        tax: 0,
        deadline: TimeMs(0),
        lines: [DecidedLine { state: LineState::Asked, ..foreign_line }].into_iter().collect(),
        ..held()
    };
    let unknown = OrderEvent {
        kind: OrderEventKind::Refused,
        reason: Some(RejectReason::OrderUnknown),
        customer: CustomerId::default(),
        lines: DecidedLines::new(),
        ..rejected.clone()
    };
    let opened = ListingEvent {
        kind: ListingEventKind::Opened,
        reason: None,
        id: CommandId::from(7),
        sku: sku("SNEAKER-42"),
        delta: 1_000,
        stock: Stock { free: 1_000, ..Stock::default() },
        settings: Some(settings()),
        seed: None,
    };
    let refused = ListingEvent {
        kind: ListingEventKind::Refused,
        reason: Some(RejectReason::ListingUnknown),
        delta: 0,
        stock: Stock::default(),
        settings: None,
        ..opened.clone()
    };
    let blocked =
        CustomerEvent { id: CommandId::from(7), customer: CustomerId::from(2), blocked: true, reason: None };
    let not_blocked = CustomerEvent { blocked: false, reason: Some(RejectReason::TooManyBlocked), ..blocked };
    vec![
        ("order_held", decision(Event::Order(held()))),
        ("order_paid", decision(Event::Order(paid))),
        ("order_rejected", decision(Event::Order(rejected))),
        ("order_refused", decision(Event::Order(unknown))),
        ("listing_opened", decision(Event::Listing(Box::new(opened)))),
        ("listing_refused", decision(Event::Listing(Box::new(refused)))),
        ("customer_blocked", decision(Event::Customer(blocked))),
        ("customer_refused", decision(Event::Customer(not_blocked))),
    ]
}

/// Dead letters with and without their parts, by the name of their golden file.
pub(crate) fn dead_letters() -> Vec<(&'static str, DeadLetter)> {
    let full = DeadLetter {
        topic: "orders".to_owned(),
        partition: 3,
        offset: 654_321,
        time: TimeMs(1_780_000_000_123),
        stage: Stage::Authenticate,
        reason: DeadLetterReason::MacMissing,
        detail: "no MAC".to_owned(),
        key: Some(b"SNEAKER-42".to_vec()),
        value: Some(vec![0, 0, 0, 0, 1, 4]),
        headers: vec![1, 0, 0, 0, b'h', 0, 0, 0, 0],
    };
    let empty = DeadLetter {
        stage: Stage::Decode,
        reason: DeadLetterReason::NullValue,
        key: None,
        value: None,
        headers: Vec::new(),
        ..full.clone()
    };
    let refused = DeadLetter {
        topic: "decisions".to_owned(),
        stage: Stage::SinkDynamodb,
        reason: DeadLetterReason::Refused,
        detail: "the item is larger than 400 KB".to_owned(),
        ..full.clone()
    };
    vec![("full", full), ("null_value", empty), ("refused", refused)]
}
