//! What of the answers on a connection its reader has not taken.
//!
//! Over HTTP/2 the reader says how much it takes. Of who takes nothing, no write stands still: answers wait in memory, even
//! after their bodies have ended. So each frame counts from when the transport has it until it lets go of it.

use std::pin::Pin;
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use axum::body::{Body, Bytes};
use axum::response::Response;
use bytes::Buf;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use tokio::sync::Notify;

use crate::http::gate::Held;

/// What is asked on one connection, and not yet delivered.
#[derive(Default)]
pub(super) struct Exchange {
    asked: Notify,
    answers: Mutex<Answers>,
}

#[derive(Default)]
struct Answers {
    latest: u64,
    /// By number. A connection has few: over HTTP/1 one.
    in_hand: Vec<(u64, Waiting)>,
}

/// The frames of one answer that wait for the reader.
struct Waiting {
    frames: usize,
    /// When the first of them came, or the latest byte was taken.
    since: Instant,
}

impl Exchange {
    /// A request has come.
    pub(super) fn begin(self: &Arc<Self>) -> Delivery {
        self.asked.notify_one();
        let number = self.with(|answers| {
            answers.latest += 1;
            let number = answers.latest;
            answers.in_hand.push((number, Waiting { frames: 0, since: Instant::now() }));
            number
        });
        Delivery(Arc::new(Answer { exchange: Arc::clone(self), number, held: OnceLock::new() }))
    }

    /// Waits for a request.
    pub(super) async fn asked(&self) {
        self.asked.notified().await;
    }

    /// Whether nothing is in hand.
    pub(super) fn is_idle(&self) -> bool {
        self.with(|answers| answers.in_hand.is_empty())
    }

    /// Whether the reader has taken nothing of some answer for so long.
    pub(super) fn stands_still(&self, limit: Duration) -> bool {
        let is_late = |waiting: &Waiting| waiting.frames > 0 && waiting.since.elapsed() > limit;
        self.with(|answers| answers.in_hand.iter().any(|(_, waiting)| is_late(waiting)))
    }

    fn with<T>(&self, work: impl FnOnce(&mut Answers) -> T) -> T {
        work(&mut self.answers.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// A request in hand, then its answer, until the reader has all of it.
#[derive(Clone)]
pub(super) struct Delivery(Arc<Answer>);

struct Answer {
    exchange: Arc<Exchange>,
    number: u64,
    held: OnceLock<Held>,
}

impl Delivery {
    /// The answer, noted until it is delivered; what it holds is held as long.
    pub(super) fn note(self, mut response: Response) -> Response<Noted> {
        if let Some(held) = response.extensions_mut().remove::<Held>() {
            // It is empty: a request has one answer.
            drop(self.0.held.set(held));
        }
        response.map(|body| Noted { body, delivery: self })
    }

    fn change(&self, change: impl FnOnce(&mut Waiting)) {
        let Answer { exchange, number, .. } = &*self.0;
        exchange.with(|answers| {
            let found = answers.in_hand.iter_mut().find(|(known, _)| known == number);
            found.map(|(_, waiting)| change(waiting))
        });
    }
}

impl Drop for Answer {
    fn drop(&mut self) {
        self.exchange.with(|answers| answers.in_hand.retain(|(number, _)| *number != self.number));
    }
}

/// The body of an answer.
pub(super) struct Noted {
    body: Body,
    delivery: Delivery,
}

impl HttpBody for Noted {
    type Data = Parcel;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Parcel>, axum::Error>>> {
        let frame = Pin::new(&mut self.body).poll_frame(context);
        frame.map_ok(|frame| frame.map_data(|bytes| Parcel::new(bytes, self.delivery.clone())))
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}

/// The bytes of a frame, on their way to the reader.
pub(super) struct Parcel {
    bytes: Bytes,
    delivery: Delivery,
}

impl Parcel {
    fn new(bytes: Bytes, delivery: Delivery) -> Self {
        delivery.change(|waiting| {
            if waiting.frames == 0 {
                waiting.since = Instant::now();
            }
            waiting.frames += 1;
        });
        Self { bytes, delivery }
    }
}

impl Buf for Parcel {
    fn remaining(&self) -> usize {
        self.bytes.remaining()
    }

    fn chunk(&self) -> &[u8] {
        self.bytes.chunk()
    }

    fn advance(&mut self, count: usize) {
        self.bytes.advance(count);
        self.delivery.change(|waiting| waiting.since = Instant::now());
    }
}

impl Drop for Parcel {
    fn drop(&mut self) {
        self.delivery.change(|waiting| waiting.frames -= 1);
    }
}
