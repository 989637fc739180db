//! Calls about waiting rooms.

use std::sync::Arc;
use std::time::Duration;

use futures_util::stream::{BoxStream, StreamExt as _, once, unfold};
use tonic::{Request, Response, Status};
use waiting_room::RoomName;

use super::call::identify;
use super::convert::{by_name, time};
use super::proto::rooms::v1::room_service_server::RoomService;
use super::proto::rooms::v1::{
    EnterRoomRequest, Eta, GetPlaceRequest, LeaveRoomRequest, LeaveRoomResponse, Place, PlaceState,
    WatchPlaceRequest,
};
use super::read::{field, said};
use super::status::status;
use crate::http::gate::Gate;
use crate::rooms::{Pass, closed};

pub(super) struct Rooms(pub(super) Arc<Gate>);

impl From<waiting_room::Eta> for Eta {
    fn from(eta: waiting_room::Eta) -> Self {
        let span = |ms: u64| Duration::from_millis(ms).try_into().ok();
        Self { low: span(eta.early_ms), likely: span(eta.likely_ms), high: span(eta.late_ms) }
    }
}

impl From<&Pass> for Place {
    fn from(pass: &Pass) -> Self {
        let state = PlaceState::from_str_name(&by_name("PLACE_STATE", pass.place.state.name()));
        Self {
            state: state.unwrap_or_default().into(),
            place: pass.place.place,
            ahead: pass.place.ahead,
            eta: pass.place.eta.map(Eta::from),
            opens_at: time(pass.opens_at),
            closes_at: time(pass.closes_at),
            room_token: pass.token.clone().unwrap_or_default(),
        }
    }
}

fn sale(name: &str) -> Result<RoomName, Status> {
    field(name, "sale").map_err(status)
}

#[tonic::async_trait]
impl RoomService for Rooms {
    type WatchPlaceStream = BoxStream<'static, Result<Place, Status>>;

    async fn enter_room(&self, request: Request<EnterRoomRequest>) -> Result<Response<Place>, Status> {
        let who = identify(&self.0, &request)?;
        let pass = self.0.service.enter_room(&who, &sale(&request.get_ref().sale)?).await;
        Ok(Response::new(Place::from(&pass.map_err(status)?)))
    }

    async fn get_place(&self, request: Request<GetPlaceRequest>) -> Result<Response<Place>, Status> {
        let (who, message) = (identify(&self.0, &request)?, request.get_ref());
        let pass = self.0.service.room_pass(&who, &sale(&message.sale)?, said(&message.room_token)).await;
        Ok(Response::new(Place::from(&pass.map_err(status)?)))
    }

    async fn leave_room(
        &self,
        request: Request<LeaveRoomRequest>,
    ) -> Result<Response<LeaveRoomResponse>, Status> {
        let (who, message) = (identify(&self.0, &request)?, request.get_ref());
        let left = self.0.service.leave_room(&who, &sale(&message.sale)?, said(&message.room_token)).await;
        left.map_err(status)?;
        Ok(Response::new(LeaveRoomResponse {}))
    }

    async fn watch_place(
        &self,
        request: Request<WatchPlaceRequest>,
    ) -> Result<Response<Self::WatchPlaceStream>, Status> {
        let (who, message) = (identify(&self.0, &request)?, request.get_ref());
        let feed = self.0.service.room_events(&who, &sale(&message.sale)?, said(&message.room_token)).await;
        let places = match feed.map_err(status)? {
            Some(feed) => unfold(feed, |mut feed| async move {
                let pass = feed.next().await?;
                Some((Ok(Place::from(&pass)), feed))
            })
            .boxed(),
            // That is all there will be to say.
            None => once(std::future::ready(Ok(Place::from(&closed())))).boxed(),
        };
        Ok(Response::new(places))
    }
}
