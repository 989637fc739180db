//! The stores behind a sale on a real broker, and the people who are told about it: sinks that are killed fifty times while
//! it runs, and differences planted by hand afterwards. DynamoDB is DynamoDB Local, ClickHouse is the engine itself, the
//! mail server speaks SMTP over real sockets and outlives every kill.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

mod notices;
mod planted;

use std::fs;
use std::time::{Duration, Instant};

use crate::common::{Place, Run};
use crate::running::{Running, until};
use notices::People;
use order_log::{KafkaLog, KafkaOptions};
use pipeline_cli::{ExitCode, times};
use planted::{plant_items, plant_rows};
use sink_push::stand_in::SmtpServer;
use tables::TableOptions;
use testbed::{Broker, DynamoDbLocal};

/// Orders of the sale; a hundred bring about 175 decisions.
const ORDERS: u64 = 120_000;
/// Decisions there are at least.
const DECISIONS_MIN: u64 = 200_000;
const SEED: u64 = 7;
/// Orders a second: slow enough that the sale lasts as long as the killing.
const RATE: &str = "800";
const KILLS: u32 = 50;
/// Longest wait for mails to go out before a kill.
const MAILS_PATIENCE: Duration = Duration::from_secs(4);
/// An attempt that was broken off counts as such after 36 s; then there is one more look.
const SETTLING: Duration = Duration::from_secs(180);

/// A folder configured for the broker, the tables and an engine of its own.
struct Ground {
    place: Place,
    tables: TableOptions,
}

impl Ground {
    fn new(broker: &Broker, dynamodb: &DynamoDbLocal, server: &SmtpServer) -> Self {
        let place = Place::new();
        let config = format!(
            "log = \"kafka\"\nbrokers = \"{}\"\nkeys_file = \"keys.toml\"\ndynamodb = \"{}\"\nclickhouse = \"clickhouse\"\n\
             push_outbox = \"outbox\"\npush_from = \"Shop <orders@shop.example>\"\npush_smtp_host = \"127.0.0.1\"\n\
             push_smtp_port = {}\npush_smtp_security = \"none\"\n",
            broker.bootstrap(),
            dynamodb.url(),
            server.port()
        );
        fs::write(place.path().join("pipeline.toml"), config).unwrap();
        Self { place, tables: TableOptions::local(dynamodb.url()) }
    }

    fn run(&self, arguments: &[&str]) -> Run {
        self.place.run(arguments)
    }

    fn start(&self, name: &str, arguments: &[&str]) -> Running {
        Running::start(self.place.path(), name, arguments)
    }

    /// Adds a line to the configuration.
    fn configure(&self, line: &str) {
        let file = self.place.path().join("pipeline.toml");
        let text = fs::read_to_string(&file).unwrap();
        fs::write(file, format!("{text}{line}\n")).unwrap();
    }

    fn ask(&self, sql: &str) -> Run {
        self.run(&["query", "-o", "ndjson", sql]).expect(ExitCode::Ok)
    }
}

#[test]
fn fifty_kills_lose_nothing_and_tell_nobody_twice_and_twenty_planted_differences_are_found_and_mended() {
    let broker = Broker::start().unwrap();
    let dynamodb = DynamoDbLocal::start().unwrap();
    let server = SmtpServer::start_counting().unwrap();
    let ground = Ground::new(&broker, &dynamodb, &server);
    ground.run(&["keys", "generate", "keys.toml"]).expect(ExitCode::Ok);
    ground.run(&["table", "create"]).expect(ExitCode::Ok);
    ground.run(&["analytics", "migrate"]).expect(ExitCode::Ok);
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let people = runtime.block_on(People::write(&ground.tables, SEED, ORDERS));

    let (orders, seed) = (ORDERS.to_string(), SEED.to_string());
    let options = ["--rate", RATE, "--headless", "--no-outputs", "-o", "json"];
    let demo = [&["demo", "--orders", &orders, "--seed", &seed], &options[..]].concat();
    let mut sale = ground.start("sale", &demo);
    until("the demo has named its topics", || sale.said().contains("topics begin with "));
    let said = sale.said();
    let prefix = said.split("topics begin with ").nth(1).unwrap().split_whitespace().next().unwrap();
    ground.configure(&format!("topic_prefix = \"{prefix}\""));
    // The same member again after each kill, so that the group does not wait for the one before it.
    ground.configure("kafka_properties = \"group.instance.id=sinks;session.timeout.ms=6000\"");
    let (in_sale, in_mails) = kill_again_and_again(&ground, &mut sale, &server);
    until_ended(&mut sale);
    let sold = sale.wait().expect(ExitCode::Ok);
    let result: serde_json::Value = serde_json::from_str(&sold.stdout).unwrap();
    assert_eq!(
        (&result["lost"], &result["duplicated"], &result["proved"]),
        (&0.into(), &0.into(), &true.into())
    );
    let decided = result["decided"].as_u64().unwrap();
    assert!(decided >= DECISIONS_MIN, "{decided} decisions are too few");

    ground.run(&["sink", "run", "all", "--once"]).expect(ExitCode::Ok);
    let compared = ground.run(&["reconcile", "-o", "ndjson"]).expect(ExitCode::Ok).says("0 differences");
    assert_eq!(compared.stdout, "");
    counted_once(&ground);
    told_once(&ground, &runtime, &people, &broker, &format!("{prefix}decisions"), &server, decided);

    plant_items(&ground.tables);
    plant_rows(&ground);
    let found = ground.run(&["reconcile", "-o", "ndjson"]).expect(ExitCode::CheckFailed);
    assert_eq!(found.rows().len(), 20, "{}", found.stdout);
    let planned = ground.run(&["reconcile", "--repair", "-o", "ndjson"]).expect(ExitCode::CheckFailed);
    assert_eq!(planned.rows().len(), 20, "planning changes nothing");
    let mended = ground.run(&["reconcile", "--repair", "--yes", "-o", "ndjson"]).expect(ExitCode::Ok);
    assert_eq!(mended.says("mended 20, left 0").rows().len(), 20);
    let left = ground.run(&["reconcile", "-o", "ndjson"]).expect(ExitCode::Ok).says("0 differences");
    assert_eq!(left.stdout, "");
    counted_once(&ground);
    println!(
        "{KILLS} kills, {in_sale} of them in the sale, {in_mails} with mails on their way; {decided} decisions; 20 differences \
         planted, found and mended"
    );
}

