//! Bad input: whatever comes in is answered by a problem that says what is wrong, and none of it is written.

use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use reqwest::Method;
use serde_json::json;

use crate::protection::raw;
use crate::shop::{Answer, PATIENCE, Shop, Wishes, order};

async fn send(shop: &Shop, path: &str, body: &[u8]) -> Answer {
    let request = shop.request(Method::POST, path, Some(&shop.key(7, "producer admin")));
    let request = request.header("content-type", "application/json").body(body.to_vec());
    Answer::of(request.send().await.unwrap()).await
}

/// What is sent, and the place and a word of the answer.
#[tokio::test(flavor = "multi_thread")]
async fn every_body_that_is_wrong_is_told_where() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let deep = format!("{{\"lines\":{}", "[".repeat(8_000));
    for (body, name, place) in [
        (&b""[..], "bad_json", "the whole body"),
        (b"\x1f\x8b\x08\0\0\0\0\0", "bad_json", "the whole body"),
        (b"\xef\xbb\xbf{}", "bad_json", "the whole body"),
        (b"{\"lines\":[]}{\"lines\":[]}", "bad_json", "the whole body"),
        (b"{\"lines\":[],\"lines\":[]}", "bad_field", "lines"),
        (b"{\"lines\":[{\"sku\":\"A\",\"quantity\":1,\"quantity\":2}]}", "bad_field", "lines[0].quantity"),
        (b"{\"lines\":[{\"sku\":\"A\",\"quantity\":1}],\"l\\u0069nes\":[]}", "bad_field", "lines"),
        (b"{\"lines\":[{\"sku\":\"\xff\xfe\",\"quantity\":1}]}", "bad_json", "lines[0].sku"),
        (b"{\"lines\":[{\"sku\":\"\\ud800\",\"quantity\":1}]}", "bad_json", "lines[0].sku"),
        (b"{\"lines\":[{\"sku\":\"A\\u0000\",\"quantity\":1}]}", "bad_field", "lines[0].sku"),
        (b"{\"lines\":[{\"sku\":\"A\",\"quantity\":\"1\"}]}", "bad_field", "lines[0].quantity"),
        (b"{\"lines\":[{\"sku\":\"A\",\"quantity\":1e0}]}", "bad_field", "lines[0].quantity"),
        (b"{\"lines\":[{\"sku\":\"A\",\"quantity\":NaN}]}", "bad_json", "lines[0].quantity"),
        (b"{\"lines\":[{\"sku\":\"A\",\"quantity\":1e999}]}", "bad_json", "lines[0].quantity"),
        (
            b"{\"lines\":[{\"sku\":\"A\",\"quantity\":99999999999999999999}]}",
            "bad_field",
            "lines[0].quantity",
        ),
        (b"{\"lines\":[{\"sku\":\"A\",\"quantity\":true}]}", "bad_field", "lines[0].quantity"),
        (b"{\"lines\":[{\"sku\":1,\"quantity\":1}]}", "bad_field", "lines[0].sku"),
        (b"{\"lines\":null}", "bad_field", "lines"),
        (b"{\"lines\":[],\"__proto__\":{}}", "bad_field", "__proto__"),
        (deep.as_bytes(), "bad_field", "lines[0]"),
    ] {
        let answer = send(&shop, "/v1/orders", body).await;
        let problem = answer.problem(400, name);
        assert_eq!(problem["place"], place, "{}: {problem}", String::from_utf8_lossy(body));
    }
    assert_eq!(shop.places(), 0);
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn paths_lead_nowhere_but_where_they_say() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 5)], &json!({})).await;
    for (target, status) in [
        ("/v1/listings/A", 200),
        ("/v1/listings/%41", 200),
        ("/v1/listings/../listings/A", 404),
        ("/v1/listings/..%2f..%2fadmin", 404),
        ("/v1/listings/%2e%2e", 404),
        ("/v1/listings/A%00", 400),
        ("/v1/listings/%ff", 400),
        ("/v1/listings/%", 404),
        ("/v1/listings/%zz", 404),
        ("/v1/listings//A", 404),
        ("/v1/listings/A/", 404),
        ("/v1/listings/A;x=y", 404),
        ("//v1/listings/A", 404),
        ("/V1/listings/A", 404),
        ("/v1\\listings\\A", 404),
        ("/etc/passwd", 404),
        ("/../../etc/passwd", 404),
        ("/images/..%2f..%2fCargo.toml", 404),
        ("/assets/..%2f..%2fCargo.toml", 404),
        ("http://elsewhere/v1/listings/A", 200),
    ] {
        let answer =
            raw(&shop, &format!("GET {target} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n")).await;
        let told: u16 = answer.get(9..12).and_then(|status| status.parse().ok()).unwrap_or(0);
        assert!(told == status || (status >= 400 && (400..500).contains(&told)), "{target}: {answer}");
    }
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_two_servers_could_read_differently_is_refused() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let body = order("A", 1).to_string();
    let (key, length) = (shop.key(7, ""), body.len());
    let head = format!(
        "POST /v1/orders HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\nconnection: close\r\n"
    );
    for more in [
        format!("content-length: {length}\r\ncontent-length: {}\r\n", length + 1),
        format!("content-length: -{length}\r\n"),
        format!("content-length: {length}x\r\n"),
        "content-length: 99999999999999999999\r\n".to_owned(),
        "transfer-encoding: gzip\r\n".to_owned(),
        "transfer-encoding: chunked, gzip\r\n".to_owned(),
        format!("content-length : {length}\r\n"),
        format!(" content-length: {length}\r\n"),
        format!("authorization: Bearer {key}\r\ncontent-length: {length}\r\n"),
        format!("idempotency-key: a\r\nidempotency-key: b\r\ncontent-length: {length}\r\n"),
    ] {
        let answer = raw(&shop, &format!("{head}{more}\r\n{body}")).await;
        let is_refused = answer.is_empty() || answer.starts_with("HTTP/1.1 4");
        assert!(is_refused && !answer.contains("accepted"), "{more:?}: {answer}");
    }
    assert_eq!(shop.places(), 0);
    assert!(shop.close().await);
}

