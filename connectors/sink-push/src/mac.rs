//! HMAC-SHA256 with a key that can be replaced: two are valid at a time, the newer signs.

use std::fmt;

use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;

/// Shortest key, in bytes.
pub(crate) const KEY_BYTES_MIN: usize = 16;

/// A key is too short to protect anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("a signing key has {0} bytes, at least {KEY_BYTES_MIN} are needed; make one of random bytes")]
pub struct KeyError(usize);

/// The keys of signatures: the current one, and the one before it while both are around.
#[derive(Clone)]
pub struct SigningKeys {
    current: Vec<u8>,
    previous: Option<Vec<u8>>,
}

impl fmt::Debug for SigningKeys {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SigningKeys")
    }
}

impl SigningKeys {
    /// Keys from their bytes.
    pub fn new(current: &[u8], previous: Option<&[u8]>) -> Result<Self, KeyError> {
        for key in [Some(current), previous].into_iter().flatten() {
            if key.len() < KEY_BYTES_MIN {
                return Err(KeyError(key.len()));
            }
        }
        Ok(Self { current: current.to_vec(), previous: previous.map(<[u8]>::to_vec) })
    }

    /// Signs the parts, one after the other, with the current key.
    pub(crate) fn sign(&self, parts: &[&[u8]]) -> Vec<u8> {
        let Some(mac) = mac(&self.current, parts) else { return Vec::new() };
        mac.finalize().into_bytes().to_vec()
    }

    /// Whether one of the keys has signed the parts so. Takes the same time wherever they differ.
    pub(crate) fn has_signed(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        let keys = [Some(&self.current), self.previous.as_ref()].into_iter().flatten();
        keys.filter_map(|key| mac(key, parts)).any(|mac| mac.verify_slice(signature).is_ok())
    }

    /// The same for the first bytes of a signature: what is short enough for a link.
    pub(crate) fn has_signed_shortened(&self, parts: &[&[u8]], signature: &[u8]) -> bool {
        let keys = [Some(&self.current), self.previous.as_ref()].into_iter().flatten();
        keys.filter_map(|key| mac(key, parts)).any(|mac| mac.verify_truncated_left(signature).is_ok())
    }
}

/// HMAC takes keys of every length, so there always is one.
fn mac(key: &[u8], parts: &[&[u8]]) -> Option<Hmac<Sha256>> {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).ok()?;
    for part in parts {
        mac.update(part);
    }
    Some(mac)
}

/// Bytes as hexadecimal digits.
pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Hexadecimal digits as bytes.
pub(crate) fn from_hex(text: &str) -> Option<Vec<u8>> {
    if !text.len().is_multiple_of(2) || !text.is_ascii() {
        return None;
    }
    (0..text.len()).step_by(2).map(|at| u8::from_str_radix(text.get(at..at + 2)?, 16).ok()).collect()
}
