//! Sales, waiting rooms and products over gRPC, by the same rules as over HTTP.

use std::sync::Arc;

use catalogue::Product;
use ingest_gateway::grpc::proto::admin::v1::admin_service_client::AdminServiceClient;
use ingest_gateway::grpc::proto::admin::v1::tell_listing_request::Word;
use ingest_gateway::grpc::proto::admin::v1::{
    Action, ApplySaleRequest, NewListing, NewRoom, NewSale, TellListingRequest, TellRoomRequest,
    tell_room_request,
};
use ingest_gateway::grpc::proto::catalogue::v1::catalogue_service_client::CatalogueServiceClient;
use ingest_gateway::grpc::proto::catalogue::v1::{
    GetProductRequest, ListBoughtTogetherRequest, SearchProductsRequest,
};
use ingest_gateway::grpc::proto::listing_service_client::ListingServiceClient;
use ingest_gateway::grpc::proto::order_service_client::OrderServiceClient;
use ingest_gateway::grpc::proto::rooms::v1::room_service_client::RoomServiceClient;
use ingest_gateway::grpc::proto::rooms::v1::{
    EnterRoomRequest, GetPlaceRequest, LeaveRoomRequest, PlaceState, WatchPlaceRequest,
};
use ingest_gateway::grpc::proto::{GetSaleRequest, OrderState, Price, WatchSaleRequest};
use ingest_gateway::limits::SALE_LISTINGS_MAX;
use ingest_gateway::server::ServerOptions;
use ingest_gateway::together::Together;
use serde_json::json;
use tonic::{Code, Request};
use waiting_room::PaceTarget;

use crate::grpc::{channel, of, place, problem};
use crate::pages::Counted;
use crate::shop::{PATIENCE, Shop, Wishes};

const FRIDAY: &str = "friday";

/// A request of somebody who runs sales.
fn of_admin<T>(shop: &Shop, message: T) -> Request<T> {
    let mut request = Request::new(message);
    let token = format!("Bearer {}", shop.key(1, "admin"));
    request.metadata_mut().insert("authorization", token.parse().unwrap());
    request
}

fn listing(sku: &str, unit_price: i64) -> NewListing {
    let prices = vec![Price { unit_price, ..Price::default() }];
    NewListing { sku: sku.to_owned(), stock: 5, prices, ..NewListing::default() }
}

