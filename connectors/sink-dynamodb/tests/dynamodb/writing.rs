//! How items are written: newest only, in batches, hot ones once an interval, more slowly when throttled.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use order_model::{CustomerId, Event, Offset, OrderEventKind, Partition, RejectReason, Sequence, TimeMs};
use sink::{Reached, Target};
use sink_dynamodb::{DynamoDb, StoredOrder, TABLES, Value, history, items_of, scan, stored_order};
use tables::{Local, Tables};

use crate::decisions::{batch, decision, order, order_event, time_of};
use crate::proxy::{Fault, Proxy};
use crate::stand_in::{StandIn, through};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flush_writes_each_item_once_and_older_decisions_never() {
    for stand_in in StandIn::BOTH {
        let (tables, options) = stand_in.tables().await;
        let proxy = Proxy::start(&stand_in.endpoint()).await;
        let mut target = through(&proxy.endpoint, &options).await;
        let orders: Vec<u128> = (0x100..0x100 + 60).collect();
        let mut decisions: Vec<_> =
            (1..).zip(&orders).map(|(sequence, id)| order(0, sequence, OrderEventKind::Held, *id)).collect();
        decisions
            .extend((61..).zip(&orders).map(|(sequence, id)| order(0, sequence, OrderEventKind::Paid, *id)));
        assert_eq!(target.write(&[batch(&decisions)]).await, Ok(Vec::new()));
        // 60 orders and 60 payments; of the stock of the one SKU the newest alone, which is not there yet.
        let statements = proxy.take_statements();
        let about = |table: &str| {
            statements.iter().filter(|s| s["Statement"].as_str().unwrap().contains(table)).count()
        };
        assert_eq!(
            (about("-orders\""), about("-payments\""), about("-inventory\"")),
            (60, 60, 2),
            "{stand_in:?}"
        );
        let status = target.status().status();
        assert_eq!((status.written, status.superseded, status.throttled), (121, 0, 0));

        // A zombie with the first half changes nothing.
        let before = scan(&tables, &TABLES).await.unwrap();
        assert_eq!(before, items_of(&decisions, &options.retention));
        let mut zombie = through(&proxy.endpoint, &options).await;
        zombie.write(&[batch(&decisions[..60])]).await.unwrap();
        let status = zombie.status().status();
        assert_eq!((status.written, status.superseded), (0, 61));
        assert_eq!(scan(&tables, &TABLES).await.unwrap(), before);
    }
}

#[tokio::test]
async fn progress_never_moves_back() {
    for stand_in in StandIn::BOTH {
        let (tables, options) = stand_in.tables().await;
        let mut target = DynamoDb::over(tables, &options);
        let at = |sequence, offset| Reached { sequence: Sequence(sequence), next_offset: Offset(offset) };
        let one = Partition(1);
        assert_eq!(target.reached(one).await, Ok(Reached::default()));
        for (said, kept) in
            [(at(5, 9), at(5, 9)), (at(4, 20), at(5, 9)), (at(5, 11), at(5, 11)), (at(6, 12), at(6, 12))]
        {
            target.advance(&[(one, said)]).await.unwrap();
            assert_eq!(target.reached(one).await, Ok(kept), "{said:?}");
        }
        assert_eq!(target.reached(Partition(0)).await, Ok(Reached::default()));
    }
}

