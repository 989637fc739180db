//! What every call passes: its deadline, the bounds of what it sends, and the end of its stream.

use std::net::IpAddr;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::CONTENT_TYPE;
use axum::http::{HeaderMap, StatusCode};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use futures_util::stream::{Stream, StreamExt as _, unfold};
use http_body_util::{BodyExt as _, StreamBody};
use hyper::body::Frame;
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until, timeout_at};
use tonic::Status;

use super::status::status;
use crate::http::Problem;
use crate::http::gate::{Gate, StreamPlace};
use crate::identity::Identity;
use crate::limits::{BATCH_BODY_BYTES_MAX, GRPC_ANSWER_MARGIN, RETRY_AFTER_SECONDS, WAIT_SECONDS_MAX};
use crate::service::Refusal;

/// Calls whose answer goes on.
const STREAMS: [&str; 6] = [
    "/doorbuster.orders.v1.OrderService/WatchOrder",
    "/doorbuster.orders.v1.ListingService/WatchListing",
    "/doorbuster.orders.v1.ListingService/WatchSale",
    "/doorbuster.rooms.v1.RoomService/WatchPlace",
    "/grpc.health.v1.Health/Watch",
    "/grpc.reflection.v1.ServerReflection/ServerReflectionInfo",
];

/// When a call has to be answered.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Deadline(Option<Instant>);

impl Deadline {
    pub(super) fn of<T>(request: &tonic::Request<T>) -> Self {
        request.extensions().get().copied().unwrap_or(Self(None))
    }

    /// How long to wait for a decision, so that there is an answer in time.
    pub(super) fn wait(self, asked: Option<Duration>) -> Option<Duration> {
        let asked = asked?.min(Duration::from_secs(WAIT_SECONDS_MAX));
        let left = self.0.map_or(asked, |at| {
            at.saturating_duration_since(Instant::now()).saturating_sub(GRPC_ANSWER_MARGIN)
        });
        Some(asked.min(left)).filter(|wait| !wait.is_zero())
    }
}

/// Who calls.
pub(super) fn identify<T>(gate: &Gate, request: &tonic::Request<T>) -> Result<Identity, Status> {
    gate.identify(request.metadata().as_ref()).map_err(status)
}

/// Where a call comes from.
pub(super) fn origin<T>(gate: &Gate, request: &tonic::Request<T>) -> IpAddr {
    gate.origin(request.extensions(), request.metadata().as_ref())
}

/// Whether a request speaks gRPC.
pub(crate) fn is_grpc(headers: &HeaderMap) -> bool {
    let kind = headers.get(CONTENT_TYPE).and_then(|value| value.to_str().ok());
    let rest = kind.and_then(|kind| kind.strip_prefix("application/grpc"));
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['+', ';']))
}

pub(super) async fn enter(State(gate): State<Arc<Gate>>, mut request: Request, next: Next) -> Response {
    match begin(&gate, &mut request) {
        Ok((deadline, place)) => {
            request.extensions_mut().insert(Deadline(deadline));
            let answered = match deadline {
                Some(at) => timeout_at(at, next.run(request)).await,
                None => Ok(next.run(request).await),
            };
            match (answered, place) {
                (Ok(mut response), Some(place)) => {
                    let closing = gate.closing.clone();
                    response.extensions_mut().insert(place);
                    response.map(|body| Streaming { body, closing, deadline }.into_body())
                }
                (Ok(response), None) => response,
                // Only what waits for the log or a decision takes so long.
                (Err(_), _) => Refusal::OutcomeUnknown.into_response(),
            }
        }
        Err(problem) => problem.into_response(),
    }
}

type Begun = (Option<Instant>, Option<StreamPlace>);

fn begin(gate: &Gate, request: &mut Request) -> Result<Begun, Problem> {
    if !is_grpc(request.headers()) {
        let detail = "here one speaks gRPC: send the body as application/grpc";
        return Err(Problem::new(StatusCode::UNSUPPORTED_MEDIA_TYPE, "content_type_unknown", detail));
    }
    let now = Instant::now();
    let timeout = request.headers().get("grpc-timeout").map(|value| value.as_bytes());
    let timeout = timeout.map(|text| read_timeout(text).ok_or_else(bad_timeout)).transpose()?;
    let deadline = timeout.and_then(|timeout| now.checked_add(timeout));
    let is_stream = STREAMS.contains(&request.uri().path());
    let place = is_stream.then(|| gate.stream_place()).transpose()?;
    let until = now + Duration::from_millis(gate.limits.body_ms_max);
    let body = std::mem::replace(request.body_mut(), Body::empty());
    *request.body_mut() = Body::from_stream(bounded(body, until));
    Ok((deadline, place))
}

/// At most eight digits and a unit, as gRPC has it.
fn read_timeout(text: &[u8]) -> Option<Duration> {
    let (unit, digits) = text.split_last()?;
    if !(1..=8).contains(&digits.len()) || !digits.iter().all(u8::is_ascii_digit) {
        return None;
    }
    let number: u64 = std::str::from_utf8(digits).ok()?.parse().ok()?;
    Some(match unit {
        b'H' => Duration::from_secs(number.checked_mul(3_600)?),
        b'M' => Duration::from_secs(number.checked_mul(60)?),
        b'S' => Duration::from_secs(number),
        b'm' => Duration::from_millis(number),
        b'u' => Duration::from_micros(number),
        b'n' => Duration::from_nanos(number),
        _ => return None,
    })
}

