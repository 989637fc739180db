//! What the gateway is compared with: a bare handler that parses the same order, answers the same, and keeps nothing.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::CONTENT_TYPE;
use axum::response::{IntoResponse, Response};
use axum::routing::post;
use order_model::{Currency, CustomerId, OrderId, Sku};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Order {
    order_id: String,
    customer: String,
    lines: Vec<Line>,
    currency: String,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    sku: String,
    quantity: i32,
}

#[derive(Serialize)]
struct Answer {
    order_id: String,
    state: &'static str,
    partition: u32,
    offset: u64,
    links: Links,
}

#[derive(Serialize)]
struct Links {
    #[serde(rename = "self")]
    itself: String,
    events: String,
}

/// The handler, as an application.
pub(crate) fn router() -> Router {
    Router::new().route("/v1/orders", post(place)).with_state(Arc::new(AtomicU64::new(0)))
}

async fn place(State(count): State<Arc<AtomicU64>>, body: Bytes) -> Response {
    let Some(order) = read(&body) else { return StatusCode::BAD_REQUEST.into_response() };
    let itself = format!("/v1/orders/{order}");
    let answer = Answer {
        order_id: order.to_string(),
        state: "accepted",
        partition: 0,
        offset: count.fetch_add(1, Ordering::Relaxed),
        links: Links { events: format!("{itself}/events"), itself },
    };
    let body = serde_json::to_vec(&answer).unwrap_or_default();
    (StatusCode::ACCEPTED, [(CONTENT_TYPE, "application/json")], body).into_response()
}

fn read(body: &[u8]) -> Option<OrderId> {
    let order: Order = serde_json::from_slice(body).ok()?;
    order.customer.parse::<CustomerId>().ok()?;
    order.currency.parse::<Currency>().ok()?;
    for line in &order.lines {
        line.sku.parse::<Sku>().ok().filter(|_| line.quantity > 0)?;
    }
    order.order_id.parse().ok()
}
