//! What stands between the sink and the engine, and breaks.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{Request, State};
use axum::response::Response;
use sink::harness::Injected;

/// Most bytes of one request.
const BODY_BYTES_MAX: usize = 64 * 1_048_576;
const TOO_MANY: &str = "Code: 202. DB::Exception: Too many simultaneous queries. Maximum: 1. \
                        (TOO_MANY_SIMULTANEOUS_QUERIES)";
const DENIED: &str = "Code: 497. DB::Exception: Not enough privileges. (ACCESS_DENIED)";

/// A way to the engine that fails as told.
pub(crate) struct Proxy {
    address: String,
    shared: Arc<Shared>,
    runtime: Option<tokio::runtime::Runtime>,
}

struct Shared {
    upstream: String,
    fault: Mutex<Option<Injected>>,
    /// A canned answer to every statement that contains the first text, instead of the engine's.
    canned: Mutex<Option<(String, u16, String)>>,
    requests: AtomicU64,
    client: reqwest::Client,
}

impl Proxy {
    /// Starts it, on a thread of its own.
    pub(crate) fn start(upstream: String) -> Self {
        let shared = Arc::new(Shared {
            upstream,
            fault: Mutex::new(None),
            canned: Mutex::new(None),
            requests: AtomicU64::new(0),
            client: reqwest::Client::new(),
        });
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let router = Router::new().fallback(pass).with_state(Arc::clone(&shared));
        runtime.spawn(async move {
            let listener = tokio::net::TcpListener::from_std(listener).unwrap();
            axum::serve(listener, router).await.unwrap();
        });
        Self { address, shared, runtime: Some(runtime) }
    }

    pub(crate) fn url(&self) -> String {
        self.address.clone()
    }

    pub(crate) fn inject(&self, fault: Option<Injected>) {
        *self.shared.fault.lock().unwrap_or_else(PoisonError::into_inner) = fault;
    }

    /// Answers statements that contain `text` with this, and does not pass them on; an empty body hangs up.
    pub(crate) fn answer(&self, text: &str, status: u16, body: &str) {
        *self.shared.canned.lock().unwrap() = Some((text.to_owned(), status, body.to_owned()));
    }

    pub(crate) fn answer_no_more(&self) {
        *self.shared.canned.lock().unwrap() = None;
    }
}

impl Drop for Proxy {
    fn drop(&mut self) {
        // A runtime may not wait for its threads in a test that is itself asynchronous.
        if let Some(runtime) = self.runtime.take() {
            runtime.shutdown_background();
        }
    }
}

/// What becomes of a request.
enum Fate {
    Pass,
    /// Done, and the answer is lost.
    Lose,
    /// Not done, with this answer; without one, it hangs up.
    Answer(u16, String),
}

async fn pass(State(shared): State<Arc<Shared>>, request: Request) -> Response {
    let (parts, body) = request.into_parts();
    let path = parts.uri.path_and_query().map(ToString::to_string).unwrap_or_default();
    let body = to_bytes(body, BODY_BYTES_MAX).await.unwrap();
    match shared.fate(&path, &body) {
        Fate::Answer(_, text) if text.is_empty() => hang_up(),
        Fate::Answer(status, text) => response(status, Bytes::from(text)),
        Fate::Lose => {
            shared.forward(&path, body).await;
            hang_up()
        }
        Fate::Pass => {
            let (status, answer) = shared.forward(&path, body).await;
            response(status, answer)
        }
    }
}

impl Shared {
    fn fate(&self, path: &str, body: &[u8]) -> Fate {
        if let Some((text, status, answer)) = &*self.canned.lock().unwrap() {
            let decoded = String::from_utf8_lossy(body);
            let in_path = path.replace('+', " ").replace("%20", " ");
            if decoded.contains(text) || in_path.contains(text) {
                return Fate::Answer(*status, answer.clone());
            }
        }
        // By chance, not in turn: in turn, the same step of a write would fail every time.
        let number = self.requests.fetch_add(1, Ordering::Relaxed);
        let every_second = number.wrapping_mul(0x9e37_79b9_7f4a_7c15).count_ones().is_multiple_of(2);
        match *self.fault.lock().unwrap_or_else(PoisonError::into_inner) {
            Some(Injected::Outage) => Fate::Answer(0, String::new()),
            Some(Injected::Halt) => Fate::Answer(500, DENIED.to_owned()),
            Some(Injected::LostReply) if every_second => Fate::Lose,
            Some(Injected::Throttle | Injected::Partial) if every_second => {
                Fate::Answer(503, TOO_MANY.to_owned())
            }
            _ => Fate::Pass,
        }
    }

    async fn forward(&self, path: &str, body: Bytes) -> (u16, Bytes) {
        let request = self.client.post(format!("{}{path}", self.upstream)).body(body);
        let answer = request.timeout(Duration::from_secs(60)).send().await.unwrap();
        let status = answer.status().as_u16();
        (status, answer.bytes().await.unwrap())
    }
}

fn response(status: u16, body: Bytes) -> Response {
    Response::builder().status(status).body(Body::from(body)).unwrap()
}

/// An answer that breaks off, so that the client sees a lost connection.
fn hang_up() -> Response {
    let broken = futures_util::stream::once(async { Err::<Bytes, _>(std::io::Error::other("hung up")) });
    Response::builder().header("content-length", "1000").body(Body::from_stream(broken)).unwrap()
}
