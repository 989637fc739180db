//! Passwords, and their hashes: argon2id, a bounded number at a time, off the threads that answer requests.

use std::fmt;
use std::sync::Arc;

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use icu_normalizer::ComposingNormalizerBorrowed;
use tokio::sync::Semaphore;

use crate::email::EmailAddress;
use crate::limits::{
    ARGON2_LANES, ARGON2_MEMORY_KIB, ARGON2_PASSES, HASHES_WAITING_MAX, PASSWORD_BYTES_MAX,
    PASSWORD_CHARS_MAX, PASSWORD_CHARS_MIN,
};
use crate::random::random;

/// A password: 8 to 128 characters of Unicode, the same however a keyboard composes them (NFC).
#[derive(Clone)]
pub struct Password(String);

/// Why a text is no password. Does not repeat it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PasswordError {
    /// Too short.
    #[error("a password has at least {PASSWORD_CHARS_MIN} characters; choose a longer one")]
    TooShort,
    /// Too long.
    #[error("a password has at most {PASSWORD_CHARS_MAX} characters; choose a shorter one")]
    TooLong,
}

impl Password {
    /// Takes a text for a password.
    pub fn new(text: &str) -> Result<Self, PasswordError> {
        if text.len() > PASSWORD_BYTES_MAX {
            return Err(PasswordError::TooLong);
        }
        let text = ComposingNormalizerBorrowed::new_nfc().normalize(text);
        match text.chars().count() {
            ..PASSWORD_CHARS_MIN => Err(PasswordError::TooShort),
            PASSWORD_CHARS_MIN..=PASSWORD_CHARS_MAX => Ok(Self(text.into_owned())),
            _ => Err(PasswordError::TooLong),
        }
    }

    /// Whether it is an address, which is the first thing others try.
    pub(crate) fn is(&self, address: &EmailAddress) -> bool {
        EmailAddress::parse(&self.0).is_ok_and(|text| text == *address)
    }
}

impl fmt::Debug for Password {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Password(hidden)")
    }
}

/// What a password hash costs. Production takes the default; tests cannot wait that long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct HashCost {
    /// Memory, in kibibytes.
    pub memory_kib: u32,
    /// Passes over it.
    pub passes: u32,
    /// Lanes.
    pub lanes: u32,
}

impl Default for HashCost {
    fn default() -> Self {
        Self { memory_kib: ARGON2_MEMORY_KIB, passes: ARGON2_PASSES, lanes: ARGON2_LANES }
    }
}

/// Why there is no hash.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub(crate) enum HashError {
    /// Too many wait already.
    #[error("too many passwords are being checked")]
    Busy,
    /// It cannot be done: the options, the memory, or a hash that is none.
    #[error("a password cannot be hashed: {0}")]
    Failed(String),
}

/// Hashes and checks passwords.
pub(crate) struct Hasher {
    argon2: Argon2<'static>,
    /// Taken for accounts that do not exist, so that checking takes as long.
    nobody: String,
    running: Arc<Semaphore>,
    admitted: Arc<Semaphore>,
}

impl Hasher {
    /// At most `at_once` hashes run at a time. Hashes once.
    pub(crate) fn new(cost: HashCost, at_once: usize) -> Result<Self, HashError> {
        let params = Params::new(cost.memory_kib, cost.passes, cost.lanes, None).map_err(failed)?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let secret: [u8; 16] = random().map_err(failed)?;
        let nobody = hash(&argon2, &secret)?;
        let at_once = at_once.max(1);
        Ok(Self {
            argon2,
            nobody,
            running: Arc::new(Semaphore::new(at_once)),
            admitted: Arc::new(Semaphore::new(at_once + HASHES_WAITING_MAX)),
        })
    }

    /// The password's hash, with a salt of its own, in PHC's form.
    pub(crate) async fn hash(&self, password: &Password) -> Result<String, HashError> {
        let password = password.clone();
        self.run(move |argon2| hash(argon2, password.0.as_bytes())).await?
    }

    /// Whether the password is that of the hash; without one it is not, after the same time.
    pub(crate) async fn matches(
        &self,
        password: &Password,
        expected: Option<&str>,
    ) -> Result<bool, HashError> {
        let is_somebody = expected.is_some();
        let (password, expected) = (password.clone(), expected.unwrap_or(&self.nobody).to_owned());
        let is_right = self.run(move |argon2| {
            let expected = PasswordHash::new(&expected).map_err(failed)?;
            Ok(argon2.verify_password(password.0.as_bytes(), &expected).is_ok())
        });
        is_right.await?.map(|is_right| is_right && is_somebody)
    }

