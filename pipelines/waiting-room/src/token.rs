//! Tokens: what a customer shows to have the place again, which any gateway can check without asking anybody.
//!
//! A token says that this customer was told of a place, and how far the room had been read then: the entry, or what has
//! become of it since. It does not say the place: the room does, and a follower that has not read up to the offset knows that
//! it has to wait. Its MAC is by the key ring, so two keys are
//! valid at a time while they are rotated; a token outlives its key only if it was signed by the one that stays.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use order_codec::{KeyRing, MacError};
use order_model::{CustomerId, Offset, Partition, TimeMs};

use crate::limits::{TOKEN_LIFE_MS_MAX, TOKEN_TEXT_BYTES_MAX};
use crate::name::RoomName;

/// Stands where a record has its key, so that a token's MAC is no record's.
const DOMAIN: &[u8] = b"doorbuster waiting room token version 1";
const VERSION: u8 = 1;
const MAC_BYTES: usize = 1 + 4 + blake3::OUT_LEN;

/// What a token says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RoomToken {
    /// The room.
    pub room: RoomName,
    /// The customer.
    pub customer: CustomerId,
    /// The partition of the room.
    pub partition: Partition,
    /// The record up to which the room has to be read.
    pub offset: Offset,
    /// The first time it is worth nothing.
    pub expires_at: TimeMs,
}

/// Why a text is no token that is worth anything.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not the text of a token.
    #[error("this is not the token of a place; enter the room again, the place is kept")]
    Malformed,
    /// Its MAC does not let it pass.
    #[error("the token of the place is not to be trusted ({0}); enter the room again, the place is kept")]
    Mac(#[from] MacError),
    /// It has expired.
    #[error("the token of the place has expired; enter the room again, the place is kept")]
    Expired,
}

impl RoomToken {
    /// The token as text for URLs and headers; `None` when no key is valid at `now`. It lives [`TOKEN_LIFE_MS_MAX`] at most.
    pub fn sign(&self, ring: &KeyRing, now: TimeMs) -> Option<String> {
        let expires_at = self.expires_at.min(now.after(TOKEN_LIFE_MS_MAX));
        let name = self.room.as_str().as_bytes();
        let mut bytes = vec![VERSION, u8::try_from(name.len()).ok()?];
        bytes.extend_from_slice(name);
        bytes.extend_from_slice(&self.customer.0);
        bytes.extend_from_slice(&self.partition.0.to_le_bytes());
        bytes.extend_from_slice(&self.offset.0.to_le_bytes());
        bytes.extend_from_slice(&expires_at.0.to_le_bytes());
        let mac = ring.sign(now, Some(DOMAIN), &bytes)?;
        bytes.extend_from_slice(&mac);
        Some(URL_SAFE_NO_PAD.encode(bytes))
    }

    /// Reads a token and checks it at `now`.
    pub fn check(text: &str, ring: &KeyRing, now: TimeMs) -> Result<Self, TokenError> {
        if text.len() > TOKEN_TEXT_BYTES_MAX {
            return Err(TokenError::Malformed);
        }
        let bytes = URL_SAFE_NO_PAD.decode(text).map_err(|_| TokenError::Malformed)?;
        let (body, mac) = bytes.split_last_chunk::<MAC_BYTES>().ok_or(TokenError::Malformed)?;
        ring.verify(now, Some(mac), Some(DOMAIN), body)?;
        let token = parse(body).ok_or(TokenError::Malformed)?;
        if now < token.expires_at { Ok(token) } else { Err(TokenError::Expired) }
    }
}

fn parse(body: &[u8]) -> Option<RoomToken> {
    let ([VERSION, length], rest) = body.split_first_chunk::<2>()? else { return None };
    let (name, rest) = rest.split_at_checked(usize::from(*length))?;
    let (customer, rest) = rest.split_first_chunk::<16>()?;
    let (partition, rest) = rest.split_first_chunk::<4>()?;
    let (offset, rest) = rest.split_first_chunk::<8>()?;
    let expires_at: &[u8; 8] = rest.try_into().ok()?;
    Some(RoomToken {
        room: RoomName::from_bytes(name).ok()?,
        customer: CustomerId(*customer),
        partition: Partition(u32::from_le_bytes(*partition)),
        offset: Offset(u64::from_le_bytes(*offset)),
        expires_at: TimeMs(u64::from_le_bytes(*expires_at)),
    })
}
