//! The binary on a real broker and registry, while somebody decides: a ledger in a thread, which writes every decision
//! twice, as a worker does that takes over and cannot know how far the former one got.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fs;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use common::{Place, Run, SALE};
use order_codec::{Codec, HttpRegistry, KeyRing, MAC_HEADER, RawRecord, read_command};
use order_core::{Effects, Ledger, Shape};
use order_log::{AppendBatch, Headers, KafkaLog, KafkaOptions, Log, LogAppender, Record};
use order_model::{Offset, Partition, Position, TimeMs};
use order_worker::Topics;
use pipeline_cli::ExitCode;
use pipeline_cli::scan::Scan;
use serde_json::Value;
use testbed::{shared_broker, shared_registry};

const PARTITIONS: u32 = 2;

/// Decides until dropped.
struct Decider {
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Decider {
    fn start(brokers: &str, registry: &str, topics: Topics, keys: KeyRing) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let log = KafkaLog::connect(KafkaOptions::new(brokers)).unwrap();
        let codec = Codec::new(Arc::new(HttpRegistry::new(registry, None).unwrap())).unwrap();
        let stopped = Arc::clone(&stop);
        let thread = std::thread::spawn(move || decide(&log, &topics, &codec, &keys, &stopped));
        Self { stop, thread: Some(thread) }
    }
}

impl Drop for Decider {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.take().unwrap().join().unwrap();
    }
}

fn decide(log: &dyn Log, topics: &Topics, codec: &Codec, keys: &KeyRing, stop: &AtomicBool) {
    let mut ledgers: Vec<_> =
        (0..PARTITIONS).map(|partition| Ledger::new(Shape::of(Partition(partition), PARTITIONS))).collect();
    let mut scan = Scan::new(log, &topics.orders, 0..PARTITIONS, |_, bounds| bounds.start).unwrap();
    let mut appender = log.appender().unwrap();
    while !stop.load(Ordering::Relaxed) {
        let Some(batch) = scan.next_within(Duration::from_millis(20)).unwrap() else { continue };
        let ledger = &mut ledgers[usize::try_from(batch.partition()).unwrap()];
        let mut effects = Effects::default();
        for record in batch.iter() {
            let (position, raw) = parts(batch.partition(), &record);
            let command = read_command(codec, keys, &raw).unwrap();
            ledger.apply(position, &command, &mut effects);
        }
        publish(&mut *appender, topics, codec, batch.partition(), &effects);
    }
}

fn parts<'r>(partition: u32, record: &Record<'r>) -> (Position, RawRecord<'r>) {
    let (offset, time) = (Offset(record.offset), TimeMs(record.time_ms));
    let mac = record.headers.get(MAC_HEADER);
    (
        Position { partition: Partition(partition), offset, time },
        RawRecord { partition: Partition(partition), time, key: record.key, value: record.value, mac },
    )
}

fn publish(
    appender: &mut dyn LogAppender,
    topics: &Topics,
    codec: &Codec,
    partition: u32,
    effects: &Effects,
) {
    let mut batch = AppendBatch::new(Arc::clone(&topics.decisions));
    for decision in effects.decisions.iter().chain(&effects.decisions) {
        let mut value = Vec::new();
        codec.decision_to(decision, &mut value);
        batch.push(partition, None, Some(&value), Headers::NONE);
    }
    if batch.is_empty() {
        return;
    }
    let ticket = appender.append(batch).unwrap();
    let mut acknowledged = Vec::new();
    while !acknowledged.iter().any(|done: &order_log::Acknowledged| done.ticket == ticket) {
        appender.poll(Duration::from_millis(100), &mut acknowledged).unwrap();
    }
}

