//! The stores behind a sale on a real broker: sinks that are killed fifty times while it runs, and differences planted by
//! hand afterwards. DynamoDB is DynamoDB Local, ClickHouse is the engine itself.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use std::fs;
use std::time::Duration;

use crate::common::{Place, Run};
use crate::running::{Running, until};
use pipeline_cli::ExitCode;
use sink_dynamodb::{Item, Key, TABLES, Value, repair, scan};
use tables::{Table, TableOptions, Tables};
use testbed::{Broker, DynamoDbLocal};

/// Orders of the sale; each brings about two decisions.
const ORDERS: &str = "100000";
/// Orders a second: slow enough that the sale lasts as long as the killing.
const RATE: &str = "1500";
const KILLS: u32 = 50;

/// A folder configured for the broker, the tables and an engine of its own.
struct Ground {
    place: Place,
    tables: TableOptions,
}

impl Ground {
    fn new(broker: &Broker, dynamodb: &DynamoDbLocal) -> Self {
        let place = Place::new();
        let config = format!(
            "log = \"kafka\"\nbrokers = \"{}\"\nkeys_file = \"keys.toml\"\ndynamodb = \"{}\"\nclickhouse = \"clickhouse\"\n",
            broker.bootstrap(),
            dynamodb.url()
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
fn fifty_kills_lose_nothing_and_twenty_planted_differences_are_found() {
    let broker = Broker::start().unwrap();
    let dynamodb = DynamoDbLocal::start().unwrap();
    let ground = Ground::new(&broker, &dynamodb);
    ground.run(&["keys", "generate", "keys.toml"]).expect(ExitCode::Ok);
    ground.run(&["table", "create"]).expect(ExitCode::Ok);
    ground.run(&["analytics", "migrate"]).expect(ExitCode::Ok);

    let demo = [
        "demo",
        "--orders",
        ORDERS,
        "--rate",
        RATE,
        "--seed",
        "7",
        "--headless",
        "--no-outputs",
        "-o",
        "json",
    ];
    let mut sale = ground.start("sale", &demo);
    until("the demo has named its topics", || sale.said().contains("topics begin with "));
    let said = sale.said();
    let prefix = said.split("topics begin with ").nth(1).unwrap().split_whitespace().next().unwrap();
    ground.configure(&format!("topic_prefix = \"{prefix}\""));
    // The same member again after each kill, so that the group does not wait for the one before it.
    ground.configure("kafka_properties = \"group.instance.id=sinks;session.timeout.ms=6000\"");
    kill_again_and_again(&ground);
    until_ended(&mut sale);
    let sold = sale.wait().expect(ExitCode::Ok);
    let result: serde_json::Value = serde_json::from_str(&sold.stdout).unwrap();
    assert_eq!(
        (&result["lost"], &result["duplicated"], &result["proved"]),
        (&0.into(), &0.into(), &true.into())
    );

    ground.run(&["sink", "run", "all", "--once"]).expect(ExitCode::Ok);
    let compared = ground.run(&["reconcile", "-o", "ndjson"]).expect(ExitCode::Ok).says("0 differences");
    assert_eq!(compared.stdout, "");
    counted_once(&ground);

    plant_items(&ground);
    plant_rows(&ground);
    let found = ground.run(&["reconcile", "-o", "ndjson"]).expect(ExitCode::CheckFailed);
    assert_eq!(found.rows().len(), 20, "{}", found.stdout);
    let planned = ground.run(&["reconcile", "--repair", "-o", "ndjson"]).expect(ExitCode::CheckFailed);
    assert_eq!(planned.rows().len(), 20, "planning changes nothing");
}

/// Runs the sinks and kills them, each time after another while.
fn kill_again_and_again(ground: &Ground) {
    for kill in 0..KILLS {
        let sinks = ground.start("sinks", &["sink", "run", "all"]);
        until("the sinks run", || sinks.said().contains("carrying decisions"));
        // Anywhere between the first batch and some hundred: that is what is tested, so nothing is waited for.
        std::thread::sleep(Duration::from_millis(u64::from(kill * 37 % 50) * 20));
        sinks.kill();
    }
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

/// Ten differences in the tables: three changed, two removed, two that nobody decided, an older version, a stock and a
/// payment.
fn plant_items(ground: &Ground) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tables = Tables::connect(&ground.tables).await.unwrap();
        let items = scan(&tables, &TABLES).await.unwrap();
        let of = |table: Table| items.iter().filter(move |(key, _)| key.table == table);
        let change = async |key: &Key, item: &Item, change: &dyn Fn(&mut Item)| {
            let mut changed = item.clone();
            change(&mut changed);
            repair(&tables, key, Some(&changed), Some(item)).await.unwrap();
        };
        let mut orders = of(Table::Orders);
        for (key, item) in orders.by_ref().take(3) {
            change(key, item, &|item| {
                item.attributes.insert("total".into(), Value::Number(-1));
            })
            .await;
        }
        for (key, item) in orders.by_ref().take(2) {
            repair(&tables, key, None, Some(item)).await.unwrap();
        }
        for (key, item) in orders.by_ref().take(2) {
            let key = Key { hash: format!("{}-nobody", key.hash), ..key.clone() };
            repair(&tables, &key, Some(item), None).await.unwrap();
        }
        let (key, item) = orders.next().unwrap();
        change(key, item, &|item| item.version -= 1).await;
        let (key, item) = of(Table::Inventory).next().unwrap();
        change(key, item, &|item| {
            item.attributes.insert("free".into(), Value::Number(1_000_000));
        })
        .await;
        let (key, item) = of(Table::Payments).next().unwrap();
        repair(&tables, key, None, Some(item)).await.unwrap();
    });
}

/// Ten in ClickHouse: three decisions removed, three changed, two that nobody made, a roll-up and an order's facts.
fn plant_rows(ground: &Ground) {
    let now = "SETTINGS mutations_sync = 2";
    ground.ask("DELETE FROM decisions_raw WHERE partition = 0 AND sequence IN (30, 500, 700)");
    ground.ask(&format!(
        "ALTER TABLE decisions_raw UPDATE total = total + 1 WHERE partition = 0 AND sequence IN (31, 600, 800) {now}"
    ));
    ground.ask(
        "INSERT INTO decisions_raw SELECT * REPLACE(sequence + 10000000 AS sequence) FROM (SELECT * FROM \
         decisions_raw FINAL WHERE partition = 0 AND sequence IN (40, 41))",
    );
    ground.ask(&format!(
        "ALTER TABLE rollup_orders UPDATE decisions = decisions + 1 WHERE partition = 1 AND span = 0 {now}"
    ));
    ground.ask(&format!(
        "ALTER TABLE order_facts UPDATE total = total + 1 WHERE order_id = (SELECT min(order_id) FROM order_facts \
         WHERE partition = 2) AND partition = 2 {now}"
    ));
}
