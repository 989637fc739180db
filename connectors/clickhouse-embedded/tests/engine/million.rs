//! A million rows by every way that is used come in, each once.

use clickhouse::{Client, Row};
use serde::{Deserialize, Serialize};

use crate::{database, engine, raw};

const ROWS: u64 = 1_000_000;

#[derive(Row, Serialize, Deserialize)]
struct Sold {
    order: u64,
    sku: String,
    quantity: u32,
}

fn sold(order: u64) -> Sold {
    Sold { order, sku: format!("sku-{}", order % 1_000), quantity: u32::try_from(order % 5).unwrap() + 1 }
}

/// A database with an empty table `sold`.
fn table(name: &str) -> String {
    let name = database(name);
    raw::run(&format!(
        "CREATE TABLE {name}.sold (`order` UInt64, sku String, quantity UInt32) ENGINE = MergeTree ORDER BY `order`"
    ));
    name
}

#[track_caller]
fn check(database: &str) {
    let all = raw::run(&format!(
        "SELECT count(), uniqExact(`order`), max(`order`), sum(quantity), countIf(sku = concat('sku-', toString(`order` % 1000))) FROM {database}.sold"
    ));
    let quantities = ROWS / 5 * (1 + 2 + 3 + 4 + 5);
    assert_eq!(all, format!("{ROWS}\t{ROWS}\t{}\t{quantities}\t{ROWS}\n", ROWS - 1));
}

async fn insert(client: Client, rows: std::ops::Range<u64>) {
    let mut insert = client.insert::<Sold>("sold").await.unwrap();
    for order in rows {
        insert.write(&sold(order)).await.unwrap();
    }
    insert.end().await.unwrap();
}

fn client(database: &str) -> Client {
    Client::default().with_url(engine().url()).with_database(database)
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_crate_with_names_and_types() {
    let name = table("by_crate");
    insert(client(&name), 0..ROWS).await;
    check(&name);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_crate_as_plain_row_binary() {
    let name = table("by_crate_plain");
    insert(client(&name).with_validation(false), 0..ROWS).await;
    check(&name);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_the_crate_compressed() {
    let name = table("by_crate_lz4");
    insert(client(&name).with_compression(clickhouse::Compression::Lz4), 0..ROWS).await;
    check(&name);
}

#[tokio::test(flavor = "multi_thread")]
async fn by_ten_at_once() {
    let name = table("by_ten");
    let step = ROWS / 10;
    let inserts: Vec<_> =
        (0..10).map(|part| tokio::spawn(insert(client(&name), part * step..(part + 1) * step))).collect();
    for inserted in inserts {
        inserted.await.unwrap();
    }
    check(&name);
}

/// What goes out in a format comes back in by the same.
#[track_caller]
fn round_trip(format: &str) {
    let name = table(&format!("by_{}", format.to_lowercase()));
    let select = format!(
        "SELECT number AS `order`, concat('sku-', toString(number % 1000)) AS sku, toUInt32(number % 5 + 1) AS quantity FROM numbers({ROWS}) FORMAT {format}"
    );
    let data = raw::send("POST", "/", &[], select.as_bytes());
    assert_eq!(data.status, 200);
    let insert = format!("INSERT INTO sold FORMAT {format}");
    let path = raw::path(&[("query", &insert), ("database", &name)]);
    let reply = raw::send("POST", &path, &[], &data.body);
    assert_eq!((reply.status, reply.text()), (200, String::new()));
    let summary = reply.header("x-clickhouse-summary").unwrap();
    assert!(summary.contains(&format!(r#""written_rows":"{ROWS}""#)), "{summary}");
    check(&name);
}

#[test]
fn by_native() {
    round_trip("Native");
}

#[test]
fn by_row_binary() {
    round_trip("RowBinary");
}

#[test]
fn by_row_binary_with_names_and_types() {
    round_trip("RowBinaryWithNamesAndTypes");
}

#[test]
fn by_csv() {
    round_trip("CSV");
}

#[test]
fn by_csv_with_names() {
    round_trip("CSVWithNames");
}

#[test]
fn by_tab_separated() {
    round_trip("TabSeparatedWithNamesAndTypes");
}

#[test]
fn by_json_each_row() {
    round_trip("JSONEachRow");
}

#[test]
fn by_parquet() {
    round_trip("Parquet");
}

#[test]
fn by_values_behind_the_statement() {
    let name = table("by_values");
    let rows = (0..ROWS).map(|order| {
        let Sold { order, sku, quantity } = sold(order);
        format!("({order},'{sku}',{quantity})")
    });
    let statement = format!("INSERT INTO {name}.sold VALUES {}", rows.collect::<Vec<_>>().join(","));
    raw::run(&statement);
    check(&name);
}
