//! Callbacks: what nobody asked for, what nobody had in hand, what cannot be given back.

use order_codec::{DeadLetterReason, Stage};
use order_model::{
    Command, Currency, CustomerId, Line, OrderEventKind, OrderId, PaymentId, PaymentResult, Place,
    RejectReason, Settle,
};
use payment_worker::{
    CallbackError, Payment, PaymentHandle, PaymentState, PaymentWorker, Receipt, Sandbox, SandboxFaults,
    SentCallback, Taken,
};

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

/// Calls back, and gives the receipts of what is not done yet.
fn deliver(sandbox: &Sandbox, handle: &PaymentHandle) -> Vec<Receipt> {
    let callbacks = sandbox.take_callbacks();
    let receipts = callbacks.iter().filter_map(|callback| match call_back(handle, callback) {
        Taken::Noted(receipt) => Some(receipt),
        Taken::Repeated => None,
        Taken::NotOurs => panic!("it is ours"),
    });
    receipts.collect()
}

fn call_back(handle: &PaymentHandle, callback: &SentCallback) -> Taken {
    handle.callbacks().take(Some(&callback.signature), &callback.body).unwrap()
}

/// What a provider that called back is told in the end.
fn outcome(receipt: Receipt) -> Result<(), CallbackError> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap();
    runtime.block_on(receipt.done())
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
    let callbacks = sandbox.take_callbacks();
    assert_eq!(callbacks.len(), 2);
    for callback in &callbacks {
        let Taken::Noted(receipt) = call_back(&handle, callback) else { continue };
        assert_eq!(outcome(receipt), Ok(()));
        // Done: the log has it, whatever becomes of this worker.
        assert_eq!(shop.settles(), 1);
    }
    assert!(matches!(call_back(&handle, &callbacks[0]), Taken::Repeated));
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
    deliver(&sandbox, &handle).into_iter().for_each(|receipt| assert_eq!(outcome(receipt), Ok(())));
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
    let receipts = deliver(&sandbox, &next);
    assert!(receipts.len() >= 50, "this worker heard of none of them");
    receipts.into_iter().for_each(|receipt| assert_eq!(outcome(receipt), Ok(())));
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
    deliver(&sandbox, &handle).into_iter().for_each(|receipt| assert_eq!(outcome(receipt), Ok(())));
    shop.idle(&handle);
    shop.check(&sandbox);
    handle.drain().unwrap();
    let next = shop.pay(sandbox.clone());
    shop.idle(&next);
    assert_eq!(next.status().closed, 0, "what is closed stays closed");
    next.drain().unwrap();
}

#[test]
fn a_callback_is_done_only_once_the_log_has_what_follows_from_it() {
    let shop = Shop::open(600_000);
    let sandbox = sandbox(26, SandboxFaults::default());
    let mut options = options();
    options.limits.seeks_max = 2;
    options.limits.call_ms_max = 20;
    let handle = PaymentWorker::start(&shop.parts(), &options, sandbox.clone()).unwrap();
    until("the partitions are restored", || {
        handle.status().partitions.len() == 2 && handle.status().is_idle()
    });
    sandbox.plant(stray("pi_stray", 9_999));
    let callbacks = sandbox.take_callbacks();
    sandbox.set_down(true);
    let Taken::Noted(receipt) = call_back(&handle, &callbacks[0]) else { panic!() };
    // However often the provider does not answer, it is not given up; and a worker that ends says that it is not done.
    until("it was asked after in vain", || handle.status().retries > 2 * u64::from(options.limits.seeks_max));
    assert_eq!(handle.status().callbacks_in_hand, 1);
    handle.drain().unwrap();
    assert_eq!(outcome(receipt), Err(CallbackError::Ended));
    assert_eq!(shop.settles(), 0);

    let next = PaymentWorker::start(&shop.parts(), &options, sandbox.clone()).unwrap();
    let Taken::Noted(receipt) = call_back(&next, &callbacks[0]) else { panic!("it was never done") };
    sandbox.set_down(false);
    assert_eq!(outcome(receipt), Ok(()));
    until("it is given back", || sandbox.takings().refunded == 700);
    shop.idle(&next);
    next.drain().unwrap();
}

#[test]
fn two_orders_under_one_id_are_paid_twice() {
    // Two ledgers, each of which knows only its own orders; whoever made up the id hoped to pay once.
    let shop = Shop::open(600_000);
    let sandbox = sandbox(27, SandboxFaults::default());
    let handle = shop.pay(sandbox.clone());
    let place = |sku| {
        Command::Place(Place {
            order: OrderId::from(5),
            customer: CustomerId::from(5),
            currency: Currency::EUR,
            partial: false,
            lines: std::iter::once(Line { sku, quantity: 1 }).collect(),
        })
    };
    shop.write(&Shop::skus().map(place));
    until("both are paid", || shop.count(OrderEventKind::Paid) == 2);
    shop.idle(&handle);
    assert_eq!((sandbox.takings().captures, sandbox.takings().taken), (2, 2 * PRICE));
    // Whoever takes over finds both as they are.
    handle.drain().unwrap();
    let next = shop.pay(sandbox.clone());
    shop.idle(&next);
    assert_eq!((sandbox.takings().taken, sandbox.takings().refunded), (2 * PRICE, 0));
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
