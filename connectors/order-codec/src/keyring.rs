//! The keys of MACs, each with the log time it is valid in.
//!
//! Whether a record passes depends on its own time and on the ring, never on a clock: a replay years later decides
//! the same, as long as old keys stay in the file.

use std::fmt;

use order_model::TimeMs;

use crate::limits::{KEYS_MAX, KEYS_VALID_AT_ONCE_MAX};
use crate::mac::{MacError, derive, derive_secret, header, mac, parse};

/// A key and the log time it is valid in.
#[derive(Clone, PartialEq, Eq)]
pub struct MacKey {
    /// Names the key in headers; never given to another key.
    pub id: u32,
    /// What only those who may sign know.
    pub secret: [u8; 32],
    /// The first record time it is valid at.
    pub valid_from: TimeMs,
    /// The first record time it is no longer valid at; zero: valid for ever.
    pub valid_until: TimeMs,
}

impl MacKey {
    fn is_valid_at(&self, time: TimeMs) -> bool {
        self.valid_from <= time && (self.valid_until == TimeMs(0) || time < self.valid_until)
    }

    /// How many milliseconds a valid key is valid before and after `time`, whichever is less.
    fn room_at(&self, time: TimeMs) -> u64 {
        let end = if self.valid_until == TimeMs(0) { u64::MAX } else { self.valid_until.0 };
        // A key that is valid from the beginning was valid for ever.
        let before =
            if self.valid_from == TimeMs(0) { u64::MAX } else { time.0.saturating_sub(self.valid_from.0) };
        before.min(end.saturating_sub(time.0))
    }
}

impl fmt::Debug for MacKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("MacKey")
            .field("id", &self.id)
            .field("secret", &"(hidden)")
            .field("valid_from", &self.valid_from)
            .field("valid_until", &self.valid_until)
            .finish()
    }
}

/// Why keys make no ring.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyRingError {
    /// Two keys have the same id.
    #[error("two keys have the id {0}; give each key an id of its own, for ever")]
    IdRepeated(u32),
    /// A key is never valid.
    #[error("key {0} is never valid: valid_until must be zero or after valid_from")]
    NeverValid(u32),
    /// Too many keys are valid at once.
    #[error(
        "at time {time} the keys {ids:?} are all valid, at most {KEYS_VALID_AT_ONCE_MAX} may be; give the oldest a valid_until"
    )]
    TooManyValid {
        /// When.
        time: TimeMs,
        /// Three of the keys.
        ids: [u32; KEYS_VALID_AT_ONCE_MAX + 1],
    },
    /// There are too many keys altogether.
    #[error("{0} keys are too many; at most {KEYS_MAX} fit a ring")]
    TooManyKeys(usize),
}

/// Why a key file was not taken. Never shows a secret.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum KeyFileError {
    /// It is not a key file.
    #[error(
        "the key file is not what it should be: {0}; needed are tables [[key]] with id, secret, valid_from and, unless for ever, valid_until"
    )]
    Format(String),
    /// A secret is not one.
    #[error("the secret of key {0} must be 64 hexadecimal digits")]
    Secret(u32),
    /// Its keys make no ring.
    #[error(transparent)]
    Ring(#[from] KeyRingError),
}

/// The keys that sign and check privileged commands.
#[derive(Clone, Debug, Default)]
pub struct KeyRing {
    keys: Vec<RingKey>,
}

#[derive(Clone, Debug)]
struct RingKey {
    key: MacKey,
    derived: Derived,
}

#[derive(Clone)]
struct Derived([u8; 32]);

impl fmt::Debug for Derived {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("(hidden)")
    }
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyFile {
    #[serde(default)]
    key: Vec<KeyEntry>,
}

#[derive(serde::Serialize, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct KeyEntry {
    id: u32,
    secret: String,
    valid_from: u64,
    #[serde(default)]
    valid_until: u64,
}

impl KeyRing {
    /// A ring of these keys; of none, nothing privileged passes.
    pub fn new(keys: Vec<MacKey>) -> Result<Self, KeyRingError> {
        if keys.len() > KEYS_MAX {
            return Err(KeyRingError::TooManyKeys(keys.len()));
        }
        for (index, key) in keys.iter().enumerate() {
            if keys.iter().skip(index + 1).any(|other| other.id == key.id) {
                return Err(KeyRingError::IdRepeated(key.id));
            }
            if !key.is_valid_at(key.valid_from) {
                return Err(KeyRingError::NeverValid(key.id));
            }
        }
        // If too many are ever valid at once, they are when the last of them becomes so.
        for time in keys.iter().map(|key| key.valid_from) {
            let mut valid = keys.iter().filter(|key| key.is_valid_at(time)).map(|key| key.id);
            if let (Some(a), Some(b), Some(c)) = (valid.next(), valid.next(), valid.next()) {
                return Err(KeyRingError::TooManyValid { time, ids: [a, b, c] });
            }
        }
        let keys = keys.into_iter().map(|key| RingKey { derived: Derived(derive(&key.secret)), key });
        Ok(Self { keys: keys.collect() })
    }

