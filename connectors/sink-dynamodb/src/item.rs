//! Items as this sink writes them, in a form that can be compared and shown.

use std::borrow::Cow;
use std::collections::{BTreeMap, HashMap};
use std::fmt;

use tables::Table;
use tables::sdk::types::AttributeValue;

/// The names of the parts of a table's key.
pub(crate) const fn key_names(table: Table) -> [&'static str; 2] {
    match table {
        Table::Orders => ["order", "ledger"],
        Table::Inventory => ["sku", "facet"],
        Table::Payments => ["order", "entry"],
        Table::Notices => ["order", "notice"],
        Table::Contacts => ["customer", "part"],
        Table::Subscriptions => ["interest", "customer"],
        Table::Accounts | Table::Sessions => ["subject", "part"],
        Table::Carts => ["customer", "part"],
    }
}

/// Where an item stands.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Key {
    /// The table.
    pub table: Table,
    /// The first part of its key.
    pub hash: String,
    /// The second part; of `orders` it is the ledger's number.
    pub range: String,
}

impl Key {
    pub(crate) fn attributes(&self) -> [(&'static str, AttributeValue); 2] {
        let [hash, range] = key_names(self.table);
        let second = match self.table {
            Table::Orders => AttributeValue::N(self.range.clone()),
            _ => AttributeValue::S(self.range.clone()),
        };
        [(hash, AttributeValue::S(self.hash.clone())), (range, second)]
    }

    pub(crate) fn is_key(&self, name: &str) -> bool {
        key_names(self.table).contains(&name)
    }
}

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.table.name(), self.hash, self.range)
    }
}

/// What stands there.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Item {
    /// The ledger that decided it.
    pub ledger: u32,
    /// The sequence of the newest decision that is in it.
    pub version: u64,
    /// The rest, without the key.
    pub attributes: Attributes,
}

/// Attributes by name.
pub type Attributes = BTreeMap<Cow<'static, str>, Value>;

/// A value.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Value {
    /// Text.
    Text(String),
    /// A whole number.
    Number(i128),
    /// Several.
    List(Vec<Value>),
    /// Several, by name.
    Map(Attributes),
    /// Something this sink never writes, as the SDK shows it.
    Alien(String),
}

impl From<u64> for Value {
    fn from(number: u64) -> Self {
        Self::Number(number.into())
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl From<u32> for Value {
    fn from(number: u32) -> Self {
        Self::Number(number.into())
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text)
    }
}

impl fmt::Display for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Text(text) => f.write_str(text),
            Self::Number(number) => write!(f, "{number}"),
            Self::List(values) => {
                let values: Vec<String> = values.iter().map(ToString::to_string).collect();
                write!(f, "[{}]", values.join(", "))
            }
            Self::Map(attributes) => f.write_str(&shown(attributes)),
            Self::Alien(text) => write!(f, "<{text}>"),
        }
    }
}

impl fmt::Display for Item {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ledger {} version {} {}", self.ledger, self.version, shown(&self.attributes))
    }
}

fn shown(attributes: &Attributes) -> String {
    let parts: Vec<String> = attributes.iter().map(|(name, value)| format!("{name}: {value}")).collect();
    format!("{{{}}}", parts.join(", "))
}

impl Value {
    pub(crate) fn to_sdk(&self) -> AttributeValue {
        match self {
            Self::Text(text) | Self::Alien(text) => AttributeValue::S(text.clone()),
            Self::Number(number) => AttributeValue::N(number.to_string()),
            Self::List(values) => AttributeValue::L(values.iter().map(Self::to_sdk).collect()),
            Self::Map(attributes) => AttributeValue::M(
                attributes.iter().map(|(name, value)| (name.to_string(), value.to_sdk())).collect(),
            ),
        }
    }

    fn of_sdk(value: AttributeValue) -> Self {
        match value {
            AttributeValue::S(text) => Self::Text(text),
            AttributeValue::N(text) => text.parse().map_or_else(|_| Self::Alien(text), Self::Number),
            AttributeValue::L(values) => Self::List(values.into_iter().map(Self::of_sdk).collect()),
            AttributeValue::M(values) => Self::Map(
                values.into_iter().map(|(name, value)| (Cow::Owned(name), Self::of_sdk(value))).collect(),
            ),
            other => Self::Alien(format!("{other:?}")),
        }
    }

    /// Its size as DynamoDB counts it.
    fn bytes(&self) -> usize {
        match self {
            Self::Text(text) | Self::Alien(text) => text.len(),
            Self::Number(number) => number.to_string().len().div_ceil(2) + 1,
            Self::List(values) => 3 + values.iter().map(|value| 1 + value.bytes()).sum::<usize>(),
            Self::Map(attributes) => {
                3 + attributes.iter().map(|(name, value)| 1 + name.len() + value.bytes()).sum::<usize>()
            }
        }
    }
}

impl Item {
    /// All attributes but those of the key.
    pub(crate) fn rest(&self, key: &Key) -> Vec<(Cow<'static, str>, AttributeValue)> {
        let mut rest = vec![(Cow::Borrowed("version"), AttributeValue::N(self.version.to_string()))];
        if !key.is_key("ledger") {
            rest.push((Cow::Borrowed("ledger"), AttributeValue::N(self.ledger.to_string())));
        }
        rest.extend(self.attributes.iter().map(|(name, value)| (name.clone(), value.to_sdk())));
        rest
    }

    /// Its size as DynamoDB counts it: the bytes of names and values.
    pub fn bytes(&self, key: &Key) -> usize {
        let names: usize = key_names(key.table).iter().map(|name| name.len()).sum();
        let rest: usize = self.attributes.iter().map(|(name, value)| name.len() + value.bytes()).sum();
        names + key.hash.len() + key.range.len() + "version".len() + "ledger".len() + 22 + rest
    }

    /// Reads an item back. What has no key of ours is `None`; what has another shape differs from all we write.
    pub(crate) fn of_sdk(table: Table, mut item: HashMap<String, AttributeValue>) -> Option<(Key, Self)> {
        let [hash, range] = key_names(table);
        let text = |value: AttributeValue| match value {
            AttributeValue::S(text) | AttributeValue::N(text) => Some(text),
            _ => None,
        };
        let key = Key { table, hash: text(item.remove(hash)?)?, range: text(item.remove(range)?)? };
        let mut number = |name: &str| match item.get(name) {
            Some(AttributeValue::N(text)) => {
                let number = text.parse::<u64>().ok();
                if number.is_some() {
                    item.remove(name);
                }
                number
            }
            _ => None,
        };
        let version = number("version").unwrap_or_default();
        let ledger = if table == Table::Orders { key.range.parse().ok() } else { number("ledger") };
        let ledger = ledger.and_then(|ledger| u32::try_from(ledger).ok()).unwrap_or(u32::MAX);
        let attributes =
            item.into_iter().map(|(name, value)| (Cow::Owned(name), Value::of_sdk(value))).collect();
        Some((key, Self { ledger, version, attributes }))
    }
}
