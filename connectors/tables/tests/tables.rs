//! Making and checking tables, against DynamoDB in this process and DynamoDB Local alike.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::sync::OnceLock;

use tables::sdk::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use tables::{FlawKind, Local, Table, TableOptions, Tables, TablesError, Verdict};
use testbed::shared_dynamodb;

/// Both stand-ins, each with tables of the caller's own.
fn stand_ins(prefix: &str) -> Vec<TableOptions> {
    static LOCAL: OnceLock<Local> = OnceLock::new();
    let dynoxide = LOCAL.get_or_init(|| Local::start().unwrap()).endpoint();
    let dynamodb_local = shared_dynamodb().unwrap().url();
    [dynoxide, dynamodb_local]
        .map(|endpoint| TableOptions { prefix: format!("{prefix}-"), ..TableOptions::local(endpoint) })
        .into()
}

#[tokio::test]
async fn tables_are_made_once_and_then_found_sound() {
    for options in stand_ins("made") {
        let tables = Tables::connect(&options).await.unwrap();
        let missing = tables.look(&Table::ALL).await.unwrap();
        assert_eq!(missing.len(), Table::ALL.len(), "{options:?}");
        assert!(missing.iter().all(|flaw| flaw.kind == FlawKind::Missing));

        let made = tables.create(&Table::ALL).await.unwrap();
        assert!(made.iter().all(|creation| creation.is_new), "{made:?}");
        let expiring: Vec<_> =
            made.iter().filter(|creation| creation.expiry_is_new).map(|c| c.table.as_str()).collect();
        let with_expiry = ["orders", "notices", "subscriptions", "accounts", "sessions", "carts"];
        assert_eq!(expiring, with_expiry.map(|name| format!("made-{name}")));
        assert_eq!(tables.look(&Table::ALL).await.unwrap(), []);
        tables.check(&Table::ALL).await.unwrap();

        let again = tables.create(&Table::ALL).await.unwrap();
        assert!(again.iter().all(|creation| !creation.is_new && !creation.expiry_is_new), "{again:?}");
    }
}

#[tokio::test]
async fn what_is_wrong_is_named() {
    for options in stand_ins("wrong") {
        let tables = Tables::connect(&options).await.unwrap();
        let attribute = |name: &str, kind: ScalarAttributeType| {
            AttributeDefinition::builder().attribute_name(name).attribute_type(kind).build().unwrap()
        };
        let key = |name: &str, part: KeyType| {
            KeySchemaElement::builder().attribute_name(name).key_type(part).build().unwrap()
        };
        // Orders without their index; inventory with a number for a key and no second part.
        let orders = tables
            .client()
            .create_table()
            .table_name(tables.name(Table::Orders))
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("order", ScalarAttributeType::S))
            .attribute_definitions(attribute("ledger", ScalarAttributeType::N))
            .key_schema(key("order", KeyType::Hash))
            .key_schema(key("ledger", KeyType::Range));
        orders.send().await.unwrap();
        let inventory = tables
            .client()
            .create_table()
            .table_name(tables.name(Table::Inventory))
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute("sku", ScalarAttributeType::N))
            .key_schema(key("sku", KeyType::Hash));
        inventory.send().await.unwrap();

        let error = tables.check(&[Table::Orders, Table::Inventory, Table::Payments]).await.unwrap_err();
        let text = error.to_string();
        for part in [
            "table wrong-orders lacks the index by_customer with the key (customer S HASH, placed_at N RANGE)",
            "table wrong-inventory has the key (sku N HASH) and needs (sku S HASH, facet S RANGE)",
            "table wrong-payments is missing; `pipeline table create` makes it",
        ] {
            assert!(text.contains(part), "{text}");
        }
        let flaws = tables.look(&[Table::Orders]).await.unwrap();
        let expiry = FlawKind::WrongExpiry { wanted: "expires_at".to_owned(), found: None };
        assert!(flaws.iter().any(|flaw| flaw.kind == expiry && !flaw.kind.is_grave()), "{flaws:?}");
    }
}

#[tokio::test]
async fn what_does_not_answer_is_tried_again_later() {
    let options = TableOptions::local("http://127.0.0.1:1");
    let error = Tables::connect(&options).await.unwrap().check(&Table::ALL).await.unwrap_err();
    let TablesError::Refused { failure, .. } = error else { panic!("{error}") };
    assert_eq!(failure.verdict, Verdict::Retry);
    assert!(failure.detail.contains("does not answer"), "{failure}");
}
