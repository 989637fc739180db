//! A customer's orders, newest first.

use order_model::CustomerId;
use tables::sdk::types::{AttributeValue, KeysAndAttributes};
use tables::{Failure, Table, Tables, Verdict, classify};

use crate::item::{Item, Key};

/// Most orders told at once; DynamoDB's own limit for items read by key.
pub const HISTORY_ORDERS_MAX: u8 = 100;

/// A customer's latest orders, newest first, at most `most` of them and at most [`HISTORY_ORDERS_MAX`].
///
/// The index lags behind the table by moments; an order in it is told as the table has it.
pub async fn history(tables: &Tables, customer: CustomerId, most: u8) -> Result<Vec<(Key, Item)>, Failure> {
    let name = tables.name(Table::Orders);
    let answer = tables
        .client()
        .query()
        .table_name(&name)
        .index_name("by_customer")
        .key_condition_expression("#customer = :customer")
        .expression_attribute_names("#customer", "customer")
        .expression_attribute_values(":customer", AttributeValue::S(customer.to_string()))
        .scan_index_forward(false)
        .limit(i32::from(most.clamp(1, HISTORY_ORDERS_MAX)))
        .send()
        .await
        .map_err(|error| classify(&error))?;
    let mut keys = Vec::new();
    for mut entry in answer.items.unwrap_or_default() {
        if let (Some(order), Some(ledger)) = (entry.remove("order"), entry.remove("ledger")) {
            keys.push([("order".to_owned(), order), ("ledger".to_owned(), ledger)].into());
        }
    }
    if keys.is_empty() {
        return Ok(Vec::new());
    }
    let wanted = KeysAndAttributes::builder().set_keys(Some(keys)).build();
    let wanted = wanted.map_err(|error| Failure { verdict: Verdict::Halt, detail: error.to_string() })?;
    let answer = tables
        .client()
        .batch_get_item()
        .request_items(&name, wanted)
        .send()
        .await
        .map_err(|error| classify(&error))?;
    if answer.unprocessed_keys.is_some_and(|keys| !keys.is_empty()) {
        let detail = "DynamoDB read only part of the orders".to_owned();
        return Err(Failure { verdict: Verdict::Throttled, detail });
    }
    let found = answer.responses.and_then(|mut tables| tables.remove(&name)).unwrap_or_default();
    let mut orders: Vec<_> = found.into_iter().filter_map(|item| Item::of_sdk(Table::Orders, item)).collect();
    let placed_at = |item: &Item| match item.attributes.get("placed_at") {
        Some(crate::item::Value::Number(time)) => *time,
        _ => 0,
    };
    orders.sort_by(|(a, a_item), (b, b_item)| placed_at(b_item).cmp(&placed_at(a_item)).then(a.cmp(b)));
    Ok(orders)
}
