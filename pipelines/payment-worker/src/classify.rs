//! What a provider's refusal means: a pure table from its answer to a [`Verdict`].

use crate::provider::Verdict;

/// A provider's refusal, in the words of Stripe's API.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Refusal<'a> {
    /// The HTTP status.
    pub status: u16,
    /// `error.type`; empty when there is none.
    pub kind: &'a str,
    /// `error.code`; empty when there is none.
    pub code: &'a str,
}

/// What to do about a refusal. The first row that fits counts.
///
/// | status | type | code | verdict | why |
/// |---|---|---|---|---|
/// | any | any | `idempotency_key_in_use`, `lock_timeout`, `rate_limit` | retry | the call was turned away whole |
/// | 409, 429 | any | any | retry | the same, without a code |
/// | any | any | `resource_missing` | missing | there is no such payment |
/// | any | any | `payment_intent_unexpected_state`, `charge_already_refunded`, `charge_already_captured`, `intent_invalid_state` | look up | the payment is further than we thought |
/// | any | `idempotency_error` | any | look up | the key was used for another amount |
/// | 401, 403 | any | any | halt | the key is wrong, or lacks a right |
/// | any | `authentication_error` | any | halt | the same |
/// | 402 | any | any | decline | the bank or the customer says no |
/// | any | `card_error` | any | decline | the same |
/// | 404 | any | any | look up | perhaps no answer of this API |
/// | 500 and up | any | any | look up | it may have happened |
/// | 400 to 499 | any | any | decline | it will never be taken as it is |
/// | others | any | any | look up | no answer of this API |
pub fn classify(refusal: Refusal<'_>) -> Verdict {
    let Refusal { status, kind, code } = refusal;
    match (status, kind, code) {
        (_, _, "idempotency_key_in_use" | "lock_timeout" | "rate_limit") | (409 | 429, _, _) => {
            Verdict::Retry
        }
        (_, _, "resource_missing") => Verdict::Missing,
        (
            _,
            _,
            "payment_intent_unexpected_state"
            | "charge_already_refunded"
            | "charge_already_captured"
            | "intent_invalid_state",
        )
        | (_, "idempotency_error", _) => Verdict::LookUp,
        (401 | 403, _, _) | (_, "authentication_error", _) => Verdict::Halt,
        (402, _, _) | (_, "card_error", _) => Verdict::Decline,
        (404, _, _) => Verdict::LookUp,
        (400..=499, _, _) => Verdict::Decline,
        _ => Verdict::LookUp,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table() {
        for (status, kind, code, verdict) in [
            (429, "invalid_request_error", "rate_limit", Verdict::Retry),
            (429, "", "", Verdict::Retry),
            (409, "idempotency_error", "idempotency_key_in_use", Verdict::Retry),
            (400, "invalid_request_error", "lock_timeout", Verdict::Retry),
            (400, "idempotency_error", "", Verdict::LookUp),
            (400, "invalid_request_error", "payment_intent_unexpected_state", Verdict::LookUp),
            (400, "invalid_request_error", "charge_already_refunded", Verdict::LookUp),
            (404, "invalid_request_error", "resource_missing", Verdict::Missing),
            (404, "", "", Verdict::LookUp),
            (401, "invalid_request_error", "", Verdict::Halt),
            (403, "", "", Verdict::Halt),
            (400, "authentication_error", "", Verdict::Halt),
            (402, "card_error", "card_declined", Verdict::Decline),
            (400, "card_error", "", Verdict::Decline),
            (400, "invalid_request_error", "amount_too_small", Verdict::Decline),
            (500, "api_error", "", Verdict::LookUp),
            (503, "", "", Verdict::LookUp),
            (302, "", "", Verdict::LookUp),
        ] {
            assert_eq!(classify(Refusal { status, kind, code }), verdict, "{status} {kind} {code}");
        }
    }
}
