//! HTTP endpoints: callbacks of the provider, and the sandbox in Stripe's shape.

use std::collections::HashMap;
use std::time::Duration;

use axum::Router;
use axum::body::Bytes;
use axum::extract::{DefaultBodyLimit, Path, RawQuery, State};
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE};
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use order_model::{CustomerId, OrderId};
use serde_json::{Value, json};

use crate::callback::{CallbackError, Callbacks, SIGNATURE_HEADER, Taken};
use crate::limits::CALLBACK_BYTES_MAX;
use crate::provider::{Charge, Payment, PaymentState};
use crate::sandbox::{Refused, Sandbox};
use crate::shape::{INTENTS, REFUNDS, write_payment};

/// Where the provider calls back.
pub const CALLBACK_PATH: &str = "/payments/callback";
/// How long a lost answer stays away, in seconds: longer than any client waits.
const LOST_ANSWER_SECS: u64 = 600;

/// The callback endpoint, at [`CALLBACK_PATH`]. Answers 200 for what is done, repeated or not ours; 400 for what will
/// never be taken; 503 for what is to be sent again.
pub fn callback_router(callbacks: Callbacks) -> Router {
    Router::new()
        .route(CALLBACK_PATH, post(take_callback))
        .layer(DefaultBodyLimit::max(CALLBACK_BYTES_MAX))
        .with_state(callbacks)
}

async fn take_callback(State(callbacks): State<Callbacks>, headers: HeaderMap, body: Bytes) -> Response {
    let header = headers.get(SIGNATURE_HEADER).and_then(|value| value.to_str().ok());
    let taken = match callbacks.take(header, &body) {
        Ok(Taken::Noted(receipt)) => receipt.done().await.map(|()| "noted"),
        Ok(Taken::Repeated) => Ok("repeated"),
        Ok(Taken::NotOurs) => Ok("not ours"),
        Err(error) => Err(error),
    };
    match taken {
        Ok(text) => (StatusCode::OK, text).into_response(),
        Err(error @ (CallbackError::Busy | CallbackError::Ended)) => {
            (StatusCode::SERVICE_UNAVAILABLE, error.to_string()).into_response()
        }
        Err(error) => {
            tracing::warn!(%error, "a callback was turned away");
            (StatusCode::BAD_REQUEST, error.to_string()).into_response()
        }
    }
}

/// The sandbox over HTTP. Any bearer key is good but an empty one and `wrong`.
pub fn sandbox_router(sandbox: Sandbox) -> Router {
    Router::new()
        .route(INTENTS, post(authorise))
        .route(&format!("{INTENTS}/search"), get(search))
        .route(&format!("{INTENTS}/{{id}}"), get(retrieve))
        .route(&format!("{INTENTS}/{{id}}/capture"), post(capture))
        .route(&format!("{INTENTS}/{{id}}/cancel"), post(cancel))
        .route(REFUNDS, post(refund))
        .layer(axum::middleware::from_fn(check_key))
        .with_state(sandbox)
}

async fn check_key(request: axum::extract::Request, next: axum::middleware::Next) -> Response {
    let header = request.headers().get(AUTHORIZATION).and_then(|value| value.to_str().ok());
    match header.and_then(|header| header.strip_prefix("Bearer ")) {
        None | Some("" | "wrong") => error(401, "invalid_request_error", "", None),
        Some(_) if request.method() == "POST" && !request.headers().contains_key("idempotency-key") => {
            error(400, "invalid_request_error", "idempotency_key_missing", None)
        }
        Some(_) => next.run(request).await,
    }
}

type Fields = HashMap<String, String>;

fn fields(form: &[u8]) -> Fields {
    form_urlencoded::parse(form).into_owned().collect()
}

