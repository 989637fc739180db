//! Values of other writers' schemas.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};

use apache_avro::types::Value;
use order_codec::{
    BadRecord, Codec, DecodeError, FileSchemas, RegistryError, SchemaSource, Version, encode_command, schemas,
};
use order_model::{Command, TimeMs};
use serde_json::{Value as Json, json};

use crate::avro::Avro;
use crate::samples;

/// Our files, and other schemas under the ids from 100 on.
struct Source {
    files: FileSchemas,
    others: Mutex<Vec<String>>,
    asked: AtomicUsize,
}

impl SchemaSource for Source {
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        self.files.register_or_find(subject, schema_json)
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        self.asked.fetch_add(1, Ordering::Relaxed);
        let other = id.checked_sub(100).and_then(|index| usize::try_from(index).ok());
        match other {
            Some(index) => Ok(self.others.lock().unwrap().get(index).cloned()),
            None => self.files.schema(id),
        }
    }
}

fn with(writer: &str) -> (Codec, Arc<Source>) {
    let files = FileSchemas::new().unwrap();
    let source =
        Arc::new(Source { files, others: Mutex::new(vec![writer.to_owned()]), asked: AtomicUsize::new(0) });
    (Codec::new(source.clone()).unwrap(), source)
}

fn framed(payload: &[u8]) -> Vec<u8> {
    [&[0, 0, 0, 0, 100], payload].concat()
}

fn command_schema() -> Json {
    serde_json::from_str(schemas::COMMAND_V1).unwrap()
}

fn body_members(schema: &mut Json) -> &mut Vec<Json> {
    schema["fields"][0]["type"].as_array_mut().unwrap()
}

fn fields(record: &mut Json) -> &mut Vec<Json> {
    record["fields"].as_array_mut().unwrap()
}

/// Our schema under a foreign id gives what the hand gives, for every command there is.
#[test]
fn our_own_schema_the_long_way() {
    the_long_way(Version::V1, schemas::COMMAND_V1, samples::plain_commands());
    the_long_way(Version::V2, schemas::COMMAND_V2, samples::commands());
}

fn the_long_way(version: Version, schema: &str, commands: Vec<(&'static str, Command)>) {
    let (codec, source) = with(schema);
    for (name, command) in commands {
        let mut payload = Vec::new();
        encode_command(version, &command, &mut payload);
        assert_eq!(codec.command_from(&framed(&payload)), Ok(command), "{name}");
        for end in 0..payload.len() {
            let cut = codec.command_from(&framed(&payload[..end]));
            assert!(
                matches!(cut, Err(DecodeError::Bad(BadRecord::Truncated(_)))),
                "{name} at {end}: {cut:?}"
            );
        }
        payload.push(0);
        let longer = codec.command_from(&framed(&payload));
        assert_eq!(longer, Err(BadRecord::TrailingBytes(1).into()), "{name}");
    }
    assert_eq!(source.asked.load(Ordering::Relaxed), 1, "a schema is asked for once");
}

#[test]
fn decisions_and_dead_letters_too() {
    let (codec, _) = with(schemas::DECISION_V2);
    for (name, decision) in samples::decisions() {
        let mut payload = Vec::new();
        order_codec::encode_decision(Version::V2, &decision, &mut payload);
        assert_eq!(codec.decision_from(&framed(&payload)), Ok(decision), "{name}");
    }
    let (codec, _) = with(schemas::DEAD_LETTER_V1);
    for (name, letter) in samples::dead_letters() {
        let mut payload = Vec::new();
        order_codec::encode_dead_letter(&letter, &mut payload);
        assert_eq!(codec.dead_letter_from(&framed(&payload)), Ok(letter), "{name}");
    }
}

/// A writer of its own time: two members only and in another order, fields in another order, more fields, an `int`
/// where we have a `long`, definitions elsewhere.
const EVOLVED: &str = r#"{
  "type": "record", "name": "Command", "namespace": "shop.web", "fields": [
    {"name": "trace", "type": {"type": "map", "values": "string"}},
    {"name": "body", "type": [
      {"type": "record", "name": "Extend", "fields": [
        {"name": "number", "type": "int"},
        {"name": "sku", "type": "bytes"},
        {"name": "order", "type": {"type": "fixed", "name": "OrderId", "size": 16}}]},
      {"type": "record", "name": "Place", "fields": [
        {"name": "lines", "type": {"type": "array", "items":
          {"type": "record", "name": "Line", "fields": [
            {"name": "gift", "type": ["null", {"type": "record", "name": "Gift", "fields": [
              {"name": "paper", "type": {"type": "enum", "name": "Paper", "symbols": ["RED", "BLUE"]}},
              {"name": "weight", "type": "double"}, {"name": "height", "type": "float"}]}], "default": null},
            {"name": "quantity", "type": "int"},
            {"name": "sku", "type": "string"}]}}},
        {"name": "partial", "type": "boolean"},
        {"name": "channel", "type": "string", "default": "web"},
        {"name": "currency", "type": "string"},
        {"name": "customer", "type": {"type": "fixed", "name": "CustomerId", "size": 16}},
        {"name": "order", "type": "OrderId"},
        {"name": "again", "type": ["null", "OrderId"], "default": null}]}]}]}"#;

