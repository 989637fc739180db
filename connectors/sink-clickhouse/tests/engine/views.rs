//! Views that no question asks, and the cut of the consistent ones.

use order_model::{Partition, TimeMs};
use sink::Target;
use sink_clickhouse::ClickHouse;

use crate::sale::{OPENS_MS, small_sale};
use crate::{ask, bring, done, fresh};

#[tokio::test]
async fn what_the_views_say() {
    let config = fresh("views").await;
    let mut target = ClickHouse::new(&config);
    let [home, other] = small_sale().map(|ledger| ledger.batch());
    bring(&mut target, &[home, other]).await;
    for (sql, expected) in [
        (
            "SELECT sale, currency, units_paid, gross, lines_expired, lines_rejected FROM sales ORDER BY sale",
            vec!["books | EUR | 2 | 6000 | 0 | 0", "friday | EUR | 6 | 54000 | 1 | 2"],
        ),
        (
            "SELECT sku, partition, sale, free, held, sold, waiting FROM stock ORDER BY sku",
            vec![
                "atlas | 1 | books | 8 | 0 | 2 | 0",
                "chair | 1 | friday | 2 | 0 | 3 | 0",
                "desk | 0 | friday | 0 | 0 | 1 | 0",
                "lamp | 0 | friday | 0 | 0 | 2 | 0",
            ],
        ),
        (
            "SELECT minute, free, held, sold FROM stock_per_minute WHERE sku = 'lamp' ORDER BY minute",
            vec!["2026-11-27 08:00:00 | 0 | 1 | 1", "2026-11-27 08:01:00 | 0 | 0 | 2"],
        ),
        (
            "SELECT sku, sale, currency, opens_at, limit_per_customer, hold_ms, tax_bp, units, \
             JSONExtractInt(settings, 'prices', 1, 'unit_price') FROM listings WHERE partition = 0 ORDER BY sku",
            vec![
                "desk | friday | EUR | 2026-11-27 08:00:00.000 | 2 | 60000 | 1900 | 1 | 5000",
                "lamp | friday | EUR | 2026-11-27 08:00:00.000 | 2 | 60000 | 1900 | 2 | 5000",
            ],
        ),
        ("SELECT day, placed, waited, held, paid FROM funnel", vec!["2026-11-27 | 10 | 1 | 7 | 5"]),
        (
            "SELECT state, count(), sum(total) FROM order_state GROUP BY state ORDER BY state",
            vec!["cancelled | 1 | 6000", "expired | 1 | 20000", "paid | 5 | 60000", "rejected | 3 | 0"],
        ),
        (
            "SELECT state, partition, skus, ever_held, held_at, ended_at, first_sequence, last_sequence FROM order_state \
             WHERE order_id = '00000000-0000-0000-0000-000000000005'",
            vec![
                "paid | 0 | ['chair','lamp'] | 1 | 2026-11-27 08:00:31.000 | 2026-11-27 08:01:00.000 | 7 | 10",
            ],
        ),
        (
            "SELECT why FROM order_state WHERE partition = 0 AND state = 'rejected' ORDER BY placed_at LIMIT 1",
            vec!["stock_short"],
        ),
        ("SELECT count() FROM holds_due", vec!["0"]),
    ] {
        assert_eq!(ask(&config, sql).await, expected, "{sql}");
    }
    done(&config).await;
}

#[tokio::test]
async fn consistent_views_wait_for_the_partition_that_lags() {
    let config = fresh("consistent").await;
    let mut target = ClickHouse::new(&config);
    let [home, other] = small_sale();
    // The other ledger has told nothing after 40 s; home has paid order e at 60 s, whose part there is not paid yet.
    bring(&mut target, &[home.batch(), other.cut(0, 6)]).await;
    let sold = "SELECT (SELECT sum(orders) FROM revenue), (SELECT sum(sold) FROM stock)";
    assert_eq!(
        ask(&config, sold).await,
        ["4 | 5"],
        "the latest of each partition: one chair of e is missing"
    );
    let consistent = "SELECT (SELECT sum(orders) FROM revenue_consistent), (SELECT sum(sold) FROM stock_consistent), \
                      (SELECT sum(paid) FROM funnel_consistent), (SELECT time FROM cut), (SELECT waits_for FROM cut)";
    assert_eq!(ask(&config, consistent).await, ["2 | 3 | 2 | 2026-11-27 08:00:40.000 | 1"]);
    let states = "SELECT state, count() FROM order_state_consistent GROUP BY state ORDER BY state";
    assert_eq!(ask(&config, states).await, ["held | 2", "paid | 2", "rejected | 1", "waiting | 1"]);
    assert_eq!(
        ask(&config, "SELECT count() FROM orders_per_minute_consistent").await,
        ["0"],
        "no whole minute yet"
    );

    bring(&mut target, &[other.cut(6, 10)]).await;
    assert_eq!(ask(&config, consistent).await, ["4 | 6 | 4 | 2026-11-27 08:01:36.000 | 0"]);
    // Nothing more will come before 120 s, says who knows.
    let both = [Partition(0), Partition(1)];
    target.database().mark(&both, TimeMs(OPENS_MS + 120_000)).await.unwrap();
    assert_eq!(ask(&config, consistent).await, ["5 | 8 | 5 | 2026-11-27 08:02:00.000 | 0"]);
    let all = "SELECT (SELECT count() FROM decisions_consistent) = (SELECT count() FROM decisions), \
               (SELECT sum(decisions) FROM orders_per_minute_consistent) = (SELECT count() FROM decisions)";
    assert_eq!(ask(&config, all).await, ["1 | 1"]);
    target.database().mark(&both, TimeMs(OPENS_MS)).await.unwrap();
    assert_eq!(
        ask(&config, "SELECT time FROM cut").await,
        ["2026-11-27 08:02:00.000"],
        "a mark moved time back"
    );
    done(&config).await;
}

/// At the first start one partition may be written before the other has anything: nothing of it shows until then.
#[tokio::test]
async fn consistent_views_wait_for_a_partition_that_nothing_is_written_of_yet() {
    let config = fresh("first_start").await;
    let mut target = ClickHouse::new(&config).of_partitions(3);
    target.reached(Partition(0)).await.unwrap();
    let [home, other] = small_sale();
    bring(&mut target, &[home.batch()]).await;
    let shown = "SELECT (SELECT count() FROM decisions_consistent), (SELECT toUnixTimestamp64Milli(time) FROM cut), \
                 (SELECT partitions FROM cut)";
    assert_eq!(ask(&config, shown).await, ["0 | 0 | 3"]);
    bring(&mut target, &[other.batch()]).await;
    assert_eq!(ask(&config, shown).await, ["0 | 0 | 3"], "the third is silent");
    // Nobody has ever asked it for anything, says who knows.
    target.database().mark(&[Partition(2)], TimeMs(OPENS_MS + 120_000)).await.unwrap();
    let all = ask(&config, shown).await.remove(0);
    assert!(!all.starts_with("0 | 0"), "{all}");
    // Another start moves nothing back.
    let mut again = ClickHouse::new(&config).of_partitions(3);
    assert_eq!(again.reached(Partition(0)).await.unwrap(), home.batch().reached());
    assert_eq!(ask(&config, shown).await, [all]);
    done(&config).await;
}
