//! Accounts, carts and what people ask to be told, over DynamoDB in this process.

use std::sync::Arc;

use accounts::{
    AccountOptions, Accounts, Carts, HashCost, LetterBox, LetterKind, LinkToken, Stationery, TokenKeys,
};
use ingest_gateway::limits::{DoorLimits, ServiceLimits};
use ingest_gateway::people::People;
use ingest_gateway::server::ServerOptions;
use reqwest::Method;
use serde_json::{Value, json};
use sink_push::contacts::Interest;
use sink_push::{Contacts as _, TableContacts};
use tables::{Local, Tables};

use crate::shop::{Answer, Shop, Wishes, order};

pub(crate) const ANNA: &str = "anna@example.org";
pub(crate) const PASSWORD: &str = "correct horse";

/// A shop whose people have accounts, and the letters they get.
pub(crate) struct Town {
    pub(crate) shop: Shop,
    letters: LetterBox,
    pub(crate) people: Arc<People>,
    local: Option<Local>,
}

impl Town {
    pub(crate) async fn open() -> Self {
        Self::open_as(false, Wishes::default()).await
    }

    /// One that people reach by a proxy which ends TLS, or not.
    async fn behind(tls_in_front: bool) -> Self {
        Self::open_as(tls_in_front, Wishes::default()).await
    }

    async fn open_as(tls_in_front: bool, wishes: Wishes) -> Self {
        let local = Local::start().unwrap();
        let tables = Tables::connect(&local.options()).await.unwrap();
        tables.create(&Accounts::TABLES).await.unwrap();
        let stationery = Stationery {
            shop: "Shop".to_owned(),
            verify_url: "https://shop.example/verify?token=".to_owned(),
            reset_url: "https://shop.example/reset?token=".to_owned(),
            log_in_url: "https://shop.example/account".to_owned(),
        };
        let letters = LetterBox::in_memory(stationery);
        let cost = HashCost { memory_kib: 8, passes: 1, lanes: 1 };
        let options = AccountOptions { cost, ..AccountOptions::default() };
        let carts = Carts::open(tables.clone(), Arc::clone(&options.clock)).await.unwrap();
        let contacts = TableContacts::over(tables.clone());
        let (keys, postman) = (TokenKeys::in_memory([3; 32]), Arc::new(letters.clone()));
        let accounts = Accounts::open(tables, keys, postman, options).await.unwrap();
        let people = Arc::new(People { accounts, carts, contacts });
        let server =
            ServerOptions { people: Some(Arc::clone(&people)), tls_in_front, ..ServerOptions::default() };
        let shop = Shop::open(Wishes { server, ..wishes }).await;
        Self { shop, letters, people, local: Some(local) }
    }

    async fn post(&self, path: &str, body: &Value) -> Answer {
        self.shop.send(Method::POST, path, &[], body).await
    }

    /// The token of the newest letter.
    pub(crate) async fn link(&self) -> String {
        self.people.accounts.letters_sent().await;
        let newest = self.letters.letters().pop().unwrap();
        let token: LinkToken = match newest.letter.kind {
            LetterKind::Verify { token } | LetterKind::Reset { token } => token,
            LetterKind::Taken => panic!("this letter has no link"),
        };
        token.expose().to_owned()
    }

    async fn log_in(&self, password: &str) -> Answer {
        self.post("/v1/sessions", &json!({"email": ANNA, "password": password})).await
    }

    async fn verify(&self, link: &str, password: &str) -> Answer {
        self.post("/v1/accounts:verify", &json!({"token": link, "password": password})).await
    }

    async fn register(&self) {
        let answer = self.post("/v1/accounts", &json!({"email": ANNA, "password": PASSWORD})).await;
        assert_eq!(answer.status, 202, "{answer:?}");
    }

    /// Somebody who may order; their access token.
    pub(crate) async fn member(&self) -> String {
        self.register().await;
        let verified = self.verify(&self.link().await, PASSWORD).await;
        assert_eq!(verified.status, 204, "{verified:?}");
        token(&self.log_in(PASSWORD).await)
    }

    pub(crate) async fn close(self) {
        assert!(self.shop.close().await);
    }
}

