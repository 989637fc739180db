//! Every kind of bad record, what becomes of it, and that the partition goes on.

use order_codec::{DeadLetter, DeadLetterReason as Letter, KeyRing, MAC_HEADER, MacKey, Stage};
use order_flow::Resume;
use order_log::Headers;
use order_model::limits::{RECORD_KEY_BYTES_MAX, RECORD_VALUE_BYTES_MAX};
use order_model::{
    Cancel, Command, CommandId, Currency, Event, Line, Lines, ListingChange, ListingCommand, Place,
    RejectReason, TimeMs, partition_of,
};

use crate::appender::{Noted, TestAppender};
use crate::driver::{Driver, empty_log};
use crate::sale::{DEAD_LETTERS, DECISIONS, ORDERS, SECRET, Sale, values};

/// A SKU of partition 0 of 2, and one of partition 1.
const HOME: &str = "a";
const AWAY: &str = "d";

/// What becomes of a record.
#[derive(Debug)]
enum Becomes {
    DeadLetter(Stage, Letter),
    Reject(RejectReason),
    Relay,
}
use Becomes::{DeadLetter as Dead, Reject, Relay};

#[derive(Default)]
struct Bad {
    key: Option<Vec<u8>>,
    value: Option<Vec<u8>>,
    headers: Vec<u8>,
}

/// The parts bad records are made of.
struct Maker<'a>(&'a Sale);

impl Maker<'_> {
    fn value(&self, command: &Command) -> Vec<u8> {
        let mut value = Vec::new();
        self.0.codec.command_to(command, &mut value);
        value
    }

    fn keyed(&self, value: &[u8]) -> Bad {
        Bad { key: Some(HOME.into()), value: Some(value.to_vec()), headers: Vec::new() }
    }

    fn command(&self, command: &Command) -> Bad {
        self.keyed(&self.value(command))
    }

    /// A privileged command under the MAC of `ring`, which is made for `key` and `value`.
    fn signed(&self, ring: &KeyRing, time: u64, key: &[u8]) -> Bad {
        let value = self.value(&pause());
        let mac = ring.sign(TimeMs(time), Some(key), &value).unwrap();
        let mut headers = Vec::new();
        Headers::encode(&mut headers, MAC_HEADER, &mac);
        Bad { headers, ..self.keyed(&value) }
    }

    fn with_header(&self, mac: &[u8]) -> Bad {
        let mut headers = Vec::new();
        Headers::encode(&mut headers, MAC_HEADER, mac);
        Bad { headers, ..self.command(&pause()) }
    }
}

fn place(sku: &str, quantity: i32) -> Command {
    let lines = Lines::from_iter([Line { sku: sku.parse().unwrap(), quantity }]);
    Command::Place(Place {
        order: 1.into(),
        customer: 1.into(),
        currency: Currency::EUR,
        partial: false,
        lines,
    })
}

fn pause() -> Command {
    let change = ListingChange::Pause;
    Command::Listing(ListingCommand { id: CommandId::from(1), sku: HOME.parse().unwrap(), change })
}

/// A good record: decided by one refusal.
fn good() -> Command {
    Command::Cancel(Cancel { order: 9.into(), customer: 9.into(), sku: HOME.parse().unwrap() })
}

/// Valid until long before the sale.
const EXPIRED: MacKey = MacKey { id: 7, secret: [3; 32], valid_from: TimeMs(0), valid_until: TimeMs(1_000) };
/// In no ring of the sale.
const UNKNOWN: MacKey = MacKey { id: 8, ..EXPIRED };

fn table(make: &Maker<'_>) -> Vec<(&'static str, Bad, Becomes)> {
    use Stage::{Authenticate, Decode};
    let good = make.value(&good());
    let foreign = [&[0, 0, 0, 0, 77], &good[5..]].concat();
    let decision_id = [&[0, 0, 0, 0, 2], &good[5..]].concat();
    let [expired, unknown] = [EXPIRED, UNKNOWN].map(|key| KeyRing::new(vec![key]).unwrap());
    let mut no_sku = make.value(&Command::Tick);
    no_sku.push(0);
    #[rustfmt::skip]
    let table = vec![
        // record                      made of                                                becomes
        ("no key and no value",        Bad::default(),                                        Dead(Decode, Letter::NullValue)),
        ("no value",                   Bad { key: Some(HOME.into()), ..Bad::default() },      Dead(Decode, Letter::NullValue)),
        ("no key",                     Bad { key: None, ..make.keyed(&good) },                Dead(Decode, Letter::NullKey)),
        ("empty value",                make.keyed(b""),                                       Dead(Decode, Letter::ValueTooShort)),
        ("garbage",                    make.keyed(b"garbage"),                                Dead(Decode, Letter::WrongMagic)),
        ("half a header",              make.keyed(&[0, 0, 0]),                                Dead(Decode, Letter::ValueTooShort)),
        ("wrong magic byte",           make.keyed(&[&[1], &good[1..]].concat()),              Dead(Decode, Letter::WrongMagic)),
        ("unknown schema id",          make.keyed(&foreign),                                  Dead(Decode, Letter::SchemaUnknown)),
        ("a decision's schema",        make.keyed(&decision_id),                              Dead(Decode, Letter::SchemaUnresolvable)),
        ("truncated in mid-field",     make.keyed(&good[..good.len() - 1]),                   Dead(Decode, Letter::Truncated)),
        ("nothing but the header",     make.keyed(&good[..5]),                                Dead(Decode, Letter::Truncated)),
        ("goes on after its end",      make.keyed(&no_sku),                                   Dead(Decode, Letter::TrailingBytes)),
        ("no such command",            make.keyed(&[0, 0, 0, 0, 1, 100]),                     Dead(Decode, Letter::FieldInvalid)),
        ("value too large",            make.keyed(&vec![0; RECORD_VALUE_BYTES_MAX + 1]),      Dead(Decode, Letter::ValueTooLarge)),
        ("key too large",              Bad { key: Some(vec![b'a'; RECORD_KEY_BYTES_MAX + 1]), ..make.keyed(&good) }, Dead(Decode, Letter::KeyTooLarge)),
        ("privileged, no MAC",         make.command(&pause()),                                Dead(Authenticate, Letter::MacMissing)),
        ("MAC that is none",           make.with_header(b"trust me"),                         Dead(Authenticate, Letter::MacWrong)),
        ("MAC of another key",         make.signed(&make.0.ring, 1, b"b"),                    Dead(Authenticate, Letter::MacWrong)),
        ("MAC by an expired key",      make.signed(&expired, 1, b"a"),                        Dead(Authenticate, Letter::MacKeyUnknown)),
        ("MAC by an unknown key",      make.signed(&unknown, 1, b"a"),                        Dead(Authenticate, Letter::MacKeyUnknown)),
        ("quantity zero",              make.command(&place(HOME, 0)),                         Reject(RejectReason::QuantityNotPositive)),
        ("a listing nobody opened",    make.command(&place(HOME, 1)),                         Reject(RejectReason::ListingUnknown)),
        ("in the wrong partition",     make.command(&place(AWAY, 1)),                         Relay),
    ];
    table
}

