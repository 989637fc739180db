//! The same over gRPC, by a client of ours over a real connection.

use ingest_gateway::grpc::proto::listing_service_client::ListingServiceClient;
use ingest_gateway::grpc::proto::order_service_client::OrderServiceClient;
use ingest_gateway::grpc::proto::place_order_result::Result as One;
use ingest_gateway::grpc::proto::{
    self, CancelOrderRequest, GetListingRequest, GetOrderRequest, ListListingsRequest, ListMyOrdersRequest,
    ListingState, NewLine, NewOrder, OrderEventKind, OrderState, PlaceOrderRequest, PlaceOrdersRequest,
    WatchListingRequest, WatchOrderRequest,
};
use ingest_gateway::limits::{BATCH_ORDERS_MAX, BoardLimits, DoorLimits, ServiceLimits};
use order_model::Command;
use prost::Message as _;
use serde_json::json;
use tonic::transport::{Channel, Endpoint};
use tonic::{Code, Request, Status};
use tonic_health::pb::HealthCheckRequest;
use tonic_health::pb::health_check_response::ServingStatus;
use tonic_health::pb::health_client::HealthClient;

use crate::shop::{PATIENCE, Shop, Wishes};

const ID: &str = "01234567-89ab-cdef-0011-223344556677";

pub(crate) fn endpoint(shop: &Shop) -> Endpoint {
    Endpoint::from_shared(format!("http://{}", shop.address)).unwrap()
}

pub(crate) async fn channel(shop: &Shop) -> Channel {
    endpoint(shop).connect().await.unwrap()
}

/// A request of a customer.
pub(crate) fn of<T>(shop: &Shop, customer: u128, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let token = format!("Bearer {}", shop.key(customer, if customer == 1 { "producer" } else { "" }));
    request.metadata_mut().insert("authorization", token.parse().unwrap());
    request
}

pub(crate) fn new_order(sku: &str, quantity: i32) -> NewOrder {
    let lines = vec![NewLine { sku: sku.to_owned(), quantity }];
    NewOrder { lines, ..NewOrder::default() }
}

pub(crate) fn place(sku: &str, quantity: i32) -> PlaceOrderRequest {
    let wait = Some(prost_types::Duration { seconds: 20, nanos: 0 });
    PlaceOrderRequest { order: Some(new_order(sku, quantity)), wait, ..PlaceOrderRequest::default() }
}

/// Checks a status: its code, the name in its metadata, and the problem in its details.
#[track_caller]
pub(crate) fn problem(status: &Status, code: Code, name: &str) -> proto::Problem {
    assert_eq!(status.code(), code, "{status:?}");
    assert_eq!(status.metadata().get("problem").map(|name| name.to_str().unwrap()), Some(name), "{status:?}");
    #[derive(Clone, PartialEq, prost::Message)]
    struct Details {
        #[prost(int32, tag = "1")]
        code: i32,
        #[prost(string, tag = "2")]
        message: String,
        #[prost(message, repeated, tag = "3")]
        details: Vec<prost_types::Any>,
    }
    let details = Details::decode(status.details()).unwrap();
    assert_eq!((details.code, details.message.as_str()), (i32::from(code), status.message()));
    let problem = proto::Problem::decode(details.details[0].value.as_slice()).unwrap();
    assert_eq!((problem.name.as_str(), problem.code), (name, i32::from(code)));
    problem
}

