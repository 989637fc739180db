//! The demo and its log: proved at once, later, elsewhere, and not any more once a byte is another; and a worker on a
//! folder that is killed in mid-run.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;
mod running;

use std::fs;
use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::path::{Path, PathBuf};

use common::{Place, Run, SALE};
use pipeline_cli::ExitCode;
use running::{Running, until};
use serde_json::Value;

/// Runs a demo of so many orders that keeps its log in `log`, and carries decisions to no stores.
fn demo(place: &Place, orders: &str) -> Value {
    demo_with(place, orders, &["--no-outputs"])
}

fn demo_with(place: &Place, orders: &str, more: &[&str]) -> Value {
    let arguments = ["demo", "--orders", orders, "--rate", "0", "--headless", "-o", "json", "--keep", "log"];
    one(&place.run(&[&arguments, more].concat()).expect(ExitCode::Ok))
}

fn prove(place: &Place, log: &str, more: &[&str]) -> Run {
    place.run(&[&["prove", "-o", "json", "--log", log], more].concat())
}

fn one(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap()
}

/// A demo whose shoppers come in through the gateway, and a visitor who looks meanwhile.
#[test]
fn shoppers_come_in_through_the_door_and_a_visitor_sees_the_sale() {
    let place = Place::new();
    let arguments = ["demo", "--orders", "1500", "--rate", "500", "--headless", "--shop", "-o", "json"];
    let more = ["--keep", "log", "--set", "gateway_listen=127.0.0.1:0"];
    let mut demo = Running::start(place.path(), "demo", &[&arguments[..], &more].concat());
    until("the shop is open", || demo.said().contains("the shop is open at "));
    let said = demo.said();
    let url = said.split("the shop is open at ").nth(1).unwrap().split(',').next().unwrap();
    let address = url.strip_prefix("http://").unwrap().to_owned();
    until("orders are decided", || visit(&address, "/v1/sales/demo")["decided"].as_u64() > Some(100));
    assert_eq!(visit(&address, "/v1/products?q=sneker")["total"], 4, "found in spite of the typing error");
    let result = one(&demo.wait().expect(ExitCode::Ok));
    assert_eq!((&result["proved"], &result["reconciled"]), (&true.into(), &true.into()));
    let (came_in, sent_away) = (result["orders"].as_u64().unwrap(), result["sent_away"].as_u64().unwrap());
    assert!(came_in > 1_000 && sent_away < 500, "{came_in} came in, {sent_away} were sent away");
    prove(&place, "log", &[]).expect(ExitCode::Ok);
}

/// What a gateway answers, as JSON; null while it does not.
fn visit(address: &str, path: &str) -> Value {
    let ask = || {
        let mut stream = TcpStream::connect(address).ok()?;
        let request = format!("GET {path} HTTP/1.1\r\nhost: {address}\r\nconnection: close\r\n\r\n");
        stream.write_all(request.as_bytes()).ok()?;
        let mut answer = String::new();
        stream.read_to_string(&mut answer).ok()?;
        serde_json::from_str(answer.split_once("\r\n\r\n")?.1).ok()
    };
    ask().unwrap_or_default()
}

#[test]
fn a_kept_demo_proves_the_same_wherever_and_however_it_is_replayed() {
    let place = Place::new();
    let result = demo_with(&place, "3000", &[]);
    for (key, value) in [
        ("reconciled", Value::from(true)),
        ("orders", Value::from(3_000)),
        ("proved", Value::from(true)),
        ("lost", Value::from(0)),
        ("duplicated", Value::from(0)),
        ("oversold", Value::from(0)),
        ("refused_wrongly", Value::from(0)),
    ] {
        assert_eq!(result[key], value, "{key}");
    }
    for key in [
        "decided",
        "accepted",
        "waitlisted",
        "expired",
        "cancelled",
        "dead_letters",
        "orders_per_second",
        "peak_rss_bytes",
        "dynamodb_items",
        "clickhouse_rows",
        "notices",
    ] {
        assert!(result[key].as_u64().is_some_and(|number| number > 0), "{key}: {result}");
    }
    assert!(result["rejected"].as_object().is_some_and(|reasons| reasons.len() > 3), "{result}");
    assert_eq!(result["certificate"].as_str().map(str::len), Some(64));

    copy(&place.path().join("log"), &place.path().join("elsewhere/copy"));
    for (log, more) in [
        ("log", &["--threads", "1"][..]),
        ("log", &["--threads", "2", "--batch", "4096"]),
        ("log", &["--threads", "3", "--batch", "1"]),
        ("elsewhere/copy", &[]),
    ] {
        let proof = one(&prove(&place, log, more).expect(ExitCode::Ok));
        assert_eq!(proof["certificate"], result["certificate"], "{log} {more:?}");
        assert_eq!(proof["proved"], true);
        assert_eq!(proof["decided"], result["decided"]);
    }
    let sql = "SELECT count() AS rows FROM decisions";
    let asked =
        place.run(&["query", "-o", "ndjson", "--set", "clickhouse=log/clickhouse", sql]).expect(ExitCode::Ok);
    assert_eq!(asked.rows()[0]["rows"], result["clickhouse_rows"], "the analytics are kept as well");
    let again = ["demo", "--orders", "10", "--headless", "--keep", "log"];
    place.run(&again).expect(ExitCode::Usage).says("not empty");
}

