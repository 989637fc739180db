//! Accounts, log-ins, carts and subscriptions over gRPC, by the same rules as over HTTP.

use ingest_gateway::grpc::proto::OrderState;
use ingest_gateway::grpc::proto::people::v1::account_service_client::AccountServiceClient;
use ingest_gateway::grpc::proto::people::v1::cart_service_client::CartServiceClient;
use ingest_gateway::grpc::proto::people::v1::session_service_client::SessionServiceClient;
use ingest_gateway::grpc::proto::people::v1::subscription_service_client::SubscriptionServiceClient;
use ingest_gateway::grpc::proto::people::v1::{
    ChangePasswordRequest, CheckOutRequest, ClearCartRequest, EraseAccountRequest, ForgotPasswordRequest,
    GetCartRequest, GetProfileRequest, LogInRequest, LogOutRequest, PutLineRequest, RefreshRequest,
    RegisterRequest, RemoveLineRequest, ResendVerificationRequest, ResetPasswordRequest, Session,
    SubscribeRequest, SubscriptionEvent, UnsubscribeRequest, VerifyEmailRequest,
};
use serde_json::json;
use sink_push::Contacts as _;
use sink_push::contacts::Interest;
use tonic::{Code, Request, Status};

use crate::grpc::{channel, of, problem};
use crate::people::{ANNA, PASSWORD, Town};
use crate::shop::{Shop, Wishes};

/// A request of whoever has this token.
fn by<T>(token: &str, message: T) -> Request<T> {
    let mut request = Request::new(message);
    request.metadata_mut().insert("authorization", format!("Bearer {token}").parse().unwrap());
    request
}

