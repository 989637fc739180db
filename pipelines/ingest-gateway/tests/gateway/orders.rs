//! Placing, asking again, withdrawing, looking: every status and header.

use std::collections::BTreeSet;
use std::time::Instant;

use ingest_gateway::limits::DoorLimits;
use order_model::{Command, OrderId, TimeMs};
use reqwest::Method;
use serde_json::json;

use crate::shop::{Answer, Shop, Wishes, order};

const ID: &str = "01234567-89ab-cdef-0011-223344556677";

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_accepted_only_once_it_is_in_the_log() {
    let shop = Shop::open(Wishes { undecided: true, ..Wishes::default() }).await;
    let key = shop.key(7, "");
    let mut body = order("A", 2);
    body["currency"] = json!("EUR");
    body["order_id"] = json!(ID);
    // Nothing is listed, and no decision was read that would say so for certain.
    let answer = shop.post("/v1/orders", &key, &[], &body).await;
    let problem = answer.problem(422, "listing_unknown");
    assert_eq!((&problem["reject_number"], problem["read_at"].is_string()), (&json!(20), true));
    assert_eq!(shop.places(), 0, "what is refused at the door is not written");
    let mut shop = shop;
    shop.decide();
    shop.list(&[("A", 5)], &json!({})).await;

    let answer = shop.post("/v1/orders", &key, &[], &body).await;
    assert_eq!(answer.status, 202, "{answer:?}");
    assert_eq!(answer.header("location"), format!("/v1/orders/{ID}"));
    assert_eq!(answer.header("content-type"), "application/json");
    assert_eq!(answer.header("preference-applied"), "");
    let view = answer.json();
    assert_eq!((&view["order_id"], &view["state"]), (&json!(ID), &json!("accepted")));
    let partition = u32::try_from(view["partition"].as_u64().unwrap()).unwrap();
    let records = shop.log.inner.records("orders", partition).unwrap();
    assert!(records.iter().any(|record| Some(record.offset) == view["offset"].as_u64()));
    assert_eq!(view["links"]["events"], format!("/v1/orders/{ID}/events"));

    let path = format!("/v1/orders/{ID}");
    shop.until("it is held", async |shop| shop.get(&path, Some(&key)).await.json()["state"] == "held").await;
    let shown = shop.get(&path, Some(&key)).await.json();
    assert_eq!((&shown["partition"], &shown["offset"]), (&view["partition"], &view["offset"]));
    assert_eq!((&shown["total"], &shown["currency"]), (&json!(1_000), &json!("EUR")));
    assert_eq!(shown["lines"][0], json!({"sku": "A", "quantity": 2, "state": "taken", "unit_price": 500}));
    assert!(shown["deadline"].as_str().unwrap().ends_with('Z'));
    shop.get(&path, Some(&shop.key(8, ""))).await.problem(404, "no_such_order");
    assert_eq!(shop.get(&path, Some(&shop.key(8, "producer"))).await.status, 200);
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_prefers_to_wait_is_told_the_decision() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 1), ("B", 0)], &json!({"waitlist_max": 5})).await;
    shop.list(&[("C", 1)], &json!({})).await;
    let wait = [("prefer", "respond-async, wait=20")];
    for (sku, quantity, state, reason) in
        [("A", 1, "held", None), ("B", 1, "waiting", None), ("C", 2, "rejected", Some("stock_short"))]
    {
        let answer = shop.post("/v1/orders", &shop.key(7, ""), &wait, &order(sku, quantity)).await;
        assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (200, "wait=20"));
        let view = answer.json();
        assert_eq!((view["state"].as_str(), view["reason"].as_str()), (Some(state), reason), "{view}");
        assert!(view["decision"].as_str().unwrap().contains('-') && view["decided_at"].is_string());
    }
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_waits_in_vain_is_told_that_it_is_accepted() {
    let shop = Shop::open(Wishes { undecided: true, ..Wishes::default() }).await;
    let mut body = order("A", 1);
    body["currency"] = json!("EUR");
    body["partial"] = json!(true);
    let answer = shop.post("/v1/orders", &shop.key(7, ""), &[("prefer", "wait=1")], &body).await;
    assert_eq!((answer.status.as_u16(), answer.header("preference-applied")), (202, "wait=1"));
    let id = answer.json()["order_id"].as_str().unwrap().to_owned();
    let path = format!("/v1/orders/{id}");
    let shown = shop.get(&path, Some(&shop.key(7, ""))).await;
    assert_eq!((shown.status.as_u16(), &shown.json()["state"]), (200, &json!("accepted")), "{shown:?}");
    shop.get(&path, Some(&shop.key(8, ""))).await.problem(404, "no_such_order");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn fifty_retries_at_once_are_one_order_and_get_one_answer() {
    let mut wishes = Wishes::default();
    wishes.service.customer_burst_max = 100;
    let shop = Shop::open(wishes).await;
    shop.list(&[("A", 100)], &json!({})).await;
    let key = shop.key(7, "");
    let (body, headers) = (order("A", 1), [("idempotency-key", "basket-1")]);
    let asked = (0..50).map(|_| shop.post("/v1/orders", &key, &headers, &body));
    let answers: Vec<Answer> = futures_util::future::join_all(asked).await;
    let all: BTreeSet<String> = answers.iter().map(|answer| answer.json().to_string()).collect();
    assert!(answers.iter().all(|answer| answer.status == 202), "{answers:?}");
    assert_eq!(all.len(), 1, "{all:?}");
    assert_eq!(shop.places(), 1);
    // Another gateway on the same log, which knows nothing of it but what is decided.
    shop.until("it is decided", async |shop| {
        shop.get("/v1/me/orders", Some(&key)).await.json()["orders"][0].is_object()
    })
    .await;
    let other = Shop::on(shop.log.clone(), Wishes { undecided: true, ..Wishes::default() }).await;
    other.until("the other has read it", async |shop| shop.service.is_ready()).await;
    let again = other.post("/v1/orders", &key, &headers, &body).await;
    assert_eq!((again.status.as_u16(), again.json().to_string()), (202, all.into_iter().next().unwrap()));
    // Other content under the same key, here and there; the same key of somebody else is another order.
    for place in [&shop, &other] {
        let refused = place.post("/v1/orders", &key, &headers, &order("A", 2)).await;
        assert_eq!(refused.problem(422, "order_id_reused")["reject_number"], 1);
    }
    assert_eq!(shop.places(), 1);
    let theirs = shop.post("/v1/orders", &shop.key(8, ""), &headers, &body).await;
    assert_ne!(theirs.json()["order_id"], again.json()["order_id"]);
    assert_eq!(shop.places(), 2);
    assert!(other.close().await && shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_reuse_that_only_the_ledger_knows_is_told_to_who_waits() {
    let mut wishes = Wishes::default();
    wishes.board.orders_max = 1;
    wishes.service.recent_orders_max = 1;
    let shop = Shop::open(wishes).await;
    shop.list(&[("A", 100)], &json!({})).await;
    let key = shop.key(7, "");
    for (name, quantity) in [("k1", 1), ("k2", 1)] {
        let headers = [("idempotency-key", name), ("prefer", "wait=20")];
        assert_eq!(shop.post("/v1/orders", &key, &headers, &order("A", quantity)).await.status, 200);
    }
    let headers = [("idempotency-key", "k1"), ("prefer", "wait=20")];
    shop.post("/v1/orders", &key, &headers, &order("A", 3)).await.problem(422, "order_id_reused");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_is_told_so() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let ask = async |key: Option<&str>, body: &serde_json::Value| {
        let request =
            shop.request(Method::POST, "/v1/orders", key).header("content-type", "application/json");
        Answer::of(request.body(body.to_string()).send().await.unwrap()).await
    };
    let nobody = ask(None, &order("A", 1)).await;
    nobody.problem(401, "not_identified");
    assert_eq!(nobody.header("www-authenticate"), "Bearer");
    ask(Some("x.y.z"), &order("A", 1)).await.problem(401, "token_unknown");
    let identity =
        ingest_gateway::identity::Identity { customer: 1.into(), verified: true, roles: Default::default() };
    let old = shop.secret().program_key(&identity, TimeMs(1));
    ask(Some(&old), &order("A", 1)).await.problem(401, "token_expired");
    ask(Some(&shop.key(1, "unverified")), &order("A", 1)).await.problem(403, "not_verified");
    let mut theirs = order("A", 1);
    theirs["customer"] = json!(OrderId::from(9).to_string());
    ask(Some(&shop.key(1, "")), &theirs).await.problem(403, "role_needed");
    assert_eq!(ask(Some(&shop.key(1, "producer")), &theirs).await.status, 202);
    let sale = json!({"name": "x", "currency": "EUR", "listings": []});
    shop.post("/v1/admin/sales", &shop.key(1, "producer"), &[], &sale).await.problem(403, "role_needed");
    let by_basic = shop.request(Method::GET, "/v1/me/orders", None).basic_auth("a", Some("b"));
    Answer::of(by_basic.send().await.unwrap()).await.problem(401, "not_identified");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_contradicts_itself_is_refused_at_the_door_by_its_number() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 0), ("B", 5)], &json!({})).await;
    let lines = |count: usize| {
        (0..count).map(|number| json!({"sku": format!("S{number}"), "quantity": 1})).collect::<Vec<_>>()
    };
    for (lines, status, name, number) in [
        (json!([]), 422, "no_lines", 3),
        (json!(lines(17)), 422, "too_many_lines", 4),
        (json!([{"sku": "B", "quantity": 0}]), 422, "quantity_not_positive", 5),
        (json!([{"sku": "B", "quantity": -1}]), 422, "quantity_not_positive", 5),
        (json!([{"sku": "B", "quantity": 10_001}]), 422, "quantity_too_large", 6),
        (json!([{"sku": "B", "quantity": 1}, {"sku": "B", "quantity": 1}]), 422, "sku_repeated", 7),
        (json!([{"sku": "NONE", "quantity": 1}]), 422, "listing_unknown", 20),
        (json!([{"sku": "A", "quantity": 1}]), 409, "stock_short", 30),
    ] {
        let body = json!({"lines": lines, "currency": "EUR"});
        let answer = shop.post("/v1/orders", &shop.key(7, ""), &[], &body).await;
        assert_eq!(answer.problem(status, name)["reject_number"], number);
    }
    let key = shop.key(1, "admin");
    let closed = shop.post("/v1/admin/listings/B:close", &key, &[], &json!({})).await;
    assert_eq!(closed.status, 202, "{closed:?}");
    shop.until("it is closed", async |shop| {
        shop.get("/v1/listings/B", None).await.json()["state"] == "closed"
    })
    .await;
    shop.post("/v1/orders", &shop.key(7, ""), &[], &order("B", 1)).await.problem(409, "listing_closed");
    assert_eq!(shop.places(), 0);
    shop.post("/v1/orders", &shop.key(7, ""), &[], &order("NONE", 1)).await.problem(422, "currency_needed");
    let long = "x".repeat(256);
    for key in [long.as_str(), "a b"] {
        shop.post("/v1/orders", &shop.key(7, ""), &[("idempotency-key", key)], &order("B", 1))
            .await
            .problem(400, "idempotency_key_invalid");
    }
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_order_is_withdrawn_once_and_the_repeat_gets_the_same_answer() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let key = shop.key(7, "");
    let wait = [("prefer", "wait=20")];
    let placed = shop.post("/v1/orders", &key, &wait, &order("A", 1)).await.json();
    let path = placed["links"]["self"].as_str().unwrap().to_owned();
    let cancel = async |key: &str| {
        let request = shop.request(Method::DELETE, &path, Some(key)).header("prefer", "wait=20");
        Answer::of(request.send().await.unwrap()).await
    };
    cancel(&shop.key(8, "")).await.problem(404, "no_such_order");
    let first = cancel(&key).await;
    assert_eq!((first.status.as_u16(), first.json()["state"].as_str()), (200, Some("cancelled")));
    let second = cancel(&key).await;
    assert_eq!((second.status.as_u16(), second.text), (200, first.text));
    assert_eq!(shop.commands().iter().filter(|command| matches!(command, Command::Cancel(_))).count(), 1);
    let unknown = Answer::of(
        shop.request(Method::DELETE, &format!("/v1/orders/{ID}"), Some(&key)).send().await.unwrap(),
    );
    unknown.await.problem(404, "no_such_order");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_has_an_answer_for_each_in_its_order() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 500), ("B", 500), ("GONE", 0)], &json!({})).await;
    let key = shop.key(7, "producer");
    let mut orders: Vec<_> =
        (0..100).map(|number| order(if number % 2 == 0 { "A" } else { "B" }, 1)).collect();
    orders[10] = order("GONE", 1);
    orders[20] = order("A", 0);
    let headers = [("idempotency-key", "file-1")];
    let answer = shop.post("/v1/orders:batch", &key, &headers, &json!({"orders": orders})).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    let body = answer.json();
    let results = body["results"].as_array().unwrap();
    assert_eq!(results.len(), 100);
    for (index, result) in results.iter().enumerate() {
        match index {
            10 => assert_eq!(
                (&result["type"], &result["status"]),
                (&json!("/problems/stock_short"), &json!(409))
            ),
            20 => assert_eq!(result["type"], "/problems/quantity_not_positive"),
            _ => assert_eq!(result["state"], "accepted", "{index}: {result}"),
        }
    }
    assert_eq!(shop.places(), 98);
    let ids: BTreeSet<_> = results.iter().filter_map(|result| result["order_id"].as_str()).collect();
    assert_eq!(ids.len(), 98);
    shop.until("all are decided", async |shop| {
        shop.get("/v1/sales/friday", None).await.json()["decided"] == 98
    })
    .await;
    let again = shop.post("/v1/orders:batch", &key, &headers, &json!({"orders": orders})).await.json();
    let repeated: BTreeSet<_> = again["results"]
        .as_array()
        .unwrap()
        .iter()
        .filter_map(|result| result["order_id"].as_str())
        .collect();
    assert_eq!((repeated, shop.places()), (ids, 98), "the board knows all of them");

    let lines = format!("{}\n\n{{\"lines\":[]\n{}\n", order("A", 1), order("B", 2));
    let request = shop
        .request(Method::POST, "/v1/orders:batch", Some(&key))
        .header("content-type", "application/x-ndjson");
    let answer = Answer::of(request.body(lines).send().await.unwrap()).await;
    assert_eq!(answer.header("content-type"), "application/x-ndjson");
    let rows: Vec<serde_json::Value> =
        answer.text.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(
        (&rows[0]["state"], &rows[1]["type"], &rows[1]["line"], &rows[2]["state"]),
        (&json!("accepted"), &json!("/problems/bad_json"), &json!(3), &json!("accepted"))
    );
    let many = json!({"orders": vec![order("A", 1); 1_001]});
    shop.post("/v1/orders:batch", &key, &[], &many).await.problem(413, "batch_too_large");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_my_orders_hold_each_once() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 100)], &json!({})).await;
    let key = shop.key(7, "");
    for _ in 0..7 {
        assert_eq!(shop.post("/v1/orders", &key, &[("prefer", "wait=20")], &order("A", 1)).await.status, 200);
    }
    shop.post("/v1/orders", &shop.key(8, ""), &[("prefer", "wait=20")], &order("A", 1)).await;
    let (mut path, mut seen) = ("/v1/me/orders?count=3".to_owned(), Vec::new());
    loop {
        let page = shop.get(&path, Some(&key)).await.json();
        seen.extend(page["orders"].as_array().unwrap().iter().map(|order| order["order_id"].to_string()));
        let Some(next) = page["next"].as_str() else { break };
        path = next.to_owned();
    }
    let distinct: BTreeSet<_> = seen.iter().collect();
    assert_eq!((seen.len(), distinct.len()), (7, 7));
    shop.get("/v1/me/orders?cont=3", Some(&key)).await.problem(400, "bad_query");
    shop.get("/v1/me/orders?after=x", Some(&key)).await.problem(400, "bad_query");
    shop.get("/v1/orders/not-an-id", Some(&key)).await.problem(400, "bad_path");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn many_at_once_go_to_the_log_together() {
    let pause_ms = 50;
    let door = DoorLimits {
        append_pause_us_each: 1_000 * pause_ms,
        append_pause_ms_max: pause_ms,
        ..DoorLimits::default()
    };
    let shop = Shop::open(Wishes { door, ..Wishes::default() }).await;
    shop.list(&[("A", 1_000)], &json!({})).await;
    let (begun, before) = (Instant::now(), shop.service.door().status().batches);
    let key = shop.key(7, "producer");
    let place = async || {
        for _ in 0..5 {
            assert_eq!(shop.post("/v1/orders", &key, &[], &order("A", 1)).await.status, 202);
        }
    };
    futures_util::future::join_all((0..20).map(|_| place())).await;
    let batches = shop.service.door().status().batches - before;
    let most = begun.elapsed().as_millis() / u128::from(pause_ms) + 1;
    assert!(u128::from(batches) <= most, "{batches} appends for 100 orders, at most {most}");
    assert!(shop.close().await);
}
