//! Who holds connections and does nothing with them, or more of them than their share.

use std::fs;
use std::sync::Arc;

use ingest_gateway::limits::HttpLimits;
use ingest_gateway::server::{ServerOptions, TlsFiles};
use reqwest::{Method, Response};
use rustls::pki_types::ServerName;
use serde_json::json;
use tokio::io::{AsyncRead, AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;
use tokio_rustls::client::TlsStream;

use crate::shop::{Answer, PATIENCE, Shop, Wishes, order};

const HEADERS: u8 = 1;
const SETTINGS: u8 = 4;

fn with(limits: HttpLimits) -> Wishes {
    Wishes { server: ServerOptions { limits, ..ServerOptions::default() }, ..Wishes::default() }
}

/// A frame of HTTP/2.
fn frame(kind: u8, flags: u8, stream: u32, payload: &[u8]) -> Vec<u8> {
    let length = u32::try_from(payload.len()).unwrap().to_be_bytes();
    [&length[1..], &[kind, flags], &stream.to_be_bytes(), payload].concat()
}

/// The frame that comes next: its kind and what is in it.
async fn next_frame(stream: &mut (impl AsyncRead + Unpin)) -> (u8, Vec<u8>) {
    let read = async {
        let mut head = [0; 9];
        stream.read_exact(&mut head).await.unwrap();
        let length = u32::from_be_bytes([0, head[0], head[1], head[2]]);
        let mut payload = vec![0; usize::try_from(length).unwrap()];
        stream.read_exact(&mut payload).await.unwrap();
        (head[3], payload)
    };
    tokio::time::timeout(PATIENCE, read).await.expect("a frame comes")
}

/// Asks over HTTP/2 by hand, with this window for the answer, and hears that it begins; from then on it is silent.
async fn ask_by_hand(shop: &Shop, path: &str, window: u32) -> TcpStream {
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    let name =
        |index: u8, value: &str| [&[index, u8::try_from(value.len()).unwrap()], value.as_bytes()].concat();
    // GET, http, a path, an authority.
    let head = [vec![0x82, 0x86], name(4, path), name(1, "x")].concat();
    let window = [&[0, 4], &window.to_be_bytes()[..]].concat();
    let frames = [frame(SETTINGS, 0, 0, &window), frame(HEADERS, 5, 1, &head)].concat();
    stream.write_all(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n").await.unwrap();
    stream.write_all(&frames).await.unwrap();
    loop {
        let (kind, payload) = next_frame(&mut stream).await;
        if kind == HEADERS {
            assert_eq!(payload.first(), Some(&0x88), "200");
            return stream;
        }
    }
}

/// Waits for the end of a connection.
async fn is_cut(mut stream: impl AsyncRead + Unpin) {
    let mut bytes = Vec::new();
    let read = tokio::time::timeout(PATIENCE, stream.read_to_end(&mut bytes)).await;
    // With a word or without: it ends.
    drop(read.expect("the connection is ended"));
}

#[tokio::test(flavor = "multi_thread")]
async fn who_takes_no_answer_over_http2_is_let_go_of() {
    // Of a window of one byte the transport takes the whole body, and one byte leaves.
    for window in [0, 1] {
        let limits = HttpLimits { requests_max: 1, write_ms_max: 10_000, ..HttpLimits::default() };
        let shop = Shop::open(with(limits)).await;
        let idler = ask_by_hand(&shop, "/openapi.json", window).await;
        shop.get("/v1/listings", None).await.problem(503, "overloaded");
        is_cut(idler).await;
        shop.until("its place is free", async |shop| shop.get("/v1/listings", None).await.status == 200)
            .await;
        assert!(shop.close().await);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn answers_that_are_taken_slowly_are_not_cut() {
    let limits = HttpLimits { write_ms_max: 5_000, ..HttpLimits::default() };
    let shop = Shop::open(with(limits)).await;
    let mut reader = ask_by_hand(&shop, "/openapi.json", 0).await;
    let begun = std::time::Instant::now();
    // A little more window, again and again, for longer than an answer may stand still.
    while begun.elapsed() < std::time::Duration::from_secs(12) {
        reader.write_all(&frame(8, 0, 1, &10_u32.to_be_bytes())).await.unwrap();
        let (_, payload) = next_frame(&mut reader).await;
        assert!(payload.len() <= 10);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
    }
    drop(reader);
    assert!(shop.close().await);
}

/// A server with TLS, and connections to it that speak HTTP/2 and have said nothing yet.
struct Silence {
    shop: Shop,
    connector: TlsConnector,
}

impl Silence {
    async fn open(limits: HttpLimits) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let [certificate, key] = ["cert.pem", "key.pem"].map(|name| folder.path().join(name));
        let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()]).unwrap();
        fs::write(&key, made.signing_key.serialize_pem()).unwrap();
        fs::write(&certificate, made.cert.pem()).unwrap();
        let tls = Some(TlsFiles { certificate, key, look_every_ms: 60_000 });
        let server = ServerOptions { limits, tls, ..ServerOptions::default() };
        let shop = Shop::open_unready(Wishes { server, ..Wishes::default() }).await;
        let mut roots = rustls::RootCertStore::empty();
        roots.add(made.cert.der().clone()).unwrap();
        let provider = Arc::new(rustls::crypto::aws_lc_rs::default_provider());
        let config = rustls::ClientConfig::builder_with_provider(provider);
        let config = config.with_safe_default_protocol_versions().unwrap();
        let mut config = config.with_root_certificates(roots).with_no_client_auth();
        config.alpn_protocols = vec![b"h2".to_vec()];
        Self { shop, connector: TlsConnector::from(Arc::new(config)) }
    }

    async fn connect(&self) -> TlsStream<TcpStream> {
        let stream = TcpStream::connect(self.shop.address).await.unwrap();
        let name = ServerName::try_from("localhost").unwrap();
        let mut stream = self.connector.connect(name, stream).await.unwrap();
        assert_eq!(next_frame(&mut stream).await.0, SETTINGS, "the server has begun");
        stream
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn who_says_nothing_after_tls_is_cut() {
    let limits = HttpLimits { head_ms_max: 500, ..HttpLimits::default() };
    let silence = Silence::open(limits).await;
    is_cut(silence.connect().await).await;
    assert!(silence.shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_end_does_not_wait_for_who_says_nothing() {
    let mut silence = Silence::open(HttpLimits::default()).await;
    let silent = silence.connect().await;
    silence.shop.ask_to_end();
    is_cut(silent).await;
    assert!(silence.shop.close().await, "all was finished in time");

    // Nor for who asked, was answered, and does not hear that it is to go.
    let shop = Shop::open(Wishes::default()).await;
    let deaf = ask_by_hand(&shop, "/livez", 1_000).await;
    assert!(shop.close().await, "all was finished in time");
    drop(deaf);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_waits_for_a_decision_is_answered_when_the_server_ends() {
    let mut shop = Shop::open(Wishes { undecided: true, ..Wishes::default() }).await;
    let mut body = order("A", 1);
    body["currency"] = json!("EUR");
    body["partial"] = json!(true);
    let request =
        shop.request(Method::POST, "/v1/orders", Some(&shop.key(7, ""))).header("prefer", "wait=30");
    let request = request.header("content-type", "application/json").body(body.to_string());
    let waiting = tokio::spawn(async move { Answer::of(request.send().await.unwrap()).await });
    shop.until("the log has it", async |shop| shop.places() == 1).await;
    shop.ask_to_end();
    let answer = waiting.await.unwrap();
    assert_eq!((answer.status.as_u16(), &answer.json()["state"]), (202, &json!("accepted")), "{answer:?}");
    assert!(shop.close().await, "all was finished in time");
}

#[tokio::test(flavor = "multi_thread")]
async fn each_address_has_its_share_of_streams() {
    let limits = HttpLimits { address_streams_max: 2, ..HttpLimits::default() };
    let proxies = vec!["127.0.0.0/8".parse().unwrap()];
    let server = ServerOptions { limits, proxies, ..ServerOptions::default() };
    let shop = Shop::open(Wishes { server, ..Wishes::default() }).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let open = async |shop: &Shop, origin: Option<&str>| -> Response {
        let mut request = shop.request(Method::GET, "/v1/listings/A/events", None);
        if let Some(origin) = origin {
            request = request.header("x-forwarded-for", origin);
        }
        request.send().await.unwrap()
    };
    let (one, other) = (Some("192.0.2.1"), Some("192.0.2.2"));
    let mut held = Vec::new();
    // The proxy itself has no share: it asks for many.
    for origin in [one, one, other, None, None, None] {
        let stream = open(&shop, origin).await;
        assert_eq!(stream.status(), 200, "{origin:?}");
        held.push(stream);
    }
    let refused = Answer::of(open(&shop, one).await).await;
    refused.problem(429, "too_many_streams");
    assert_eq!(refused.header("retry-after"), "1");
    drop(held.remove(0));
    shop.until("its share is given back", async |shop| open(shop, one).await.status() == 200).await;
    drop(held);
    assert!(shop.close().await);
}
