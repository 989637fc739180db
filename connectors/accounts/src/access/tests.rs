//! What an access token is taken for, and what is none.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use jsonwebtoken::EncodingKey;
use proptest::prelude::*;
use serde_json::{Value, json};

use super::*;

const SECRET: [u8; 32] = [3; 32];
const NOW: TimeMs = TimeMs(1_795_800_000_000);

fn identity() -> Identity {
    Identity { customer: CustomerId::from(7), verified: true, roles: Roles::SHOPPER.with(Role::Admin) }
}

fn keys() -> TokenKeys {
    TokenKeys::in_memory(SECRET)
}

fn token() -> String {
    keys().issue(&identity(), NOW).unwrap().0.expose().to_owned()
}

fn parts(token: &str) -> [String; 3] {
    token.split('.').map(str::to_owned).collect::<Vec<_>>().try_into().unwrap()
}

fn part(value: &Value) -> String {
    BASE64_URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token with this header and these claims, and a signature that is right for them.
fn signed(header: &Value, claims: &Value) -> String {
    let message = format!("{}.{}", part(header), part(claims));
    let ring = keys().ring();
    let key: &EncodingKey = &ring.all()[0].encoding;
    let signature = jsonwebtoken::crypto::sign(message.as_bytes(), key, Algorithm::HS256).unwrap();
    format!("{message}.{signature}")
}

fn header() -> Value {
    json!({"alg": "HS256", "typ": "at+jwt", "kid": "1"})
}

fn claims() -> Value {
    let iat = NOW.0 / 1_000;
    json!({
        "iss": "doorbuster", "aud": "doorbuster", "sub": CustomerId::from(7).to_string(), "iat": iat, "exp": iat + 900,
        "verified": true, "roles": ["shopper", "admin"],
    })
}

fn with(mut value: Value, name: &str, new: Value) -> Value {
    value[name] = new;
    value
}

#[test]
fn a_token_says_who_until_it_expires() {
    let (token, expires) = keys().issue(&identity(), NOW).unwrap();
    assert_eq!(expires, TimeMs(NOW.0 + ACCESS_MS));
    let check = |time: u64| keys().check_access(token.expose(), TimeMs(time));
    assert_eq!(check(NOW.0), Ok(identity()));
    assert_eq!(check(NOW.0 + ACCESS_MS - 1), Ok(identity()));
    assert_eq!(check(NOW.0 + ACCESS_MS), Err(AccessError::Expired));
    assert_eq!(check(u64::MAX), Err(AccessError::Expired));
    assert_eq!(check(NOW.0 - CLOCK_SKEW_MS_MAX), Ok(identity()));
    assert_eq!(check(NOW.0 - CLOCK_SKEW_MS_MAX - 1), Err(AccessError::NotYet));
    assert_eq!(check(0), Err(AccessError::NotYet));
    assert_eq!(keys().check_access(&signed(&header(), &claims()), NOW), Ok(identity()));
}

#[test]
fn what_is_no_access_token() {
    let [head, body, signature] = parts(&token());
    let none = part(&json!({"alg": "none", "typ": "at+jwt", "kid": "1"}));
    let twice = r#"{"alg":"HS256","alg":"none","typ":"at+jwt","kid":"1"}"#;
    #[rustfmt::skip]
    let table = [
        ("nothing", String::new(), AccessError::NoToken),
        ("dots", "..".to_owned(), AccessError::NoToken),
        ("alg none, without a signature", format!("{none}.{body}."), AccessError::NoToken),
        ("alg none, with the signature", format!("{none}.{body}.{signature}"), AccessError::NoToken),
        ("alg None", signed(&with(header(), "alg", json!("None")), &claims()), AccessError::NoToken),
        ("alg HS512", signed(&with(header(), "alg", json!("HS512")), &claims()), AccessError::NoToken),
        ("alg EdDSA", signed(&with(header(), "alg", json!("EdDSA")), &claims()), AccessError::NoToken),
        ("two algs", format!("{}.{body}.{signature}", BASE64_URL_SAFE_NO_PAD.encode(twice)), AccessError::NoToken),
        ("another kind", signed(&with(header(), "typ", json!("JWT")), &claims()), AccessError::NoToken),
        ("critical extensions", signed(&with(header(), "crit", json!(["b64"])), &claims()), AccessError::NoToken),
        ("no kid", signed(&json!({"alg": "HS256", "typ": "at+jwt"}), &claims()), AccessError::KeyUnknown),
        ("unknown kid", signed(&with(header(), "kid", json!("2")), &claims()), AccessError::KeyUnknown),
        ("kid as another text", signed(&with(header(), "kid", json!("01")), &claims()), AccessError::KeyUnknown),
        ("a path for a kid", signed(&with(header(), "kid", json!("../../dev/null")), &claims()), AccessError::KeyUnknown),
        ("kid a number", signed(&with(header(), "kid", json!(1)), &claims()), AccessError::NoToken),
        ("no signature", format!("{head}.{body}."), AccessError::Signature),
        ("two parts", format!("{head}.{body}"), AccessError::NoToken),
        ("four parts", format!("{head}.{body}.{signature}.x"), AccessError::NoToken),
        ("another issuer", signed(&header(), &with(claims(), "iss", json!("other"))), AccessError::NoToken),
        ("for somebody else", signed(&header(), &with(claims(), "aud", json!("other"))), AccessError::NoToken),
        ("for nobody", signed(&header(), &with(claims(), "aud", json!([]))), AccessError::NoToken),
        ("about nobody", signed(&header(), &with(claims(), "sub", json!("me"))), AccessError::NoToken),
        ("times as texts", signed(&header(), &with(claims(), "exp", json!("9999999999"))), AccessError::NoToken),
        ("negative times", signed(&header(), &with(claims(), "iat", json!(-1))), AccessError::NoToken),
        ("more than we say", signed(&header(), &with(claims(), "scope", json!("all"))), AccessError::NoToken),
        ("too long", format!("{head}.{body}.{signature}{}", "A".repeat(1_024)), AccessError::NoToken),
        ("other claims", format!("{head}.{}.{signature}", part(&with(claims(), "verified", json!(true)))), AccessError::Signature),
    ];
    for (what, token, error) in table {
        assert_eq!(keys().check_access(&token, NOW), Err(error), "{what}: {token}");
    }
    // The claims are in the order of their names there, and not as we write them; else the last row would show nothing.
    assert_ne!(part(&claims()), body);
}

#[test]
fn every_bit_counts() {
    let [head, body, signature] = parts(&token());
    for (index, text) in [&head, &body, &signature].into_iter().enumerate() {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let mut all = [head.clone(), body.clone(), signature.clone()];
            all[index] = BASE64_URL_SAFE_NO_PAD.encode(changed);
            assert!(keys().check_access(&all.join("."), NOW).is_err(), "part {index} byte {at}");
        }
    }
}

