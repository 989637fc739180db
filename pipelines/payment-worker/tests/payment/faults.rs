//! A provider that declines, is slow, loses answers, forgets, or is dead.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use order_model::{MinorUnits, OrderEventKind, OrderId, RejectReason};
use payment_worker::{
    Answer, Charge, Payment, PaymentError, PaymentState, PaymentWorker, Provider, Sandbox, SandboxFaults,
};
use tokio::sync::watch;

use crate::shop::{Shop, limits, options, sandbox, until};

/// A hold that does not fall due within a test.
const LONG_MS: u64 = 600_000;

#[test]
fn every_hold_is_paid_for_when_nothing_goes_wrong() {
    let shop = Shop::open(LONG_MS);
    let sandbox = sandbox(1, SandboxFaults::default());
    let handle = shop.pay(sandbox.clone());
    until("the partitions are restored", || {
        handle.status().partitions.len() == 2 && handle.status().is_idle()
    });
    shop.place(1..201);
    shop.settled(200, &handle);
    let takings = shop.check(&sandbox);
    assert_eq!((takings.captures, shop.count(OrderEventKind::Paid)), (200, 200));
    let status = handle.drain().unwrap();
    assert_eq!((status.captured, status.declined, status.closed, status.calls), (200, 0, 0, 400));
    assert_eq!((status.retries, status.gaps, status.orders), (0, 0, 0));
}

#[test]
fn a_provider_that_does_everything_wrong_takes_no_money_twice() {
    for seed in 1..5 {
        let shop = Shop::open(LONG_MS);
        let faults = SandboxFaults {
            declined: 150,
            pending: 150,
            lost: 200,
            turned_away: 200,
            slow: 100,
            forgotten: 500,
            other_amount: 0,
            short: 0,
            repeated: 300,
            unsent: 200,
            reordered: 300,
            delay_ms: (0, 20),
        };
        let sandbox = sandbox(seed, faults);
        let handle = shop.pay(sandbox.clone());
        shop.place(1..301);
        let callbacks = handle.callbacks();
        until("every order has its end", || {
            for callback in sandbox.take_callbacks() {
                callbacks.take(Some(&callback.signature), &callback.body).unwrap();
            }
            let kinds = [OrderEventKind::Paid, OrderEventKind::Declined];
            kinds.iter().map(|kind| shop.count(*kind)).sum::<usize>() == 300
        });
        shop.idle(&handle);
        let takings = shop.check(&sandbox);
        assert_eq!(takings.captures, u64::try_from(shop.count(OrderEventKind::Paid)).unwrap());
        assert!(shop.count(OrderEventKind::Declined) > 20);
        assert!(handle.status().retries > 50);
        handle.drain().unwrap();
    }
}

#[test]
fn another_amount_than_asked_for_buys_nothing() {
    let shop = Shop::open(LONG_MS);
    let sandbox = sandbox(3, SandboxFaults { other_amount: 1_000, ..SandboxFaults::default() });
    let handle = shop.pay(sandbox.clone());
    shop.place(1..11);
    shop.settled(10, &handle);
    shop.check(&sandbox);
    assert_eq!(shop.count(OrderEventKind::Declined), 10);
    assert_eq!(sandbox.takings().taken, 0, "what is set aside wrongly is given up, not taken");
}

#[test]
fn less_than_was_asked_for_is_given_back_and_the_hold_is_not_charged_again() {
    let shop = Shop::open(LONG_MS);
    let sandbox = shop.sandbox(3, SandboxFaults { short: 1_000, ..SandboxFaults::default() });
    let handle = shop.pay(sandbox.clone());
    shop.place(1..11);
    until("all is given back, and nothing else is asked for", || {
        let status = handle.status();
        (status.refunded, status.calls_under_way) == (10, 0)
    });
    shop.clock.pass(LONG_MS);
    shop.settled(10, &handle);
    let takings = shop.check(&sandbox);
    assert_eq!((takings.captures, shop.refunds(RejectReason::AmountDiffers)), (10, 10));
    assert_eq!(shop.count(OrderEventKind::Expired), 10);
    handle.drain().unwrap();
}

#[test]
fn a_dead_provider_delays_no_decision_and_all_is_closed_once_it_lives() {
    let shop = Shop::open(LONG_MS);
    let sandbox = shop.sandbox(4, SandboxFaults::default());
    sandbox.set_down(true);
    let mut options = options();
    options.limits.orders_max = 20;
    let handle = PaymentWorker::start(&shop.parts(), &options, sandbox.clone()).unwrap();
    shop.place(1..101);
    until("all are held", || shop.count(OrderEventKind::Held) == 100);
    until("a dead provider is called by one at a time", || handle.status().calls_allowed == 1);
    shop.clock.pass(LONG_MS);
    until("all expire", || shop.count(OrderEventKind::Expired) == 100);
    assert!(handle.status().orders <= 20 + options.limits.batch.records_max, "{:?}", handle.status());
    assert_eq!(handle.status().calls_allowed, 1, "a dead provider is not called by many at once");
    sandbox.set_down(false);
    until("every hold that ended unpaid is closed", || shop.count(OrderEventKind::Refused) == 100);
    shop.place(101..121);
    shop.settled(120, &handle);
    shop.check(&sandbox);
    assert_eq!((shop.count(OrderEventKind::Paid), shop.count(OrderEventKind::Refused)), (20, 100));
    handle.drain().unwrap();
}