fn bad_timeout() -> Problem {
    let detail = "grpc-timeout is up to eight digits and one of H M S m u n, as in 500m";
    let mut problem = Problem::new(StatusCode::BAD_REQUEST, "bad_timeout", detail);
    problem.place = Some("grpc-timeout".into());
    problem
}

/// What a call sends, as long as it comes in time and is not too much.
fn bounded(body: Body, until: Instant) -> impl Stream<Item = Result<Bytes, Status>> + Send {
    unfold((body.into_data_stream(), 0_usize, false), move |(mut data, before, is_over)| async move {
        if is_over {
            return None;
        }
        let next = match timeout_at(until, data.next()).await {
            Ok(next) => next?,
            Err(_) => {
                let detail = "what the call sends took too long";
                let problem = Problem::new(StatusCode::REQUEST_TIMEOUT, "body_too_slow", detail);
                return Some((Err(status(problem)), (data, before, true)));
            }
        };
        let bytes = match next {
            Ok(bytes) => bytes,
            Err(error) => {
                let broken = Status::cancelled(format!("what the call sends broke off: {error}"));
                return Some((Err(broken), (data, before, true)));
            }
        };
        let total = before.saturating_add(bytes.len());
        if total > BATCH_BODY_BYTES_MAX {
            let detail = format!("what the call sends has more than {BATCH_BODY_BYTES_MAX} bytes");
            let problem = Problem::new(StatusCode::PAYLOAD_TOO_LARGE, "body_too_large", detail);
            return Some((Err(status(problem)), (data, total, true)));
        }
        Some((Ok(bytes), (data, total, false)))
    })
}

/// An answer that goes on until it ends, its deadline passes, or the process is about to end.
struct Streaming {
    body: Body,
    closing: watch::Receiver<bool>,
    deadline: Option<Instant>,
}

impl Streaming {
    /// The next frame, and whether there may be more.
    async fn next(&mut self) -> Option<(Result<Frame<Bytes>, axum::Error>, bool)> {
        tokio::select! {
            biased;
            frame = self.body.frame() => {
                let frame = frame?;
                let goes_on = frame.as_ref().is_ok_and(Frame::is_data);
                Some((frame, goes_on))
            }
            _ = self.closing.wait_for(|is_closing| *is_closing) => {
                Some((Ok(last(&cut("the process ends; open the stream again"))), false))
            }
            () = passed(self.deadline) => {
                let detail = "the deadline of the call has passed";
                let problem = Problem::new(StatusCode::GATEWAY_TIMEOUT, "deadline_passed", detail);
                Some((Ok(last(&status(problem))), false))
            }
        }
    }

    fn into_body(self) -> Body {
        let frames = unfold(Some(self), |streaming| async move {
            let mut streaming = streaming?;
            let (frame, goes_on) = streaming.next().await?;
            Some((frame, goes_on.then_some(streaming)))
        });
        Body::new(StreamBody::new(frames))
    }
}

async fn passed(deadline: Option<Instant>) {
    match deadline {
        Some(at) => sleep_until(at).await,
        None => std::future::pending().await,
    }
}

/// The end of a stream that can be opened again.
pub(super) fn cut(detail: &str) -> Status {
    let mut problem = Problem::new(StatusCode::SERVICE_UNAVAILABLE, "stream_cut", detail);
    problem.retry_after_seconds = Some(RETRY_AFTER_SECONDS);
    status(problem)
}

fn last(status: &Status) -> Frame<Bytes> {
    let mut trailers = HeaderMap::new();
    if status.add_header(&mut trailers).is_err() {
        // Every status has a number, whatever becomes of its words.
        trailers.insert("grpc-status", 14.into());
    }
    Frame::trailers(trailers)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn timeouts_as_grpc_writes_them() {
        for (text, timeout) in [
            ("1H", Some(Duration::from_secs(3_600))),
            ("2M", Some(Duration::from_secs(120))),
            ("3S", Some(Duration::from_secs(3))),
            ("4m", Some(Duration::from_millis(4))),
            ("5u", Some(Duration::from_micros(5))),
            ("6n", Some(Duration::from_nanos(6))),
            ("99999999H", Some(Duration::from_secs(99_999_999 * 3_600))),
            ("", None),
            ("S", None),
            ("1", None),
            ("1s", None),
            ("-1S", None),
            ("1.5S", None),
            ("123456789S", None),
            (" 1S", None),
        ] {
            assert_eq!(read_timeout(text.as_bytes()), timeout, "{text}");
        }
    }

    #[test]
    fn only_grpc_is_grpc() {
        for (kind, is_one) in [
            ("application/grpc", true),
            ("application/grpc+proto", true),
            ("application/grpc;charset=x", true),
            ("application/grpc-web", false),
            ("application/json", false),
        ] {
            let headers = HeaderMap::from_iter([(CONTENT_TYPE, kind.parse().unwrap())]);
            assert_eq!(is_grpc(&headers), is_one, "{kind}");
        }
    }

    proptest! {
        #[test]
        fn no_timeout_brings_it_down(text in prop::collection::vec(any::<u8>(), 0..12)) {
            prop_assert!(read_timeout(&text).is_none_or(|_| text.len() >= 2));
        }
    }
}
