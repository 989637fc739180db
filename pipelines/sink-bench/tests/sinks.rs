//! Small runs of the benchmarks against the real parts: whether they check and count, not how fast anything is.

use clickhouse_embedded::{Engine, EngineOptions};
use sink_bench::clickhouse::{self, ClickHouseOptions};
use sink_bench::dynamodb::{self, DynamoDbOptions};
use sink_bench::push::{self, PushOptions};
use sink_clickhouse::{Config, Database};

fn are_figures(figures: &[f64]) {
    assert!(figures.iter().all(|figure| figure.is_finite() && *figure > 0.0), "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_backlog_is_drained_and_counted_and_a_full_database_gives_no_figure() {
    let folder = tempfile::tempdir().unwrap();
    let options = EngineOptions { folder: folder.path().to_owned(), ..EngineOptions::default() };
    let engine = Engine::start(&options).unwrap();
    let config = Config::new(engine.url(), "bench");
    let options = ClickHouseOptions { decisions: 40_000, partitions: 4, listings: 5 };
    let mut told = Vec::new();
    let figures = clickhouse::run(&config, options, |written| told.push(written)).await.unwrap();
    assert_eq!(figures.rows, 40_000);
    assert_eq!(told, (1..=10).map(|tenth| tenth * 4_000).collect::<Vec<_>>());
    are_figures(&[
        figures.rows_per_second,
        figures.rows_per_second_per_core,
        figures.cpu_ns_per_row,
        figures.decode_ns_per_row,
        figures.last_by_first,
    ]);
    assert!(figures.settings.contains("40000 decisions of 4 ledgers"), "{}", figures.settings);

    // A row that is no decision of the backlog: the same run has no figure now.
    let client = Database::new(&config).client();
    let moved = "INSERT INTO decisions_raw SELECT * REPLACE (9 AS partition) FROM decisions_raw LIMIT 1";
    client.query(moved).execute().await.unwrap();
    let error = clickhouse::run(&config, options, |_| {}).await.unwrap_err();
    assert!(error.to_string().contains("so there is no figure"), "{error}");
    assert!(error.to_string().contains("[40001, "), "{error}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_hot_sale_is_written_and_compared() {
    let options = DynamoDbOptions { decisions: 4_000, partitions: 2 };
    let figures = dynamodb::run(options, |_| {}).await.unwrap();
    let (at_once, later) = (figures.paid_at_once, figures.paid_later);
    assert_eq!([at_once.decisions, later.decisions], [4_000, 4_000]);
    // 2,000 orders, 2,000 payments, and the stock of two SKUs.
    assert_eq!([at_once.orders, at_once.items, later.orders, later.items], [2_000, 4_002, 2_000, 4_002]);
    are_figures(&[at_once.decisions_per_second, later.decisions_per_second]);
    assert!(at_once.write_units_per_1000_orders < later.write_units_per_1000_orders, "{figures:?}");
    assert!(at_once.requests_per_1000_orders < 1_000.0, "{figures:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn notices_arrive_once_each() {
    let figures = push::run(PushOptions { notices: 1_000, connections: 4 }).await.unwrap();
    assert_eq!(figures.notices, 1_000);
    assert!((1..=5).contains(&figures.connections), "{figures:?}");
    are_figures(&[figures.notices_per_second, figures.cpu_ns_per_notice]);
}

#[tokio::test]
async fn numbers_out_of_bounds_are_refused() {
    let config = Config::new("http://127.0.0.1:9", "bench");
    let few = ClickHouseOptions { decisions: 1, ..ClickHouseOptions::default() };
    let many = DynamoDbOptions { decisions: u64::MAX, ..DynamoDbOptions::default() };
    for error in [
        clickhouse::run(&config, few, |_| {}).await.unwrap_err(),
        dynamodb::run(many, |_| {}).await.unwrap_err(),
        push::run(PushOptions { notices: 0, ..PushOptions::default() }).await.unwrap_err(),
    ] {
        assert!(error.to_string().contains("has to be between"), "{error}");
    }
}
