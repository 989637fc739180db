//! A provider that declines, is slow, loses answers, forgets, or is dead.

use order_model::{OrderEventKind, RejectReason};
use payment_worker::{PaymentError, PaymentWorker, SandboxFaults};

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
    let shop = Shop::open(800);
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
    let shop = Shop::open(800);
    let sandbox = sandbox(3, SandboxFaults { short: 1_000, ..SandboxFaults::default() });
    let handle = shop.pay(sandbox.clone());
    shop.place(1..11);
    shop.settled(10, &handle);
    let takings = shop.check(&sandbox);
    assert_eq!((takings.captures, shop.refunds(RejectReason::AmountDiffers)), (10, 10));
    assert_eq!(shop.count(OrderEventKind::Expired), 10);
    handle.drain().unwrap();
}

#[test]
fn a_dead_provider_delays_no_decision_and_all_is_closed_once_it_lives() {
    let shop = Shop::open(1_500);
    let sandbox = sandbox(4, SandboxFaults::default());
    sandbox.set_down(true);
    let mut options = options();
    options.limits.orders_max = 20;
    let handle = PaymentWorker::start(&shop.parts(), &options, sandbox.clone()).unwrap();
    shop.place(1..101);
    until("all are held", || shop.count(OrderEventKind::Held) == 100);
    until("all expire", || shop.count(OrderEventKind::Expired) == 100);
    assert!(handle.status().orders <= 20 + options.limits.batch.records_max, "{:?}", handle.status());
    assert_eq!(handle.status().calls_allowed, 1, "a dead provider is not called by many at once");
    sandbox.set_down(false);
    shop.place(101..121);
    until("those in time are paid", || shop.count(OrderEventKind::Paid) > 0);
    shop.settled(120, &handle);
    shop.check(&sandbox);
    let unpaid = 120 - shop.count(OrderEventKind::Paid);
    until("every hold that ended unpaid is closed", || shop.count(OrderEventKind::Refused) == unpaid);
    handle.drain().unwrap();
}

#[test]
fn a_slow_provider_whose_answers_come_after_the_hold_gives_the_money_back() {
    let shop = Shop::open(60);
    let faults = SandboxFaults { slow: 600, delay_ms: (10, 90), ..SandboxFaults::default() };
    let sandbox = sandbox(5, faults);
    let handle = shop.pay(sandbox.clone());
    shop.place(1..151);
    shop.settled(150, &handle);
    shop.check(&sandbox);
    assert!(shop.refunds(RejectReason::NotHeld) > 0, "some were captured too late");
    assert!(shop.count(OrderEventKind::Expired) > 0);
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
    shop.place(1..101);
    (1..101).step_by(2).for_each(|number| shop.cancel(number));
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
