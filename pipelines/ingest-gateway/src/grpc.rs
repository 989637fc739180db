//! The service over gRPC: calls that translate and do nothing else. `schemas/proto` says what there is.
//!
//! Promised: the same rules as over HTTP, on the same port; whatever is refused has a status by one table and a
//! [`proto::Problem`] in its details; a stream that is cut ends with `UNAVAILABLE`, and can be resumed without loss.
//! Compressed messages are not taken, so none can grow.

mod call;
mod convert;
mod health;
mod listings;
mod orders;
pub mod proto;
mod read;
mod status;

use std::sync::Arc;

use axum::Router;
use axum::middleware::from_fn_with_state;
use tonic::server::NamedService;
use tonic_health::pb::health_server::HealthServer;

use crate::http::gate::Gate;
use crate::limits::ORDER_BODY_BYTES_MAX;
use health::ServerHealth;
use listings::Listings;
use orders::Orders;
use proto::listing_service_server::ListingServiceServer;
use proto::order_service_server::OrderServiceServer;

pub(crate) use call::is_grpc;
pub(crate) use status::spoken;

/// Where the health of the process is asked for.
pub(crate) const HEALTH_PATH: &str = "/grpc.health.v1.Health/Check";

/// All calls.
pub(crate) fn routes(gate: &Arc<Gate>) -> Router<Arc<Gate>> {
    let orders = OrderServiceServer::new(Orders(Arc::clone(gate)));
    let listings = ListingServiceServer::new(Listings(Arc::clone(gate)));
    let health = HealthServer::new(ServerHealth(Arc::clone(gate)));
    let mut router = Router::new()
        .route_service(&path_of(&orders), orders.max_decoding_message_size(ORDER_BODY_BYTES_MAX))
        .route_service(&path_of(&listings), listings.max_decoding_message_size(ORDER_BODY_BYTES_MAX))
        .route_service(&path_of(&health), health.max_decoding_message_size(ORDER_BODY_BYTES_MAX));
    let reflection = tonic_reflection::server::Builder::configure()
        .register_encoded_file_descriptor_set(proto::DESCRIPTION)
        .register_encoded_file_descriptor_set(tonic_health::pb::FILE_DESCRIPTOR_SET)
        .build_v1();
    match reflection {
        Ok(reflection) => {
            let path = path_of(&reflection);
            router = router.route_service(&path, reflection.max_decoding_message_size(ORDER_BODY_BYTES_MAX));
        }
        Err(error) => tracing::error!(%error, "there is no reflection: the description cannot be read"),
    }
    router.layer(from_fn_with_state(Arc::clone(gate), call::enter))
}

fn path_of<S: NamedService>(_: &S) -> String {
    format!("/{}/{{call}}", S::NAME)
}
