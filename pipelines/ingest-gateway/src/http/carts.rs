//! Routes about carts. A cart sets nothing aside; its check-out is one order.

use std::sync::Arc;

use accounts::{Cart, CartLine, Carts};
use axum::extract::{Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, StatusCode};
use axum::response::Response;
use order_model::{Currency, Sku};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use super::gate::Gate;
use super::json::Text;
use super::orders::answer;
use super::problem::Problem;
use super::request::{Segment, object};
use super::rooms::place_token;
use super::{json, prefer};
use crate::identity::Identity;
use crate::limits::ACCOUNT_BODY_BYTES_MAX;
use crate::service::{CheckoutAsk, PlaceOptions, Refusal};

/// How many of something.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = QuantityRequest)]
pub(super) struct QuantityBody {
    /// From 1 to 10,000.
    quantity: u32,
}

/// How to check out.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = CheckoutRequest)]
pub(super) struct CheckoutBody {
    /// The currency to pay in, ISO 4217; left out: that of the first listing.
    #[schema(value_type = Option<String>)]
    currency: Option<Text<Currency>>,
    /// Leave out lines that cannot be had, instead of taking all or nothing.
    #[serde(default)]
    partial: bool,
}

/// A line of a cart.
#[derive(Serialize, ToSchema)]
#[schema(as = CartLine)]
pub(super) struct CartLineView {
    /// What.
    sku: String,
    /// How many.
    quantity: u32,
}

/// A cart.
#[derive(Serialize, ToSchema)]
#[schema(as = Cart)]
pub(super) struct CartView {
    /// Its lines, in the order in which they came.
    lines: Vec<CartLineView>,
    /// Counts changes.
    version: u64,
    /// The order of the newest check-out, if it is not known yet to be in the log: checking out again places it.
    #[serde(skip_serializing_if = "Option::is_none")]
    checking_out: Option<String>,
}

impl From<Cart> for CartView {
    fn from(cart: Cart) -> Self {
        let lines =
            cart.lines.iter().map(|line| CartLineView { sku: line.sku.to_string(), quantity: line.quantity });
        let open = cart.checkout.as_ref().filter(|checkout| !checkout.is_placed);
        Self {
            lines: lines.collect(),
            version: cart.version,
            checking_out: open.map(|checkout| checkout.order.to_string()),
        }
    }
}

fn cart_of<'g>(gate: &'g Gate, headers: &HeaderMap) -> Result<(&'g Carts, Identity), Refusal> {
    let who = gate.identify(headers)?;
    Ok((&gate.people()?.carts, who))
}

fn shown(cart: Cart) -> Response {
    json(StatusCode::OK, &CartView::from(cart))
}

/// Shows the cart.
#[utoipa::path(get, path = "/v1/cart", tag = "carts", responses(
    (status = 200, description = "The cart.", body = CartView),
    (status = "default", description = "It cannot be shown.", body = Problem, content_type = "application/problem+json"),
), security(("bearer" = [])))]
pub(super) async fn show(State(gate): State<Arc<Gate>>, headers: HeaderMap) -> Result<Response, Problem> {
    let (carts, who) = cart_of(&gate, &headers)?;
    Ok(shown(carts.get(who.customer).await?))
}

/// Takes everything out.
#[utoipa::path(delete, path = "/v1/cart", tag = "carts", responses(
    (status = 200, description = "The cart.", body = CartView),
    (status = "default", description = "Nothing was changed.", body = Problem, content_type = "application/problem+json"),
), security(("bearer" = [])))]
pub(super) async fn clear(State(gate): State<Arc<Gate>>, headers: HeaderMap) -> Result<Response, Problem> {
    let (carts, who) = cart_of(&gate, &headers)?;
    Ok(shown(carts.clear(who.customer).await?))
}

/// Puts a line in, in the place of one for the same.
#[utoipa::path(put, path = "/v1/cart/lines/{sku}", tag = "carts", request_body = QuantityBody,
    params(("sku" = String, Path, description = "What.")),
    responses(
        (status = 200, description = "The cart.", body = CartView),
        (status = "default", description = "Nothing was changed.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn put_line(
    State(gate): State<Arc<Gate>>,
    Segment(sku): Segment<Sku>,
    request: Request,
) -> Result<Response, Problem> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let (carts, who) = cart_of(&gate, &headers)?;
    let QuantityBody { quantity } = object(&gate, &headers, body, ACCOUNT_BODY_BYTES_MAX).await?;
    Ok(shown(carts.put_line(who.customer, CartLine { sku, quantity }).await?))
}

/// Takes a line out; there need not be one.
#[utoipa::path(delete, path = "/v1/cart/lines/{sku}", tag = "carts",
    params(("sku" = String, Path, description = "What.")),
    responses(
        (status = 200, description = "The cart.", body = CartView),
        (status = "default", description = "Nothing was changed.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn remove_line(
    State(gate): State<Arc<Gate>>,
    Segment(sku): Segment<Sku>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let (carts, who) = cart_of(&gate, &headers)?;
    Ok(shown(carts.remove_line(who.customer, &sku).await?))
}

/// Orders what is in the cart, as one order. Repeated, it is the same order, until that is known to be in the log.
#[utoipa::path(post, path = "/v1/cart:checkout", tag = "carts", request_body = CheckoutBody,
    params(
        ("Prefer" = Option<String>, Header, description = "`wait=N`: wait up to N seconds for the decision."),
        ("Place" = Option<String>, Header, description = "The token that holds a place in the waiting room; of several, with commas between."),
    ),
    responses(
        (status = 200, description = "It is decided.", body = crate::views::OrderView),
        (status = 202, description = "The log has it.", body = crate::views::OrderView),
        (status = "default", description = "It is not known to be in the log.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn check_out(State(gate): State<Arc<Gate>>, request: Request) -> Result<Response, Problem> {
    let (Parts { headers, .. }, body) = request.into_parts();
    let (carts, who) = cart_of(&gate, &headers)?;
    let CheckoutBody { currency, partial } = object(&gate, &headers, body, ACCOUNT_BODY_BYTES_MAX).await?;
    let ask = CheckoutAsk { currency: currency.map(|Text(currency)| currency), partial };
    let options = PlaceOptions {
        idempotency_key: None,
        wait: prefer::wait(&headers),
        room_token: place_token(&headers)?,
    };
    let placed = gate.service.check_out(&who, carts, ask, options).await?;
    Ok(answer(&placed, &headers))
}
