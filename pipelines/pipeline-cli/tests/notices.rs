//! People are told: contacts, the sink `push` and its outbox, and what it says about an order. DynamoDB is dynoxide.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod common;

use std::fs;

use common::{Place, Run, SALE};
use pipeline_cli::ExitCode;
use serde_json::Value;
use tables::Local;

const CUSTOMER: &str = "00000000-0000-0000-0000-000000000007";
const ORDER: &str = "00000000-0000-0000-0000-000000000001";

/// A place whose tables are in `local`, with links in its notices.
fn place(local: &Local) -> Place {
    let place = Place::new();
    let config = format!(
        "dynamodb = \"{}\"\n[push]\noutbox = \"outbox\"\nshop = \"The Shop\"\n\
         unsubscribe_url = \"https://shop.example/unsubscribe?token=\"\nunsubscribe_key = \"sixteen bytes or more\"\n",
        local.endpoint()
    );
    fs::write(place.path().join("pipeline.toml"), config).unwrap();
    // A hold that is over is not told of any more.
    fs::write(place.path().join("sale.toml"), SALE.replace("90s", "1h")).unwrap();
    place.run(&["topic", "create"]).expect(ExitCode::Ok);
    place.run(&["sale", "apply", "sale.toml", "--no-wait"]).expect(ExitCode::Ok);
    place.run(&[
        "order",
        "place",
        "SOCKS=2",
        "--customer",
        CUSTOMER,
        "--id",
        ORDER,
        "--currency",
        "EUR",
        "--no-wait",
    ]);
    place.run(&["worker", "run", "--once"]).expect(ExitCode::Ok);
    place
}

fn contact(place: &Place, options: &[&str]) -> Run {
    place.run(&[&["notices", "contact", CUSTOMER, "-o", "json"], options].concat())
}

fn one(run: &Run) -> Value {
    serde_json::from_str(&run.stdout).unwrap()
}

#[test]
fn an_order_is_told_once_and_can_be_looked_up() {
    let local = Local::start().unwrap();
    let place = place(&local);
    for command in
        [&["sink", "run", "push", "--once"][..], &["notices", "show", ORDER], &["notices", "contact", ORDER]]
    {
        place.run(command).expect(ExitCode::Failed).says("pipeline table create");
    }
    place.run(&["table", "create"]).expect(ExitCode::Ok);
    contact(&place, &[]).expect(ExitCode::NotFound);
    contact(&place, &["--email", "a@example.org", "--sms", "+4930123456", "--locale", "de"])
        .expect(ExitCode::Ok);
    let known = one(&contact(&place, &["--remove", "sms", "--mute", "sms:offers"]).expect(ExitCode::Ok));
    assert_eq!(
        (&known["email"], &known["sms"], &known["locale"], &known["muted"][0]),
        (&"a@example.org".into(), &Value::Null, &"de".into(), &"sms:offers".into())
    );

    place.run(&["notices", "show", ORDER]).expect(ExitCode::NotFound).says("nobody was told");
    for _ in 0..2 {
        place.run(&["sink", "run", "push", "--once"]).expect(ExitCode::Ok);
        let told = place.run(&["notices", "show", ORDER, "-o", "ndjson"]).expect(ExitCode::Ok).rows();
        let [told] = told.as_slice() else { panic!("{told:?}") };
        for (key, value) in
            [("event", "held"), ("channel", "email"), ("state", "sent"), ("customer", CUSTOMER)]
        {
            assert_eq!(told[key], value, "{key}");
        }
        assert_eq!(told["attempts"], 1);
    }
    let files: Vec<_> = fs::read_dir(place.path().join("outbox")).unwrap().collect();
    let [file] = files.as_slice() else { panic!("{files:?}") };
    let text = fs::read_to_string(file.as_ref().unwrap().path()).unwrap();
    assert!(
        text.contains("to: a@example.org") && text.contains("language: de") && text.contains("The Shop"),
        "{text}"
    );

    // The link in it does what it says.
    let (_, token) = text.split_once("unsubscribe?token=").unwrap();
    let token: String =
        token.chars().take_while(|c| c.is_ascii_alphanumeric() || "-_".contains(*c)).collect();
    place.run(&["notices", "unsubscribe", &token]).expect(ExitCode::Ok).says("no more orders by email");
    place.run(&["notices", "unsubscribe", &token[1..]]).expect(ExitCode::Usage).says("cut off");
    assert_eq!(
        one(&contact(&place, &["--unmute", "sms:offers"]))["muted"],
        Value::from(vec!["email:orders"])
    );
}

