//! How far the sink has got: one item per partition in `inventory`, which never moves back.
//!
//! Its second key is `progress`, which no listing has, so a SKU of the same name is another item.

use std::collections::HashMap;

use order_model::{Offset, Partition, Sequence};
use sink::{Fault, Reached};
use tables::sdk::types::AttributeValue;
use tables::{Failure, Table, Tables, Verdict, classify};

use crate::classify::fault;

pub(crate) const PROGRESS: &str = "progress";

fn name(partition: Partition) -> AttributeValue {
    AttributeValue::S(format!("#progress#{partition}"))
}

type Attributes = HashMap<String, AttributeValue>;

fn key(partition: Partition) -> [(&'static str, AttributeValue); 2] {
    [("sku", name(partition)), ("facet", AttributeValue::S(PROGRESS.to_owned()))]
}

async fn get(tables: &Tables, partition: Partition) -> Result<Option<Attributes>, Failure> {
    let mut get = tables.client().get_item().table_name(tables.name(Table::Inventory)).consistent_read(true);
    for (name, value) in key(partition) {
        get = get.key(name, value);
    }
    Ok(get.send().await.map_err(|error| classify(&error))?.item)
}

fn reached(item: &Attributes) -> Option<Reached> {
    let number = |name: &str| -> Option<u64> { item.get(name)?.as_n().ok()?.parse().ok() };
    let (sequence, next_offset) = (number("version")?, number("next_offset")?);
    Some(Reached { sequence: Sequence(sequence), next_offset: Offset(next_offset) })
}

/// The progress of a partition; `None` when none is noted, or nothing that can be read.
pub async fn noted_progress(tables: &Tables, partition: Partition) -> Result<Option<Reached>, Failure> {
    Ok(get(tables, partition).await?.as_ref().and_then(reached))
}

/// Notes that everything up to there is in the tables, whatever is noted now. For mending: a sink never moves back.
pub async fn note_progress(tables: &Tables, partition: Partition, reached: Reached) -> Result<(), Failure> {
    let put = tables.client().put_item().table_name(tables.name(Table::Inventory));
    let put = put.set_item(Some(item(partition, reached)));
    put.send().await.map(drop).map_err(|error| classify(&error))
}

/// Takes the progress of a partition away: the sink then writes its decisions again, which harms nothing.
pub async fn forget_progress(tables: &Tables, partition: Partition) -> Result<(), Failure> {
    let mut delete = tables.client().delete_item().table_name(tables.name(Table::Inventory));
    for (name, value) in key(partition) {
        delete = delete.key(name, value);
    }
    delete.send().await.map(drop).map_err(|error| classify(&error))
}

fn item(partition: Partition, reached: Reached) -> Attributes {
    let number = |value: u64| AttributeValue::N(value.to_string());
    let rest = [
        ("ledger", AttributeValue::N(partition.to_string())),
        ("version", number(reached.sequence.0)),
        ("next_offset", number(reached.next_offset.0)),
    ];
    key(partition).into_iter().chain(rest).map(|(name, value)| (name.to_owned(), value)).collect()
}

pub(crate) async fn read(tables: &Tables, partition: Partition) -> Result<Reached, Fault> {
    let found = get(tables, partition).await.map_err(|failure| fault(&failure))?;
    let Some(item) = found else { return Ok(Reached::default()) };
    reached(&item).ok_or_else(|| {
        Fault::Halt(format!(
            "the progress of partition {partition} in table {} has no numbers in `version` and `next_offset`; delete \
             that item, and the sink writes its decisions again",
            tables.name(Table::Inventory)
        ))
    })
}

pub(crate) async fn write(tables: &Tables, partition: Partition, reached: Reached) -> Result<(), Failure> {
    let number = |value: u64| AttributeValue::N(value.to_string());
    let answer = tables
        .client()
        .put_item()
        .table_name(tables.name(Table::Inventory))
        .set_item(Some(item(partition, reached)))
        .condition_expression(
            "attribute_not_exists(#sku) OR #version < :version OR (#version = :version AND #next < :next)",
        )
        .expression_attribute_names("#sku", "sku")
        .expression_attribute_names("#version", "version")
        .expression_attribute_names("#next", "next_offset")
        .expression_attribute_values(":version", number(reached.sequence.0))
        .expression_attribute_values(":next", number(reached.next_offset.0))
        .send()
        .await;
    let Err(error) = answer else { return Ok(()) };
    let failure = classify(&error);
    if failure.verdict == Verdict::Superseded { Ok(()) } else { Err(failure) }
}