    /// Whether a hash was made with other costs than new ones are.
    pub(crate) fn is_outdated(&self, hash: &str) -> bool {
        let parameters = |hash: &str| hash.rsplitn(3, '$').nth(2).map(str::to_owned);
        parameters(hash) != parameters(&self.nobody)
    }

    /// Has everybody who comes told to come back, until what it gives is dropped.
    #[cfg(test)]
    pub(crate) fn occupy(&self) -> Vec<tokio::sync::OwnedSemaphorePermit> {
        std::iter::from_fn(|| Arc::clone(&self.admitted).try_acquire_owned().ok()).collect()
    }

    async fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce(&Argon2<'static>) -> T + Send + 'static,
    ) -> Result<T, HashError> {
        let admitted = Arc::clone(&self.admitted).try_acquire_owned().map_err(|_| HashError::Busy)?;
        let running = Arc::clone(&self.running).acquire_owned().await.map_err(failed)?;
        let argon2 = self.argon2.clone();
        // The permits go with the work: it runs on when nobody waits for it any more.
        let work = tokio::task::spawn_blocking(move || {
            let done = work(&argon2);
            drop((running, admitted));
            done
        });
        work.await.map_err(failed)
    }
}

fn hash(argon2: &Argon2<'_>, password: &[u8]) -> Result<String, HashError> {
    Ok(argon2.hash_password(password).map_err(failed)?.to_string())
}

fn failed(error: impl fmt::Display) -> HashError {
    HashError::Failed(error.to_string())
}

#[cfg(test)]
mod tests {
    use super::*;

    const CHEAP: HashCost = HashCost { memory_kib: 8, passes: 1, lanes: 1 };

    #[test]
    fn what_is_a_password() {
        // Eight characters of four bytes, and eight that are written as two each.
        let emoji = "🦀".repeat(8);
        let decomposed = "e\u{301}".repeat(8);
        for (text, result) in [
            ("1234567", Some(PasswordError::TooShort)),
            ("12345678", None),
            (emoji.as_str(), None),
            (decomposed.as_str(), None),
            (&"e\u{301}".repeat(7), Some(PasswordError::TooShort)),
            (&"é".repeat(128), None),
            (&"e\u{301}".repeat(128), None),
            (&"é".repeat(129), Some(PasswordError::TooLong)),
            (&"a".repeat(100_000), Some(PasswordError::TooLong)),
        ] {
            assert_eq!(Password::new(text).err(), result, "{}", text.chars().count());
        }
        assert_eq!(format!("{:?}", Password::new(&emoji).unwrap()), "Password(hidden)");
    }

    #[tokio::test]
    async fn the_right_password_alone_matches() {
        let hasher = Hasher::new(CHEAP, 1).unwrap();
        let password = |text: &str| Password::new(text).unwrap();
        let hash = hasher.hash(&password("caf\u{e9} au lait")).await.unwrap();
        assert!(hash.starts_with("$argon2id$v=19$m=8,t=1,p=1$"), "{hash}");
        assert!(hasher.matches(&password("cafe\u{301} au lait"), Some(&hash)).await.unwrap());
        assert!(!hasher.matches(&password("cafe au lait"), Some(&hash)).await.unwrap());
        assert!(!hasher.matches(&password("cafe au lait"), None).await.unwrap());
        assert!(hasher.matches(&password("cafe au lait"), Some("none")).await.is_err());
        assert_ne!(hasher.hash(&password("caf\u{e9} au lait")).await.unwrap(), hash, "a salt each");
        assert!(!hasher.is_outdated(&hash));
        assert!(Hasher::new(HashCost { passes: 2, ..CHEAP }, 1).unwrap().is_outdated(&hash));
    }

    #[tokio::test]
    async fn only_so_many_wait() {
        let hasher = Hasher::new(CHEAP, 1).unwrap();
        let waiting = hasher.occupy();
        assert_eq!(waiting.len(), 1 + HASHES_WAITING_MAX);
        let password = Password::new("cafe au lait").unwrap();
        assert_eq!(hasher.hash(&password).await, Err(HashError::Busy));
        drop(waiting);
        hasher.hash(&password).await.unwrap();
    }
}
