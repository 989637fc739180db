//! The one place that judges a raw record of `orders`: readable and trusted, or which of the named reasons not.

use order_model::limits::{RECORD_KEY_BYTES_MAX, RECORD_VALUE_BYTES_MAX};
use order_model::{Command, Partition, TimeMs};

use crate::codec::Codec;
use crate::error::{BadRecord, DecodeError};
use crate::keyring::KeyRing;
use crate::mac::MacError;
use crate::reason::DeadLetterReason;
use crate::registry::RegistryError;

/// A record of `orders` as it was read.
#[derive(Clone, Copy, Debug)]
pub struct RawRecord<'a> {
    /// The partition it was read from: a relay is to be trusted only there.
    pub partition: Partition,
    /// The record's time: decides which keys are valid.
    pub time: TimeMs,
    /// Its key.
    pub key: Option<&'a [u8]>,
    /// Its value.
    pub value: Option<&'a [u8]>,
    /// The value of its header [`crate::MAC_HEADER`].
    pub mac: Option<&'a [u8]>,
}

/// Why a record gave no command.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Unreadable {
    /// It is bad and goes to `dead-letters`; the detail is for people.
    Bad(DeadLetterReason, String),
    /// The registry did not answer: try again, and decide nothing after it before.
    Retry(RegistryError),
}

/// Reads the command of a record, and checks its right to say it.
///
/// With the same answers of the registry, the same record gives the same result for ever: nothing else is asked.
#[inline]
pub fn read_command(codec: &Codec, ring: &KeyRing, record: &RawRecord<'_>) -> Result<Command, Unreadable> {
    let Some(value) = record.value else {
        return Err(BadRecord::NullValue.into());
    };
    check_sizes(value, record.key)?;
    let command = codec.command_from(value)?;
    if record.key.is_none() && command.home_sku().is_some() {
        return Err(null_key());
    }
    if let Command::Relay(_) = command {
        ring.verify(record.time, record.mac, Some(&relay_mac_key(record.partition)), value)?;
    } else if command.is_privileged() {
        ring.verify(record.time, record.mac, record.key, value)?;
    }
    Ok(command)
}

/// What stands in the place of the key in the MAC of a relay: the partition it is sent to. Its number says which relay
/// it is only there; a copy of it elsewhere would pass for another.
pub fn relay_mac_key(to: Partition) -> [u8; 4] {
    to.0.to_be_bytes()
}

#[inline]
fn check_sizes(value: &[u8], key: Option<&[u8]>) -> Result<(), Unreadable> {
    if value.len() > RECORD_VALUE_BYTES_MAX {
        let detail = format!("the value has {} bytes, the most is {RECORD_VALUE_BYTES_MAX}", value.len());
        return Err(Unreadable::Bad(DeadLetterReason::ValueTooLarge, detail));
    }
    match key {
        Some(key) if key.len() > RECORD_KEY_BYTES_MAX => {
            let detail = format!("the key has {} bytes, the most is {RECORD_KEY_BYTES_MAX}", key.len());
            Err(Unreadable::Bad(DeadLetterReason::KeyTooLarge, detail))
        }
        _ => Ok(()),
    }
}

#[cold]
fn null_key() -> Unreadable {
    let detail = "the record has no key; the key of this command is its smallest SKU".to_owned();
    Unreadable::Bad(DeadLetterReason::NullKey, detail)
}

impl From<BadRecord> for Unreadable {
    #[cold]
    fn from(bad: BadRecord) -> Self {
        Self::Bad(bad.reason(), bad.to_string())
    }
}

impl From<DecodeError> for Unreadable {
    #[cold]
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Bad(bad) => bad.into(),
            DecodeError::Registry(error) => Self::Retry(error),
        }
    }
}

impl From<MacError> for Unreadable {
    #[cold]
    fn from(error: MacError) -> Self {
        Self::Bad(error.reason(), error.to_string())
    }
}
