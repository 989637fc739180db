//! What each table is: read from `schemas/dynamodb/`, whose files hold the properties of a CloudFormation
//! `AWS::DynamoDB::Table`, so that other tools can make the same tables.

use serde::Deserialize;

use crate::TablesError;

/// A table.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Table {
    /// What became of orders.
    Orders,
    /// Listings: stock, settings, state; and how far the sink has got.
    Inventory,
    /// Payments, and what is to be given back.
    Payments,
    /// Notices to people: which were tried, and what came of it.
    Notices,
    /// Where people are reached, and what they do not want.
    Contacts,
    /// Who asked to be told about what.
    Subscriptions,
    /// Who has an account, and under which e-mail address.
    Accounts,
    /// Who is logged in, and who tried how often.
    Sessions,
    /// What customers have chosen and not yet ordered.
    Carts,
}

impl Table {
    /// Every table.
    pub const ALL: [Self; 9] = [
        Self::Orders,
        Self::Inventory,
        Self::Payments,
        Self::Notices,
        Self::Contacts,
        Self::Subscriptions,
        Self::Accounts,
        Self::Sessions,
        Self::Carts,
    ];

    /// Its name without a prefix.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Inventory => "inventory",
            Self::Payments => "payments",
            Self::Notices => "notices",
            Self::Contacts => "contacts",
            Self::Subscriptions => "subscriptions",
            Self::Accounts => "accounts",
            Self::Sessions => "sessions",
            Self::Carts => "carts",
        }
    }

    /// Its definition as the file has it.
    pub const fn json(self) -> &'static str {
        match self {
            Self::Orders => include_str!("../../../schemas/dynamodb/orders.json"),
            Self::Inventory => include_str!("../../../schemas/dynamodb/inventory.json"),
            Self::Payments => include_str!("../../../schemas/dynamodb/payments.json"),
            Self::Notices => include_str!("../../../schemas/dynamodb/notices.json"),
            Self::Contacts => include_str!("../../../schemas/dynamodb/contacts.json"),
            Self::Subscriptions => include_str!("../../../schemas/dynamodb/subscriptions.json"),
            Self::Accounts => include_str!("../../../schemas/dynamodb/accounts.json"),
            Self::Sessions => include_str!("../../../schemas/dynamodb/sessions.json"),
            Self::Carts => include_str!("../../../schemas/dynamodb/carts.json"),
        }
    }

    /// Its definition.
    pub fn definition(self) -> Result<Definition, TablesError> {
        serde_json::from_str(self.json())
            .map_err(|error| TablesError::BadDefinition { table: self.name(), detail: error.to_string() })
    }
}

/// What a table is.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Definition {
    /// Its name without a prefix.
    pub table_name: String,
    /// How it is paid for: `PAY_PER_REQUEST`.
    pub billing_mode: String,
    /// The types of the attributes that are part of a key.
    pub attribute_definitions: Vec<Attribute>,
    /// Its key.
    pub key_schema: Vec<Key>,
    /// Its indexes.
    #[serde(default)]
    pub global_secondary_indexes: Vec<Index>,
    /// When its items expire.
    pub time_to_live_specification: Option<Expiry>,
}

/// An attribute that is part of a key.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Attribute {
    /// Its name.
    pub attribute_name: String,
    /// `S`, `N` or `B`.
    pub attribute_type: String,
}

/// A part of a key.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Key {
    /// The attribute.
    pub attribute_name: String,
    /// Which part.
    pub key_type: KeyPart,
}

/// Which part of a key an attribute is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum KeyPart {
    /// Says where the item lies.
    Hash,
    /// Orders the items that lie together.
    Range,
}

impl KeyPart {
    /// The word DynamoDB has for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hash => "HASH",
            Self::Range => "RANGE",
        }
    }
}

/// A global secondary index.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Index {
    /// Its name.
    pub index_name: String,
    /// Its key.
    pub key_schema: Vec<Key>,
    /// What else it holds.
    pub projection: Projection,
}

/// What an index holds besides keys.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Projection {
    /// `KEYS_ONLY` or `ALL`.
    pub projection_type: String,
}

/// When items expire.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize)]
#[serde(rename_all = "PascalCase", deny_unknown_fields)]
pub struct Expiry {
    /// The attribute with the time, in seconds since 1970.
    pub attribute_name: String,
    /// Whether they do.
    pub enabled: bool,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_file_parses_and_types_exactly_its_keys() {
        for table in Table::ALL {
            let definition = table.definition().unwrap();
            assert_eq!(definition.table_name, table.name());
            let indexed = definition.global_secondary_indexes.iter().flat_map(|index| &index.key_schema);
            let mut keys: Vec<_> =
                definition.key_schema.iter().chain(indexed).map(|key| &key.attribute_name).collect();
            keys.sort();
            keys.dedup();
            let mut typed: Vec<_> =
                definition.attribute_definitions.iter().map(|attribute| &attribute.attribute_name).collect();
            typed.sort();
            assert_eq!(keys, typed, "{}", table.name());
        }
    }
}
