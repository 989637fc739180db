//! Progress lives in the database, and says too little at most.

use order_model::{Offset, Partition, Sequence};
use sink::{Reached, Target};
use sink_clickhouse::backlog::Backlog;
use sink_clickhouse::{ClickHouse, Config};

use crate::{bring, derived_differences, done, fresh};

const BACKLOG: Backlog = Backlog { partitions: 1, listings: 2, decisions: 30_000 };
const ZERO: Partition = Partition(0);

async fn reached(config: &Config) -> u64 {
    let reached = ClickHouse::new(config).reached(ZERO).await.unwrap();
    assert_eq!(reached.next_offset.0, reached.sequence.0, "offsets of a backlog");
    reached.sequence.0
}

#[tokio::test]
async fn it_is_found_again_and_never_moves_back() {
    let config = fresh("progress").await;
    assert_eq!(reached(&config).await, 0);
    let mut target = ClickHouse::new(&config);
    bring(&mut target, &[BACKLOG.batch(ZERO, 0, 1_000)]).await;
    assert_eq!(reached(&config).await, 1_000);
    target.write(&[BACKLOG.batch(ZERO, 1_000, 500)]).await.unwrap();
    assert_eq!(reached(&config).await, 1_000, "written, not recorded");
    let later = Reached { sequence: Sequence(1_500), next_offset: Offset(1_500) };
    target.advance(&[(ZERO, later)]).await.unwrap();
    assert_eq!(reached(&config).await, 1_500);
    bring(&mut target, &[BACKLOG.batch(ZERO, 100, 100)]).await;
    target.advance(&[]).await.unwrap();
    assert_eq!(reached(&config).await, 1_500);
    assert_eq!(ClickHouse::new(&config).reached(Partition(1)).await.unwrap(), Reached::default());
    done(&config).await;
}

#[tokio::test]
async fn decisions_that_are_refused_at_the_end_are_passed() {
    let config = fresh("passed").await;
    let mut target = ClickHouse::new(&config);
    bring(&mut target, &[BACKLOG.batch(ZERO, 0, 10)]).await;
    let passed = Reached { sequence: Sequence(12), next_offset: Offset(12) };
    target.advance(&[(ZERO, passed)]).await.unwrap();
    assert_eq!(reached(&config).await, 12);
    done(&config).await;
}

/// An older copy of the table was put back, or rows were taken away: progress goes back to before the first hole, so that
/// they are written again.
#[tokio::test]
async fn rows_that_are_gone_are_asked_for_again() {
    let config = fresh("gone").await;
    let mut target = ClickHouse::new(&config);
    bring(&mut target, &[BACKLOG.batch(ZERO, 0, 20_000)]).await;
    for (gone, left) in [
        ("sequence > 17000", 17_000),
        ("sequence BETWEEN 9000 AND 9010", 8_192),
        ("sequence > 8191", 8_191),
        ("sequence = 1", 0),
        ("1", 0),
    ] {
        let sql = format!("DELETE FROM decisions_raw WHERE {gone} OR sequence = 20000");
        crate::run(&config, &format!("{sql} SETTINGS lightweight_deletes_sync = 2")).await;
        assert_eq!(reached(&config).await, left, "{gone}");
    }
    bring(&mut target, &[BACKLOG.batch(ZERO, 0, 20_000)]).await;
    assert_eq!(reached(&config).await, 20_000);
    assert_eq!(derived_differences(&target, ZERO).await, []);
    done(&config).await;
}
