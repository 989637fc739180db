//! Calls about products. Anybody may look.

use std::sync::Arc;

use catalogue::{Dimension, Facet, FacetCounts, Query};
use order_model::Sku;
use tonic::{Request, Response, Status};

use super::convert::{count, listing};
use super::proto::catalogue::v1::catalogue_service_server::CatalogueService;
use super::proto::catalogue::v1::{
    Attribute, Choice, Companion, GetProductRequest, ListBoughtTogetherRequest, ListBoughtTogetherResponse,
    Picture, Product, SearchProductsRequest, SearchProductsResponse,
};
use super::read::{bad_field, field, page_size, said};
use super::status::status;
use crate::http::Problem;
use crate::http::gate::Gate;
use crate::limits::{PRODUCTS_PER_PAGE, QUERY_BYTES_MAX};
use crate::shop::{choice_name, picture};

pub(super) struct Products(pub(super) Arc<Gate>);

impl Products {
    fn product(&self, product: &catalogue::Product) -> Product {
        let service = &self.0.service;
        let attributes = product.attributes.iter();
        let attributes =
            attributes.map(|each| Attribute { name: each.name.clone(), value: each.value.clone() });
        let pictures = product.images.iter().map(picture);
        Product {
            sku: product.sku.to_string(),
            title: product.title.clone(),
            description: product.description.clone(),
            brand: product.brand.clone().unwrap_or_default(),
            category: product.category.clone(),
            tags: product.tags.clone(),
            attributes: attributes.collect(),
            pictures: pictures.map(|picture| Picture { link: picture.link, alt: picture.alt }).collect(),
            listing: service.board().listing(&product.sku).map(|found| listing(&found, service.now())),
        }
    }
}

fn query(message: &SearchProductsRequest) -> Result<Query, Problem> {
    let text = message.text.trim();
    if text.len() > QUERY_BYTES_MAX {
        return Err(bad_field("text", format_args!("a search has at most {QUERY_BYTES_MAX} bytes")));
    }
    let filters = [
        (Dimension::Category, &message.category),
        (Dimension::Brand, &message.brand),
        (Dimension::Tag, &message.tag),
    ];
    let filters = filters
        .into_iter()
        .filter_map(|(dimension, value)| Some(Facet { dimension, value: said(value)?.to_owned() }));
    Ok(Query {
        text: text.to_owned(),
        filters: filters.collect(),
        page: usize::try_from(message.page).unwrap_or(usize::MAX).max(1),
        page_size: page_size(message.page_size, PRODUCTS_PER_PAGE)?,
    })
}

fn choices(facets: &[FacetCounts]) -> Vec<Choice> {
    let named = facets.iter().filter_map(|counts| Some((choice_name(&counts.dimension)?, &counts.values)));
    let choices = named.flat_map(|(field, values)| {
        values.iter().map(move |value| Choice {
            field: field.to_owned(),
            value: value.value.clone(),
            products: value.products,
        })
    });
    choices.collect()
}

#[tonic::async_trait]
impl CatalogueService for Products {
    async fn search_products(
        &self,
        request: Request<SearchProductsRequest>,
    ) -> Result<Response<SearchProductsResponse>, Status> {
        let query = query(request.get_ref()).map_err(status)?;
        let found = self.0.shop().and_then(|shop| shop.search(&query)).map_err(status)?;
        Ok(Response::new(SearchProductsResponse {
            total: count(found.total),
            page: count(found.page),
            pages: count(found.pages),
            products: found.items.iter().map(|item| self.product(&item.product)).collect(),
            choices: choices(&found.facets),
        }))
    }

    async fn get_product(&self, request: Request<GetProductRequest>) -> Result<Response<Product>, Status> {
        let sku: Sku = field(&request.get_ref().sku, "sku").map_err(status)?;
        let product = self.0.shop().and_then(|shop| shop.product(&sku)).map_err(status)?;
        Ok(Response::new(self.product(&product)))
    }

    async fn list_bought_together(
        &self,
        request: Request<ListBoughtTogetherRequest>,
    ) -> Result<Response<ListBoughtTogetherResponse>, Status> {
        let sku: Sku = field(&request.get_ref().sku, "sku").map_err(status)?;
        let shop = self.0.shop().map_err(status)?;
        let companions = shop.bought_together(self.0.together.as_deref(), sku).await;
        let companion = |(sku, title): (Sku, String)| Companion { sku: sku.to_string(), title };
        let products = companions.into_iter().map(companion).collect();
        Ok(Response::new(ListBoughtTogetherResponse { products }))
    }
}
