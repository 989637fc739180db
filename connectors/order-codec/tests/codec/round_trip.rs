//! Whatever can be said is read as it was written; whatever comes is a value or an error.

use order_codec::{
    BadRecord, Codec, FileSchemas, Version, decode_command, decode_dead_letter, decode_decision,
    encode_command, encode_decision, schemas,
};
use order_model::{
    Cancel, Command, CommandId, Commitment, Currency, CustomerCommand, CustomerEvent, CustomerId,
    DecidedLine, Decision, Event, Extend, Line, LineState, ListingChange, ListingCommand, ListingEvent,
    ListingEventKind, ListingSettings, Offset, OrderEvent, OrderEventKind, OrderId, Partition, PaymentId,
    PaymentResult, Place, PriceStep, RejectReason, Relay, RelayBody, RelayLine, RelayLines, RelayNumber,
    Reserve, ReserveAnswer, Seed, Sequence, Settle, Sku, Stock, TimeMs,
};
use proptest::array::uniform16;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;
use std::sync::Arc;

use crate::avro::Avro;

/// Numbers with their extremes more often than chance would have them.
fn long() -> impl Strategy<Value = i64> {
    prop_oneof![Just(i64::MIN), Just(i64::MAX), Just(0), -1_000_i64..1_000, any::<i64>()]
}

fn int() -> impl Strategy<Value = i32> {
    prop_oneof![Just(i32::MIN), Just(i32::MAX), Just(0), -1_000_i32..1_000, any::<i32>()]
}

/// The unsigned numbers that an Avro `long` has room for: up to the end of time.
fn unsigned() -> impl Strategy<Value = u64> {
    long().prop_map(|value| value.unsigned_abs().min(i64::MAX.unsigned_abs()))
}

fn count() -> impl Strategy<Value = u32> {
    prop_oneof![Just(u32::MIN), Just(u32::MAX), 0_u32..1_000, any::<u32>()]
}

fn partition() -> impl Strategy<Value = Partition> {
    prop_oneof![Just(i32::MAX.unsigned_abs()), 0_u32..4_096].prop_map(Partition)
}

fn sku() -> impl Strategy<Value = Sku> {
    let texts = prop_oneof!["[A-Z0-9-]{1,40}", "\\PC{1,13}", Just("ü".repeat(20))];
    texts.prop_filter_map("not a SKU", |text| Sku::from_bytes(text.as_bytes()).ok())
}

fn currency() -> impl Strategy<Value = Currency> {
    "[A-Z]{3}".prop_map(|text| text.parse().unwrap())
}

fn id<T: std::fmt::Debug>(make: fn([u8; 16]) -> T) -> impl Strategy<Value = T> {
    uniform16(any::<u8>()).prop_map(make)
}

fn order() -> impl Strategy<Value = OrderId> {
    id(OrderId)
}

fn customer() -> impl Strategy<Value = CustomerId> {
    id(CustomerId)
}

fn reason() -> impl Strategy<Value = Option<RejectReason>> {
    option::of(select(RejectReason::ALL))
}

fn settings() -> impl Strategy<Value = ListingSettings> {
    let step = (unsigned(), count(), long()).prop_map(|(from_time, from_units, unit_price)| PriceStep {
        from_time: TimeMs(from_time),
        from_units,
        unit_price,
    });
    let first = ("\\PC{0,64}", currency(), unsigned(), unsigned(), count(), unsigned());
    let draw = option::of(any::<[u8; 32]>().prop_map(Commitment));
    let second = (count(), count(), unsigned(), any::<u16>(), vec(step, 0..=32), draw);
    (first, second).prop_map(|(first, second)| ListingSettings {
        sale: first.0,
        currency: first.1,
        opens_at: TimeMs(first.2),
        closes_at: TimeMs(first.3),
        limit_per_customer: first.4,
        hold_ms: first.5,
        extensions_max: second.0,
        waitlist_max: second.1,
        retention_ms: second.2,
        tax_bp: second.3,
        prices: second.4,
        draw: second.5,
    })
}