#[tokio::test(flavor = "multi_thread")]
async fn orders_are_placed_shown_followed_and_withdrawn() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let mut client = OrderServiceClient::new(channel(&shop).await);
    let mut ask = place("A", 2);
    ask.order.as_mut().unwrap().order_id = ID.to_owned();
    let order = client.place_order(of(&shop, 7, ask.clone())).await.unwrap().into_inner();
    assert_eq!((order.order_id.as_str(), order.state()), (ID, OrderState::Held));
    assert_eq!((order.total, order.currency.as_str(), order.reject_number), (1_000, "EUR", 0));
    assert_eq!((order.lines[0].sku.as_str(), order.lines[0].unit_price), ("A", 500));
    assert!(order.deadline.is_some() && order.decided_at.is_some());
    let record = shop.log.inner.records("orders", order.partition).unwrap();
    assert!(record.iter().any(|record| Some(record.offset) == order.offset));
    // The same as over HTTP.
    let view = shop.get(&format!("/v1/orders/{ID}"), Some(&shop.key(7, ""))).await.json();
    assert_eq!((&view["decision"], &view["state"]), (&json!(order.decision), &json!("held")));

    let again = client.place_order(of(&shop, 7, ask.clone())).await.unwrap().into_inner();
    assert_eq!(again, order, "a repeat gets the same answer");
    ask.order.as_mut().unwrap().lines[0].quantity = 1;
    let reused = client.place_order(of(&shop, 7, ask)).await.unwrap_err();
    assert_eq!(problem(&reused, Code::AlreadyExists, "order_id_reused").reject_number, 1);
    assert_eq!(reused.metadata().get("reject-number").unwrap(), "1");

    let which = GetOrderRequest { order_id: ID.to_owned() };
    assert_eq!(client.get_order(of(&shop, 7, which.clone())).await.unwrap().into_inner(), order);
    let theirs = client.get_order(of(&shop, 8, which)).await.unwrap_err();
    problem(&theirs, Code::NotFound, "no_such_order");
    let listed = ListMyOrdersRequest { page_size: 1, ..ListMyOrdersRequest::default() };
    let page = client.list_my_orders(of(&shop, 7, listed)).await.unwrap().into_inner();
    assert_eq!((page.orders.len(), page.next_after.as_str()), (1, ID));
    let next = ListMyOrdersRequest { after: page.next_after, page_size: 1 };
    let page = client.list_my_orders(of(&shop, 7, next)).await.unwrap().into_inner();
    assert_eq!((page.orders.len(), page.next_after.as_str()), (0, ""));

    let wait = Some(prost_types::Duration { seconds: 20, nanos: 0 });
    let cancel = CancelOrderRequest { order_id: ID.to_owned(), wait };
    let cancelled = client.cancel_order(of(&shop, 7, cancel)).await.unwrap().into_inner();
    assert_eq!(cancelled.state(), OrderState::Cancelled);
    let follow = |after: &str| WatchOrderRequest { order_id: ID.to_owned(), last_event_id: after.to_owned() };
    for (after, expected) in [
        ("", &[OrderEventKind::Held, OrderEventKind::Cancelled][..]),
        (order.decision.as_str(), &[OrderEventKind::Cancelled]),
        ("wild <id> 99999999999999999999-1", &[OrderEventKind::Held, OrderEventKind::Cancelled]),
    ] {
        let mut events = client.watch_order(of(&shop, 7, follow(after))).await.unwrap().into_inner();
        for kind in expected {
            let event = events.message().await.unwrap().unwrap();
            assert_eq!((event.kind(), event.order_id.as_str()), (*kind, ID), "after {after:?}");
        }
    }
    let overheard = client.watch_order(of(&shop, 8, follow(""))).await.unwrap_err();
    problem(&overheard, Code::NotFound, "no_such_order");
    drop(client);
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_batch_is_a_stream_and_each_order_has_an_answer() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 50)], &json!({})).await;
    let mut client = OrderServiceClient::new(channel(&shop).await);
    let message = |order| PlaceOrdersRequest {
        idempotency_key: "batch-1".to_owned(),
        order: Some(order),
        ..PlaceOrdersRequest::default()
    };
    let mut bad = new_order("A", 1);
    bad.lines[0].sku.clear();
    let messages = |bad: NewOrder| {
        let orders = [new_order("A", 1), bad, new_order("A", 2), new_order("A", 0)];
        futures_util::stream::iter(orders.map(message).to_vec())
    };
    let answer = client.place_orders(of(&shop, 7, messages(bad))).await.unwrap().into_inner();
    let ids: Vec<Result<String, (String, String)>> = answer
        .results
        .into_iter()
        .map(|result| match result.result.unwrap() {
            One::Order(order) => Ok(order.order_id),
            One::Problem(problem) => Err((problem.name, problem.place)),
        })
        .collect();
    assert!(ids[0].is_ok() && ids[2].is_ok() && ids[0] != ids[2], "{ids:?}");
    assert_eq!(ids[1], Err(("bad_field".to_owned(), "order.lines[0].sku".to_owned())));
    assert_eq!(ids[3], Err(("quantity_not_positive".to_owned(), String::new())));
    assert_eq!(shop.places(), 2);
    // The whole batch again, with the bad one mended: the others keep their names.
    let again = client.place_orders(of(&shop, 7, messages(new_order("A", 3)))).await.unwrap().into_inner();
    let of_again = |index: usize| match again.results[index].result.as_ref().unwrap() {
        One::Order(order) => order.order_id.clone(),
        One::Problem(problem) => panic!("{problem:?}"),
    };
    assert_eq!((Ok(of_again(0)), Ok(of_again(2))), (ids[0].clone(), ids[2].clone()));
    assert!(!ids.contains(&Ok(of_again(1))));
    shop.until("all are decided", async |shop| {
        shop.get("/v1/listings/A", None).await.json()["stock"]["held"] == 6
    })
    .await;

    let many = vec![message(new_order("A", 1)); BATCH_ORDERS_MAX + 1];
    let refused = client.place_orders(of(&shop, 1, futures_util::stream::iter(many))).await.unwrap_err();
    problem(&refused, Code::ResourceExhausted, "batch_too_large");
    drop(client);
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_refused_has_a_code_a_name_and_a_place() {
    let service =
        ServiceLimits { customer_burst_max: 2, customer_per_second_max: 1, ..ServiceLimits::default() };
    let shop = Shop::open(Wishes { service, ..Wishes::default() }).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let mut client = OrderServiceClient::new(channel(&shop).await);
    let anonymous = client.place_order(Request::new(place("A", 1))).await.unwrap_err();
    problem(&anonymous, Code::Unauthenticated, "not_identified");
    let mut forged = Request::new(place("A", 1));
    forged.metadata_mut().insert("authorization", "Bearer dbk1.x".parse().unwrap());
    problem(&client.place_order(forged).await.unwrap_err(), Code::Unauthenticated, "token_unknown");
    let mut unverified = Request::new(place("A", 1));
    let token = format!("Bearer {}", shop.key(7, "unverified"));
    unverified.metadata_mut().insert("authorization", token.parse().unwrap());
    problem(&client.place_order(unverified).await.unwrap_err(), Code::PermissionDenied, "not_verified");

    let mut fail = async |change: fn(&mut PlaceOrderRequest)| {
        let mut ask = place("A", 1);
        change(&mut ask);
        client.place_order(of(&shop, 7, ask)).await.unwrap_err()
    };
    let nothing = fail(|ask| ask.order = None).await;
    assert_eq!(problem(&nothing, Code::InvalidArgument, "bad_field").place, "order");
    let id = fail(|ask| ask.order.as_mut().unwrap().order_id = "x".to_owned()).await;
    assert_eq!(problem(&id, Code::InvalidArgument, "bad_field").place, "order.order_id");
    let wait = fail(|ask| ask.wait = Some(prost_types::Duration { seconds: -1, nanos: 0 })).await;
    assert_eq!(problem(&wait, Code::InvalidArgument, "bad_field").place, "wait");
    let key = fail(|ask| ask.idempotency_key = "two words".to_owned()).await;
    problem(&key, Code::InvalidArgument, "idempotency_key_invalid");
    let other = fail(|ask| ask.order.as_mut().unwrap().customer = ID.to_owned()).await;
    problem(&other, Code::PermissionDenied, "role_needed");
    let unlisted = fail(|ask| {
        let order = ask.order.as_mut().unwrap();
        (order.lines[0].sku, order.currency) = ("Z".to_owned(), "EUR".to_owned());
    })
    .await;
    let unlisted = problem(&unlisted, Code::InvalidArgument, "listing_unknown");
    assert!(unlisted.reject_number == 20 && unlisted.read_at.contains('-'), "{unlisted:?}");
    let large = fail(|ask| ask.room_token = "x".repeat(20_000)).await;
    assert_eq!(large.code(), Code::OutOfRange, "{large:?}");

    // Who asks too often, however slowly, is told when to come back.
    let mut refused = None;
    for _ in 0..200 {
        let ask = PlaceOrderRequest { wait: None, ..place("A", 1) };
        refused = client.place_order(of(&shop, 9, ask)).await.err();
        if refused.is_some() {
            break;
        }
    }
    let refused = problem(&refused.unwrap(), Code::ResourceExhausted, "too_often");
    assert!(refused.retry_after_seconds >= 1);
    drop(client);
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn an_unknown_outcome_is_told_and_the_repeat_settles_it() {
    let door = DoorLimits { answer_ms_max: 300, stall_ms_max: 150, full_ms_max: 50, ..DoorLimits::default() };
    let shop = Shop::open(Wishes { door, ..Wishes::default() }).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let mut client = OrderServiceClient::new(channel(&shop).await);
    let mut ask = place("A", 1);
    ask.idempotency_key = "k".to_owned();
    shop.log.silence(true);
    let unknown = client.place_order(of(&shop, 7, ask.clone())).await.unwrap_err();
    let unknown = problem(&unknown, Code::DeadlineExceeded, "outcome_unknown");
    assert!(unknown.detail.contains("ask again with the same key") && unknown.retry_after_seconds == 1);
    let away = client.place_order(of(&shop, 8, place("A", 1))).await.unwrap_err();
    problem(&away, Code::Unavailable, "log_away");
    let mut health = HealthClient::new(channel(&shop).await);
    let status = health.check(HealthCheckRequest::default()).await.unwrap().into_inner().status();
    assert_eq!(status, ServingStatus::NotServing);
    shop.log.silence(false);
    shop.until("it is ready again", async |shop| shop.service.is_ready()).await;
    let settled = client.place_order(of(&shop, 7, ask)).await.unwrap().into_inner();
    assert_eq!(settled.state(), OrderState::Held);
    assert_eq!(shop.get("/v1/listings/A", None).await.json()["stock"]["held"], 1);
    drop((client, health));
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_slow_reader_is_cut_and_resumes_without_loss() {
    let board = BoardLimits { feed_events_max: 1, ..BoardLimits::default() };
    let shop = Shop::open(Wishes { board, ..Wishes::default() }).await;
    shop.list(&[("A", 5)], &json!({})).await;
    // A window for less than one event: the server has soon no room for more before the first is read.
    let narrow = endpoint(&shop).initial_stream_window_size(64).connect().await.unwrap();
    let mut reader = OrderServiceClient::new(narrow);
    let mut client = OrderServiceClient::new(channel(&shop).await);
    let mut ask = place("A", 1);
    ask.order.as_mut().unwrap().order_id = ID.to_owned();
    let order = client.place_order(of(&shop, 7, ask)).await.unwrap().into_inner();
    let follow = |after: &str| WatchOrderRequest { order_id: ID.to_owned(), last_event_id: after.to_owned() };
    let mut events = reader.watch_order(of(&shop, 7, follow(""))).await.unwrap().into_inner();
    // Another content under its id, past the gateway: the ledger refuses each, and says so.
    let other = order_model::Place {
        order: ID.parse().unwrap(),
        customer: order.customer.parse().unwrap(),
        currency: order_model::Currency::EUR,
        partial: false,
        lines: [order_model::Line { sku: "A".parse().unwrap(), quantity: 2 }].into_iter().collect(),
    };
    for count in 2..=8 {
        shop.service.door().submit(Command::Place(other.clone())).await;
        shop.until("it is refused", async |shop| {
            shop.service.board().order(ID.parse().unwrap()).unwrap().news().len() == count
        })
        .await;
    }
    let (mut seen, mut last) = (Vec::new(), String::new());
    let end = loop {
        match tokio::time::timeout(PATIENCE, events.message()).await.expect("it comes or is cut") {
            Ok(Some(event)) => {
                last = event.event_id.clone();
                seen.push(event);
            }
            Ok(None) => panic!("a stream that is cut says so"),
            Err(status) => break status,
        }
    };
    assert!(problem(&end, Code::Unavailable, "stream_cut").retry_after_seconds >= 1);
    assert!((1..8).contains(&seen.len()), "{seen:?}");
    let mut events = client.watch_order(of(&shop, 7, follow(&last))).await.unwrap().into_inner();
    while seen.len() < 8 {
        seen.push(events.message().await.unwrap().unwrap());
    }
    let mut all = client.watch_order(of(&shop, 7, follow(""))).await.unwrap().into_inner();
    for event in &seen {
        assert_eq!(all.message().await.unwrap().as_ref(), Some(event));
    }
    let refused = seen.iter().skip(1).all(|event| event.kind() == OrderEventKind::Refused);
    assert!(refused && seen[0].kind() == OrderEventKind::Held && seen[1].reject_number == 1, "{seen:?}");
    drop((client, reader, events, all));
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn listings_are_shown_and_followed() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 5), ("B", 3), ("C", 1)], &json!({"limit_per_customer": 4})).await;
    let mut client = ListingServiceClient::new(channel(&shop).await);
    let sku = |sku: &str| GetListingRequest { sku: sku.to_owned() };
    let listing = client.get_listing(sku("A")).await.unwrap().into_inner();
    assert_eq!((listing.sale.as_str(), listing.state()), ("friday", ListingState::Open));
    assert_eq!((listing.unit_price, listing.limit_per_customer), (500, 4));
    assert_eq!(listing.stock.unwrap().free, 5);
    let unknown = client.get_listing(sku("Z")).await.unwrap_err();
    problem(&unknown, Code::NotFound, "no_such_listing");
    let (mut seen, mut after) = (Vec::new(), String::new());
    loop {
        let ask = ListListingsRequest { sale: "friday".to_owned(), after, page_size: 2 };
        let page = client.list_listings(ask).await.unwrap().into_inner();
        seen.extend(page.listings.into_iter().map(|listing| listing.sku));
        after = page.next_after;
        if after.is_empty() {
            break;
        }
    }
    assert_eq!(seen, ["A", "B", "C"]);
    let other = ListListingsRequest { sale: "monday".to_owned(), ..Default::default() };
    assert!(client.list_listings(other).await.unwrap().into_inner().listings.is_empty());
    let wild = ListListingsRequest { page_size: 101, ..Default::default() };
    problem(&client.list_listings(wild).await.unwrap_err(), Code::InvalidArgument, "bad_field");

    let mut states =
        client.watch_listing(WatchListingRequest { sku: "A".to_owned() }).await.unwrap().into_inner();
    assert_eq!(states.message().await.unwrap().unwrap().stock.unwrap().free, 5);
    let mut orders = OrderServiceClient::new(channel(&shop).await);
    orders.place_order(of(&shop, 7, place("A", 2))).await.unwrap();
    assert_eq!(states.message().await.unwrap().unwrap().stock.unwrap().free, 3);
    drop((client, orders, states));
    assert!(shop.close().await);
}
