//! Pages for browsers: what they show is looked up here, how it looks is the storefront's.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{
    ACCEPT, CACHE_CONTROL, CONTENT_LENGTH, CONTENT_SECURITY_POLICY, CONTENT_TYPE, ETAG, IF_NONE_MATCH,
};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use axum::routing::get;
use catalogue::{Catalogue, Product};
use order_model::{OrderId, Sku, TimeMs};
use storefront::views::{
    Attribute, Card, FigureItem, Figures, Filter, FilterValue, Home, Item, Offer, Sale, Stock, price_text,
    span_text,
};
use storefront::{PageError, Storefront, asset};

use super::gate::Gate;
use super::problem::Problem;
use super::products::{Asked, asked};
use super::request::Segment;
use crate::board::{Listing, SaleStanding, WallView};
use crate::limits::{ORDER_UNITS_SHOWN_MAX, PRODUCTS_PER_PAGE, SALES_SHOWN_MAX};
use crate::service::Refusal;
use crate::shop::{choice_name, picture};
use crate::views::StockView;

/// What may be kept, but has to be asked about before it is shown.
const ASK: HeaderValue = HeaderValue::from_static("no-cache");
/// Pictures change with their names.
const KEEP: HeaderValue = HeaderValue::from_static("public, max-age=86400");

pub(super) fn routes() -> Router<Arc<Gate>> {
    Router::new()
        .route("/", get(home))
        .route("/items/{sku}", get(item))
        .route("/sales/{name}/wall", get(wall))
        .route("/rooms/{name}", get(room))
        .route("/orders", get(|gate: State<Arc<Gate>>| async move { show(&gate, Storefront::orders) }))
        .route("/orders/{id}", get(order))
        .route("/cart", get(|gate: State<Arc<Gate>>| async move { show(&gate, Storefront::cart) }))
        .route("/account", get(|gate: State<Arc<Gate>>| async move { show(&gate, Storefront::account) }))
        .route("/verify", get(|gate: State<Arc<Gate>>| async move { show(&gate, Storefront::verify) }))
        .route("/reset", get(|gate: State<Arc<Gate>>| async move { show(&gate, Storefront::reset) }))
        .route("/assets/{name}", get(file))
        .route("/images/{name}", get(image))
}

/// A page. What follows `?` is for the first page, else for scripts; whoever keeps a page asks about it before showing it.
fn page(status: StatusCode, text: String) -> Response {
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/html; charset=utf-8")),
        (CONTENT_SECURITY_POLICY, HeaderValue::from_static(storefront::CONTENT_SECURITY_POLICY)),
        (CACHE_CONTROL, ASK),
    ];
    (status, headers, text).into_response()
}

fn show(gate: &Gate, render: impl FnOnce(&Storefront) -> Result<String, PageError>) -> Response {
    let Ok(shop) = gate.shop() else { return StatusCode::NOT_FOUND.into_response() };
    match render(&shop.pages) {
        Ok(text) => page(StatusCode::OK, text),
        Err(error) => {
            tracing::error!("{error}");
            Problem::new(StatusCode::INTERNAL_SERVER_ERROR, "page_failed", "the page could not be made")
                .into_response()
        }
    }
}

/// Whether a refusal is wanted as a page: by a browser that goes somewhere, not by a script.
pub(super) fn are_wanted(gate: &Gate, request: &Request) -> bool {
    let accepted = request.headers().get(ACCEPT).and_then(|value| value.to_str().ok());
    gate.shop.is_some()
        && !request.uri().path().starts_with("/v1/")
        && accepted.is_some_and(|value| value.contains("text/html"))
}

/// A refusal as a page, whose headers still say what it says; any other answer as it is.
pub(super) fn for_people(gate: &Gate, response: Response) -> Response {
    let Some(problem) = response.extensions().get::<Problem>() else { return response };
    let shown = show(gate, |pages| pages.problem(problem.status.as_u16(), &problem.title, &problem.detail));
    let (page, body) = shown.into_parts();
    let (mut head, _) = response.into_parts();
    head.headers.remove(CONTENT_LENGTH);
    head.headers.extend(page.headers);
    Response::from_parts(head, body)
}

