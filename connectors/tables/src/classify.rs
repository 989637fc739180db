//! What DynamoDB's answers mean. [`verdict`] is the pure table; [`classify`] brings every way a request can fail to it.

use std::error::Error;
use std::fmt;

use aws_sdk_dynamodb::config::http::HttpResponse;
use aws_sdk_dynamodb::error::{ProvideErrorMetadata, SdkError};

use crate::limits::DETAIL_CHARS_MAX;

/// What an answer that is no success means.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Verdict {
    /// The condition did not hold: what is there is as new, or newer. Nothing is left to do.
    Superseded,
    /// There is such an item already, and it was to be new.
    Exists,
    /// Too much at once: later, and more slowly.
    Throttled,
    /// Whether it was done is unknown, or it was not: the same may succeed later.
    Retry,
    /// This item will never be taken; others will.
    Refused,
    /// Nothing will be taken before a person has acted.
    Halt,
}

/// An answer that is no success.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Failure {
    /// What it means.
    pub verdict: Verdict,
    /// What was said, and what to do about it.
    pub detail: String,
}

impl Failure {
    /// The failure that a code, its message and the status of the answer make.
    pub fn of(code: &str, message: &str, status: Option<u16>) -> Self {
        let said = if message.is_empty() { code.to_owned() } else { format!("{code}: {}", cut(message)) };
        let detail = match advice(code, message) {
            Some(advice) => format!("{advice} ({said})"),
            None => said,
        };
        Self { verdict: verdict(code, message, status), detail }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.detail)
    }
}

/// The table: a code (with or without `Exception` or `Error` at its end, as requests and statements of a batch differ
/// there), its message, and the status of the answer, to what it means.
pub fn verdict(code: &str, message: &str, status: Option<u16>) -> Verdict {
    match stem(code) {
        "ConditionalCheckFailed" => Verdict::Superseded,
        "DuplicateItem" => Verdict::Exists,
        "ProvisionedThroughputExceeded"
        | "Throttling"
        | "Throttled"
        | "RequestLimitExceeded"
        | "LimitExceeded"
        | "TooManyRequests"
        | "SlowDown" => Verdict::Throttled,
        "InternalServer"
        | "InternalFailure"
        | "ServiceUnavailable"
        | "RequestTimeout"
        | "TransactionConflict"
        | "TransactionInProgress"
        | "ReplicatedWriteConflict"
        | "ResourceInUse"
        // The client fetches new ones by itself; the clock may be set right.
        | "ExpiredToken"
        | "RequestExpired" => Verdict::Retry,
        "ItemCollectionSizeLimitExceeded" => Verdict::Refused,
        "Validation" if is_about_one_item(message) => Verdict::Refused,
        "Validation"
        | "ResourceNotFound"
        | "TableNotFound"
        | "AccessDenied"
        | "UnrecognizedClient"
        | "InvalidClientTokenId"
        | "InvalidSignature"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthentication"
        | "OptInRequired"
        | "Serialization"
        | "UnknownOperation" => Verdict::Halt,
        _ => match status {
            Some(429) => Verdict::Throttled,
            Some(413) => Verdict::Refused,
            Some(400..=499) => Verdict::Halt,
            _ => Verdict::Retry,
        },
    }
}

/// What any failed request means.
pub fn classify<E>(error: &SdkError<E, HttpResponse>) -> Failure
where
    E: ProvideErrorMetadata + Error + 'static,
{
    match error {
        SdkError::ServiceError(service) => {
            let status = Some(service.raw().status().as_u16());
            let code = service.err().code().unwrap_or("answer without a code");
            Failure::of(code, service.err().message().unwrap_or_default(), status)
        }
        // The request could not even be made: the credentials are missing or cannot be fetched.
        SdkError::ConstructionFailure(_) => {
            Failure { verdict: Verdict::Halt, detail: format!("{CREDENTIALS} ({})", chain(error)) }
        }
        SdkError::TimeoutError(_) | SdkError::DispatchFailure(_) => Failure {
            verdict: Verdict::Retry,
            detail: format!("DynamoDB does not answer ({})", chain(error)),
        },
        _ => Failure {
            verdict: Verdict::Retry,
            detail: format!("DynamoDB's answer cannot be read ({})", chain(error)),
        },
    }
}

const CREDENTIALS: &str = "AWS takes no credentials from here; check AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, \
                           the profile, or the role of this machine";

