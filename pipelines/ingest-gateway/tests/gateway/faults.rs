//! The log is silent, breaks off, comes back; the process is asked to end.

use ingest_gateway::grpc::proto::GetListingRequest;
use ingest_gateway::grpc::proto::listing_service_client::ListingServiceClient;
use ingest_gateway::limits::{BoardLimits, DoorLimits};
use serde_json::json;
use tonic::Code;

use crate::grpc::{channel, problem};
use crate::shop::{Shop, Wishes, order};

fn impatient() -> DoorLimits {
    DoorLimits { answer_ms_max: 300, stall_ms_max: 150, full_ms_max: 50, ..DoorLimits::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_silent_log_is_an_unknown_outcome_and_the_repeat_settles_it() {
    let shop = Shop::open(Wishes { door: impatient(), ..Wishes::default() }).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let (key, headers) = (shop.key(7, ""), [("idempotency-key", "k")]);
    shop.log.silence(true);
    let unknown = shop.post("/v1/orders", &key, &headers, &order("A", 1)).await;
    let problem = unknown.problem(504, "outcome_unknown");
    assert!(problem["detail"].as_str().unwrap().contains("ask again with the same key"));
    assert_eq!(unknown.header("retry-after"), "1");
    // While the oldest goes unanswered, no further ones are taken.
    let away = shop.post("/v1/orders", &shop.key(8, ""), &[], &order("A", 1)).await;
    away.problem(503, "log_away");
    shop.get("/readyz", None).await.problem(503, "not_ready");
    assert_eq!(shop.places(), 1, "the one whose outcome is unknown is in the log, the other is not");
    shop.log.silence(false);
    shop.until("it is ready again", async |shop| shop.get("/readyz", None).await.status == 200).await;
    let settled = shop.post("/v1/orders", &key, &[headers[0], ("prefer", "wait=20")], &order("A", 1)).await;
    assert_eq!((settled.status.as_u16(), settled.json()["state"].as_str()), (200, Some("held")));
    assert_eq!(
        shop.get("/v1/listings/A", None).await.json()["stock"]["held"],
        1,
        "two records at most, one order"
    );
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_that_breaks_off_is_used_again_when_it_is_back() {
    let shop = Shop::open(Wishes { door: impatient(), undecided: true, ..Wishes::default() }).await;
    let mut body = order("A", 1);
    body["currency"] = json!("EUR");
    body["partial"] = json!(true);
    let key = shop.key(7, "producer");
    assert_eq!(shop.post("/v1/orders", &key, &[], &body).await.status, 202);
    shop.log.break_off(true);
    let mut statuses = Vec::new();
    for _ in 0..20 {
        statuses.push(shop.post("/v1/orders", &key, &[], &body).await.status.as_u16());
    }
    assert_eq!(statuses[0], 504, "the appender broke with it in hand");
    assert!(statuses[1..].iter().all(|status| *status == 503), "{statuses:?}");
    shop.log.break_off(false);
    let before = shop.places();
    shop.until("orders are taken again", async |shop| {
        shop.post("/v1/orders", &key, &[], &body).await.status == 202
    })
    .await;
    assert_eq!(shop.places(), before + 1, "no order that was refused with 503 is in the log");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn nothing_is_said_to_be_missing_while_decisions_may_be_unread() {
    let board = BoardLimits { silence_ms_max: 500, ..BoardLimits::default() };
    let shop = Shop::open(Wishes { board, undecided: true, ..Wishes::default() }).await;
    let mut listings = ListingServiceClient::new(channel(&shop).await);
    let asks = [
        ("/v1/listings/A", "no_such_listing"),
        ("/v1/listings/A/events", "no_such_listing"),
        ("/v1/sales/friday", "no_such_sale"),
        ("/v1/sales/friday/events", "no_such_sale"),
        ("/v1/orders/00000000-0000-0000-0000-000000000001", "no_such_order"),
    ];
    let key = shop.key(7, "");
    shop.log.break_off(true);
    shop.until("it is noticed", async |shop| !shop.service.board().is_ready()).await;
    for (path, _) in asks {
        let answer = shop.get(path, Some(&key)).await;
        answer.problem(503, "not_ready");
        assert_eq!(answer.header("retry-after"), "1", "{path}");
    }
    let refused = listings.get_listing(GetListingRequest { sku: "A".to_owned() }).await.unwrap_err();
    problem(&refused, Code::Unavailable, "not_ready");
    shop.log.break_off(false);
    for (path, name) in asks {
        let name = format!("/problems/{name}");
        shop.until(&name, async |shop| shop.get(path, Some(&key)).await.json()["type"] == name.as_str())
            .await;
    }
    drop(listings);
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn too_many_in_hand_are_refused_and_not_written() {
    let door = DoorLimits { commands_max: 10, ..impatient() };
    let shop = Shop::open(Wishes { door, undecided: true, ..Wishes::default() }).await;
    let mut body = order("A", 1);
    body["currency"] = json!("EUR");
    body["partial"] = json!(true);
    let batch = json!({"orders": vec![body; 11]});
    let answer = shop.post("/v1/orders:batch", &shop.key(7, "producer"), &[], &batch).await.json();
    assert!(
        answer["results"].as_array().unwrap().iter().all(|result| result["type"] == "/problems/overloaded")
    );
    assert_eq!(shop.places(), 0);
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_in_hand_is_finished_when_the_process_ends() {
    let mut wishes = Wishes { undecided: true, ..Wishes::default() };
    // Time to ask for readiness; the order is still waited for when connections are ended.
    wishes.server.limits.unready_ms = 5_000;
    let mut shop = Shop::open(wishes).await;
    let mut body = order("A", 1);
    body["currency"] = json!("EUR");
    body["partial"] = json!(true);
    let (address, key) = (shop.address, shop.key(7, ""));
    let request = shop.client.post(format!("http://{address}/v1/orders")).bearer_auth(&key);
    let request =
        request.header("content-type", "application/json").header("prefer", "wait=20").body(body.to_string());
    let waiting = tokio::spawn(request.send());
    shop.until("it is in hand", async |shop| shop.places() == 1).await;
    shop.ask_to_end();
    shop.until("readiness is off", async |shop| shop.get("/readyz", None).await.status == 503).await;
    assert_eq!(waiting.await.unwrap().unwrap().status(), 202);
    let client = shop.client.clone();
    assert!(shop.close().await);
    assert!(client.get(format!("http://{address}/livez")).send().await.is_err(), "nobody listens any more");
}