    /// A ring of one key, valid for ever, made of random bytes: for demos and tests.
    pub fn generate_one(random: [u8; 32]) -> Self {
        let key = MacKey { id: 1, secret: random, valid_from: TimeMs(0), valid_until: TimeMs(0) };
        Self { keys: vec![RingKey { derived: Derived(derive(&key.secret)), key }] }
    }

    /// Reads a key file: TOML, one table `[[key]]` a key, with `id`, `secret` (64 hexadecimal digits), `valid_from`
    /// and `valid_until` (milliseconds since 1970; `valid_until` may be left out or zero: for ever).
    pub fn from_toml(text: &str) -> Result<Self, KeyFileError> {
        let file: KeyFile = toml::from_str(text).map_err(|error| KeyFileError::Format(say(&error, text)))?;
        let mut keys = Vec::with_capacity(file.key.len());
        for entry in file.key {
            keys.push(MacKey {
                id: entry.id,
                secret: from_hex(&entry.secret).ok_or(KeyFileError::Secret(entry.id))?,
                valid_from: TimeMs(entry.valid_from),
                valid_until: TimeMs(entry.valid_until),
            });
        }
        Ok(Self::new(keys)?)
    }

    /// The ring as a key file, secrets included.
    pub fn to_toml(&self) -> Result<String, KeyFileError> {
        let entry = |RingKey { key, .. }: &RingKey| KeyEntry {
            id: key.id,
            secret: key.secret.iter().map(|byte| format!("{byte:02x}")).collect(),
            valid_from: key.valid_from.0,
            valid_until: key.valid_until.0,
        };
        let file = KeyFile { key: self.keys.iter().map(entry).collect() };
        toml::to_string(&file).map_err(|error| KeyFileError::Format(error.to_string()))
    }

    /// Signs a record: the header's value, or `None` when no key is valid at `time`.
    ///
    /// Of two valid keys the one signs whose validity reaches further both ways: the log stamps the record by a clock of
    /// its own, a little earlier or later, and the key has to be valid then.
    pub fn sign(&self, time: TimeMs, key: Option<&[u8]>, value: &[u8]) -> Option<Vec<u8>> {
        let valid = self.keys.iter().filter(|candidate| candidate.key.is_valid_at(time));
        let best = valid.max_by_key(|candidate| (candidate.key.room_at(time), candidate.key.id))?;
        Some(header(best.key.id, &mac(&best.derived.0, key, value)))
    }

    /// A secret that everybody with the key that signs at `time` can make again, and nobody else: the key's id and the
    /// secret; `None` when no key is valid then. Different purposes and inputs give secrets that have nothing in common.
    pub fn secret_at(&self, time: TimeMs, purpose: &str, input: &[u8]) -> Option<(u32, [u8; 32])> {
        let valid = self.keys.iter().filter(|candidate| candidate.key.is_valid_at(time));
        let best = valid.max_by_key(|candidate| (candidate.key.room_at(time), candidate.key.id))?;
        Some((best.key.id, derive_secret(&best.key.secret, purpose, input)))
    }

    /// The secret that [`KeyRing::secret_at`] made with the key `id`, whether that is still valid or not; `None` when the
    /// ring does not have it.
    pub fn secret_by(&self, id: u32, purpose: &str, input: &[u8]) -> Option<[u8; 32]> {
        let named = self.keys.iter().find(|candidate| candidate.key.id == id)?;
        Some(derive_secret(&named.key.secret, purpose, input))
    }

    /// Checks a record: `time` is its record time, `header` the value of its header [`crate::MAC_HEADER`].
    pub fn verify(
        &self,
        time: TimeMs,
        header: Option<&[u8]>,
        key: Option<&[u8]>,
        value: &[u8],
    ) -> Result<(), MacError> {
        let (id, claimed) = parse(header.ok_or(MacError::Missing)?)?;
        let named = self.keys.iter().find(|candidate| candidate.key.id == id);
        let named = named.ok_or(MacError::KeyUnknown(id))?;
        if !named.key.is_valid_at(time) {
            return Err(MacError::KeyNotValid(id));
        }
        // Comparing two hashes takes the same time wherever they differ.
        if mac(&named.derived.0, key, value) == claimed { Ok(()) } else { Err(MacError::Wrong) }
    }
}

/// The parser's message and the number of the line; never the line itself, nor a message about a secret's value.
fn say(error: &toml::de::Error, text: &str) -> String {
    let before = error.span().and_then(|span| text.get(..span.start)).unwrap_or_default();
    let lines_before = before.matches('\n').count();
    let about_secret = text.lines().nth(lines_before).is_some_and(|line| line.contains("secret"));
    let message =
        if about_secret { "the secret must be 64 hexadecimal digits in quotes" } else { error.message() };
    format!("line {}: {message}", lines_before + 1)
}

fn from_hex(text: &str) -> Option<[u8; 32]> {
    let (pairs, []) = text.as_bytes().as_chunks::<2>() else {
        return None;
    };
    let mut bytes = [0; 32];
    if pairs.len() != bytes.len() {
        return None;
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        // A sign would pass the parser, and is no digit.
        let digits = std::str::from_utf8(pair).ok().filter(|_| pair.iter().all(u8::is_ascii_hexdigit))?;
        *byte = u8::from_str_radix(digits, 16).ok()?;
    }
    Some(bytes)
}