async fn log_in(town: &Town, password: &str) -> Result<Session, Status> {
    let mut sessions = SessionServiceClient::new(channel(&town.shop).await);
    let ask = LogInRequest { email: ANNA.to_owned(), password: password.to_owned() };
    sessions.log_in(ask).await.map(tonic::Response::into_inner)
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_from_its_first_letter_to_its_end() {
    let town = Town::open().await;
    let mut accounts = AccountServiceClient::new(channel(&town.shop).await);
    let register = |email: &str, password: &str| RegisterRequest {
        email: email.to_owned(),
        password: password.to_owned(),
        locale: "en".to_owned(),
    };
    let short = accounts.register(register(ANNA, "short")).await.unwrap_err();
    problem(&short, Code::InvalidArgument, "password_invalid");
    let nowhere = accounts.register(register("nowhere", PASSWORD)).await.unwrap_err();
    problem(&nowhere, Code::InvalidArgument, "email_invalid");
    accounts.register(register(ANNA, PASSWORD)).await.unwrap();
    let nobody = "nobody@example.org".to_owned();
    for email in [ANNA.to_owned(), nobody.clone()] {
        accounts.resend_verification(ResendVerificationRequest { email }).await.unwrap();
    }
    let unverified = log_in(&town, PASSWORD).await.unwrap();
    assert!(!unverified.verified);
    let link = town.link().await;
    let verify = |token: &str, password: &str| VerifyEmailRequest {
        token: token.to_owned(),
        password: password.to_owned(),
    };
    let guessed = accounts.verify_email(verify(&link, "not the password")).await.unwrap_err();
    problem(&guessed, Code::Unauthenticated, "log_in_wrong");
    accounts.verify_email(verify(&link, PASSWORD)).await.unwrap();
    let bad = accounts.verify_email(verify("x", PASSWORD)).await.unwrap_err();
    problem(&bad, Code::InvalidArgument, "link_invalid");

    for email in [ANNA.to_owned(), nobody] {
        accounts.forgot_password(ForgotPasswordRequest { email }).await.unwrap();
    }
    let token = town.link().await;
    let reset = ResetPasswordRequest { token, password: "battery staple".to_owned() };
    accounts.reset_password(reset.clone()).await.unwrap();
    let spent = accounts.reset_password(reset).await.unwrap_err();
    problem(&spent, Code::InvalidArgument, "link_invalid");
    problem(&log_in(&town, PASSWORD).await.unwrap_err(), Code::Unauthenticated, "log_in_wrong");

    let session = log_in(&town, "battery staple").await.unwrap();
    let token = session.access_token.as_str();
    let anonymous = accounts.get_profile(GetProfileRequest {}).await.unwrap_err();
    problem(&anonymous, Code::Unauthenticated, "not_identified");
    let profile = accounts.get_profile(by(token, GetProfileRequest {})).await.unwrap().into_inner();
    assert_eq!(
        (profile.email.as_str(), profile.verified, profile.roles),
        (ANNA, true, vec!["shopper".to_owned()])
    );
    assert_eq!(profile.customer, session.customer);
    let change =
        |old: &str| ChangePasswordRequest { old_password: old.to_owned(), new_password: PASSWORD.to_owned() };
    let wrong = accounts.change_password(by(token, change("not the old one"))).await.unwrap_err();
    problem(&wrong, Code::Unauthenticated, "log_in_wrong");
    accounts.change_password(by(token, change("battery staple"))).await.unwrap();

    let session = log_in(&town, PASSWORD).await.unwrap();
    let token = session.access_token.as_str();
    let erase = |password: &str| EraseAccountRequest { password: password.to_owned() };
    let wrong = accounts.erase_account(by(token, erase("battery staple"))).await.unwrap_err();
    problem(&wrong, Code::Unauthenticated, "log_in_wrong");
    accounts.erase_account(by(token, erase(PASSWORD))).await.unwrap();
    let gone = accounts.get_profile(by(token, GetProfileRequest {})).await.unwrap_err();
    problem(&gone, Code::NotFound, "account_gone");
    drop(accounts);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_in_goes_on_by_its_refresh_token_and_guesses_are_counted() {
    let town = Town::open().await;
    town.member().await;
    let mut sessions = SessionServiceClient::new(channel(&town.shop).await);
    let refresh = |session: &Session| RefreshRequest { refresh_token: session.refresh_token.clone() };
    let first = log_in(&town, PASSWORD).await.unwrap();
    let lasts = first.access_lasts.unwrap().seconds;
    assert!(first.verified && lasts > 0 && first.refresh_lasts.unwrap().seconds > lasts);
    let next = sessions.refresh(refresh(&first)).await.unwrap().into_inner();
    assert_eq!(next.customer, first.customer);
    assert_ne!(next.refresh_token, first.refresh_token);
    for token in [String::new(), "x".to_owned(), next.access_token.clone()] {
        let none = sessions.refresh(RefreshRequest { refresh_token: token }).await.unwrap_err();
        problem(&none, Code::Unauthenticated, "log_in_ended");
    }
    // The same log-in over HTTP: one cookie more, and nothing else.
    let cookie = format!("refresh={}", next.refresh_token);
    let over_http = town
        .shop
        .send(reqwest::Method::POST, "/v1/sessions:refresh", &[("cookie", &cookie)], &json!({}))
        .await;
    assert_eq!(over_http.json()["customer"], json!(next.customer));
    sessions.log_out(LogOutRequest { refresh_token: next.refresh_token.clone() }).await.unwrap();
    let ended = sessions.refresh(refresh(&next)).await.unwrap_err();
    problem(&ended, Code::Unauthenticated, "log_in_ended");
    sessions.log_out(LogOutRequest::default()).await.unwrap();

    let mut guesses = 0;
    let refused = loop {
        let refused = log_in(&town, "not the password").await.unwrap_err();
        guesses += 1;
        if refused.code() != Code::Unauthenticated || guesses > 100 {
            break refused;
        }
    };
    assert!(problem(&refused, Code::ResourceExhausted, "too_many_attempts").retry_after_seconds > 0);
    drop(sessions);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_cart_is_filled_and_checked_out_as_one_order() {
    let town = Town::open().await;
    town.shop.list(&[("A", 5), ("B", 5)], &json!({})).await;
    let token = &town.member().await;
    let mut carts = CartServiceClient::new(channel(&town.shop).await);
    let put = |sku: &str, quantity| PutLineRequest { sku: sku.to_owned(), quantity };
    problem(&carts.get_cart(GetCartRequest {}).await.unwrap_err(), Code::Unauthenticated, "not_identified");
    let wait = Some(prost_types::Duration { seconds: 20, nanos: 0 });
    let check_out = CheckOutRequest { wait, ..CheckOutRequest::default() };
    let empty = carts.check_out(by(token, check_out.clone())).await.unwrap_err();
    problem(&empty, Code::FailedPrecondition, "cart_empty");
    let none = carts.put_line(by(token, put("A", 0))).await.unwrap_err();
    problem(&none, Code::InvalidArgument, "line_invalid");
    let nameless = carts.put_line(by(token, put("", 1))).await.unwrap_err();
    assert_eq!(problem(&nameless, Code::InvalidArgument, "bad_field").place, "sku");
    for (sku, quantity) in [("A", 2), ("B", 1), ("C", 1), ("A", 1)] {
        carts.put_line(by(token, put(sku, quantity))).await.unwrap();
    }
    let remove = RemoveLineRequest { sku: "C".to_owned() };
    let left = carts.remove_line(by(token, remove)).await.unwrap().into_inner();
    let cart = carts.get_cart(by(token, GetCartRequest {})).await.unwrap().into_inner();
    let lines: Vec<_> = cart.lines.iter().map(|line| (line.sku.as_str(), line.quantity)).collect();
    assert_eq!((&cart, lines), (&left, vec![("A", 1), ("B", 1)]));

    let order = carts.check_out(by(token, check_out.clone())).await.unwrap().into_inner();
    assert_eq!((order.state(), order.lines.len()), (OrderState::Held, 2));
    let again = carts.check_out(by(token, check_out.clone())).await.unwrap().into_inner();
    assert_eq!(again, order, "a repeat is the same order");
    let cart = carts.get_cart(by(token, GetCartRequest {})).await.unwrap().into_inner();
    assert_eq!((cart.lines.len(), cart.checking_out.as_str()), (0, ""));

    // What certainly cannot be ordered goes back into the cart.
    carts.put_line(by(token, put("NONE", 1))).await.unwrap();
    let euros = CheckOutRequest { currency: "EUR".to_owned(), ..check_out };
    let unlisted = carts.check_out(by(token, euros)).await.unwrap_err();
    problem(&unlisted, Code::InvalidArgument, "listing_unknown");
    let cart = carts.get_cart(by(token, GetCartRequest {})).await.unwrap().into_inner();
    assert_eq!(cart.lines.len(), 1);
    let cart = carts.clear_cart(by(token, ClearCartRequest {})).await.unwrap().into_inner();
    assert_eq!(cart.lines, []);
    drop(carts);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn who_wants_to_be_told_is_noted() {
    let town = Town::open().await;
    town.shop.list(&[("A", 5)], &json!({})).await;
    let token = &town.member().await;
    let stock = Interest::Stock("A".parse().unwrap());
    let told = async || town.people.contacts.subscribers(&stock, None, 9).await.unwrap().len();
    let mut subscriptions = SubscriptionServiceClient::new(channel(&town.shop).await);
    let (back, none) = (SubscriptionEvent::BackInStock, SubscriptionEvent::Unspecified);
    let wish = |sku: &str, event| SubscribeRequest { sku: sku.to_owned(), event: i32::from(event) };
    subscriptions.subscribe(by(token, wish("A", back))).await.unwrap();
    assert_eq!(told().await, 1);
    let unknown = subscriptions.subscribe(by(token, wish("NONE", back))).await.unwrap_err();
    problem(&unknown, Code::NotFound, "no_such_listing");
    let never = subscriptions.subscribe(by(token, wish("A", none))).await.unwrap_err();
    assert_eq!(problem(&never, Code::InvalidArgument, "bad_field").place, "event");
    let mut unverified = Request::new(wish("A", back));
    let key = format!("Bearer {}", town.shop.key(9, "unverified"));
    unverified.metadata_mut().insert("authorization", key.parse().unwrap());
    let unverified = subscriptions.subscribe(unverified).await.unwrap_err();
    problem(&unverified, Code::PermissionDenied, "not_verified");
    let enough = UnsubscribeRequest { sku: "A".to_owned(), event: i32::from(back) };
    subscriptions.unsubscribe(by(token, enough)).await.unwrap();
    assert_eq!(told().await, 0);
    drop(subscriptions);
    town.close().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn without_accounts_their_calls_are_not_there() {
    let shop = Shop::open(Wishes::default()).await;
    let ask = LogInRequest { email: ANNA.to_owned(), password: PASSWORD.to_owned() };
    let mut sessions = SessionServiceClient::new(channel(&shop).await);
    problem(&sessions.log_in(ask).await.unwrap_err(), Code::Unimplemented, "no_such_resource");
    let mut carts = CartServiceClient::new(channel(&shop).await);
    let none = carts.get_cart(of(&shop, 7, GetCartRequest {})).await.unwrap_err();
    problem(&none, Code::Unimplemented, "no_such_resource");
    drop((sessions, carts));
    assert!(shop.close().await);
}