#[tokio::test]
async fn progress_of_many_partitions_is_said_though_every_other_request_fails() {
    for fault in [Fault::Throttle, Fault::LostReply] {
        let (_, options) = StandIn::Dynoxide.tables().await;
        let proxy = Proxy::start(&StandIn::Dynoxide.endpoint()).await;
        proxy.inject(Some(fault));
        let mut target = through(&proxy.endpoint, &options).await;
        let reached = Reached { sequence: Sequence(5), next_offset: Offset(5) };
        let progress: Vec<_> = (0..7).map(|partition| (Partition(partition), reached)).collect();
        assert_eq!(target.advance(&progress).await, Ok(()), "{fault:?}");
        proxy.inject(None);
        for (partition, reached) in progress {
            assert_eq!(target.reached(partition).await, Ok(reached), "{fault:?}");
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn stock_is_written_once_an_interval_and_before_the_write_ends() {
    let (tables, mut options) = StandIn::Dynoxide.tables().await;
    options.stock_interval = Duration::from_millis(150);
    let mut target = DynamoDb::over(tables.clone(), &options);
    let begun = Instant::now();
    let mut written = Vec::new();
    for sequence in 1..=4 {
        target.write(&[batch(&[order(0, sequence, OrderEventKind::Held, sequence.into())])]).await.unwrap();
        let items = scan(&tables, &[tables::Table::Inventory]).await.unwrap();
        written.push(items.values().next().unwrap().version);
    }
    assert_eq!(written, [1, 2, 3, 4]);
    assert!(begun.elapsed() >= Duration::from_millis(450), "{:?}", begun.elapsed());
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn through_every_fault_the_tables_come_out_right() {
    for stand_in in StandIn::BOTH {
        for fault in [Fault::Throttle, Fault::Partial, Fault::LostReply] {
            let (tables, options) = stand_in.tables().await;
            let proxy = Proxy::start(&stand_in.endpoint()).await;
            proxy.inject(Some(fault));
            let mut target = through(&proxy.endpoint, &options).await;
            let decisions: Vec<_> = (1..=120)
                .map(|sequence| order(0, sequence, OrderEventKind::Held, (sequence % 90).into()))
                .collect();
            let mut tries = 0;
            while let Err(error) = target.write(&[batch(&decisions)]).await {
                tries += 1;
                assert!(tries < 100, "{stand_in:?} {fault:?}: {error}");
            }
            let status = target.status().status();
            assert_eq!(status.throttled > 0, fault != Fault::LostReply, "{status:?}");
            let found = scan(&tables, &TABLES).await.unwrap();
            assert_eq!(found, items_of(&decisions, &options.retention), "{stand_in:?} {fault:?}");
        }
    }
}

#[tokio::test]
async fn a_customer_sees_their_orders_newest_first() {
    for stand_in in StandIn::BOTH {
        let (tables, options) = stand_in.tables().await;
        let mut target = DynamoDb::over(tables.clone(), &options);
        // Orders 3, 13, 23 are of customer 3; the first is paid last.
        let decisions: Vec<_> = [(1, 3), (2, 14), (3, 13), (4, 23)]
            .map(|(sequence, id)| order(0, sequence, OrderEventKind::Held, id))
            .into_iter()
            .chain([order(0, 5, OrderEventKind::Paid, 3)])
            .collect();
        for decision in decisions {
            target.write(&[batch(&[decision])]).await.unwrap();
        }
        let told = history(&tables, CustomerId::from(3), 10).await.unwrap();
        let told: Vec<_> = told
            .iter()
            .map(|(key, item)| (key.hash.get(34..).unwrap(), item.attributes.get("status").unwrap().clone()))
            .collect();
        let status = |text: &str| Value::from(text);
        assert_eq!(
            told,
            [("17", status("held")), ("0d", status("held")), ("03", status("paid"))],
            "{stand_in:?}"
        );
        assert_eq!(history(&tables, CustomerId::from(3), 1).await.unwrap().len(), 1);
        assert!(history(&tables, CustomerId::from(9), 10).await.unwrap().is_empty());
    }
}

#[tokio::test]
async fn an_order_is_read_back_as_it_was_decided() {
    for stand_in in StandIn::BOTH {
        let (tables, options) = stand_in.tables().await;
        let mut target = DynamoDb::over(tables.clone(), &options);
        for (number, kind) in (1..).zip([
            OrderEventKind::Held,
            OrderEventKind::Rejected,
            OrderEventKind::Paid,
            OrderEventKind::Expired,
        ]) {
            let mut event = order_event(1, number, kind, 0x70 + u128::from(number));
            event.reason = (kind == OrderEventKind::Rejected).then_some(RejectReason::StockShort);
            let decided = decision(1, number, Event::Order(event.clone()));
            target.write(&[batch(&[decided])]).await.unwrap();
            let stored = stored_order(&tables, event.order).await.unwrap().unwrap();
            event.lines.iter_mut().for_each(|line| line.stock = None);
            let (ledger, version) = (Partition(1), Sequence(number));
            assert_eq!(
                stored,
                StoredOrder { ledger, version, time: TimeMs(time_of(number)), event },
                "{stand_in:?}"
            );
        }
        assert_eq!(stored_order(&tables, 9.into()).await.unwrap(), None);
    }
}

#[tokio::test]
async fn ended_orders_go_when_their_time_is_over() {
    // Its own, since all that has expired there goes.
    let local = Local::start().unwrap();
    let options = sink_dynamodb::Options::new(local.options());
    let tables = Tables::connect(&options.tables).await.unwrap();
    tables.create(&TABLES).await.unwrap();
    let mut target = DynamoDb::over(tables.clone(), &options);
    let mut old = order(0, 1, OrderEventKind::Expired, 1);
    old.time = TimeMs(1_600_000_000_000);
    let mut held = order(0, 2, OrderEventKind::Held, 2);
    held.time = old.time;
    target.write(&[batch(&[old, held])]).await.unwrap();
    assert_eq!(local.expire().unwrap(), 1);
    let left: BTreeSet<_> =
        scan(&tables, &[tables::Table::Orders]).await.unwrap().into_keys().map(|k| k.hash).collect();
    assert_eq!(left, BTreeSet::from(["00000000-0000-0000-0000-000000000002".to_owned()]));
}
