//! Tokens: what passes, what does not, and nothing that panics.

use order_codec::{KeyRing, MAC_HEADER, MacError, MacKey};
use order_model::{Offset, Partition, TimeMs};
use proptest::prelude::*;
use waiting_room::{RoomToken, TokenError};

use crate::support::{customer, name, ring};

fn token() -> RoomToken {
    RoomToken {
        room: name("sale"),
        customer: customer(1),
        partition: Partition(3),
        offset: Offset(77),
        expires_at: TimeMs(5_000),
    }
}

#[test]
fn a_token_holds_until_it_expires() {
    let text = token().sign(&ring(), TimeMs(1_000)).unwrap();
    assert_eq!(RoomToken::check(&text, &ring(), TimeMs(4_999)), Ok(token()));
    assert_eq!(RoomToken::check(&text, &ring(), TimeMs(5_000)), Err(TokenError::Expired));
    let other = KeyRing::generate_one([6; 32]);
    assert_eq!(RoomToken::check(&text, &other, TimeMs(1_000)), Err(TokenError::Mac(MacError::Wrong)));
    let none = KeyRing::default();
    assert_eq!(token().sign(&none, TimeMs(1_000)), None);
    assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_".contains(&byte)), "{text}");
}

#[test]
fn two_keys_are_valid_while_they_are_rotated() {
    let key = |id: u8, from, until| MacKey {
        id: id.into(),
        secret: [id; 32],
        valid_from: TimeMs(from),
        valid_until: TimeMs(until),
    };
    let old = KeyRing::new(vec![key(1, 0, 0)]).unwrap();
    let both = KeyRing::new(vec![key(1, 0, 3_000), key(2, 1_000, 0)]).unwrap();
    let by_old = token().sign(&old, TimeMs(900)).unwrap();
    let by_new = token().sign(&both, TimeMs(2_900)).unwrap();
    assert_eq!(RoomToken::check(&by_old, &both, TimeMs(2_999)), Ok(token()));
    assert_eq!(RoomToken::check(&by_new, &both, TimeMs(2_999)), Ok(token()));
    assert_eq!(
        RoomToken::check(&by_old, &both, TimeMs(3_000)),
        Err(TokenError::Mac(MacError::KeyNotValid(1)))
    );
    assert_eq!(RoomToken::check(&by_new, &both, TimeMs(3_000)), Ok(token()));
}

/// A record's MAC is no token's, nor the other way round, though both are by the same ring.
#[test]
fn a_token_is_no_record() {
    let text = token().sign(&ring(), TimeMs(1_000)).unwrap();
    let record = ring().sign(TimeMs(1_000), Some(b"sale"), b"value").unwrap();
    assert_ne!(record.len(), text.len());
    assert!(!text.contains(MAC_HEADER));
    assert_eq!(RoomToken::check("", &ring(), TimeMs(1)), Err(TokenError::Malformed));
}

proptest! {
    #[test]
    fn any_text_is_read_without_harm(text in ".{0,600}", bytes in prop::collection::vec(any::<u8>(), 0..600)) {
        prop_assert!(RoomToken::check(&text, &ring(), TimeMs(1)).is_err());
        let latin: String = bytes.iter().map(|byte| char::from(*byte)).collect();
        prop_assert!(RoomToken::check(&latin, &ring(), TimeMs(1)).is_err());
    }

    #[test]
    fn one_changed_character_is_noticed(at in any::<prop::sample::Index>(), to in "[A-Za-z0-9_-]") {
        let text = token().sign(&ring(), TimeMs(1_000)).unwrap();
        let at = at.index(text.len());
        let changed = format!("{}{to}{}", &text[..at], &text[at + 1..]);
        let checked = RoomToken::check(&changed, &ring(), TimeMs(1_000));
        prop_assert_eq!(checked.is_ok(), changed == text, "{:?}", checked);
    }

    #[test]
    fn what_goes_in_comes_out(text in "[a-zäöü 0-9]{1,20}", who: u32, partition: u32, offset: u64, expires in 2_u64..1_000_000) {
        let token = RoomToken { room: name(&text), customer: customer(who), partition: Partition(partition), offset: Offset(offset), expires_at: TimeMs(expires) };
        let signed = token.sign(&ring(), TimeMs(1)).unwrap();
        prop_assert_eq!(RoomToken::check(&signed, &ring(), TimeMs(1)), Ok(token));
    }
}
