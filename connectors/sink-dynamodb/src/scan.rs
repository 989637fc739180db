//! Reading the tables back, and mending single items: what `reconcile` needs.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use tables::sdk::operation::scan::ScanOutput;
use tables::sdk::types::AttributeValue;
use tables::{Failure, Table, Tables, Verdict, classify};
use tokio::time::sleep;

use crate::item::{Item, Key, key_names};
use crate::limits::{SCAN_PAGE_ITEMS_MAX, SCAN_TRIES_MAX, SCAN_WAIT_MS_MIN};
use crate::progress::PROGRESS;

/// What became of a repair.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Repair {
    /// It was made.
    Made,
    /// The item has changed since it was read: compare again.
    Changed,
}

/// Reads all items of `tables`, in the form in which [`items_of`](crate::items_of) tells what should be there.
pub async fn scan(tables: &Tables, which: &[Table]) -> Result<BTreeMap<Key, Item>, Failure> {
    let mut items = BTreeMap::new();
    for table in which {
        scan_each(tables, *table, |key, item| {
            items.insert(key, item);
        })
        .await?;
    }
    Ok(items)
}

/// Reads all items of one table, a page at a time, for tables that do not fit into memory.
pub async fn scan_each(
    tables: &Tables,
    table: Table,
    mut each: impl FnMut(Key, Item),
) -> Result<(), Failure> {
    let mut from: Option<HashMap<String, AttributeValue>> = None;
    loop {
        let page = page(tables, table, from.take()).await?;
        for item in page.items.unwrap_or_default() {
            if let Some((key, item)) = Item::of_sdk(table, item)
                && !(table == Table::Inventory && key.range == PROGRESS)
            {
                each(key, item);
            }
        }
        from = page.last_evaluated_key.filter(|key| !key.is_empty());
        if from.is_none() {
            return Ok(());
        }
    }
}

/// One page of a table. A long scan is throttled now and then: it goes on where it was.
async fn page(
    tables: &Tables,
    table: Table,
    from: Option<HashMap<String, AttributeValue>>,
) -> Result<ScanOutput, Failure> {
    let mut tries = 1;
    loop {
        let request = tables
            .client()
            .scan()
            .table_name(tables.name(table))
            .consistent_read(true)
            .limit(SCAN_PAGE_ITEMS_MAX)
            .set_exclusive_start_key(from.clone());
        let failure = match request.send().await {
            Ok(page) => return Ok(page),
            Err(error) => classify(&error),
        };
        let may_pass = matches!(failure.verdict, Verdict::Throttled | Verdict::Retry);
        if !may_pass || tries >= SCAN_TRIES_MAX {
            return Err(failure);
        }
        sleep(Duration::from_millis(SCAN_WAIT_MS_MIN << tries)).await;
        tries += 1;
    }
}

/// Puts what should stand at `key` in the place of what was `seen` there; nothing should: removes it. Does nothing when
/// the item has another version by now.
pub async fn repair(
    tables: &Tables,
    key: &Key,
    wanted: Option<&Item>,
    seen: Option<&Item>,
) -> Result<Repair, Failure> {
    let [hash, _] = key_names(key.table);
    let condition = match seen {
        Some(item) if item.version > 0 => "#c = :seen",
        // An item without a version is not ours, and there is nothing to hold it by.
        Some(_) => "attribute_exists(#c)",
        None => "attribute_not_exists(#c)",
    };
    let held_by = if condition.starts_with("#c") { "version" } else { hash };
    let seen = seen
        .filter(|item| item.version > 0)
        .map(|item| HashMap::from([(":seen".to_owned(), AttributeValue::N(item.version.to_string()))]));
    let failure = match wanted {
        Some(item) => {
            let mut put = tables.client().put_item().table_name(tables.name(key.table));
            for (name, value) in key.attributes() {
                put = put.item(name, value);
            }
            for (name, value) in item.rest(key) {
                put = put.item(name, value);
            }
            let put = put.condition_expression(condition).expression_attribute_names("#c", held_by);
            put.set_expression_attribute_values(seen).send().await.err().map(|error| classify(&error))
        }
        None => {
            let mut delete = tables.client().delete_item().table_name(tables.name(key.table));
            for (name, value) in key.attributes() {
                delete = delete.key(name, value);
            }
            let delete = delete.condition_expression(condition).expression_attribute_names("#c", held_by);
            delete.set_expression_attribute_values(seen).send().await.err().map(|error| classify(&error))
        }
    };
    match failure {
        None => Ok(Repair::Made),
        Some(failure) if failure.verdict == Verdict::Superseded => Ok(Repair::Changed),
        Some(failure) => Err(failure),
    }
}
