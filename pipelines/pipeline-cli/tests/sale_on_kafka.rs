//! A sale on a real broker and registry: a Java producer, workers and gateways that are killed and drained, a broker that
//! is away, and the proof of it all.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;
mod door;
mod running;
mod stores;

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::sync::Arc;
use std::time::{Duration, Instant};

use common::{Place, SALE};
use order_codec::{Codec, HttpRegistry};
use order_model::{
    Command, Currency, CustomerId, Line, Lines, OrderId, Place as PlaceOrder, Sku, partition_of,
};
use pipeline_cli::ExitCode;
use running::{Running, until};
use serde_json::Value;
use testbed::{Broker, produce_in_transaction, produce_with_java, shared_registry};

const PARTITIONS: u32 = 4;
/// The Java producer runs so often, with so many orders each time.
const ROUNDS: u32 = 4;
const ORDERS_OF_A_ROUND: u32 = 500;
const ORDERS: u32 = ROUNDS * ORDERS_OF_A_ROUND;
/// Beside the two listings that every test has.
const LISTINGS: [&str; 6] = ["BOOTS-39", "BOOTS-40", "BOOTS-41", "CAP", "SCARF", "BELT"];

/// A folder configured for a broker.
fn place(broker: &Broker, registry: &str) -> Place {
    let place = Place::new();
    let config = format!(
        "log = \"kafka\"\nbrokers = \"{}\"\nregistry = \"{registry}\"\npartitions = {PARTITIONS}\n\
         keys_file = \"keys.toml\"\nbatch_records_max = 64\nkafka_properties = \"session.timeout.ms=6000\"\n",
        broker.bootstrap()
    );
    fs::write(place.path().join("pipeline.toml"), config).unwrap();
    let listings =
        LISTINGS.map(|sku| format!("\n[[listing]]\nsku = \"{sku}\"\nstock = 100\nprice = \"19.90\"\n"));
    let sale = format!("{}{}", SALE.replace("90s", "1h"), listings.concat());
    fs::write(place.path().join("sale.toml"), sale).unwrap();
    place
}

/// Key and value of each order of a round, as any producer would write them: an order of one listing, now and then of
/// two, keyed by its smallest SKU.
fn orders(codec: &Codec, round: u32) -> Vec<(Vec<u8>, Vec<u8>)> {
    let skus: Vec<Sku> =
        LISTINGS.iter().chain(&["SNEAKER-42", "SOCKS"]).map(|sku| sku.parse().unwrap()).collect();
    let order = |number: u32| {
        let wares = skus.iter().cycle().skip(usize::try_from(number).unwrap());
        let lines = wares
            .take(if number.is_multiple_of(7) { 2 } else { 1 })
            .map(|sku| Line { sku: *sku, quantity: 1 });
        let place = PlaceOrder {
            order: OrderId::from(u128::from(number) + 1),
            customer: CustomerId::from(u128::from(number % 997)),
            currency: Currency::EUR,
            partial: false,
            lines: lines.collect::<Lines>(),
        };
        let key = place.lines.iter().map(|line| line.sku).min().unwrap();
        let mut value = Vec::new();
        codec.command_to(&Command::Place(place), &mut value);
        (key.as_bytes().to_vec(), value)
    };
    (round * ORDERS_OF_A_ROUND..(round + 1) * ORDERS_OF_A_ROUND).map(order).collect()
}

/// Writes all orders by Java, round after round, and checks that Java and we agree where a key belongs.
fn produce(bootstrap: &str, codec: &Codec) {
    for round in 0..ROUNDS {
        let orders = orders(codec, round);
        let appended = produce_with_java(bootstrap, "orders", &orders).unwrap();
        for ((key, _), appended) in orders.iter().zip(appended) {
            let sku = Sku::from_bytes(key).unwrap();
            assert_eq!(appended.partition, partition_of(&sku, PARTITIONS).0, "{sku}");
        }
    }
}

/// What `log read` shows of the decisions; nothing while the broker is away.
fn decisions(place: &Place) -> Vec<Value> {
    let read = place.run(&["log", "read", "decisions", "-o", "ndjson"]);
    if read.code == 0 { read.rows() } else { Vec::new() }
}

/// The orders that have been decided.
fn decided(place: &Place) -> usize {
    let rows = decisions(place);
    rows.iter().filter_map(|row| row["decision"]["order"].as_str()).collect::<BTreeSet<_>>().len()
}

fn worker(place: &Place, name: &str) -> Running {
    Running::start(place.path(), name, &["worker", "run", "-o", "ndjson", "--wait-for-log", "600"])
}

#[test]
fn a_broker_that_is_away_at_start_is_waited_for_only_if_so_told() {
    let mut broker = Broker::start().unwrap();
    let place = place(&broker, "");
    place.run(&["topic", "create"]).expect(ExitCode::Ok);
    place.run(&["keys", "generate"]).expect(ExitCode::Ok);
    broker.stop();
    let mut patient = worker(&place, "patient");
    let start = Instant::now();
    place.run(&["worker", "run"]).expect(ExitCode::Unreachable).says("--wait-for-log");
    assert!(start.elapsed() < Duration::from_secs(20), "at once: {:?}", start.elapsed());
    until("the patient one says that it waits", || patient.said().contains("trying for"));
    assert!(patient.is_running());
    broker.restart().unwrap();
    until("it has its partitions", || patient.said().matches("is ours").count() == 4);
    assert_eq!(patient.terminate().expect(ExitCode::Ok).rows().len(), 4);
}

