//! gRPC as a transport: malformed calls, deadlines, bounds, health, reflection, the end of the process.

use std::time::{Duration, Instant};

use ingest_gateway::grpc::proto::listing_service_client::ListingServiceClient;
use ingest_gateway::grpc::proto::order_service_client::OrderServiceClient;
use ingest_gateway::grpc::proto::{
    self, OrderState, PlaceOrderRequest, PlaceOrdersRequest, WatchListingRequest, WatchOrderRequest,
};
use ingest_gateway::limits::HttpLimits;
use ingest_gateway::server::ServerOptions;
use prost::Message as _;
use reqwest::Method;
use serde_json::json;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tonic::Code;
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;
use tonic_reflection::pb::v1::ServerReflectionRequest;
use tonic_reflection::pb::v1::server_reflection_client::ServerReflectionClient;
use tonic_reflection::pb::v1::server_reflection_request::MessageRequest;
use tonic_reflection::pb::v1::server_reflection_response::MessageResponse;

use crate::grpc::{channel, of, place, problem};
use crate::shop::{PATIENCE, Shop, Wishes};

/// Our services, by name.
const SERVICES: [&str; 9] = [
    "doorbuster.admin.v1.AdminService",
    "doorbuster.catalogue.v1.CatalogueService",
    "doorbuster.orders.v1.ListingService",
    "doorbuster.orders.v1.OrderService",
    "doorbuster.people.v1.AccountService",
    "doorbuster.people.v1.CartService",
    "doorbuster.people.v1.SessionService",
    "doorbuster.people.v1.SubscriptionService",
    "doorbuster.rooms.v1.RoomService",
];

/// Posts bytes as a call; only the server looks at its deadline.
async fn post_call(shop: &Shop, path: &str, headers: &[(&str, &str)], body: &[u8]) -> reqwest::Response {
    let client = reqwest::Client::builder().no_proxy().http2_prior_knowledge().build().unwrap();
    let mut request = client.post(format!("http://{}{path}", shop.address)).body(body.to_vec());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap()
}

/// The same; says the HTTP status, the content type and the gRPC status.
async fn raw_call(shop: &Shop, path: &str, headers: &[(&str, &str)], body: &[u8]) -> (u16, String, String) {
    let response = post_call(shop, path, headers, body).await;
    let text = |name: &str| {
        let value = response.headers().get(name).map(|value| value.to_str().unwrap().to_owned());
        value.unwrap_or_default()
    };
    (response.status().as_u16(), text("content-type"), text("grpc-status"))
}

/// A message as it goes over the wire: not compressed, and its length before it.
fn framed(message: &impl prost::Message) -> Vec<u8> {
    let message = message.encode_to_vec();
    [&[0_u8][..], &u32::try_from(message.len()).unwrap().to_be_bytes(), &message].concat()
}

