//! The `clickhouse` crate as it comes, without any setting of ours.

use clickhouse::{Client, Compression, Row};
use serde::{Deserialize, Serialize};

use crate::{database, engine};

#[derive(Debug, PartialEq, Row, Serialize, Deserialize)]
struct Held {
    sequence: u64,
    sku: String,
    tags: Vec<String>,
    price: Option<i64>,
}

fn held(sequence: u64) -> Held {
    Held {
        sequence,
        sku: format!("sku {sequence}\n\0'"),
        tags: (0..sequence % 3).map(|tag| tag.to_string()).collect(),
        price: sequence.is_multiple_of(2).then_some(-5),
    }
}

#[tokio::test]
async fn rows_go_in_and_come_out_as_they_were() {
    let name = database("crate_rows");
    for compression in [Compression::None, Compression::Lz4] {
        let client =
            Client::default().with_url(engine().url()).with_database(&name).with_compression(compression);
        client.query("DROP TABLE IF EXISTS held").execute().await.unwrap();
        client
            .query("CREATE TABLE held (sequence UInt64, sku String, tags Array(String), price Nullable(Int64)) ENGINE = MergeTree ORDER BY sequence")
            .execute()
            .await
            .unwrap();
        let mut insert = client.insert::<Held>("held").await.unwrap();
        for sequence in 0..1_000 {
            insert.write(&held(sequence)).await.unwrap();
        }
        insert.end().await.unwrap();
        let mut rows = client.query("SELECT ?fields FROM held ORDER BY sequence").fetch::<Held>().unwrap();
        let mut count = 0;
        while let Some(row) = rows.next().await.unwrap() {
            assert_eq!(row, held(count));
            count += 1;
        }
        assert_eq!(count, 1_000);
    }
}

#[tokio::test]
async fn parameters_of_the_server_work() {
    let client = Client::default().with_url(engine().url());
    let text: String = client
        .query("SELECT concat({name:String}, toString({count:UInt8}))")
        .param("name", "it's\ttwo\n\\ ")
        .param("count", 7)
        .fetch_one()
        .await
        .unwrap();
    assert_eq!(text, "it's\ttwo\n\\ 7");
}

#[tokio::test]
async fn errors_reach_the_caller_with_their_code() {
    let client = Client::default().with_url(engine().url());
    let early = client.query("SELECT nope").fetch_one::<u8>().await.unwrap_err().to_string();
    assert!(early.contains("Code: 47"), "{early}");
    let mut rows = client
        .query("SELECT throwIf(number = 900000) FROM numbers(1000000) SETTINGS max_threads = 1")
        .fetch::<u8>()
        .unwrap();
    let late = loop {
        match rows.next().await {
            Ok(Some(_)) => {}
            Ok(None) => panic!("the error was not seen"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(late.contains("Code: 395"), "{late}");
}

#[tokio::test]
async fn an_insert_that_is_dropped_inserts_nothing() {
    let name = database("crate_dropped");
    let client = Client::default().with_url(engine().url()).with_database(&name);
    client.query("CREATE TABLE t (a UInt64) ENGINE = MergeTree ORDER BY a").execute().await.unwrap();
    #[derive(Row, Serialize)]
    struct A {
        a: u64,
    }
    let mut insert = client.insert::<A>("t").await.unwrap();
    for a in 0..500_000 {
        insert.write(&A { a }).await.unwrap();
    }
    drop(insert);
    let mut insert = client.insert::<A>("t").await.unwrap();
    insert.write(&A { a: 1 }).await.unwrap();
    insert.end().await.unwrap();
    assert_eq!(client.query("SELECT count() FROM t").fetch_one::<u64>().await.unwrap(), 1);
}
