//! Orders that the board has forgotten.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, OnceLock};

use futures_util::StreamExt as _;
use ingest_gateway::board::EventId;
use ingest_gateway::grpc::proto::GetOrderRequest;
use ingest_gateway::grpc::proto::order_service_client::OrderServiceClient;
use ingest_gateway::limits::BoardLimits;
use ingest_gateway::service::{Archive, ArchiveError, Archived, LookingUp};
use order_model::{
    Currency, CustomerId, DecidedLine, LineState, OrderEvent, OrderEventKind, OrderId, Partition, Sequence,
    TimeMs,
};
use reqwest::Method;
use serde_json::json;

use crate::grpc::{channel, of};
use crate::shop::{Answer, PATIENCE, Shop, Wishes, order};
use crate::streams::{events, parse};

/// Has an order of customer 7 under every id.
#[derive(Default)]
struct Cellar {
    is_away: AtomicBool,
    /// The decision that left it so, if not the one numbered 42.
    at: OnceLock<EventId>,
}

impl Archive for Cellar {
    fn order(&self, order: OrderId) -> LookingUp<'_> {
        Box::pin(async move {
            if self.is_away.load(Ordering::SeqCst) {
                return Err(ArchiveError("away on purpose".to_owned()));
            }
            let line = DecidedLine {
                sku: "A".parse().unwrap(),
                quantity: 2,
                state: LineState::Taken,
                unit_price: 500,
                stock: None,
            };
            let event = OrderEvent {
                kind: OrderEventKind::Paid,
                reason: None,
                order,
                customer: CustomerId::from(7),
                currency: Currency::EUR,
                total: 1_000,
                tax: 160,
                deadline: TimeMs(0),
                payment: None,
                lines: [line].into_iter().collect(),
            };
            let usual = EventId { partition: Partition(1), sequence: Sequence(42) };
            let id = self.at.get().copied().unwrap_or(usual);
            Ok(Some(Archived { id, time: TimeMs(1_700_000_000_000), event }))
        })
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_is_forgotten_is_looked_up() {
    let cellar = Arc::new(Cellar::default());
    let board = BoardLimits { orders_max: 1, ..BoardLimits::default() };
    let archive: Arc<dyn Archive> = Arc::<Cellar>::clone(&cellar);
    let shop = Shop::open(Wishes { board, archive: Some(archive), ..Wishes::default() }).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let key = shop.key(7, "");
    let mut paths = Vec::new();
    for _ in 0..2 {
        let placed = shop.post("/v1/orders", &key, &[("prefer", "wait=10")], &order("A", 1)).await.json();
        assert_eq!(placed["state"], "held");
        paths.push(format!("/v1/orders/{}", placed["order_id"].as_str().unwrap()));
    }
    let newer = shop.get(&paths[1], Some(&key)).await.json();
    assert_eq!((&newer["state"], newer["offset"].is_u64()), (&json!("held"), true), "remembered");
    let older = shop.get(&paths[0], Some(&key)).await;
    assert_eq!(older.status, 200, "{older:?}");
    let older = older.json();
    assert_eq!(
        (&older["state"], &older["partition"], &older["decision"]),
        (&json!("paid"), &json!(1), &json!("1-42"))
    );
    assert_eq!((&older["total"], &older["lines"][0]["sku"]), (&json!(1_000), &json!("A")));
    assert!(older.get("offset").is_none(), "nobody knows it any more: {older}");

    let mut client = OrderServiceClient::new(channel(&shop).await);
    let order_id = paths[0].rsplit_once('/').unwrap().1.to_owned();
    let said = client.get_order(of(&shop, 7, GetOrderRequest { order_id })).await.unwrap().into_inner();
    assert_eq!((said.decision.as_str(), said.partition, said.offset, said.total), ("1-42", 1, None, 1_000));

    shop.get(&paths[0], Some(&shop.key(8, ""))).await.problem(404, "no_such_order");
    assert_eq!(shop.get(&paths[0], Some(&shop.key(8, "producer"))).await.status, 200);
    shop.get(&paths[1], Some(&shop.key(8, ""))).await.problem(404, "no_such_order");
    cellar.is_away.store(true, Ordering::SeqCst);
    let away = shop.get(&paths[0], Some(&key)).await;
    away.problem(503, "archive_away");
    assert_eq!(away.header("retry-after"), "1");
    assert_eq!(shop.get(&paths[1], Some(&key)).await.status, 200);
    assert!(shop.close().await);
}

/// A board that remembers one order, and one that it has forgotten since it was held; its path.
async fn forgotten(cellar: &Arc<Cellar>) -> (Shop, String) {
    let board = BoardLimits { orders_max: 1, ..BoardLimits::default() };
    let archive: Arc<dyn Archive> = Arc::<Cellar>::clone(cellar);
    let shop = Shop::open(Wishes { board, archive: Some(archive), ..Wishes::default() }).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let place = async || {
        shop.post("/v1/orders", &shop.key(7, ""), &[("prefer", "wait=25")], &order("A", 1)).await.json()
    };
    let first = place().await;
    cellar.at.set(first["decision"].as_str().unwrap().parse().unwrap()).unwrap();
    place().await;
    (shop, first["links"]["self"].as_str().unwrap().to_owned())
}

#[tokio::test(flavor = "multi_thread")]
async fn the_events_of_an_order_that_is_forgotten_go_on() {
    let cellar = Arc::new(Cellar::default());
    let (shop, path) = forgotten(&cellar).await;
    let (key, path_of_events) = (shop.key(7, ""), format!("{path}/events"));
    let at = cellar.at.get().unwrap().to_string();
    for last in ["9-9", &format!("{}-0", cellar.at.get().unwrap().partition)] {
        let known = events(&shop, &path_of_events, Some(&key), Some(last.as_bytes()), 1).await;
        assert_eq!((known[0].id.as_str(), known[0].name.as_str()), (at.as_str(), "paid"), "after {last}");
    }
    // Who knows that already hears what comes, of an order that can be withdrawn as well.
    let request = shop.request(Method::GET, &path_of_events, Some(&key)).header("last-event-id", &at);
    let mut stream = request.send().await.unwrap().bytes_stream();
    let cancel = shop.request(Method::DELETE, &path, Some(&key)).header("prefer", "wait=25").send();
    let cancelled = Answer::of(cancel.await.unwrap()).await;
    assert_eq!((cancelled.status.as_u16(), &cancelled.json()["state"]), (200, &json!("cancelled")));
    let mut text = String::new();
    while parse(&text).is_empty() {
        let bytes = tokio::time::timeout(PATIENCE, stream.next()).await.expect("it comes in time").unwrap();
        text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap());
    }
    assert_eq!(parse(&text)[0].name, "cancelled");

    let nobodys = format!("/v1/orders/{}/events", OrderId::from(1));
    shop.get(&nobodys, Some(&shop.key(8, ""))).await.problem(404, "no_such_order");
    cellar.is_away.store(true, Ordering::SeqCst);
    shop.get(&nobodys, Some(&key)).await.problem(503, "archive_away");
    assert!(shop.close().await);
}
