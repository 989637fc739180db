//! Routes about products: what is sold, in words and pictures, and what is asked for it.

use std::sync::Arc;

use axum::extract::State;
use axum::http::header::{CACHE_CONTROL, ETAG, IF_NONE_MATCH};
use axum::http::{HeaderMap, HeaderValue, StatusCode, Uri};
use axum::response::{IntoResponse, Response};
use catalogue::{Dimension, Facet, FacetCounts, Product, Query};
use order_model::Sku;
use serde::Serialize;
use utoipa::ToSchema;

use super::gate::Gate;
use super::json;
use super::problem::Problem;
use super::request::{Segment, parameter, query};
use crate::limits::{PAGE_ITEMS_MAX, PRODUCTS_PER_PAGE, QUERY_BYTES_MAX};
use crate::shop::{choice_name, picture};
use crate::views::ListingView;

const COUNTED: HeaderValue = HeaderValue::from_static("public, max-age=60");
/// What changes with every order may be kept for a second.
const SHARED: HeaderValue = HeaderValue::from_static("public, max-age=1");
const PARAMETERS: [&str; 6] = ["q", "category", "brand", "tag", "page", "count"];

/// A search as it stands in an address.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct Asked {
    pub(super) text: String,
    /// By parameter.
    pub(super) filters: Vec<(&'static str, String)>,
    page: usize,
    count: Option<usize>,
}

/// Reads a search.
pub(super) fn asked(uri: &Uri) -> Result<Asked, Problem> {
    let query = query(uri, &PARAMETERS)?;
    let text = query.get("q").map(|text| text.trim().to_owned()).unwrap_or_default();
    if text.len() > QUERY_BYTES_MAX {
        return Err(Problem::bad_request(
            "bad_query",
            format!("a search has at most {QUERY_BYTES_MAX} bytes"),
        ));
    }
    let filters = ["category", "brand", "tag"].into_iter();
    let filters =
        filters.filter_map(|name| Some((name, query.get(name).filter(|value| !value.is_empty())?.clone())));
    let count = parameter::<usize>(&query, "count")?;
    if count.is_some_and(|count| !(1..=PAGE_ITEMS_MAX).contains(&count)) {
        return Err(Problem::bad_request("bad_query", format!("a page has 1 to {PAGE_ITEMS_MAX} products")));
    }
    Ok(Asked {
        text,
        filters: filters.collect(),
        page: parameter(&query, "page")?.unwrap_or(1).max(1),
        count,
    })
}

impl Asked {
    pub(super) fn query(&self, page_size: usize) -> Query {
        let facet = |(name, value): &(&str, String)| {
            let dimension = match *name {
                "category" => Dimension::Category,
                "brand" => Dimension::Brand,
                _ => Dimension::Tag,
            };
            Facet { dimension, value: value.clone() }
        };
        Query {
            text: self.text.clone(),
            filters: self.filters.iter().map(facet).collect(),
            page: self.page,
            page_size: self.count.unwrap_or(page_size),
        }
    }

    pub(super) fn has(&self, name: &str, value: &str) -> bool {
        self.filters.iter().any(|(known, chosen)| *known == name && chosen == value)
    }

    /// The address of a page of the same search, with a value chosen, or no longer.
    pub(super) fn link(&self, turned: Option<(&str, &str)>, page: usize) -> String {
        let mut link = form_urlencoded::Serializer::new(String::new());
        if !self.text.is_empty() {
            link.append_pair("q", &self.text);
        }
        for (name, value) in
            self.filters.iter().filter(|(name, _)| turned.is_none_or(|(other, _)| *name != other))
        {
            link.append_pair(name, value);
        }
        if let Some((name, value)) = turned.filter(|(name, value)| !self.has(name, value)) {
            link.append_pair(name, value);
        }
        if page > 1 {
            link.append_pair("page", &page.to_string());
        }
        match link.finish() {
            query if query.is_empty() => "/".to_owned(),
            query => format!("/?{query}"),
        }
    }
}

