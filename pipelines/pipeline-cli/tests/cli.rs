//! The binary as its users meet it: run as a process, on a log folder of its own.

mod common;

use std::fs;

use common::{Place, SALE};
use order_log::{AppendBatch, EmbeddedLog, EmbeddedOptions, Headers, Log};
use pipeline_cli::ExitCode;
use serde_json::Value;

/// A place with topics on the default log.
fn with_topics() -> Place {
    let place = Place::new();
    place.run(&["topic", "create"]).expect(ExitCode::Ok);
    place
}

#[test]
fn a_sale_and_an_order_reach_the_log() {
    let place = with_topics();
    fs::write(place.path().join("sale.toml"), SALE).unwrap();
    place.run(&["sale", "apply", "sale.toml", "--no-wait"]).expect(ExitCode::Ok).says("made a key");
    let customer = "00000000-0000-0000-0000-000000000007";
    let order = ["order", "place", "SOCKS=2", "SNEAKER-42", "--customer", customer, "--currency", "EUR"];
    let placed = place.run(&[&order[..], &["--no-wait", "-o", "json"]].concat()).expect(ExitCode::Ok);
    let placed: Value = serde_json::from_str(&placed.stdout).unwrap();
    place.run(&["listing", "restock", "SOCKS", "-5", "--no-wait"]).expect(ExitCode::Ok);
    place.run(&["customer", "block", customer, "--no-wait"]).expect(ExitCode::Ok);

    let rows = place.run(&["log", "read", "orders", "-o", "ndjson"]).expect(ExitCode::Ok).rows();
    let of = |command: &str| rows.iter().filter(|row| row["command"] == command).collect::<Vec<_>>();
    assert_eq!((of("listing").len(), of("place").len(), of("customer").len()), (3, 1, 4));
    assert!(rows.iter().all(|row| row["type"] == "command"), "signed by the keys of the folder: {rows:#?}");
    let order = of("place")[0];
    assert_eq!(order["order"], placed["order"]);
    assert_eq!(order["key"], "SNEAKER-42", "the key is the smallest SKU");
    assert_eq!((&order["partition"], &order["offset"]), (&placed["partition"], &placed["offset"]));
    assert_eq!(order["lines"][0]["quantity"], 2);
    let restock = of("listing").into_iter().find(|row| row["change"] == "restock").unwrap();
    assert_eq!(restock["units"], -5);
    let blocked: Vec<_> = of("customer").iter().map(|row| row["partition"].as_u64().unwrap()).collect();
    assert_eq!(blocked.len(), 4, "one to each ledger: {blocked:?}");
}

#[test]
fn log_read_stops_where_it_is_told_to() {
    let place = with_topics();
    for _ in 0..3 {
        place.run(&["order", "place", "A", "--currency", "EUR", "--no-wait"]).expect(ExitCode::Ok);
    }
    let read = |more: &[&str]| {
        place.run(&[&["log", "read", "orders", "-o", "ndjson"], more].concat()).expect(ExitCode::Ok).rows()
    };
    let all = read(&[]);
    let partition = all[0]["partition"].as_u64().unwrap();
    let offsets = |rows: &[Value]| rows.iter().map(|row| row["offset"].as_u64().unwrap()).collect::<Vec<_>>();
    assert_eq!(offsets(&all), [0, 1, 2]);
    assert_eq!(offsets(&read(&["--from", "1"])), [1, 2]);
    assert_eq!(offsets(&read(&["--from", "1", "--limit", "1"])), [1]);
    assert_eq!(offsets(&read(&["--partition", &partition.to_string()])), [0, 1, 2]);
    assert!(read(&["--partition", &((partition + 1) % 4).to_string()]).is_empty());
    place.run(&["log", "read", "orders", "--partition", "4"]).expect(ExitCode::NotFound);
}