/// What is not there, for people.
fn missing(gate: &Gate, what: &str) -> Response {
    let mut response = show(gate, |pages| pages.problem(404, "Not here", what));
    *response.status_mut() = StatusCode::NOT_FOUND;
    response
}

async fn home(State(gate): State<Arc<Gate>>, uri: Uri) -> Result<Response, Problem> {
    let shop = gate.shop()?;
    let asked = asked(&uri)?;
    let found = shop.search(&asked.query(PRODUCTS_PER_PAGE))?;
    let now = gate.service.now();
    let mut cards: Vec<Card> = found.items.iter().map(|item| card(&gate, &item.product, now)).collect();
    if asked.text.is_empty() {
        // Whoever just looks around looks for what can be had.
        cards.sort_by_key(|card| card.offer.is_none());
    }
    let home = Home {
        query: asked.text.clone(),
        chosen: !asked.filters.is_empty(),
        sales: sales(&gate, now),
        filters: filters(&asked, &found.facets),
        cards,
        total: found.total,
        page: found.page,
        pages: found.pages,
        previous: (found.page > 1).then(|| asked.link(None, found.page - 1)),
        next: (found.page < found.pages).then(|| asked.link(None, found.page + 1)),
    };
    Ok(show(&gate, |pages| pages.home(&home)))
}

fn filters(asked: &Asked, facets: &[catalogue::FacetCounts]) -> Vec<Filter> {
    let shown = facets.iter().filter_map(|counts| {
        let name = choice_name(&counts.dimension)?;
        let values = counts.values.iter().map(|value| FilterValue {
            name: value.value.clone(),
            products: value.products,
            link: asked.link(Some((name, &value.value)), 1),
            is_chosen: asked.has(name, &value.value),
        });
        Some(Filter { name: name.to_owned(), values: values.collect() })
    });
    shown
        .filter(|filter| filter.values.len() > 1 || filter.values.iter().any(|value| value.is_chosen))
        .collect()
}

fn sales(gate: &Gate, now: TimeMs) -> Vec<Sale> {
    let sale = |sale: SaleStanding| Sale {
        state: sale.state,
        opens_at: crate::views::time_text(sale.opens_at),
        has_room: gate.service.has_room(&sale.name),
        name: sale.name,
    };
    gate.service.board().sales(now, SALES_SHOWN_MAX).into_iter().map(sale).collect()
}

fn card(gate: &Gate, product: &Product, now: TimeMs) -> Card {
    Card {
        sku: product.sku.to_string(),
        title: product.title.clone(),
        brand: product.brand.clone(),
        picture: product.images.first().map(picture),
        offer: gate.service.board().listing(&product.sku).map(|listing| offer(gate, &listing, now)),
    }
}

fn offer(gate: &Gate, listing: &Listing, now: TimeMs) -> Offer {
    let limit = listing.settings.limit_per_customer;
    Offer {
        sale: listing.settings.sale.clone(),
        state: listing.state(now),
        price: price_text(listing.price(now), listing.settings.currency),
        stock: stock(listing.stock.into()),
        limit,
        most: if limit == 0 { ORDER_UNITS_SHOWN_MAX } else { limit },
        hold: span_text(listing.settings.hold_ms),
        has_room: gate.service.has_room(&listing.settings.sale),
    }
}

fn stock(view: StockView) -> Stock {
    let StockView { free, held, sold, waiting } = view;
    Stock { free, held, sold, waiting }
}