#[tokio::test(flavor = "multi_thread")]
async fn malformed_calls_are_refused_in_their_own_language() {
    let shop = Shop::open(Wishes::default()).await;
    let path = "/doorbuster.orders.v1.ListingService/GetListing";
    let grpc = ("content-type", "application/grpc");
    let problem = "application/problem+json".to_owned();
    let (status, kind, _) = raw_call(&shop, path, &[("content-type", "application/json")], b"{}").await;
    assert_eq!((status, kind), (415, problem));
    for (path, headers, body, expected) in [
        ("/doorbuster.orders.v1.ListingService/Burn", &[grpc][..], &b"\0\0\0\0\0"[..], Code::Unimplemented),
        ("/no.such.Service/Call", &[grpc], b"\0\0\0\0\0", Code::Unimplemented),
        ("/v1/listings", &[grpc], b"", Code::Unimplemented),
        (path, &[grpc, ("grpc-timeout", "soon")], b"\0\0\0\0\0", Code::InvalidArgument),
        // A bomb would have to be compressed: nothing compressed is taken.
        (path, &[grpc, ("grpc-encoding", "gzip")], b"\x01\0\0\0\x02\x1f\x8b", Code::Unimplemented),
        (path, &[grpc], b"\x01\0\0\0\x02\x1f\x8b", Code::Internal),
        (path, &[grpc], b"\0\xff\xff\xff\xff", Code::OutOfRange),
        (path, &[grpc], b"{\"sku\":\"A\"}", Code::Internal),
        // A text that is not UTF-8.
        (path, &[grpc], b"\0\0\0\0\x03\x0a\x01\xff", Code::Internal),
        (path, &[grpc], b"\0\0\0\0\x03\x0a\x01/", Code::NotFound),
        (path, &[grpc], b"\0\0\0\0\0", Code::InvalidArgument),
    ] {
        let (status, kind, code) = raw_call(&shop, path, headers, body).await;
        let expected = i32::from(expected).to_string();
        assert_eq!((status, kind.as_str(), code), (200, "application/grpc", expected), "{path} {body:?}");
    }
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn deadlines_are_kept() {
    let shop = Shop::open(Wishes { undecided: true, ..Wishes::default() }).await;
    let path = "/doorbuster.orders.v1.OrderService/PlaceOrder";
    let token = format!("Bearer {}", shop.key(7, ""));
    let headers = |timeout| {
        [("content-type", "application/grpc"), ("grpc-timeout", timeout), ("authorization", token.as_str())]
    };
    let mut ask = place("A", 1);
    let order = ask.order.as_mut().unwrap();
    (order.currency, order.partial) = ("EUR".to_owned(), true);
    // Nobody decides: there is an answer all the same before the deadline, not as late as the wait would let it be.
    let begun = Instant::now();
    let answer = post_call(&shop, path, &headers("2S"), &framed(&ask)).await.bytes().await.unwrap();
    let order = proto::Order::decode(&answer[5..]).unwrap();
    assert_eq!(order.state(), OrderState::Accepted);
    assert!(begun.elapsed() < Duration::from_secs(15), "{:?}", begun.elapsed());
    // The log does not answer: the deadline passes, and nobody knows.
    shop.log.silence(true);
    let ask = PlaceOrderRequest { wait: None, ..ask };
    let (_, _, code) = raw_call(&shop, path, &headers("100m"), &framed(&ask)).await;
    assert_eq!(code, i32::from(Code::DeadlineExceeded).to_string());
    shop.log.silence(false);
    // A stream ends with its deadline.
    let mut client = OrderServiceClient::new(channel(&shop).await);
    let mut request = of(&shop, 7, WatchOrderRequest { order_id: order.order_id, ..Default::default() });
    request.metadata_mut().insert("grpc-timeout", "2S".parse().unwrap());
    let mut events = client.watch_order(request).await.unwrap().into_inner();
    problem(&events.message().await.unwrap_err(), Code::DeadlineExceeded, "deadline_passed");
    drop((client, events));
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn health_follows_readiness_and_streams_end_with_the_process() {
    let mut wishes = Wishes::default();
    wishes.server.limits.unready_ms = 500;
    let mut shop = Shop::open(wishes).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let mut health = HealthClient::new(channel(&shop).await);
    for service in SERVICES.into_iter().chain([""]) {
        let ask = HealthCheckRequest { service: service.to_owned() };
        let status = health.check(ask).await.unwrap().into_inner().status();
        assert_eq!(status, ServingStatus::Serving, "{service}");
    }
    let unknown = HealthCheckRequest { service: "x".to_owned() };
    assert_eq!(health.check(unknown.clone()).await.unwrap_err().code(), Code::NotFound);
    let mut unknown = health.watch(unknown).await.unwrap().into_inner();
    assert_eq!(unknown.message().await.unwrap().unwrap().status(), ServingStatus::ServiceUnknown);
    let mut statuses = health.watch(HealthCheckRequest::default()).await.unwrap().into_inner();
    assert_eq!(statuses.message().await.unwrap().unwrap().status(), ServingStatus::Serving);
    let mut listings = ListingServiceClient::new(channel(&shop).await);
    let ask = WatchListingRequest { sku: "A".to_owned() };
    let mut states = listings.watch_listing(ask).await.unwrap().into_inner();
    assert!(states.message().await.unwrap().is_some());
    shop.ask_to_end();
    let next = tokio::time::timeout(PATIENCE, statuses.message()).await.unwrap();
    assert_eq!(next.unwrap().unwrap().status(), ServingStatus::NotServing);
    problem(&states.message().await.unwrap_err(), Code::Unavailable, "stream_cut");
    problem(&statuses.message().await.unwrap_err(), Code::Unavailable, "stream_cut");
    assert!(shop.close().await, "no stream holds up the end");
}

#[tokio::test(flavor = "multi_thread")]
async fn reflection_says_what_there_is() {
    let shop = Shop::open(Wishes::default()).await;
    let mut client = ServerReflectionClient::new(channel(&shop).await);
    let ask = |message| ServerReflectionRequest { host: String::new(), message_request: Some(message) };
    let symbol = "doorbuster.orders.v1.OrderService.PlaceOrder".to_owned();
    let asks = vec![
        ask(MessageRequest::ListServices(String::new())),
        ask(MessageRequest::FileContainingSymbol(symbol)),
    ];
    let mut answers =
        client.server_reflection_info(futures_util::stream::iter(asks)).await.unwrap().into_inner();
    let mut next = async || answers.message().await.unwrap().unwrap().message_response.unwrap();
    let MessageResponse::ListServicesResponse(services) = next().await else { panic!("services") };
    let mut names: Vec<_> = services.service.into_iter().map(|service| service.name).collect();
    names.sort();
    let others = ["grpc.health.v1.Health", "grpc.reflection.v1.ServerReflection"];
    assert_eq!(names, SERVICES.into_iter().chain(others).collect::<Vec<_>>());
    let MessageResponse::FileDescriptorResponse(file) = next().await else { panic!("a file") };
    let file = prost_types::FileDescriptorProto::decode(file.file_descriptor_proto[0].as_slice()).unwrap();
    assert_eq!(file.name(), "doorbuster/orders/v1/orders.proto");
    drop(client);
    assert!(shop.close().await);
}

/// Everything in the committed files has words.
#[test]
fn every_field_is_documented() {
    let set = prost_types::FileDescriptorSet::decode(proto::DESCRIPTION).unwrap();
    let ours: Vec<_> = set.file.iter().filter(|file| file.package().starts_with("doorbuster.")).collect();
    assert_eq!(ours.len(), SERVICES.len(), "each service has a file");
    for file in ours {
        let info = file.source_code_info.as_ref().unwrap();
        let mut count = 0;
        for location in &info.location {
            // Messages, enums and services by two numbers; their fields, values and methods by four.
            let is_item = matches!(location.path.as_slice(), [4..=6, _] | [4..=6, _, 2, _]);
            if is_item {
                count += 1;
                assert!(
                    !location.leading_comments().trim().is_empty(),
                    "{}: line {} says nothing",
                    file.name(),
                    location.span[0] + 1
                );
            }
        }
        assert!(count > 10, "{}: {count}", file.name());
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn streams_and_slow_senders_are_bounded() {
    let limits = HttpLimits { streams_max: 1, body_ms_max: 300, ..HttpLimits::default() };
    let server = ServerOptions { limits, ..ServerOptions::default() };
    let shop = Shop::open(Wishes { server, ..Wishes::default() }).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let mut client = ListingServiceClient::new(channel(&shop).await);
    let ask = || WatchListingRequest { sku: "A".to_owned() };
    let mut held = client.watch_listing(ask()).await.unwrap().into_inner();
    assert!(held.message().await.unwrap().is_some());
    problem(&client.watch_listing(ask()).await.unwrap_err(), Code::Unavailable, "overloaded");
    drop(held);
    shop.until("it is given back", async |_| client.clone().watch_listing(ask()).await.is_ok()).await;
    // Whoever begins a batch and does not go on.
    let mut orders = OrderServiceClient::new(channel(&shop).await);
    let begun = futures_util::stream::pending::<PlaceOrdersRequest>();
    let slow = tokio::time::timeout(PATIENCE, orders.place_orders(of(&shop, 7, begun))).await;
    problem(&slow.expect("it is cut").unwrap_err(), Code::DeadlineExceeded, "body_too_slow");
    drop((client, orders));
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn http_and_grpc_share_the_port() {
    let shop = Shop::open(Wishes::default()).await;
    let mut health = HealthClient::new(channel(&shop).await);
    assert!(health.check(HealthCheckRequest::default()).await.is_ok());
    let answer = shop.request(Method::GET, "/livez", None).send().await.unwrap();
    assert_eq!((answer.status().as_u16(), answer.version()), (200, reqwest::Version::HTTP_11));
    // HTTP/1.1 carries no call, and says so in a way both understand.
    let mut stream = TcpStream::connect(shop.address).await.unwrap();
    let call = "POST /grpc.health.v1.Health/Burn HTTP/1.1\r\nhost: x\r\nconnection: close\r\ncontent-type: application/grpc\r\ncontent-length: 0\r\n\r\n";
    stream.write_all(call.as_bytes()).await.unwrap();
    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 200") && answer.contains("grpc-status: 12"), "{answer}");
    drop(health);
    assert!(shop.close().await);
}
