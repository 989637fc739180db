//! Routes about listings and sales. Anybody may look.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::CACHE_CONTROL;
use axum::http::{HeaderValue, StatusCode, Uri};
use axum::response::Response;
use order_model::Sku;
use serde::Serialize;
use utoipa::ToSchema;

use super::gate::Gate;
use super::problem::Problem;
use super::request::{Segment, page_size, parameter, query};
use super::stream::StreamEvent;
use super::{json, stream};
use crate::board::WallView;
use crate::views::ListingView;

/// What is shown to everybody may be kept for a second: a crowd then asks once.
const SHARED: HeaderValue = HeaderValue::from_static("public, max-age=1");

/// Listings in SKU order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Listings)]
pub(super) struct ListingsView {
    listings: Vec<ListingView>,
    /// Where the next page is, if there may be one.
    #[serde(skip_serializing_if = "Option::is_none")]
    next: Option<String>,
}

fn shared(value: &impl Serialize) -> Response {
    let mut response = json(StatusCode::OK, value);
    response.headers_mut().insert(CACHE_CONTROL, SHARED);
    response
}

/// Shows the listings of a sale, or all, in SKU order.
#[utoipa::path(get, path = "/v1/listings", tag = "listings",
    params(
        ("sale" = Option<String>, Query, description = "The sale."),
        ("after" = Option<String>, Query, description = "The last SKU of the page before."),
        ("count" = Option<usize>, Query, description = "How many, at most 100."),
    ),
    responses(
        (status = 200, description = "The listings.", body = ListingsView),
        (status = "default", description = "They cannot be shown.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn list(State(gate): State<Arc<Gate>>, uri: Uri) -> Result<Response, Problem> {
    let query = query(&uri, &["sale", "after", "count"])?;
    let count = page_size(&query)?;
    let sale = query.get("sale").map(String::as_str);
    let after = parameter::<Sku>(&query, "after")?;
    let now = gate.service.now();
    let found = gate.service.board().listings(sale, after.as_ref(), count);
    let listings: Vec<ListingView> = found.iter().map(|listing| ListingView::new(listing, now)).collect();
    let next = listings.last().filter(|_| listings.len() == count).map(|last| {
        let mut link = form_urlencoded::Serializer::new(String::from("/v1/listings?"));
        if let Some(sale) = sale {
            link.append_pair("sale", sale);
        }
        link.append_pair("after", &last.sku).append_pair("count", &count.to_string()).finish()
    });
    Ok(shared(&ListingsView { listings, next }))
}

/// Shows a listing.
#[utoipa::path(get, path = "/v1/listings/{sku}", tag = "listings",
    params(("sku" = String, Path, description = "What is sold.")),
    responses(
        (status = 200, description = "The listing.", body = ListingView),
        (status = "default", description = "It cannot be shown.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn show(
    State(gate): State<Arc<Gate>>,
    Segment(sku): Segment<Sku>,
) -> Result<Response, Problem> {
    let listing = gate.service.listing(&sku)?;
    Ok(shared(&ListingView::new(&listing, gate.service.now())))
}

/// Streams a listing's stock and price: the newest state, whenever it has changed.
#[utoipa::path(get, path = "/v1/listings/{sku}/events", tag = "listings",
    params(("sku" = String, Path, description = "What is sold.")),
    responses(
        (status = 200, description = "The events; `data` is a ListingView.", body = StreamEvent, content_type = "text/event-stream"),
        (status = "default", description = "There is no stream.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn events(
    State(gate): State<Arc<Gate>>,
    Segment(sku): Segment<Sku>,
) -> Result<Response, Problem> {
    let feed = gate.service.listing_events(&sku)?;
    stream::respond(&gate, stream::of_newest(feed, |news| news.frame.clone()))
}

/// Shows the figures of a sale.
#[utoipa::path(get, path = "/v1/sales/{name}", tag = "listings",
    params(("name" = String, Path, description = "The sale.")),
    responses(
        (status = 200, description = "The figures.", body = WallView),
        (status = "default", description = "They cannot be shown.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn sale(
    State(gate): State<Arc<Gate>>,
    Segment(name): Segment<String>,
) -> Result<Response, Problem> {
    Ok(shared(&gate.service.sale(&name)?))
}

/// Streams the figures of a sale: the newest, whenever they have changed.
#[utoipa::path(get, path = "/v1/sales/{name}/events", tag = "listings",
    params(("name" = String, Path, description = "The sale.")),
    responses(
        (status = 200, description = "The events; `data` is a WallView.", body = StreamEvent, content_type = "text/event-stream"),
        (status = "default", description = "There is no stream.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn sale_events(
    State(gate): State<Arc<Gate>>,
    Segment(name): Segment<String>,
) -> Result<Response, Problem> {
    let feed = gate.service.sale_events(&name)?;
    stream::respond(&gate, stream::of_newest(feed, |news| news.frame.clone()))
}
