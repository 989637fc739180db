//! Who asks: what a token says, and the keys of programs.
//!
//! Promised: a token is checked without any I/O, and one that was changed, has run out, or was made with another secret is
//! not taken. Not promised: that a key of a program can be called back before it runs out, but by a new secret for all.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

use order_model::{CustomerId, OrderId, Sku, TimeMs};

use crate::limits::TOKEN_BYTES_MAX;

/// What somebody may do beyond ordering for themselves.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Roles {
    /// May place, read and withdraw orders of any customer.
    pub producer: bool,
    /// May open and change listings.
    pub admin: bool,
}

/// Who asks.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Identity {
    /// Whom orders are for, where nothing else is said.
    pub customer: CustomerId,
    /// Whether they may order at all.
    pub verified: bool,
    /// What else they may do.
    pub roles: Roles,
}

impl Identity {
    /// Whether they may see an order of `customer`.
    pub fn may_see(&self, customer: CustomerId) -> bool {
        self.roles.producer || customer == self.customer
    }
}

/// Why a token says nothing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadToken {
    /// It is none of ours.
    #[error("the token is none of ours, or was changed")]
    Unknown,
    /// It has run out.
    #[error("the token has run out; get a new one")]
    Expired,
}

/// Reads tokens. Must be quick and must not block: it is called on the threads that serve.
pub trait Doorkeeper: Send + Sync {
    /// Who the bearer of `token` is.
    fn identify(&self, token: &str) -> Result<Identity, BadToken>;
}

/// Tries one doorkeeper after the other; what none knows is unknown.
pub struct Doorkeepers(pub Vec<Arc<dyn Doorkeeper>>);

impl Doorkeeper for Doorkeepers {
    fn identify(&self, token: &str) -> Result<Identity, BadToken> {
        let mut answer = Err(BadToken::Unknown);
        for doorkeeper in &self.0 {
            answer = doorkeeper.identify(token);
            if answer != Err(BadToken::Unknown) {
                break;
            }
        }
        answer
    }
}

const ORDER_CONTEXT: &str = "doorbuster 2026 gateway order ids version 1";
const KEY_CONTEXT: &str = "doorbuster 2026 gateway program keys version 1";
/// What the keys of programs begin with.
const KEY_PREFIX: &str = "dbk1";

/// What all gateways share, and nobody else knows: it makes order ids out of idempotency keys, and signs keys of programs.
#[derive(Clone)]
pub struct Secret {
    order_ids: [u8; 32],
    program_keys: [u8; 32],
}

/// A text that is no secret.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the secret of the gateways is 64 hexadecimal digits")]
pub struct SecretError;

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

impl From<[u8; 32]> for Secret {
    fn from(secret: [u8; 32]) -> Self {
        Self {
            order_ids: blake3::derive_key(ORDER_CONTEXT, &secret),
            program_keys: blake3::derive_key(KEY_CONTEXT, &secret),
        }
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        let hash = blake3::Hash::from_hex(text.trim()).map_err(|_| SecretError)?;
        Ok(Self::from(*hash.as_bytes()))
    }
}

impl Secret {
    /// The id of the order that `customer` names by an idempotency key; `index` is its place in a batch, `home` its
    /// smallest SKU. The same from every gateway, and never the same for orders that two ledgers decide: neither would
    /// know of the other.
    pub fn order_id(&self, customer: CustomerId, key: &str, index: u32, home: &Sku) -> OrderId {
        let rest = [&index.to_le_bytes(), home.as_bytes()].concat();
        self.id(b"order", customer, key, &rest).into()
    }

    /// What `customer` names by an idempotency key, whatever it is; `index` is its place in a batch.
    pub fn key_name(&self, customer: CustomerId, key: &str, index: u32) -> u128 {
        self.id(b"key", customer, key, &index.to_le_bytes())
    }

    /// The id of a command about a listing that somebody names by an idempotency key.
    pub fn command_id(&self, customer: CustomerId, key: &str, subject: &[u8]) -> u128 {
        self.id(b"command", customer, key, subject)
    }

    fn id(&self, kind: &[u8], customer: CustomerId, key: &str, rest: &[u8]) -> u128 {
        let mut hasher = blake3::Hasher::new_keyed(&self.order_ids);
        let length = u64::try_from(key.len()).unwrap_or(u64::MAX);
        hasher
            .update(kind)
            .update(&customer.0)
            .update(&length.to_le_bytes())
            .update(key.as_bytes())
            .update(rest);
        let hash = hasher.finalize();
        let (head, _) = hash.as_bytes().split_at(16);
        head.iter().fold(0, |id, byte| (id << 8) | u128::from(*byte))
    }