/// A picture.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct PictureView {
    /// Where it is.
    link: String,
    /// What is to be seen on it.
    alt: String,
}

/// A property of a product.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct AttributeView {
    name: String,
    value: String,
}

/// A product, and its listing if it is on sale.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct ProductView {
    /// What orders call it.
    sku: String,
    /// What people call it.
    title: String,
    /// What it is.
    description: String,
    /// Whose make it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    brand: Option<String>,
    /// The path of its category, the widest first.
    category: Vec<String>,
    /// Words it is grouped by.
    tags: Vec<String>,
    /// Properties.
    attributes: Vec<AttributeView>,
    /// Pictures in the order they are shown.
    pictures: Vec<PictureView>,
    /// Stock and price.
    #[serde(skip_serializing_if = "Option::is_none")]
    listing: Option<ListingView>,
}

/// A value products can be chosen by.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub(super) struct ChoiceView {
    /// The parameter: `category`, `brand` or `tag`.
    parameter: &'static str,
    /// Its value.
    value: String,
    /// How many products have it.
    products: u32,
}

/// Products that match a search, the best first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Products)]
pub(super) struct ProductsView {
    /// How many match, on all pages.
    total: usize,
    /// This page, from 1.
    page: usize,
    /// How many pages there are.
    pages: usize,
    /// The products of this page.
    products: Vec<ProductView>,
    /// What they can be chosen by.
    choices: Vec<ChoiceView>,
}

fn view(gate: &Gate, product: &Product) -> ProductView {
    let pictures = product.images.iter().map(picture);
    let now = gate.service.now();
    ProductView {
        sku: product.sku.to_string(),
        title: product.title.clone(),
        description: product.description.clone(),
        brand: product.brand.clone(),
        category: product.category.clone(),
        tags: product.tags.clone(),
        attributes: product
            .attributes
            .iter()
            .map(|attribute| AttributeView { name: attribute.name.clone(), value: attribute.value.clone() })
            .collect(),
        pictures: pictures.map(|picture| PictureView { link: picture.link, alt: picture.alt }).collect(),
        listing: gate.service.board().listing(&product.sku).map(|listing| ListingView::new(&listing, now)),
    }
}

fn choices(facets: &[FacetCounts]) -> Vec<ChoiceView> {
    let choices = facets.iter().filter_map(|counts| Some((choice_name(&counts.dimension)?, &counts.values)));
    choices
        .flat_map(|(parameter, values)| {
            values.iter().map(move |value| ChoiceView {
                parameter,
                value: value.value.clone(),
                products: value.products,
            })
        })
        .collect()
}