/// A provider that does at once what it is asked to, and withholds the answer until it is released: for odd orders when
/// money is set aside, for the others when it is taken.
struct Withholding {
    sandbox: Sandbox,
    withheld: Arc<AtomicUsize>,
    released: watch::Receiver<bool>,
}

impl Withholding {
    async fn withhold(&self) {
        self.withheld.fetch_add(1, Ordering::Relaxed);
        let mut released = self.released.clone();
        released.wait_for(|is_released| *is_released).await.ok();
    }
}

impl Provider for Withholding {
    fn name(&self) -> &str {
        "withholding"
    }

    async fn authorise(&self, charge: &Charge) -> Answer<Payment> {
        let answer = self.sandbox.authorise(charge).await;
        if charge.order.0[15] % 2 == 1 {
            self.withhold().await;
        }
        answer
    }

    async fn capture(&self, order: OrderId, id: &str) -> Answer<Payment> {
        let answer = self.sandbox.capture(order, id).await;
        self.withhold().await;
        answer
    }

    async fn void(&self, order: OrderId, id: &str) -> Answer<Payment> {
        self.sandbox.void(order, id).await
    }

    async fn refund(&self, order: OrderId, id: &str, amount: MinorUnits) -> Answer<Payment> {
        self.sandbox.refund(order, id, amount).await
    }

    async fn retrieve(&self, id: &str) -> Answer<Payment> {
        self.sandbox.retrieve(id).await
    }

    async fn look_up(&self, order: OrderId) -> Answer<Vec<Payment>> {
        self.sandbox.look_up(order).await
    }
}

#[test]
fn a_slow_provider_whose_answers_come_after_the_hold_gives_the_money_back() {
    let shop = Shop::open(LONG_MS);
    let sandbox = shop.sandbox(5, SandboxFaults::default());
    let (release, released) = watch::channel(false);
    let withheld = Arc::new(AtomicUsize::new(0));
    let provider = Withholding { sandbox: sandbox.clone(), withheld: Arc::clone(&withheld), released };
    let mut options = options();
    options.limits.calls_max = 20;
    options.limits.call_ms_max = LONG_MS;
    let handle = PaymentWorker::start(&shop.parts(), &options, provider).unwrap();
    shop.place(1..151);
    until("all are held", || shop.count(OrderEventKind::Held) == 150);
    until("every answer is withheld", || withheld.load(Ordering::Relaxed) == 20);
    shop.clock.pass(LONG_MS);
    until("all expire", || shop.count(OrderEventKind::Expired) == 150);
    release.send_replace(true);
    shop.settled(150, &handle);
    let takings = shop.check(&sandbox);
    assert!(takings.captures > 0, "some were captured too late");
    assert_eq!(shop.refunds(RejectReason::NotHeld), usize::try_from(takings.captures).unwrap());
    let voided = sandbox.payments().iter().any(|payment| payment.state == PaymentState::Voided);
    assert!(voided, "some were only set aside");
    handle.drain().unwrap();
}

#[test]
fn a_cancelled_order_is_not_charged_or_is_given_back() {
    let shop = Shop::open(LONG_MS);
    let sandbox = sandbox(6, SandboxFaults { pending: 400, delay_ms: (3, 3), ..SandboxFaults::default() });
    let mut options = options();
    // The last look is soon after the hold would have fallen due, which is far off: nothing is left open meanwhile.
    options.limits.close_after_ms = 0;
    let handle = PaymentWorker::start(&shop.parts(), &options, sandbox.clone()).unwrap();
    // The first are cancelled before anybody can have been asked for their money.
    let cancels = (1..21).step_by(2).map(Shop::cancelling);
    shop.write(&(1..101).map(Shop::placing).chain(cancels).collect::<Vec<_>>());
    (21..101).step_by(2).for_each(|number| shop.write(&[Shop::cancelling(number)]));
    until("every order has its end", || {
        let kinds = [OrderEventKind::Paid, OrderEventKind::Cancelled, OrderEventKind::Declined];
        kinds.iter().map(|kind| shop.count(*kind)).sum::<usize>() == 100
    });
    until("nothing is set aside or owed", || {
        let takings = sandbox.takings();
        let refunds = shop.events().into_iter().filter(|event| event.kind == OrderEventKind::Refund);
        takings.set_aside == 0 && takings.refunded == refunds.map(|event| event.total).sum::<i64>()
    });
    until("money taken = sold + refunded", || {
        let paid = shop.events().into_iter().filter(|event| event.kind == OrderEventKind::Paid);
        sandbox.takings().taken == sandbox.takings().refunded + paid.map(|event| event.total).sum::<i64>()
    });
    assert!(shop.count(OrderEventKind::Cancelled) > 0);
    handle.drain().unwrap();
}

#[test]
fn what_is_missing_is_named_at_the_start() {
    let shop = Shop::open(LONG_MS);
    let start = |change: &dyn Fn(&mut payment_worker::PaymentOptions)| {
        let mut options = options();
        change(&mut options);
        options.limits = limits();
        let sandbox = sandbox(1, SandboxFaults::default());
        PaymentWorker::start(&shop.parts(), &options, sandbox).err().map(|error| error.to_string()).unwrap()
    };
    assert!(start(&|options| options.decisions = "gone".into()).contains("no topic gone"));
    assert!(start(&|options| options.dead_letters = "lost".into()).contains("no topic lost"));
    let mut parts = shop.parts();
    parts.ring = order_codec::KeyRing::new(Vec::new()).unwrap();
    let error = PaymentWorker::start(&parts, &options(), sandbox(1, SandboxFaults::default())).err().unwrap();
    assert!(matches!(error, PaymentError::NoKey));
}