fn token(session: &Answer) -> String {
    assert_eq!(session.status, 200, "{session:?}");
    session.json()["access_token"].as_str().unwrap().to_owned()
}

/// The cookie as a browser sends it back.
fn cookie(session: &Answer) -> String {
    let set = session.header("set-cookie");
    assert!(set.contains("HttpOnly") && set.contains("SameSite=Strict"), "{set}");
    set.split(';').next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn from_registering_to_an_order_that_is_decided() {
    let town = Town::open().await;
    town.shop.list(&[("A", 5)], &json!({})).await;
    town.register().await;
    let link = town.link().await;
    let session = town.log_in(PASSWORD).await;
    assert_eq!(
        (session.json()["verified"].clone(), session.json()["token_type"].clone()),
        (json!(false), json!("Bearer"))
    );
    let early = town.shop.post("/v1/orders", &token(&session), &[], &order("A", 1)).await;
    early.problem(403, "not_verified");

    town.post("/v1/accounts:verify", &json!({"token": link})).await.problem(400, "bad_field");
    for wrong in ["battery staple", "x"] {
        town.verify(&link, wrong).await.problem(401, "log_in_wrong");
    }
    assert_eq!(town.verify(&link, PASSWORD).await.status, 204);
    let renewed = town
        .shop
        .send(Method::POST, "/v1/sessions:refresh", &[("cookie", &cookie(&session))], &json!({}))
        .await;
    let access = token(&renewed);
    assert_eq!(renewed.json()["verified"], true, "the next token says so");
    let me = town.shop.get("/v1/me", Some(&access)).await.json();
    assert_eq!((&me["email"], &me["roles"]), (&json!(ANNA), &json!(["shopper"])));
    let placed = town.shop.post("/v1/orders", &access, &[("prefer", "wait=10")], &order("A", 1)).await;
    assert_eq!((placed.status.as_u16(), &placed.json()["state"]), (200, &json!("held")), "{placed:?}");
    assert_eq!(placed.json()["customer"], me["customer"]);

    let out =
        town.shop.send(Method::DELETE, "/v1/sessions", &[("cookie", &cookie(&renewed))], &json!({})).await;
    assert_eq!(out.status, 204);
    let again = town
        .shop
        .send(Method::POST, "/v1/sessions:refresh", &[("cookie", &cookie(&renewed))], &json!({}))
        .await;
    again.problem(401, "log_in_ended");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_is_checked_out_as_one_order() {
    let town = Town::open().await;
    town.shop.list(&[("A", 5), ("B", 5)], &json!({})).await;
    let access = town.member().await;
    let bearer = format!("Bearer {access}");
    for (path, units) in [("/v1/cart/lines/A", 2), ("/v1/cart/lines/B", 1), ("/v1/cart/lines/A", 1)] {
        let put = town
            .shop
            .send(Method::PUT, path, &[("authorization", &bearer)], &json!({"quantity": units}))
            .await;
        assert_eq!(put.status, 200, "{put:?}");
    }
    let cart = town.shop.get("/v1/cart", Some(&access)).await.json();
    assert_eq!(cart["lines"].as_array().unwrap().len(), 2);
    let placed = town.shop.post("/v1/cart:checkout", &access, &[("prefer", "wait=10")], &json!({})).await;
    assert_eq!((placed.status.as_u16(), &placed.json()["state"]), (200, &json!("held")), "{placed:?}");
    assert_eq!(placed.json()["lines"].as_array().unwrap().len(), 2);
    let cart = town.shop.get("/v1/cart", Some(&access)).await.json();
    assert_eq!(cart["lines"], json!([]));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_check_out_of_unknown_outcome_stays_one_order() {
    let door = DoorLimits { answer_ms_max: 300, stall_ms_max: 150, full_ms_max: 50, ..DoorLimits::default() };
    let service =
        ServiceLimits { customer_burst_max: 1, customer_per_second_max: 1, ..ServiceLimits::default() };
    let mut town = Town::open_as(false, Wishes { door, service, undecided: true, ..Wishes::default() }).await;
    let open = json!({"name": "friday", "currency": "EUR",
        "listings": [{"sku": "A", "stock": 5, "prices": [{"unit_price": 500}]}]});
    let opened = town.shop.post("/v1/admin/sales", &town.shop.key(1, "admin"), &[], &open).await;
    assert_eq!(opened.status, 202, "{opened:?}");
    let access = town.member().await;
    let (bearer, line) = (format!("Bearer {access}"), json!({"quantity": 2}));
    let put = town.shop.send(Method::PUT, "/v1/cart/lines/A", &[("authorization", &bearer)], &line).await;
    assert_eq!(put.status, 200, "{put:?}");
    let check_out =
        async |shop: &Shop, body: &Value| shop.post("/v1/cart:checkout", &access, &[], body).await;
    let cart = async |shop: &Shop| shop.get("/v1/cart", Some(&access)).await.json();
    let unlisted = json!({"currency": "EUR", "partial": true});
    town.shop.log.silence(true);
    check_out(&town.shop, &unlisted).await.problem(504, "outcome_unknown");
    let id = cart(&town.shop).await["checking_out"].as_str().unwrap().to_owned();
    // Refused, because they ask too often or the log is away: that says nothing of the attempt before.
    let refused = check_out(&town.shop, &unlisted).await.status.as_u16();
    assert!([429, 503].contains(&refused), "{refused}");
    assert_eq!(cart(&town.shop).await["checking_out"], id);
    town.shop.log.silence(false);
    town.shop.decide();
    let path = format!("/v1/orders/{id}");
    let is_held = async |shop: &Shop| shop.get(&path, Some(&access)).await.json()["state"] == "held";
    town.shop.until("it is held", is_held).await;
    // On other terms it would be another order: the one before stands.
    check_out(&town.shop, &json!({"currency": "USD"})).await.problem(422, "order_id_reused");
    let again = check_out(&town.shop, &json!({})).await;
    assert_eq!((again.status.as_u16(), &again.json()["order_id"]), (202, &json!(id)), "{again:?}");
    assert_eq!(cart(&town.shop).await["lines"], json!([]));
    assert_eq!(town.shop.places(), 1);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_forgotten_password_is_replaced_by_the_link_of_a_letter() {
    let town = Town::open().await;
    let access = town.member().await;
    let before = town.log_in(PASSWORD).await;
    for email in [ANNA, "nobody@example.org"] {
        assert_eq!(town.post("/v1/accounts:forgot", &json!({"email": email})).await.status, 202);
    }
    let reset = json!({"token": town.link().await, "password": "battery staple"});
    assert_eq!(town.post("/v1/accounts:reset", &reset).await.status, 204);
    town.post("/v1/accounts:reset", &reset).await.problem(422, "link_invalid");
    town.log_in(PASSWORD).await.problem(401, "log_in_wrong");
    token(&town.log_in("battery staple").await);
    let renewed = town
        .shop
        .send(Method::POST, "/v1/sessions:refresh", &[("cookie", &cookie(&before))], &json!({}))
        .await;
    renewed.problem(401, "log_in_ended");
    // An access token is good to its end.
    assert_eq!(town.shop.get("/v1/me", Some(&access)).await.status, 200);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn with_the_tables_gone_who_is_logged_in_goes_on_ordering() {
    let mut town = Town::open().await;
    town.shop.list(&[("A", 5)], &json!({})).await;
    let access = town.member().await;
    drop(town.local.take());
    let placed = town.shop.post("/v1/orders", &access, &[("prefer", "wait=10")], &order("A", 1)).await;
    assert_eq!((placed.status.as_u16(), &placed.json()["state"]), (200, &json!("held")), "{placed:?}");
    let path = format!("/v1/orders/{}", placed.json()["order_id"].as_str().unwrap());
    assert_eq!(town.shop.get(&path, Some(&access)).await.json()["state"], "held");
    assert_eq!(town.shop.get("/readyz", None).await.status, 200);
    let away = town.log_in(PASSWORD).await;
    away.problem(503, "accounts_away");
    assert_eq!(away.header("retry-after"), "1");
    town.shop.get("/v1/cart", Some(&access)).await.problem(503, "carts_away");
    let wish = json!({"sku": "A", "event": "back_in_stock"});
    town.shop.post("/v1/subscriptions", &access, &[], &wish).await.problem(503, "accounts_away");
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_to_be_told_is_noted_until_they_no_longer_do() {
    let town = Town::open().await;
    town.shop.list(&[("A", 5)], &json!({})).await;
    let access = town.member().await;
    let told = async |interest: &Interest| town.people.contacts.subscribers(interest, None, 9).await.unwrap();
    let (opening, stock) = (Interest::Opening("A".parse().unwrap()), Interest::Stock("A".parse().unwrap()));
    for _ in 0..2 {
        let wish = json!({"sku": "A", "event": "back_in_stock"});
        assert_eq!(town.shop.post("/v1/subscriptions", &access, &[], &wish).await.status, 204);
    }
    let subscribers = told(&stock).await;
    let me = town.shop.get("/v1/me", Some(&access)).await.json();
    assert_eq!(subscribers.len(), 1);
    assert_eq!(me["customer"], subscribers[0].customer.to_string());
    assert_eq!(told(&opening).await, []);
    let wish = json!({"sku": "A", "event": "opens"});
    assert_eq!(town.shop.post("/v1/subscriptions", &access, &[], &wish).await.status, 204);
    assert_eq!(told(&opening).await.len(), 1);

    let delete = async |query: &str| {
        let request = town.shop.request(Method::DELETE, &format!("/v1/subscriptions{query}"), Some(&access));
        Answer::of(request.send().await.unwrap()).await
    };
    for _ in 0..2 {
        assert_eq!(delete("?sku=A&event=back_in_stock").await.status, 204);
    }
    assert_eq!((told(&stock).await.len(), told(&opening).await.len()), (0, 1));
    for query in
        ["", "?sku=A", "?event=opens", "?sku=A&event=closes", "?sku=&event=opens", "?sku=A&event=opens&x=1"]
    {
        delete(query).await.problem(400, "bad_query");
    }
    for (body, status, name) in [
        (json!({"sku": "NONE", "event": "opens"}), 404, "no_such_listing"),
        (json!({"sku": "A", "event": "closes"}), 400, "bad_field"),
        (json!({"sku": "A"}), 400, "bad_field"),
        (json!({"sku": "A", "event": "opens", "customer": "x"}), 400, "bad_field"),
        (json!(["A", "opens"]), 400, "bad_field"),
    ] {
        town.shop.post("/v1/subscriptions", &access, &[], &body).await.problem(status, name);
    }
    let unverified = town.shop.key(9, "unverified");
    town.shop.post("/v1/subscriptions", &unverified, &[], &wish).await.problem(403, "not_verified");
    town.post("/v1/subscriptions", &wish).await.problem(401, "not_identified");
    // An access token outlives the account, and notes nothing any more.
    town.people.accounts.erase(subscribers[0].customer).await.unwrap();
    town.shop.post("/v1/subscriptions", &access, &[], &wish).await.problem(404, "account_gone");
    assert_eq!((told(&stock).await.len(), told(&opening).await.len()), (0, 0));
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_accounts_their_routes_say_so_and_programs_order() {
    let shop = Shop::open(Wishes::default()).await;
    shop.list(&[("A", 5)], &json!({})).await;
    let key = shop.key(7, "");
    for (method, path) in [(Method::POST, "/v1/sessions"), (Method::POST, "/v1/accounts")] {
        shop.send(method, path, &[], &json!({})).await.problem(404, "no_such_resource");
    }
    shop.get("/v1/cart", Some(&key)).await.problem(404, "no_such_resource");
    let wish = json!({"sku": "A", "event": "opens"});
    shop.post("/v1/subscriptions", &key, &[], &wish).await.problem(404, "no_such_resource");
    assert_eq!(shop.post("/v1/orders", &key, &[], &order("A", 1)).await.status, 202);
    assert!(shop.close().await);
}

#[tokio::test(flavor = "multi_thread")]
async fn browsers_keep_to_tls_wherever_it_ends() {
    for tls_in_front in [false, true] {
        let town = Town::behind(tls_in_front).await;
        town.register().await;
        let session = town.log_in(PASSWORD).await;
        assert_eq!(session.header("set-cookie").contains("; Secure"), tls_in_front);
        let is_told = !session.header("strict-transport-security").is_empty();
        assert_eq!(is_told, tls_in_front);
        town.close().await;
    }
}
