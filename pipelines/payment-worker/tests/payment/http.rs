//! The HTTP provider against the sandbox in Stripe's shape, and callbacks over HTTP.

use std::net::SocketAddr;
use std::time::Duration;

use order_model::{CustomerId, OrderEventKind, OrderId};
use payment_worker::{
    CALLBACK_PATH, Charge, HttpOptions, HttpProvider, PaymentError, PaymentState, Provider, Sandbox,
    SandboxFaults, SentCallback, Verdict, callback_router, sandbox_router,
};

use crate::shop::{PATIENCE, PRICE, Shop, sandbox, until};

/// How long an answer is waited for where some are lost.
pub(crate) const LOST_AFTER: Duration = Duration::from_millis(300);

/// A server on loopback, on a thread of its own.
pub(crate) struct Server {
    pub(crate) address: SocketAddr,
    pub(crate) runtime: tokio::runtime::Runtime,
}

impl Server {
    pub(crate) fn start(router: axum::Router) -> Self {
        let runtime =
            tokio::runtime::Builder::new_multi_thread().worker_threads(1).enable_all().build().unwrap();
        let listener = runtime.block_on(tokio::net::TcpListener::bind("127.0.0.1:0")).unwrap();
        let address = listener.local_addr().unwrap();
        runtime.spawn(async move { axum::serve(listener, router).await });
        Self { address, runtime }
    }

    /// Ends it without waiting for answers that never come.
    pub(crate) fn stop(self) {
        self.runtime.shutdown_background();
    }
}

pub(crate) fn provider(address: SocketAddr, key: &str, timeout: Duration) -> HttpProvider {
    HttpProvider::new(&HttpOptions {
        endpoint: format!("http://{address}"),
        key: key.to_owned(),
        payment_method: Some("pm_card_visa".to_owned()),
        timeout,
    })
    .unwrap()
}

fn charge(number: u128, amount: i64) -> Charge {
    Charge {
        order: OrderId::from(number),
        customer: CustomerId::from(number),
        sku: Shop::skus()[0],
        amount,
        currency: order_model::Currency::EUR,
    }
}

#[test]
fn every_call_says_what_it_did_and_its_repeat_the_same() {
    let sandbox = Sandbox::honest();
    let server = Server::start(sandbox_router(sandbox.clone()));
    let provider = provider(server.address, "sk_test", PATIENCE);
    server.runtime.block_on(async {
        let charge = charge(1, PRICE);
        assert_eq!(provider.look_up(charge.order).await.unwrap(), []);
        let payment = provider.authorise(&charge).await.unwrap();
        assert_eq!((payment.state, payment.amount, payment.captured), (PaymentState::Authorised, PRICE, 0));
        assert_eq!((payment.order, payment.sku), (Some(charge.order), Some(charge.sku)));
        assert_eq!(provider.authorise(&charge).await.unwrap(), payment);
        assert_eq!(provider.look_up(charge.order).await.unwrap(), std::slice::from_ref(&payment));
        let other = Charge { amount: PRICE + 1, ..charge.clone() };
        assert_eq!(provider.authorise(&other).await.unwrap_err().verdict, Verdict::LookUp);
        let id = payment.id.as_str();
        let captured = provider.capture(charge.order, id).await.unwrap();
        assert_eq!((captured.state, captured.captured), (PaymentState::Captured, PRICE));
        assert_eq!(provider.capture(charge.order, id).await.unwrap_err().verdict, Verdict::LookUp);
        assert_eq!(provider.void(charge.order, id).await.unwrap_err().verdict, Verdict::LookUp);
        assert_eq!(provider.retrieve(id).await.unwrap(), captured);
        let refunded = provider.refund(charge.order, id, PRICE).await.unwrap();
        assert_eq!((refunded.refunded, refunded.holds_money()), (PRICE, false));
        assert_eq!(provider.refund(charge.order, id, 1).await.unwrap_err().verdict, Verdict::LookUp);
        assert_eq!(provider.retrieve("pi_none").await.unwrap_err().verdict, Verdict::Missing);
        let nothing = self::charge(2, 0);
        assert_eq!(provider.authorise(&nothing).await.unwrap_err().verdict, Verdict::Decline);
    });
    server.stop();
}