#[test]
fn each_gets_its_answer_and_the_partition_goes_on() {
    let partition = |sku: &str| partition_of(&sku.parse().unwrap(), 2).0;
    assert_eq!((partition(HOME), partition(AWAY)), (0, 1));
    let names: Vec<_> = table(&Maker(&Sale::empty(2))).into_iter().map(|(name, ..)| name).collect();
    for (row, name) in names.into_iter().enumerate() {
        let sale = Sale::empty(2);
        let (_, bad, becomes) = table(&Maker(&sale)).remove(row);
        sale.write(&good(), None);
        sale.write_raw(0, bad.key.as_deref(), bad.value.as_deref(), Headers::from_encoded(&bad.headers));
        sale.write(&good(), None);
        let found = decide(&sale);
        match becomes {
            Dead(stage, reason) => {
                let expected = Found { offsets: vec![0, 2], ..Found::default() };
                assert_eq!(Found { letters: Vec::new(), ..found.clone() }, expected, "{name}");
                let [letter] = &found.letters[..] else { panic!("{name}: {found:?}") };
                assert_eq!((letter.stage, letter.reason), (stage, reason), "{name}: {}", letter.detail);
                assert_eq!((&*letter.topic, letter.partition, letter.offset), (ORDERS, 0, 1), "{name}");
                assert_eq!(letter.time.0, sale.log.records(ORDERS, 0).unwrap()[1].time_ms, "{name}");
                assert_eq!((&letter.key, &letter.value), (&bad.key, &bad.value), "{name}: raw bytes");
                assert_eq!(letter.headers, bad.headers, "{name}: raw headers");
                assert!(!letter.detail.is_empty(), "{name}");
            }
            Reject(reason) => {
                let expected = Found { offsets: vec![0, 1, 2], reject: Some(reason), ..Found::default() };
                assert_eq!(found, expected, "{name}");
            }
            Relay => {
                assert_eq!(found, Found { offsets: vec![0, 2], relays: 1, ..Found::default() }, "{name}");
            }
        }
    }
}

/// What became of three records of which the middle one is bad.
#[derive(Clone, PartialEq, Debug, Default)]
struct Found {
    /// Of the records that were decided.
    offsets: Vec<u64>,
    /// Of the middle record's order.
    reject: Option<RejectReason>,
    letters: Vec<DeadLetter>,
    relays: usize,
}

fn decide(sale: &Sale) -> Found {
    let out = empty_log(2);
    let appender = TestAppender::new(&out);
    let rules = appender.rules();
    let mut driver = Driver::new(appender);
    let always = MacKey { id: 1, secret: SECRET, valid_from: TimeMs(0), valid_until: TimeMs(0) };
    let ring = KeyRing::new(vec![always, EXPIRED]).unwrap();
    driver.start_with(sale, 0, 3, Resume::from_start(), sale.codec.clone(), ring);
    driver.run();
    let mut found = Found::default();
    for value in values(&out, DECISIONS).remove(0) {
        let decision = sale.codec.decision_from(&value).unwrap();
        found.offsets.push(decision.offset.0);
        if let Event::Order(order) = decision.event
            && decision.offset.0 == 1
        {
            found.reject = order.reason;
        }
    }
    let letters = values(&out, DEAD_LETTERS).remove(0);
    found.letters = letters.iter().map(|value| sale.codec.dead_letter_from(value).unwrap()).collect();
    let is_relay = |noted: &&Noted| matches!(noted, Noted::Appended(topic, _) if topic == ORDERS);
    found.relays = rules.lock().unwrap().noted.iter().filter(is_relay).count();
    found
}
