//! The samples through apache-avro, which shares no code with the hand-written codec.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::ResolvedSchema;
use apache_avro::types::Value;
use serde_json::{Map, Value as Json, json};

/// A parsed schema with its names.
pub(crate) struct Avro(pub(crate) Schema);

impl Avro {
    pub(crate) fn new(json: &str) -> Self {
        Self(Schema::parse_str(json).unwrap())
    }

    /// Reads bytes, all of them.
    pub(crate) fn read(&self, bytes: &[u8]) -> Value {
        let mut rest = bytes;
        let reader = apache_avro::reader::datum::GenericDatumReader::builder(&self.0).build().unwrap();
        let value = reader.read_value(&mut rest).unwrap();
        assert!(rest.is_empty(), "apache-avro leaves {} bytes", rest.len());
        value
    }

    /// Writes a value.
    pub(crate) fn write(&self, value: Value) -> Vec<u8> {
        let writer = apache_avro::writer::datum::GenericDatumWriter::builder(&self.0).build().unwrap();
        writer.write_value_to_vec(value).unwrap()
    }

    /// A value for people, with the names of union members.
    pub(crate) fn show(&self, value: &Value) -> Json {
        let resolved = ResolvedSchema::new(&self.0).unwrap();
        let names = resolved.get_names().iter().map(|(name, schema)| (name.fullname(None), *schema));
        show(value, &self.0, &names.collect())
    }
}

fn show(value: &Value, schema: &Schema, names: &HashMap<String, &Schema>) -> Json {
    match (value, schema) {
        (_, Schema::Ref { name }) => show(value, names[&name.fullname(None)], names),
        (Value::Null, _) => Json::Null,
        (Value::Union(_, inner), _) if **inner == Value::Null => Json::Null,
        (Value::Union(index, inner), Schema::Union(union)) => {
            let member = &union.variants()[usize::try_from(*index).unwrap()];
            let name = member.name().map_or("value", |name| name.name());
            json!({ name: show(inner, member, names) })
        }
        (Value::Record(fields), Schema::Record(record)) => {
            let mut object = Map::new();
            for ((name, value), field) in fields.iter().zip(&record.fields) {
                assert_eq!(name, &field.name);
                object.insert(name.clone(), show(value, &field.schema, names));
            }
            Json::Object(object)
        }
        (Value::Array(items), Schema::Array(array)) => {
            items.iter().map(|item| show(item, &array.items, names)).collect()
        }
        (Value::Boolean(value), _) => json!(value),
        (Value::Int(value), _) => json!(value),
        (Value::Long(value) | Value::TimestampMillis(value), _) => json!(value),
        (Value::String(value), _) => json!(value),
        (Value::Bytes(bytes) | Value::Fixed(_, bytes), _) => json!(hex(bytes)),
        other => panic!("our schemas have no {other:?}"),
    }
}

pub(crate) fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

pub(crate) fn unhex(text: &str) -> Vec<u8> {
    let digits: Vec<u8> = text.bytes().filter(|byte| !byte.is_ascii_whitespace()).collect();
    let pair = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).unwrap(), 16).unwrap();
    digits.chunks(2).map(pair).collect()
}
