//! Links that end notices: a signed token says who no longer wants what by which channel.
//!
//! A token does one thing only, makes nobody known to whoever holds it but by a random id, and never runs out: a link in an
//! old mail has to work (two keys are valid at a time, so it works until the key after next).

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use order_model::CustomerId;

use crate::contacts::{ChannelKind, Mute};
use crate::mac::SigningKeys;
use crate::notice::Class;

/// What the signature begins with, so that nothing else signed with the key can be taken for a token.
const PURPOSE: &[u8] = b"doorbuster unsubscribe 1";
const PAYLOAD_BYTES: usize = 18;
const SIGNATURE_BYTES: usize = 16;

/// A text is no token of ours.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TokenError {
    /// It is not of a token's form.
    #[error("this is no unsubscribe link of ours; was it cut off?")]
    Malformed,
    /// Neither key has signed it.
    #[error("the unsubscribe link was not made by us, or is older than our last two keys")]
    Differs,
}

/// Makes the token for a link.
pub fn unsubscribe_token(keys: &SigningKeys, customer: CustomerId, mute: Mute) -> String {
    let mut token = payload(customer, mute).to_vec();
    let mut signature = keys.sign(&[PURPOSE, &token]);
    signature.truncate(SIGNATURE_BYTES);
    token.extend_from_slice(&signature);
    BASE64_URL_SAFE_NO_PAD.encode(token)
}

/// Reads a token: who, and what they no longer want.
pub fn read_unsubscribe_token(keys: &SigningKeys, token: &str) -> Result<(CustomerId, Mute), TokenError> {
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(token).map_err(|_| TokenError::Malformed)?;
    if bytes.len() != PAYLOAD_BYTES + SIGNATURE_BYTES {
        return Err(TokenError::Malformed);
    }
    let (payload, signature) = bytes.split_at(PAYLOAD_BYTES);
    if !keys.has_signed_shortened(&[PURPOSE, payload], signature) {
        return Err(TokenError::Differs);
    }
    let (customer, rest) = payload.split_first_chunk::<16>().ok_or(TokenError::Malformed)?;
    let channel = ChannelKind::ALL.into_iter().find(|channel| rest.first() == Some(&channel.number()));
    let class = Class::ALL.into_iter().find(|class| rest.get(1) == Some(&class.number()));
    match (channel, class) {
        (Some(channel), Some(class)) => Ok((CustomerId(*customer), Mute { channel, class })),
        _ => Err(TokenError::Malformed),
    }
}

fn payload(customer: CustomerId, mute: Mute) -> [u8; PAYLOAD_BYTES] {
    let mut payload = [0; PAYLOAD_BYTES];
    payload[..16].copy_from_slice(&customer.0);
    payload[16] = mute.channel.number();
    payload[17] = mute.class.number();
    payload
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_was_signed_and_nothing_else_is_one() {
        let keys = SigningKeys::new(&[1; 32], None).unwrap();
        let rotated = SigningKeys::new(&[2; 32], Some(&[1; 32])).unwrap();
        let foreign = SigningKeys::new(&[3; 32], None).unwrap();
        let customer = CustomerId::from(7);
        for channel in ChannelKind::ALL {
            for class in Class::ALL {
                let mute = Mute { channel, class };
                let token = unsubscribe_token(&keys, customer, mute);
                assert_eq!(read_unsubscribe_token(&keys, &token), Ok((customer, mute)));
                assert_eq!(read_unsubscribe_token(&rotated, &token), Ok((customer, mute)));
                assert_eq!(read_unsubscribe_token(&foreign, &token), Err(TokenError::Differs));
            }
        }
        let mute = Mute { channel: ChannelKind::Email, class: Class::Offers };
        let token = unsubscribe_token(&keys, customer, mute);
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&token).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(read_unsubscribe_token(&keys, &changed), Err(TokenError::Differs), "byte {at}");
        }
        for text in ["", "!", &token[1..], &format!("{token}AAAA")] {
            assert_eq!(read_unsubscribe_token(&keys, text), Err(TokenError::Malformed), "{text}");
        }
    }
}
