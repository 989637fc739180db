//! What is written is read back as it was.

use order_model::{Partition, RejectReason, Sequence, TimeMs};
use sink::{Refused, Target};
use sink_clickhouse::{ClickHouse, DifferenceKind, differences, limits::TIME_MS_MAX};

use crate::sale::{Ledger, every_kind, opened};
use crate::{ask, bring, done, fresh, rows_of};

#[tokio::test]
async fn every_kind_of_decision_comes_back() {
    let config = fresh("rows").await;
    let mut target = ClickHouse::new(&config);
    let batch = every_kind().batch();
    bring(&mut target, std::slice::from_ref(&batch)).await;
    let expected = rows_of(&batch);
    let found = target.database().read_back(Partition(5), 0..=u64::MAX).await.unwrap();
    assert_eq!(found, expected);
    assert_eq!(differences(&expected, &found), []);
    let some = target.database().read_back(Partition(5), 3..=5).await.unwrap();
    assert_eq!(some, expected[2..5]);
    assert!(target.database().read_back(Partition(4), 0..=9).await.unwrap().is_empty());
    let last = batch.reached().sequence.0;
    assert_eq!(target.database().partitions().await.unwrap(), [(Partition(5), last)]);
    done(&config).await;
}

#[tokio::test]
async fn names_in_the_table_are_the_models() {
    let config = fresh("names").await;
    let mut target = ClickHouse::new(&config);
    bring(&mut target, &[every_kind().batch()]).await;
    let reasons =
        ask(&config, "SELECT reason FROM decisions WHERE time = '2026-11-27 08:01:40' ORDER BY sequence")
            .await;
    assert_eq!(reasons, RejectReason::ALL.iter().map(|reason| reason.name()).collect::<Vec<_>>());
    let one = "SELECT kind, reason, order_id, currency, lines[1].sku, lines.state, settings_json = '' FROM decisions \
               WHERE sequence = 6";
    let expected = "paid | sku_repeated | ffffffff-ffff-ffff-ffff-fffffffffff9 | EUR | größe-42 | \
                    ['taken','left_out','asked'] | 1";
    assert_eq!(ask(&config, one).await, [expected]);
    done(&config).await;
}

#[tokio::test]
async fn a_time_that_does_not_fit_is_refused_and_the_rest_goes_on() {
    let config = fresh("late").await;
    let mut target = ClickHouse::new(&config);
    let mut ledger = Ledger::new(2);
    for _ in 0..3 {
        ledger.at(0, opened("x", "s", 1));
    }
    let mut batch = ledger.batch();
    batch.arrivals[1].time = TimeMs(TIME_MS_MAX + 1);
    let refused = target.write(std::slice::from_ref(&batch)).await.unwrap();
    let [Refused { partition: Partition(2), sequence: Sequence(2), reason }] = refused.as_slice() else {
        panic!("{refused:?}")
    };
    assert!(reason.contains("the record's time is 10413792000000 ms"), "{reason}");
    target.advance(&[(batch.partition, batch.reached())]).await.unwrap();
    assert_eq!(target.reached(Partition(2)).await.unwrap(), batch.reached());
    assert_eq!(ask(&config, "SELECT sequence FROM decisions ORDER BY sequence").await, ["1", "3"]);
    batch.arrivals[1].time = TimeMs(TIME_MS_MAX);
    assert_eq!(target.write(std::slice::from_ref(&batch)).await.unwrap(), []);
    assert_eq!(ask(&config, "SELECT max(recorded_at) FROM decisions").await, ["2299-12-31 23:59:59.999"]);
    done(&config).await;
}

#[tokio::test]
async fn a_changed_row_is_found_by_its_columns() {
    let config = fresh("changed").await;
    let mut target = ClickHouse::new(&config);
    let batch = every_kind().batch();
    bring(&mut target, std::slice::from_ref(&batch)).await;
    crate::run(
        &config,
        "ALTER TABLE decisions_raw UPDATE total = 1, customer = order_id WHERE sequence = 4 SETTINGS mutations_sync = 2",
    )
    .await;
    let found = target.database().read_back(Partition(5), 0..=u64::MAX).await.unwrap();
    let differing = differences(&rows_of(&batch), &found);
    assert_eq!(differing.len(), 1);
    assert_eq!(differing[0].sequence, 4);
    assert_eq!(differing[0].kind, DifferenceKind::Columns(vec!["customer", "total"]));
    done(&config).await;
}
