//! Waiting rooms at the door: places, tokens, admission, and streams, at one gateway and at several.

use std::collections::BTreeMap;
use std::sync::Arc;

use catalogue::{CatalogueTopic, ProductCodec};
use futures_util::StreamExt as _;
use futures_util::future::join_all;
use ingest_gateway::limits::{ROOM_EVENTS_EVERY, ServiceLimits};
use ingest_gateway::server::ServerOptions;
use order_codec::{FileSchemas, KeyRing};
use order_log::{Log as _, MemoryLog, TopicSpec};
use order_model::{CustomerId, TimeMs};
use reqwest::Method;
use serde_json::{Value, json};
use waiting_room::{PaceTarget, Report, RoomToken, prove};

use crate::shop::{Answer, PATIENCE, Shop, Wishes, now, order, place_keys, room_codec};
use crate::streams::{Event, parse};

const ROOM: &str = "/v1/rooms/friday";
/// So late opens no room by itself within a test.
const LATER_MS: u64 = 600_000;

/// Nobody is let in.
fn shut() -> Wishes {
    Wishes { pace: PaceTarget { ceiling_per_s: 0, ..PaceTarget::default() }, ..Wishes::default() }
}

/// Another gateway on the same log, without a worker of its own.
async fn another(shop: &Shop, wishes: Wishes) -> Shop {
    let other = Shop::on(shop.log.clone(), Wishes { undecided: true, ..wishes }).await;
    other.until("it is ready", async |other| other.service.is_ready()).await;
    other
}

fn time(at: TimeMs) -> Value {
    ingest_gateway::views::time_text(at).unwrap().into()
}

/// A sale of one SKU with a room that opens so many milliseconds from now.
fn sale(opens_in_ms: u64, room: &Value) -> Value {
    let mut room = room.clone();
    room["opens_at"] = time(now().after(opens_in_ms));
    json!({
        "name": "friday", "currency": "EUR", "room": room,
        "listings": [{"sku": "A", "stock": 100, "prices": [{"unit_price": 500}]}],
    })
}

/// Opens the sale with its room, and waits until the listing is known.
async fn open(shop: &Shop, opens_in_ms: u64, room: &Value) {
    let opened = shop.post("/v1/admin/sales", &shop.key(1, "admin"), &[], &sale(opens_in_ms, room)).await;
    assert_eq!(
        (opened.status.as_u16(), &opened.json()["room"]["action"]),
        (202, &json!("open")),
        "{opened:?}"
    );
    shop.until("it is listed", async |shop| shop.get("/v1/listings/A", None).await.status == 200).await;
}

async fn ask(shop: &Shop, method: Method, path: &str, customer: u128, token: Option<&str>) -> Answer {
    let mut request = shop.request(method, path, Some(&shop.key(customer, "")));
    if let Some(token) = token {
        request = request.header("place", token);
    }
    Answer::of(request.send().await.unwrap()).await
}

