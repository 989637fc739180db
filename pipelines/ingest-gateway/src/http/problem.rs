//! Problem documents (RFC 9457): every refusal over HTTP is one.

use accounts::CartError;
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE, RETRY_AFTER, WWW_AUTHENTICATE};
use axum::http::{HeaderValue, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;

use crate::people::PeopleRefusal;
use crate::service::{Code, Refusal};

/// A problem document. `type` is stable.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Problem)]
pub struct Problem {
    /// What kind of problem: `/problems/` and a stable name.
    #[serde(rename = "type")]
    #[schema(value_type = String)]
    pub kind: Box<str>,
    /// The name, in words.
    #[schema(value_type = String)]
    pub title: Box<str>,
    /// The status of the answer, or what it would be for one order of a batch.
    #[serde(serialize_with = "as_number")]
    #[schema(value_type = u16)]
    pub status: StatusCode,
    /// What is wrong, and what to do.
    #[schema(value_type = String)]
    pub detail: Box<str>,
    /// The number of the reject reason, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject_number: Option<u16>,
    /// The number of the waiting room's refusal, where it is one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub room_refusal_number: Option<u8>,
    /// The place in the body, such as `lines[0].quantity`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub place: Option<Box<str>>,
    /// The line of the body, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The column there, from 1.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub column: Option<u32>,
    /// How far the decisions had been read, where it rests on decisions: ledger and number.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<String>)]
    pub read_at: Option<Box<str>>,
    /// When to ask again, in seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub retry_after_seconds: Option<u64>,
}

fn as_number<S: serde::Serializer>(status: &StatusCode, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u16(status.as_u16())
}

impl Problem {
    /// A problem with a name.
    pub fn new(status: StatusCode, name: &str, detail: impl Into<String>) -> Self {
        Self {
            kind: format!("/problems/{name}").into(),
            title: name.replace('_', " ").into(),
            status,
            detail: detail.into().into(),
            reject_number: None,
            room_refusal_number: None,
            place: None,
            line: None,
            column: None,
            read_at: None,
            retry_after_seconds: None,
        }
    }

    /// The stable name.
    pub fn name(&self) -> &str {
        self.kind.strip_prefix("/problems/").unwrap_or(&self.kind)
    }

    /// A malformed request.
    pub(super) fn bad_request(name: &str, detail: impl Into<String>) -> Self {
        Self::new(StatusCode::BAD_REQUEST, name, detail)
    }
}

impl From<Refusal> for Problem {
    fn from(refusal: Refusal) -> Self {
        let status = match refusal.code() {
            Code::Unauthenticated => StatusCode::UNAUTHORIZED,
            Code::Forbidden => StatusCode::FORBIDDEN,
            Code::NotFound => StatusCode::NOT_FOUND,
            Code::Malformed => StatusCode::BAD_REQUEST,
            Code::Unprocessable => StatusCode::UNPROCESSABLE_ENTITY,
            Code::Conflict => StatusCode::CONFLICT,
            Code::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Code::TooMany => StatusCode::TOO_MANY_REQUESTS,
            Code::Unavailable => StatusCode::SERVICE_UNAVAILABLE,
            Code::Unknown => StatusCode::GATEWAY_TIMEOUT,
            Code::Internal => StatusCode::INTERNAL_SERVER_ERROR,
        };
        let mut problem = Self::new(status, refusal.name(), refusal.to_string());
        problem.retry_after_seconds = refusal.retry_after_seconds();
        if let Refusal::RoomRefused { reason, .. } = refusal {
            problem.room_refusal_number = Some(reason.number());
        }
        if let Refusal::Rejected { reason, read_at } = refusal {
            problem.reject_number = Some(reason.number());
            problem.read_at = read_at.map(|at| at.to_string().into());
        }
        problem
    }
}

impl From<PeopleRefusal> for Problem {
    fn from(refusal: PeopleRefusal) -> Self {
        Refusal::from(refusal).into()
    }
}

impl From<CartError> for Problem {
    fn from(error: CartError) -> Self {
        PeopleRefusal::from(error).into()
    }
}

impl From<Refusal> for Box<Problem> {
    fn from(refusal: Refusal) -> Self {
        Self::new(refusal.into())
    }
}

impl IntoResponse for Problem {
    fn into_response(self) -> Response {
        let body = serde_json::to_vec(&self).unwrap_or_default();
        let mut response = (self.status, body).into_response();
        let headers = response.headers_mut();
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
        headers.insert(CACHE_CONTROL, HeaderValue::from_static("no-store"));
        if let Some(seconds) = self.retry_after_seconds {
            headers.insert(RETRY_AFTER, HeaderValue::from(seconds));
        }
        if self.status == StatusCode::UNAUTHORIZED {
            headers.insert(WWW_AUTHENTICATE, HeaderValue::from_static("Bearer"));
        }
        // A call over gRPC says it in its own way.
        response.extensions_mut().insert(self);
        response
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        Problem::from(self).into_response()
    }
}
