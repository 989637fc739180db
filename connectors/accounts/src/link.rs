//! Links in letters: a signed token that says who may do what until when. Each is for one state of the account, so that
//! using it once makes it worthless.

use order_model::{CustomerId, TimeMs};

use crate::hidden::LinkToken;
use crate::keys::{Purpose, TokenKeys};
use crate::limits::{RESET_MS, VERIFY_MS};
use crate::seal;

const PAYLOAD_BYTES: usize = 1 + 16 + 16 + 8;

/// What a link lets its bearer do.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Errand {
    /// Say that the address is theirs, for the registration with this stamp.
    Verify { stamp: u128 },
    /// Set a new password, in this epoch of the account.
    Reset { epoch: u64 },
}

impl Errand {
    const fn number(self) -> u8 {
        match self {
            Self::Verify { .. } => 1,
            Self::Reset { .. } => 2,
        }
    }

    const fn valid_ms(self) -> u64 {
        match self {
            Self::Verify { .. } => VERIFY_MS,
            Self::Reset { .. } => RESET_MS,
        }
    }

    fn bound_to(self) -> u128 {
        match self {
            Self::Verify { stamp } => stamp,
            Self::Reset { epoch } => epoch.into(),
        }
    }
}

/// What a link says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Link {
    pub(crate) customer: CustomerId,
    pub(crate) errand: Errand,
}

/// Why a link does not work.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LinkError {
    /// It is no link of ours.
    #[error("this is no link of ours; was it cut off? Open it from the letter again")]
    NoLink,
    /// Its time is over.
    #[error("the link has expired; ask for a new letter")]
    Expired,
    /// It was used, or a newer letter took its place, or the account is gone.
    #[error(
        "the link was used already, or a newer letter has taken its place; open the newest, or ask for another"
    )]
    Spent,
}

impl Link {
    pub(crate) fn seal(self, keys: &TokenKeys, now: TimeMs) -> Option<LinkToken> {
        let mut payload = [0; PAYLOAD_BYTES];
        payload[0] = self.errand.number();
        payload[1..17].copy_from_slice(&self.customer.0);
        payload[17..33].copy_from_slice(&self.errand.bound_to().to_be_bytes());
        payload[33..].copy_from_slice(&now.0.saturating_add(self.errand.valid_ms()).to_be_bytes());
        seal::seal(keys, Purpose::Link, &payload, now).map(LinkToken::new)
    }

    pub(crate) fn open(keys: &TokenKeys, token: &LinkToken, now: TimeMs) -> Result<Self, LinkError> {
        let payload = seal::open::<PAYLOAD_BYTES>(keys, Purpose::Link, token.expose());
        let payload = payload.map_err(|_| LinkError::NoLink)?;
        let [number, rest @ ..] = payload;
        let (customer, rest) = rest.split_first_chunk::<16>().ok_or(LinkError::NoLink)?;
        let (bound_to, until) = rest.split_first_chunk::<16>().ok_or(LinkError::NoLink)?;
        let bound_to = u128::from_be_bytes(*bound_to);
        let errand = match number {
            1 => Errand::Verify { stamp: bound_to },
            2 => Errand::Reset { epoch: bound_to.try_into().map_err(|_| LinkError::NoLink)? },
            _ => return Err(LinkError::NoLink),
        };
        let until = u64::from_be_bytes(until.try_into().map_err(|_| LinkError::NoLink)?);
        if now.0 >= until {
            Err(LinkError::Expired)
        } else {
            Ok(Self { customer: CustomerId(*customer), errand })
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_link_says_what_until_when() {
        let keys = TokenKeys::in_memory([1; 32]);
        for (errand, valid_ms) in
            [(Errand::Verify { stamp: u128::MAX }, VERIFY_MS), (Errand::Reset { epoch: u64::MAX }, RESET_MS)]
        {
            let link = Link { customer: CustomerId::from(7), errand };
            let token = link.seal(&keys, TimeMs(5)).unwrap();
            let open = |now: u64| Link::open(&keys, &token, TimeMs(now));
            assert_eq!(open(5), Ok(link));
            assert_eq!(open(4 + valid_ms), Ok(link));
            assert_eq!(open(5 + valid_ms), Err(LinkError::Expired));
            let foreign = TokenKeys::in_memory([2; 32]);
            assert_eq!(Link::open(&foreign, &token, TimeMs(5)), Err(LinkError::NoLink));
            let cut = LinkToken::new(token.expose().split_at(20).0);
            assert_eq!(Link::open(&keys, &cut, TimeMs(5)), Err(LinkError::NoLink));
        }
    }

    proptest! {
        #[test]
        fn no_text_is_one(text in ".{0,120}", payload in any::<[u8; PAYLOAD_BYTES]>()) {
            let keys = TokenKeys::in_memory([1; 32]);
            prop_assert_eq!(Link::open(&keys, &LinkToken::new(text), TimeMs(5)), Err(LinkError::NoLink));
            // Whatever it says, even what we sign is read without a panic.
            let sealed = LinkToken::new(seal::seal(&keys, Purpose::Link, &payload, TimeMs(5)).unwrap());
            let _read = Link::open(&keys, &sealed, TimeMs(5)).is_ok();
        }
    }
}
