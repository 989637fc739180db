//! What is asked for again: the same order, or refused; never two under one name.

use std::collections::BTreeSet;

use ingest_gateway::limits::BoardLimits;
use order_model::{Command, Currency, OrderId, PaymentId, PaymentResult, Settle};
use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Answer, Shop, Wishes, order};

const ID: &str = "01234567-89ab-cdef-0011-223344556677";

/// An order that is not refused before its listing is known.
fn early(sku: &str, quantity: i64) -> Value {
    let mut body = order(sku, quantity);
    body["currency"] = json!("EUR");
    body["partial"] = json!(true);
    body
}

fn with_id(mut body: Value) -> Value {
    body["order_id"] = json!(ID);
    body
}

fn undecided() -> Wishes {
    Wishes { undecided: true, ..Wishes::default() }
}

/// Another gateway on the same log.
async fn another(shop: &Shop) -> Shop {
    let other = Shop::on(shop.log.clone(), undecided()).await;
    other.until("it is ready", async |other| other.service.is_ready()).await;
    other
}

async fn delete(shop: &Shop, path: &str, key: &str, headers: &[(&str, &str)]) -> Answer {
    let mut request = shop.request(Method::DELETE, path, Some(key));
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    Answer::of(request.send().await.unwrap()).await
}

#[tokio::test(flavor = "multi_thread")]
async fn another_orders_decision_is_no_answer() {
    let mut shop = Shop::open(undecided()).await;
    let other = another(&shop).await;
    let named = [("idempotency-key", "k")];
    let waiting = [("idempotency-key", "k"), ("prefer", "wait=25")];
    let key = shop.key(7, "");
    assert_eq!(shop.post("/v1/orders", &key, &named, &early("A", 1)).await.status, 202);
    assert_eq!(shop.post("/v1/orders", &key, &[], &with_id(early("A", 3))).await.status, 202);
    // The other gateway knows of neither when it is asked for other orders under their names.
    let (changed, theirs, their_key) = (early("A", 2), with_id(early("A", 4)), shop.key(8, ""));
    let decide = async {
        shop.until("all are in the log", async |shop| shop.places() == 4).await;
        shop.decide();
    };
    let (changed, theirs, ()) = tokio::join!(
        other.post("/v1/orders", &key, &waiting, &changed),
        other.post("/v1/orders", &their_key, &waiting[1..], &theirs),
        decide
    );
    changed.problem(422, "order_id_reused");
    theirs.problem(422, "order_id_reused");
    assert!(other.close().await && shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_with_other_content_elsewhere_is_never_two_orders_under_one_id() {
    let shop = Shop::open(undecided()).await;
    let other = another(&shop).await;
    let (key, named) = (shop.key(7, ""), [("idempotency-key", "k")]);
    let first = shop.post("/v1/orders", &key, &named, &early("A", 1)).await;
    assert_eq!(first.status, 202, "{first:?}");
    for changed in [early("A", 2), early("B", 1)] {
        shop.post("/v1/orders", &key, &named, &changed).await.problem(422, "order_id_reused");
    }
    let again = other.post("/v1/orders", &key, &named, &early("A", 1)).await;
    assert_eq!(again.json()["order_id"], first.json()["order_id"], "the same at every gateway");
    let lone = another(&shop).await;
    let elsewhere = lone.post("/v1/orders", &key, &named, &early("B", 1)).await;
    assert_eq!(elsewhere.status, 202, "{elsewhere:?}");
    assert_ne!(elsewhere.json()["order_id"], first.json()["order_id"]);
    assert!(lone.close().await && other.close().await && shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn one_id_in_a_batch_is_one_order() {
    let shop = Shop::open(undecided()).await;
    let key = shop.key(7, "");
    let orders = [early("A", 1), early("A", 2), early("A", 1)].map(with_id);
    let batch = shop.post("/v1/orders:batch", &key, &[], &json!({"orders": orders})).await.json();
    let [first, changed, same] = [0, 1, 2].map(|index| batch["results"][index].clone());
    assert_eq!(
        (&first["state"], &changed["type"]),
        (&json!("accepted"), &json!("/problems/order_id_reused"))
    );
    assert_eq!((&same, shop.places()), (&first, 1));
    let shown = shop.get(&format!("/v1/orders/{ID}"), Some(&key)).await;
    assert_eq!((shown.status.as_u16(), shown.json()), (200, first), "at once");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_withdrawn_before_it_is_decided() {
    let mut shop = Shop::open(undecided()).await;
    let key = shop.key(7, "");
    let open = json!({"name": "friday", "currency": "EUR",
        "listings": [{"sku": "A", "stock": 5, "prices": [{"unit_price": 500}]}]});
    assert_eq!(shop.post("/v1/admin/sales", &shop.key(1, "admin"), &[], &open).await.status, 202);
    let placed = shop.post("/v1/orders", &key, &[], &early("A", 1)).await.json();
    let path = placed["links"]["self"].as_str().unwrap().to_owned();
    delete(&shop, &path, &shop.key(8, ""), &[]).await.problem(404, "no_such_order");
    assert_eq!(delete(&shop, &path, &key, &[]).await.status, 202);
    shop.decide();
    let is_cancelled = async |shop: &Shop| shop.get(&path, Some(&key)).await.json()["state"] == "cancelled";
    shop.until("it is withdrawn", is_cancelled).await;
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_that_was_forgotten_while_open_claims_no_place_and_is_answered() {
    let board = BoardLimits { orders_max: 2, ..BoardLimits::default() };
    let shop = Shop::open(Wishes { board, ..Wishes::default() }).await;
    shop.list(&[("A", 100)], &json!({})).await;
    let key = shop.key(7, "");
    let mut ids = Vec::new();
    for name in ["k1", "k2", "k3"] {
        let headers = [("idempotency-key", name), ("prefer", "wait=25")];
        let placed = shop.post("/v1/orders", &key, &headers, &order("A", 1)).await.json();
        ids.push(placed["order_id"].as_str().unwrap().to_owned());
    }
    let [first, second] = [0, 1].map(|index: usize| format!("/v1/orders/{}", ids[index]));
    shop.get(&first, Some(&key)).await.problem(404, "no_such_order");
    assert_eq!(delete(&shop, &second, &key, &[("prefer", "wait=25")]).await.status, 200);
    let settle = Settle {
        order: ids[0].parse::<OrderId>().unwrap(),
        sku: "A".parse().unwrap(),
        payment: PaymentId::from(1),
        amount: 500,
        currency: Currency::EUR,
        result: PaymentResult::Captured,
    };
    shop.service.settle(settle).await.unwrap();
    shop.until("it is paid", async |shop| shop.get(&first, Some(&key)).await.status == 200).await;
    let shown = shop.get(&first, Some(&key)).await.json();
    assert_eq!((&shown["state"], shown.get("offset")), (&json!("paid"), None));
    let headers = [("idempotency-key", "k1"), ("prefer", "wait=25")];
    let again = shop.post("/v1/orders", &key, &headers, &order("A", 1)).await;
    assert_eq!((again.status.as_u16(), &again.json()["state"]), (200, &json!("paid")), "{again:?}");
    assert_eq!(shop.places(), 3);
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_key_of_administration_names_one_command() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let restock = async |name: &str, units: i64| {
        let headers = [("idempotency-key", name)];
        let path = "/v1/admin/listings/A:restock";
        shop.post(path, &shop.key(1, "admin"), &headers, &json!({"units": units})).await
    };
    assert_eq!(restock("k", 100).await.status, 202);
    assert_eq!(restock("k", 100).await.status, 202, "the ledger knows it for a repeat");
    restock("k", 50).await.problem(422, "idempotency_key_reused");
    assert_eq!(restock("l", 50).await.status, 202);
    let free = async |shop: &Shop| shop.get("/v1/listings/A", None).await.json()["stock"]["free"] == 155;
    shop.until("both have come", free).await;
    let written: BTreeSet<_> = shop
        .commands()
        .into_iter()
        .filter_map(|command| match command {
            Command::Listing(listing) => Some(listing.id),
            _ => None,
        })
        .collect();
    assert_eq!(written.len(), 3, "an opening and two restocks");
    assert!(shop.close().await);
}