fn evolved_place() -> Value {
    let place = samples::place();
    let fixed = |bytes: [u8; 16]| Value::Fixed(16, bytes.to_vec());
    let text = |text: &str| Value::String(text.to_owned());
    let named = |name: &str, value| (name.to_owned(), value);
    let gift = Value::Record(vec![
        named("paper", Value::Enum(1, "BLUE".to_owned())),
        named("weight", Value::Double(1.5)),
        named("height", Value::Float(0.5)),
    ]);
    let line = Value::Record(vec![
        named("gift", Value::Union(1, Box::new(gift))),
        named("quantity", Value::Int(1)),
        named("sku", text("SNEAKER-42")),
    ]);
    let body = Value::Record(vec![
        named("lines", Value::Array(vec![line])),
        named("partial", Value::Boolean(false)),
        named("channel", text("app")),
        named("currency", text("EUR")),
        named("customer", fixed(place.customer.0)),
        named("order", fixed(place.order.0)),
        named("again", Value::Union(1, Box::new(fixed(place.order.0)))),
    ]);
    let trace = [("a".to_owned(), text("1")), ("b".to_owned(), text("2"))].into_iter().collect();
    Value::Record(vec![named("trace", Value::Map(trace)), named("body", Value::Union(1, Box::new(body)))])
}

#[test]
fn a_writer_that_went_its_own_way() {
    let (codec, _) = with(EVOLVED);
    let payload = Avro::new(EVOLVED).write(evolved_place());
    assert_eq!(codec.command_from(&framed(&payload)), Ok(Command::Place(samples::place())));
    let Command::Extend(extend) =
        samples::commands().into_iter().find(|(name, _)| *name == "extend").unwrap().1
    else {
        panic!("extend is an extension");
    };
    // No trace, the first member, number 1, the SKU, the order.
    let mut payload = vec![0, 0, 2, 20];
    payload.extend_from_slice(extend.sku.as_bytes());
    payload.extend_from_slice(&extend.order.0);
    assert_eq!(codec.command_from(&framed(&payload)), Ok(Command::Extend(extend)));
}

/// Members whose fields are alike are told apart by name: a heartbeat looks like a tick.
#[test]
fn members_are_told_apart_by_name() {
    let mut writer = command_schema();
    let relay = body_members(&mut writer).pop().unwrap();
    body_members(&mut writer).insert(
        2,
        json!({
            "type": "record", "name": "Heartbeat", "fields": []
        }),
    );
    body_members(&mut writer).push(relay);
    let (codec, _) = with(&writer.to_string());
    assert_eq!(codec.command_from(&framed(&[6])), Ok(Command::Tick), "the tick has moved by one");
    let heartbeat = codec.command_from(&framed(&[4]));
    assert!(
        matches!(heartbeat, Err(DecodeError::Bad(BadRecord::SchemaUnresolvable { .. }))),
        "an empty record of another name is no tick: {heartbeat:?}"
    );
}