/// Each notice that is due by the log was claimed once, and no e-mail came twice.
#[expect(clippy::print_stdout, reason = "the figures of the test")]
fn told_once(
    ground: &Ground,
    runtime: &tokio::runtime::Runtime,
    people: &People,
    broker: &Broker,
    topic: &str,
    server: &SmtpServer,
    decided: u64,
) {
    let sink = ground.start("settling", &["sink", "run", "push"]);
    let deadline = Instant::now() + SETTLING;
    let settled = loop {
        let now = times::now();
        let open = runtime.block_on(notices::open(now, &ground.tables));
        if open == 0 {
            break now;
        }
        assert!(Instant::now() < deadline, "{open} notices are not settled: {}", sink.said());
        std::thread::sleep(Duration::from_secs(1));
    };
    sink.terminate().expect(ExitCode::Ok);
    let log = KafkaLog::connect(KafkaOptions::new(broker.bootstrap())).unwrap();
    let outbox = ground.place.path().join("outbox");
    let counted = runtime.block_on(people.count(settled, &log, topic, &ground.tables, server, &outbox));
    println!("{counted:#?}");
    assert_eq!(counted.decisions, decided);
    assert_eq!(counted.claimed + counted.pointless, counted.due);
}

/// Runs the sinks and kills them, each time after another while, and every other time in the middle of mails going out.
/// Says how many kills came while the sale ran, and how many while mails went out.
fn kill_again_and_again(ground: &Ground, sale: &mut Running, server: &SmtpServer) -> (u32, u32) {
    let (mut in_sale, mut in_mails) = (0, 0);
    for kill in 0..KILLS {
        let mut sinks = ground.start("sinks", &["sink", "run", "all"]);
        until("the sinks run", || {
            assert!(sinks.is_running(), "they ended by themselves: {}", sinks.said());
            sinks.said().contains("carrying decisions")
        });
        if kill % 2 == 0 {
            // Anywhere between the first batch and some hundred: that is what is tested, so nothing is waited for.
            std::thread::sleep(Duration::from_millis(u64::from(kill * 37 % 50) * 20));
        } else if goes_out(server, u64::from(kill)) {
            in_mails += 1;
        }
        in_sale += u32::from(sale.is_running());
        sinks.kill();
    }
    (in_sale, in_mails)
}

/// Waits until so many more mails are out; `false` when there are not so many to be sent.
fn goes_out(server: &SmtpServer, mails: u64) -> bool {
    let (begin, wanted) = (Instant::now(), server.counted().0 + mails);
    while server.counted().0 < wanted {
        if begin.elapsed() > MAILS_PATIENCE {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

/// The sale goes on for longer than the tests' patience.
fn until_ended(sale: &mut Running) {
    while sale.is_running() {
        std::thread::sleep(Duration::from_millis(50));
    }
}

/// Each decision stands in the raw table and in the roll-ups once.
fn counted_once(ground: &Ground) {
    let sql = "SELECT (SELECT count() FROM decisions) AS rows, (SELECT sum(s) FROM (SELECT max(sequence) AS s FROM \
               decisions_raw GROUP BY partition)) AS highest, (SELECT sum(decisions) FROM rollup_orders FINAL) AS rolled";
    let counts = ground.ask(sql).rows().remove(0);
    assert_eq!((&counts["rows"], &counts["rolled"]), (&counts["highest"], &counts["highest"]), "{counts}");
}
