//! One order read back: what its home's newest decision left of it.

use std::str::FromStr;

use order_model::{
    DecidedLine, LineState, OrderEvent, OrderEventKind, OrderId, Partition, RejectReason, Sequence, TimeMs,
};
use tables::sdk::types::AttributeValue;
use tables::{Failure, Table, Tables, classify};

use crate::item::{Attributes, Item, Key, Value};

/// An order as the table has it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct StoredOrder {
    /// The ledger that decided it.
    pub ledger: Partition,
    /// The number of the decision there.
    pub version: Sequence,
    /// When that was, by the ledger's time.
    pub time: TimeMs,
    /// What was decided. Its lines are without stock, which is not the order's to tell.
    pub event: OrderEvent,
}

/// Reads one order; `None`: the table has none of this id that we could have written. Where several ledgers were asked for an
/// order of the same id, the one that spoke last.
pub async fn stored_order(tables: &Tables, order: OrderId) -> Result<Option<StoredOrder>, Failure> {
    let answer = tables
        .client()
        .query()
        .table_name(tables.name(Table::Orders))
        .key_condition_expression("#order = :order")
        .expression_attribute_names("#order", "order")
        .expression_attribute_values(":order", AttributeValue::S(order.to_string()))
        .send()
        .await
        .map_err(|error| classify(&error))?;
    let items = answer.items.unwrap_or_default().into_iter();
    let stored =
        items.filter_map(|item| Item::of_sdk(Table::Orders, item)).filter_map(|(key, item)| of(&key, &item));
    Ok(stored.max_by_key(|stored| (stored.time, stored.ledger)))
}

/// The other way of what `encode` makes of a decision.
fn of(key: &Key, item: &Item) -> Option<StoredOrder> {
    let attributes = &item.attributes;
    let status = text(attributes, "status")?;
    let reason = text(attributes, "reason");
    let event = OrderEvent {
        kind: *OrderEventKind::ALL.iter().find(|kind| kind.name() == status)?,
        reason: reason.and_then(|name| RejectReason::ALL.iter().copied().find(|known| known.name() == name)),
        order: key.hash.parse().ok()?,
        customer: parsed(attributes, "customer")?,
        currency: parsed(attributes, "currency")?,
        total: number(attributes, "total")?,
        tax: number(attributes, "tax")?,
        deadline: TimeMs(number(attributes, "deadline").unwrap_or_default()),
        payment: parsed(attributes, "payment"),
        lines: match attributes.get("lines")? {
            Value::List(lines) => lines.iter().map(line).collect::<Option<_>>()?,
            _ => return None,
        },
    };
    let time = TimeMs(number(attributes, "updated_at")?);
    Some(StoredOrder { ledger: Partition(item.ledger), version: Sequence(item.version), time, event })
}

fn line(value: &Value) -> Option<DecidedLine> {
    let Value::Map(attributes) = value else { return None };
    let state = text(attributes, "state")?;
    Some(DecidedLine {
        sku: parsed(attributes, "sku")?,
        quantity: number(attributes, "quantity")?,
        state: *LineState::ALL.iter().find(|known| known.name() == state)?,
        unit_price: number(attributes, "unit_price")?,
        stock: None,
    })
}

fn text<'a>(attributes: &'a Attributes, name: &str) -> Option<&'a str> {
    match attributes.get(name)? {
        Value::Text(text) => Some(text),
        _ => None,
    }
}

fn parsed<T: FromStr>(attributes: &Attributes, name: &str) -> Option<T> {
    text(attributes, name)?.parse().ok()
}

fn number<T: TryFrom<i128>>(attributes: &Attributes, name: &str) -> Option<T> {
    match attributes.get(name)? {
        Value::Number(number) => T::try_from(*number).ok(),
        _ => None,
    }
}