#[test]
fn missing_fields_take_our_default() {
    let mut writer: Json = serde_json::from_str(schemas::DECISION_V1).unwrap();
    let order = &mut body_of_decision(&mut writer)[0];
    fields(order).retain(|field| field["name"] != "reason");
    let (codec, _) = with(&writer.to_string());
    let mut payload = Vec::new();
    let (_, held) = samples::decisions().remove(0);
    order_codec::encode_decision(Version::V1, &held, &mut payload);
    let reason_at = payload.windows(16).position(|window| window == samples::place().order.0).unwrap() - 1;
    assert_eq!(payload.remove(reason_at), 0);
    assert_eq!(codec.decision_from(&framed(&payload)), Ok(held));
}

fn body_of_decision(schema: &mut Json) -> &mut Vec<Json> {
    schema["fields"][4]["type"].as_array_mut().unwrap()
}

#[test]
fn what_does_not_resolve() {
    let base = schemas::COMMAND_V1;
    let nested = |times: usize| {
        let extra = (0..times).fold(json!("int"), |inner, _| json!({"type": "array", "items": inner}));
        let mut writer = command_schema();
        fields(&mut writer).push(json!({"name": "extra", "type": extra}));
        writer.to_string()
    };
    let mut recursive = command_schema();
    fields(&mut recursive)
        .push(json!({"name": "extra", "type": {"type": "record", "name": "List", "fields": [
        {"name": "next", "type": ["null", "List"]}]}}));
    // Each record holds two of the one before: thirty of them are a billion values and no bytes.
    let mut doubling = command_schema();
    fields(&mut doubling).push(json!({"name": "d0", "type": {"type": "record", "name": "D0", "fields": []}}));
    for level in 1..30 {
        let below = format!("D{}", level - 1);
        let both = json!([{"name": "a", "type": below}, {"name": "b", "type": below}]);
        let record = json!({"type": "record", "name": format!("D{level}"), "fields": both});
        fields(&mut doubling).push(json!({"name": format!("d{level}"), "type": record}));
    }
    let mut micros: Json = serde_json::from_str(schemas::DECISION_V1).unwrap();
    fields(&mut micros)[3]["type"] = json!({"type": "long", "logicalType": "timestamp-micros"});
    let long = base.replace(
        "\"name\": \"quantity\",\n                      \"type\": \"int\"",
        "\"name\": \"quantity\", \"type\": \"long\"",
    );
    assert_ne!(long, base);
    let table = [
        ("no schema", "{".to_owned(), "it is not an Avro schema"),
        (
            "another record",
            "{\"type\":\"record\",\"name\":\"Other\",\"fields\":[]}".to_owned(),
            "is record Other, needed is record Command",
        ),
        (
            "no field at all",
            "{\"type\":\"record\",\"name\":\"Command\",\"fields\":[]}".to_owned(),
            "body: is missing, and has no default",
        ),
        (
            "a longer id",
            base.replace("\"size\": 16", "\"size\": 8"),
            "Place.order: is fixed OrderId of 8 bytes, needed is fixed OrderId of 16 bytes",
        ),
        ("nested too deep", nested(40), "is nested more than 32 deep"),
        ("contains itself", recursive.to_string(), "contains itself"),
        ("doubles", doubling.to_string(), "the schema has more than 4096 parts"),
    ];
    for (what, writer, expected) in table {
        let (codec, _) = with(&writer);
        let Err(DecodeError::Bad(BadRecord::SchemaUnresolvable { id: 100, detail, .. })) =
            codec.command_from(&framed(&[0]))
        else {
            panic!("{what} resolves");
        };
        assert!(detail.contains(expected), "{what}: {detail}");
    }
    // Only the members that do not fit are lost; the others stay readable.
    let (codec, _) = with(&long);
    assert_eq!(codec.command_from(&framed(&[4])), Ok(Command::Tick));
    assert!(matches!(
        codec.command_from(&framed(&[0])),
        Err(DecodeError::Bad(BadRecord::SchemaUnresolvable { .. }))
    ));
    let (codec, _) = with(&micros.to_string());
    let refused = codec.decision_from(&framed(&[0])).unwrap_err().to_string();
    assert!(refused.contains("time: is not a time in milliseconds"), "{refused}");
    assert!(with(&nested(20)).0.command_from(&framed(&[4, 0])).is_ok());
}

