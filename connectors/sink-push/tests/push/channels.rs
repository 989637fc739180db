//! Web push, webhooks and SNS against endpoints that answer, refuse, forget and never end.

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use order_model::*;
use sink_push::channels::email::{EmailChannel, EmailError, EmailOptions, Security};
use sink_push::channels::sns::{SnsChannel, SnsOptions};
use sink_push::channels::webhook::{ID_HEADER, SIGNATURE_HEADER, WebhookChannel, WebhookOptions, verify};
use sink_push::channels::webpush::{VapidKey, WebPushChannel, WebPushOptions};
use sink_push::contacts::WebSubscription;
use sink_push::limits::LANES_DEFAULT;
use sink_push::*;

use crate::http::{Answer, Endpoint};
use crate::rig::*;

fn webhook() -> Box<dyn Channel> {
    let mut options = WebhookOptions::new(keys());
    options.insecure = true;
    options.attempt_max = PATIENCE;
    Box::new(WebhookChannel::new(options).unwrap())
}

fn hooks(url: &str) -> MemoryContacts {
    let url = format!("{url}/hook");
    everybody(move |_| vec![Address::Webhook(url.clone())])
}

fn paid(count: u64) -> Vec<Decision> {
    (1..=count).map(|number| about(OrderEventKind::Paid, number.into(), number)).collect()
}

#[tokio::test]
async fn a_webhook_can_check_who_calls_and_what() {
    let endpoint = Endpoint::start(Answer::Status(204)).await;
    let claims = SharedClaims::default();
    let mut sink = start(&claims, hooks(&endpoint.url), vec![webhook()], Hands::new().clock());
    write(&mut sink, paid(1)).await;
    assert!(sink.courier().delivered(PATIENCE).await);
    let [request] = endpoint.requests().try_into().unwrap();
    let (id, signature) = (&request.headers[ID_HEADER], &request.headers[SIGNATURE_HEADER]);
    let check = |body: &[u8], now| verify(&keys(), id, signature, body, TimeMs(now), 60_000);
    check(&request.body, NOW).unwrap();
    check(b"{}", NOW).unwrap_err();
    check(&request.body, NOW + 600_000).unwrap_err();
    let body: serde_json::Value = serde_json::from_slice(&request.body).unwrap();
    assert_eq!(request.path, "/hook");
    assert_eq!((body["event"].as_str(), body["id"].as_str()), (Some("paid"), Some(id.as_str())));
    assert_eq!(body["facts"]["order"], "00000000-0000-0000-0000-000000000001");
    assert_eq!(body["facts"]["total"], 3_998);
}

#[tokio::test]
async fn a_yes_that_never_ends_is_a_yes() {
    let endpoint = Endpoint::start(Answer::SlowForEver).await;
    let claims = SharedClaims::default();
    let mut sink = start(&claims, hooks(&endpoint.url), vec![webhook()], Hands::new().clock());
    write(&mut sink, paid(100)).await;
    assert!(sink.courier().delivered(PATIENCE).await);
    assert_eq!((claims.0.count(ClaimState::Sent), endpoint.requests().len()), (100, 100));
}

#[tokio::test]
async fn a_webhook_without_an_answer_is_called_again_with_the_same_id() {
    for answer in [Answer::Silence, Answer::HangUp, Answer::Status(503), Answer::Later(429, 1)] {
        let endpoint = Endpoint::start(answer).await;
        let claims = SharedClaims::default();
        let hands = Hands::still();
        let mut sink = start(&claims, hooks(&endpoint.url), vec![webhook()], hands.clock());
        write(&mut sink, paid(1)).await;
        until("it is called", || !endpoint.requests().is_empty()).await;
        if answer == Answer::Silence {
            time_runs_out().await;
        }
        let courier = sink.courier();
        until("it is to be tried again", || courier.status()[0].retried > 0).await;
        endpoint.answer(Answer::Status(200));
        hands.advance(5_000);
        until("it is sent", || claims.0.count(ClaimState::Sent) == 1).await;
        let requests = endpoint.requests();
        assert!(requests.len() >= 2, "{answer:?}");
        assert!(requests.iter().all(|request| request.headers[ID_HEADER] == requests[0].headers[ID_HEADER]));
        assert_ne!(requests[0].headers[SIGNATURE_HEADER], requests[1].headers[SIGNATURE_HEADER]);
    }
}

