//! The keys that sign tokens, in a file that every gateway reads: two at a time, so that one can follow the other without
//! anybody being logged out.
//!
//! The newest key whose time has come signs; every key of the file is good for checking. A new key signs only
//! [`KEY_LEAD_MS`] after it was made: until then every gateway has to have read the file again ([`TokenKeys::reload`]).
//!
//! What one key signs for one purpose is worth nothing for another: each purpose has a key derived from the secret.

use std::fmt;
use std::path::{Path, PathBuf};
use std::sync::{Arc, PoisonError, RwLock};

use jsonwebtoken::{DecodingKey, EncodingKey};
use order_model::TimeMs;

use crate::limits::{KEY_LEAD_MS, KEYS_VALID_AT_ONCE_MAX};
use crate::random::{NoRandom, random};

mod file;

/// What a key signs. Each has its own derived key.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Purpose {
    Refresh,
    Link,
    Attempts,
}

const ACCESS_CONTEXT: &str = "doorbuster accounts 1 access token HS256";

impl Purpose {
    const fn context(self) -> &'static str {
        match self {
            Self::Refresh => "doorbuster accounts 1 refresh token",
            Self::Link => "doorbuster accounts 1 link in a letter",
            Self::Attempts => "doorbuster accounts 1 whose attempts",
        }
    }
}

/// Why keys cannot be used. Never shows a secret.
#[derive(Debug, thiserror::Error)]
pub enum KeysError {
    /// The file cannot be read or written.
    #[error("the keys of tokens: cannot {action} {file}: {error}; check the folder and its rights")]
    File {
        /// What was being done.
        action: &'static str,
        /// With which file.
        file: String,
        /// What the system says.
        error: std::io::Error,
    },
    /// The file is not what it has to be.
    #[error(
        "the keys of tokens: {file}: {detail}; needed are one or two tables [[key]] with id, secret (64 hexadecimal digits) \
         and signs_from (milliseconds since 1970)"
    )]
    Format {
        /// Which file.
        file: String,
        /// What is wrong with it.
        detail: String,
    },
    /// A new key was asked for while the last one does not even sign yet.
    #[error("the keys of tokens: key {0} does not sign yet; wait until it does, then rotate again")]
    TooSoon(u32),
    /// The system gives no random bytes.
    #[error(transparent)]
    NoRandom(#[from] NoRandom),
}

/// A key.
#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: u32,
    pub(crate) secret: [u8; 32],
    /// The first time at which it signs.
    pub(crate) signs_from: TimeMs,
    pub(crate) encoding: EncodingKey,
    pub(crate) decoding: DecodingKey,
}

impl Key {
    fn new(id: u32, secret: [u8; 32], signs_from: TimeMs) -> Self {
        let access = blake3::derive_key(ACCESS_CONTEXT, &secret);
        let (encoding, decoding) = (EncodingKey::from_secret(&access), DecodingKey::from_secret(&access));
        Self { id, secret, signs_from, encoding, decoding }
    }

    pub(crate) fn mac(&self, purpose: Purpose, message: &[u8]) -> blake3::Hash {
        blake3::keyed_hash(&blake3::derive_key(purpose.context(), &self.secret), message)
    }
}

/// One or two keys, in the order in which they sign.
pub(crate) struct Ring(Vec<Key>);

impl Ring {
    /// `Err` says what is wrong with the keys.
    fn new(mut keys: Vec<Key>) -> Result<Self, String> {
        keys.sort_by_key(|key| (key.signs_from, key.id));
        match keys.as_slice() {
            [] => Err("there is no key".to_owned()),
            [one, other] if one.id == other.id => Err(format!("two keys have the id {}", one.id)),
            more if more.len() > KEYS_VALID_AT_ONCE_MAX => {
                Err(format!("there are {} keys, at most {KEYS_VALID_AT_ONCE_MAX} are valid", more.len()))
            }
            _ => Ok(Self(keys)),
        }
    }

    /// The key that signs: the newest whose time has come; where none has, by a clock that is wrong, the oldest.
    pub(crate) fn signing(&self, now: TimeMs) -> Option<&Key> {
        self.0.iter().rfind(|key| key.signs_from <= now).or_else(|| self.0.first())
    }

    pub(crate) fn find(&self, id: u32) -> Option<&Key> {
        self.0.iter().find(|key| key.id == id)
    }

    pub(crate) fn all(&self) -> &[Key] {
        &self.0
    }
}

/// The keys that sign and check tokens. Cheap to clone; all clones see what is read anew.
#[derive(Clone)]
pub struct TokenKeys {
    ring: Arc<RwLock<Arc<Ring>>>,
    file: Option<PathBuf>,
}

impl fmt::Debug for TokenKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ids: Vec<u32> = self.ring().all().iter().map(|key| key.id).collect();
        f.debug_struct("TokenKeys").field("ids", &ids).field("file", &self.file).finish_non_exhaustive()
    }
}

impl TokenKeys {
    /// One key that is in no file: for tests, and for one process alone.
    pub fn in_memory(secret: [u8; 32]) -> Self {
        Self::of(Ring(vec![Key::new(1, secret, TimeMs(0))]), None)
    }

    /// The keys of a file, which is made where there is none; its owner alone can read it. Of several processes that make
    /// it at the same time, one wins and all read the same.
    pub fn open(file: &Path) -> Result<Self, KeysError> {
        let ring = match file::read(file)? {
            Some(ring) => ring,
            None => file::make(file, &Ring(vec![Key::new(1, random()?, TimeMs(0))]))?,
        };
        Ok(Self::of(ring, Some(file.to_path_buf())))
    }

    /// Reads the file again; the keys stay as they are when that fails. Keys without a file have nothing to read.
    pub fn reload(&self) -> Result<(), KeysError> {
        let Some(file) = &self.file else { return Ok(()) };
        let ring = file::read(file)?.ok_or_else(|| KeysError::Format {
            file: file.display().to_string(),
            detail: "there is no such file any more".to_owned(),
        })?;
        *self.ring.write().unwrap_or_else(PoisonError::into_inner) = Arc::new(ring);
        Ok(())
    }

    /// Puts a new key into the file, which signs [`KEY_LEAD_MS`] from now on, and takes the oldest out when there are more
    /// than two. Tokens that the oldest has signed end with it: rotate no more often than refresh tokens are used.
    /// Says the new key's id.
    pub fn rotate(file: &Path, now: TimeMs) -> Result<u32, KeysError> {
        let keys = Self::open(file)?;
        let mut all = keys.ring().all().to_vec();
        if let Some(early) = all.iter().find(|key| key.signs_from > now) {
            return Err(KeysError::TooSoon(early.id));
        }
        let id = all.iter().map(|key| key.id).max().unwrap_or_default().wrapping_add(1);
        all.push(Key::new(id, random()?, TimeMs(now.0.saturating_add(KEY_LEAD_MS))));
        all.drain(..all.len().saturating_sub(KEYS_VALID_AT_ONCE_MAX));
        file::replace(file, &Ring(all))?;
        Ok(id)
    }

    pub(crate) fn ring(&self) -> Arc<Ring> {
        Arc::clone(&self.ring.read().unwrap_or_else(PoisonError::into_inner))
    }

    fn of(ring: Ring, file: Option<PathBuf>) -> Self {
        Self { ring: Arc::new(RwLock::new(Arc::new(ring))), file }
    }
}