fn plain_command() -> impl Strategy<Value = Command> {
    let line = (sku(), int()).prop_map(|(sku, quantity)| Line { sku, quantity });
    let place = (order(), customer(), currency(), any::<bool>(), vec(line, 0..40)).prop_map(
        |(order, customer, currency, partial, lines)| {
            Command::Place(Place { order, customer, currency, partial, lines: lines.into() })
        },
    );
    let cancel = (order(), customer(), sku())
        .prop_map(|(order, customer, sku)| Command::Cancel(Cancel { order, customer, sku }));
    let result = select(&[PaymentResult::Captured, PaymentResult::Declined][..]);
    let settle = (order(), sku(), id(PaymentId), long(), currency(), result).prop_map(
        |(order, sku, payment, amount, currency, result)| {
            Command::Settle(Settle { order, sku, payment, amount, currency, result })
        },
    );
    let extend = (order(), sku(), count())
        .prop_map(|(order, sku, number)| Command::Extend(Extend { order, sku, number }));
    let change = prop_oneof![
        (settings(), long())
            .prop_map(|(settings, stock)| ListingChange::Open { settings: Box::new(settings), stock }),
        settings().prop_map(|settings| ListingChange::Change(Box::new(settings))),
        long().prop_map(|delta| ListingChange::Restock { delta }),
        Just(ListingChange::Pause),
        Just(ListingChange::Resume),
        Just(ListingChange::Close),
        any::<[u8; 32]>().prop_map(|seed| ListingChange::Reveal { seed: Seed(seed) }),
    ];
    let listing = (id(CommandId), sku(), change)
        .prop_map(|(id, sku, change)| Command::Listing(ListingCommand { id, sku, change }));
    let blocked = (id(CommandId), customer(), any::<bool>())
        .prop_map(|(id, customer, blocked)| Command::Customer(CustomerCommand { id, customer, blocked }));
    prop_oneof![place, cancel, Just(Command::Tick), settle, extend, listing, blocked]
}

fn relay_lines() -> impl Strategy<Value = RelayLines> {
    let line = (sku(), count(), select(LineState::ALL), long(), long()).prop_map(
        |(sku, quantity, state, unit_price, tax)| RelayLine { sku, quantity, state, unit_price, tax },
    );
    vec(line, 0..16).prop_map(RelayLines::from)
}

fn command() -> impl Strategy<Value = Command> {
    let reserve = (partition(), order(), customer(), currency(), any::<bool>(), relay_lines()).prop_map(
        |(home, order, customer, currency, partial, lines)| {
            RelayBody::Reserve(Box::new(Reserve { home, order, customer, currency, partial, lines }))
        },
    );
    let answer = (order(), reason(), relay_lines()).prop_map(|(order, refused, lines)| {
        RelayBody::Answer(Box::new(ReserveAnswer { order, refused, lines }))
    });
    let body = prop_oneof![
        plain_command().prop_map(|command| RelayBody::Forward(Box::new(command))),
        reserve,
        answer,
        order().prop_map(|order| RelayBody::Confirm { order }),
        order().prop_map(|order| RelayBody::Release { order }),
    ];
    let relay = (partition(), unsigned(), body)
        .prop_map(|(from, number, body)| Command::Relay(Relay { from, number: RelayNumber(number), body }));
    prop_oneof![plain_command(), relay]
}

fn stock() -> impl Strategy<Value = Stock> {
    (count(), count(), count(), count()).prop_map(|(free, held, sold, waiting)| Stock {
        free,
        held,
        sold,
        waiting,
    })
}

