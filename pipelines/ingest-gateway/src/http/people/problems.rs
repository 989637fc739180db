//! What went wrong with accounts and log-ins, as problems.

use accounts::{
    ChangePasswordError, EraseError, LogInError, RefreshError, RegisterError, ResetError, Trouble,
    VerifyError,
};
use axum::http::StatusCode;

use super::Problem;

impl From<Trouble> for Problem {
    fn from(trouble: Trouble) -> Self {
        let detail = trouble.to_string();
        let later = |status, name, ms: u64| Self {
            retry_after_seconds: Some(ms.div_ceil(1_000)),
            ..Self::new(status, name, &*detail)
        };
        match trouble {
            Trouble::Busy { retry_after_ms } => {
                later(StatusCode::SERVICE_UNAVAILABLE, "busy", retry_after_ms)
            }
            Trouble::TooMany { retry_after_ms } => {
                later(StatusCode::TOO_MANY_REQUESTS, "too_many_attempts", retry_after_ms)
            }
            Trouble::Store(_) => {
                tracing::warn!("{detail}");
                let said = "accounts cannot be reached just now; orders of those who are logged in go on";
                Self {
                    retry_after_seconds: Some(1),
                    ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "accounts_away", said)
                }
            }
            Trouble::Contended => Self::new(StatusCode::CONFLICT, "changed_meanwhile", detail),
            Trouble::Machine(_) => {
                tracing::error!("{detail}");
                Self::new(
                    StatusCode::INTERNAL_SERVER_ERROR,
                    "gateway_failed",
                    "this gateway cannot do it; try again",
                )
            }
        }
    }
}

pub(super) fn unprocessable(name: &str, detail: String) -> Problem {
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, name, detail)
}

impl From<RegisterError> for Problem {
    fn from(error: RegisterError) -> Self {
        match error {
            RegisterError::PasswordIsAddress => unprocessable("password_invalid", error.to_string()),
            RegisterError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl From<VerifyError> for Problem {
    fn from(error: VerifyError) -> Self {
        match error {
            VerifyError::Link(_) => unprocessable("link_invalid", error.to_string()),
            VerifyError::Wrong => Self::new(StatusCode::UNAUTHORIZED, "log_in_wrong", error.to_string()),
            VerifyError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl From<ResetError> for Problem {
    fn from(error: ResetError) -> Self {
        match error {
            ResetError::Link(_) => unprocessable("link_invalid", error.to_string()),
            ResetError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl From<LogInError> for Problem {
    fn from(error: LogInError) -> Self {
        match error {
            LogInError::Wrong => Self::new(StatusCode::UNAUTHORIZED, "log_in_wrong", error.to_string()),
            LogInError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl From<RefreshError> for Problem {
    fn from(error: RefreshError) -> Self {
        match error {
            RefreshError::Trouble(trouble) => trouble.into(),
            RefreshError::NoToken | RefreshError::Ended | RefreshError::Reused => {
                Self::new(StatusCode::UNAUTHORIZED, "log_in_ended", error.to_string())
            }
        }
    }
}

impl From<ChangePasswordError> for Problem {
    fn from(error: ChangePasswordError) -> Self {
        match error {
            ChangePasswordError::Wrong => {
                Self::new(StatusCode::UNAUTHORIZED, "log_in_wrong", error.to_string())
            }
            ChangePasswordError::PasswordIsAddress => unprocessable("password_invalid", error.to_string()),
            ChangePasswordError::Trouble(trouble) => trouble.into(),
        }
    }
}

impl From<EraseError> for Problem {
    fn from(error: EraseError) -> Self {
        tracing::warn!("{error}");
        let detail = "not all of it could be deleted; ask again, and the rest is";
        Self {
            retry_after_seconds: Some(1),
            ..Self::new(StatusCode::SERVICE_UNAVAILABLE, "accounts_away", detail)
        }
    }
}