#[test]
fn the_sink_of_notices_is_seen_paused_and_resumed_like_the_others() {
    let local = Local::start().unwrap();
    let place = place(&local);
    place.run(&["table", "create"]).expect(ExitCode::Ok);
    place.run(&["analytics", "migrate"]).expect(ExitCode::Ok);
    let push = || {
        let rows = place.run(&["sink", "status", "-o", "ndjson"]).expect(ExitCode::Ok).rows();
        rows.into_iter().filter(|row| row["sink"] == "push").collect::<Vec<_>>()
    };
    assert!(push().iter().any(|row| row["lag_records"].as_u64() > Some(0)), "nothing is claimed yet");
    place.run(&["sink", "pause", "push"]).expect(ExitCode::Ok).says("paused: push");
    assert!(push().iter().all(|row| row["paused"] == true));
    place.run(&["sink", "resume", "all"]).expect(ExitCode::Ok).says("push");
    let ran = place.run(&["sink", "run", "all", "--once", "-o", "ndjson"]).expect(ExitCode::Ok).rows();
    assert_eq!(ran.len(), 3, "{ran:?}");
    assert!(push().iter().all(|row| row["lag_records"] == 0 && row["paused"] == false));
}

/// Two listings are opened, and the topic has more partitions than that.
#[test]
fn consistent_views_wait_for_silent_partitions_until_these_are_marked() {
    let local = Local::start().unwrap();
    let place = place(&local);
    place.run(&["analytics", "migrate"]).expect(ExitCode::Ok);
    let early = place.run(&["analytics", "mark"]).expect(ExitCode::Usage);
    early.says("is in ClickHouse up to offset 0").says("pipeline sink run clickhouse --once");
    place.run(&["sink", "run", "clickhouse", "--once"]).expect(ExitCode::Ok);
    let cut = || {
        let sql = "SELECT time = toDateTime64(0, 3, 'UTC') AS waits FROM cut";
        place.run(&["query", "-o", "ndjson", sql]).expect(ExitCode::Ok).rows().remove(0)["waits"].clone()
    };
    assert_eq!(cut(), 1, "no partition is left out");
    place.run(&["analytics", "mark", "--before", "now"]).expect(ExitCode::Usage).says("at the latest");
    place.run(&["analytics", "mark", "--partition", "999"]).expect(ExitCode::Usage).says("none is 999");
    place.run(&["analytics", "mark"]).expect(ExitCode::Ok).says("are marked up to");
    assert_eq!(cut(), 0);
}

#[test]
fn what_cannot_work_is_named() {
    let local = Local::start().unwrap();
    let place = place(&local);
    place.run(&["table", "create"]).expect(ExitCode::Ok);
    for (options, said) in [
        (&["--email", "nobody"][..], "`nobody` is no address for email"),
        (&["--webhook", "http://example.org/hook"], "it is not https"),
        (&["--web-push", "missing.json"], "read the push subscription in missing.json"),
        (&["--remove", "emial"], "did you mean `email`?"),
        (&["--mute", "email:ordrs"], "did you mean `orders`?"),
    ] {
        contact(&place, options).expect(ExitCode::Usage).says(said);
    }
    for (set, said) in [
        ("push_outbox=", "give `push_outbox` a folder"),
        ("push_templates=nowhere", "option `push_templates`: templates: cannot read"),
        ("push_unsubscribe_key=short", "option `push_unsubscribe_key`: a signing key has 5 bytes"),
    ] {
        place.run(&["sink", "run", "push", "--set", set]).expect(ExitCode::Usage).says(said);
    }
    place.run(&["notices", "follow", CUSTOMER, "SOCKS"]).expect(ExitCode::Usage).says("--opening");
    place
        .run(&["notices", "follow", CUSTOMER, "SOCKS", "--stock"])
        .expect(ExitCode::Ok)
        .says("is told about SOCKS");
    place
        .run(&["notices", "follow", CUSTOMER, "SOCKS", "--stock", "--end"])
        .expect(ExitCode::Ok)
        .says("no longer");
}
