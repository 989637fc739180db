//! Callbacks: what nobody asked for, what nobody had in hand, what cannot be given back.

use order_codec::{DeadLetterReason, Stage};
use order_model::{Command, PaymentId, PaymentResult};
use order_model::{Currency, OrderEventKind, OrderId, RejectReason, Settle};
use payment_worker::{Payment, PaymentHandle, PaymentState, PaymentWorker, Sandbox, SandboxFaults, Taken};

use crate::shop::{PRICE, Shop, now, options, sandbox, until};

fn stray(id: &str, order: u128) -> Payment {
    Payment {
        id: id.to_owned(),
        order: Some(OrderId::from(order)),
        sku: Some(Shop::skus()[1]),
        state: PaymentState::Captured,
        amount: 700,
        currency: Currency::EUR,
        captured: 700,
        refunded: 0,
        created: now(),
    }
}

fn deliver(sandbox: &Sandbox, handle: &PaymentHandle) -> Vec<Taken> {
    let take = |callback: payment_worker::SentCallback| {
        handle.callbacks().take(Some(&callback.signature), &callback.body).unwrap()
    };
    sandbox.take_callbacks().into_iter().map(take).collect()
}

#[test]
fn money_for_an_unknown_order_is_given_back() {
    let shop = Shop::open(600_000);
    let sandbox = sandbox(21, SandboxFaults { repeated: 1_000, ..SandboxFaults::default() });
    let handle = shop.pay(sandbox.clone());
    until("the partitions are restored", || {
        handle.status().partitions.len() == 2 && handle.status().is_idle()
    });
    sandbox.plant(stray("pi_stray", 9_999));
    assert_eq!(deliver(&sandbox, &handle), [Taken::Noted, Taken::Repeated]);
    until("it is given back", || sandbox.takings().refunded == 700);
    assert_eq!(shop.refunds(RejectReason::OrderUnknown), 1);
    shop.idle(&handle);
    shop.check(&sandbox);
    assert_eq!(handle.status().strays, 1);
    handle.drain().unwrap();
}

#[test]
fn a_second_payment_of_a_paid_order_is_given_back() {
    let shop = Shop::open(600_000);
    let sandbox = sandbox(22, SandboxFaults::default());
    let handle = shop.pay(sandbox.clone());
    shop.place(1..11);
    shop.settled(10, &handle);
    sandbox.plant(stray("pi_second", 1));
    deliver(&sandbox, &handle);
    until("it is given back", || sandbox.takings().refunded == 700);
    assert_eq!(shop.refunds(RejectReason::PaidAlready), 1);
    shop.idle(&handle);
    shop.check(&sandbox);
    // All the other callbacks were about payments the log knows.
    assert_eq!((handle.status().strays, handle.status().captured), (1, 11));
    handle.drain().unwrap();
}

#[test]
fn callbacks_of_payments_that_are_done_tell_nothing_however_late() {
    let shop = Shop::open(600_000);
    let sandbox = sandbox(23, SandboxFaults { repeated: 500, reordered: 500, ..SandboxFaults::default() });
    let handle = shop.pay(sandbox.clone());
    shop.place(1..51);
    shop.settled(50, &handle);
    handle.drain().unwrap();
    let next = shop.pay(sandbox.clone());
    shop.idle(&next);
    assert!(deliver(&sandbox, &next).contains(&Taken::Repeated));
    until("all are looked back on", || next.status().callbacks_in_hand == 0);
    shop.idle(&next);
    assert_eq!((next.status().strays, next.status().captured), (0, 0));
    shop.check(&sandbox);
    next.drain().unwrap();
}

#[test]
fn a_callback_finds_what_a_dead_worker_captured_for_a_hold_that_is_over() {
    // The provider knows a payment of the order, captured by a worker that told nobody.
    let shop = Shop::open(300);
    let sandbox = sandbox(24, SandboxFaults::default());
    shop.place(1..2);
    until("the hold is over", || shop.count(OrderEventKind::Expired) == 1);
    let mut payment = stray("pi_lost", 1);
    (payment.amount, payment.captured) = (PRICE, PRICE);
    sandbox.plant(payment);
    let handle = shop.pay(sandbox.clone());
    // No callback is needed: the hold ended and was not closed.
    until("it is given back", || sandbox.takings().refunded == PRICE);
    assert_eq!(shop.refunds(RejectReason::NotHeld), 1);
    until("the hold is closed", || shop.count(OrderEventKind::Refused) == 1);
    deliver(&sandbox, &handle);
    shop.idle(&handle);
    shop.check(&sandbox);
    handle.drain().unwrap();
    let next = shop.pay(sandbox.clone());
    shop.idle(&next);
    assert_eq!(next.status().closed, 0, "what is closed stays closed");
    next.drain().unwrap();
}

#[test]
fn what_the_provider_never_took_becomes_a_dead_letter() {
    let shop = Shop::open(600_000);
    let sandbox = sandbox(25, SandboxFaults::default());
    let mut options = options();
    options.limits.seeks_max = 3;
    let handle = PaymentWorker::start(&shop.parts(), &options, sandbox.clone()).unwrap();
    // Whoever has a key can say that money came which did not.
    let settle = Settle {
        order: OrderId::from(77),
        sku: Shop::skus()[0],
        payment: PaymentId([5; 16]),
        amount: 123,
        currency: Currency::EUR,
        result: PaymentResult::Captured,
    };
    shop.write(&[Command::Settle(settle)]);
    let letters = || shop.log.bounds("dead-letters", 0).unwrap().end;
    until("it is given up", || letters() == 1);
    let mut seen = Vec::new();
    shop.read("dead-letters", 0, |value| seen.push(shop.codec.dead_letter_from(value).unwrap()));
    assert_eq!((seen[0].stage, seen[0].reason), (Stage::Payment, DeadLetterReason::Refused));
    assert!(seen[0].detail.contains("knows no such payment"), "{}", seen[0].detail);
    let decision = shop.codec.decision_from(seen[0].value.as_deref().unwrap()).unwrap();
    assert_eq!((seen[0].topic.as_str(), decision.partition.0), ("decisions", 0));
    shop.idle(&handle);
    assert_eq!((handle.status().refused, sandbox.takings().taken), (1, 0));
    handle.drain().unwrap();
}
