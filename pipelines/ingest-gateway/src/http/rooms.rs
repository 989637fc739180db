//! Routes about waiting rooms.

use std::sync::Arc;

use axum::extract::State;
use axum::http::{HeaderMap, StatusCode};
use axum::response::{IntoResponse, Response};
use serde::Serialize;
use utoipa::ToSchema;
use waiting_room::{Eta, RoomName};

use super::gate::Gate;
use super::problem::Problem;
use super::request::Segment;
use super::stream::StreamEvent;
use super::{json, stream};
use crate::frame::frame;
use crate::rooms::Pass;
use crate::service::Refusal;
use crate::views::time_text;

/// A place in a waiting room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = RoomPlace)]
pub(super) struct PlaceView {
    /// `before` (the places are drawn at the opening), `waiting`, `admitted` or `closed`.
    state: &'static str,
    /// The place, once it is drawn.
    #[serde(skip_serializing_if = "Option::is_none")]
    place: Option<u32>,
    /// How many are admitted before.
    #[serde(skip_serializing_if = "Option::is_none")]
    ahead: Option<u32>,
    /// How long that takes, if enough is known.
    #[serde(skip_serializing_if = "Option::is_none")]
    eta_seconds: Option<EtaView>,
    /// When people are admitted from.
    #[serde(skip_serializing_if = "Option::is_none")]
    opens_at: Option<String>,
    /// When the room closes.
    #[serde(skip_serializing_if = "Option::is_none")]
    closes_at: Option<String>,
    /// Holds the place, here and at every other gateway: to be sent in the header Place. The newest is the best.
    #[serde(skip_serializing_if = "Option::is_none")]
    token: Option<String>,
}

/// How long a wait will be: in eight of ten cases between the two.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, ToSchema)]
#[schema(as = RoomEta)]
pub(super) struct EtaView {
    low: u64,
    likely: u64,
    high: u64,
}

impl From<Eta> for EtaView {
    fn from(eta: Eta) -> Self {
        Self {
            low: eta.early_ms / 1_000,
            likely: eta.likely_ms.div_ceil(1_000),
            high: eta.late_ms.div_ceil(1_000),
        }
    }
}

impl From<&Pass> for PlaceView {
    fn from(pass: &Pass) -> Self {
        Self {
            state: pass.place.state.name(),
            place: pass.place.place,
            ahead: pass.place.ahead,
            eta_seconds: pass.place.eta.map(EtaView::from),
            opens_at: time_text(pass.opens_at),
            closes_at: time_text(pass.closes_at),
            token: pass.token.clone(),
        }
    }
}

fn shown(pass: &Pass) -> Response {
    json(StatusCode::OK, &PlaceView::from(pass))
}

/// The token of a place, if there is one; what is no text is a token that is worth nothing.
pub(super) fn place_token(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let malformed = |_| Refusal::PlaceInvalid(waiting_room::TokenError::Malformed);
    headers.get("place").map(|value| value.to_str().map_err(malformed)).transpose()
}

/// Takes a place in the waiting room of a sale. Whoever enters before the opening is drawn at it, whoever comes later queues
/// behind; who has a place keeps it.
#[utoipa::path(post, path = "/v1/rooms/{sale}", tag = "rooms",
    params(("sale" = String, Path, description = "The sale.")),
    responses(
        (status = 200, description = "The place.", body = PlaceView),
        (status = "default", description = "There is no place.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn enter(
    State(gate): State<Arc<Gate>>,
    Segment(sale): Segment<RoomName>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let who = gate.identify(&headers)?;
    Ok(shown(&gate.service.enter_room(&who, &sale).await?))
}

/// Shows the place. With its token, what is shown is never older than what was shown with that.
#[utoipa::path(get, path = "/v1/rooms/{sale}", tag = "rooms",
    params(
        ("sale" = String, Path, description = "The sale."),
        ("Place" = Option<String>, Header, description = "The token that holds the place."),
    ),
    responses(
        (status = 200, description = "The place.", body = PlaceView),
        (status = "default", description = "There is no place.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn show(
    State(gate): State<Arc<Gate>>,
    Segment(sale): Segment<RoomName>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let who = gate.identify(&headers)?;
    Ok(shown(&gate.service.room_pass(&who, &sale, place_token(&headers)?).await?))
}

/// Gives the place up: those behind move on. Whoever comes back is last.
#[utoipa::path(delete, path = "/v1/rooms/{sale}", tag = "rooms",
    params(
        ("sale" = String, Path, description = "The sale."),
        ("Place" = Option<String>, Header, description = "The token that holds the place."),
    ),
    responses(
        (status = 204, description = "The place is given up."),
        (status = "default", description = "There was no place, or it is not known to be given up.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn leave(
    State(gate): State<Arc<Gate>>,
    Segment(sale): Segment<RoomName>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let who = gate.identify(&headers)?;
    gate.service.leave_room(&who, &sale, place_token(&headers)?).await?;
    Ok(StatusCode::NO_CONTENT.into_response())
}

/// Streams the place: event `place`, now and whenever it has changed. 204: the room is closed, and nothing will.
#[utoipa::path(get, path = "/v1/rooms/{sale}/events", tag = "rooms",
    params(
        ("sale" = String, Path, description = "The sale."),
        ("Place" = Option<String>, Header, description = "The token that holds the place."),
    ),
    responses(
        (status = 200, description = "The events; `data` is a RoomPlace.", body = StreamEvent, content_type = "text/event-stream"),
        (status = 204, description = "The room is closed."),
        (status = "default", description = "There is no stream.", body = Problem, content_type = "application/problem+json"),
    ), security(("bearer" = [])))]
pub(super) async fn events(
    State(gate): State<Arc<Gate>>,
    Segment(sale): Segment<RoomName>,
    headers: HeaderMap,
) -> Result<Response, Problem> {
    let who = gate.identify(&headers)?;
    match gate.service.room_events(&who, &sale, place_token(&headers)?).await? {
        // No id: the newest place is all there is to resume.
        Some(feed) => {
            let event = |pass: &Pass| frame(None, "place", &PlaceView::from(pass));
            stream::respond(&gate, stream::of_room(feed, event))
        }
        None => Ok(StatusCode::NO_CONTENT.into_response()),
    }
}