/// Searches the products: in all languages, with a typing error or two, the last word may be a beginning.
#[utoipa::path(get, path = "/v1/products", tag = "products",
    params(
        ("q" = Option<String>, Query, description = "Words that have to match; without them everything does."),
        ("category" = Option<String>, Query, description = "A category, as `Audio/Headphones`."),
        ("brand" = Option<String>, Query, description = "A brand."),
        ("tag" = Option<String>, Query, description = "A tag."),
        ("page" = Option<usize>, Query, description = "Which page, from 1."),
        ("count" = Option<usize>, Query, description = "Products of a page, at most 100."),
    ),
    responses(
        (status = 200, description = "The products.", body = ProductsView),
        (status = "default", description = "They cannot be shown.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn list(State(gate): State<Arc<Gate>>, uri: Uri) -> Result<Response, Problem> {
    let asked = asked(&uri)?;
    let found = gate.shop()?.search(&asked.query(PRODUCTS_PER_PAGE))?;
    let products = ProductsView {
        total: found.total,
        page: found.page,
        pages: found.pages,
        products: found.items.iter().map(|item| view(&gate, &item.product)).collect(),
        choices: choices(&found.facets),
    };
    let mut response = json(StatusCode::OK, &products);
    response.headers_mut().insert(CACHE_CONTROL, SHARED);
    Ok(response)
}

/// A product that is bought together with another.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = Companion)]
pub(super) struct CompanionView {
    /// What orders call it.
    sku: String,
    /// Its title.
    title: String,
}

/// What is bought together with a product, most often first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = BoughtTogether)]
pub(super) struct TogetherView {
    products: Vec<CompanionView>,
}

/// Shows what is bought together with a product: nothing, where nobody has counted it.
#[utoipa::path(get, path = "/v1/products/{sku}/bought-together", tag = "products",
    params(("sku" = String, Path, description = "What orders call it.")),
    responses(
        (status = 200, description = "The products.", body = TogetherView),
        (status = "default", description = "They cannot be shown.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn together(
    State(gate): State<Arc<Gate>>,
    Segment(sku): Segment<Sku>,
) -> Result<Response, Problem> {
    let companions = gate.shop()?.bought_together(gate.together.as_deref(), sku).await;
    let view = |(sku, title): (Sku, String)| CompanionView { sku: sku.to_string(), title };
    let products = companions.into_iter().map(view).collect();
    let mut response = json(StatusCode::OK, &TogetherView { products });
    response.headers_mut().insert(CACHE_CONTROL, COUNTED);
    Ok(response)
}

/// Shows a product.
#[utoipa::path(get, path = "/v1/products/{sku}", tag = "products",
    params(("sku" = String, Path, description = "What orders call it.")),
    responses(
        (status = 200, description = "The product.", body = ProductView),
        (status = 304, description = "It is as `If-None-Match` says."),
        (status = "default", description = "It cannot be shown.", body = Problem, content_type = "application/problem+json"),
    ))]
pub(super) async fn one(
    State(gate): State<Arc<Gate>>,
    headers: HeaderMap,
    Segment(sku): Segment<Sku>,
) -> Result<Response, Problem> {
    let view = view(&gate, &gate.shop()?.product(&sku)?);
    // Stock is part of it, so its tag is that of what is shown.
    let shown = serde_json::to_vec(&view).unwrap_or_default();
    let etag = format!("\"{}\"", blake3::hash(&shown).to_hex().split_at(16).0);
    let known = headers.get(IF_NONE_MATCH).is_some_and(|known| known.as_bytes() == etag.as_bytes());
    let mut response =
        if known { StatusCode::NOT_MODIFIED.into_response() } else { json(StatusCode::OK, &view) };
    response.headers_mut().insert(CACHE_CONTROL, SHARED);
    if let Ok(etag) = HeaderValue::from_str(&etag) {
        response.headers_mut().insert(ETAG, etag);
    }
    Ok(response)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_keep_the_search_and_turn_one_choice() {
        let read = asked(&"/?q=red%20shoe&brand=Acme&page=3".parse().unwrap()).unwrap();
        assert_eq!((read.text.as_str(), read.page), ("red shoe", 3));
        assert_eq!(read.link(None, 4), "/?q=red+shoe&brand=Acme&page=4");
        assert_eq!(read.link(Some(("brand", "Acme")), 1), "/?q=red+shoe");
        assert_eq!(read.link(Some(("brand", "B&C")), 1), "/?q=red+shoe&brand=B%26C");
        assert_eq!(read.link(Some(("tag", "new")), 1), "/?q=red+shoe&brand=Acme&tag=new");
        assert_eq!(Asked::default().link(None, 1), "/");
    }

    #[test]
    fn searches_are_strict() {
        for bad in ["/?page=x", "/?count=0", "/?count=101", "/?colour=red", "/?q=a&q=b"] {
            assert!(asked(&bad.parse().unwrap()).is_err(), "{bad}");
        }
        assert!(asked(&format!("/?q={}", "x".repeat(QUERY_BYTES_MAX + 1)).parse().unwrap()).is_err());
        assert_eq!(asked(&"/?page=0".parse().unwrap()).unwrap().page, 1);
    }
}
