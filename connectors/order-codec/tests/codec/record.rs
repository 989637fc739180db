//! Every reason a record of `orders` is refused for, in precedence order, and that the registry's silence is none.

use std::sync::Arc;

use order_codec::{
    Codec, DeadLetter, DeadLetterReason, FileSchemas, KeyRing, RawRecord, RegistryError, SchemaSource, Stage,
    Unreadable, read_command, relay_mac_key,
};
use order_model::limits::{RECORD_KEY_BYTES_MAX, RECORD_VALUE_BYTES_MAX};
use order_model::{Command, Partition, Place, TimeMs};

use crate::samples;

struct Fixture {
    codec: Codec,
    ring: KeyRing,
}

impl Fixture {
    fn new() -> Self {
        let codec = Codec::new(Arc::new(FileSchemas::new().unwrap())).unwrap();
        Self { codec, ring: KeyRing::generate_one([7; 32]) }
    }

    fn value(&self, name: &str) -> Vec<u8> {
        let commands = samples::commands();
        let (_, command) = commands.iter().find(|(candidate, _)| *candidate == name).unwrap();
        let mut value = Vec::new();
        self.codec.command_to(command, &mut value);
        value
    }

    fn read(
        &self,
        key: Option<&[u8]>,
        value: Option<&[u8]>,
        mac: Option<&[u8]>,
    ) -> Result<Command, Unreadable> {
        let raw = RawRecord { partition: HERE, time: TimeMs(1_000), key, value, mac };
        read_command(&self.codec, &self.ring, &raw)
    }

    fn reason(&self, key: Option<&[u8]>, value: Option<&[u8]>, mac: Option<&[u8]>) -> &'static str {
        match self.read(key, value, mac) {
            Ok(_) => "readable",
            Err(Unreadable::Bad(reason, detail)) => {
                assert!(!detail.is_empty());
                reason.name()
            }
            Err(Unreadable::Retry(_)) => "retry",
        }
    }
}

/// The partition the records lie in.
const HERE: Partition = Partition(3);
const KEY: Option<&[u8]> = Some(b"SNEAKER-42");

/// Reason, key, value, MAC.
type Row<'a> = (&'a str, Option<&'a [u8]>, Option<&'a [u8]>, Option<&'a [u8]>);

/// Every bad record also has the faults that come later in the list, as far as they can go together.
#[test]
fn reasons_in_precedence_order() {
    let fixture = Fixture::new();
    let settle = fixture.value("settle_captured");
    let place = fixture.value("place");
    let with = |id: u8, payload: &[u8]| [&[0, 0, 0, 0, id], payload].concat();
    let long_key = vec![b'k'; RECORD_KEY_BYTES_MAX + 1];
    let foreign_mac = KeyRing::generate_one([8; 32]).sign(TimeMs(1_000), KEY, &settle).unwrap();
    let mut unknown_key = foreign_mac.clone();
    unknown_key[1] = 9;
    let own_mac = fixture.ring.sign(TimeMs(1_000), KEY, &settle).unwrap();
    let [large, trailing, cut] =
        [vec![1; RECORD_VALUE_BYTES_MAX + 1], [&settle[..], b"x"].concat(), settle[..20].to_vec()];
    let invalid = with(1, &[16]);
    let table: [Row<'_>; 19] = [
        // reason, key, value, mac
        ("null_value", Some(&long_key), None, None),
        ("value_too_large", Some(&long_key), Some(&large), None),
        ("key_too_large", Some(&long_key), Some(&[1]), None),
        ("wrong_magic", None, Some(&[1]), None),
        ("wrong_magic", KEY, Some(b"{\"order\": 1}"), None),
        ("value_too_short", None, Some(&[]), None),
        ("value_too_short", None, Some(&[0, 0, 0, 0]), None),
        ("schema_unknown", None, Some(&[0, 0, 0, 0, 9]), None),
        ("schema_unresolvable", None, Some(&[0, 0, 0, 0, 2]), None),
        ("truncated", None, Some(&cut), None),
        ("trailing_bytes", None, Some(&trailing), None),
        ("field_invalid", None, Some(&invalid), None),
        ("null_key", None, Some(&settle), None),
        ("null_key", None, Some(&place), None),
        ("mac_missing", KEY, Some(&settle), None),
        ("mac_key_unknown", KEY, Some(&settle), Some(&unknown_key)),
        ("mac_wrong", KEY, Some(&settle), Some(&foreign_mac)),
        ("mac_wrong", KEY, Some(&settle), Some(b"nonsense")),
        ("readable", KEY, Some(&settle), Some(&own_mac)),
    ];
    for (row, (reason, key, value, mac)) in table.into_iter().enumerate() {
        assert_eq!(fixture.reason(key, value, mac), reason, "row {row}");
    }
    let tested: Vec<_> = table.iter().map(|(reason, ..)| *reason).collect();
    // Only a sink's target refuses.
    for reason in DeadLetterReason::ALL.iter().filter(|reason| **reason != DeadLetterReason::Refused) {
        assert!(tested.contains(&reason.name()), "{reason} is not in the table");
    }
}