#[test]
fn garbage_is_shown_and_stops_nothing() {
    let place = with_topics();
    {
        let log = EmbeddedLog::open(&place.path().join(".pipeline/log"), EmbeddedOptions::default()).unwrap();
        let mut batch = AppendBatch::new("orders".into());
        batch.push(0, Some(b"A"), Some(b"garbage"), Headers::NONE);
        batch.push(0, None, None, Headers::NONE);
        log.appender().unwrap().append(batch).unwrap();
    }
    let rows = place.run(&["log", "read", "orders", "-o", "ndjson"]).expect(ExitCode::Ok).rows();
    let reasons: Vec<_> = rows.iter().map(|row| row["reason"].as_str().unwrap()).collect();
    assert_eq!(reasons, ["wrong_magic", "null_value"]);
}

#[test]
fn a_plan_writes_nothing() {
    let place = with_topics();
    fs::write(place.path().join("sale.toml"), SALE).unwrap();
    let plan =
        place.run(&["sale", "apply", "sale.toml", "--plan-only", "-o", "ndjson"]).expect(ExitCode::Ok).rows();
    let actions: Vec<_> =
        plan.iter().map(|row| (row["sku"].as_str().unwrap(), row["action"].as_str().unwrap())).collect();
    assert_eq!(actions, [("SNEAKER-42", "open"), ("SOCKS", "open")]);
    assert!(place.run(&["log", "read", "orders", "-o", "ndjson"]).expect(ExitCode::Ok).rows().is_empty());
}

