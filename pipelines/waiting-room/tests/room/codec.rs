//! Events as bytes: golden ones, those apache-avro reads by the schema, and those nobody should have written.

use apache_avro::Schema;
use apache_avro::reader::datum::GenericDatumReader;
use order_codec::schemas::ROOM_EVENT_V1;
use order_codec::{BadRecord, KeyRing, MAC_HEADER, MacError};
use order_log::{Headers, RecordBatch, RecordBatchBuilder};
use order_model::{CommandId, Commitment, Seed, TimeMs};
use proptest::prelude::*;
use waiting_room::{Admit, EntryId, EventError, Figures, Opening, RoomEvent, decode_event, encode_event};

use crate::support::{codec, customer, enter, name, opening, ring};

fn events() -> impl Strategy<Value = RoomEvent> {
    let long = || 0_u64..=i64::MAX.cast_unsigned();
    let figures = any::<[u32; 6]>().prop_map(|[a, b, c, d, e, f]| Figures {
        decided_per_s: a,
        best_per_s: b,
        arrived_per_s: c,
        lag_records: d,
        expected: e,
        ordering_permille: f,
    });
    prop_oneof![
        (any::<u128>(), long(), long(), long(), any::<(u32, [u8; 32], u32)>()).prop_map(
            |(id, window_ms, opens_at, closes_at, (people_max, commitment, seed_key))| {
                RoomEvent::Open(Opening {
                    id: CommandId::from(id),
                    window_ms,
                    opens_at: TimeMs(opens_at),
                    closes_at: TimeMs(closes_at),
                    people_max,
                    commitment: Commitment(commitment),
                    seed_key,
                })
            }
        ),
        any::<(u32, [u8; 8])>()
            .prop_map(|(who, entry)| RoomEvent::Enter { customer: customer(who), entry: EntryId(entry) }),
        any::<(u32, [u8; 8])>()
            .prop_map(|(who, entry)| RoomEvent::Leave { customer: customer(who), entry: EntryId(entry) }),
        any::<(u128, [u8; 32])>()
            .prop_map(|(id, seed)| RoomEvent::Reveal { opening: CommandId::from(id), seed: Seed(seed) }),
        (any::<(u128, u32, u32)>(), figures).prop_map(|((id, step, up_to), figures)| {
            RoomEvent::Admit(Admit { opening: CommandId::from(id), step, up_to, figures })
        }),
        any::<u128>().prop_map(|id| RoomEvent::Close { opening: CommandId::from(id) }),
    ]
}

fn record(time: u64, key: &[u8], value: &[u8], mac: Option<&[u8]>) -> RecordBatch {
    let mut headers = Vec::new();
    if let Some(mac) = mac {
        Headers::encode(&mut headers, MAC_HEADER, mac);
    }
    let mut batch = RecordBatchBuilder::new(0);
    batch.push(0, time, Some(key), Some(value), Headers::from_encoded(&headers));
    batch.finish()
}

proptest! {
    #[test]
    fn what_goes_in_comes_out_and_is_avro(event in events()) {
        let mut bytes = Vec::new();
        encode_event(&event, &mut bytes);
        prop_assert_eq!(decode_event(&bytes), Ok(event));
        let schema = Schema::parse_str(ROOM_EVENT_V1).unwrap();
        let mut rest = bytes.as_slice();
        GenericDatumReader::builder(&schema).build().unwrap().read_value(&mut rest).unwrap();
        prop_assert!(rest.is_empty(), "apache-avro leaves {} bytes", rest.len());
        for end in 0..bytes.len() {
            prop_assert!(decode_event(&bytes[..end]).is_err());
        }
    }

    #[test]
    fn any_bytes_are_read_without_harm(bytes in prop::collection::vec(any::<u8>(), 0..700), key in prop::collection::vec(any::<u8>(), 0..100)) {
        drop(decode_event(&bytes));
        let batch = record(1, &key, &bytes, Some(&bytes));
        drop(codec().read(&batch.get(0).unwrap(), Some(&ring())));
        let mut value = vec![0, 0, 0, 0, 5];
        value.extend_from_slice(&bytes);
        let batch = record(1, b"sale", &value, Some(&bytes));
        let read = codec().read(&batch.get(0).unwrap(), Some(&ring()));
        prop_assert!(read.is_err() || matches!(read, Ok((_, RoomEvent::Enter { .. } | RoomEvent::Leave { .. }))), "{:?}", read);
    }
}

/// These bytes lie in logs; they never change.
#[test]
fn golden_bytes() {
    let mut bytes = Vec::new();
    encode_event(&enter(1), &mut bytes);
    let mut expected = vec![2];
    expected.extend_from_slice(&[0; 15]);
    expected.extend_from_slice(&[1, 0, 0, 0, 0, 0, 0, 0, 1]);
    assert_eq!(bytes, expected);
    let mut bytes = Vec::new();
    let figures = Figures {
        decided_per_s: 64,
        best_per_s: 65,
        arrived_per_s: 1,
        lag_records: 300,
        expected: 0,
        ordering_permille: 1_000,
    };
    let admit = Admit { opening: CommandId::from(0), step: 3, up_to: 70, figures };
    encode_event(&RoomEvent::Admit(admit), &mut bytes);
    let mut expected = vec![8];
    expected.extend_from_slice(&[0; 16]);
    expected.extend_from_slice(&[6, 0x8c, 1, 0x80, 1, 0x82, 1, 2, 0xd8, 4, 0, 0xd0, 0xf]);
    assert_eq!(bytes, expected);
}

#[test]
fn privileged_events_need_their_mac() {
    let (codec, ring) = (codec(), ring());
    let mut open = Vec::new();
    codec.event_to(&RoomEvent::Open(opening(1)), &mut open);
    let mut entry = Vec::new();
    codec.event_to(&enter(1), &mut entry);
    let mac = ring.sign(TimeMs(5), Some(b"sale"), &open).unwrap();
    let other = KeyRing::generate_one([9; 32]).sign(TimeMs(5), Some(b"sale"), &open).unwrap();
    let read = |key: &[u8], value: &[u8], mac: Option<&[u8]>, ring: Option<&KeyRing>| {
        codec.read(&record(5, key, value, mac).get(0).unwrap(), ring)
    };
    let opened = (name("sale"), RoomEvent::Open(opening(1)));
    assert_eq!(read(b"sale", &open, Some(&mac), Some(&ring)), Ok(opened.clone()));
    assert_eq!(read(b"sale", &open, None, None), Ok(opened), "who has no keys may look");
    assert_eq!(read(b"sale", &entry, None, Some(&ring)), Ok((name("sale"), enter(1))));
    for (key, mac, error) in [
        (&b"sale"[..], None, MacError::Missing),
        (b"another", Some(&mac), MacError::Wrong),
        (b"sale", Some(&other), MacError::Wrong),
    ] {
        let found = read(key, &open, mac.map(Vec::as_slice), Some(&ring));
        assert_eq!(found, Err(EventError::Mac(error)));
    }
    assert!(matches!(read(b"", &entry, None, None), Err(EventError::Key(_))));
    assert!(matches!(read(&[b'x'; 65], &entry, None, None), Err(EventError::Key(_))));
    assert_eq!(read(b"sale", &[0; 600], None, None), Err(EventError::TooLarge(600)));
    assert_eq!(read(b"sale", b"\x07", None, None), Err(EventError::Bad(BadRecord::WrongMagic(7))));
    assert_eq!(
        read(b"sale", &[0, 0, 0, 3, 231, 1], None, None),
        Err(EventError::Bad(BadRecord::SchemaUnknown(999)))
    );
}
