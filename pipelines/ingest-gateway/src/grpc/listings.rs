//! Calls about listings. Anybody may look.

use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt as _, unfold};
use order_model::Sku;
use tonic::{Request, Response, Status};

use super::call::cut;
use super::convert::listing;
use super::proto::listing_service_server::ListingService;
use super::proto::{
    GetListingRequest, ListListingsRequest, ListListingsResponse, Listing, WatchListingRequest,
};
use super::read::{field, optional, page_size, said};
use super::status::status;
use crate::http::gate::Gate;

pub(super) struct Listings(pub(super) Arc<Gate>);

#[tonic::async_trait]
impl ListingService for Listings {
    type WatchListingStream = BoxStream<'static, Result<Listing, Status>>;

    async fn list_listings(
        &self,
        request: Request<ListListingsRequest>,
    ) -> Result<Response<ListListingsResponse>, Status> {
        let message = request.get_ref();
        let after = optional::<Sku>(&message.after, "after").map_err(status)?;
        let count = page_size(message.page_size).map_err(status)?;
        let service = &self.0.service;
        let found = service.board().listings(said(&message.sale), after.as_ref(), count);
        let now = service.now();
        let listings: Vec<Listing> = found.iter().map(|found| listing(found, now)).collect();
        let last = listings.last().filter(|_| listings.len() == count);
        let next_after = last.map(|last| last.sku.clone()).unwrap_or_default();
        Ok(Response::new(ListListingsResponse { listings, next_after }))
    }

    async fn get_listing(&self, request: Request<GetListingRequest>) -> Result<Response<Listing>, Status> {
        let sku: Sku = field(&request.get_ref().sku, "sku").map_err(status)?;
        let found = self.0.service.listing(&sku).map_err(status)?;
        Ok(Response::new(listing(&found, self.0.service.now())))
    }

    async fn watch_listing(
        &self,
        request: Request<WatchListingRequest>,
    ) -> Result<Response<Self::WatchListingStream>, Status> {
        let sku: Sku = field(&request.get_ref().sku, "sku").map_err(status)?;
        let feed = self.0.service.listing_events(&sku).map_err(status)?;
        let states = unfold(Some((feed, true)), |state| async move {
            let (mut feed, is_first) = state?;
            if !is_first && feed.changed().await.is_err() {
                return Some((Err(cut("the stream was cut; open it again")), None));
            }
            let newest = Arc::clone(&feed.borrow_and_update());
            Some((Ok(listing(&newest.listing, newest.listing.read_at.time)), Some((feed, false))))
        });
        Ok(Response::new(states.boxed()))
    }
}