/// Whatever bytes a connection sends, the server answers or ends it, and serves the next one.
#[test]
fn no_bytes_bring_the_server_down() {
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build().unwrap();
    let shop = runtime.block_on(Shop::open(Wishes::default()));
    runtime.block_on(shop.list(&[("A", 5)], &json!({})));
    let words = prop::sample::select(vec![
        "GET",
        "POST",
        "DELETE",
        "PRI",
        " ",
        "/",
        "/v1/orders",
        "/v1/listings/A",
        "/v1/orders:batch",
        "?after=",
        "%ff",
        " HTTP/1.1",
        " HTTP/2.0",
        "\r\n",
        "\r\n\r\n",
        "host: x",
        "content-length: 5",
        "transfer-encoding: chunked",
        "content-type: application/json",
        "content-type: application/grpc",
        "last-event-id: 9-9",
        "prefer: wait=1",
        "idempotency-key: k",
        "5\r\n",
        "0\r\n\r\n",
        "{\"lines\":[",
        "]}",
        "\0",
        "\u{ff}",
        "connection: close",
    ]);
    let mut runner = TestRunner::new(ProptestConfig {
        cases: 300,
        failure_persistence: None,
        ..ProptestConfig::default()
    });
    let sent = runner.run(&prop::collection::vec(words, 1..24), |words| {
        runtime.block_on(async {
            use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
            let mut stream = tokio::net::TcpStream::connect(shop.address).await.unwrap();
            // A server that has had enough may have gone by now.
            drop(stream.write_all(words.concat().as_bytes()).await);
            drop(stream.shutdown().await);
            let mut answer = Vec::new();
            let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut answer)).await;
            prop_assert!(read.is_ok(), "it neither answers nor ends");
            let text = String::from_utf8_lossy(&answer);
            prop_assert!(!text.contains("HTTP/1.1 5"), "{text}");
            Ok(())
        })
    });
    sent.unwrap();
    assert_eq!(runtime.block_on(shop.get("/livez", None)).status, 200);
    assert_eq!(shop.places(), 0);
    assert!(runtime.block_on(shop.close()));
}
