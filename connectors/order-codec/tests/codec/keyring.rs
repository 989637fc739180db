//! Which MACs let a record pass, and which key files make a ring.

use order_codec::{KeyFileError, KeyRing, KeyRingError, MacError, MacKey};
use order_model::TimeMs;

fn key(id: u32, valid_from: u64, valid_until: u64) -> MacKey {
    let secret = [u8::try_from(id).unwrap(); 32];
    MacKey { id, secret, valid_from: TimeMs(valid_from), valid_until: TimeMs(valid_until) }
}

const KEY: Option<&[u8]> = Some(b"SKU-1");

#[test]
fn a_rotation_in_log_time() {
    let ring = KeyRing::new(vec![key(1, 0, 2_000), key(2, 1_000, 0)]).unwrap();
    let early = ring.sign(TimeMs(999), KEY, b"value").unwrap();
    let late = ring.sign(TimeMs(1_500), KEY, b"value").unwrap();
    assert_eq!((early[1], late[1]), (1, 2), "keys change in the middle of the time both are valid");
    assert_eq!(ring.sign(TimeMs(1_499), KEY, b"value").unwrap()[1], 1);
    assert_eq!(ring.sign(TimeMs(2_000), KEY, b"value").unwrap()[1], 2);
    let table = [
        // record time, header, verdict
        (0, &early, Ok(())),
        (1_999, &early, Ok(())),
        (2_000, &early, Err(MacError::KeyNotValid(1))),
        (999, &late, Err(MacError::KeyNotValid(2))),
        (1_000, &late, Ok(())),
        (u64::MAX, &late, Ok(())),
    ];
    for (time, header, verdict) in table {
        assert_eq!(ring.verify(TimeMs(time), Some(header), KEY, b"value"), verdict, "at {time}");
    }
    let newer = KeyRing::new(vec![key(2, 1_000, 0)]).unwrap();
    assert_eq!(newer.verify(TimeMs(0), Some(&early), KEY, b"value"), Err(MacError::KeyUnknown(1)));
}

#[test]
fn every_changed_bit_is_noticed() {
    let ring = KeyRing::generate_one([7; 32]);
    let header = ring.sign(TimeMs(5), KEY, b"value").unwrap();
    assert_eq!(header.len(), 37);
    for bit in 0..header.len() * 8 {
        let mut changed = header.clone();
        changed[bit / 8] ^= 1 << (bit % 8);
        assert!(ring.verify(TimeMs(5), Some(&changed), KEY, b"value").is_err(), "bit {bit}");
    }
    for other in [&b"valuE"[..], b"", b"value0"] {
        assert_eq!(ring.verify(TimeMs(5), Some(&header), KEY, other), Err(MacError::Wrong));
    }
    for other in [None, Some(&b""[..]), Some(b"SKU-2")] {
        assert_eq!(ring.verify(TimeMs(5), Some(&header), other, b"value"), Err(MacError::Wrong));
    }
    let moved = ring.verify(TimeMs(5), Some(&header), Some(b"SKU-"), b"1value");
    assert_eq!(moved, Err(MacError::Wrong), "a byte moved from the key to the value");
    assert_eq!(ring.verify(TimeMs(5), None, KEY, b"value"), Err(MacError::Missing));
    for end in 0..header.len() {
        assert_eq!(ring.verify(TimeMs(5), Some(&header[..end]), KEY, b"value"), Err(MacError::Malformed));
    }
}

#[test]
fn a_null_key_is_not_an_empty_key() {
    let ring = KeyRing::generate_one([7; 32]);
    let header = ring.sign(TimeMs(5), None, b"value").unwrap();
    assert_eq!(ring.verify(TimeMs(5), Some(&header), None, b"value"), Ok(()));
    assert_eq!(ring.verify(TimeMs(5), Some(&header), Some(b""), b"value"), Err(MacError::Wrong));
}

/// Written down, because a record signed today must pass for ever.
#[test]
fn the_mac_itself() {
    let header = KeyRing::generate_one([7; 32]).sign(TimeMs(5), KEY, b"value").unwrap();
    let text: String = header.iter().map(|byte| format!("{byte:02x}")).collect();
    assert_eq!(text, "0101000000b2d9fc679d730789cb353b4dfb990f7c8290d3ef8c1257a20e8a5d7b92efce6b");
}

