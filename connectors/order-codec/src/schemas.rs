//! The schemas of `schemas/avro`, compiled in, and the ids they have where there is no registry.

use crate::registry::{RegistryError, SchemaSource};

/// Subject of the commands' schema.
pub const COMMAND_SUBJECT: &str = "orders-value";
/// Subject of the decisions' schema.
pub const DECISION_SUBJECT: &str = "decisions-value";
/// Subject of the dead letters' schema.
pub const DEAD_LETTER_SUBJECT: &str = "dead-letters-value";
/// Subject of the products' schema.
pub const PRODUCT_SUBJECT: &str = "catalogue-value";
/// Subject of the schema of what happens in waiting rooms.
pub const ROOM_EVENT_SUBJECT: &str = "rooms-value";

/// The command schema, version 1: what we write, but for draws.
pub const COMMAND_V1: &str = include_str!("../../../schemas/avro/command.v1.avsc");
/// The command schema, version 2: draws.
pub const COMMAND_V2: &str = include_str!("../../../schemas/avro/command.v2.avsc");
/// The decision schema, version 1: what we write, but for draws.
pub const DECISION_V1: &str = include_str!("../../../schemas/avro/decision.v1.avsc");
/// The decision schema, version 2: draws.
pub const DECISION_V2: &str = include_str!("../../../schemas/avro/decision.v2.avsc");
/// The dead-letter schema we write, version 1.
pub const DEAD_LETTER_V1: &str = include_str!("../../../schemas/avro/dead_letter.v1.avsc");
/// The product schema we write, version 1. The crate `catalogue` reads and writes it.
pub const PRODUCT_V1: &str = include_str!("../../../schemas/avro/product.v1.avsc");
/// The schema of what happens in a waiting room, version 1. The crate `waiting-room` reads and writes it.
pub const ROOM_EVENT_V1: &str = include_str!("../../../schemas/avro/room_event.v1.avsc");

const IDS: &str = include_str!("../../../schemas/avro/ids.toml");

/// Every schema file there ever was, by name.
const FILES: [(&str, &str); 7] = [
    ("command.v1.avsc", COMMAND_V1),
    ("decision.v1.avsc", DECISION_V1),
    ("dead_letter.v1.avsc", DEAD_LETTER_V1),
    ("command.v2.avsc", COMMAND_V2),
    ("decision.v2.avsc", DECISION_V2),
    ("product.v1.avsc", PRODUCT_V1),
    ("room_event.v1.avsc", ROOM_EVENT_V1),
];

/// A source of schemas that asks nobody: the files in `schemas/avro` with the ids of `ids.toml`.
#[derive(Clone, Debug)]
pub struct FileSchemas {
    entries: Vec<Entry>,
}

#[derive(Clone, Debug)]
struct Entry {
    id: u32,
    subject: String,
    json: &'static str,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct IdsFile {
    schema: Vec<IdsEntry>,
}

#[derive(serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct IdsEntry {
    id: u32,
    subject: String,
    file: String,
}

impl FileSchemas {
    /// Reads the compiled-in list. Fails only when `ids.toml` was broken at build time, which a test rules out.
    pub fn new() -> Result<Self, RegistryError> {
        let broken = |detail: String| RegistryError::Refused {
            registry: "schemas/avro/ids.toml".to_owned(),
            asked: "the list of ids".to_owned(),
            detail,
        };
        let file: IdsFile = toml::from_str(IDS).map_err(|error| broken(error.to_string()))?;
        let mut entries = Vec::<Entry>::new();
        for IdsEntry { id, subject, file } in file.schema {
            let known = FILES.iter().find(|(name, _)| *name == file);
            let (_, json) = known.ok_or_else(|| broken(format!("there is no file {file}")))?;
            if entries.iter().any(|entry| entry.id == id) {
                return Err(broken(format!("id {id} is given twice")));
            }
            entries.push(Entry { id, subject, json });
        }
        Ok(Self { entries })
    }
}

impl SchemaSource for FileSchemas {
    fn register_or_find(&self, subject: &str, schema_json: &str) -> Result<u32, RegistryError> {
        let found = self.entries.iter().find(|entry| entry.subject == subject && entry.json == schema_json);
        found.map(|entry| entry.id).ok_or_else(|| RegistryError::Refused {
            registry: "schemas/avro".to_owned(),
            asked: format!("the id of a schema of {subject}"),
            detail: "this schema is not among the files; use a registry for schemas of your own".to_owned(),
        })
    }

    fn schema(&self, id: u32) -> Result<Option<String>, RegistryError> {
        Ok(self.entries.iter().find(|entry| entry.id == id).map(|entry| entry.json.to_owned()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_has_an_id() {
        let schemas = FileSchemas::new().unwrap();
        let ours = [
            (1, COMMAND_SUBJECT, COMMAND_V1),
            (2, DECISION_SUBJECT, DECISION_V1),
            (3, DEAD_LETTER_SUBJECT, DEAD_LETTER_V1),
            (11, COMMAND_SUBJECT, COMMAND_V2),
            (12, DECISION_SUBJECT, DECISION_V2),
            (4, PRODUCT_SUBJECT, PRODUCT_V1),
            (5, ROOM_EVENT_SUBJECT, ROOM_EVENT_V1),
        ];
        for (id, subject, json) in ours {
            assert_eq!(schemas.register_or_find(subject, json), Ok(id));
            assert_eq!(schemas.schema(id).unwrap().as_deref(), Some(json));
        }
        assert_eq!(schemas.entries.len(), FILES.len());
        assert_eq!(schemas.schema(1_000), Ok(None));
        assert!(schemas.register_or_find(COMMAND_SUBJECT, "\"string\"").is_err());
    }
}
