//! What is wrong with the tables that are there.

use std::fmt;

use aws_sdk_dynamodb::types::{AttributeDefinition, KeySchemaElement, TableDescription, TableStatus};

use crate::definition::{Definition, Key};
use crate::{Table, Tables, TablesError};

/// What is wrong with a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Flaw {
    /// The table's name, with the prefix.
    pub table: String,
    /// What is wrong.
    pub kind: FlawKind,
}

/// What can be wrong with a table.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum FlawKind {
    /// There is none.
    Missing,
    /// It is being made, changed or deleted.
    NotActive {
        /// The state it is in.
        state: String,
    },
    /// Its key is another.
    WrongKey {
        /// As it has to be.
        wanted: String,
        /// As it is.
        found: String,
    },
    /// An index is missing.
    MissingIndex {
        /// The index.
        index: String,
        /// Its key.
        wanted: String,
    },
    /// The key of an index is another.
    WrongIndexKey {
        /// The index.
        index: String,
        /// As it has to be.
        wanted: String,
        /// As it is.
        found: String,
    },
    /// Its items do not expire, or by another attribute.
    WrongExpiry {
        /// The attribute it has to be.
        wanted: String,
        /// The one it is, if any.
        found: Option<String>,
    },
}

impl FlawKind {
    /// Whether nothing can be written before it is mended. Items that do not expire only cost money.
    pub fn is_grave(&self) -> bool {
        !matches!(self, Self::WrongExpiry { .. })
    }
}

impl fmt::Display for Flaw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let table = &self.table;
        match &self.kind {
            FlawKind::Missing => {
                write!(f, "table {table} is missing; `pipeline table create` makes it")
            }
            FlawKind::NotActive { state } => {
                write!(f, "table {table} is {state}; wait until it is ACTIVE")
            }
            FlawKind::WrongKey { wanted, found } => write!(
                f,
                "table {table} has the key {found} and needs {wanted}; a key cannot be changed: choose another prefix, \
                 or delete the table and make it with `pipeline table create`"
            ),
            FlawKind::MissingIndex { index, wanted } => {
                write!(f, "table {table} lacks the index {index} with the key {wanted}; add it to the table")
            }
            FlawKind::WrongIndexKey { index, wanted, found } => write!(
                f,
                "index {index} of table {table} has the key {found} and needs {wanted}; delete the index and add it again"
            ),
            FlawKind::WrongExpiry { wanted, found } => {
                let found = found.as_deref().unwrap_or("no attribute");
                write!(
                    f,
                    "items of table {table} expire by {found} and have to expire by {wanted}; `pipeline table create` \
                     switches it on where it is off"
                )
            }
        }
    }
}

impl Tables {
    /// What is wrong with `tables`; nothing, if all is well.
    pub async fn look(&self, tables: &[Table]) -> Result<Vec<Flaw>, TablesError> {
        let mut flaws = Vec::new();
        for table in tables {
            let definition = table.definition()?;
            let name = self.name(*table);
            let Some(description) = self.describe(*table).await? else {
                flaws.push(Flaw { table: name, kind: FlawKind::Missing });
                continue;
            };
            let found = compare(&definition, &description);
            flaws.extend(found.into_iter().map(|kind| Flaw { table: name.clone(), kind }));
            if let Some(wanted) = &definition.time_to_live_specification {
                let found = self.expiry(*table).await?;
                if found.as_ref() != Some(&wanted.attribute_name) {
                    let wanted = wanted.attribute_name.clone();
                    flaws.push(Flaw { table: name, kind: FlawKind::WrongExpiry { wanted, found } });
                }
            }
        }
        Ok(flaws)
    }

    /// Fails when `tables` cannot be written; what is less grave is logged.
    pub async fn check(&self, tables: &[Table]) -> Result<(), TablesError> {
        let (grave, other): (Vec<_>, Vec<_>) =
            self.look(tables).await?.into_iter().partition(|flaw| flaw.kind.is_grave());
        for flaw in other {
            tracing::warn!("{flaw}");
        }
        if grave.is_empty() { Ok(()) } else { Err(TablesError::Flawed(grave)) }
    }
}

/// Pure: how a table differs from its definition.
fn compare(wanted: &Definition, found: &TableDescription) -> Vec<FlawKind> {
    let mut flaws = Vec::new();
    let usable = [TableStatus::Active, TableStatus::Updating];
    if let Some(state) = found.table_status.as_ref().filter(|state| !usable.contains(state)) {
        flaws.push(FlawKind::NotActive { state: state.to_string() });
    }
    let types = found.attribute_definitions();
    let key = wanted_key(wanted, &wanted.key_schema);
    let standing = found_key(found.key_schema(), types);
    if key != standing {
        flaws.push(FlawKind::WrongKey { wanted: key, found: standing });
    }
    for index in &wanted.global_secondary_indexes {
        let wanted = wanted_key(wanted, &index.key_schema);
        let name = index.index_name.clone();
        let standing = found
            .global_secondary_indexes()
            .iter()
            .find(|standing| standing.index_name() == Some(name.as_str()));
        match standing.map(|standing| found_key(standing.key_schema(), types)) {
            None => flaws.push(FlawKind::MissingIndex { index: name, wanted }),
            Some(found) if found != wanted => {
                flaws.push(FlawKind::WrongIndexKey { index: name, wanted, found });
            }
            Some(_) => {}
        }
    }
    flaws
}

/// A key as errors show it: `(order S HASH, ledger N RANGE)`.
fn wanted_key(definition: &Definition, keys: &[Key]) -> String {
    let type_of = |name: &str| {
        let mut types = definition.attribute_definitions.iter();
        types
            .find(|attribute| attribute.attribute_name == name)
            .map(|attribute| attribute.attribute_type.as_str())
    };
    shown(
        keys.iter()
            .map(|key| (key.attribute_name.as_str(), type_of(&key.attribute_name), key.key_type.name())),
    )
}

fn found_key(keys: &[KeySchemaElement], types: &[AttributeDefinition]) -> String {
    let type_of = |name: &str| {
        let mut types = types.iter();
        types
            .find(|attribute| attribute.attribute_name() == name)
            .map(|attribute| attribute.attribute_type().as_str())
    };
    shown(
        keys.iter().map(|key| (key.attribute_name(), type_of(key.attribute_name()), key.key_type().as_str())),
    )
}

fn shown<'a>(parts: impl Iterator<Item = (&'a str, Option<&'a str>, &'a str)>) -> String {
    let parts: Vec<String> =
        parts.map(|(name, kind, part)| format!("{name} {} {part}", kind.unwrap_or("?"))).collect();
    format!("({})", parts.join(", "))
}