/// Reads a charge as [`crate::HttpProvider`] writes it.
fn charge(fields: &Fields) -> Option<Charge> {
    let field = |name: &str| fields.get(name);
    Some(Charge {
        order: field("metadata[order]")?.parse().ok()?,
        customer: field("metadata[customer]")?.parse::<CustomerId>().ok()?,
        sku: field("metadata[sku]")?.parse().ok()?,
        amount: field("amount")?.parse().ok()?,
        currency: field("currency")?.to_ascii_uppercase().parse().ok()?,
    })
}

async fn authorise(State(sandbox): State<Sandbox>, headers: HeaderMap, body: Bytes) -> Response {
    let key = headers.get("idempotency-key").and_then(|value| value.to_str().ok());
    match charge(&fields(&body)) {
        Some(charge) if key == Some(charge.key().as_str()) => {
            answer(sandbox.authorise_now(&charge), write_payment_of).await
        }
        Some(_) => error(400, "idempotency_error", "", None),
        None => error(400, "invalid_request_error", "parameter_missing", None),
    }
}

async fn capture(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    answer(sandbox.capture_now(&id), write_payment_of).await
}

async fn cancel(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    answer(sandbox.void_now(&id), write_payment_of).await
}

async fn retrieve(State(sandbox): State<Sandbox>, Path(id): Path<String>) -> Response {
    answer(sandbox.retrieve_now(&id), write_payment_of).await
}

async fn refund(State(sandbox): State<Sandbox>, body: Bytes) -> Response {
    let fields = fields(&body);
    let amount = fields.get("amount").and_then(|amount| amount.parse::<i64>().ok());
    let (Some(id), Some(amount)) = (fields.get("payment_intent"), amount) else {
        return error(400, "invalid_request_error", "parameter_missing", None);
    };
    let write = |payment: &Payment| json!({"id": format!("re_{}", payment.id), "object": "refund", "amount": amount, "status": "succeeded"});
    answer(sandbox.refund_now(id, amount), write).await
}

async fn search(State(sandbox): State<Sandbox>, RawQuery(query): RawQuery) -> Response {
    let fields = fields(query.unwrap_or_default().as_bytes());
    let quoted = fields.get("query").and_then(|query| query.strip_prefix("metadata['order']:'"));
    let order = quoted.and_then(|quoted| quoted.strip_suffix('\'')?.parse::<OrderId>().ok());
    let Some(order) = order else {
        return error(400, "invalid_request_error", "parameter_invalid_string_empty", None);
    };
    let write = |payments: &Vec<Payment>| {
        let data: Vec<Value> = payments.iter().map(write_payment).collect();
        json!({"object": "search_result", "has_more": false, "data": data})
    };
    answer(sandbox.look_up_now(order), write).await
}

fn write_payment_of(payment: &Payment) -> Value {
    write_payment(payment)
}

async fn answer<T>(
    (delay, done): (Duration, Option<Result<T, Refused>>),
    write: impl FnOnce(&T) -> Value,
) -> Response {
    if !delay.is_zero() {
        tokio::time::sleep(delay).await;
    }
    match done {
        Some(Ok(value)) => body(200, &write(&value)),
        Some(Err(Refused { status, kind, code, payment })) => error(status, kind, code, payment.as_deref()),
        None => {
            tokio::time::sleep(Duration::from_secs(LOST_ANSWER_SECS)).await;
            error(504, "api_error", "", None)
        }
    }
}

fn error(status: u16, kind: &str, code: &str, payment: Option<&Payment>) -> Response {
    let message = match payment.map(|payment| payment.state) {
        Some(PaymentState::Declined) => "Your card was declined.",
        Some(_) => "The payment is in another state.",
        None => "The call was refused.",
    };
    let payment = payment.map(write_payment);
    body(
        status,
        &json!({"error": {"type": kind, "code": code, "message": message, "payment_intent": payment}}),
    )
}

fn body(status: u16, value: &Value) -> Response {
    let status = StatusCode::from_u16(status).unwrap_or(StatusCode::INTERNAL_SERVER_ERROR);
    (status, [(CONTENT_TYPE, "application/json")], value.to_string()).into_response()
}