fn one(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn a_sale_runs_by_hand() {
    let (brokers, registry) = (shared_broker().unwrap().bootstrap(), shared_registry().unwrap().url());
    let place = Place::new();
    let config = format!(
        "log = \"kafka\"\nbrokers = \"{brokers}\"\nregistry = \"{registry}\"\npartitions = {PARTITIONS}\n\
         topic_prefix = \"cli.\"\nkeys_file = \"keys.toml\"\n"
    );
    fs::write(place.path().join("pipeline.toml"), config).unwrap();
    fs::write(place.path().join("sale.toml"), SALE).unwrap();
    let run = |arguments: &str| place.run(&arguments.split(' ').collect::<Vec<_>>());
    run("topic create").expect(ExitCode::Ok);
    run("topic check").expect(ExitCode::Ok);
    run("keys generate").expect(ExitCode::Ok);
    let keys = KeyRing::from_toml(&fs::read_to_string(place.path().join("keys.toml")).unwrap()).unwrap();

    run("sale apply sale.toml --wait 100ms").expect(ExitCode::Undecided).says("not decided within 100ms");
    let decider = Decider::start(&brokers, &registry, Topics::with_prefix("cli."), keys);
    run("listing pause SNEAKER-42 --wait 60s").expect(ExitCode::Ok);
    run("listing pause NOTHING --wait 60s").expect(ExitCode::Refused);
    run("listing resume SNEAKER-42 --wait 60s").expect(ExitCode::Ok);
    run("listing restock SOCKS 7 --wait 60s").expect(ExitCode::Ok);
    run("sale apply sale.toml --wait 60s").expect(ExitCode::Ok).says("unchanged SNEAKER-42");

    let held = one(&run("order place SNEAKER-42=2 --wait 60s -o json").expect(ExitCode::Ok));
    assert_eq!((&held["event"], &held["total"]), (&Value::from("held"), &Value::from(25_980)));
    let order = held["order"].as_str().unwrap();
    let again = format!("order place SNEAKER-42=2 --id {order} --wait 60s -o json");
    let again = run(&again).expect(ExitCode::Ok).says("was placed before");
    assert_eq!(one(&again)["sequence"], held["sequence"], "a repeat gets the first answer");
    let rejected = run("order place NOTHING --currency EUR --wait 60s -o json").expect(ExitCode::Refused);
    assert_eq!(one(&rejected)["reason"], "listing_unknown");

    let cancelled = run(&format!("order cancel {order} --wait 60s -o json")).expect(ExitCode::Ok);
    assert_eq!(one(&cancelled)["event"], "cancelled");
    run(&format!("order cancel {order} --wait 60s")).expect(ExitCode::Ok).says("cancelled already");
    let history = run(&format!("order show {order} -o ndjson")).expect(ExitCode::Ok).rows();
    let events: Vec<_> = history.iter().map(|row| row["event"].as_str().unwrap()).collect();
    assert_eq!(events, ["held", "cancelled"]);

    let customer = held["customer"].as_str().unwrap();
    let blocked = run(&format!("customer block {customer} --wait 60s -o ndjson")).expect(ExitCode::Ok).rows();
    assert_eq!(blocked.len(), 2, "by every ledger");
    let refused = run(&format!("order place SOCKS --customer {customer} --wait 60s -o json"));
    assert_eq!(one(&refused.expect(ExitCode::Refused))["reason"], "customer_blocked");

    let shown = run("sale show friday-drop -o ndjson").expect(ExitCode::Ok).rows();
    let free: Vec<_> =
        shown.iter().map(|row| (row["sku"].as_str().unwrap(), row["free"].as_u64().unwrap())).collect();
    assert_eq!(free, [("SNEAKER-42", 5), ("SOCKS", 57)]);
    run("sale show fridy-drop").expect(ExitCode::NotFound).says("did you mean `friday-drop`?");
    let closed = run("sale close friday-drop --wait 60s -o ndjson").expect(ExitCode::Ok).rows();
    assert_eq!(closed.len(), 2);
    drop(decider);

    let decisions = run("log read decisions -o ndjson").expect(ExitCode::Ok).rows();
    let raw = run("log read decisions --raw -o ndjson").expect(ExitCode::Ok).rows();
    assert_eq!(raw.len(), 2 * decisions.len(), "each was written twice and is shown once");
    let repeats = raw.iter().filter(|row| row["repeat"] == true).count();
    assert_eq!(repeats, decisions.len());
}

#[test]
fn wrong_topic_settings_are_found() {
    let brokers = shared_broker().unwrap().bootstrap();
    let place = Place::new();
    let log = format!("kafka://{brokers}");
    let run = |arguments: &[&str]| {
        place.run(&[arguments, &["--log", &log, "--set", "topic_prefix=short.", "-o", "ndjson"]].concat())
    };
    run(&["topic", "check"]).expect(ExitCode::CheckFailed);
    let made = run(&["topic", "create", "--set", "retention=1h"]).expect(ExitCode::Ok).rows();
    run(&["topic", "check", "--set", "retention=1h"]).expect(ExitCode::Ok);
    let found = run(&["topic", "check"]).expect(ExitCode::CheckFailed).rows();
    let shortened = made.iter().filter(|row| row["topic"] != "short.rooms").count();
    assert_eq!(found.len(), shortened, "rooms need all their records, whatever is configured");
    for row in &found {
        let setting = if row["topic"] == "short.catalogue" { "delete.retention.ms" } else { "retention.ms" };
        assert_eq!((&row["setting"], &row["found"]), (&setting.into(), &"3600000".into()), "{row}");
    }
}