fn event() -> impl Strategy<Value = Event> {
    let line = (sku(), int(), select(LineState::ALL), long(), option::of(stock())).prop_map(
        |(sku, quantity, state, unit_price, stock)| DecidedLine { sku, quantity, state, unit_price, stock },
    );
    let head = (select(OrderEventKind::ALL), reason(), order(), customer(), currency());
    let tail = (long(), long(), unsigned(), option::of(id(PaymentId)), vec(line, 0..40));
    let about_order = (head, tail).prop_map(|(head, tail)| {
        Event::Order(OrderEvent {
            kind: head.0,
            reason: head.1,
            order: head.2,
            customer: head.3,
            currency: head.4,
            total: tail.0,
            tax: tail.1,
            deadline: TimeMs(tail.2),
            payment: tail.3,
            lines: tail.4.into(),
        })
    });
    let kinds = select(ListingEventKind::ALL);
    let about_listing = (kinds, reason(), id(CommandId), sku(), long(), stock(), option::of(settings()))
        .prop_map(|(kind, reason, id, sku, delta, stock, settings)| {
            let seed = settings.as_ref().and_then(|settings| settings.draw).map(|draw| Seed(draw.0));
            let event = ListingEvent { kind, reason, id, sku, delta, stock, settings, seed };
            Event::Listing(Box::new(event))
        });
    let about_customer =
        (id(CommandId), customer(), any::<bool>(), reason()).prop_map(|(id, customer, blocked, reason)| {
            Event::Customer(CustomerEvent { id, customer, blocked, reason })
        });
    prop_oneof![about_order, about_listing, about_customer]
}

