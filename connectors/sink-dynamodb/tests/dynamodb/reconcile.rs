//! What `reconcile` is made of: comparing, and mending single items.

use order_model::OrderEventKind;
use sink::Target;
use sink_dynamodb::{DynamoDb, Repair, TABLES, Value, items_of, repair, scan};
use tables::Table;
use tables::sdk::types::AttributeValue;

use crate::decisions::{batch, order};
use crate::stand_in::StandIn;

#[tokio::test]
async fn planted_differences_are_found_and_mended() {
    for stand_in in StandIn::BOTH {
        let (tables, options) = stand_in.tables().await;
        let decisions: Vec<_> =
            (1..=6).map(|sequence| order(0, sequence, OrderEventKind::Held, sequence.into())).collect();
        DynamoDb::over(tables.clone(), &options).write(&[batch(&decisions)]).await.unwrap();
        let wanted = items_of(&decisions, &options.retention);
        let keys: Vec<_> = wanted.keys().filter(|key| key.table == Table::Orders).cloned().collect();
        let [gone, changed, older, alien, ..] = keys.as_slice() else { panic!("{keys:?}") };

        // One is missing, one has another total, one another version, one an attribute of a type we never write; and one
        // is there that nobody decided.
        let mut tampered = wanted.get(changed).unwrap().clone();
        tampered.attributes.insert("total".into(), Value::Number(1));
        let mut aged = wanted.get(older).unwrap().clone();
        aged.version = 1_000;
        let ghost = sink_dynamodb::Key { hash: "ghost".to_owned(), ..gone.clone() };
        assert_eq!(repair(&tables, gone, None, wanted.get(gone)).await, Ok(Repair::Made));
        assert_eq!(repair(&tables, changed, Some(&tampered), wanted.get(changed)).await, Ok(Repair::Made));
        assert_eq!(repair(&tables, older, Some(&aged), wanted.get(older)).await, Ok(Repair::Made));
        assert_eq!(repair(&tables, &ghost, wanted.get(gone), None).await, Ok(Repair::Made));
        let add = tables
            .client()
            .update_item()
            .table_name(tables.name(Table::Orders))
            .key("order", AttributeValue::S(alien.hash.clone()))
            .key("ledger", AttributeValue::N(alien.range.clone()))
            .update_expression("SET #x = :x")
            .expression_attribute_names("#x", "x")
            .expression_attribute_values(":x", AttributeValue::Bool(true));
        add.send().await.unwrap();

        let found = scan(&tables, &TABLES).await.unwrap();
        let mut different: Vec<_> = wanted.keys().chain(found.keys()).collect();
        different.sort();
        different.dedup();
        different.retain(|key| wanted.get(key) != found.get(key));
        assert_eq!(different.len(), 5, "{stand_in:?} {different:?}");
        // What has changed since it was read is left alone.
        assert_eq!(repair(&tables, older, wanted.get(older), wanted.get(older)).await, Ok(Repair::Changed));
        assert_eq!(repair(&tables, changed, None, None).await, Ok(Repair::Changed));
        for key in different {
            assert_eq!(
                repair(&tables, key, wanted.get(key), found.get(key)).await,
                Ok(Repair::Made),
                "{key}"
            );
        }
        assert_eq!(scan(&tables, &TABLES).await.unwrap(), wanted);
    }
}
