//! Event streams: resuming, being cut, being sent away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use futures_util::StreamExt as _;
use ingest_gateway::limits::{HttpLimits, ServiceLimits};
use ingest_gateway::server::ServerOptions;
use ingest_gateway::service::{Archive, LookingUp};
use order_model::OrderId;
use reqwest::Method;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpSocket;

use crate::shop::{PATIENCE, Shop, Wishes, order};

/// An event of a stream.
#[derive(Clone, PartialEq, Debug)]
pub(crate) struct Event {
    pub(crate) id: String,
    pub(crate) name: String,
    pub(crate) data: Value,
}

/// Reads events until `enough` of them are there, or the stream ends.
pub(crate) async fn events(
    shop: &Shop,
    path: &str,
    key: Option<&str>,
    last: Option<&[u8]>,
    enough: usize,
) -> Vec<Event> {
    let mut request = shop.request(Method::GET, path, key);
    if let Some(last) = last {
        request = request.header("last-event-id", last);
    }
    let response = request.send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()),
        (200, "text/event-stream")
    );
    let (mut stream, mut text) = (response.bytes_stream(), String::new());
    loop {
        let events = parse(&text);
        if events.len() >= enough {
            return events;
        }
        match tokio::time::timeout(PATIENCE, stream.next()).await.expect("events come in time") {
            Some(bytes) => text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap()),
            None => return events,
        }
    }
}

pub(crate) fn parse(text: &str) -> Vec<Event> {
    let whole = text.rsplit_once("\n\n").map_or("", |(whole, _)| whole);
    let blocks = whole.split("\n\n").filter(|block| block.contains("event: "));
    let field = |block: &str, name: &str| {
        block
            .lines()
            .find_map(|line| line.strip_prefix(name)?.strip_prefix(": "))
            .unwrap_or_default()
            .to_owned()
    };
    blocks
        .map(|block| Event {
            id: field(block, "id"),
            name: field(block, "event"),
            data: serde_json::from_str(&field(block, "data")).unwrap(),
        })
        .collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_is_resumed_from_every_event_without_loss() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 1)], &json!({"waitlist_max": 5})).await;
    let (key, wait) = (shop.key(7, ""), [("prefer", "wait=20")]);
    let first = shop.post("/v1/orders", &shop.key(8, ""), &wait, &order("A", 1)).await.json();
    let waiting = shop.post("/v1/orders", &key, &wait, &order("A", 1)).await.json();
    assert_eq!(waiting["state"], "waiting");
    for (order, key) in [(&first, shop.key(8, "")), (&waiting, key.clone())] {
        let path = order["links"]["self"].as_str().unwrap();
        let cancel = shop.request(Method::DELETE, path, Some(&key)).header("prefer", "wait=20");
        let path = path.to_owned();
        let stands = |state: &'static str, path: String, key: String| {
            let shop = &shop;
            async move {
                shop.until(state, async |shop| shop.get(&path, Some(&key)).await.json()["state"] == state)
                    .await;
            }
        };
        if order == &waiting {
            stands("held", path.clone(), key.clone()).await;
        }
        assert_eq!(cancel.send().await.unwrap().status(), 200);
    }
    let path = waiting["links"]["events"].as_str().unwrap();
    let all = events(&shop, path, Some(&key), None, 3).await;
    assert_eq!(
        all.iter().map(|event| event.name.as_str()).collect::<Vec<_>>(),
        ["waiting", "held", "cancelled"]
    );
    assert_eq!(all[0].data["event"], "waiting");
    for (index, event) in all.iter().enumerate().take(2) {
        let rest = events(&shop, path, Some(&key), Some(event.id.as_bytes()), 2 - index).await;
        assert_eq!(rest, all[index + 1..]);
    }
    for wild in ["", "x", "-", "0-", "99999999999999999999-1", "9-9", "0--1", "<script>", &"9".repeat(2_000)]
    {
        let anew = events(&shop, path, Some(&key), Some(wild.as_bytes()), 3).await;
        assert_eq!(anew, all, "{wild:?} starts anew");
    }
    let bytes = events(&shop, path, Some(&key), Some(b"\xff\xfe"), 3).await;
    assert_eq!(bytes, all);
    shop.get(path, Some(&shop.key(9, ""))).await.problem(404, "no_such_order");
    shop.get(path, None).await.problem(401, "not_identified");
    assert!(shop.close().await);
}

/// Knows no order, and counts who asks it: whoever follows an order that nobody knows does so first.
#[derive(Default)]
struct Void {
    asked: AtomicUsize,
}