#[test]
fn faults_say_what_may_have_happened() {
    let all = |timeout: Duration, set: &dyn Fn(&mut SandboxFaults)| {
        let mut faults = SandboxFaults::default();
        set(&mut faults);
        let sandbox = sandbox(1, faults);
        let server = Server::start(sandbox_router(sandbox.clone()));
        let provider = provider(server.address, "sk_test", timeout);
        let call = || server.runtime.block_on(provider.authorise(&charge(1, PRICE)));
        let mut answer = call();
        // The time of a call may run out before it arrives: then it is made again.
        until("the call arrives", || {
            let arrives = timeout == PATIENCE || !sandbox.payments().is_empty();
            if !arrives {
                answer = call();
            }
            arrives
        });
        server.stop();
        (answer, sandbox.payments().len())
    };
    let (answer, payments) = all(LOST_AFTER, &|faults| faults.lost = 1_000);
    assert_eq!((answer.unwrap_err().verdict, payments), (Verdict::LookUp, 1), "it happened");
    let (answer, payments) = all(PATIENCE, &|faults| faults.turned_away = 1_000);
    assert_eq!((answer.unwrap_err().verdict, payments), (Verdict::Retry, 0));
    let (answer, payments) = all(PATIENCE, &|faults| faults.declined = 1_000);
    assert_eq!((answer.unwrap().state, payments), (PaymentState::Declined, 1));
    let (answer, _) = all(PATIENCE, &|faults| faults.pending = 1_000);
    assert_eq!(answer.unwrap().state, PaymentState::Pending);
    let server = Server::start(axum::Router::new());
    let address = server.address;
    let wrong =
        server.runtime.block_on(provider(address, "sk", PATIENCE).authorise(&charge(1, PRICE))).unwrap_err();
    assert_eq!(wrong.verdict, Verdict::LookUp, "not our API at all: {wrong}");
    server.stop();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    // An address that was free a moment ago, and where nobody listens.
    let address = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    let dead = runtime.block_on(provider(address, "sk", PATIENCE).authorise(&charge(1, PRICE))).unwrap_err();
    assert_eq!(dead.verdict, Verdict::Retry, "nobody there, so nothing happened: {dead}");
}

#[test]
fn a_wrong_key_stops_the_worker_with_the_reason() {
    let shop = Shop::open(600_000);
    let server = Server::start(sandbox_router(Sandbox::honest()));
    let handle = shop.pay(provider(server.address, "wrong", PATIENCE));
    shop.place(1..2);
    until("it ends", || handle.is_finished());
    let error = handle.join().unwrap_err();
    assert!(matches!(&error, PaymentError::Halted { detail } if detail.contains("401")), "{error}");
    assert!(error.to_string().contains("check its key"), "{error}");
    server.stop();
}

#[test]
fn a_sale_over_http_with_faults_and_callbacks() {
    let shop = Shop::open(600_000);
    let faults = SandboxFaults {
        declined: 100,
        pending: 100,
        lost: 60,
        turned_away: 150,
        slow: 50,
        forgotten: 300,
        repeated: 300,
        unsent: 100,
        reordered: 300,
        delay_ms: (0, 30),
        ..SandboxFaults::default()
    };
    let sandbox = sandbox(31, faults);
    let server = Server::start(sandbox_router(sandbox.clone()));
    let handle = shop.pay(provider(server.address, "sk_test", LOST_AFTER));
    let endpoint = Server::start(callback_router(handle.callbacks()));
    shop.place(1..151);
    let url = format!("http://{}{CALLBACK_PATH}", endpoint.address);
    let client = reqwest::Client::new();
    until("every order has its end", || {
        for SentCallback { signature, body } in sandbox.take_callbacks() {
            let request = client.post(&url).header(payment_worker::SIGNATURE_HEADER, signature).body(body);
            let response = endpoint.runtime.block_on(request.send()).unwrap();
            assert_eq!(response.status().as_u16(), 200);
        }
        shop.count(OrderEventKind::Paid) + shop.count(OrderEventKind::Declined) == 150
    });
    let forged = client.post(&url).header(payment_worker::SIGNATURE_HEADER, "t=1,v1=00").body("{}");
    assert_eq!(endpoint.runtime.block_on(forged.send()).unwrap().status().as_u16(), 400);
    shop.idle(&handle);
    shop.check(&sandbox);
    handle.drain().unwrap();
    let late = client.post(&url).header(payment_worker::SIGNATURE_HEADER, "t=1,v1=00").body("{}");
    assert_eq!(endpoint.runtime.block_on(late.send()).unwrap().status().as_u16(), 400);
    endpoint.stop();
    server.stop();
}
