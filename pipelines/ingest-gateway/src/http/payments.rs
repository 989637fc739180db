//! The route by which the payment provider calls back.
//!
//! What it says is signed by it, so money it says it took is told to the log at once; the ledger knows each payment, so that
//! the payment worker's own word, a repeat, or both change nothing.

use std::sync::Arc;

use axum::extract::{Request, State};
use axum::http::StatusCode;
use axum::http::request::Parts;
use axum::response::Response;
use payment_worker::limits::CALLBACK_BYTES_MAX;
use payment_worker::{SIGNATURE_HEADER, read_callback};
use serde::Serialize;
use utoipa::ToSchema;

use super::gate::Gate;
use super::json;
use super::problem::Problem;
use super::request::JSON;

/// What became of a callback.
#[derive(Serialize, ToSchema)]
#[schema(as = Callback)]
pub(super) struct CallbackView {
    /// `told`: money was taken, and the log has it. `nothing_to_tell`: it is about no payment of ours, or no money was taken.
    state: &'static str,
}

/// Takes a callback of the payment provider: an event in Stripe's shape, signed in the header `Stripe-Signature`. 503 and
/// 504: it is to be sent again.
#[utoipa::path(post, path = "/v1/payments/callback", tag = "payments",
    params(("Stripe-Signature" = String, Header, description = "`t=SECONDS,v1=HEX`: HMAC-SHA256 of `SECONDS.BODY`.")),
    request_body(content = Object, description = "The event."),
    responses(
        (status = 200, description = "It need not be sent again.", body = CallbackView),
        (status = "default", description = "Nothing is known to be written.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn callback(State(gate): State<Arc<Gate>>, request: Request) -> Result<Response, Problem> {
    if gate.callback_secrets.is_empty() {
        let detail = "no callbacks are taken here: the gateway knows no secret to check them with";
        return Err(Problem::new(StatusCode::NOT_FOUND, "no_such_resource", detail));
    }
    let (Parts { headers, .. }, body) = request.into_parts();
    let header = headers.get(SIGNATURE_HEADER).and_then(|value| value.to_str().ok());
    let (bytes, _) = gate.body(&headers, body, CALLBACK_BYTES_MAX, &[JSON]).await?;
    let callback = read_callback(&gate.callback_secrets, header, &bytes, gate.service.now());
    let callback = callback.map_err(|error| {
        tracing::warn!(%error, "a callback was turned away");
        Problem::bad_request("callback_invalid", error.to_string())
    })?;
    let Some(settle) = callback.payment.and_then(|payment| payment.settle()) else {
        return Ok(json(StatusCode::OK, &CallbackView { state: "nothing_to_tell" }));
    };
    gate.service.settle(settle).await?;
    Ok(json(StatusCode::OK, &CallbackView { state: "told" }))
}