impl Archive for Void {
    fn order(&self, _: OrderId) -> LookingUp<'_> {
        self.asked.fetch_add(1, Ordering::SeqCst);
        Box::pin(async { Ok(None) })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_listens_first_hears_what_comes_and_only_their_own() {
    let void = Arc::new(Void::default());
    let archive: Arc<dyn Archive> = Arc::<Void>::clone(&void);
    let service = ServiceLimits { order_expected_ms_max: 60_000, ..ServiceLimits::default() };
    let shop = Shop::open(Wishes { service, archive: Some(archive), ..Wishes::default() }).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let id = "01234567-89ab-cdef-0011-223344556677";
    let path = format!("/v1/orders/{id}/events");
    let [mine, theirs] = [7, 8].map(|customer| shop.key(customer, ""));
    let place = async {
        let mut body = order("A", 1);
        body["order_id"] = json!(id);
        shop.until("both listen", async |_| void.asked.load(Ordering::SeqCst) == 2).await;
        assert_eq!(shop.post("/v1/orders", &mine, &[], &body).await.status, 202);
    };
    let (heard, overheard, ()) = tokio::join!(
        events(&shop, &path, Some(&mine), None, 1),
        events(&shop, &path, Some(&theirs), None, 1),
        place
    );
    assert_eq!(heard[0].name, "held");
    assert_eq!(overheard, [], "a stream that turns out to be about somebody else's order ends");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_sees_the_newest_stock() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 50)], &json!({})).await;
    let listeners: Vec<_> = (0..200)
        .map(|_| {
            let request = shop.request(Method::GET, "/v1/listings/A/events", None);
            tokio::spawn(async move {
                let mut stream = request.send().await.unwrap().bytes_stream();
                let mut text = String::new();
                while !text.contains(r#""free":30"#) {
                    text.push_str(std::str::from_utf8(&stream.next().await.unwrap().unwrap()).unwrap());
                }
                parse(&text).len()
            })
        })
        .collect();
    let wall = tokio::spawn(shop.request(Method::GET, "/v1/sales/friday/events", None).send());
    for _ in 0..20 {
        assert_eq!(shop.post("/v1/orders", &shop.key(7, "producer"), &[], &order("A", 1)).await.status, 202);
    }
    for listener in listeners {
        let seen = tokio::time::timeout(PATIENCE, listener).await.expect("the newest state comes").unwrap();
        assert!(seen <= 22, "states are passed over, not queued: {seen}");
    }
    let mut wall = wall.await.unwrap().unwrap().bytes_stream();
    let mut text = String::new();
    while !text.contains(r#""decided":20"#) {
        let bytes =
            tokio::time::timeout(PATIENCE, wall.next()).await.expect("figures come").unwrap().unwrap();
        text.push_str(std::str::from_utf8(&bytes).unwrap());
    }
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_beat_and_are_sent_elsewhere_when_the_process_ends() {
    let limits = HttpLimits { stream_beat_ms: 20, ..HttpLimits::default() };
    let server = ServerOptions { limits, ..ServerOptions::default() };
    let mut shop = Shop::open(Wishes { server, ..Wishes::default() }).await;
    shop.list(&[("A", 50)], &json!({})).await;
    let mut stream =
        shop.request(Method::GET, "/v1/listings/A/events", None).send().await.unwrap().bytes_stream();
    let mut text = String::new();
    let mut is_asked = false;
    // Ends by itself: the server said goodbye.
    while let Some(bytes) = tokio::time::timeout(PATIENCE, stream.next()).await.expect("a beat") {
        text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
        if !is_asked && text.contains("\n\n:\n\n") {
            is_asked = true;
            shop.ask_to_end();
        }
    }
    assert!(text.starts_with("retry: 1000\n\n"), "{text}");
    assert_eq!(parse(&text).last().map(|event| event.name.clone()), Some("reconnect".to_owned()));
    assert!(shop.close().await, "all was finished in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_does_not_read_is_let_go_of() {
    let limits = HttpLimits { stream_beat_ms: 1, write_ms_max: 300, streams_max: 1, ..HttpLimits::default() };
    let server = ServerOptions { limits, ..ServerOptions::default() };
    let shop = Shop::open(Wishes { server, ..Wishes::default() }).await;
    shop.list(&[("A", 1_000)], &json!({})).await;
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_recv_buffer_size(1_024).unwrap();
    let mut slow = socket.connect(shop.address).await.unwrap();
    slow.write_all(b"GET /v1/listings/A/events HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut first = [0; 16];
    slow.read_exact(&mut first).await.unwrap();
    shop.get("/v1/listings/A/events", None).await.problem(503, "overloaded");
    // It stops reading. Its buffers fill up with beats and states, then its place becomes free.
    let key = shop.key(7, "producer");
    let is_free = async |shop: &Shop| {
        let batch: Vec<_> = (0..20).map(|_| order("A", 1)).collect();
        shop.post("/v1/orders:batch", &key, &[], &json!({"orders": batch})).await;
        let response = shop.request(Method::GET, "/v1/listings/A/events", None).send().await.unwrap();
        response.status() == 200
    };
    shop.until("the slow one is cut", is_free).await;
    assert!(shop.close().await);
}
