//! Sales, listings, health, and the description of it all.

use std::fs;
use std::path::Path;

use reqwest::Method;
use serde_json::{Value, json};

use crate::shop::{Answer, Shop, Wishes, order};

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_opened_changed_and_closed() {
    let shop = Shop::open(Wishes::default()).await;
    let key = shop.key(1, "admin");
    let sale = |price: i64| {
        json!({"name": "friday", "currency": "EUR", "listings": [
            {"sku": "A", "stock": 5, "prices": [{"unit_price": price}, {"unit_price": 900, "from_units": 2}], "limit_per_customer": 2},
            {"sku": "a:b", "stock": 1, "prices": [{"unit_price": 100}], "opens_at": "2099-01-01T00:00:00Z"},
        ]})
    };
    let actions = |answer: &Answer| {
        let body = answer.json();
        body["listings"]
            .as_array()
            .unwrap()
            .iter()
            .map(|item| item["action"].as_str().unwrap().to_owned())
            .collect::<Vec<_>>()
    };
    let opened = shop.post("/v1/admin/sales", &key, &[("idempotency-key", "s")], &sale(500)).await;
    assert_eq!((opened.status.as_u16(), actions(&opened)), (202, vec!["open".to_owned(), "open".to_owned()]));
    shop.until("it is listed", async |shop| {
        shop.get("/v1/listings", None).await.json()["listings"].as_array().unwrap().len() == 2
    })
    .await;
    let same = shop.post("/v1/admin/sales", &key, &[], &sale(500)).await;
    assert_eq!(actions(&same), ["unchanged", "unchanged"]);
    let changed = shop.post("/v1/admin/sales", &key, &[], &sale(600)).await;
    assert_eq!(actions(&changed), ["change", "unchanged"]);
    shop.until("the price is new", async |shop| {
        shop.get("/v1/listings/A", None).await.json()["unit_price"] == 600
    })
    .await;

    let shown = shop.get("/v1/listings?sale=friday&count=1", None).await;
    assert_eq!(shown.header("cache-control"), "public, max-age=1");
    let page = shown.json();
    assert_eq!((&page["listings"][0]["sku"], &page["listings"][0]["state"]), (&json!("A"), &json!("open")));
    let next = shop.get(page["next"].as_str().unwrap(), None).await.json();
    assert_eq!(
        (&next["listings"][0]["sku"], &next["listings"][0]["state"]),
        (&json!("a:b"), &json!("not_open"))
    );
    assert_eq!(next["listings"][0]["opens_at"], "2099-01-01T00:00:00.000Z");
    assert_eq!(shop.get("/v1/listings/a%3Ab", None).await.json()["stock"]["free"], 1);

    let word =
        async |path: &str, body: Value| shop.post(path, &key, &[("idempotency-key", "w")], &body).await;
    for _ in 0..2 {
        assert_eq!(word("/v1/admin/listings/a:b:restock", json!({"units": 4})).await.status, 202);
    }
    shop.until("units came, once", async |shop| {
        shop.get("/v1/listings/a%3Ab", None).await.json()["stock"]["free"] == 5
    })
    .await;
    for (verb, state) in [("pause", "paused"), ("resume", "open"), ("close", "closed")] {
        assert_eq!(word(&format!("/v1/admin/listings/A:{verb}"), json!({})).await.status, 202);
        shop.until(state, async |shop| shop.get("/v1/listings/A", None).await.json()["state"] == state).await;
    }
    assert_eq!(
        shop.get("/v1/listings/a%3Ab", None).await.json()["stock"]["free"],
        5,
        "the repeat changed nothing"
    );
    word("/v1/admin/listings/A:burn", json!({})).await.problem(400, "bad_path");
    word("/v1/admin/listings/A", json!({})).await.problem(400, "bad_path");
    word("/v1/admin/listings/B:pause", json!({})).await.problem(404, "no_such_listing");
    word("/v1/admin/listings/A:restock", json!({"unit": 4})).await.problem(400, "bad_field");
    shop.get("/v1/listings/B", None).await.problem(404, "no_such_listing");
    shop.get("/v1/sales/monday", None).await.problem(404, "no_such_sale");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_of_a_sale_add_up() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 3), ("B", 2)], &json!({})).await;
    for customer in 0..5 {
        let answer =
            shop.post("/v1/orders", &shop.key(customer, ""), &[("prefer", "wait=20")], &order("A", 1)).await;
        assert_eq!(
            answer.status, 200,
            "held ones may still be released, so the ledger has to say: {answer:?}"
        );
    }
    let figures = shop.get("/v1/sales/friday", None).await.json();
    assert_eq!(figures["decided"], 5);
    assert_eq!(figures["stock"], json!({"free": 2, "held": 3, "sold": 0, "waiting": 0}));
    assert_eq!(
        (&figures["events"], &figures["rejects"]),
        (&json!({"held": 3, "rejected": 2}), &json!({"stock_short": 2}))
    );
    assert_eq!(
        figures["items"][0],
        json!({"sku": "A", "stock": {"free": 0, "held": 3, "sold": 0, "waiting": 0}})
    );
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn every_answer_is_dressed_and_every_path_has_one() {
    let shop = Shop::open(Wishes::default()).await;
    let live = shop.get("/livez", None).await;
    assert_eq!((live.status.as_u16(), live.text.as_str()), (200, "live\n"));
    for path in
        ["/", "/v1", "/v1/orders/", "/v1/../etc/passwd", "//v1/orders", "/v1/orders/%2e%2e/x/y/z", "/%00"]
    {
        let raw = crate::protection::raw(
            &shop,
            &format!("GET {path} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"),
        )
        .await;
        assert!(raw.starts_with("HTTP/1.1 404") && raw.contains("application/problem+json"), "{path}: {raw}");
        for header in [
            "x-content-type-options: nosniff",
            "x-frame-options: DENY",
            "referrer-policy: no-referrer",
            "content-security-policy: default-src 'none'",
            "cache-control: no-store",
        ] {
            assert!(raw.contains(header), "{path}: {header}: {raw}");
        }
        assert!(!raw.contains("strict-transport-security"));
    }
    let wrong = Answer::of(shop.request(Method::PATCH, "/v1/orders", None).send().await.unwrap()).await;
    wrong.problem(405, "method_not_allowed");
    assert_eq!(wrong.header("allow"), "POST");
    assert!(shop.close().await);
}

/// `UPDATE_OPENAPI=1` writes it anew.
#[test]
fn the_description_is_the_committed_one() {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/openapi/gateway.json");
    let text = ingest_gateway::http::openapi();
    if std::env::var_os("UPDATE_OPENAPI").is_some() {
        fs::create_dir_all(file.parent().unwrap()).unwrap();
        fs::write(&file, &text).unwrap();
    }
    let committed = fs::read_to_string(&file).unwrap();
    assert!(
        text == committed,
        "schemas/openapi/gateway.json is not what the code says; UPDATE_OPENAPI=1 writes it anew"
    );
    let description: Value = serde_json::from_str(&text).unwrap();
    assert!(description["openapi"].as_str().unwrap().starts_with("3.1"));
    assert_eq!(description["paths"].as_object().unwrap().len(), 34);
}
