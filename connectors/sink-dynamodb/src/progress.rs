//! How far the sink has got: one item per partition in `inventory`, which never moves back.
//!
//! Its second key is `progress`, which no listing has, so a SKU of the same name is another item.

use order_model::{Offset, Partition, Sequence};
use sink::{Fault, Reached};
use tables::sdk::types::AttributeValue;
use tables::{Failure, Table, Tables, Verdict, classify};

use crate::classify::fault;

pub(crate) const PROGRESS: &str = "progress";

fn name(partition: Partition) -> AttributeValue {
    AttributeValue::S(format!("#progress#{partition}"))
}

pub(crate) async fn read(tables: &Tables, partition: Partition) -> Result<Reached, Fault> {
    let answer = tables
        .client()
        .get_item()
        .table_name(tables.name(Table::Inventory))
        .key("sku", name(partition))
        .key("facet", AttributeValue::S(PROGRESS.to_owned()))
        .consistent_read(true)
        .send()
        .await
        .map_err(|error| fault(&classify(&error)))?;
    let Some(item) = answer.item else { return Ok(Reached::default()) };
    let number = |name: &str| -> Option<u64> { item.get(name)?.as_n().ok()?.parse().ok() };
    match (number("version"), number("next_offset")) {
        (Some(sequence), Some(next_offset)) => {
            Ok(Reached { sequence: Sequence(sequence), next_offset: Offset(next_offset) })
        }
        _ => Err(Fault::Halt(format!(
            "the progress of partition {partition} in table {} has no numbers in `version` and `next_offset`; delete \
             that item, and the sink writes its decisions again",
            tables.name(Table::Inventory)
        ))),
    }
}

pub(crate) async fn write(tables: &Tables, partition: Partition, reached: Reached) -> Result<(), Failure> {
    let number = |value: u64| AttributeValue::N(value.to_string());
    let answer = tables
        .client()
        .put_item()
        .table_name(tables.name(Table::Inventory))
        .item("sku", name(partition))
        .item("facet", AttributeValue::S(PROGRESS.to_owned()))
        .item("ledger", AttributeValue::N(partition.to_string()))
        .item("version", number(reached.sequence.0))
        .item("next_offset", number(reached.next_offset.0))
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
