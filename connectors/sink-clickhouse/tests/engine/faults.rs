//! Bad tables, bad credentials, a full disk: each a clear fault, nothing lost, nothing twice.

use order_model::Partition;
use sink::{Fault, Target};
use sink_clickhouse::backlog::{Backlog, verify};
use sink_clickhouse::{ClickHouse, Config};

use crate::proxy::Proxy;
use crate::{ask, bring, derived_differences, done, fresh, run, unused};

const BACKLOG: Backlog = Backlog { partitions: 1, listings: 2, decisions: 3_000 };
const ZERO: Partition = Partition(0);

fn assert_halts(fault: &Fault, parts: &[&str]) {
    let Fault::Halt(text) = fault else { panic!("has to halt: {fault:?}") };
    for part in parts {
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
}

/// What is wrong is said at the start and at the next write, and once it is mended the sink goes on.
async fn halts_until_mended(name: &str, spoil: &str, mend: &str, parts: &[&str]) {
    let config = fresh(name).await;
    let mut target = ClickHouse::new(&config);
    bring(&mut target, &[BACKLOG.batch(ZERO, 0, 1_000)]).await;
    run(&config, spoil).await;
    let next = [BACKLOG.batch(ZERO, 1_000, 1_000)];
    let under_our_feet = target.write(&next).await.unwrap_err();
    assert!(matches!(under_our_feet, Fault::Halt(_)), "{under_our_feet:?}");
    assert_halts(&target.write(&next).await.unwrap_err(), parts);
    assert_halts(&ClickHouse::new(&config).reached(ZERO).await.unwrap_err(), parts);
    run(&config, mend).await;
    bring(&mut target, &next).await;
    bring(&mut target, &[BACKLOG.batch(ZERO, 2_000, 1_000)]).await;
    assert_eq!(derived_differences(&target, ZERO).await, []);
    assert_eq!(ask(&config, "SELECT count() FROM decisions").await, ["3000"]);
    done(&config).await;
}

#[tokio::test]
async fn table_missing() {
    let parts = ["there is no table decisions_raw", "pipeline analytics migrate"];
    let (spoil, mend) = ("RENAME TABLE decisions_raw TO gone", "RENAME TABLE gone TO decisions_raw");
    halts_until_mended("missing", spoil, mend, &parts).await;
}

#[tokio::test]
async fn column_dropped_under_our_feet() {
    let spoil = "ALTER TABLE decisions_raw RENAME COLUMN customer TO shopper";
    let mend = "ALTER TABLE decisions_raw RENAME COLUMN shopper TO customer";
    halts_until_mended("dropped", spoil, mend, &["column customer is missing", "change back"]).await;
}

#[tokio::test]
async fn column_of_another_type() {
    let spoil = "ALTER TABLE decisions_raw MODIFY COLUMN total Int32";
    let mend = "ALTER TABLE decisions_raw MODIFY COLUMN total Int64";
    halts_until_mended("typed", spoil, mend, &["column total is Int32 and has to be Int64"]).await;
}

#[tokio::test]
async fn a_column_of_somebody_elses_does_no_harm() {
    let config = fresh("added").await;
    run(&config, "ALTER TABLE decisions_raw ADD COLUMN note String").await;
    let mut target = ClickHouse::new(&config);
    bring(&mut target, &[BACKLOG.batch(ZERO, 0, 3_000)]).await;
    assert_eq!(verify(target.database(), BACKLOG).await.unwrap(), Ok(()));
    done(&config).await;
}

#[tokio::test]
async fn database_missing() {
    let mut target = ClickHouse::new(&unused("nowhere"));
    let fault = target.reached(ZERO).await.unwrap_err();
    assert_halts(&fault, &["nowhere", "pipeline analytics migrate"]);
}

#[tokio::test]
async fn nobody_answers() {
    let mut target = ClickHouse::new(&Config::new("http://127.0.0.1:9", "x"));
    let fault = target.reached(ZERO).await.unwrap_err();
    let Fault::Retry(text) = fault else { panic!("has to be tried again: {fault:?}") };
    assert!(text.contains("can be reached") && text.contains("refused"), "{text}");
    let mut target = ClickHouse::new(&Config::new("no address", "x"));
    assert_halts(&target.reached(ZERO).await.unwrap_err(), &["check the address"]);
}

/// An engine that answers this while rows are inserted, while they are rolled up, and while progress is noted.
async fn answered(name: &str, status: u16, answer: &str) -> (Config, ClickHouse, Proxy, Vec<Fault>) {
    let config = fresh(name).await;
    let proxy = Proxy::start(crate::url());
    let mut target = ClickHouse::new(&Config { url: proxy.url(), ..config.clone() });
    let first = [BACKLOG.batch(ZERO, 0, 1_500)];
    let mut faults = Vec::new();
    for statement in ["INSERT INTO decisions_raw", "INSERT INTO order_facts", "INSERT INTO rollup_stock"] {
        proxy.answer(statement, status, answer);
        faults.push(target.write(&first).await.unwrap_err());
    }
    proxy.answer_no_more();
    target.write(&first).await.unwrap();
    proxy.answer("INSERT INTO progress", status, answer);
    faults.push(target.advance(&[(ZERO, first[0].reached())]).await.unwrap_err());
    assert_eq!(target.reached(ZERO).await.unwrap().sequence.0, 0, "progress was not noted");
    proxy.answer_no_more();
    (config, target, proxy, faults)
}

async fn is_tried_again(name: &str, status: u16, answer: &str, part: &str) {
    let (config, mut target, _proxy, faults) = answered(name, status, answer).await;
    for fault in faults {
        let Fault::Retry(text) = fault else { panic!("has to be tried again: {fault:?}") };
        assert!(text.contains(part), "`{part}` is not in: {text}");
    }
    bring(&mut target, &[BACKLOG.batch(ZERO, 0, 3_000)]).await;
    assert_eq!(verify(target.database(), BACKLOG).await.unwrap(), Ok(()));
    assert_eq!(derived_differences(&target, ZERO).await, []);
    done(&config).await;
}

#[tokio::test]
async fn disk_full() {
    let answer = "Code: 243. DB::Exception: Cannot reserve 1.00 MiB, not enough space. (NOT_ENOUGH_SPACE)";
    is_tried_again("full", 500, answer, "free some room").await;
}

#[tokio::test]
async fn out_of_memory() {
    let answer = "Code: 241. DB::Exception: (total) memory limit exceeded. (MEMORY_LIMIT_EXCEEDED)";
    is_tried_again("memory", 500, answer, "memory limit exceeded").await;
}

#[tokio::test]
async fn timed_out() {
    let answer = "Code: 159. DB::Exception: Timeout exceeded: elapsed 5 seconds. (TIMEOUT_EXCEEDED)";
    is_tried_again("slow", 500, answer, "nothing is lost").await;
}

#[tokio::test]
async fn the_connection_is_lost() {
    is_tried_again("lost", 500, "", "nothing is lost").await;
}

#[tokio::test]
async fn credentials_wrong() {
    let answer = "Code: 516. DB::Exception: default: Authentication failed: password is incorrect, or there is no user \
                  with such name. (AUTHENTICATION_FAILED)";
    let (config, _target, proxy, faults) = answered("credentials", 403, answer).await;
    for fault in &faults {
        assert_halts(fault, &["Authentication failed", "check the user and the password"]);
    }
    proxy.answer("system.columns", 403, answer);
    let mut target = ClickHouse::new(&Config { url: proxy.url(), ..config.clone() });
    assert_halts(&target.reached(ZERO).await.unwrap_err(), &["check the user and the password"]);
    done(&config).await;
}

/// An engine that says it inserted and did not: the embedded one does so when rows are sent inside the statement.
#[tokio::test]
async fn an_insert_that_was_answered_and_not_done_is_noticed() {
    let config = fresh("liar").await;
    let proxy = Proxy::start(crate::url());
    proxy.answer("INSERT INTO decisions_raw", 200, "Ok.\n");
    let mut target = ClickHouse::new(&Config { url: proxy.url(), ..config.clone() });
    let fault = target.write(&[BACKLOG.batch(ZERO, 0, 3_000)]).await.unwrap_err();
    let Fault::Retry(text) = fault else { panic!("has to be tried again: {fault:?}") };
    assert!(text.contains("0 of 3000 are there in partition 0"), "{text}");
    done(&config).await;
}
