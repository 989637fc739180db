//! VAPID (RFC 8292): a short-lived token that tells a push service who calls, signed with ES256.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use order_model::TimeMs;
use p256::ecdsa::signature::Signer as _;
use p256::ecdsa::{Signature, SigningKey};
use reqwest::Url;
use serde_json::json;

use crate::limits::{VAPID_ORIGINS_MAX, VAPID_SECONDS};

/// What we sign web pushes with.
#[derive(Clone)]
pub struct VapidKey(SigningKey);

impl fmt::Debug for VapidKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "VapidKey({})", self.public())
    }
}

/// A text is no key.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the VAPID key is not the base64url of the 32 bytes of a P-256 private key")]
pub struct VapidError;

impl VapidKey {
    /// The key from the base64url of its 32 bytes, the form the usual tools print.
    pub fn from_base64(text: &str) -> Result<Self, VapidError> {
        let bytes =
            BASE64_URL_SAFE_NO_PAD.decode(text.trim().trim_end_matches('=')).map_err(|_| VapidError)?;
        SigningKey::from_slice(&bytes).map(Self).map_err(|_| VapidError)
    }

    /// The public half, base64url: what a page hands to `pushManager.subscribe`.
    pub fn public(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0.verifying_key().to_encoded_point(false).as_bytes())
    }
}

/// Makes tokens, and keeps those that are good for a while yet.
pub(super) struct Signer {
    key: VapidKey,
    contact: String,
    tokens: Mutex<HashMap<String, Token>>,
}

#[derive(Clone)]
struct Token {
    header: String,
    until_seconds: u64,
}

impl Signer {
    pub(super) fn new(key: VapidKey, contact: String) -> Self {
        Self { key, contact, tokens: Mutex::default() }
    }

    /// The value of `Authorization` for the push service at `url`.
    pub(super) fn authorization(&self, url: &Url, now: TimeMs) -> String {
        let origin = url.origin().ascii_serialization();
        let now_seconds = now.0 / 1_000;
        let mut tokens = self.tokens.lock().unwrap_or_else(PoisonError::into_inner);
        // Half of its life is left for the way there and for clocks that differ.
        let fresh = |token: &&Token| token.until_seconds > now_seconds + VAPID_SECONDS / 2;
        if let Some(token) = tokens.get(&origin).filter(fresh) {
            return token.header.clone();
        }
        if tokens.len() >= VAPID_ORIGINS_MAX {
            tokens.clear();
        }
        let until_seconds = now_seconds + VAPID_SECONDS;
        let header = self.sign(&origin, until_seconds);
        tokens.insert(origin, Token { header: header.clone(), until_seconds });
        header
    }

    fn sign(&self, origin: &str, until_seconds: u64) -> String {
        let encode = |value: serde_json::Value| BASE64_URL_SAFE_NO_PAD.encode(value.to_string());
        let header = encode(json!({ "typ": "JWT", "alg": "ES256" }));
        let claims = encode(json!({ "aud": origin, "exp": until_seconds, "sub": self.contact }));
        let signed = format!("{header}.{claims}");
        let signature: Signature = self.key.0.sign(signed.as_bytes());
        let signature = BASE64_URL_SAFE_NO_PAD.encode(signature.to_bytes());
        format!("vapid t={signed}.{signature}, k={}", self.key.public())
    }
}

#[cfg(test)]
mod tests {
    use p256::ecdsa::signature::Verifier as _;

    use super::*;

    #[test]
    fn a_token_names_the_service_and_is_signed_by_the_key() {
        let key = VapidKey::from_base64("BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc").unwrap();
        let verifying = *key.0.verifying_key();
        let signer = Signer::new(key.clone(), "mailto:push@shop.example".to_owned());
        let url = Url::parse("https://push.example:8443/send/abc").unwrap();
        let header = signer.authorization(&url, TimeMs(1_000_000));
        let rest = header.strip_prefix("vapid t=").unwrap();
        let (token, public) = rest.split_once(", k=").unwrap();
        assert_eq!(public, key.public());
        let (signed, signature) = token.rsplit_once('.').unwrap();
        let signature = Signature::from_slice(&BASE64_URL_SAFE_NO_PAD.decode(signature).unwrap()).unwrap();
        verifying.verify(signed.as_bytes(), &signature).unwrap();
        let claims = BASE64_URL_SAFE_NO_PAD.decode(signed.split_once('.').unwrap().1).unwrap();
        let claims: serde_json::Value = serde_json::from_slice(&claims).unwrap();
        assert_eq!(claims["aud"], "https://push.example:8443");
        assert_eq!(claims["exp"], 1_000 + VAPID_SECONDS);
        assert_eq!(claims["sub"], "mailto:push@shop.example");
        // Kept while fresh, made anew when half its life is over.
        assert_eq!(signer.authorization(&url, TimeMs(1_001_000)), header);
        assert_ne!(signer.authorization(&url, TimeMs(VAPID_SECONDS * 1_000)), header);
    }

    #[test]
    fn what_is_no_key() {
        for text in ["", "AAAA", "BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc!", &"A".repeat(43)] {
            assert!(VapidKey::from_base64(text).is_err(), "{text}");
        }
    }
}