async fn enter(shop: &Shop, customer: u128) -> Value {
    let answer = ask(shop, Method::POST, ROOM, customer, None).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn look(shop: &Shop, customer: u128, token: &str) -> Value {
    let answer = ask(shop, Method::GET, ROOM, customer, Some(token)).await;
    assert_eq!(answer.status, 200, "{answer:?}");
    answer.json()
}

async fn until_it_stands(shop: &Shop, customer: u128, token: &str, state: &str) -> Value {
    shop.until(state, async |shop| look(shop, customer, token).await["state"] == state).await;
    look(shop, customer, token).await
}

fn token(place: &Value) -> &str {
    place["token"].as_str().unwrap()
}

async fn buy(shop: &Shop, customer: u128, token: Option<&str>) -> Answer {
    let mut headers = vec![("prefer", "wait=20")];
    headers.extend(token.map(|token| ("place", token)));
    shop.post("/v1/orders", &shop.key(customer, ""), &headers, &order("A", 1)).await
}

fn proof(log: &MemoryLog) -> Report {
    prove(log, "rooms", &room_codec(), None, &"friday".parse().unwrap()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn places_are_drawn_at_the_opening_and_later_ones_queue_behind() {
    let shop = Shop::open(shut()).await;
    open(&shop, LATER_MS, &json!({"window_ms": 2 * LATER_MS})).await;
    let mut tokens = BTreeMap::new();
    for customer in 10..16 {
        let place = enter(&shop, customer).await;
        assert_eq!((&place["state"], &place["place"]), (&json!("before"), &Value::Null));
        tokens.insert(customer, token(&place).to_owned());
    }
    assert_eq!(enter(&shop, 10).await["state"], "before", "who enters twice is there once");
    shop.pass(LATER_MS);
    let mut places = BTreeMap::new();
    for (customer, token) in &tokens {
        let place = until_it_stands(&shop, *customer, token, "waiting").await;
        let number = place["place"].as_u64().unwrap();
        assert_eq!(place["ahead"], number - 1);
        places.insert(number, *customer);
    }
    assert_eq!(places.keys().copied().collect::<Vec<_>>(), [1, 2, 3, 4, 5, 6], "dense, and one each");
    let late = enter(&shop, 20).await;
    assert_eq!((&late["state"], &late["place"], &late["ahead"]), (&json!("waiting"), &json!(7), &json!(6)));

    // Who leaves is skipped, and is last when they come back.
    let second = places[&2];
    assert_eq!(ask(&shop, Method::DELETE, ROOM, second, Some(&tokens[&second])).await.status, 204);
    let after = look(&shop, 20, token(&late)).await;
    assert_eq!((&after["place"], &after["ahead"]), (&json!(7), &json!(5)));
    ask(&shop, Method::GET, ROOM, second, Some(&tokens[&second])).await.problem(404, "not_in_room");
    ask(&shop, Method::DELETE, ROOM, second, Some(&tokens[&second])).await.problem(404, "not_in_room");
    assert_eq!(enter(&shop, second).await["place"], 8);

    let report = proof(&shop.log.inner);
    assert_eq!(report.findings, []);
    let drawn: Vec<CustomerId> = places.values().map(|customer| CustomerId::from(*customer)).collect();
    assert_eq!((report.drawn, report.left, report.queued), (drawn, 1, 2));
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_place_is_the_same_at_every_gateway_and_outlives_each() {
    let shop = Shop::open(shut()).await;
    let other = another(&shop, shut()).await;
    open(&shop, 0, &json!({})).await;
    let first = enter(&shop, 10).await;
    // The other has read as far as the token says before it answers.
    assert_eq!(look(&other, 10, token(&first)).await["place"], 1);
    let second = enter(&other, 11).await;
    assert_eq!((&second["place"], &second["ahead"]), (&json!(2), &json!(1)));
    assert_eq!(look(&shop, 11, token(&second)).await["place"], 2);
    assert_eq!(enter(&other, 10).await["place"], 1, "one place for each customer, whoever is asked");

    assert!(shop.close().await);
    let young = another(&other, Wishes::default()).await;
    assert_eq!(look(&young, 11, token(&second)).await["place"], 2);
    let admitted = until_it_stands(&young, 11, token(&second), "admitted").await;
    // This token was given by a gateway that knew of the admission: any other learns of it first.
    assert_eq!(look(&other, 11, token(&admitted)).await["state"], "admitted");
    assert_eq!(proof(&young.log.inner).findings, []);
    assert!(young.close().await && other.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn no_token_but_ones_own_holds_a_place() {
    let shop = Shop::open(shut()).await;
    open(&shop, 0, &json!({})).await;
    let saturday = json!({"name": "saturday", "currency": "EUR", "room": {}, "listings": []});
    assert_eq!(shop.post("/v1/admin/sales", &shop.key(1, "admin"), &[], &saturday).await.status, 202);
    let own = enter(&shop, 10).await;
    let theirs = enter(&shop, 11).await;
    let elsewhere = ask(&shop, Method::POST, "/v1/rooms/saturday", 10, None).await.json();
    let of_own = RoomToken::check(token(&own), &place_keys(), now()).unwrap();
    let signed = |expires_at: TimeMs, keys: &KeyRing| {
        RoomToken { expires_at, ..of_own.clone() }.sign(keys, now()).unwrap()
    };
    let mut changed = token(&own).to_owned().into_bytes();
    changed[20] = if changed[20] == b'A' { b'B' } else { b'A' };
    let changed = String::from_utf8(changed).unwrap();
    let hour = now().after(3_600_000);
    for (bad, name) in [
        (changed.as_str(), "place_invalid"),
        ("", "place_invalid"),
        ("nonsense", "place_invalid"),
        (&"A".repeat(5_000), "place_invalid"),
        (&signed(hour, &KeyRing::generate_one([7; 32])), "place_invalid"),
        (&signed(TimeMs(now().0 - 1), &place_keys()), "place_expired"),
        (token(&theirs), "place_of_another"),
        (token(&elsewhere), "place_of_another"),
    ] {
        ask(&shop, Method::GET, ROOM, 10, Some(bad)).await.problem(403, name);
        ask(&shop, Method::DELETE, ROOM, 10, Some(bad)).await.problem(403, name);
        ask(&shop, Method::GET, &format!("{ROOM}/events"), 10, Some(bad)).await.problem(403, name);
        let at_the_door = match bad {
            "" => "place_needed",
            bad if bad == token(&elsewhere) => "place_needed",
            _ => name,
        };
        buy(&shop, 10, Some(bad)).await.problem(403, at_the_door);
    }
    assert_eq!(
        look(&shop, 10, &signed(hour, &place_keys())).await["place"],
        1,
        "the forged ones differ by their key"
    );
    assert_eq!(look(&shop, 10, token(&own)).await["place"], 1, "nobody has left");
    let anonymous = shop.request(Method::GET, ROOM, None).header("place", token(&own)).send().await.unwrap();
    Answer::of(anonymous).await.problem(401, "not_identified");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn only_who_is_admitted_orders() {
    let shop = Shop::open(shut()).await;
    open(&shop, 0, &json!({})).await;
    let place = enter(&shop, 10).await;
    buy(&shop, 10, None).await.problem(403, "place_needed");
    buy(&shop, 10, Some(token(&place))).await.problem(403, "not_admitted");
    buy(&shop, 12, None).await.problem(403, "place_needed");
    let batch = json!({"orders": [order("A", 1)]});
    let batch = shop.post("/v1/orders:batch", &shop.key(10, ""), &[], &batch).await.json();
    assert_eq!(batch["results"][0]["type"], "/problems/place_needed", "{batch}");
    // What is not listed, as far as it is known here, may be of the sale with the room.
    let mut unread = order("NEW", 1);
    unread["currency"] = json!("EUR");
    let behind = shop.post("/v1/orders", &shop.key(10, ""), &[], &unread).await;
    behind.problem(503, "rooms_behind");
    assert_eq!(shop.places(), 0, "nothing was written");
    let produced =
        shop.post("/v1/orders", &shop.key(2, "producer"), &[("prefer", "wait=20")], &order("A", 1)).await;
    assert_eq!(produced.json()["state"], "held");

    // Another gateway lets people in, and any takes their orders.
    let other = another(&shop, Wishes::default()).await;
    let admitted = until_it_stands(&other, 10, token(&place), "admitted").await;
    let batch = json!({"orders": [order("A", 1), order("A", 2)]});
    let path = "/v1/orders:batch";
    let batch = shop.post(path, &shop.key(10, ""), &[("place", token(&admitted))], &batch).await.json();
    assert_eq!(
        (&batch["results"][0]["state"], &batch["results"][1]["state"]),
        (&json!("accepted"), &json!("accepted"))
    );
    let several = format!("nonsense, {}", token(&admitted));
    let bought = buy(&shop, 10, Some(&several)).await;
    assert_eq!((bought.status.as_u16(), &bought.json()["state"]), (200, &json!("held")), "{bought:?}");
    assert_eq!(ask(&other, Method::DELETE, ROOM, 10, None).await.status, 204);
    shop.until("it is known here", async |shop| ask(shop, Method::GET, ROOM, 10, None).await.status == 404)
        .await;
    buy(&shop, 10, Some(token(&admitted))).await.problem(403, "place_needed");

    // Without a room, whoever comes is served.
    let close = "/v1/admin/rooms/friday:close";
    shop.post(close, &shop.key(10, ""), &[], &json!({})).await.problem(403, "role_needed");
    let closed = shop.post(close, &shop.key(1, "admin"), &[], &json!({})).await;
    assert_eq!((closed.status.as_u16(), &closed.json()["action"]), (202, &json!("close")));
    assert_eq!(buy(&shop, 12, None).await.json()["state"], "held");
    shop.post("/v1/orders", &shop.key(10, ""), &[], &unread).await.problem(422, "listing_unknown");
    assert_eq!(ask(&shop, Method::POST, ROOM, 13, None).await.json(), json!({"state": "closed"}));
    assert!(other.close().await && shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_stream_tells_of_the_draw_the_admission_and_the_end() {
    let shop = Shop::open(Wishes::default()).await;
    open(&shop, LATER_MS, &json!({"window_ms": 2 * LATER_MS})).await;
    let place = enter(&shop, 10).await;
    let path = format!("{ROOM}/events");
    let key = shop.key(10, "");
    let response =
        shop.request(Method::GET, &path, Some(&key)).header("place", token(&place)).send().await.unwrap();
    assert_eq!(
        (response.status().as_u16(), response.headers()["content-type"].to_str().unwrap()),
        (200, "text/event-stream")
    );
    let (mut stream, mut text) = (response.bytes_stream(), String::new());
    let (mut opened, mut closed) = (false, false);
    let events: Vec<Event> = loop {
        let events = parse(&text);
        if !opened && !events.is_empty() {
            shop.pass(LATER_MS);
            opened = true;
        }
        if !closed && events.iter().any(|event| event.data["state"] == "admitted") {
            let path = "/v1/admin/rooms/friday:close";
            assert_eq!(shop.post(path, &shop.key(1, "admin"), &[], &json!({})).await.status, 202);
            closed = true;
        }
        match tokio::time::timeout(PATIENCE, stream.next()).await.expect("events come in time") {
            Some(bytes) => text.push_str(std::str::from_utf8(&bytes.unwrap()).unwrap()),
            None => break parse(&text),
        }
    };
    let mut states: Vec<&str> = events.iter().map(|event| event.data["state"].as_str().unwrap()).collect();
    states.dedup();
    assert_eq!((states[0], states.last()), ("before", Some(&"closed")), "{states:?}");
    assert!(states.contains(&"admitted"), "{states:?}");
    assert!(events.iter().all(|event| event.name == "place"));
    let tokens = events.iter().filter(|event| event.data["token"].is_string()).count();
    assert_eq!(tokens, events.len() - 1, "each but the last holds the place");
    assert_eq!(ask(&shop, Method::GET, &path, 10, None).await.status, 204, "there is nothing to follow");
    assert_eq!(ask(&shop, Method::GET, ROOM, 10, None).await.json()["state"], "closed");
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn who_watches_looks_again_only_after_a_while() {
    let shop = Shop::open(shut()).await;
    open(&shop, 0, &json!({})).await;
    let first = enter(&shop, 10).await;
    let place = enter(&shop, 11).await;
    let key = shop.key(11, "");
    let request = shop.request(Method::GET, &format!("{ROOM}/events"), Some(&key));
    let response = request.header("place", token(&place)).send().await.unwrap();
    let (mut stream, mut text) = (response.bytes_stream(), String::new());
    let mut next = async |count: usize| {
        while parse(&text).len() < count {
            let bytes = tokio::time::timeout(PATIENCE, stream.next()).await.expect("events come in time");
            text.push_str(std::str::from_utf8(&bytes.unwrap().unwrap()).unwrap());
        }
        parse(&text)[count - 1].data["ahead"].clone()
    };
    assert_eq!(next(1).await, 1);
    // However long nothing has changed: a change of the room wakes everybody in it, and that must not cost much.
    tokio::time::sleep(2 * ROOM_EVENTS_EVERY).await;
    let left_at = std::time::Instant::now();
    assert_eq!(ask(&shop, Method::DELETE, ROOM, 10, Some(token(&first))).await.status, 204);
    assert_eq!(next(2).await, 0);
    assert!(left_at.elapsed() >= ROOM_EVENTS_EVERY, "{:?}", left_at.elapsed());
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_room_is_opened_once_and_says_why_not() {
    let shop = Shop::open(shut()).await;
    ask(&shop, Method::POST, ROOM, 10, None).await.problem(404, "no_such_room");
    let admin = shop.key(1, "admin");
    let later = json!({"window_ms": 5_000, "people_max": 2});
    let ask_for = sale(600_000, &later);
    let apply = async |sale: &Value| shop.post("/v1/admin/sales", &admin, &[], sale).await;
    assert_eq!(apply(&ask_for).await.json()["room"]["action"], "open");
    assert_eq!(apply(&ask_for).await.json()["room"]["action"], "unchanged");
    let refused = apply(&sale(700_000, &later)).await.problem(409, "room_open");
    assert_eq!(refused["room_refusal_number"], 4);
    let mut over = ask_for.clone();
    over["room"]["closes_at"] = time(now());
    apply(&over).await.problem(409, "room_open");
    over["name"] = json!("monday");
    apply(&over).await.problem(422, "invalid");
    over["room"] = json!({"people": 7});
    apply(&over).await.problem(400, "bad_field");
    shop.post("/v1/admin/sales", &shop.key(2, ""), &[], &ask_for).await.problem(403, "role_needed");

    let early = ask(&shop, Method::POST, ROOM, 10, None).await;
    let problem = early.problem(409, "too_early");
    assert_eq!(problem["room_refusal_number"], 6);
    assert!(early.header("retry-after").parse::<u64>().unwrap() > 500);
    shop.until("it is listed", async |shop| shop.get("/v1/listings/A", None).await.status == 200).await;
    buy(&shop, 10, None).await.problem(403, "place_needed");
    let stranger = shop.post(ROOM, &shop.key(10, "unverified"), &[], &json!({})).await;
    stranger.problem(403, "not_verified");

    let full = json!({"name": "full", "currency": "EUR", "room": {"people_max": 2}, "listings": []});
    assert_eq!(apply(&full).await.status, 202);
    for (customer, status) in [(10, 200), (11, 200), (10, 200), (12, 409)] {
        assert_eq!(ask(&shop, Method::POST, "/v1/rooms/full", customer, None).await.status, status);
    }
    let problem = ask(&shop, Method::POST, "/v1/rooms/full", 12, None).await.problem(409, "room_full");
    assert_eq!(problem["room_refusal_number"], 8);
    ask(&shop, Method::GET, &format!("/v1/rooms/{}", "x".repeat(65)), 10, None)
        .await
        .problem(400, "bad_path");
    assert!(shop.close().await);
}

/// Pages and no products.
fn pages() -> Wishes {
    let log = MemoryLog::new(Arc::new(|| now().0));
    let topic = TopicSpec {
        name: "catalogue".to_owned(),
        partitions: 1,
        replication: 1,
        retention_ms: 1_000_000,
        record_bytes_max: order_log::limits::RECORD_BYTES_MAX,
        is_compacted: true,
    };
    log.create_topics(&[topic]).unwrap();
    let codec = ProductCodec::new(Arc::new(FileSchemas::new().unwrap())).unwrap();
    let topic = CatalogueTopic { log: Arc::new(log), name: "catalogue".into(), codec };
    let shop = Some(crate::shop::pages(topic));
    Wishes { server: ServerOptions { shop, ..ServerOptions::default() }, ..shut() }
}

#[tokio::test(flavor = "multi_thread")]
async fn pages_lead_to_the_room_while_there_is_one() {
    let shop = Shop::open(pages()).await;
    let shows = async |path: &str, text: &str| shop.get(path, None).await.text.contains(text);
    assert_eq!(shop.get("/rooms/friday", None).await.status, 404);
    open(&shop, 600_000, &json!({"window_ms": 5_000})).await;
    let link = "href=\"/rooms/friday\"";
    assert!(shows("/", link).await && shows("/items/A", link).await);
    assert!(shows("/rooms/friday", "data-sale=\"friday\"").await);
    let close = "/v1/admin/rooms/friday:close";
    assert_eq!(shop.post(close, &shop.key(1, "admin"), &[], &json!({})).await.status, 202);
    assert!(!shows("/", link).await && !shows("/items/A", link).await);
    assert_eq!(shop.get("/rooms/friday", None).await.status, 404);
    assert!(shop.close().await);
}

/// Many at once, through two gateways that both pace: nobody is passed over, and everybody who is let in is served.
#[tokio::test(flavor = "multi_thread")]
async fn a_crowd_is_let_in_in_order_and_served() {
    // They look far more often than people do, all from one address.
    let wishes = || Wishes {
        service: ServiceLimits {
            address_per_second_max: 1_000_000,
            address_burst_max: 1_000_000,
            ..ServiceLimits::default()
        },
        ..Wishes::default()
    };
    let shop = Shop::open(wishes()).await;
    let other = another(&shop, wishes()).await;
    open(&shop, 1_500, &json!({"window_ms": 600_000})).await;
    let crowd = (100..140).map(async |customer| {
        let shop = if customer % 2 == 0 { &shop } else { &other };
        let place = enter(shop, customer).await;
        let place = until_it_stands(shop, customer, token(&place), "admitted").await;
        let bought = buy(shop, customer, Some(token(&place))).await;
        assert_eq!(bought.json()["state"], "held", "{bought:?}");
        place["place"].as_u64().unwrap()
    });
    let mut places = join_all(crowd).await;
    places.sort_unstable();
    assert_eq!(places, (1..=40).collect::<Vec<_>>());
    let report = proof(&shop.log.inner);
    assert_eq!((report.findings, report.admitted), (Vec::new(), 40));
    assert!(other.close().await && shop.close().await);
}
