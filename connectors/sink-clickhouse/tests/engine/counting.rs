//! Each decision counts once: under redelivery, overlap and late zombies, before and after merges.

use std::collections::BTreeMap;

use order_model::{Event, LineState, Partition};
use sink::{Arrival, Batch, Target};
use sink_clickhouse::backlog::Backlog;
use sink_clickhouse::{ClickHouse, Config};

use crate::{ask, bring, derived_differences, done, fresh};

const BACKLOG: Backlog = Backlog { partitions: 3, listings: 4, decisions: 20_000 };

/// Counted here, decision by decision: lines, units taken and money by SKU and kind.
fn counted(upto: [u64; 3]) -> Vec<String> {
    let mut counts: BTreeMap<(String, &str), (u64, i64, i64)> = BTreeMap::new();
    for (partition, upto) in (0..).zip(upto) {
        for Arrival { decision, .. } in BACKLOG.batch(Partition(partition), 0, upto).arrivals {
            let Event::Order(event) = decision.event else { continue };
            for line in &event.lines {
                let units = if line.state == LineState::Taken { line.quantity } else { 0 };
                let count = counts.entry((line.sku.to_string(), event.kind.name())).or_default();
                count.0 += 1;
                count.1 += i64::from(units);
                count.2 += line.unit_price * i64::from(units);
            }
        }
    }
    let row = |((sku, kind), (lines, units, amount)): (&(String, &str), &(u64, i64, i64))| {
        format!("{sku} | {kind} | {lines} | {units} | {amount}")
    };
    counts.iter().map(row).collect()
}

async fn rolled_up(config: &Config) -> Vec<String> {
    let sql = "SELECT sku, kind, sum(line_count), sum(units), sum(amount) FROM skus_per_minute GROUP BY sku, kind \
               ORDER BY sku, kind";
    ask(config, sql).await
}

async fn assert_counted(config: &Config, target: &ClickHouse, upto: [u64; 3], when: &str) {
    assert_eq!(rolled_up(config).await, counted(upto), "{when}");
    let total: u64 = upto.iter().sum();
    assert_eq!(ask(config, "SELECT count() FROM decisions").await, [total.to_string()], "{when}");
    let by_minute = "SELECT sum(decisions) FROM orders_per_minute WHERE kind != 'listing_opened'";
    assert_eq!(ask(config, by_minute).await, [(total - 12).to_string()], "{when}");
    for partition in 0..3 {
        let differing = derived_differences(target, Partition(partition)).await;
        assert_eq!(differing, [], "{when}: partition {partition}");
    }
}

async fn merge(config: &Config) {
    for table in ["decisions_raw", "order_facts", "rollup_orders", "rollup_lines", "rollup_stock", "progress"]
    {
        crate::run(config, &format!("OPTIMIZE TABLE {table} FINAL")).await;
    }
}

fn batches(follows: u64, count: u64) -> Vec<Batch> {
    (0..3).map(|partition| BACKLOG.batch(Partition(partition), follows, count)).collect()
}

#[tokio::test]
async fn redelivery_overlap_and_a_late_zombie() {
    let config = fresh("counting").await;
    let mut owner = ClickHouse::new(&config);
    let mut zombie = ClickHouse::new(&config);
    for follows in [0, 3_000, 6_000] {
        bring(&mut owner, &batches(follows, 3_000)).await;
    }
    assert_counted(&config, &owner, [9_000; 3], "after one clean pass").await;

    bring(&mut owner, &batches(0, 9_000)).await;
    bring(&mut owner, &batches(4_000, 700)).await;
    assert_counted(&config, &owner, [9_000; 3], "after a redelivery of all and of a part").await;

    // A zombie that stopped at 6,500 wakes up after the owner has passed the end of its span, with batches cut elsewhere.
    bring(&mut owner, &batches(9_000, 8_000)).await;
    for partition in 0..3 {
        bring(&mut zombie, &[BACKLOG.batch(Partition(partition), 6_500, 1_234)]).await;
    }
    assert_counted(&config, &owner, [17_000; 3], "after a late zombie").await;
    for partition in 0..3 {
        let reached = zombie.reached(Partition(partition)).await.unwrap();
        assert_eq!(reached.sequence.0, 17_000, "the zombie moved progress back");
    }

    merge(&config).await;
    assert_counted(&config, &owner, [17_000; 3], "after merges").await;
    bring(&mut zombie, &batches(7_734, 900)).await;
    assert_counted(&config, &owner, [17_000; 3], "after merges and a zombie").await;
    done(&config).await;
}

#[tokio::test]
async fn two_owners_at_once() {
    let config = fresh("owners").await;
    let half = |from: u64| {
        let config = config.clone();
        async move {
            let mut target = ClickHouse::new(&config);
            for step in 0..6 {
                bring(&mut target, &batches(from + step * 1_000, 2_000)).await;
            }
        }
    };
    tokio::join!(half(0), half(0), half(500));
    let target = ClickHouse::new(&config);
    assert_counted(&config, &target, [7_500; 3], "after three sinks on the same partitions").await;
    done(&config).await;
}

/// Rows written and not rolled up, because the process died: the next one starts before them.
#[tokio::test]
async fn rows_without_roll_ups_are_written_again() {
    let config = fresh("cut_short").await;
    let mut target = ClickHouse::new(&config);
    bring(&mut target, &batches(0, 1_000)).await;
    crate::run(&config, "RENAME TABLE rollup_stock TO elsewhere").await;
    target.write(&batches(1_000, 12_000)).await.unwrap_err();
    crate::run(&config, "RENAME TABLE elsewhere TO rollup_stock").await;
    assert_eq!(ask(&config, "SELECT count() FROM decisions").await, ["39000"]);
    let mut next = ClickHouse::new(&config);
    let reached = next.reached(Partition(1)).await.unwrap();
    assert_eq!(reached.sequence.0, 1_000);
    bring(&mut next, &batches(reached.sequence.0, 12_000)).await;
    assert_counted(&config, &next, [13_000; 3], "after the next one wrote them again").await;
    done(&config).await;
}
