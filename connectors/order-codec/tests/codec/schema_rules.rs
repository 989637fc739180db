//! What `schemas/README.md` demands of every schema file.

use std::collections::HashMap;
use std::path::Path;

use apache_avro::Schema;
use apache_avro::schema_compatibility::{Compatibility, SchemaCompatibility};
use order_codec::schemas;
use serde_json::Value as Json;

/// The schema files of a family in the order of their versions.
fn versions(family: &str) -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/avro");
    let mut found = Vec::new();
    for number in 1.. {
        let name = format!("{family}.v{number}.avsc");
        let Ok(text) = std::fs::read_to_string(folder.join(&name)) else { break };
        found.push((name, text));
    }
    found
}

const FAMILIES: [(&str, &str); 5] = [
    ("command", schemas::COMMAND_V2),
    ("decision", schemas::DECISION_V2),
    ("dead_letter", schemas::DEAD_LETTER_V1),
    ("product", schemas::PRODUCT_V1),
    ("room_event", schemas::ROOM_EVENT_V1),
];

/// Puts the definition of every named type where its name stands, because the compatibility check of apache-avro
/// takes two names for the same type without looking at what they name.
fn expand(schema: &mut Json, named: &mut HashMap<String, Json>) {
    match schema {
        Json::String(name) => {
            if let Some(definition) = named.get(name) {
                *schema = definition.clone();
            }
        }
        Json::Array(members) => members.iter_mut().for_each(|member| expand(member, named)),
        Json::Object(object) => {
            for key in ["type", "items", "values"] {
                if let Some(inner) = object.get_mut(key) {
                    expand(inner, named);
                }
            }
            if let Some(Json::Array(fields)) = object.get_mut("fields") {
                fields.iter_mut().for_each(|field| expand(&mut field["type"], named));
            }
            if let Some(Json::String(name)) = object.get("name").cloned() {
                named.insert(name, schema.clone());
            }
        }
        _ => {}
    }
}

/// A check that sees every field; types that stand in several places get names of their own there.
fn can_read(writer: &str, reader: &str) -> Result<Compatibility, String> {
    let [writer, reader] = [writer, reader].map(|text| {
        let mut json: Json = serde_json::from_str(text).unwrap();
        expand(&mut json, &mut HashMap::new());
        let mut spaces = 0;
        separate(&mut json, &mut spaces);
        Schema::parse(&json).unwrap()
    });
    SchemaCompatibility::can_read(&writer, &reader).map_err(|error| error.to_string())
}

/// A namespace for every definition: the check compares names without it, and the parser wants each once.
fn separate(schema: &mut Json, spaces: &mut u32) {
    match schema {
        Json::Array(members) => members.iter_mut().for_each(|member| separate(member, spaces)),
        Json::Object(object) => {
            if object.contains_key("name") && object.contains_key("type") && !object["type"].is_object() {
                *spaces += 1;
                object.insert("namespace".to_owned(), format!("space{spaces}").into());
            }
            for key in ["type", "items", "values"] {
                if let Some(inner) = object.get_mut(key) {
                    separate(inner, spaces);
                }
            }
            if let Some(Json::Array(fields)) = object.get_mut("fields") {
                fields.iter_mut().for_each(|field| separate(&mut field["type"], spaces));
            }
        }
        _ => {}
    }
}

#[test]
fn every_version_reads_all_before_it() {
    for (family, newest) in FAMILIES {
        let versions = versions(family);
        assert_eq!(
            versions.last().unwrap().1,
            newest,
            "{family}: the codec does not know the newest version"
        );
        for (index, (reader_name, reader)) in versions.iter().enumerate() {
            for (writer_name, writer) in versions.iter().take(index + 1) {
                let verdict = can_read(writer, reader);
                assert_eq!(verdict, Ok(Compatibility::Full), "{reader_name} reading {writer_name}");
            }
        }
    }
}

/// The check above would be worth nothing if it let these through.
#[test]
fn the_check_notices_what_breaks_readers() {
    let breaking = [
        (
            "a type that changes",
            "\"name\": \"quantity\",\n                      \"type\": \"int\"",
            "\"name\": \"quantity\",\n                      \"type\": \"string\"",
        ),
        ("a field that is renamed", "\"name\": \"partial\"", "\"name\": \"parts\""),
        ("a fixed that grows", "\"size\": 16", "\"size\": 20"),
        ("a union member that goes", "\"Cancel\"", "\"Withdraw\""),
    ];
    for (what, from, to) in breaking {
        let reader = schemas::COMMAND_V1.replace(from, to);
        assert_ne!(reader, schemas::COMMAND_V1, "{what}: nothing was replaced");
        assert_ne!(can_read(schemas::COMMAND_V1, &reader), Ok(Compatibility::Full), "{what}");
    }
}

#[test]
fn everything_is_documented() {
    fn visit(schema: &Json, place: &str, undocumented: &mut Vec<String>) {
        match schema {
            Json::Array(members) => members.iter().for_each(|member| visit(member, place, undocumented)),
            Json::Object(object) => {
                let name = object.get("name").and_then(Json::as_str);
                let place = name.map_or_else(|| place.to_owned(), |name| format!("{place}.{name}"));
                let doc = object.get("doc").and_then(Json::as_str).unwrap_or_default();
                if name.is_some() && (doc.len() < 5 || !doc.ends_with('.')) {
                    undocumented.push(place.clone());
                }
                for key in ["type", "items", "values", "fields"] {
                    if let Some(inner) = object.get(key) {
                        visit(inner, &place, undocumented);
                    }
                }
            }
            _ => {}
        }
    }
    for (family, _) in FAMILIES {
        for (name, text) in versions(family) {
            let mut undocumented = Vec::new();
            visit(&serde_json::from_str(&text).unwrap(), &name, &mut undocumented);
            assert_eq!(undocumented, Vec::<String>::new());
        }
    }
}

/// The numbers that stand in the docs of `kind`, `state` and `reason` are the model's.
#[test]
fn numbers_in_the_docs_are_the_models() {
    let listed = |list: &[(u8, &str)]| {
        list.iter().map(|(number, name)| format!("{number} {name}")).collect::<Vec<_>>().join(", ")
    };
    let kinds: Vec<_> =
        order_model::OrderEventKind::ALL.iter().map(|kind| (kind.number(), kind.name())).collect();
    let listing_kinds: Vec<_> =
        order_model::ListingEventKind::ALL.iter().map(|kind| (kind.number(), kind.name())).collect();
    let states: Vec<_> =
        order_model::LineState::ALL.iter().map(|state| (state.number(), state.name())).collect();
    assert!(schemas::DECISION_V2.contains(&listed(&kinds)));
    assert!(schemas::DECISION_V2.contains(&listed(&listing_kinds)));
    assert!(schemas::DECISION_V2.contains(&listed(&states)));
    assert!(schemas::COMMAND_V2.contains(&listed(&states)));
    let reasons: Vec<_> = order_codec::DeadLetterReason::ALL.iter().map(|reason| reason.name()).collect();
    assert!(schemas::DEAD_LETTER_V1.contains(&reasons.join(", ")));
    let stages: Vec<_> = order_codec::Stage::ALL.iter().map(|stage| stage.name()).collect();
    assert!(schemas::DEAD_LETTER_V1.contains(&stages.join(", ")));
}