async fn item(State(gate): State<Arc<Gate>>, Segment(sku): Segment<Sku>) -> Result<Response, Problem> {
    let products = gate.shop()?.products();
    let listing = match gate.service.listing(&sku) {
        // Nobody can say yet that it is not on sale.
        Err(refusal @ Refusal::NotReady) => return Err(refusal.into()),
        listing => listing.ok(),
    };
    let known = product_or_bare(&products, &sku, listing.is_some());
    let Some(product) = known else { return Ok(missing(&gate, "There is no such product.")) };
    let view = Item {
        sku: product.sku.to_string(),
        title: product.title.clone(),
        description: product
            .description
            .split("\n\n")
            .filter(|text| !text.trim().is_empty())
            .map(str::to_owned)
            .collect(),
        brand: product.brand.clone(),
        trail: product.category.clone(),
        attributes: product
            .attributes
            .iter()
            .map(|attribute| Attribute { name: attribute.name.clone(), value: attribute.value.clone() })
            .collect(),
        pictures: product.images.iter().map(picture).collect(),
        offer: listing.map(|listing| offer(&gate, &listing, gate.service.now())),
    };
    Ok(show(&gate, |pages| pages.item(&view)))
}

/// The product, or for one that is sold without being in the catalogue, its SKU for a title.
fn product_or_bare(products: &Catalogue, sku: &Sku, is_listed: bool) -> Option<Product> {
    match products.get(sku) {
        Some(item) => Some(item.product.clone()),
        None => is_listed.then(|| Product::new(*sku, sku.to_string())),
    }
}

async fn wall(State(gate): State<Arc<Gate>>, Segment(name): Segment<String>) -> Result<Response, Problem> {
    let view = match gate.service.sale(&name) {
        Ok(view) => view,
        Err(refusal @ Refusal::NotReady) => return Err(refusal.into()),
        Err(_) => return Ok(missing(&gate, "There is no such sale.")),
    };
    let WallView { decided, decided_per_second, items, stock: whole, .. } = view;
    let products = gate.shop.as_ref().map(|shop| shop.products());
    let title = |sku: &str| Some(products.as_ref()?.get(&sku.parse().ok()?)?.product.title.clone());
    let items = items
        .into_iter()
        .map(|item| FigureItem {
            title: title(&item.sku).unwrap_or_else(|| item.sku.clone()),
            sku: item.sku,
            stock: stock(item.stock),
        })
        .collect();
    let figures = Figures { decided, decided_per_second, stock: stock(whole), items };
    Ok(show(&gate, |pages| pages.wall(&name, &figures)))
}

async fn room(State(gate): State<Arc<Gate>>, Segment(name): Segment<String>) -> Response {
    if !gate.service.has_room(&name) {
        return missing(&gate, "This sale has no waiting room, or it is closed.");
    }
    show(&gate, |pages| pages.room(&name))
}

async fn order(State(gate): State<Arc<Gate>>, Segment(id): Segment<OrderId>) -> Response {
    show(&gate, |pages| pages.order(&id.to_string()))
}

async fn file(headers: HeaderMap, Segment(name): Segment<String>) -> Result<Response, Problem> {
    let known = asset(&name);
    let asset = known
        .ok_or_else(|| Problem::new(StatusCode::NOT_FOUND, "no_such_resource", "there is no such file"))?;
    Ok(cached(&headers, &asset.etag, ASK, asset.content_type, asset.bytes))
}

async fn image(
    State(gate): State<Arc<Gate>>,
    headers: HeaderMap,
    Segment(name): Segment<String>,
) -> Result<Response, Problem> {
    let shop = Arc::clone(gate.shop()?);
    let read = tokio::task::spawn_blocking(move || shop.image(&name)).await;
    let none = || Problem::new(StatusCode::NOT_FOUND, "no_such_resource", "there is no such picture");
    let image = read.ok().flatten().ok_or_else(none)?;
    let etag = format!("\"{}\"", blake3::hash(&image.bytes).to_hex().split_at(16).0);
    Ok(cached(&headers, &etag, KEEP, image.content_type, image.bytes))
}

/// A file with its tag, or only the word that it has not changed.
fn cached(
    asked: &HeaderMap,
    etag: &str,
    keep: HeaderValue,
    content_type: &'static str,
    bytes: impl IntoResponse,
) -> Response {
    let known = asked.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut response = if known { StatusCode::NOT_MODIFIED.into_response() } else { bytes.into_response() };
    let headers = response.headers_mut();
    headers.insert(CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(CACHE_CONTROL, keep);
    if let Ok(etag) = HeaderValue::from_str(etag) {
        headers.insert(ETAG, etag);
    }
    response
}