/// Which commands need a key and which a MAC.
#[test]
fn needs_of_every_command() {
    let fixture = Fixture::new();
    for (name, command) in samples::commands() {
        let value = fixture.value(name);
        // The MAC of a relay is over its partition, whatever the record's key.
        let here = relay_mac_key(HERE);
        let is_relay = matches!(command, Command::Relay(_));
        let sign = |key| fixture.ring.sign(TimeMs(1_000), if is_relay { Some(&here) } else { key }, &value);
        let (mac, keyless_mac) = (sign(KEY).unwrap(), sign(None).unwrap());
        assert_eq!(fixture.read(KEY, Some(&value), Some(&mac)), Ok(command.clone()), "{name}");
        let without_mac = if command.is_privileged() { "mac_missing" } else { "readable" };
        assert_eq!(fixture.reason(KEY, Some(&value), None), without_mac, "{name}");
        let without_key = if command.home_sku().is_some() { "null_key" } else { "readable" };
        assert_eq!(fixture.reason(None, Some(&value), Some(&keyless_mac)), without_key, "{name}");
    }
    for keyless in ["tick", "place_nothing"] {
        assert_eq!(fixture.reason(None, Some(&fixture.value(keyless)), None), "readable", "{keyless}");
    }
}

/// A number that is new elsewhere would make the copy of a relay pass for another relay.
#[test]
fn a_relay_is_trusted_in_its_own_partition_only() {
    let fixture = Fixture::new();
    let relays = samples::commands().into_iter().filter(|(_, command)| matches!(command, Command::Relay(_)));
    for (name, _) in relays {
        let value = fixture.value(name);
        let elsewhere = fixture.ring.sign(TimeMs(1_000), Some(&relay_mac_key(Partition(4))), &value).unwrap();
        assert_eq!(fixture.reason(None, Some(&value), Some(&elsewhere)), "mac_wrong", "{name}");
        let by_key = Some(&relay_mac_key(Partition(4))[..]);
        assert_eq!(fixture.reason(by_key, Some(&value), Some(&elsewhere)), "mac_wrong", "{name}");
    }
}

/// A source that knows our schemas and is silent about all others.
struct Silent(FileSchemas);

impl SchemaSource for Silent {
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        self.0.register_or_find(subject, schema_json)
    }

    fn schema(&self, _: u32) -> Result<Option<String>, RegistryError> {
        Err(RegistryError::Unreachable { registry: "test".to_owned(), detail: "silent".to_owned() })
    }
}

#[test]
fn silence_is_no_dead_letter() {
    let codec = Codec::new(Arc::new(Silent(FileSchemas::new().unwrap()))).unwrap();
    let fixture = Fixture { codec, ..Fixture::new() };
    assert_eq!(fixture.reason(KEY, Some(&[0, 0, 0, 0, 9, 1]), None), "retry");
    assert_eq!(fixture.reason(KEY, Some(&fixture.value("place")), None), "readable");
}

#[test]
fn large_records_fit_a_dead_letter() {
    let letter = DeadLetter {
        topic: "orders".to_owned(),
        partition: 1,
        offset: 2,
        time: TimeMs(3),
        stage: Stage::Decode,
        reason: DeadLetterReason::ValueTooLarge,
        detail: "ü".repeat(2_000),
        key: Some(vec![1; 300_000]),
        value: Some(vec![2; 1_000_000]),
        headers: vec![3; 300_000],
    };
    let codec = Fixture::new().codec;
    let cut = letter.cut_to_size();
    assert!(cut.detail.contains("of the value's 1000000 bytes the first 524288 are kept"), "{}", cut.detail);
    let mut value = Vec::new();
    codec.dead_letter_to(&cut, &mut value);
    assert!(value.len() < 1_000_000);
    assert_eq!(codec.dead_letter_from(&value), Ok(cut.clone()));
    assert_eq!(cut.clone().cut_to_size(), cut, "what fits stays as it is");
}

/// The codec promises that what it says of a bad order names the field.
#[test]
fn details_name_the_field() {
    let fixture = Fixture::new();
    let mut value = Vec::new();
    fixture.codec.command_to(&Command::Place(Place { ..samples::place() }), &mut value);
    value.truncate(value.len() - 3);
    let Err(Unreadable::Bad(_, detail)) = fixture.read(KEY, Some(&value), None) else {
        panic!("a cut record is readable");
    };
    assert_eq!(detail, "the value ends within the field lines.sku");
}