    /// A key for a program: good until `until`, or for ever when that is zero.
    pub fn program_key(&self, identity: &Identity, until: TimeMs) -> String {
        let mut roles = String::new();
        for (is_set, letter) in
            [(identity.verified, 'v'), (identity.roles.producer, 'p'), (identity.roles.admin, 'a')]
        {
            if is_set {
                roles.push(letter);
            }
        }
        let customer = u128::from_be_bytes(identity.customer.0);
        let text = format!("{KEY_PREFIX}.{customer:032x}.{roles}.{}", until.0);
        format!("{text}.{}", self.mac(&text).to_hex())
    }

    fn mac(&self, text: &str) -> blake3::Hash {
        blake3::keyed_hash(&self.program_keys, text.as_bytes())
    }
}

/// The keys of programs: producers, administration, tests. They need no accounts, and say who they are themselves.
pub struct ProgramKeys {
    secret: Secret,
    clock: Arc<dyn Fn() -> TimeMs + Send + Sync>,
}

impl ProgramKeys {
    /// Keys made with this secret.
    pub fn new(secret: Secret, clock: Arc<dyn Fn() -> TimeMs + Send + Sync>) -> Self {
        Self { secret, clock }
    }
}

impl Doorkeeper for ProgramKeys {
    fn identify(&self, token: &str) -> Result<Identity, BadToken> {
        if token.len() > TOKEN_BYTES_MAX {
            return Err(BadToken::Unknown);
        }
        let (text, mac) = token.rsplit_once('.').ok_or(BadToken::Unknown)?;
        let mac = blake3::Hash::from_hex(mac).map_err(|_| BadToken::Unknown)?;
        // The comparison of hashes takes as long wherever they differ.
        if self.secret.mac(text) != mac {
            return Err(BadToken::Unknown);
        }
        let mut parts = text.split('.');
        let (Some(KEY_PREFIX), Some(customer), Some(roles), Some(until), None) =
            (parts.next(), parts.next(), parts.next(), parts.next(), parts.next())
        else {
            return Err(BadToken::Unknown);
        };
        let until: u64 = until.parse().map_err(|_| BadToken::Unknown)?;
        if until != 0 && until <= (self.clock)().0 {
            return Err(BadToken::Expired);
        }
        Ok(Identity {
            customer: customer.parse().map_err(|_| BadToken::Unknown)?,
            verified: roles.contains('v'),
            roles: Roles { producer: roles.contains('p'), admin: roles.contains('a') },
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn keys(now: u64) -> (Secret, ProgramKeys) {
        let secret = Secret::from([7; 32]);
        (secret.clone(), ProgramKeys::new(secret, Arc::new(move || TimeMs(now))))
    }

    fn producer() -> Identity {
        let roles = Roles { producer: true, admin: false };
        Identity { customer: CustomerId::from(0xabc), verified: true, roles }
    }

    #[test]
    fn a_key_says_who_it_is_until_it_runs_out() {
        let (secret, keys) = keys(1_000);
        assert_eq!(keys.identify(&secret.program_key(&producer(), TimeMs(0))), Ok(producer()));
        assert_eq!(keys.identify(&secret.program_key(&producer(), TimeMs(1_001))), Ok(producer()));
        assert_eq!(keys.identify(&secret.program_key(&producer(), TimeMs(1_000))), Err(BadToken::Expired));
    }

    #[test]
    fn no_changed_key_passes() {
        let (secret, keys) = keys(0);
        let key = secret.program_key(&producer(), TimeMs(0));
        for index in 0..key.len() {
            let mut changed = key.clone().into_bytes();
            changed[index] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            assert_eq!(keys.identify(&changed), Err(BadToken::Unknown), "{changed}");
        }
        let other = Secret::from([8; 32]).program_key(&producer(), TimeMs(0));
        for bad in ["", ".", "dbk1", "dbk1....", &other, &"x".repeat(100_000)] {
            assert_eq!(keys.identify(bad), Err(BadToken::Unknown));
        }
    }

    #[test]
    fn ids_differ_by_customer_key_and_place() {
        let secret = Secret::from([1; 32]);
        let [a, b] = [1, 2].map(CustomerId::from);
        let [x, y] = ["X", "Y"].map(|sku| sku.parse::<Sku>().unwrap());
        let ids = [
            secret.order_id(a, "k", 0, &x),
            secret.order_id(b, "k", 0, &x),
            secret.order_id(a, "l", 0, &x),
            secret.order_id(a, "k", 1, &x),
            secret.order_id(a, "k", 0, &y),
            OrderId::from(secret.key_name(a, "k", 0)),
            OrderId::from(secret.command_id(a, "k", &0_u32.to_le_bytes())),
        ];
        for (index, id) in ids.iter().enumerate() {
            assert!(!ids[..index].contains(id));
        }
        assert_eq!(secret.order_id(a, "k", 0, &x), ids[0]);
        assert_eq!(
            "00".repeat(32).parse::<Secret>().map(|s| s.order_id(a, "k", 0, &x)),
            Ok(Secret::from([0; 32]).order_id(a, "k", 0, &x))
        );
        assert!("zz".parse::<Secret>().is_err());
    }
}