#[tokio::test]
async fn a_webhook_that_is_away_delays_no_other() {
    let away = Endpoint::start(Answer::Silence).await;
    let there = Endpoint::start(Answer::Status(200)).await;
    let refuses = Endpoint::start(Answer::Status(404)).await;
    let urls = [away.url.clone(), there.url.clone(), refuses.url.clone(), "http://127.0.0.1:9".to_owned()];
    let contacts = everybody(move |who| vec![Address::Webhook(urls[usize::from(who.0[15]) % 4].clone())]);
    let claims = SharedClaims::default();
    let mut sink = start(&claims, contacts, vec![webhook()], Hands::still().clock());
    write(&mut sink, paid(200)).await;
    until("every lane waits for an answer", || away.requests().len() == LANES_DEFAULT).await;
    time_runs_out().await;
    until("those that are there are called", || there.requests().len() == 50).await;
    until("those that refuse are done", || claims.0.count(ClaimState::Failed) == 50).await;
    // One that does not answer is asked by as many lanes as there are, once, and then rests.
    assert_eq!(away.requests().len(), LANES_DEFAULT);
}

#[tokio::test]
async fn a_browser_gets_what_only_it_can_read() {
    let endpoint = Endpoint::start(Answer::Status(201)).await;
    let secret = p256::SecretKey::from_slice(&[9; 32]).unwrap();
    let subscription = WebSubscription {
        endpoint: format!("{}/push/1", endpoint.url),
        p256dh: BASE64_URL_SAFE_NO_PAD.encode(secret.public_key().to_sec1_bytes()),
        auth: BASE64_URL_SAFE_NO_PAD.encode([3; 16]),
    };
    let key = VapidKey::from_base64(&BASE64_URL_SAFE_NO_PAD.encode([7; 32])).unwrap();
    let mut options = WebPushOptions::new(key.clone(), "mailto:push@shop.example");
    options.insecure = true;
    let channel = Box::new(WebPushChannel::new(options).unwrap());
    let claims = SharedClaims::default();
    let contacts = everybody(move |_| vec![Address::WebPush(subscription.clone())]);
    let mut sink = start(&claims, contacts, vec![channel], Hands::new().clock());
    write(&mut sink, paid(1)).await;
    assert!(sink.courier().delivered(PATIENCE).await);
    let [request] = endpoint.requests().try_into().unwrap();
    let header = |name: &str| request.headers[name].as_str();
    assert!(header("authorization").starts_with("vapid t="));
    assert!(header("authorization").ends_with(&format!("k={}", key.public())));
    assert_eq!((header("content-encoding"), header("urgency")), ("aes128gcm", "high"));
    assert_eq!((header("ttl"), header("topic").len()), ("86400", 32));
    let auth = web_push_native::Auth::from([3; 16]);
    let plain = web_push_native::decrypt(request.body.clone(), &secret, &auth).unwrap();
    let plain: serde_json::Value = serde_json::from_slice(&plain).unwrap();
    assert_eq!(
        (plain["title"].as_str(), plain["tag"].as_str()),
        (Some("Your order is paid"), Some(header("topic")))
    );
    // A browser that has unsubscribed is not asked again.
    endpoint.answer(Answer::Status(410));
    write(&mut sink, vec![about(OrderEventKind::Paid, 2, 2)]).await;
    assert!(sink.courier().delivered(PATIENCE).await);
    assert_eq!((claims.0.count(ClaimState::Failed), endpoint.requests().len()), (1, 2));
}

