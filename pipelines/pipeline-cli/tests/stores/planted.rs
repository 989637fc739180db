//! Differences planted by hand, twenty of them, no two alike in what was done to what.
#![expect(clippy::unwrap_used, reason = "helpers of tests")]

use sink_dynamodb::{Item, Key, TABLES, Value, repair, scan};
use tables::{Table, TableOptions, Tables};

use super::Ground;

/// Ten differences in the tables: items that are changed, removed, added, older and newer than they may be.
pub(super) fn plant_items(options: &TableOptions) {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let tables = Tables::connect(options).await.unwrap();
        let items = scan(&tables, &TABLES).await.unwrap();
        let of = |table: Table| items.iter().filter(move |(key, _)| key.table == table);
        let change = async |(key, item): (&Key, &Item), change: &dyn Fn(&mut Item)| {
            let mut changed = item.clone();
            change(&mut changed);
            repair(&tables, key, Some(&changed), Some(item)).await.unwrap();
        };
        let remove = async |(key, item): (&Key, &Item)| {
            repair(&tables, key, None, Some(item)).await.map(drop).unwrap()
        };
        let add = async |(key, item): (&Key, &Item)| {
            let key = Key { hash: format!("{}-nobody", key.hash), ..key.clone() };
            repair(&tables, &key, Some(item), None).await.map(drop).unwrap();
        };
        let mut orders = of(Table::Orders);
        let mut next = || orders.next().unwrap();
        change(next(), &|item| drop(item.attributes.insert("total".into(), Value::Number(-1)))).await;
        change(next(), &|item| drop(item.attributes.insert("colour".into(), Value::from("red")))).await;
        change(next(), &|item| drop(item.attributes.remove("status").unwrap())).await;
        change(next(), &|item| item.version -= 1).await;
        change(next(), &|item| item.version += 1_000_000).await;
        remove(next()).await;
        add(next()).await;
        let mut stock = of(Table::Inventory).filter(|(_, item)| item.attributes.contains_key("free"));
        change(stock.next().unwrap(), &|item| {
            item.attributes.insert("free".into(), Value::Number(1_000_000));
        })
        .await;
        let mut payments = of(Table::Payments);
        remove(payments.next().unwrap()).await;
        add(payments.next().unwrap()).await;
    });
}

/// Ten in ClickHouse: decisions removed, changed and made up, and what is computed from them changed and removed.
pub(super) fn plant_rows(ground: &Ground) {
    let now = "SETTINGS mutations_sync = 2";
    let raw = "WHERE partition = 0 AND sequence";
    let change = |table: &str, what: &str| ground.ask(&format!("ALTER TABLE {table} {what} {now}"));
    ground.ask(&format!("DELETE FROM decisions_raw {raw} IN (30, 500)"));
    change("decisions_raw", &format!("UPDATE total = total + 1 {raw} IN (31, 600)"));
    change("decisions_raw", &format!("UPDATE order_id = generateUUIDv4(), time = time + 70 {raw} = 800"));
    ground.ask(&format!(
        "INSERT INTO decisions_raw SELECT * REPLACE(sequence + 10000000 AS sequence) FROM (SELECT * FROM \
         decisions_raw FINAL {raw} IN (40, 41))"
    ));
    change("rollup_orders", "UPDATE decisions = decisions + 1 WHERE partition = 1 AND span = 0");
    change("rollup_lines", "DELETE WHERE partition = 3 AND span = 0 AND kind = 'held'");
    change(
        "order_facts",
        "UPDATE total = total + 1 WHERE order_id = (SELECT min(order_id) FROM order_facts WHERE partition = 2) AND \
         partition = 2",
    );
}
