//! What stores can have wrong, beyond rows and items that `pipeline-cli` plants: progress, and what cannot be stored.

use order_model::{Offset, Partition, Sequence, TimeMs};
use reconcile::{Difference, Ground, Reconciliation, Store, mend, reconcile};
use sink::Reached;
use sink_clickhouse::limits::TIME_MS_MAX;
use sink_dynamodb::{Item, Key, Value, forget_progress, note_progress, noted_progress};
use tables::Table;

use crate::ground::{bare, batches, codec, log_of, run, written};

const ONE: Partition = Partition(1);

fn reached(sequence: u64, offset: u64) -> Reached {
    Reached { sequence: Sequence(sequence), next_offset: Offset(offset) }
}

/// Mends what is found, which is `expected` differences, and nothing is left.
async fn mends(ground: &Ground, expected: u64, what: &str) -> Reconciliation {
    let found = reconcile(ground).await.unwrap();
    assert_eq!(u64::try_from(found.differences.len()).unwrap(), expected, "{what}: {:#?}", found.differences);
    let mended = mend(ground, &found).await.unwrap();
    assert_eq!((mended.mended, mended.left, mended.refused.len()), (expected, 0, 0), "{what}");
    let left = reconcile(ground).await.unwrap();
    assert!(left.holds(), "{what}: {:#?}", left.differences);
    found
}

#[tokio::test(flavor = "multi_thread")]
async fn progress_that_is_lost_or_wrong_is_a_difference_and_costs_nothing_else() {
    let ground = written(&batches()).await;
    assert!(reconcile(&ground).await.unwrap().holds());
    let (tables, _) = ground.tables.as_ref().unwrap();
    let database = ground.clickhouse.as_ref().unwrap();

    run(&ground, "DELETE FROM progress WHERE partition = 1").await;
    forget_progress(tables, Partition(0)).await.unwrap();
    let found = mends(&ground, 2, "lost").await;
    let named = |store, partition| {
        let wanted = reached(60, 60);
        Difference::Progress { store, partition, found: None, wanted }
    };
    assert_eq!(found.differences, [named(Store::DynamoDb, Partition(0)), named(Store::ClickHouse, ONE)]);
    assert_eq!(found.differences.iter().map(Difference::kind).collect::<Vec<_>>(), ["missing", "missing"]);

    for (wrong, what) in [
        (reached(20, 20), "too low"),
        (reached(20, 30), "over decisions that are on the log"),
        (reached(70, 60), "over decisions to come"),
        (reached(60, 90), "behind the end of the log"),
    ] {
        database.forget_progress(ONE).await.unwrap();
        database.note_progress(ONE, wrong).await.unwrap();
        note_progress(tables, ONE, wrong).await.unwrap();
        mends(&ground, 2, what).await;
        assert_eq!(database.noted_progress(ONE).await.unwrap(), Some(reached(60, 60)), "{what}");
        assert_eq!(noted_progress(tables, ONE).await.unwrap(), Some(reached(60, 60)), "{what}");
    }
}

/// The roll-ups of a partition whose progress was lost are computed as far as its decisions go.
#[tokio::test(flavor = "multi_thread")]
async fn a_roll_up_is_mended_where_the_progress_is_lost_too() {
    let ground = written(&batches()).await;
    run(&ground, "DELETE FROM progress WHERE partition = 1").await;
    let change = "ALTER TABLE rollup_orders UPDATE decisions = decisions + 1 WHERE partition = 1";
    run(&ground, &format!("{change} SETTINGS mutations_sync = 2")).await;
    mends(&ground, 2, "one roll-up, one progress").await;
    run(&ground, "DELETE FROM progress WHERE partition = 1").await;
    run(&ground, "DELETE FROM decisions_raw WHERE partition = 1 AND sequence = 7").await;
    mends(&ground, 2, "one row, one progress").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_decision_that_can_be_no_row_hides_no_difference() {
    let mut batches = batches();
    let late = &mut batches[1].arrivals[20].decision;
    late.time = TimeMs(TIME_MS_MAX + 1);
    let ground = written(&batches).await;
    let found = reconcile(&ground).await.unwrap();
    assert!(found.holds(), "{:#?}", found.differences);
    assert_eq!((found.decisions, found.rows, found.rowless), (120, Some(119), 1));
    run(&ground, "DELETE FROM decisions_raw WHERE partition = 1 AND sequence = 40").await;
    mends(&ground, 1, "a row behind it").await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_item_that_dynamodb_refuses_keeps_nothing_else_from_being_mended() {
    let ground = written(&batches()).await;
    let key = Key { table: Table::Payments, hash: "a".to_owned(), range: "b".to_owned() };
    let large = Value::Text("x".repeat(500 * 1_024));
    let item = Item { ledger: 0, version: 1, attributes: [("note".into(), large)].into_iter().collect() };
    run(&ground, "DELETE FROM decisions_raw WHERE partition = 1 AND sequence = 40").await;
    let mut found = reconcile(&ground).await.unwrap();
    found.differences.insert(0, Difference::Item { key, wanted: Some(item), found: None });
    let mended = mend(&ground, &found).await.unwrap();
    assert_eq!((mended.mended, mended.left), (1, 0));
    let [refused] = mended.refused.try_into().unwrap();
    assert!(refused.starts_with("payments a b: "), "{refused}");
    assert!(reconcile(&ground).await.unwrap().holds());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_log_alone_holds() {
    let found = reconcile(&bare(log_of(&batches()), codec())).await.unwrap();
    assert_eq!((found.decisions, found.items, found.rows, found.holds()), (120, None, None, true));
}
