//! Why something about an account or a cart was not done.

use accounts::{
    CartError, ChangePasswordError, EmailAddressError, EraseError, LogInError, PasswordError, RefreshError,
    RegisterError, ResetError, Trouble, VerifyError,
};
use sink_push::ContactsError;

use crate::limits::RETRY_AFTER_SECONDS;
use crate::service::Code;

/// Why something about an account or a cart was not done. What it says is for people.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PeopleRefusal {
    /// It is no e-mail address.
    #[error("{0}")]
    EmailInvalid(String),
    /// Nobody can have this password.
    #[error("{0}")]
    PasswordInvalid(String),
    /// The link is none of ours, has expired or was used.
    #[error("{0}")]
    LinkInvalid(String),
    /// The address or the password is wrong.
    #[error("{0}")]
    LogInWrong(String),
    /// There is no such log-in any more.
    #[error("{0}")]
    LogInEnded(String),
    /// There is no such account any more.
    #[error("there is no such account any more")]
    AccountGone,
    /// Others changed it at the same time.
    #[error("{0}")]
    ChangedMeanwhile(String),
    /// A cart cannot have such a line.
    #[error("{0}")]
    LineInvalid(String),
    /// There is nothing to check out.
    #[error("{0}")]
    CartEmpty(String),
    /// Too much goes on.
    #[error("{detail}")]
    Busy {
        /// In words.
        detail: String,
        /// When to try again.
        retry_after_seconds: u64,
    },
    /// It was tried too often.
    #[error("{detail}")]
    TooManyAttempts {
        /// In words.
        detail: String,
        /// When to try again.
        retry_after_seconds: u64,
    },
    /// The tables do not answer.
    #[error("{0}")]
    AccountsAway(&'static str),
    /// The tables do not answer.
    #[error("carts cannot be reached just now; try again")]
    CartsAway,
    /// Our fault.
    #[error("this gateway cannot do it; try again")]
    Failed,
}

impl PeopleRefusal {
    /// The stable name.
    pub fn name(&self) -> &'static str {
        match self {
            Self::EmailInvalid(_) => "email_invalid",
            Self::PasswordInvalid(_) => "password_invalid",
            Self::LinkInvalid(_) => "link_invalid",
            Self::LogInWrong(_) => "log_in_wrong",
            Self::LogInEnded(_) => "log_in_ended",
            Self::AccountGone => "account_gone",
            Self::ChangedMeanwhile(_) => "changed_meanwhile",
            Self::LineInvalid(_) => "line_invalid",
            Self::CartEmpty(_) => "cart_empty",
            Self::Busy { .. } => "busy",
            Self::TooManyAttempts { .. } => "too_many_attempts",
            Self::AccountsAway(_) => "accounts_away",
            Self::CartsAway => "carts_away",
            Self::Failed => "gateway_failed",
        }
    }

    /// What kind it is.
    pub fn code(&self) -> Code {
        match self {
            Self::EmailInvalid(_)
            | Self::PasswordInvalid(_)
            | Self::LinkInvalid(_)
            | Self::LineInvalid(_) => Code::Unprocessable,
            Self::LogInWrong(_) | Self::LogInEnded(_) => Code::Unauthenticated,
            Self::AccountGone => Code::NotFound,
            Self::ChangedMeanwhile(_) | Self::CartEmpty(_) => Code::Conflict,
            Self::TooManyAttempts { .. } => Code::TooMany,
            Self::Busy { .. } | Self::AccountsAway(_) | Self::CartsAway => Code::Unavailable,
            Self::Failed => Code::Internal,
        }
    }

    /// When to ask again, in seconds, where that may help.
    pub fn retry_after_seconds(&self) -> Option<u64> {
        match self {
            Self::Busy { retry_after_seconds, .. } | Self::TooManyAttempts { retry_after_seconds, .. } => {
                Some(*retry_after_seconds)
            }
            Self::AccountsAway(_) | Self::CartsAway => Some(RETRY_AFTER_SECONDS),
            _ => None,
        }
    }
}

impl From<Trouble> for PeopleRefusal {
    fn from(trouble: Trouble) -> Self {
        let detail = trouble.to_string();
        match trouble {
            Trouble::Busy { retry_after_ms } => {
                Self::Busy { detail, retry_after_seconds: retry_after_ms.div_ceil(1_000) }
            }
            Trouble::TooMany { retry_after_ms } => {
                Self::TooManyAttempts { detail, retry_after_seconds: retry_after_ms.div_ceil(1_000) }
            }
            Trouble::Store(_) => {
                tracing::warn!("{detail}");
                Self::AccountsAway(
                    "accounts cannot be reached just now; orders of those who are logged in go on",
                )
            }
            Trouble::Contended => Self::ChangedMeanwhile(detail),
            Trouble::Machine(_) => {
                tracing::error!("{detail}");
                Self::Failed
            }
        }
    }
}

impl From<EmailAddressError> for PeopleRefusal {
    fn from(error: EmailAddressError) -> Self {
        Self::EmailInvalid(error.to_string())
    }
}

impl From<PasswordError> for PeopleRefusal {
    fn from(error: PasswordError) -> Self {
        Self::PasswordInvalid(error.to_string())
    }
}

impl From<RegisterError> for PeopleRefusal {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::PasswordIsAddress => Self::PasswordInvalid(error.to_string()),
            RegisterError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl From<VerifyError> for PeopleRefusal {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Link(_) => Self::LinkInvalid(error.to_string()),
            VerifyError::Wrong => Self::LogInWrong(error.to_string()),
            VerifyError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl From<ResetError> for PeopleRefusal {
    fn from(error: ResetError) -> Self {
        match error {
            ResetError::Link(_) => Self::LinkInvalid(error.to_string()),
            ResetError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl From<LogInError> for PeopleRefusal {
    fn from(error: LogInError) -> Self {
        match error {
            LogInError::Wrong => Self::LogInWrong(error.to_string()),
            LogInError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl From<RefreshError> for PeopleRefusal {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Trouble(trouble) => trouble.into(),
            RefreshError::NoToken | RefreshError::Ended | RefreshError::Reused => {
                Self::LogInEnded(error.to_string())
            }
        }
    }
}

impl From<ChangePasswordError> for PeopleRefusal {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::Wrong => Self::LogInWrong(error.to_string()),
            ChangePasswordError::PasswordIsAddress => Self::PasswordInvalid(error.to_string()),
            ChangePasswordError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl From<EraseError> for PeopleRefusal {
    fn from(error: EraseError) -> Self {
        tracing::warn!("{error}");
        Self::AccountsAway("not all of it could be deleted; ask again, and the rest is")
    }
}

impl From<CartError> for PeopleRefusal {
    fn from(error: CartError) -> Self {
        match &error {
            CartError::Line(_) => Self::LineInvalid(error.to_string()),
            CartError::Empty => Self::CartEmpty(error.to_string()),
            CartError::Contended => Self::ChangedMeanwhile(error.to_string()),
            CartError::Store(_) | CartError::NoRandom(_) => {
                tracing::warn!("{error}");
                Self::CartsAway
            }
        }
    }
}

impl From<ContactsError> for PeopleRefusal {
    fn from(error: ContactsError) -> Self {
        tracing::warn!("{error}");
        Self::AccountsAway("what people are told cannot be changed just now; ask again")
    }
}
