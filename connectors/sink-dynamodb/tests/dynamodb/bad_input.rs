//! What is wrong is said, nothing is lost, and nothing is written twice.

use order_model::{DecidedLines, Event, OrderEventKind, Partition, Sequence};
use sink::{Fault as SinkFault, Target};
use sink_dynamodb::{DynamoDb, TABLES, scan};
use tables::sdk::types::{AttributeDefinition, BillingMode, KeySchemaElement, KeyType, ScalarAttributeType};
use tables::{Table, Tables, TablesError};

use crate::decisions::{batch, decision, line, order, order_event};
use crate::proxy::{Fault, Proxy};
use crate::stand_in::{StandIn, through};

fn halted(answer: Result<Vec<sink::Refused>, SinkFault>) -> String {
    match answer {
        Err(SinkFault::Halt(detail)) => detail,
        other => panic!("it should have halted: {other:?}"),
    }
}

#[tokio::test]
async fn a_missing_table_is_named_at_the_start_and_under_way() {
    for stand_in in StandIn::BOTH {
        let options = stand_in.options();
        let prefix = &options.tables.prefix;
        let error = DynamoDb::open(&options).await.unwrap_err();
        assert!(matches!(error, TablesError::Flawed(_)), "{error}");
        let text = error.to_string();
        assert!(text.contains(&format!("table {prefix}orders is missing")), "{text}");
        assert!(text.contains("pipeline table create"), "{text}");

        let tables = Tables::connect(&options.tables).await.unwrap();
        tables.create(&TABLES).await.unwrap();
        let mut target = DynamoDb::open(&options).await.unwrap();
        tables.client().delete_table().table_name(tables.name(Table::Payments)).send().await.unwrap();
        let text = halted(target.write(&[batch(&[order(0, 1, OrderEventKind::Paid, 1)])]).await);
        assert!(text.contains(&format!("table {prefix}payments")), "{stand_in:?} {text}");
        assert!(text.contains("pipeline table create"), "{text}");
    }
}

#[tokio::test]
async fn a_wrong_key_is_named_at_the_start_and_halts_under_way() {
    for stand_in in StandIn::BOTH {
        let options = stand_in.options();
        let tables = Tables::connect(&options.tables).await.unwrap();
        tables.create(&[Table::Inventory, Table::Payments]).await.unwrap();
        let attribute = AttributeDefinition::builder()
            .attribute_name("id")
            .attribute_type(ScalarAttributeType::S)
            .build()
            .unwrap();
        let key = KeySchemaElement::builder().attribute_name("id").key_type(KeyType::Hash).build().unwrap();
        let made = tables
            .client()
            .create_table()
            .table_name(tables.name(Table::Orders))
            .billing_mode(BillingMode::PayPerRequest)
            .attribute_definitions(attribute)
            .key_schema(key);
        made.send().await.unwrap();
        let text = DynamoDb::open(&options).await.unwrap_err().to_string();
        let named = format!("table {}orders has the key (id S HASH) and needs", options.tables.prefix);
        assert!(text.contains(&named), "{text}");
        let mut target = DynamoDb::over(tables, &options);
        let text = halted(target.write(&[batch(&[order(0, 1, OrderEventKind::Held, 1)])]).await);
        assert!(text.contains("another key"), "{stand_in:?} {text}");
    }
}

#[tokio::test]
async fn wrong_credentials_halt_and_say_where_to_look() {
    for (code, message) in [
        ("UnrecognizedClientException", "The security token included in the request is invalid."),
        ("InvalidSignatureException", "The request signature we calculated does not match."),
        ("AccessDeniedException", "not authorized to perform: dynamodb:PartiQLInsert"),
    ] {
        let (_, options) = StandIn::Dynoxide.tables().await;
        let proxy = Proxy::start(&StandIn::Dynoxide.endpoint()).await;
        proxy.inject(Some(Fault::Code(code, message)));
        let mut target = through(&proxy.endpoint, &options).await;
        let text = halted(target.write(&[batch(&[order(0, 1, OrderEventKind::Held, 1)])]).await);
        assert!(text.contains("credentials") && text.contains(message), "{text}");
        let Err(SinkFault::Halt(text)) = target.reached(Partition(0)).await else { panic!("{code}") };
        assert!(text.contains("credentials"), "{text}");
    }
}

#[tokio::test]
async fn what_does_not_answer_is_asked_again() {
    let (_, options) = StandIn::Dynoxide.tables().await;
    let proxy = Proxy::start(&StandIn::Dynoxide.endpoint()).await;
    proxy.inject(Some(Fault::Outage));
    let mut target = through(&proxy.endpoint, &options).await;
    let answer = target.write(&[batch(&[order(0, 1, OrderEventKind::Held, 1)])]).await;
    assert!(matches!(&answer, Err(SinkFault::Retry(text)) if text.contains("does not answer")), "{answer:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_item_over_400_kb_is_refused_and_the_rest_goes_on() {
    for stand_in in StandIn::BOTH {
        let (tables, options) = stand_in.tables().await;
        let mut target = DynamoDb::over(tables.clone(), &options);
        let mut huge = order_event(0, 2, OrderEventKind::Held, 0xbad);
        huge.lines = (0..9_000).map(|_| line(0, 2)).collect::<DecidedLines>();
        let decisions = [
            order(0, 1, OrderEventKind::Held, 1),
            decision(0, 2, Event::Order(huge)),
            order(0, 3, OrderEventKind::Held, 3),
        ];
        let refused = target.write(&[batch(&decisions)]).await.unwrap();
        assert_eq!(refused.len(), 1, "{refused:?}");
        let refused = refused.first().unwrap();
        assert_eq!((refused.partition, refused.sequence), (Partition(0), Sequence(2)));
        assert!(
            refused.reason.contains("400 KB") && refused.reason.contains("00000bad"),
            "{}",
            refused.reason
        );
        let items = scan(&tables, &[Table::Orders]).await.unwrap();
        assert_eq!(items.len(), 2);
        assert_eq!(target.status().status().refused, 1);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_dynamodb_itself_refuses_is_told_decision_by_decision() {
    let (tables, options) = StandIn::Dynoxide.tables().await;
    let proxy = Proxy::start(&StandIn::Dynoxide.endpoint()).await;
    let mut target = through(&proxy.endpoint, &options).await;
    let decisions: Vec<_> =
        (1..=48).map(|sequence| order(0, sequence, OrderEventKind::Held, sequence.into())).collect();
    proxy.inject(Some(Fault::Refuse));
    let refused = target.write(&[batch(&decisions)]).await.unwrap();
    // Ids that end in the digits 0 and 1.
    let expected: Vec<u64> = (1..=48).filter(|sequence| sequence % 16 < 2).collect();
    assert_eq!(refused.iter().map(|refused| refused.sequence.0).collect::<Vec<_>>(), expected);
    // A request refused as a whole is sent again item by item, until it is known which.
    proxy.inject(Some(Fault::Code("ValidationException", "Item size has exceeded the maximum allowed size")));
    let refused = target.write(&[batch(&decisions)]).await.unwrap();
    assert_eq!(refused.len(), 48);
    proxy.inject(None);
    assert_eq!(target.write(&[batch(&decisions)]).await, Ok(Vec::new()));
    assert_eq!(scan(&tables, &[Table::Orders]).await.unwrap().len(), 48);
}
