//! The service over HTTP: routes that translate and do nothing else.

mod admin;
mod bodies;
mod carts;
pub(crate) mod gate;
mod json;
mod listings;
mod openapi;
mod orders;
mod pages;
mod payments;
mod people;
mod prefer;
mod problem;
mod products;
mod request;
mod rooms;
mod stream;
mod subscriptions;

use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::header::{AUTHORIZATION, CONTENT_TYPE, LOCATION, RETRY_AFTER};
use axum::http::{HeaderName, HeaderValue, Method, StatusCode};
use axum::middleware::from_fn_with_state;
use axum::response::{IntoResponse, Response};
use axum::routing::{delete, get, post, put};
use serde::Serialize;
use tower_http::cors::{AllowOrigin, CorsLayer};

pub use openapi::openapi;
pub use problem::Problem;

use crate::grpc;
use crate::limits::ANSWER_HEADERS_USUAL;
use gate::{Gate, guard};

/// All routes. Pages of other origins may call them from `origins`.
pub(crate) fn router(gate: Arc<Gate>, origins: &[HeaderValue]) -> Router {
    let router = Router::new()
        .route("/v1/orders", post(orders::place))
        .route("/v1/orders:batch", post(orders::place_all))
        .route("/v1/orders/{id}", get(orders::show).merge(delete(orders::cancel)))
        .route("/v1/orders/{id}/events", get(orders::events))
        .route("/v1/me/orders", get(orders::mine))
        .route("/v1/listings", get(listings::list))
        .route("/v1/listings/{sku}", get(listings::show))
        .route("/v1/listings/{sku}/events", get(listings::events))
        .route("/v1/sales/{name}", get(listings::sale))
        .route("/v1/sales/{name}/events", get(listings::sale_events))
        .route("/v1/rooms/{sale}", post(rooms::enter).merge(get(rooms::show)).merge(delete(rooms::leave)))
        .route("/v1/rooms/{sale}/events", get(rooms::events))
        .route("/v1/admin/sales", post(admin::apply_sale))
        .route("/v1/admin/rooms/{sale_and_word}", post(admin::tell_room))
        .route("/v1/admin/listings/{sku_and_word}", post(admin::tell_listing))
        .route("/v1/payments/callback", post(payments::callback))
        .merge(people_routes())
        .merge(shop_routes(&gate))
        .merge(grpc::routes(&gate))
        .route("/livez", get(live))
        .route("/readyz", get(ready))
        .route("/openapi.json", get(openapi::serve))
        .fallback(not_found)
        .method_not_allowed_fallback(not_allowed)
        .layer(from_fn_with_state(Arc::clone(&gate), guard))
        .with_state(gate);
    if origins.is_empty() { router } else { router.layer(cors(origins)) }
}

fn people_routes() -> Router<Arc<Gate>> {
    Router::new()
        .route("/v1/accounts", post(people::register))
        .route("/v1/accounts:resend", post(people::resend))
        .route("/v1/accounts:verify", post(people::verify))
        .route("/v1/accounts:forgot", post(people::forgot))
        .route("/v1/accounts:reset", post(people::reset))
        .route("/v1/sessions", post(people::log_in).merge(delete(people::log_out)))
        .route("/v1/sessions:refresh", post(people::refresh))
        .route("/v1/me", get(people::me).merge(delete(people::erase)))
        .route("/v1/me/password", put(people::change_password))
        .route("/v1/cart", get(carts::show).merge(delete(carts::clear)))
        .route("/v1/cart/lines/{sku}", put(carts::put_line).merge(delete(carts::remove_line)))
        .route("/v1/cart:checkout", post(carts::check_out))
        .route("/v1/subscriptions", post(subscriptions::subscribe).merge(delete(subscriptions::unsubscribe)))
}

/// Products, and pages where there is a shop.
fn shop_routes(gate: &Gate) -> Router<Arc<Gate>> {
    let products = Router::new()
        .route("/v1/products", get(products::list))
        .route("/v1/products/{sku}", get(products::one))
        .route("/v1/products/{sku}/bought-together", get(products::together));
    if gate.shop.is_some() { products.merge(pages::routes()) } else { products }
}

fn cors(origins: &[HeaderValue]) -> CorsLayer {
    let name = HeaderName::from_static;
    CorsLayer::new()
        .allow_origin(AllowOrigin::list(origins.iter().cloned()))
        .allow_methods([Method::GET, Method::POST, Method::PUT, Method::DELETE])
        .allow_headers([
            AUTHORIZATION,
            CONTENT_TYPE,
            name("idempotency-key"),
            name("prefer"),
            name("place"),
            name("last-event-id"),
        ])
        .expose_headers([LOCATION, RETRY_AFTER, name("preference-applied")])
}

/// A body of JSON.
fn json(status: StatusCode, value: &impl Serialize) -> Response {
    let mut response = Response::new(serde_json::to_vec(value).unwrap_or_default().into());
    *response.status_mut() = status;
    let headers = response.headers_mut();
    // Room for what every answer carries besides.
    headers.reserve(ANSWER_HEADERS_USUAL);
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(request::JSON));
    response
}

/// The process lives.
#[utoipa::path(get, path = "/livez", tag = "health", responses((status = 200, description = "It lives.")))]
async fn live() -> &'static str {
    "live\n"
}

/// Whether requests can be served, those for products among them where there is a shop.
pub(crate) fn is_ready(gate: &Gate) -> bool {
    !gate.is_draining() && gate.service.is_ready() && gate.shop.as_ref().is_none_or(|shop| shop.is_ready())
}

/// Requests can be served: decisions and products are read, the log answers, and the process is not about to end.
#[utoipa::path(get, path = "/readyz", tag = "health", responses(
    (status = 200, description = "It is ready."),
    (status = 503, description = "It is not; the body says why.", body = Problem, content_type = "application/problem+json"),
))]
async fn ready(State(gate): State<Arc<Gate>>) -> Response {
    let why = if gate.is_draining() {
        "the process is about to end"
    } else if is_ready(&gate) {
        return "ready\n".into_response();
    } else {
        "decisions or products are not read yet, or the log does not answer"
    };
    Problem::new(StatusCode::SERVICE_UNAVAILABLE, "not_ready", why).into_response()
}

async fn not_found() -> Problem {
    Problem::new(
        StatusCode::NOT_FOUND,
        "no_such_resource",
        "nothing has this path; /openapi.json says what programs can ask for",
    )
}

async fn not_allowed() -> Problem {
    let detail = "the resource does not know this method; the header Allow says which it knows";
    Problem::new(StatusCode::METHOD_NOT_ALLOWED, "method_not_allowed", detail)
}