#[test]
fn a_byte_that_is_another_is_found() {
    let place = Place::new();
    demo(&place, "300");
    for topic in ["orders", "decisions"] {
        let log = format!("damaged-{topic}");
        copy(&place.path().join("log"), &place.path().join(&log));
        let file = largest(&place.path().join(&log).join("topics").join(topic));
        let mut bytes = fs::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle] ^= 1;
        fs::write(&file, bytes).unwrap();
        let run = prove(&place, &log, &[]);
        let codes = [ExitCode::Damaged, ExitCode::CheckFailed].map(|code| i32::from(code.number()));
        assert!(codes.contains(&run.code), "{topic}: {} {} {}", run.code, run.stdout, run.stderr);
    }
}

#[test]
fn without_its_keys_a_log_does_not_prove() {
    let place = Place::new();
    demo(&place, "100");
    fs::remove_file(place.path().join("log/keys.toml")).unwrap();
    let proof = prove(&place, "log", &[])
        .expect(ExitCode::CheckFailed)
        .says("privileged commands will not be believed");
    assert_eq!(one(&proof)["proved"], false);
}

#[test]
fn a_worker_on_a_folder_may_be_killed_at_any_time() {
    let place = Place::new();
    // The commands of a sale, and nothing decided.
    demo(&place, "20000");
    let [decisions, letters] =
        ["decisions", "dead-letters"].map(|name| place.path().join("log/topics").join(name));
    fs::remove_dir_all(&decisions).unwrap();
    fs::remove_dir_all(letters).unwrap();
    place.run(&["topic", "create", "--log", "log"]).expect(ExitCode::Ok);
    fs::write(place.path().join("sale.toml"), SALE).unwrap();
    place.run(&["sale", "apply", "sale.toml", "--no-wait", "--log", "log"]).expect(ExitCode::Ok);

    let small_batches =
        ["worker", "run", "--log", "log", "--set", "batch_records_max=64", "--set", "threads=2"];
    for attempt in 0..4 {
        let before = size(&decisions);
        let worker = Running::start(place.path(), &format!("worker-{attempt}"), &small_batches);
        until("it has published something", || size(&decisions) > before);
        if attempt % 2 == 0 {
            worker.kill();
        } else {
            worker.terminate().expect(ExitCode::Ok).says("is given back");
        }
    }
    let order = ["order", "place", "SOCKS", "--currency", "EUR", "--no-wait", "--log", "log"];
    place.run(&order).expect(ExitCode::Ok);
    let undecided = one(&prove(&place, "log", &[]).expect(ExitCode::CheckFailed));
    assert_eq!(undecided["proved"], false, "there is one order more");
    assert_eq!((&undecided["oversold"], &undecided["duplicated"]), (&Value::from(0), &Value::from(0)));

    let worker = place.run(&["worker", "run", "--once", "--log", "log", "-o", "ndjson"]).expect(ExitCode::Ok);
    assert_eq!(worker.rows().len(), 4, "it gives four partitions back");
    let proof = one(&prove(&place, "log", &[]).expect(ExitCode::Ok));
    assert_eq!((&proof["proved"], &proof["orders"]), (&Value::from(true), &Value::from(20_001)));
    let of_partition = |row: &Value| row["certificate"].clone();
    let proved: Vec<_> = proof["partitions"].as_array().unwrap().iter().map(of_partition).collect();
    assert_eq!(worker.rows().iter().map(of_partition).collect::<Vec<_>>(), proved);
    assert!(
        place
            .run_with(&["prove"], &[("PIPELINE_LOG", "log")])
            .expect(ExitCode::Ok)
            .stdout
            .contains("\nPROVED"),
        "and says so in words"
    );
}

/// Copies a log, without the analytics kept beside it.
fn copy(from: &Path, to: &Path) {
    fs::create_dir_all(to).unwrap();
    for entry in from.read_dir().unwrap() {
        let entry = entry.unwrap();
        if entry.file_name() == "clickhouse" {
            continue;
        }
        let to = to.join(entry.file_name());
        if entry.file_type().unwrap().is_dir() {
            copy(&entry.path(), &to);
        } else {
            fs::copy(entry.path(), to).unwrap();
        }
    }
}

fn files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() { files.extend(self::files(&path)) } else { files.push(path) }
    }
    files
}

fn size(folder: &Path) -> u64 {
    files(folder).iter().map(|file| fs::metadata(file).unwrap().len()).sum()
}

fn largest(folder: &Path) -> PathBuf {
    files(folder).into_iter().max_by_key(|file| fs::metadata(file).unwrap().len()).unwrap()
}