#[test]
fn what_makes_no_ring() {
    let table = [
        (vec![key(1, 0, 0), key(1, 5, 0)], KeyRingError::IdRepeated(1)),
        (vec![key(1, 5, 5)], KeyRingError::NeverValid(1)),
        (vec![key(1, 5, 4)], KeyRingError::NeverValid(1)),
        (
            vec![key(1, 0, 0), key(2, 10, 0), key(3, 20, 0)],
            KeyRingError::TooManyValid { time: TimeMs(20), ids: [1, 2, 3] },
        ),
        (
            vec![key(3, 20, 30), key(1, 0, 21), key(2, 10, 25)],
            KeyRingError::TooManyValid { time: TimeMs(20), ids: [3, 1, 2] },
        ),
    ];
    for (keys, error) in table {
        assert_eq!(KeyRing::new(keys.clone()).err(), Some(error), "{keys:?}");
    }
    assert!(KeyRing::new(vec![key(1, 0, 20), key(2, 10, 30), key(3, 20, 0)]).is_ok());
    let none = KeyRing::new(Vec::new()).unwrap();
    assert_eq!(none.sign(TimeMs(0), KEY, b""), None);
}

#[test]
fn key_files() {
    let secret = "0123456789abcdef".repeat(4);
    let good = format!("[[key]]\nid = 3\nsecret = \"{secret}\"\nvalid_from = 10\n");
    let ring = KeyRing::from_toml(&good).unwrap();
    let again = KeyRing::from_toml(&ring.to_toml().unwrap()).unwrap();
    let header = ring.sign(TimeMs(10), KEY, b"v").unwrap();
    assert_eq!(again.verify(TimeMs(10), Some(&header), KEY, b"v"), Ok(()));
    assert_eq!(ring.sign(TimeMs(9), KEY, b"v"), None);

    let table = [
        (good.replace("valid_from", "valid_form"), "line 4: unknown field `valid_form`"),
        (good.replace("valid_from = 10\n", ""), "missing field `valid_from`"),
        (good.replace("0123456789abcdef0", "0123456789abcdef"), "the secret of key 3 must be 64"),
        (good.replace("0123", "01+3"), "the secret of key 3 must be 64"),
        (good.replace(&format!("\"{secret}\""), "123456"), "line 3: the secret must be 64"),
        (good.replace("id = 3", "id = -3"), "line 2:"),
        (format!("{good}{good}"), "two keys have the id 3"),
        ("key".to_owned(), "the key file is not what it should be"),
    ];
    for (text, expected) in table {
        let error = KeyRing::from_toml(&text).unwrap_err().to_string();
        assert!(error.contains(expected), "{error:?} does not say {expected:?}");
        assert!(!error.contains("123456"), "{error:?} shows a secret");
    }
    assert!(matches!(KeyRing::from_toml("[[key]]"), Err(KeyFileError::Format(_))));
}

#[test]
fn secrets_are_hidden() {
    let shown = format!("{:?} {:?}", KeyRing::generate_one([0xab; 32]), key(171, 0, 0));
    assert!(shown.contains("(hidden)") && !shown.contains("171, 171") && !shown.contains("abab"), "{shown}");
}

/// A seed that a room's gateways derive has to come out the same after a rotation, and tell nothing of the MACs.
#[test]
fn derived_secrets_outlive_their_key() {
    let before = KeyRing::new(vec![key(1, 0, 0)]).unwrap();
    let after = KeyRing::new(vec![key(1, 0, 200), key(2, 100, 0)]).unwrap();
    let (id, secret) = before.secret_at(TimeMs(50), "seed", b"sale").unwrap();
    assert_eq!(id, 1);
    assert_eq!(after.secret_by(1, "seed", b"sale"), Some(secret));
    assert_eq!(after.secret_at(TimeMs(500), "seed", b"sale").map(|(id, _)| id), Some(2));
    assert_eq!(before.secret_by(2, "seed", b"sale"), None);
    assert_eq!(KeyRing::default().secret_at(TimeMs(50), "seed", b"sale"), None);
    for (purpose, input) in [("seed", b"sales".as_slice()), ("see", b"dsale"), ("", b"seedsale")] {
        assert_ne!(before.secret_by(1, purpose, input), Some(secret), "{purpose} {input:?}");
    }
}
