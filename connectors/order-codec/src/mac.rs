//! The MAC of a privileged command: keyed BLAKE3 over the record's key and value.
//!
//! It says that whoever wrote the record has a key of the ring. It does not say that the record is new, or, but for
//! relays, in which partition it belongs: the command's own id makes a copy of it harmless. A relay has but a number,
//! which is another relay's in another partition, so its MAC is over the partition it is sent to instead of the key
//! ([`crate::relay_mac_key`]).

use crate::reason::DeadLetterReason;

/// The name of the header that carries the MAC.
pub const MAC_HEADER: &str = "doorbuster-mac";

/// Separates our MACs from whatever else a secret may be used for.
const CONTEXT: &str = "doorbuster 2026 command mac version 1";
/// Separates derived secrets from the MACs.
const SECRET_CONTEXT: &str = "doorbuster 2026 derived secret version 1";
const VERSION: u8 = 1;
const HEADER_BYTES: usize = 1 + 4 + blake3::OUT_LEN;
/// Stands for the length of a key that is null, which no key has.
const NULL_KEY_LENGTH: u64 = u64::MAX;

/// Why a record's MAC does not let it pass.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum MacError {
    /// There is none.
    #[error("the command is privileged and the record has no header {MAC_HEADER}")]
    Missing,
    /// It names a key that the ring does not have.
    #[error(
        "the MAC is by key {0}, which is not in the key file; keep old keys there, or replays go another way"
    )]
    KeyUnknown(u32),
    /// It names a key that is not valid at the record's time.
    #[error("the MAC is by key {0}, which is not valid at the record's time; sign with the current key")]
    KeyNotValid(u32),
    /// It has another version or length.
    #[error("the header {MAC_HEADER} is not one of version 1: a version, a key id, 32 bytes of MAC")]
    Malformed,
    /// It is not that of this record.
    #[error("the MAC is not that of this record: the key, the value or the secret differs")]
    Wrong,
}

impl MacError {
    /// The name the failure has in a dead letter.
    pub fn reason(self) -> DeadLetterReason {
        match self {
            Self::Missing => DeadLetterReason::MacMissing,
            Self::KeyUnknown(_) | Self::KeyNotValid(_) => DeadLetterReason::MacKeyUnknown,
            Self::Malformed | Self::Wrong => DeadLetterReason::MacWrong,
        }
    }
}

/// The key that is really used: derived from the secret, and worth nothing elsewhere.
pub(crate) fn derive(secret: &[u8; 32]) -> [u8; 32] {
    blake3::derive_key(CONTEXT, secret)
}

/// A secret for one purpose and input. The purpose's length goes first, so that no byte can move between the two.
pub(crate) fn derive_secret(secret: &[u8; 32], purpose: &str, input: &[u8]) -> [u8; 32] {
    let length = u64::try_from(purpose.len()).unwrap_or(u64::MAX);
    let mut hasher = blake3::Hasher::new_keyed(&blake3::derive_key(SECRET_CONTEXT, secret));
    hasher.update(&length.to_le_bytes()).update(purpose.as_bytes()).update(input);
    *hasher.finalize().as_bytes()
}

/// The MAC of a record. The key's length goes first, so that no byte can move between key and value.
pub(crate) fn mac(derived: &[u8; 32], key: Option<&[u8]>, value: &[u8]) -> blake3::Hash {
    let length = key.map_or(NULL_KEY_LENGTH, |key| u64::try_from(key.len()).unwrap_or(NULL_KEY_LENGTH));
    let mut hasher = blake3::Hasher::new_keyed(derived);
    hasher.update(&length.to_le_bytes()).update(key.unwrap_or_default()).update(value);
    hasher.finalize()
}

/// The header's value.
pub(crate) fn header(key_id: u32, mac: &blake3::Hash) -> Vec<u8> {
    let mut header = Vec::with_capacity(HEADER_BYTES);
    header.push(VERSION);
    header.extend_from_slice(&key_id.to_le_bytes());
    header.extend_from_slice(mac.as_bytes());
    header
}

/// The header's key id and MAC.
pub(crate) fn parse(header: &[u8]) -> Result<(u32, blake3::Hash), MacError> {
    let (head, mac) = header.split_last_chunk::<{ blake3::OUT_LEN }>().ok_or(MacError::Malformed)?;
    match head {
        [VERSION, a, b, c, d] => Ok((u32::from_le_bytes([*a, *b, *c, *d]), blake3::Hash::from_bytes(*mac))),
        _ => Err(MacError::Malformed),
    }
}
