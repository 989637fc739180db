//! Health, as gRPC asks for it: the same as `/readyz`.

use std::sync::Arc;

use futures_util::stream::{BoxStream, StreamExt as _, unfold};
use tonic::{Request, Response, Status};
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_server::Health;
use tonic_health::pb::{HealthCheckRequest, HealthCheckResponse};

use super::proto::admin::v1::admin_service_server;
use super::proto::catalogue::v1::catalogue_service_server;
use super::proto::people::v1::{
    account_service_server, cart_service_server, session_service_server, subscription_service_server,
};
use super::proto::rooms::v1::room_service_server;
use super::proto::{listing_service_server, order_service_server};
use crate::http::gate::Gate;
use crate::http::is_ready;
use crate::limits::HEALTH_EVERY;

/// The names that can be asked for; the empty one is the whole process.
const NAMES: [&str; 10] = [
    "",
    order_service_server::SERVICE_NAME,
    listing_service_server::SERVICE_NAME,
    account_service_server::SERVICE_NAME,
    session_service_server::SERVICE_NAME,
    subscription_service_server::SERVICE_NAME,
    cart_service_server::SERVICE_NAME,
    room_service_server::SERVICE_NAME,
    catalogue_service_server::SERVICE_NAME,
    admin_service_server::SERVICE_NAME,
];

pub(super) struct ServerHealth(pub(super) Arc<Gate>);

fn serving(gate: &Gate) -> ServingStatus {
    if is_ready(gate) { ServingStatus::Serving } else { ServingStatus::NotServing }
}

fn answer(status: ServingStatus) -> HealthCheckResponse {
    HealthCheckResponse { status: status.into() }
}

#[tonic::async_trait]
impl Health for ServerHealth {
    type WatchStream = BoxStream<'static, Result<HealthCheckResponse, Status>>;

    async fn check(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<HealthCheckResponse>, Status> {
        if !NAMES.contains(&request.get_ref().service.as_str()) {
            return Err(Status::not_found("there is no such service; ask with an empty name for all"));
        }
        Ok(Response::new(answer(serving(&self.0))))
    }

    async fn watch(
        &self,
        request: Request<HealthCheckRequest>,
    ) -> Result<Response<Self::WatchStream>, Status> {
        let is_known = NAMES.contains(&request.get_ref().service.as_str());
        let statuses = unfold((Arc::clone(&self.0), None), move |(gate, told)| async move {
            let mut draining = gate.draining.clone();
            loop {
                let status = if is_known { serving(&gate) } else { ServingStatus::ServiceUnknown };
                if told != Some(status) {
                    return Some((Ok(answer(status)), (gate, Some(status))));
                }
                tokio::select! {
                    () = tokio::time::sleep(HEALTH_EVERY) => {}
                    Ok(()) = draining.changed() => {}
                }
            }
        });
        Ok(Response::new(statuses.boxed()))
    }
}