#[test]
fn what_is_no_push_subscription() {
    type Change<'c> = &'c dyn Fn(&mut WebSubscription);
    let secret = p256::SecretKey::from_slice(&[9; 32]).unwrap();
    let good = WebSubscription {
        endpoint: "https://push.example/1".to_owned(),
        p256dh: BASE64_URL_SAFE_NO_PAD.encode(secret.public_key().to_sec1_bytes()),
        auth: BASE64_URL_SAFE_NO_PAD.encode([3; 16]),
    };
    let check = |change: &dyn Fn(&mut WebSubscription)| {
        let mut subscription = good.clone();
        change(&mut subscription);
        Address::WebPush(subscription).check(false)
    };
    check(&|_| {}).unwrap();
    let cases: [(Change<'_>, &str); 4] = [
        (&|s: &mut WebSubscription| "http://push.example/1".clone_into(&mut s.endpoint), "not https"),
        (&|s: &mut WebSubscription| "!".clone_into(&mut s.p256dh), "p256dh is not base64url"),
        (&|s: &mut WebSubscription| "AAAA".clone_into(&mut s.p256dh), "not a point"),
        (&|s: &mut WebSubscription| "AAAA".clone_into(&mut s.auth), "auth has 3 bytes"),
    ];
    for (change, part) in cases {
        let error = check(change).unwrap_err().to_string();
        assert!(error.contains(part), "{error}");
    }
}

async fn sns(endpoint: &str) -> Vec<Box<dyn Channel>> {
    let mut options = SnsOptions::new("eu-central-1");
    options.endpoint = Some(endpoint.to_owned());
    options.sender = Some("SHOP".to_owned());
    options.attempt_max = PATIENCE;
    let client = options.client().await;
    vec![
        Box::new(SnsChannel::sms(client.clone(), options.clone())),
        Box::new(SnsChannel::mobile_push(client, options)),
    ]
}

fn telephones() -> MemoryContacts {
    everybody(|_| {
        let arn = "arn:aws:sns:eu-central-1:1:endpoint/GCM/app/1".to_owned();
        vec![Address::Sms("+4930123456".to_owned()), Address::MobilePush(arn)]
    })
}

#[tokio::test]
async fn sns_gets_a_text_and_a_push() {
    let endpoint = Endpoint::start(Answer::Sns).await;
    let claims = SharedClaims::default();
    let mut sink = start(&claims, telephones(), sns(&endpoint.url).await, Hands::new().clock());
    write(&mut sink, paid(1)).await;
    assert!(sink.courier().delivered(PATIENCE).await);
    assert_eq!(claims.0.count(ClaimState::Sent), 2);
    let bodies: Vec<_> = endpoint
        .requests()
        .iter()
        .map(|request| String::from_utf8_lossy(&request.body).into_owned())
        .collect();
    let has = |parts: &[&str]| bodies.iter().any(|body| parts.iter().all(|part| body.contains(part)));
    assert!(has(&["Action=Publish", "PhoneNumber=%2B4930123456", "SenderID", "Transactional"]), "{bodies:?}");
    assert!(
        has(&["TargetArn=arn", "MessageStructure=json", "fcmV1Message", "MOBILE.APNS.TTL"]),
        "{bodies:?}"
    );
}

#[tokio::test]
async fn sns_without_an_answer_is_not_asked_again() {
    for (answer, state) in [
        (Answer::Silence, ClaimState::Unknown),
        (Answer::HangUp, ClaimState::Unknown),
        (Answer::SnsError(500, "InternalError"), ClaimState::Unknown),
        (Answer::SnsError(400, "EndpointDisabled"), ClaimState::Failed),
        (Answer::SnsError(400, "InvalidParameter"), ClaimState::Failed),
    ] {
        let endpoint = Endpoint::start(answer).await;
        let claims = SharedClaims::default();
        let hands = Hands::new();
        let mut sink = start(&claims, telephones(), sns(&endpoint.url).await, hands.clock());
        write(&mut sink, paid(1)).await;
        until("both are called", || endpoint.requests().len() == 2).await;
        if answer == Answer::Silence {
            time_runs_out().await;
        }
        until("both are settled", || claims.0.count(state) == 2).await;
        hands.advance(60_000);
        assert!(sink.courier().delivered(PATIENCE).await);
        assert_eq!(endpoint.requests().len(), 2, "{answer:?}");
    }
}

#[tokio::test]
async fn sns_that_throttles_or_is_away_is_asked_again() {
    let endpoint = Endpoint::start(Answer::SnsError(400, "Throttled")).await;
    let claims = SharedClaims::default();
    let hands = Hands::new();
    let mut sink = start(&claims, telephones(), sns(&endpoint.url).await, hands.clock());
    write(&mut sink, paid(1)).await;
    let courier = sink.courier();
    until("both are to be tried again", || courier.status().iter().all(|status| status.retried > 0)).await;
    endpoint.answer(Answer::Sns);
    hands.advance(5_000);
    until("both are sent", || claims.0.count(ClaimState::Sent) == 2).await;
    // Nobody listens there.
    let claims = SharedClaims::default();
    let mut sink = start(&claims, telephones(), sns("http://127.0.0.1:9").await, hands.clock());
    write(&mut sink, paid(1)).await;
    let courier = sink.courier();
    until("both are to be tried again", || courier.status().iter().all(|status| status.retried > 0)).await;
    assert!(courier.status().iter().all(|status| status.trouble.is_some()));
}

#[test]
fn options_that_cannot_work_are_refused() {
    let options = |from: &str, security| EmailOptions::new("mail.example", 587, security, from);
    let error = EmailChannel::new(options("nobody", Security::None)).unwrap_err();
    assert!(error.to_string().starts_with("e-mail: the sender `nobody` is no mailbox"), "{error}");
    let mut with_login = options("shop@example.org", Security::None);
    with_login.login = Some(("user".to_owned(), "password".to_owned()));
    assert_eq!(EmailChannel::new(with_login).unwrap_err(), EmailError::LoginInClear);
}
