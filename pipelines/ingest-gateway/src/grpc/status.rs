//! Problems as gRPC says them: one table from the statuses of HTTP, so that both say the same.
//!
//! | HTTP | gRPC |
//! |---|---|
//! | 400, 415, 422 | `INVALID_ARGUMENT`; `order_id_reused`: `ALREADY_EXISTS` |
//! | 401 | `UNAUTHENTICATED` |
//! | 403 | `PERMISSION_DENIED` |
//! | 404 | `NOT_FOUND`; no such call, or none here: `UNIMPLEMENTED` |
//! | 405 | `UNIMPLEMENTED` |
//! | 409 | `FAILED_PRECONDITION` |
//! | 408, 504 | `DEADLINE_EXCEEDED` |
//! | 413, 414, 429 | `RESOURCE_EXHAUSTED` |
//! | 503 | `UNAVAILABLE` |
//! | others | `INTERNAL` |

use axum::body::{Body, Bytes};
use axum::http::StatusCode;
use axum::response::Response;
use prost::Message as _;
use tonic::metadata::{MetadataMap, MetadataValue};
use tonic::{Code, Status};

use super::proto;
use crate::http::Problem;

/// What stands in `grpc-status-details-bin`: `google.rpc.Status`.
#[derive(Clone, PartialEq, prost::Message)]
struct RpcStatus {
    #[prost(int32, tag = "1")]
    code: i32,
    #[prost(string, tag = "2")]
    message: String,
    #[prost(message, repeated, tag = "3")]
    details: Vec<prost_types::Any>,
}

const PROBLEM_URL: &str = "type.googleapis.com/doorbuster.orders.v1.Problem";

fn code(problem: &Problem) -> Code {
    match (problem.status, problem.name()) {
        (_, "order_id_reused") => Code::AlreadyExists,
        (_, "no_such_resource") => Code::Unimplemented,
        (StatusCode::BAD_REQUEST | StatusCode::UNSUPPORTED_MEDIA_TYPE, _) => Code::InvalidArgument,
        (StatusCode::UNPROCESSABLE_ENTITY, _) => Code::InvalidArgument,
        (StatusCode::UNAUTHORIZED, _) => Code::Unauthenticated,
        (StatusCode::FORBIDDEN, _) => Code::PermissionDenied,
        (StatusCode::NOT_FOUND, _) => Code::NotFound,
        (StatusCode::METHOD_NOT_ALLOWED, _) => Code::Unimplemented,
        (StatusCode::CONFLICT, _) => Code::FailedPrecondition,
        (StatusCode::REQUEST_TIMEOUT | StatusCode::GATEWAY_TIMEOUT, _) => Code::DeadlineExceeded,
        (StatusCode::PAYLOAD_TOO_LARGE | StatusCode::URI_TOO_LONG, _) => Code::ResourceExhausted,
        (StatusCode::TOO_MANY_REQUESTS, _) => Code::ResourceExhausted,
        (StatusCode::SERVICE_UNAVAILABLE, _) => Code::Unavailable,
        _ => Code::Internal,
    }
}

impl From<&Problem> for proto::Problem {
    fn from(problem: &Problem) -> Self {
        Self {
            name: problem.name().to_owned(),
            detail: problem.detail.as_ref().to_owned(),
            code: i32::from(code(problem)),
            reject_number: problem.reject_number.map_or(0, u32::from),
            place: problem.place.as_deref().unwrap_or_default().to_owned(),
            read_at: problem.read_at.as_deref().unwrap_or_default().to_owned(),
            retry_after_seconds: problem.retry_after_seconds.unwrap_or_default(),
            room_refusal_number: problem.room_refusal_number.map_or(0, u32::from),
        }
    }
}

/// A problem as the status of a call.
pub(super) fn status(problem: impl Into<Problem>) -> Status {
    let problem = problem.into();
    let (code, message) = (code(&problem), problem.detail.as_ref().to_owned());
    let value = proto::Problem::from(&problem).encode_to_vec();
    let any = prost_types::Any { type_url: PROBLEM_URL.to_owned(), value };
    let details = RpcStatus { code: i32::from(code), message: message.clone(), details: vec![any] };
    let mut metadata = MetadataMap::new();
    if let Ok(name) = problem.name().parse() {
        metadata.insert("problem", name);
    }
    if let Some(number) = problem.reject_number {
        metadata.insert("reject-number", MetadataValue::from(number));
    }
    if let Some(seconds) = problem.retry_after_seconds {
        metadata.insert("retry-after", MetadataValue::from(seconds));
    }
    let details = Bytes::from(details.encode_to_vec());
    Status::with_details_and_metadata(code, message, details, metadata)
}

/// The answer to a call: a problem as a status, everything else as it is.
pub(crate) fn spoken(mut response: Response) -> Response {
    match response.extensions_mut().remove::<Problem>() {
        Some(problem) => status(problem).into_http::<Body>(),
        None => response,
    }
}

#[cfg(test)]
mod tests {
    use order_model::RejectReason;

    use super::*;
    use crate::service::Refusal;

    #[test]
    fn a_status_says_the_problem_three_times() {
        let reason = RejectReason::StockShort;
        let status = status(Refusal::Rejected { reason, read_at: None });
        assert_eq!(status.code(), Code::FailedPrecondition);
        assert_eq!(status.metadata().get("problem").unwrap(), "stock_short");
        assert_eq!(status.metadata().get("reject-number").unwrap(), &*reason.number().to_string());
        let details = RpcStatus::decode(status.details()).unwrap();
        assert_eq!((details.code, details.message.as_str()), (9, status.message()));
        let problem = proto::Problem::decode(details.details[0].value.as_slice()).unwrap();
        assert_eq!((problem.name.as_str(), problem.code), ("stock_short", 9));
        assert_eq!(problem.reject_number, u32::from(reason.number()));
    }

    #[test]
    fn the_table_is_kept() {
        let reused = Refusal::Rejected { reason: RejectReason::OrderIdReused, read_at: None };
        for (refusal, expected) in [
            (Refusal::NotIdentified, Code::Unauthenticated),
            (Refusal::NotVerified, Code::PermissionDenied),
            (Refusal::OrderUnknown, Code::NotFound),
            (Refusal::KeyInvalid, Code::InvalidArgument),
            (Refusal::CurrencyNeeded, Code::InvalidArgument),
            (Refusal::TooOften { retry_after_seconds: 3 }, Code::ResourceExhausted),
            (Refusal::LogAway, Code::Unavailable),
            (Refusal::OutcomeUnknown, Code::DeadlineExceeded),
            (Refusal::Unwritable, Code::Internal),
            (reused, Code::AlreadyExists),
        ] {
            let words = refusal.to_string();
            let status = status(refusal);
            assert_eq!((status.code(), status.message()), (expected, words.as_str()));
        }
    }
}
