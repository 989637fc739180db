//! The codec against a real registry: Apicurio by its Confluent API.

use std::net::TcpListener;
use std::sync::Arc;

use order_codec::{
    BadRecord, Codec, DecodeError, FileSchemas, HttpRegistry, RegistryError, SchemaSource, schemas, wire,
};
use order_model::Command;

#[cfg(test)]
fn registry() -> HttpRegistry {
    let url = testbed::shared_registry().unwrap().url();
    HttpRegistry::new(&url, None).unwrap()
}

#[test]
fn registers_once_and_finds_again() {
    let registry = registry();
    let first = registry.register_or_find("again-value", schemas::COMMAND_V1).unwrap();
    let second = registry.register_or_find("again-value", schemas::COMMAND_V1).unwrap();
    assert_eq!(first, second);
    let stored: serde_json::Value = serde_json::from_str(&registry.schema(first).unwrap().unwrap()).unwrap();
    let ours: serde_json::Value = serde_json::from_str(schemas::COMMAND_V1).unwrap();
    assert_eq!(stored, ours);
}

#[test]
fn an_id_that_is_not_there_is_an_answer() {
    assert_eq!(registry().schema(987_654_321), Ok(None));
}

/// A value written with the ids of the files is foreign here, and the other way round, unless they happen to agree.
#[test]
fn commands_by_the_registrys_ids() {
    let codec = Codec::new(Arc::new(registry())).unwrap();
    let mut value = Vec::new();
    codec.command_to(&Command::Tick, &mut value);
    assert_eq!(codec.command_from(&value), Ok(Command::Tick));
    let (id, _) = wire::split(Some(&value)).unwrap();
    let again = Codec::new(Arc::new(registry())).unwrap();
    assert_eq!(again.command_from(&value), Ok(Command::Tick), "another process finds the same id");
    assert_eq!(registry().register_or_find(schemas::COMMAND_SUBJECT, schemas::COMMAND_V1), Ok(id));
}

#[test]
fn a_foreign_writers_schema_is_fetched() {
    let registry = registry();
    let codec = Codec::new(Arc::new(registry.clone())).unwrap();
    let writer = r#"{"type": "record", "name": "Command", "namespace": "shop", "fields": [
        {"name": "sent_by", "type": "string", "default": ""},
        {"name": "body", "type": [{"type": "record", "name": "Tick", "fields": []}]}]}"#;
    let id = registry.register_or_find("shop-value", writer).unwrap();
    let mut value = Vec::new();
    wire::write_head(id, &mut value);
    value.extend_from_slice(&[4, b'm', b'e', 0]);
    assert_eq!(codec.command_from(&value), Ok(Command::Tick));
    let mut unknown = Vec::new();
    wire::write_head(987_654_321, &mut unknown);
    assert_eq!(codec.command_from(&unknown), Err(BadRecord::SchemaUnknown(987_654_321).into()));
}

/// Nobody listens there: an operating error, and never a verdict on a record.
#[test]
fn a_registry_that_is_away() {
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let away = HttpRegistry::new(&format!("http://127.0.0.1:{port}/"), None).unwrap();
    assert!(matches!(away.schema(1), Err(RegistryError::Unreachable { .. })), "{:?}", away.schema(1));
    let error = Codec::new(Arc::new(away.clone())).unwrap_err();
    assert!(error.to_string().contains(&format!("http://127.0.0.1:{port} does not answer")), "{error}");

    struct Leaving(FileSchemas, HttpRegistry);
    impl SchemaSource for Leaving {
        fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
            self.0.register_or_find(subject, schema_json)
        }
        fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
            self.1.schema(id)
        }
    }
    let codec = Codec::new(Arc::new(Leaving(FileSchemas::new().unwrap(), away))).unwrap();
    let verdict = codec.command_from(&[0, 0, 0, 0, 50, 4]);
    assert!(matches!(verdict, Err(DecodeError::Registry(RegistryError::Unreachable { .. }))), "{verdict:?}");
}

/// An address where something else answers is not a registry that says "no such id".
#[test]
fn another_servers_not_found_is_no_answer() {
    let url = testbed::shared_registry().unwrap().url();
    let wrong = HttpRegistry::new(&format!("{url}/no/such/place"), None).unwrap();
    let verdict = wrong.schema(1);
    assert!(verdict.is_err(), "{verdict:?}");
}
