//! Access tokens: JWT, HS256, a quarter of an hour. Checking one asks nobody.
//!
//! HS256 and not a signature with a public key: every gateway has the keys anyway, and what a check takes is taken from
//! orders (about 10 µs, optimised, on two busy cores). The algorithm is that of the key, never that of the header.

use std::sync::LazyLock;

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, Header, Validation};
use order_model::{CustomerId, TimeMs};
use serde::{Deserialize, Serialize};

use crate::hidden::AccessToken;
use crate::keys::TokenKeys;
use crate::limits::{ACCESS_MS, ACCESS_TOKEN_BYTES_MAX, CLOCK_SKEW_MS_MAX};
use crate::roles::{Role, Roles};

/// Who issues the tokens, and whom they are for.
const ISSUER: &str = "doorbuster";
/// What kind of token it is (RFC 9068): no other kind can be taken for it.
const KIND: &str = "at+jwt";

/// Who somebody is, as an access token says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Who.
    pub customer: CustomerId,
    /// Whether their e-mail address is known to be theirs: only then may they order.
    pub verified: bool,
    /// What they may do.
    pub roles: Roles,
}

/// Why an access token is not taken. None of them says more than its bearer knows.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum AccessError {
    /// It is no access token at all, or of another algorithm.
    #[error("this is no access token of ours; log in")]
    NoToken,
    /// It names a key that is not, or no longer, there.
    #[error("the access token was signed with a key that is no longer valid; refresh it or log in again")]
    KeyUnknown,
    /// Its signature is not that of the key it names.
    #[error("the access token was not made by us; log in")]
    Signature,
    /// Its time is over.
    #[error("the access token has expired; refresh it")]
    Expired,
    /// It comes from the future.
    #[error("the access token is not valid yet; the clocks of the gateways differ")]
    NotYet,
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Claims {
    iss: String,
    aud: String,
    sub: String,
    iat: u64,
    exp: u64,
    verified: bool,
    roles: Vec<String>,
}

impl TokenKeys {
    /// An access token for somebody, and when it expires; nothing where none can be made.
    pub(crate) fn issue(&self, identity: &Identity, now: TimeMs) -> Option<(AccessToken, TimeMs)> {
        let ring = self.ring();
        let key = ring.signing(now)?;
        let iat = now.0 / 1_000;
        let claims = Claims {
            iss: ISSUER.to_owned(),
            aud: ISSUER.to_owned(),
            sub: identity.customer.to_string(),
            iat,
            exp: iat.saturating_add(ACCESS_MS / 1_000),
            verified: identity.verified,
            roles: identity.roles.iter().map(|role: Role| role.name().to_owned()).collect(),
        };
        let mut header = Header::new(Algorithm::HS256);
        header.typ = Some(KIND.to_owned());
        header.kid = Some(key.id.to_string());
        let text = jsonwebtoken::encode(&header, &claims, &key.encoding).ok()?;
        Some((AccessToken::new(text), TimeMs(claims.exp.saturating_mul(1_000))))
    }

    /// Who an access token says somebody is. Asks nobody: no table, no clock but `now`.
    pub fn check_access(&self, token: &str, now: TimeMs) -> Result<Identity, AccessError> {
        if token.len() > ACCESS_TOKEN_BYTES_MAX {
            return Err(AccessError::NoToken);
        }
        // Fails for every algorithm it does not know, `none` among them.
        let header = jsonwebtoken::decode_header(token).map_err(|_| AccessError::NoToken)?;
        let is_ours =
            header.alg == Algorithm::HS256 && header.typ.as_deref() == Some(KIND) && header.crit.is_none();
        if !is_ours {
            return Err(AccessError::NoToken);
        }
        let id = header.kid.as_deref().and_then(key_id).ok_or(AccessError::KeyUnknown)?;
        let ring = self.ring();
        let key = ring.find(id).ok_or(AccessError::KeyUnknown)?;
        let claims = jsonwebtoken::decode::<Claims>(token, &key.decoding, &RULES);
        let claims = claims.map_err(|error| match error.kind() {
            ErrorKind::InvalidSignature => AccessError::Signature,
            _ => AccessError::NoToken,
        })?;
        let claims = claims.claims;
        if now.0 >= claims.exp.saturating_mul(1_000) {
            return Err(AccessError::Expired);
        }
        if claims.iat.saturating_mul(1_000) > now.0.saturating_add(CLOCK_SKEW_MS_MAX) {
            return Err(AccessError::NotYet);
        }
        Ok(Identity {
            customer: claims.sub.parse().map_err(|_| AccessError::NoToken)?,
            verified: claims.verified,
            roles: Roles::from_names(claims.roles.iter().map(String::as_str)),
        })
    }
}

/// Ids as we write them only: no sign, no leading zero.
fn key_id(text: &str) -> Option<u32> {
    let id: u32 = text.parse().ok()?;
    (id.to_string() == text).then_some(id)
}

/// What is asked of a token besides its times, which are judged by the clock that is handed in.
static RULES: LazyLock<Validation> = LazyLock::new(|| {
    let mut rules = Validation::new(Algorithm::HS256);
    rules.validate_exp = false;
    rules.set_required_spec_claims(&["exp", "iss", "aud", "sub"]);
    rules.set_issuer(&[ISSUER]);
    rules.set_audience(&[ISSUER]);
    rules
});

#[cfg(test)]
mod tests;
