//! Differences planted by hand are found one by one, and mended.

use order_model::{OrderId, Partition};
use sink_clickhouse::backlog::{Backlog, verify};
use sink_clickhouse::{ClickHouse, DerivedDifference, Difference, DifferenceKind, Row, differences};

use crate::{ask, bring, derived_differences, done, fresh, rows_of, run};

const BACKLOG: Backlog = Backlog { partitions: 2, listings: 2, decisions: 20_000 };
const ONE: Partition = Partition(1);

fn expected() -> Vec<Row> {
    rows_of(&BACKLOG.batch(ONE, 0, u64::MAX))
}

async fn found(target: &ClickHouse) -> Vec<Difference> {
    let found = target.database().read_back(ONE, 0..=u64::MAX).await.unwrap();
    differences(&expected(), &found)
}

#[tokio::test]
async fn changed_missing_and_extra_decisions() {
    let config = fresh("reconciling").await;
    let mut target = ClickHouse::new(&config);
    let both = [Partition(0), ONE].map(|partition| BACKLOG.batch(partition, 0, u64::MAX));
    bring(&mut target, &both).await;
    assert_eq!(found(&target).await, []);

    run(&config, "DELETE FROM decisions_raw WHERE partition = 1 AND sequence IN (5, 15000)").await;
    let by_hand = "ALTER TABLE decisions_raw UPDATE total = total + 1, order_id = generateUUIDv4(), time = time + 70 \
                   WHERE partition = 1 AND sequence = 9000 SETTINGS mutations_sync = 2";
    run(&config, by_hand).await;
    run(
        &config,
        "INSERT INTO decisions_raw SELECT * REPLACE (30000 AS sequence) FROM (SELECT * FROM decisions_raw WHERE \
         partition = 1 AND decisions_offset = 76)",
    )
    .await;
    let planted = found(&target).await;
    let kinds: Vec<_> =
        planted.iter().map(|difference| (difference.sequence, difference.kind.clone())).collect();
    assert_eq!(
        kinds,
        [
            (5, DifferenceKind::Missing),
            (9_000, DifferenceKind::Columns(vec!["time", "order_id", "total"])),
            (15_000, DifferenceKind::Missing),
            (30_000, DifferenceKind::Extra),
        ]
    );
    // As a zombie would: the wrong row is rolled up, and an order nobody placed appears.
    let wrong = target.database().read_back(ONE, 9_000..=9_000).await.unwrap();
    target.database().rewrite(ONE, 9_000..=9_000, &wrong).await.unwrap();

    for difference in &planted {
        let sequence = difference.sequence;
        let right: Vec<_> = expected().into_iter().filter(|row| row.sequence == sequence).collect();
        target.database().rewrite(ONE, sequence..=sequence, &right).await.unwrap();
    }
    assert_eq!(found(&target).await, []);
    for partition in [Partition(0), ONE] {
        assert_eq!(derived_differences(&target, partition).await, []);
    }
    assert_eq!(verify(target.database(), BACKLOG).await.unwrap(), Ok(()));
    done(&config).await;
}

#[tokio::test]
async fn computed_tables() {
    let config = fresh("computed").await;
    let mut target = ClickHouse::new(&config);
    bring(&mut target, &[BACKLOG.batch(ONE, 0, u64::MAX)]).await;
    let order = ask(&config, "SELECT order_id FROM order_state WHERE last_sequence = 10000").await;
    for change in [
        "rollup_orders UPDATE total = total + 1 WHERE span = 2 AND kind = 'paid'",
        "rollup_lines DELETE WHERE span = 0 AND sku = 'sku-1-1' AND kind = 'held'",
        "rollup_stock UPDATE sold = 0 WHERE span = 1",
        &format!("order_facts UPDATE total = 0 WHERE order_id = '{}'", order[0]),
        "order_facts DELETE WHERE bitShiftRight(last, 8) = 12001",
        "listing_events DELETE WHERE sequence = 2",
    ] {
        run(&config, &format!("ALTER TABLE {change} SETTINGS mutations_sync = 2")).await;
    }
    let nobodys = "INSERT INTO order_facts (order_id, partition, last) VALUES \
                   ('00000000-0000-0000-0000-000000000009', 1, 1)";
    run(&config, nobodys).await;
    let found = derived_differences(&target, ONE).await;
    let orders = &found[3..6];
    let of = |table| move |span| DerivedDifference::Span { table, span };
    assert_eq!(found[..3], [of("rollup_orders")(2), of("rollup_lines")(0), of("rollup_stock")(1)]);
    assert!(orders.contains(&DerivedDifference::Order(order[0].parse().unwrap())), "{orders:?}");
    assert!(orders.contains(&DerivedDifference::Order(OrderId::from(9))), "{orders:?}");
    assert_eq!(found[6..], [DerivedDifference::Listing(2)]);
    target.database().rebuild(ONE, &found).await.unwrap();
    assert_eq!(derived_differences(&target, ONE).await, []);
    done(&config).await;
}
