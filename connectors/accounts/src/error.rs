//! Why something could not be done, by operation. Nothing here holds an address, a password or a token.

use crate::attempts::TooMany;
use crate::limits::BUSY_RETRY_MS;
use crate::link::LinkError;
use crate::password::HashError;
use crate::random::NoRandom;
use crate::store::StoreError;

/// What can be in the way of every operation.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Trouble {
    /// Too much goes on here at the moment.
    #[error("too much goes on at the moment; try again in {} s", retry_after_ms.div_ceil(1_000))]
    Busy {
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// This was tried too often under that address, or from that network.
    #[error("this was tried too often; try again in {} s", retry_after_ms.div_ceil(1_000))]
    TooMany {
        /// When to come back, in milliseconds.
        retry_after_ms: u64,
    },
    /// The tables could not be used.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// Somebody else changed the same account again and again.
    #[error("the account was changed by others at the same time; try again")]
    Contended,
    /// This machine cannot do it.
    #[error("this gateway cannot do it: {0}; try another, and look at its log")]
    Machine(String),
}

impl Trouble {
    pub(crate) const BUSY: Self = Self::Busy { retry_after_ms: BUSY_RETRY_MS };

    pub(crate) fn no_key() -> Self {
        Self::Machine("there is no key that could sign a token".to_owned())
    }
}

impl From<HashError> for Trouble {
    fn from(error: HashError) -> Self {
        match error {
            HashError::Busy => Self::BUSY,
            HashError::Failed(_) => Self::Machine(error.to_string()),
        }
    }
}

impl From<NoRandom> for Trouble {
    fn from(error: NoRandom) -> Self {
        Self::Machine(error.to_string())
    }
}

impl From<TooMany> for Trouble {
    fn from(too_many: TooMany) -> Self {
        Self::TooMany { retry_after_ms: too_many.retry_after_ms }
    }
}

/// Why nobody was registered.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RegisterError {
    /// The password is the address.
    #[error("the password is the e-mail address, which others know; choose another")]
    PasswordIsAddress,
    /// As with every operation.
    #[error("register: {0}")]
    Trouble(#[from] Trouble),
}

/// Why an address was not verified.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum VerifyError {
    /// The link does not work.
    #[error("verify the address: {0}")]
    Link(#[from] LinkError),
    /// Whoever registered the address last chose another password. The link stays good.
    #[error(
        "the password is not the one this e-mail address was registered with last; check it, or ask for a new password: the \
         letter about that verifies the address too"
    )]
    Wrong,
    /// As with every operation.
    #[error("verify the address: {0}")]
    Trouble(#[from] Trouble),
}

/// Why a password was not reset.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ResetError {
    /// The link does not work.
    #[error("set a new password: {0}")]
    Link(#[from] LinkError),
    /// As with every operation.
    #[error("set a new password: {0}")]
    Trouble(#[from] Trouble),
}

/// Why nobody was logged in.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum LogInError {
    /// There is no such account, or it has another password; which of them is not told.
    #[error("the e-mail address or the password is wrong; check both, or ask for a new password")]
    Wrong,
    /// As with every operation.
    #[error("log in: {0}")]
    Trouble(#[from] Trouble),
}

/// Why there is no new access token.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RefreshError {
    /// It is no refresh token of ours.
    #[error("this is no refresh token of ours; log in")]
    NoToken,
    /// The log-in it belongs to has ended: logged out, expired, or a new password was set.
    #[error("this log-in has ended; log in again")]
    Ended,
    /// It was used before, so somebody else may have a copy: the log-in has ended for both.
    #[error("the refresh token was used before, so the log-in was ended; log in again")]
    Reused,
    /// As with every operation.
    #[error("refresh: {0}")]
    Trouble(#[from] Trouble),
}

/// Why a password was not changed.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ChangePasswordError {
    /// The old password is another.
    #[error("the old password is wrong; check it, or ask for a new one by letter")]
    Wrong,
    /// The new password is the address.
    #[error("the password is the e-mail address, which others know; choose another")]
    PasswordIsAddress,
    /// As with every operation.
    #[error("change the password: {0}")]
    Trouble(#[from] Trouble),
}

/// Why somebody's data were not deleted, or not all.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("delete an account: {0}; what is left is deleted when this is asked for again")]
pub struct EraseError(#[from] pub Trouble);

/// Why roles were not given.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RolesError {
    /// There is no such account.
    #[error("give roles: there is no such account; register it first")]
    NoAccount,
    /// As with every operation.
    #[error("give roles: {0}")]
    Trouble(#[from] Trouble),
}

macro_rules! through_trouble {
    ($($error:ident: $($cause:ty),+;)+) => {$($(
        impl From<$cause> for $error {
            fn from(cause: $cause) -> Self {
                Trouble::from(cause).into()
            }
        }
    )+)+};
}

through_trouble! {
    RegisterError: StoreError, HashError, NoRandom, TooMany;
    VerifyError: StoreError, HashError, TooMany;
    ResetError: StoreError, HashError, NoRandom;
    LogInError: StoreError, HashError, NoRandom;
    RefreshError: StoreError;
    ChangePasswordError: StoreError, HashError;
    EraseError: StoreError;
    RolesError: StoreError;
}
