//! The service over gRPC: calls that translate and do nothing else. `schemas/proto` says what there is.
//!
//! Promised: the same rules as over HTTP, on the same port; whatever is refused has a status by one table and a
//! [`proto::Problem`] in its details, except by health and reflection, and where messages break off or cannot be read; a
//! stream that is cut ends with `UNAVAILABLE`, and can be resumed without loss. Compressed messages are not taken, so none
//! can grow.

mod admin;
mod call;
mod carts;
mod convert;
mod health;
mod listings;
mod orders;
mod people;
mod products;
pub mod proto;
mod read;
mod rooms;
mod status;

use std::convert::Infallible;
use std::sync::Arc;

use axum::Router;
use axum::extract::Request;
use axum::middleware::from_fn_with_state;
use axum::response::IntoResponse;
use tonic::server::NamedService;
use tonic_health::pb::health_server::HealthServer;
use tower::Service;

use crate::http::gate::Gate;
use crate::limits::{ACCOUNT_BODY_BYTES_MAX, ADMIN_BODY_BYTES_MAX, ORDER_BODY_BYTES_MAX};
use admin::Admin;
use carts::Carts;
use health::ServerHealth;
use listings::Listings;
use orders::Orders;
use people::{Accounts, Sessions, Subscriptions};
use products::Products;
use proto::admin::v1::admin_service_server::AdminServiceServer;
use proto::catalogue::v1::catalogue_service_server::CatalogueServiceServer;
use proto::listing_service_server::ListingServiceServer;
use proto::order_service_server::OrderServiceServer;
use proto::people::v1::account_service_server::AccountServiceServer;
use proto::people::v1::cart_service_server::CartServiceServer;
use proto::people::v1::session_service_server::SessionServiceServer;
use proto::people::v1::subscription_service_server::SubscriptionServiceServer;
use proto::rooms::v1::room_service_server::RoomServiceServer;
use rooms::Rooms;

pub(crate) use call::is_grpc;
pub(crate) use status::spoken;

/// Where the health of the process is asked for.
pub(crate) const HEALTH_PATH: &str = "/grpc.health.v1.Health/Check";

/// All calls.
pub(crate) fn routes(gate: &Arc<Gate>) -> Router<Arc<Gate>> {
    let own = || Arc::clone(gate);
    let orders = OrderServiceServer::new(Orders(own()));
    let listings = ListingServiceServer::new(Listings(own()));
    let health = HealthServer::new(ServerHealth(own()));
    let rooms = RoomServiceServer::new(Rooms(own()));
    let products = CatalogueServiceServer::new(Products(own()));
    let admin = AdminServiceServer::new(Admin(own()));
    let mut router = people_routes(gate)
        .merge(one(orders.max_decoding_message_size(ORDER_BODY_BYTES_MAX)))
        .merge(one(listings.max_decoding_message_size(ORDER_BODY_BYTES_MAX)))
        .merge(one(health.max_decoding_message_size(ORDER_BODY_BYTES_MAX)))
        .merge(one(rooms.max_decoding_message_size(ORDER_BODY_BYTES_MAX)))
        .merge(one(products.max_decoding_message_size(ORDER_BODY_BYTES_MAX)))
        .merge(one(admin.max_decoding_message_size(ADMIN_BODY_BYTES_MAX)));
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTION)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1();
    match reflection {
        Ok(reflection) => {
            router = router.merge(one(reflection.max_decoding_message_size(ORDER_BODY_BYTES_MAX)));
        }
        Err(error) => tracing::error!(%error, "there is no reflection: the description cannot be read"),
    }
    router.layer(from_fn_with_state(own(), call::enter))
}

fn people_routes(gate: &Arc<Gate>) -> Router<Arc<Gate>> {
    let own = || Arc::clone(gate);
    let accounts = AccountServiceServer::new(Accounts(own()));
    let sessions = SessionServiceServer::new(Sessions(own()));
    let subscriptions = SubscriptionServiceServer::new(Subscriptions(own()));
    let carts = CartServiceServer::new(Carts(own()));
    one(accounts.max_decoding_message_size(ACCOUNT_BODY_BYTES_MAX))
        .merge(one(sessions.max_decoding_message_size(ACCOUNT_BODY_BYTES_MAX)))
        .merge(one(subscriptions.max_decoding_message_size(ACCOUNT_BODY_BYTES_MAX)))
        .merge(one(carts.max_decoding_message_size(ACCOUNT_BODY_BYTES_MAX)))
}

/// The calls of one service.
fn one<S>(service: S) -> Router<Arc<Gate>>
where
    S: NamedService + Service<Request, Response: IntoResponse, Error = Infallible, Future: Send + 'static>,
    S: Clone + Send + Sync + 'static,
{
    Router::new().route_service(&format!("/{}/{{call}}", S::NAME), service)
}