/// The demo's catalogue is the example: it is written once, found, changed by what differs, and pruned.
#[test]
fn a_catalogue_is_applied_searched_and_shown() {
    let place = with_topics();
    let demo = fs::read_to_string(concat!(
        env!("CARGO_MANIFEST_DIR"),
        "/../../connectors/catalogue/demo/catalogue.toml"
    ));
    let demo = demo.unwrap();
    let rows = |arguments: &[&str]| {
        let run = place.run(&[&["catalogue"], arguments, &["-o", "ndjson"]].concat());
        run.expect(ExitCode::Ok).rows()
    };
    let apply = |text: &str, more: &[&str]| {
        fs::write(place.path().join("wares.toml"), text).unwrap();
        let applied = rows(&[&["apply", "wares.toml"], more].concat());
        applied.iter().map(|row| row["action"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(apply(&demo, &["--plan-only"]), vec!["add"; 21]);
    assert!(rows(&["list"]).is_empty(), "a plan writes nothing");
    assert_eq!(apply(&demo, &[]), vec!["add"; 21]);
    assert!(apply(&demo, &[]).is_empty(), "a second time nothing is written");

    let skus = |arguments: &[&str]| {
        let listed = rows(&[&["list"], arguments].concat());
        listed.iter().map(|row| row["sku"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(skus(&["--query", "kopfhoerer weiss"]), ["headphones-white"]);
    assert_eq!(skus(&["--category", "Sport/Shoes", "--attribute", "Size=42"]), ["sneaker-42"]);
    assert_eq!(skus(&["--brand", "Klak", "--limit", "1"]), ["keyboard"]);
    let shown =
        place.run(&["catalogue", "show", "mouse", "--locale", "de-AT", "-o", "json"]).expect(ExitCode::Ok);
    let shown: Value = serde_json::from_str(&shown.stdout).unwrap();
    assert_eq!(shown["title"], "Kabellose Maus Pebble");

    let only = "[[product]]\nsku = \"mouse\"\ntitle = \"Mouse\"\n";
    assert_eq!(apply(only, &[]), ["change"]);
    assert_eq!(apply(only, &["--prune"]), vec!["remove"; 20]);
    assert_eq!(skus(&[]), ["mouse"]);
    let rows = place.run(&["log", "read", "catalogue", "-o", "ndjson"]).expect(ExitCode::Ok).rows();
    assert_eq!(rows.len(), 42);
    assert!(rows.iter().all(|row| row["type"] == "product"), "{rows:#?}");
    assert!(rows[41]["product"].is_null() && rows[0]["product"]["title"] == "Orbit X game console");
}

#[test]
fn exit_codes_tell_failures_apart() {
    let place = with_topics();
    fs::write(place.path().join("wares.toml"), "[[product]]\nsku = \"a\"\ntitel = \"A\"").unwrap();
    fs::write(place.path().join("bad.toml"), "[sale]\nnam = \"x\"").unwrap();
    let order = "00000000-0000-0000-0000-000000000001";
    for (arguments, code, text) in [
        (
            &["sale", "apply", "bad.toml"][..],
            ExitCode::Usage,
            "bad.toml:2: there is no key `nam` here; did you mean `name`?",
        ),
        (&["sale", "apply", "none.toml"], ExitCode::Usage, "none.toml"),
        (
            &["catalogue", "apply", "wares.toml"],
            ExitCode::Usage,
            "wares.toml:3: there is no key `titel` here; did you mean `title`?",
        ),
        (&["catalogue", "apply", "none.toml"], ExitCode::Usage, "none.toml"),
        (&["catalogue", "show", "mouse"], ExitCode::NotFound, "next: pipeline catalogue list"),
        (&["catalogue", "list", "--attribute", "red"], ExitCode::Usage, "not NAME=VALUE"),
        (&["sale", "show", "friday"], ExitCode::NotFound, "find the sale \"friday\""),
        (&["sale", "close", "friday"], ExitCode::NotFound, "next: pipeline sale show"),
        (&["order", "show", order], ExitCode::NotFound, order),
        (&["order", "cancel", order], ExitCode::NotFound, order),
        (&["order", "show", "7"], ExitCode::Usage, "32 hexadecimal digits"),
        (&["order", "place", "A"], ExitCode::Usage, "--currency"),
        (&["log", "read", "order"], ExitCode::NotFound, "did you mean `orders`?"),
        (&["log", "tail", "orders"], ExitCode::Usage, "pipeline log read"),
        (&["frobnicate"], ExitCode::Usage, "frobnicate"),
        (&["topic", "check", "--set", "topic_prefix=eu."], ExitCode::CheckFailed, ""),
        (
            &["log", "read", "orders", "--set", "topic_prefix=eu."],
            ExitCode::NotFound,
            "pipeline topic create",
        ),
        (&["topic", "check", "--log", "kafka://127.0.0.1:1"], ExitCode::Unreachable, "127.0.0.1:1"),
        (&["sale", "show", "--set", "registry=http://127.0.0.1:1"], ExitCode::Unreachable, "learn the ids"),
        (&["topic", "check", "--log", "nowhere"], ExitCode::NotFound, "there is no such folder"),
        (&["topic", "check", "--log", "ftp://x"], ExitCode::Usage, "ftp://"),
        (&["topic", "check", "--set", "partition=4"], ExitCode::Usage, "did you mean `partitions`?"),
        (&["topic", "check", "--config", "none.toml"], ExitCode::Usage, "none.toml"),
        (
            &["listing", "pause", "A", "--set", "keys_file=none.toml"],
            ExitCode::Usage,
            "pipeline keys generate",
        ),
    ] {
        place.run(arguments).expect(code).says(text);
    }
}

#[test]
fn a_folder_in_use_says_so() {
    let place = with_topics();
    let _open = EmbeddedLog::open(&place.path().join(".pipeline/log"), EmbeddedOptions::default()).unwrap();
    place.run(&["topic", "create"]).expect(ExitCode::Locked).says("open in another process");
}

#[test]
fn topics_are_made_once_and_checked() {
    let place = with_topics();
    place.run(&["topic", "check"]).expect(ExitCode::Ok);
    let again = place.run(&["topic", "create", "-o", "ndjson"]).expect(ExitCode::Ok).rows();
    assert!(again.iter().all(|row| row["created"] == false) && again.len() == 6, "{again:?}");
    let found =
        place.run(&["topic", "check", "--set", "partitions=8", "-o", "ndjson"]).expect(ExitCode::CheckFailed);
    assert!(found.rows().iter().any(|row| row["setting"] == "partitions"), "{}", found.stdout);
}

#[test]
fn configuration_comes_from_all_layers() {
    let place = Place::new();
    fs::write(place.path().join("pipeline.toml"), "threads = 2\ngroup = \"from-file\"\n").unwrap();
    let environment = [
        ("PIPELINE_THREADS", "3"),
        ("PIPELINE_REGISTRY_USER", "me"),
        ("PIPELINE_REGISTRY_PASSWORD", "hunter2"),
    ];
    let shown = place
        .run_with(&["config", "show", "-o", "ndjson", "--log", "kafka"], &environment)
        .expect(ExitCode::Ok);
    assert!(!shown.stdout.contains("hunter2"), "{}", shown.stdout);
    let rows = shown.rows();
    for (option, value, origin) in [
        ("threads", "3", "environment PIPELINE_THREADS"),
        ("group", "from-file", "pipeline.toml:2"),
        ("log", "kafka", "flag --log"),
        ("registry_password", "(hidden)", "environment PIPELINE_REGISTRY_PASSWORD"),
        ("replication", "1", "default"),
    ] {
        let row = rows.iter().find(|row| row["option"] == option).unwrap();
        assert_eq!((row["value"].as_str(), row["origin"].as_str()), (Some(value), Some(origin)), "{option}");
    }
    place
        .run_with(&["config", "show"], &[("PIPELINE_THREAD", "3")])
        .expect(ExitCode::Usage)
        .says("`PIPELINE_THREADS`");
}

#[test]
fn keys_are_made_once() {
    let place = Place::new();
    place.run(&["keys", "generate", "k.toml"]).expect(ExitCode::Ok);
    let first = fs::read(place.path().join("k.toml")).unwrap();
    place.run(&["keys", "generate", "k.toml"]).expect(ExitCode::Usage).says("is there already");
    assert_eq!(fs::read(place.path().join("k.toml")).unwrap(), first);
}

#[test]
fn completions_are_a_script() {
    let run = Place::new().run(&["completions", "bash"]).expect(ExitCode::Ok);
    assert!(run.stdout.contains("_pipeline()"), "{}", run.stdout);
}

/// A sale whose one listing is drawn.
const DRAWN: &str = r#"
[sale]
name = "drop"
currency = "EUR"
limit_per_customer = 1

[[listing]]
sku = "SNEAKER-42"
stock = 2
price = "129.90"
draw = true
"#;

/// Decides all that is written.
fn decide(place: &Place) {
    place.run(&["worker", "run", "--once"]).expect(ExitCode::Ok);
}

#[test]
fn a_draw_from_its_opening_to_its_proof() {
    let place = with_topics();
    fs::write(place.path().join("sale.toml"), DRAWN).unwrap();
    place.run(&["sale", "apply", "sale.toml", "--plan-only"]).expect(ExitCode::Ok);
    let apply = ["sale", "apply", "sale.toml", "--no-wait"];
    place.run(&apply).expect(ExitCode::Ok).says("made the seed of the draw for SNEAKER-42");
    let draw = ["listing", "draw", "SNEAKER-42", "--no-wait"];
    place.run(&draw).expect(ExitCode::NotFound).says("no decision opened it");
    decide(&place);
    place.run(&apply).expect(ExitCode::Ok).says("unchanged SNEAKER-42");
    for number in 1..=5 {
        let customer = format!("00000000-0000-0000-0000-00000000000{number}");
        let order = ["order", "place", "SNEAKER-42", "--customer", &customer, "--no-wait"];
        place.run(&order).expect(ExitCode::Ok);
    }
    decide(&place);
    let shown = place.run(&["sale", "show", "-o", "ndjson"]).expect(ExitCode::Ok).rows();
    assert_eq!((&shown[0]["state"], &shown[0]["waiting"]), (&Value::from("draw"), &Value::from(5)));
    let prove = ["prove", "--draw", "SNEAKER-42"];
    let early = place.run(&prove).expect(ExitCode::CheckFailed);
    assert!(early.stdout.contains("the seed has not been revealed yet\nNOT PROVED"), "{}", early.stdout);

    let seeds: Vec<_> = files_named(place.path(), "draws.toml");
    let away = seeds[0].with_extension("away");
    fs::rename(&seeds[0], &away).unwrap();
    place.run(&draw).expect(ExitCode::Usage).says("if it is lost").says("pipeline sale close drop");
    fs::rename(&away, &seeds[0]).unwrap();
    place.run(&draw).expect(ExitCode::Ok);
    decide(&place);
    place.run(&draw).expect(ExitCode::Usage).says("its seed was revealed already");

    let proof = place.run(&[&prove[..], &["-o", "json"]].concat()).expect(ExitCode::Ok);
    let proof: Value = serde_json::from_str(&proof.stdout).unwrap();
    assert_eq!((&proof["proved"], &proof["entries"]), (&Value::from(true), &Value::from(5)));
    let outcomes: Vec<_> =
        proof["decided"].as_array().unwrap().iter().map(|it| it["outcome"].clone()).collect();
    assert_eq!(outcomes, ["held", "held", "turned_away", "turned_away", "turned_away"]);
    let words = place.run(&prove).expect(ExitCode::Ok).stdout;
    assert!(words.contains(proof["seed"].as_str().unwrap()) && words.ends_with("\nPROVED\n"), "{words}");
    place.run(&["prove"]).expect(ExitCode::Ok);
    place.run(&["listing", "draw", "SOCKS", "--no-wait"]).expect(ExitCode::NotFound);
    fs::write(place.path().join("sale.toml"), DRAWN.replace("draw = true", "")).unwrap();
    place.run(&apply).expect(ExitCode::Usage).says("was opened to be drawn, which cannot change");
}

#[expect(clippy::unwrap_used, reason = "the helper of a test fails as the test does")]
fn files_named(folder: &std::path::Path, name: &str) -> Vec<std::path::PathBuf> {
    let mut found = Vec::new();
    for entry in folder.read_dir().unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            found.extend(files_named(&path, name));
        } else if path.file_name().is_some_and(|file| file == name) {
            found.push(path);
        }
    }
    found
}

/// A run with tiny numbers: every part measures, and finds in the log what was acknowledged.
#[test]
#[cfg(target_os = "linux")]
fn the_bench_of_the_gateway_checks_its_own_results() {
    let place = Place::new();
    let sizes = ["--pairs", "2", "--orders", "200", "--batch", "20", "--clients", "4"];
    let more =
        ["--connections", "20", "--rate", "100", "--seconds", "1", "--streams", "20", "--changes", "3"];
    let run = place.run(&[&["bench", "gateway", "-o", "json"], &sizes[..], &more[..]].concat());
    let figures: Value = serde_json::from_str(&run.expect(ExitCode::Ok).stdout).unwrap();
    let positive = |part: &str, name: &str| {
        let value = figures[part][name].as_f64();
        assert!(value.is_some_and(|value| value > 0.0), "{part}.{name}: {figures:#}");
    };
    for name in ["orders_per_second", "bare_per_second", "ratio_worst", "batch_gain_median", "cpu_us"] {
        positive("requests", name);
    }
    // Two rounds of 200 by one and by batches, and a warm-up of 50 of each.
    for (part, acknowledged) in [("requests", 900), ("connections", 100), ("streams", 3)] {
        for name in ["acknowledged", "in_log", "decided"] {
            assert_eq!(figures[part][name], acknowledged, "{part}.{name}: {figures:#}");
        }
    }
    assert_eq!(
        (&figures["connections"]["connections"], &figures["connections"]["errors"]),
        (&20.into(), &0.into())
    );
    assert_eq!((&figures["streams"]["streams"], &figures["streams"]["missed"]), (&20.into(), &0.into()));
    positive("connections", "p99_ms");
    positive("streams", "all_max_ms");

    let few = place.run(&["bench", "gateway", "--only", "connections", "--connections", "0"]);
    few.expect(ExitCode::Usage).says("connections: 0 is not from 1 to");
}
