//! Callbacks of the payment provider.

use ingest_gateway::server::ServerOptions;
use order_model::{Command, TimeMs};
use payment_worker::sign;
use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Answer, Shop, Wishes, now, order};

const PATH: &str = "/v1/payments/callback";

async fn open() -> Shop {
    let callback_secrets = vec!["older".to_owned(), "newer".to_owned()];
    let server = ServerOptions { callback_secrets, ..ServerOptions::default() };
    Shop::open(Wishes { server, ..Wishes::default() }).await
}

fn event(order: &str, captured: i64) -> Value {
    let metadata = if order.is_empty() { json!({}) } else { json!({"order": order, "sku": "A"}) };
    json!({"id": "evt_1", "type": "payment_intent.succeeded", "data": {"object": {
        "id": "pi_1", "object": "payment_intent", "amount": 500, "amount_received": captured, "currency": "eur",
        "status": if captured > 0 { "succeeded" } else { "requires_capture" }, "created": 1_700_000_000,
        "metadata": metadata,
    }}})
}

async fn call(shop: &Shop, body: &Value, signature: Option<&str>) -> Answer {
    let headers: Vec<_> = signature.map(|signature| ("stripe-signature", signature)).into_iter().collect();
    shop.send(Method::POST, PATH, &headers, body).await
}

async fn call_signed(shop: &Shop, body: &Value) -> Answer {
    let signature = sign("newer", body.to_string().as_bytes(), now());
    call(shop, body, Some(&signature)).await
}

#[tokio::test(flavor = "multi_thread")]
async fn money_that_was_taken_is_told_and_pays_the_order_once() {
    let shop = open().await;
    shop.list(&[("A", 5)], &json!({})).await;
    let key = shop.key(7, "");
    let placed = shop.post("/v1/orders", &key, &[("prefer", "wait=10")], &order("A", 1)).await.json();
    assert_eq!(placed["state"], "held");
    let id = placed["order_id"].as_str().unwrap();
    let answer = call_signed(&shop, &event(id, 0)).await;
    assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, r#"{"state":"nothing_to_tell"}"#));
    for _ in 0..2 {
        let answer = call_signed(&shop, &event(id, 500)).await;
        assert_eq!((answer.status.as_u16(), answer.text.as_str()), (200, r#"{"state":"told"}"#));
    }
    let path = format!("/v1/orders/{id}");
    shop.until("it is paid", async |shop| shop.get(&path, Some(&key)).await.json()["state"] == "paid").await;
    let settled = shop.commands().iter().filter(|command| matches!(command, Command::Settle(_))).count();
    assert_eq!(settled, 2, "the ledger knows the second for a repeat");
    let answer = call_signed(&shop, &event("", 500)).await;
    assert_eq!(answer.text, r#"{"state":"nothing_to_tell"}"#, "a payment of somebody else");
    let stock = shop.get("/v1/listings/A", None).await.json()["stock"].clone();
    assert_eq!(stock, json!({"free": 4, "held": 0, "sold": 1, "waiting": 0}));
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_not_signed_by_the_provider_lately_is_not_told() {
    let shop = open().await;
    let body = event("00000000-0000-0000-0000-000000000007", 500);
    let text = body.to_string();
    let signed = |secret: &str, ago_ms: u64| sign(secret, text.as_bytes(), TimeMs(now().0 - ago_ms));
    for signature in [
        None,
        Some(String::new()),
        Some("t=1,v1=00".to_owned()),
        Some(signed("other", 0)),
        Some(signed("newer", 301_000)),
    ] {
        call(&shop, &body, signature.as_deref()).await.problem(400, "callback_invalid");
    }
    let other = event("00000000-0000-0000-0000-000000000008", 500);
    call(&shop, &other, Some(&signed("newer", 0))).await.problem(400, "callback_invalid");
    call_signed(&shop, &json!([])).await.problem(400, "callback_invalid");
    assert_eq!(shop.commands(), []);
    assert_eq!(call(&shop, &body, Some(&signed("older", 0))).await.status, 200, "both secrets are good");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_secret_there_are_no_callbacks() {
    let shop = Shop::open(Wishes::default()).await;
    let body = event("00000000-0000-0000-0000-000000000007", 500);
    let signature = sign("", body.to_string().as_bytes(), now());
    call(&shop, &body, Some(&signature)).await.problem(404, "no_such_resource");
    assert!(shop.close().await);
}