/// Items without bytes cannot be used to keep the reader busy.
#[test]
fn items_without_bytes_are_counted() {
    let mut writer = command_schema();
    fields(&mut writer).push(json!({"name": "extra", "type": {"type": "array", "items": "null"}}));
    let (codec, _) = with(&writer.to_string());
    // A tick, then as many nulls as a number can say.
    let mut payload = vec![4];
    payload.extend_from_slice(&[0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01, 0]);
    let refused = codec.command_from(&framed(&payload)).unwrap_err().to_string();
    assert!(refused.contains("too many values"), "{refused}");
}

/// "No such id" is not believed for ever, and never of an id that became known in between.
#[test]
fn an_id_may_be_registered_later() {
    let later = [0, 0, 0, 0, 101, 4];
    let (codec, source) = loop {
        let (codec, source) = with(schemas::COMMAND_V1);
        let start = std::time::Instant::now();
        assert_eq!(codec.command_from(&later), Err(BadRecord::SchemaUnknown(101).into()));
        assert_eq!(codec.command_from(&later), Err(BadRecord::SchemaUnknown(101).into()));
        // Later than that it may be asked again.
        if start.elapsed() < order_codec::limits::UNKNOWN_ID_BELIEVED {
            break (codec, source);
        }
    };
    assert_eq!(source.asked.load(Ordering::Relaxed), 1);
    source.others.lock().unwrap().push(schemas::COMMAND_V1.to_owned());
    let deadline = std::time::Instant::now() + order_codec::limits::UNKNOWN_ID_BELIEVED * 20;
    while codec.command_from(&later).is_err() {
        assert!(std::time::Instant::now() < deadline, "the id stays unknown");
        std::thread::yield_now();
    }
    assert_eq!(codec.command_from(&later), Ok(Command::Tick));
}

/// More foreign ids than are remembered are still all read.
#[test]
fn many_schemas() {
    let (codec, source) = with(schemas::COMMAND_V1);
    let ids = u32::try_from(order_codec::limits::FOREIGN_SCHEMAS_MAX).unwrap() + 10;
    *source.others.lock().unwrap() =
        (0..ids).map(|_| "{\"type\":\"record\",\"name\":\"Other\",\"fields\":[]}".to_owned()).collect();
    for id in 100..100 + ids {
        let value = [&[0][..], &id.to_be_bytes(), &[4]].concat();
        let refused = codec.command_from(&value);
        assert!(
            matches!(refused, Err(DecodeError::Bad(BadRecord::SchemaUnresolvable { .. }))),
            "{refused:?}"
        );
    }
}

#[test]
fn times_stay_times() {
    let mut writer = command_schema();
    // A writer that has plain longs for times.
    let plain = writer.to_string().replace(r#"{"logicalType":"timestamp-millis","type":"long"}"#, "\"long\"");
    assert_ne!(plain, writer.to_string());
    writer = serde_json::from_str(&plain).unwrap();
    let (codec, _) = with(&writer.to_string());
    let (_, open) = samples::commands().into_iter().find(|(name, _)| *name == "listing_open").unwrap();
    let mut payload = Vec::new();
    encode_command(Version::V1, &open, &mut payload);
    assert_eq!(codec.command_from(&framed(&payload)), Ok(open));
    assert_eq!(samples::settings().opens_at, TimeMs(1_780_000_000_000));
}