fn decision() -> impl Strategy<Value = Decision> {
    (partition(), unsigned(), unsigned(), unsigned(), event()).prop_map(
        |(partition, sequence, offset, time, event)| Decision {
            partition,
            sequence: Sequence(sequence),
            offset: Offset(offset),
            time: TimeMs(time),
            event,
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn commands(command in command()) {
        for (version, schema) in [(Version::V1, schemas::COMMAND_V1), (Version::V2, schemas::COMMAND_V2)] {
            if version == Version::V1 && Version::of_command(&command) == Version::V2 {
                continue;
            }
            let mut bytes = Vec::new();
            encode_command(version, &command, &mut bytes);
            prop_assert_eq!(decode_command(version, &bytes), Ok(command.clone()));
            let avro = Avro::new(schema);
            prop_assert_eq!(avro.write(avro.read(&bytes)), bytes);
        }
    }

    #[test]
    fn decisions(decision in decision()) {
        for (version, schema) in [(Version::V1, schemas::DECISION_V1), (Version::V2, schemas::DECISION_V2)] {
            if version == Version::V1 && Version::of_decision(&decision) == Version::V2 {
                continue;
            }
            let mut bytes = Vec::new();
            encode_decision(version, &decision, &mut bytes);
            prop_assert_eq!(decode_decision(version, &bytes), Ok(decision.clone()));
            let avro = Avro::new(schema);
            prop_assert_eq!(avro.write(avro.read(&bytes)), bytes);
        }
    }

    #[test]
    fn garbage_is_an_error_or_a_value(bytes in vec(any::<u8>(), 0..300)) {
        for head in [0, 1, 2, 3, 4, 11, 12, 13] {
            let mut value = if head == 0 { Vec::new() } else { vec![0, 0, 0, 0, head] };
            value.extend_from_slice(&bytes);
            let codec = Codec::new(Arc::new(FileSchemas::new().unwrap())).unwrap();
            if let Ok(command) = codec.command_from(&value) {
                let mut again = Vec::new();
                codec.command_to(&command, &mut again);
                prop_assert_eq!(codec.command_from(&again), Ok(command));
            }
            drop((codec.decision_from(&value), codec.dead_letter_from(&value)));
        }
    }

    /// Bytes that begin well get further into the readers than pure garbage does.
    #[test]
    fn damaged_commands_are_an_error_or_a_value(
        command in command(), at in any::<prop::sample::Index>(), with in vec(any::<u8>(), 1..12),
    ) {
        let version = Version::of_command(&command);
        let mut bytes = Vec::new();
        encode_command(version, &command, &mut bytes);
        let at = at.index(bytes.len());
        bytes.splice(at..at, with);
        if let Ok(command) = decode_command(version, &bytes) {
            let mut again = Vec::new();
            encode_command(version, &command, &mut again);
            prop_assert_eq!(decode_command(version, &again), Ok(command));
        }
        drop((decode_decision(version, &bytes), decode_dead_letter(&bytes)));
    }
}

/// Numbers without a sign that no `long` has room for stop at the end of time.
#[test]
fn beyond_the_end_of_time() {
    let mut decision = crate::samples::decisions().remove(0).1;
    decision.time = TimeMs(u64::MAX);
    let mut bytes = Vec::new();
    encode_decision(Version::V1, &decision, &mut bytes);
    assert_eq!(
        decode_decision(Version::V1, &bytes).map(|read| read.time),
        Ok(TimeMs(i64::MAX.unsigned_abs()))
    );
}

fn place_with(lines: usize) -> Vec<u8> {
    let place = crate::samples::place();
    let lines = (0..lines).map(|_| place.lines[0]).collect();
    let mut bytes = Vec::new();
    encode_command(Version::V1, &Command::Place(Place { lines, ..place }), &mut bytes);
    bytes
}

/// More lines than a ledger takes are readable, so that the ledger can say so by name; absurdly many are not.
#[test]
fn lines_beyond_the_limits() {
    let most = order_codec::limits::LINES_READABLE_MAX;
    assert!(most > order_model::limits::LINES_MAX);
    assert!(decode_command(Version::V1, &place_with(most)).is_ok());
    let too_many = BadRecord::FieldInvalid { field: "lines", problem: "too many items" };
    assert_eq!(decode_command(Version::V1, &place_with(most + 1)), Err(too_many));
}

/// A command that fits a record still fits one when a ledger has to forward it.
#[test]
fn the_largest_order_fits_a_relay() {
    let longest: Sku = "x".repeat(order_model::limits::SKU_BYTES_MAX).parse().unwrap();
    let line = Line { sku: longest, quantity: i32::MIN };
    let lines = std::iter::repeat_n(line, order_codec::limits::LINES_READABLE_MAX).collect();
    let order = Command::Place(Place { lines, ..crate::samples::place() });
    let relay = Command::Relay(Relay {
        from: Partition(4_095),
        number: RelayNumber(i64::MAX.unsigned_abs()),
        body: RelayBody::Forward(Box::new(order)),
    });
    let mut bytes = Vec::new();
    encode_command(Version::V1, &relay, &mut bytes);
    assert!(bytes.len() + order_codec::wire::HEAD_BYTES < order_model::limits::RECORD_VALUE_BYTES_MAX);
    assert_eq!(decode_command(Version::V1, &bytes), Ok(relay));
}

/// Relay, from 0, number 0, forward, and then the member that a command has for relays.
#[test]
fn a_relay_in_a_relay_is_refused() {
    let bytes = [14, 0, 0, 0, 14, 0, 0, 6];
    let refused = BadRecord::FieldInvalid { field: "body", problem: "no such member of the union" };
    assert_eq!(decode_command(Version::V1, &bytes), Err(refused));
}

#[test]
fn values_that_cannot_be() {
    let good = place_with(1);
    let places = [
        ("currency", 34, b'e', "a currency is three capital letters"),
        ("lines.sku", 41, 0x07, "a SKU is 1 to 40 bytes of UTF-8 without control characters"),
        ("partial", 37, 2, "a boolean is 0 or 1"),
        ("body", 0, 16, "no such member of the union"),
    ];
    for (field, at, byte, problem) in places {
        let mut bytes = good.clone();
        bytes[at] = byte;
        assert_eq!(
            decode_command(Version::V1, &bytes),
            Err(BadRecord::FieldInvalid { field, problem }),
            "{field}"
        );
    }
}