fn sale(listings: Vec<NewListing>, room: Option<NewRoom>) -> ApplySaleRequest {
    let sale = NewSale { name: FRIDAY.to_owned(), currency: "EUR".to_owned(), room, listings };
    ApplySaleRequest { idempotency_key: String::new(), sale: Some(sale) }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_sale_is_opened_changed_and_told() {
    let shop = Shop::open(Wishes::default()).await;
    let mut admin = AdminServiceClient::new(channel(&shop).await);
    let ask = sale(vec![listing("A", 500), listing("B", 700)], None);
    let shopper = admin.apply_sale(of(&shop, 7, ask.clone())).await.unwrap_err();
    problem(&shopper, Code::PermissionDenied, "role_needed");
    let opened = admin.apply_sale(of_admin(&shop, ask.clone())).await.unwrap().into_inner();
    assert!(opened.room.is_none() && opened.listings.iter().all(|written| written.offset.is_some()));
    let actions: Vec<_> =
        opened.listings.iter().map(|written| (written.sku.as_str(), written.action())).collect();
    assert_eq!(actions, [("A", Action::Open), ("B", Action::Open)]);
    shop.until("they are listed", async |shop| {
        shop.get("/v1/listings", None).await.json()["listings"].as_array().unwrap().len() == 2
    })
    .await;
    let shown = shop.get("/v1/listings/A", None).await.json();
    assert_eq!((&shown["unit_price"], &shown["hold_ms"]), (&json!(500), &json!(600_000)), "the usual hold");
    let changed =
        admin.apply_sale(of_admin(&shop, sale(vec![listing("A", 600), listing("B", 700)], None))).await;
    let changed: Vec<_> = changed
        .unwrap()
        .into_inner()
        .listings
        .iter()
        .map(|written| (written.action(), written.partition.is_some()))
        .collect();
    assert_eq!(changed, [(Action::Change, true), (Action::Unchanged, false)]);

    let mut bad = listing("B", 700);
    bad.prices[0].from_time = Some(prost_types::Timestamp { seconds: -1, nanos: 0 });
    let bad = admin.apply_sale(of_admin(&shop, sale(vec![listing("A", 600), bad], None))).await.unwrap_err();
    let place = problem(&bad, Code::InvalidArgument, "bad_field").place;
    assert_eq!(place, "sale.listings[1].prices[0].from_time");
    let many = vec![listing("A", 600); SALE_LISTINGS_MAX + 1];
    let many = admin.apply_sale(of_admin(&shop, sale(many, None))).await.unwrap_err();
    problem(&many, Code::ResourceExhausted, "sale_too_large");

    let tell =
        |sku: &str, word| TellListingRequest { idempotency_key: "w".to_owned(), sku: sku.to_owned(), word };
    for (word, action) in [
        (Word::Restock(4), Action::Restock),
        (Word::Restock(4), Action::Restock),
        (Word::Pause(()), Action::Pause),
        (Word::Resume(()), Action::Resume),
        (Word::Pause(()), Action::Pause),
    ] {
        let told = admin.tell_listing(of_admin(&shop, tell("A", Some(word)))).await.unwrap().into_inner();
        assert_eq!((told.action(), told.offset.is_some()), (action, true));
    }
    admin.tell_listing(of_admin(&shop, tell("B", Some(Word::Close(()))))).await.unwrap();
    shop.until("the words are decided", async |shop| {
        let a = shop.get("/v1/listings/A", None).await.json();
        let b = shop.get("/v1/listings/B", None).await.json();
        // The same key is the same command.
        a["stock"]["free"] == 9 && a["state"] == "open" && b["state"] == "closed"
    })
    .await;
    for (sku, word, code, name) in [
        ("A", None, Code::InvalidArgument, "bad_field"),
        ("A", Some(Word::Reveal("x".to_owned())), Code::InvalidArgument, "bad_field"),
        ("Z", Some(Word::Pause(())), Code::NotFound, "no_such_listing"),
    ] {
        problem(&admin.tell_listing(of_admin(&shop, tell(sku, word))).await.unwrap_err(), code, name);
    }
    drop(admin);
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_waiting_room_is_entered_followed_left_and_closed() {
    let shut = PaceTarget { ceiling_per_s: 0, ..PaceTarget::default() };
    let shop = Shop::open(Wishes { pace: shut, ..Wishes::default() }).await;
    let mut admin = AdminServiceClient::new(channel(&shop).await);
    let opened = sale(vec![listing("A", 500)], Some(NewRoom::default()));
    let opened = admin.apply_sale(of_admin(&shop, opened)).await.unwrap().into_inner();
    assert_eq!(opened.room.unwrap().action(), Action::Open);
    shop.until("it is listed", async |shop| shop.get("/v1/listings/A", None).await.status == 200).await;

    let mut rooms = RoomServiceClient::new(channel(&shop).await);
    let friday = || FRIDAY.to_owned();
    let enter = || EnterRoomRequest { sale: friday() };
    problem(&rooms.enter_room(enter()).await.unwrap_err(), Code::Unauthenticated, "not_identified");
    let monday = EnterRoomRequest { sale: "monday".to_owned() };
    let monday = rooms.enter_room(of(&shop, 10, monday)).await.unwrap_err();
    problem(&monday, Code::NotFound, "no_such_room");
    let first = rooms.enter_room(of(&shop, 10, enter())).await.unwrap().into_inner();
    let second = rooms.enter_room(of(&shop, 11, enter())).await.unwrap().into_inner();
    assert_eq!((first.state(), first.place, first.ahead), (PlaceState::Waiting, Some(1), Some(0)));
    assert_eq!((second.state(), second.place, second.ahead), (PlaceState::Waiting, Some(2), Some(1)));
    let token = second.room_token.clone();
    let look = |token: &str| GetPlaceRequest { sale: friday(), room_token: token.to_owned() };
    let shown = rooms.get_place(of(&shop, 11, look(&token))).await.unwrap().into_inner();
    assert_eq!((shown.place, shown.closes_at.is_some()), (Some(2), true));
    let stolen = rooms.get_place(of(&shop, 10, look(&token))).await.unwrap_err();
    problem(&stolen, Code::PermissionDenied, "place_of_another");
    let mut orders = OrderServiceClient::new(channel(&shop).await);
    let mut ask = place("A", 1);
    let without = orders.place_order(of(&shop, 11, ask.clone())).await.unwrap_err();
    problem(&without, Code::PermissionDenied, "place_needed");
    ask.room_token = token.clone();
    let early = orders.place_order(of(&shop, 11, ask.clone())).await.unwrap_err();
    problem(&early, Code::PermissionDenied, "not_admitted");

    let watch = || WatchPlaceRequest { sale: friday(), room_token: String::new() };
    let stranger = rooms.watch_place(of(&shop, 12, watch())).await.unwrap_err();
    problem(&stranger, Code::NotFound, "not_in_room");
    let mut places = rooms.watch_place(of(&shop, 11, watch())).await.unwrap().into_inner();
    let mut next = async || tokio::time::timeout(PATIENCE, places.message()).await.unwrap().unwrap();
    assert_eq!(next().await.unwrap().ahead, Some(1));
    let leave = || LeaveRoomRequest { sale: friday(), room_token: String::new() };
    rooms.leave_room(of(&shop, 10, leave())).await.unwrap();
    problem(&rooms.leave_room(of(&shop, 10, leave())).await.unwrap_err(), Code::NotFound, "not_in_room");
    assert_eq!(next().await.unwrap().ahead, Some(0), "who leaves is skipped");

    let close = |word| TellRoomRequest { sale: friday(), word };
    let nothing = admin.tell_room(of_admin(&shop, close(None))).await.unwrap_err();
    problem(&nothing, Code::InvalidArgument, "bad_field");
    let word = Some(tell_room_request::Word::Close(()));
    let shopper = admin.tell_room(of(&shop, 7, close(word))).await.unwrap_err();
    problem(&shopper, Code::PermissionDenied, "role_needed");
    let closed = admin.tell_room(of_admin(&shop, close(word))).await.unwrap().into_inner();
    assert_eq!((closed.action(), closed.offset.is_some()), (Action::Close, true));
    assert_eq!(next().await.unwrap().state(), PlaceState::Closed);
    assert_eq!(next().await, None, "nothing more will change");
    let mut places = rooms.watch_place(of(&shop, 11, watch())).await.unwrap().into_inner();
    assert_eq!(places.message().await.unwrap().unwrap().state(), PlaceState::Closed);
    assert_eq!(places.message().await.unwrap(), None);
    ask.room_token.clear();
    let order = orders.place_order(of(&shop, 11, ask)).await.unwrap().into_inner();
    assert_eq!(order.state(), OrderState::Held, "now everybody may order");
    drop((admin, rooms, orders, places));
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn products_are_found_shown_and_recommended() {
    let product = |sku: &str, title: &str, brand: &str| {
        let brand = Some(brand.to_owned());
        Product { brand, ..Product::new(sku.parse().unwrap(), title) }
    };
    let products =
        vec![product("A", "Alpha", "Acme"), product("B", "Beta", "Acme"), product("C", "Gamma", "Other")];
    let together = Some(Arc::new(Together::new(Arc::new(Counted))));
    let server = ServerOptions { together, ..ServerOptions::default() };
    let shop = Shop::open(Wishes { server, products, ..Wishes::default() }).await;
    shop.until("there are products", async |shop| shop.get("/v1/products/C", None).await.status == 200).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let mut catalogue = CatalogueServiceClient::new(channel(&shop).await);
    let search = |text: &str, brand: &str| SearchProductsRequest {
        text: text.to_owned(),
        brand: brand.to_owned(),
        page_size: 1,
        ..SearchProductsRequest::default()
    };
    let found = catalogue.search_products(search("alpja", "")).await.unwrap().into_inner();
    assert_eq!((found.total, found.products[0].sku.as_str()), (1, "A"), "with a typing error");
    let found = catalogue.search_products(search("", "Acme")).await.unwrap().into_inner();
    assert_eq!((found.total, found.page, found.pages, found.products.len()), (2, 1, 2, 1));
    assert!(found.choices.iter().any(|choice| (choice.field.as_str(), choice.products) == ("brand", 2)));
    let long = catalogue.search_products(search(&"x".repeat(201), "")).await.unwrap_err();
    assert_eq!(problem(&long, Code::InvalidArgument, "bad_field").place, "text");

    let show = |sku: &str| GetProductRequest { sku: sku.to_owned() };
    let shown = catalogue.get_product(show("A")).await.unwrap().into_inner();
    assert_eq!((shown.title.as_str(), shown.brand.as_str()), ("Alpha", "Acme"));
    assert_eq!(shown.listing.unwrap().stock.unwrap().free, 5);
    assert!(catalogue.get_product(show("B")).await.unwrap().into_inner().listing.is_none());
    problem(&catalogue.get_product(show("Z")).await.unwrap_err(), Code::NotFound, "product_unknown");
    let with = |sku: &str| ListBoughtTogetherRequest { sku: sku.to_owned() };
    let companions = catalogue.list_bought_together(with("A")).await.unwrap().into_inner().products;
    assert!(companions.iter().any(|companion| companion.sku == "B"), "{companions:?}");
    assert_eq!(catalogue.list_bought_together(with("C")).await.unwrap().into_inner().products, []);
    drop(catalogue);
    assert!(shop.close().await);

    let bare = Shop::open(Wishes::default()).await;
    let mut catalogue = CatalogueServiceClient::new(channel(&bare).await);
    problem(&catalogue.get_product(show("A")).await.unwrap_err(), Code::Unimplemented, "no_such_resource");
    drop(catalogue);
    assert!(bare.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_figures_of_a_sale_are_shown_and_followed() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let mut listings = ListingServiceClient::new(channel(&shop).await);
    let monday = listings.get_sale(GetSaleRequest { name: "monday".to_owned() }).await.unwrap_err();
    problem(&monday, Code::NotFound, "no_such_sale");
    let ask = WatchSaleRequest { name: FRIDAY.to_owned() };
    let mut figures = listings.watch_sale(ask).await.unwrap().into_inner();
    assert_eq!(figures.message().await.unwrap().unwrap().decided, 0);
    let mut orders = OrderServiceClient::new(channel(&shop).await);
    orders.place_order(of(&shop, 7, place("A", 2))).await.unwrap();
    let newest = loop {
        let next = tokio::time::timeout(PATIENCE, figures.message()).await.unwrap();
        let next = next.unwrap().unwrap();
        if next.decided == 1 {
            break next;
        }
    };
    assert_eq!((newest.stock.unwrap().held, newest.items[0].sku.as_str()), (2, "A"));
    let shown = listings.get_sale(GetSaleRequest { name: FRIDAY.to_owned() }).await.unwrap().into_inner();
    assert_eq!((shown.listings, shown.events.get("held")), (1, Some(&1)));
    drop((listings, orders, figures));
    assert!(shop.close().await);
}