#[test]
fn a_key_that_went_takes_its_tokens_along_and_one_that_came_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("tokens.toml");
    let keys = TokenKeys::open(&file).unwrap();
    let other = TokenKeys::in_memory([4; 32]);
    let old = keys.issue(&identity(), NOW).unwrap().0;
    assert_eq!(other.check_access(old.expose(), NOW), Err(AccessError::Signature));
    let mut time = NOW;
    for round in 1..=2 {
        TokenKeys::rotate(&file, time).unwrap();
        keys.reload().unwrap();
        time = TimeMs(time.0 + crate::limits::KEY_LEAD_MS);
        let new = keys.issue(&identity(), time).unwrap().0;
        assert_eq!(keys.check_access(new.expose(), time), Ok(identity()));
        let expected = if round == 1 { Ok(identity()) } else { Err(AccessError::KeyUnknown) };
        assert_eq!(keys.check_access(old.expose(), time), expected, "after {round}");
    }
}

proptest! {
    #[test]
    fn no_text_makes_it_panic(text in ".{0,200}", head in ".{0,60}", body in ".{0,60}") {
        prop_assert!(keys().check_access(&text, NOW).is_err());
        let [_, _, signature] = parts(&token());
        let [head, body] = [head, body].map(|text| BASE64_URL_SAFE_NO_PAD.encode(text));
        let text = format!("{head}.{body}.{signature}");
        prop_assert!(keys().check_access(&text, NOW).is_err());
    }

    #[test]
    fn signed_nonsense_is_refused(name in "iss|aud|sub|iat|exp|verified|roles", text in ".{0,20}", number in any::<i64>()) {
        for new in [json!(text), json!(number), json!([text]), json!({ "a": number }), Value::Null] {
            let token = signed(&header(), &with(claims(), &name, new));
            // A list of roles we do not know, and a time that happens to fit, are the only ones that may pass.
            let is_fine = keys().check_access(&token, NOW).is_ok();
            prop_assert!(!is_fine || ["roles", "iat", "exp"].contains(&name.as_str()));
        }
    }
}
