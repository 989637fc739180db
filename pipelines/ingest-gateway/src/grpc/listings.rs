//! Calls about listings and sales. Anybody may look.

use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt as _, unfold};
use order_model::Sku;
use tokio::sync::watch;
use tonic::{Request, Response, Status};

use super::call::cut;
use super::convert::listing;
use super::proto::listing_service_server::ListingService;
use super::proto::{
    GetListingRequest, GetSaleRequest, ListListingsRequest, ListListingsResponse, Listing, SaleFigures,
    WatchListingRequest, WatchSaleRequest,
};
use super::read::{field, optional, page_size, said};
use super::status::status;
use crate::board::ListingNews;
use crate::http::gate::Gate;
use crate::limits::PAGE_ITEMS_MAX;

pub(super) struct Listings(pub(super) Arc<Gate>);

#[tonic::async_trait]
impl ListingService for Listings {
    type WatchListingStream = BoxStream<'static, Result<Listing, Status>>;
    type WatchSaleStream = BoxStream<'static, Result<SaleFigures, Status>>;

    async fn list_listings(
        &self,
        request: Request<ListListingsRequest>,
    ) -> Result<Response<ListListingsResponse>, Status> {
        let message = request.get_ref();
        let after = optional::<Sku>(&message.after, "after").map_err(status)?;
        let count = page_size(message.page_size, PAGE_ITEMS_MAX).map_err(status)?;
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
        let message = |news: &ListingNews| listing(&news.listing, news.listing.read_at.time);
        Ok(Response::new(newest(feed, message)))
    }

    async fn get_sale(&self, request: Request<GetSaleRequest>) -> Result<Response<SaleFigures>, Status> {
        let wall = self.0.service.sale(&request.get_ref().name).map_err(status)?;
        Ok(Response::new(SaleFigures::from(&wall)))
    }

    async fn watch_sale(
        &self,
        request: Request<WatchSaleRequest>,
    ) -> Result<Response<Self::WatchSaleStream>, Status> {
        let feed = self.0.service.sale_events(&request.get_ref().name).map_err(status)?;
        Ok(Response::new(newest(feed, |news| SaleFigures::from(&news.view))))
    }
}

/// The newest state of something, now and whenever it changes; what is missed in between is passed over.
fn newest<T: Send + Sync + 'static, M: Send + 'static>(
    feed: watch::Receiver<Arc<T>>,
    message: fn(&T) -> M,
) -> BoxStream<'static, Result<M, Status>> {
    let states = unfold(Some((feed, true)), move |state| async move {
        let (mut feed, is_first) = state?;
        if !is_first && feed.changed().await.is_err() {
            return Some((Err(cut("the stream was cut; open it again")), None));
        }
        let newest = message(&feed.borrow_and_update());
        Some((Ok(newest), Some((feed, false))))
    });
    states.boxed()
}
