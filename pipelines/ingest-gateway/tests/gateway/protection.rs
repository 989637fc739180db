//! What is turned away, slowed down, bounded or cut.

use std::fs;
use std::time::{Duration, Instant};

use ingest_gateway::limits::{HttpLimits, ServiceLimits};
use ingest_gateway::server::{ServerOptions, TlsFiles};
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::shop::{Answer, PATIENCE, Shop, Wishes, order};

/// Most requests until one is too many.
const ASKED_MAX: usize = 200;

/// What comes back for these bytes until the connection ends.
pub(crate) async fn raw(shop: &Shop, text: &str) -> String {
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut bytes = Vec::new();
    tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await.expect("it ends").unwrap();
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Asks until that is too often, however slowly one asks: at most `burst`, and one more each second. Says what was answered.
async fn until_too_often(burst: u64, ask: impl AsyncFn(usize) -> u16) -> Vec<u16> {
    let (begun, mut statuses) = (Instant::now(), Vec::new());
    while statuses.last() != Some(&429) {
        assert!(statuses.len() < ASKED_MAX, "it is never too often: {statuses:?}");
        statuses.push(ask(statuses.len()).await);
    }
    let most = burst + begun.elapsed().as_secs() + 1;
    assert!(u64::try_from(statuses.len()).unwrap() <= most + 1, "{most} at most: {statuses:?}");
    statuses
}

fn with(limits: HttpLimits) -> Wishes {
    Wishes { server: ServerOptions { limits, ..ServerOptions::default() }, ..Wishes::default() }
}

#[tokio::test(flavor = "multi_thread")]
async fn bodies_are_what_they_should_be() {
    let shop = Shop::open(with(HttpLimits { body_ms_max: 300, ..HttpLimits::default() })).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let key = shop.key(7, "");
    let send = async |kind: &str, encoding: Option<&str>, body: Vec<u8>| {
        let mut request = shop.request(Method::POST, "/v1/orders", Some(&key)).header("content-type", kind);
        if let Some(encoding) = encoding {
            request = request.header("content-encoding", encoding);
        }
        Answer::of(request.body(body).send().await.unwrap()).await
    };
    let good = order("A", 1).to_string().into_bytes();
    send("text/plain", None, good.clone()).await.problem(415, "content_type_unknown");
    send("", None, good.clone()).await.problem(415, "content_type_unknown");
    // A bomb is not unpacked: nothing is.
    for encoding in ["gzip", "deflate", "br", "zstd", "gzip, gzip", "identity, gzip", "GZIP", "x-gzip"] {
        send("application/json", Some(encoding), vec![0x1f, 0x8b]).await.problem(415, "body_encoded");
    }
    send("application/json", None, vec![b' '; 16_385]).await.problem(413, "body_too_large");
    send("application/json", None, b"{\"lines\":[{\"sku\":\"\xff\",\"quantity\":1}]}".to_vec())
        .await
        .problem(400, "bad_json");
    let doubled = send("application/json", None, br#"{"lines":[],"lines":[]}"#.to_vec())
        .await
        .problem(400, "bad_field");
    assert_eq!((&doubled["place"], &doubled["line"]), (&json!("lines"), &json!(1)));
    let quoted = send("application/json", None, br#"{"lines":[{"sku":"A","quantity":"1"}]}"#.to_vec()).await;
    assert_eq!(quoted.problem(400, "bad_field")["place"], "lines[0].quantity");
    assert_eq!(send("Application/JSON; charset=utf-8", Some("identity"), good).await.status, 202);

    // Of unknown length: counted as it comes.
    let head = format!(
        "POST /v1/orders HTTP/1.1\r\nhost: x\r\nauthorization: Bearer {key}\r\ncontent-type: application/json\r\n"
    );
    let chunk = format!("4000\r\n{}\r\n", " ".repeat(0x4000));
    let endless = raw(
        &shop,
        &format!("{head}transfer-encoding: chunked\r\nconnection: close\r\n\r\n{chunk}{chunk}0\r\n\r\n"),
    )
    .await;
    assert!(endless.contains("HTTP/1.1 413") && endless.contains("/problems/body_too_large"), "{endless}");
    // Announced and never sent.
    let slow = raw(&shop, &format!("{head}content-length: 100\r\nconnection: close\r\n\r\n{{")).await;
    assert!(slow.contains("HTTP/1.1 408") && slow.contains("/problems/body_too_slow"), "{slow}");
    assert_eq!(shop.places(), 1);
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn slow_heads_and_large_ones_are_cut() {
    let shop = Shop::open(with(HttpLimits { head_ms_max: 300, ..HttpLimits::default() })).await;
    for start in ["", "G", "P", "PRI * HTTP", "GET / HTTP/1.1\r\nx: y\r\n"] {
        let mut stream = TcpStream::connect(shop.address).await.unwrap();
        let begun = Instant::now();
        stream.write_all(start.as_bytes()).await.unwrap();
        let mut bytes = Vec::new();
        // A byte now and then does not help.
        let drip = async {
            loop {
                tokio::time::sleep(Duration::from_millis(50)).await;
                let is_cut = !start.is_empty() && stream.write_all(b"x").await.is_err();
                let read = tokio::time::timeout(Duration::from_millis(1), stream.read_buf(&mut bytes)).await;
                if is_cut || matches!(read, Ok(Ok(0) | Err(_))) {
                    break;
                }
            }
        };
        tokio::time::timeout(PATIENCE, drip).await.unwrap_or_else(|_| panic!("{start:?} is cut"));
        assert!(begun.elapsed() >= Duration::from_millis(50), "{start:?}");
    }
    assert!(shop.close().await);
    // With time enough to send them.
    let shop = Shop::open(Wishes::default()).await;
    let large = raw(&shop, &format!("GET / HTTP/1.1\r\nx: {}\r\n\r\n", "y".repeat(100_000))).await;
    assert!(large.is_empty() || large.starts_with("HTTP/1.1 431"), "{large}");
    let many = raw(&shop, &format!("GET / HTTP/1.1\r\n{}\r\n", "x: y\r\n".repeat(100))).await;
    assert!(many.starts_with("HTTP/1.1 431"), "{many}");
    let long =
        raw(&shop, &format!("GET /{} HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n", "a".repeat(3_000)))
            .await;
    assert!(long.starts_with("HTTP/1.1 414") && long.contains("target_too_long"), "{long}");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_asks_too_often_is_told_when_to_come_back() {
    let service =
        ServiceLimits { customer_burst_max: 3, customer_per_second_max: 1, ..ServiceLimits::default() };
    let shop = Shop::open(Wishes { service, ..Wishes::default() }).await;
    shop.list(&[("A", 50)], &json!({})).await;
    let place = async |_: usize| {
        let answer = shop.post("/v1/orders", &shop.key(7, ""), &[], &order("A", 1)).await;
        if answer.status == 429 {
            answer.problem(429, "too_often");
            assert!(answer.header("retry-after").parse::<u64>().unwrap() >= 1);
        }
        answer.status.as_u16()
    };
    assert_eq!(until_too_often(3, place).await[..3], [202; 3]);
    assert_eq!(
        shop.post("/v1/orders", &shop.key(8, ""), &[], &order("A", 1)).await.status,
        202,
        "others do not feel it"
    );
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn addresses_count_by_themselves_and_only_named_proxies_are_believed() {
    let service =
        ServiceLimits { address_burst_max: 20, address_per_second_max: 1, ..ServiceLimits::default() };
    let ask = async |shop: &Shop, forwarded: &str| {
        let request = shop.request(Method::GET, "/v1/listings", None).header("x-forwarded-for", forwarded);
        request.send().await.unwrap().status().as_u16()
    };
    // Nobody is believed: all requests are of one address.
    let shop = Shop::open(Wishes { service, ..Wishes::default() }).await;
    until_too_often(20, async |number| ask(&shop, &format!("192.0.2.{number}")).await).await;
    assert_eq!(shop.get("/livez", None).await.status, 200, "probes are always answered");
    assert!(shop.close().await);
    // Loopback is a proxy of ours: each counts by itself, and what a client wrote before it is not believed.
    let server = ServerOptions { proxies: vec!["127.0.0.0/8".parse().unwrap()], ..ServerOptions::default() };
    let shop = Shop::open(Wishes { service, server, ..Wishes::default() }).await;
    for number in 0..25 {
        assert_eq!(ask(&shop, &format!("192.0.2.{number}")).await, 200);
    }
    let forwarded = |number: usize| format!("198.51.100.{number}, 203.0.113.9, 127.0.0.1");
    until_too_often(20, async |number| ask(&shop, &forwarded(number)).await).await;
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_proxy_protocol_is_read_from_named_proxies() {
    let service =
        ServiceLimits { address_burst_max: 3, address_per_second_max: 1, ..ServiceLimits::default() };
    let wishes = |proxy: &str| {
        let proxies = vec![proxy.parse().unwrap()];
        let server = ServerOptions { proxies, proxy_protocol: true, ..ServerOptions::default() };
        Wishes { service, server, ..Wishes::default() }
    };
    let ask = async |shop: &Shop, origin: &str| {
        let head = format!("PROXY TCP4 {origin} 192.0.2.2 5000 443\r\n");
        let answer =
            raw(shop, &format!("{head}GET /v1/listings HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n"))
                .await;
        answer.get(9..12).unwrap_or_default().parse::<u16>().unwrap()
    };
    let shop = Shop::open(wishes("127.0.0.1/32")).await;
    assert_eq!(until_too_often(3, async |_| ask(&shop, "198.51.100.1").await).await[0], 200);
    assert_eq!(ask(&shop, "198.51.100.2").await, 200, "each origin counts by itself");
    let mut headless = TcpStream::connect(shop.address).await.unwrap();
    headless.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await.unwrap();
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, headless.read_to_end(&mut bytes)).await.expect("it is cut");
    assert!(read.is_err() || bytes.is_empty(), "a proxy says for whom it speaks");
    assert!(shop.close().await);
    // Of who is no proxy, a head is no HTTP.
    let open = Shop::open(wishes("192.0.2.0/24")).await;
    assert_eq!(open.get("/livez", None).await.status, 200, "who is no proxy needs no head");
    assert_eq!(ask(&open, "192.0.2.1").await, 400);
    assert!(open.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn more_than_can_be_done_is_refused_at_once() {
    let limits = HttpLimits { requests_max: 1, ..HttpLimits::default() };
    let mut wishes = with(limits);
    wishes.undecided = true;
    let shop = Shop::open(wishes).await;
    let mut body = order("A", 1);
    body["currency"] = json!("EUR");
    body["partial"] = json!(true);
    let key = shop.key(7, "");
    let headers = [("prefer", "wait=30")];
    let waiting = shop.post("/v1/orders", &key, &headers, &body);
    let refused = async {
        shop.until("the place is taken", async |shop| shop.places() == 1).await;
        let answer = shop.get("/v1/listings", None).await;
        answer.problem(503, "overloaded");
        assert_eq!(answer.header("retry-after"), "1");
        assert_eq!(shop.get("/livez", None).await.status, 200);
    };
    tokio::select! {
        answer = waiting => panic!("nobody decides: {answer:?}"),
        () = refused => {}
    }
    shop.until("the place is free", async |shop| shop.get("/v1/listings", None).await.status == 200).await;
    assert!(shop.close().await);

    let shop = Shop::open(with(HttpLimits { address_connections_max: 3, ..HttpLimits::default() })).await;
    let mut held = Vec::new();
    for _ in 0..3 {
        held.push(TcpStream::connect(shop.address).await.unwrap());
    }
    let mut one_more = TcpStream::connect(shop.address).await.unwrap();
    drop(one_more.write_all(b"GET /livez HTTP/1.1\r\nhost: x\r\n\r\n").await);
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, one_more.read_to_end(&mut bytes)).await.expect("it is cut");
    assert!(read.is_err() || bytes.is_empty());
    drop(held);
    shop.until("they are given back", async |shop| {
        let answer = shop.request(Method::GET, "/livez", None).send().await;
        answer.is_ok_and(|answer| answer.status() == 200)
    })
    .await;
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_of_named_origins_may_call() {
    let server =
        ServerOptions { origins: vec!["https://shop.example".parse().unwrap()], ..ServerOptions::default() };
    let shop = Shop::open(Wishes { server, ..Wishes::default() }).await;
    let ask = async |origin: &str| {
        let request = shop.request(Method::OPTIONS, "/v1/orders", None).header("origin", origin);
        let request = request.header("access-control-request-method", "POST");
        Answer::of(request.header("access-control-request-headers", "idempotency-key").send().await.unwrap())
            .await
    };
    let allowed = ask("https://shop.example").await;
    assert_eq!(allowed.header("access-control-allow-origin"), "https://shop.example");
    assert!(allowed.header("access-control-allow-headers").contains("idempotency-key"));
    assert_eq!(ask("https://evil.example").await.header("access-control-allow-origin"), "");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn tls_speaks_both_versions_and_takes_up_a_new_certificate() {
    let folder = tempfile::tempdir().unwrap();
    let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
    let write = || {
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        fs::write(&certificate, made.cert.pem()).unwrap();
        reqwest::Certificate::from_pem(made.cert.pem().as_bytes()).unwrap()
    };
    let old = write();
    let tls = Some(TlsFiles { certificate: certificate.clone(), key: key.clone(), look_every_ms: 20 });
    let shop = Shop::open_unready(Wishes {
        server: ServerOptions { tls, ..ServerOptions::default() },
        ..Wishes::default()
    })
    .await;
    let ask = async |trusted: &reqwest::Certificate, is_http1: bool| {
        let builder = reqwest::Client::builder()
            .no_proxy()
            .tls_certs_only([trusted.clone()])
            .resolve("localhost", shop.address);
        let builder = if is_http1 { builder.http1_only() } else { builder };
        let url = format!("https://localhost:{}/livez", shop.address.port());
        builder.build().unwrap().get(url).send().await
    };
    let first = ask(&old, false).await.unwrap();
    assert_eq!(first.version(), reqwest::Version::HTTP_2);
    assert_eq!(first.headers()["strict-transport-security"], "max-age=63072000");
    assert_eq!(ask(&old, true).await.unwrap().version(), reqwest::Version::HTTP_11);
    fs::write(&certificate, "nonsense").unwrap();
    tokio::time::sleep(Duration::from_millis(100)).await;
    assert!(ask(&old, false).await.is_ok(), "what cannot be used is not taken up");
    let new = write();
    let deadline = Instant::now() + PATIENCE;
    while ask(&new, false).await.is_err() {
        assert!(Instant::now() < deadline, "the new certificate is taken up");
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    assert!(ask(&old, false).await.is_err());
    assert!(shop.close().await);
}
