//! Several workers share the partitions, come and go.

use order_model::OrderEventKind;
use payment_worker::SandboxFaults;

use crate::shop::{Shop, sandbox, until};

#[test]
fn workers_that_come_and_go_take_every_payment_once() {
    let shop = Shop::open(600_000);
    let faults = SandboxFaults { lost: 100, forgotten: 300, delay_ms: (1, 5), ..SandboxFaults::default() };
    let sandbox = sandbox(11, faults);
    let first = shop.pay(sandbox.clone());
    shop.place(1..201);
    let second = shop.pay(sandbox.clone());
    until("both have a partition", || {
        first.status().partitions.len() == 1 && second.status().partitions.len() == 1
    });
    shop.place(201..401);
    let drained = first.drain().unwrap();
    assert!(drained.partitions.is_empty(), "it gave its partitions back");
    // One that is stopped at once is as good as killed.
    second.ask_to_stop();
    second.ask_to_stop();
    second.join().unwrap();
    shop.place(401..501);
    let third = shop.pay(sandbox.clone());
    shop.settled(500, &third);
    let takings = shop.check(&sandbox);
    assert_eq!((takings.captures, shop.count(OrderEventKind::Paid)), (500, 500));
    third.drain().unwrap();
}

#[test]
fn two_workers_at_the_same_partition_pay_for_each_order_once() {
    let shop = Shop::open(600_000);
    let sandbox = sandbox(12, SandboxFaults { lost: 100, delay_ms: (1, 4), ..SandboxFaults::default() });
    let handle = shop.pay(sandbox.clone());
    // A worker of another group has the same partitions: a zombie could do no more.
    let mut options = crate::shop::options();
    options.group = "zombies".to_owned();
    let zombie = payment_worker::PaymentWorker::start(&shop.parts(), &options, sandbox.clone()).unwrap();
    shop.place(1..301);
    shop.settled(300, &handle);
    shop.idle(&zombie);
    let takings = shop.check(&sandbox);
    assert_eq!((takings.captures, shop.count(OrderEventKind::Paid)), (300, 300));
    handle.drain().unwrap();
    zombie.drain().unwrap();
}

#[test]
fn a_result_that_is_not_decided_yet_is_not_told_again() {
    let mut shop = Shop::open(600_000);
    let sandbox = sandbox(13, SandboxFaults::default());
    shop.place(1..21);
    until("all are held", || shop.count(OrderEventKind::Held) == 20);
    shop.stop_deciding();
    let first = shop.pay(sandbox.clone());
    until("all are told", || first.status().captured == 20);
    first.drain().unwrap();
    let ends: u64 = (0..2).map(|partition| shop.log.bounds("orders", partition).unwrap().end).sum();
    let second = shop.pay(sandbox.clone());
    until("the open holds are restored and looked up", || {
        let status = second.status();
        status.calls == 20 && status.calls_under_way == 0 && status.partitions.values().all(|p| p.is_restored)
    });
    let after: u64 = (0..2).map(|partition| shop.log.bounds("orders", partition).unwrap().end).sum();
    assert_eq!(after, ends, "what stands on `orders` is known there");
    shop.decide();
    shop.settled(20, &second);
    shop.check(&sandbox);
    second.drain().unwrap();
}