#[test]
fn workers_share_a_sale_and_may_be_killed_and_so_may_the_broker() {
    let registry = shared_registry().unwrap().url();
    let mut broker = Broker::start().unwrap();
    let place = place(&broker, &registry);
    place.run(&["topic", "create"]).expect(ExitCode::Ok);
    place.run(&["keys", "generate"]).expect(ExitCode::Ok);
    let first = worker(&place, "first");
    place.run(&["sale", "apply", "sale.toml", "--wait", "60s"]).expect(ExitCode::Ok);
    let mut second = worker(&place, "second");
    until("the second has its share", || second.said().contains("is ours"));

    let codec = Codec::new(Arc::new(HttpRegistry::new(&registry, None).unwrap())).unwrap();
    let bootstrap = broker.bootstrap();
    let mut third = None;
    std::thread::scope(|scope| {
        let producer = scope.spawn(|| produce(&bootstrap, &codec));
        until("the sale has begun", || decided(&place) > 100);
        first.kill();
        third = Some(worker(&place, "third"));
        until("the sale goes on", || decided(&place) > 600);
        broker.stop();
        std::thread::sleep(Duration::from_secs(1));
        broker.restart().unwrap();
        producer.join().unwrap();
    });
    until("every order is decided", || decided(&place) == usize::try_from(ORDERS).unwrap());
    let mut third = third.unwrap();
    for worker in [&mut second, &mut third] {
        assert!(worker.is_running(), "a broker that comes back is waited for: {}", worker.said());
    }
    let drained: Vec<_> = [second, third]
        .into_iter()
        .flat_map(|worker| worker.terminate().expect(ExitCode::Ok).rows())
        .collect();
    let mine: BTreeSet<u64> = drained.iter().map(|row| row["partition"].as_u64().unwrap()).collect();
    assert_eq!(mine.len(), 4, "between them they give every partition back: {drained:?}");
    check_decisions(&place);
    let proof = place.run(&["prove", "-o", "json"]).expect(ExitCode::Ok);
    let proof: Value = serde_json::from_str(&proof.stdout).unwrap();
    for (key, value) in [
        ("proved", Value::from(true)),
        ("orders", ORDERS.into()),
        ("lost", 0.into()),
        ("duplicated", 0.into()),
    ] {
        assert_eq!(proof[key], value, "{key}");
    }
    place.run_with(&["topic", "check"], &[("PIPELINE_PARTITIONS", "4")]).expect(ExitCode::Ok);
}

/// Every order has one first answer, and the numbers of each ledger are dense.
fn check_decisions(place: &Place) {
    let (mut numbers, mut answers) = (BTreeMap::<u64, u64>::new(), BTreeMap::<String, u32>::new());
    for row in decisions(place) {
        let decision = &row["decision"];
        let latest = numbers.entry(row["partition"].as_u64().unwrap()).or_default();
        *latest += 1;
        assert_eq!(decision["sequence"], *latest, "the numbers are dense: {row}");
        let is_answer = ["held", "rejected"].iter().any(|event| decision["event"] == *event);
        if is_answer && let Some(order) = decision["order"].as_str() {
            *answers.entry(order.to_owned()).or_default() += 1;
        }
    }
    let twice: Vec<_> = answers.iter().filter(|(_, count)| **count != 1).collect();
    assert!(twice.is_empty(), "answered more than once: {twice:?}");
    let waiting = usize::try_from(ORDERS).unwrap() - answers.len();
    assert!(waiting <= 100 * (LISTINGS.len() + 2), "{waiting} orders are neither held nor rejected");
}

#[test]
fn what_ends_in_the_marker_of_a_transaction_is_decided_and_proved_to_its_end() {
    let registry = shared_registry().unwrap().url();
    let broker = Broker::start().unwrap();
    let place = place(&broker, &registry);
    place.run(&["topic", "create"]).expect(ExitCode::Ok);
    place.run(&["keys", "generate"]).expect(ExitCode::Ok);
    let codec = Codec::new(Arc::new(HttpRegistry::new(&registry, None).unwrap())).unwrap();
    produce_in_transaction(&broker.bootstrap(), "orders", "shop", &orders(&codec, 0)).unwrap();
    let run = |name: &str, arguments: &[&str]| Running::start(place.path(), name, arguments).wait();
    let rows = run("once", &["worker", "run", "--once", "-o", "ndjson"]).expect(ExitCode::Ok).rows();
    let records: u64 = rows.iter().map(|row| row["records"].as_u64().unwrap()).sum();
    assert!(records >= u64::from(ORDERS_OF_A_ROUND), "all of them, and relays: {rows:?}");
    run("prove", &["prove", "-o", "json"]).expect(ExitCode::Ok);
    // Again, where the last worker stopped: there is nothing left to do but the marker.
    run("again", &["worker", "run", "--once"]).expect(ExitCode::Ok);
    let read = run("read", &["log", "read", "orders", "-o", "ndjson"]);
    assert!(!read.stderr.contains("nothing more came"), "{}", read.stderr);
    read.expect(ExitCode::Ok);
}