fn advice(code: &str, message: &str) -> Option<&'static str> {
    Some(match stem(code) {
        "UnrecognizedClient"
        | "InvalidClientTokenId"
        | "InvalidSignature"
        | "SignatureDoesNotMatch"
        | "IncompleteSignature"
        | "MissingAuthenticationToken"
        | "MissingAuthentication" => CREDENTIALS,
        "AccessDenied" => "the credentials do not allow it; give their role the rights that the README lists",
        "OptInRequired" => "the account is not signed up for DynamoDB in this region",
        "ResourceNotFound" | "TableNotFound" => {
            "a table or index is missing; `pipeline table create` makes what is missing"
        }
        "ItemCollectionSizeLimitExceeded" => "the item does not fit into its collection",
        "Validation" if is_about_one_item(message) => {
            "the item is larger than the 400 KB that DynamoDB takes"
        }
        "Validation" if message.to_ascii_lowercase().contains("key") => {
            "a table has another key than schemas/dynamodb says; `pipeline table check` names it"
        }
        _ => return None,
    })
}

fn stem(code: &str) -> &str {
    // The wire has `com.amazonaws.dynamodb.v20120810#NAME` in some answers.
    let code = code.rsplit_once('#').map_or(code, |(_, name)| name);
    let code = code.strip_suffix("Exception").unwrap_or(code);
    code.strip_suffix("Error").unwrap_or(code)
}

fn is_about_one_item(message: &str) -> bool {
    let message = message.to_ascii_lowercase();
    message.contains("item size") || message.contains("exceeded the maximum allowed size")
}

fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        text.push_str(": ");
        text.push_str(&error.to_string());
        source = error.source();
    }
    cut(&text)
}

fn cut(text: &str) -> String {
    match text.char_indices().nth(DETAIL_CHARS_MAX) {
        Some((end, _)) => format!("{}…", text.get(..end).unwrap_or_default()),
        None => text.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn codes_and_what_they_mean() {
        #[rustfmt::skip]
        let table = [
            // code, message, status, meaning
            ("ConditionalCheckFailedException", "The conditional request failed", 400, Verdict::Superseded),
            ("ConditionalCheckFailed", "", 200, Verdict::Superseded),
            ("DuplicateItem", "", 200, Verdict::Exists),
            ("DuplicateItemException", "", 400, Verdict::Exists),
            ("ProvisionedThroughputExceededException", "", 400, Verdict::Throttled),
            ("ThrottlingException", "", 400, Verdict::Throttled),
            ("ThrottlingError", "", 200, Verdict::Throttled),
            ("RequestLimitExceeded", "", 400, Verdict::Throttled),
            ("com.amazonaws.dynamodb.v20120810#ThrottlingException", "", 400, Verdict::Throttled),
            ("InternalServerError", "", 500, Verdict::Retry),
            ("ServiceUnavailable", "", 503, Verdict::Retry),
            ("TransactionConflictException", "", 400, Verdict::Retry),
            ("ExpiredTokenException", "", 400, Verdict::Retry),
            ("ValidationException", "Item size has exceeded the maximum allowed size", 400, Verdict::Refused),
            ("ValidationError", "Item size to update has exceeded the maximum allowed size", 200, Verdict::Refused),
            ("ItemCollectionSizeLimitExceededException", "", 400, Verdict::Refused),
            ("ValidationException", "The provided key element does not match the schema", 400, Verdict::Halt),
            ("ResourceNotFoundException", "", 400, Verdict::Halt),
            ("AccessDeniedException", "", 400, Verdict::Halt),
            ("UnrecognizedClientException", "", 400, Verdict::Halt),
            ("InvalidSignatureException", "", 400, Verdict::Halt),
            ("NewFangledException", "", 400, Verdict::Halt),
            ("NewFangledException", "", 429, Verdict::Throttled),
            ("NewFangledException", "", 413, Verdict::Refused),
            ("NewFangledException", "", 500, Verdict::Retry),
        ];
        for (code, message, status, meaning) in table {
            assert_eq!(verdict(code, message, Some(status)), meaning, "{code} {message} {status}");
        }
        assert_eq!(verdict("NewFangled", "", None), Verdict::Retry);
    }

    #[test]
    fn what_a_person_has_to_do_is_said() {
        for (code, message, word) in [
            ("UnrecognizedClientException", "The security token is invalid", "AWS_ACCESS_KEY_ID"),
            ("AccessDeniedException", "not authorized to perform dynamodb:PartiQLInsert", "PartiQLInsert"),
            ("ResourceNotFoundException", "", "pipeline table create"),
            ("ValidationException", "The provided key element does not match the schema", "another key"),
            ("ValidationException", "Item size has exceeded the maximum allowed size", "400 KB"),
        ] {
            let failure = Failure::of(code, message, Some(400));
            assert!(failure.detail.contains(word), "{failure}");
            assert!(failure.detail.contains(code), "{failure}");
        }
        assert!(Failure::of("X", &"é".repeat(1000), None).detail.chars().count() < 310);
    }
}
