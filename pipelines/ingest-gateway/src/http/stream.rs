//! Event streams (SSE): signs of life, and a word to come back when the process is about to end.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::Extension;
use axum::body::{Body, Bytes};
use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::http::{HeaderName, HeaderValue};
use axum::response::{IntoResponse, Response};
use futures_util::stream::{BoxStream, Stream, StreamExt as _, unfold};
use tokio::sync::watch;
use utoipa::ToSchema;

use super::gate::Gate;
use super::problem::Problem;
use crate::frame::frame;
use crate::limits::RECONNECT_MS;
use crate::rooms::{Pass, RoomFeed};
use crate::service::OrderFeed;
use crate::views::OrderEventView;

/// An event of a stream. `data` is JSON; what of, the route says.
#[derive(ToSchema)]
#[expect(dead_code, reason = "a shape for the description; events are written as text")]
pub(super) struct StreamEvent {
    /// Names it, where the stream can be resumed after it.
    id: Option<String>,
    /// What kind it is.
    event: String,
    /// JSON as text.
    #[schema(content_media_type = "application/json")]
    data: String,
}

/// The events of an order.
pub(super) fn of_order(feed: OrderFeed) -> BoxStream<'static, Bytes> {
    unfold(feed, |mut feed| async move {
        let news = feed.next().await?;
        let frame = frame(Some(&news.id.to_string()), news.event.kind.name(), &OrderEventView::from(&*news));
        Some((frame, feed))
    })
    .boxed()
}

/// The places somebody has in a waiting room, one after the other.
pub(super) fn of_room(feed: RoomFeed, frame: fn(&Pass) -> Bytes) -> BoxStream<'static, Bytes> {
    unfold(feed, move |mut feed| async move {
        let pass = feed.next().await?;
        Some((frame(&pass), feed))
    })
    .boxed()
}

/// The newest state of something, now and whenever it changes; what is missed in between is passed over.
pub(super) fn of_newest<T: Send + Sync + 'static>(
    feed: watch::Receiver<Arc<T>>,
    frame: fn(&T) -> Bytes,
) -> BoxStream<'static, Bytes> {
    unfold((feed, true), move |(mut feed, is_first)| async move {
        if !is_first {
            feed.changed().await.ok()?;
        }
        let newest = frame(&feed.borrow_and_update());
        Some((newest, (feed, false)))
    })
    .boxed()
}

struct Beating {
    events: BoxStream<'static, Bytes>,
    beat: Duration,
    closing: watch::Receiver<bool>,
    is_over: bool,
}

/// An answer that streams events.
pub(super) fn respond(gate: &Gate, events: BoxStream<'static, Bytes>) -> Result<Response, Problem> {
    let place = gate.stream_place()?;
    let beating = Beating {
        events,
        beat: Duration::from_millis(gate.limits.stream_beat_ms),
        closing: gate.closing.clone(),
        is_over: false,
    };
    let body = Body::from_stream(greeting().chain(beat(beating)).map(Ok::<_, Infallible>));
    let headers = [
        (CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (CACHE_CONTROL, HeaderValue::from_static("no-store")),
        // Proxies that would gather an answer before they pass it on.
        (HeaderName::from_static("x-accel-buffering"), HeaderValue::from_static("no")),
    ];
    Ok((headers, Extension(place), body).into_response())
}

/// When to come back after the stream broke off.
fn greeting() -> impl Stream<Item = Bytes> + Send {
    futures_util::stream::once(std::future::ready(Bytes::from(format!("retry: {RECONNECT_MS}\n\n"))))
}

fn beat(beating: Beating) -> impl Stream<Item = Bytes> + Send {
    unfold(beating, |mut beating| async move {
        if beating.is_over {
            return None;
        }
        let bytes = tokio::select! {
            biased;
            _ = beating.closing.wait_for(|is_closing| *is_closing) => {
                beating.is_over = true;
                frame(None, "reconnect", &serde_json::json!({ "after_ms": RECONNECT_MS }))
            }
            event = beating.events.next() => event?,
            () = tokio::time::sleep(beating.beat) => Bytes::from_static(b":\n\n"),
        };
        Some((bytes, beating))
    })
}
