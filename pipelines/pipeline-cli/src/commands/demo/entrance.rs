//! Shoppers of a demo at the gateway's door: each asks over HTTP, as a browser would, and asks again when it is not told.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use anyhow::{Context as _, Result};
use ingest_gateway::door::Door;
use order_demo::{Entrance, EntranceError, EntranceProgress};
use order_model::Place;
use reqwest::header::{AUTHORIZATION, CONTENT_TYPE, HeaderMap, HeaderValue};
use reqwest::{Client, StatusCode};
use serde::Serialize;
use tokio::runtime::Runtime;
use tokio::sync::mpsc;
use tokio::task::JoinSet;

/// Shoppers who wait for an answer at once.
const ASKING_MAX: usize = 64;
/// Orders that wait for one of them.
const WAITING_MAX: usize = 1_024;
/// Longest wait for an answer, before the same is asked again.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);
/// Time before what was not answered, or answered "not now", is asked again.
const AGAIN_AFTER: Duration = Duration::from_millis(50);
/// Time between two looks whether all are in.
const LOOK: Duration = Duration::from_millis(1);
/// How often something is asked that nobody answers, before the entrance counts as shut.
const ASKED_MAX: u32 = 200;

/// The gateway's door.
pub(super) struct Doorway {
    orders: mpsc::Sender<String>,
    shared: Arc<Shared>,
    door: Door,
    _runtime: Runtime,
}

#[derive(Default)]
struct Shared {
    taken: AtomicU64,
    acknowledged: AtomicU64,
    sent_away: AtomicU64,
    failure: Mutex<Option<String>>,
}

/// An order as the gateway reads it.
#[derive(Serialize)]
struct Body {
    order_id: String,
    customer: String,
    currency: String,
    partial: bool,
    lines: Vec<LineBody>,
}

#[derive(Serialize)]
struct LineBody {
    sku: String,
    quantity: i32,
}

impl Doorway {
    /// Shoppers who ask the gateway at `url`, with a key that may order for anybody; `door` is that gateway's.
    pub(super) fn open(url: &str, key: &str, door: Door) -> Result<Self> {
        let mut headers = HeaderMap::new();
        let bearer = HeaderValue::try_from(format!("Bearer {key}")).context("send the key")?;
        headers.insert(AUTHORIZATION, bearer);
        headers.insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        let client = Client::builder().default_headers(headers).timeout(ANSWER_TIMEOUT).no_proxy();
        let client = client.build().context("make a client of HTTP")?;
        let mut builder = tokio::runtime::Builder::new_multi_thread();
        let runtime = builder.worker_threads(1).thread_name("shoppers").enable_all().build();
        let runtime = runtime.context("start the shoppers' thread")?;
        let (orders, waiting) = mpsc::channel(WAITING_MAX);
        let shared = Arc::new(Shared::default());
        let asker = Asker { client, url: format!("{url}/v1/orders"), shared: Arc::clone(&shared) };
        runtime.spawn(ask_all(Arc::new(asker), waiting));
        Ok(Self { orders, shared, door, _runtime: runtime })
    }
}

impl Entrance for Doorway {
    fn place(&self, place: &Place) -> Result<(), EntranceError> {
        if let Some(failure) = self.shared.failure() {
            return Err(EntranceError(failure));
        }
        let line = |line: &order_model::Line| LineBody { sku: line.sku.to_string(), quantity: line.quantity };
        let body = Body {
            order_id: place.order.to_string(),
            customer: place.customer.to_string(),
            currency: place.currency.to_string(),
            partial: place.partial,
            lines: place.lines.iter().map(line).collect(),
        };
        let body = serde_json::to_string(&body).map_err(|error| EntranceError(error.to_string()))?;
        self.shared.taken.fetch_add(1, Ordering::Relaxed);
        let gone = |_| EntranceError("the shoppers' thread ended".to_owned());
        self.orders.blocking_send(body).map_err(gone)
    }

    fn progress(&self) -> Result<EntranceProgress, EntranceError> {
        if let Some(failure) = self.shared.failure() {
            return Err(EntranceError(failure));
        }
        // What is done is read first, so that nothing under way is missed.
        let acknowledged = self.shared.acknowledged.load(Ordering::Acquire);
        let sent_away = self.shared.sent_away.load(Ordering::Acquire);
        let taken = self.shared.taken.load(Ordering::Acquire);
        Ok(EntranceProgress { under_way: taken - acknowledged - sent_away, acknowledged, sent_away })
    }

    fn close(&self) {
        self.door.close();
        while self.door.status().in_hand > 0 {
            std::thread::sleep(LOOK);
        }
    }
}

impl Shared {
    fn failure(&self) -> Option<String> {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    fn fail(&self, failure: String) {
        self.failure.lock().unwrap_or_else(PoisonError::into_inner).get_or_insert(failure);
    }
}

struct Asker {
    client: Client,
    url: String,
    shared: Arc<Shared>,
}

/// What came of asking.
enum Answer {
    /// The log has it.
    Acknowledged,
    /// It was turned down at the door.
    SentAway,
    /// Nobody knows: the same is to be asked again.
    Unknown(String),
}

async fn ask_all(asker: Arc<Asker>, mut waiting: mpsc::Receiver<String>) {
    let mut asking = JoinSet::new();
    while let Some(body) = waiting.recv().await {
        while asking.len() >= ASKING_MAX {
            asking.join_next().await;
        }
        let asker = Arc::clone(&asker);
        asking.spawn(async move { asker.ask_until_told(body).await });
    }
    while asking.join_next().await.is_some() {}
}

impl Asker {
    /// The order's id makes asking again harmless.
    async fn ask_until_told(&self, body: String) {
        let mut unknown = String::new();
        for _ in 0..ASKED_MAX {
            let count = match self.ask(body.clone()).await {
                Answer::Acknowledged => &self.shared.acknowledged,
                Answer::SentAway => &self.shared.sent_away,
                Answer::Unknown(what) => {
                    unknown = what;
                    tokio::time::sleep(AGAIN_AFTER).await;
                    continue;
                }
            };
            count.fetch_add(1, Ordering::Release);
            return;
        }
        self.shared.fail(format!("an order was asked for {ASKED_MAX} times: {unknown}"));
    }

    async fn ask(&self, body: String) -> Answer {
        let response = match self.client.post(&self.url).body(body).send().await {
            Ok(response) => response,
            Err(error) => return Answer::Unknown(error.to_string()),
        };
        let status = response.status();
        // Read to its end, or the connection cannot be used again.
        let text = response.text().await.unwrap_or_default();
        match status {
            StatusCode::ACCEPTED | StatusCode::OK => Answer::Acknowledged,
            StatusCode::TOO_MANY_REQUESTS | StatusCode::UNAUTHORIZED | StatusCode::FORBIDDEN => {
                Answer::Unknown(format!("{status} {text}"))
            }
            status if status.is_client_error() => Answer::SentAway,
            status => Answer::Unknown(format!("{status} {text}")),
        }
    }
}
