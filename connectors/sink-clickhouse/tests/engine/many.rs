//! A million decisions, counted afterwards.

use sink_clickhouse::ClickHouse;
use sink_clickhouse::backlog::{Backlog, drain, verify};

use crate::{done, fresh};

#[tokio::test]
async fn a_million_decisions_are_all_there() {
    let config = fresh("many").await;
    let mut target = ClickHouse::new(&config);
    let backlog = Backlog { partitions: 8, listings: 20, decisions: 125_000 };
    let tenths = drain(&mut target, backlog, 262_144, |_| {}).await.unwrap();
    assert_eq!(tenths.iter().map(|tenth| tenth.decisions).sum::<u64>(), backlog.total());
    assert_eq!(verify(target.database(), backlog).await.unwrap(), Ok(()));
    done(&config).await;
}
