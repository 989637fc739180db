//! Short signed texts: a payload of fixed size, the key's number and a MAC, in base64url. Nobody without a key can make one,
//! change one, or use one for another purpose.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use order_model::TimeMs;

use crate::keys::{Purpose, TokenKeys};

const ID_BYTES: usize = 4;
const MAC_BYTES: usize = 32;

/// Why a text is no sealed payload.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Broken {
    /// It is not of the form.
    Form,
    /// No key of ours has signed it.
    Signature,
}

/// Seals a payload; nothing when there is no key, which a ring always has.
pub(crate) fn seal(keys: &TokenKeys, purpose: Purpose, payload: &[u8], now: TimeMs) -> Option<String> {
    let ring = keys.ring();
    let key = ring.signing(now)?;
    let mut bytes = Vec::with_capacity(ID_BYTES + payload.len() + MAC_BYTES);
    bytes.extend_from_slice(&key.id.to_be_bytes());
    bytes.extend_from_slice(payload);
    let mac = key.mac(purpose, &bytes);
    bytes.extend_from_slice(mac.as_bytes());
    Some(BASE64_URL_SAFE_NO_PAD.encode(bytes))
}

/// The payload of a sealed text.
pub(crate) fn open<const N: usize>(
    keys: &TokenKeys,
    purpose: Purpose,
    text: &str,
) -> Result<[u8; N], Broken> {
    // Looked at before it is decoded: a long text costs nothing.
    if text.len() != (ID_BYTES + N + MAC_BYTES).saturating_mul(4).div_ceil(3) {
        return Err(Broken::Form);
    }
    let bytes = BASE64_URL_SAFE_NO_PAD.decode(text).map_err(|_| Broken::Form)?;
    let (signed, claimed) = bytes.split_last_chunk::<MAC_BYTES>().ok_or(Broken::Form)?;
    let (id, payload) = signed.split_first_chunk::<ID_BYTES>().ok_or(Broken::Form)?;
    let ring = keys.ring();
    let key = ring.find(u32::from_be_bytes(*id)).ok_or(Broken::Signature)?;
    // Comparing two hashes takes the same time wherever they differ.
    if key.mac(purpose, signed) != *claimed {
        return Err(Broken::Signature);
    }
    payload.try_into().map_err(|_| Broken::Form)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    const NOW: TimeMs = TimeMs(7);

    #[test]
    fn only_what_was_sealed_for_the_purpose_opens() {
        let keys = TokenKeys::in_memory([1; 32]);
        let sealed = seal(&keys, Purpose::Link, b"payload", NOW).unwrap();
        assert_eq!(open::<7>(&keys, Purpose::Link, &sealed), Ok(*b"payload"));
        assert_eq!(open::<7>(&keys, Purpose::Refresh, &sealed), Err(Broken::Signature));
        assert_eq!(open::<8>(&keys, Purpose::Link, &sealed), Err(Broken::Form));
        let foreign = TokenKeys::in_memory([2; 32]);
        assert_eq!(open::<7>(&foreign, Purpose::Link, &sealed), Err(Broken::Signature));
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(&sealed).unwrap();
        for at in 0..bytes.len() {
            let mut changed = bytes.clone();
            changed[at] ^= 1;
            let changed = BASE64_URL_SAFE_NO_PAD.encode(changed);
            assert_eq!(open::<7>(&keys, Purpose::Link, &changed), Err(Broken::Signature), "byte {at}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_it_panic(text in ".{0,80}", bytes in proptest::collection::vec(any::<u8>(), 43)) {
            let keys = TokenKeys::in_memory([1; 32]);
            prop_assert!(open::<7>(&keys, Purpose::Link, &text).is_err());
            let text = BASE64_URL_SAFE_NO_PAD.encode(bytes);
            prop_assert_eq!(open::<7>(&keys, Purpose::Link, &text), Err(Broken::Signature));
        }
    }
}
