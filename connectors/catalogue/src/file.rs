//! A catalogue as a TOML file: a `[[product]]` for each SKU.
//!
//! ```toml
//! [[product]]
//! sku = "sneaker-42"
//! title = "Trailwind running shoe"
//! description = "Light, and grips where it is wet."
//! brand = "Northpeak"
//! category = ["Sport", "Shoes"]
//! attributes = [{ name = "Size", value = "42" }]
//! images = [{ source = "sneaker.svg", alt = "A running shoe, seen from the side" }]
//! tags = ["running"]
//!
//! [[product.texts]]
//! locale = "de"
//! title = "Laufschuh Trailwind"
//! ```
//!
//! Every complaint names the line and, for a mistyped key, the nearest one there is.

use std::collections::BTreeSet;

use serde::Deserialize;
use toml::de::{DeTable, DeValue};

use crate::limits::{FILE_BYTES_MAX, PRODUCTS_MAX};
use crate::product::Product;

/// Keys less alike than this are no help to who mistyped one (Jaro-Winkler, from 0 to 1).
const LIKENESS_MIN: f64 = 0.75;

const PRODUCT_KEYS: [&str; 9] =
    ["sku", "title", "description", "texts", "brand", "category", "attributes", "images", "tags"];

/// The tables inside a product, and their keys.
const INNER_KEYS: [(&str, &[&str]); 3] = [
    ("texts", &["locale", "title", "description"]),
    ("attributes", &["name", "value"]),
    ("images", &["source", "alt"]),
];

/// What is wrong with a file, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("line {line}: {message}")]
pub struct CatalogueFileError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

#[derive(Deserialize)]
struct File {
    #[serde(default)]
    product: Vec<Product>,
}

/// Reads the products of a file, in its order.
pub fn parse_catalogue(text: &str) -> Result<Vec<Product>, CatalogueFileError> {
    let source = Source(text);
    if text.len() > FILE_BYTES_MAX {
        return Err(
            source.error(0, format!("the file has {} bytes, the most is {FILE_BYTES_MAX}", text.len()))
        );
    }
    let failed =
        |error: toml::de::Error| source.error(error.span().map_or(0, |span| span.start), error.message());
    let root = DeTable::parse(text).map_err(failed)?;
    let root = root.get_ref();
    source.only(root, &["product"])?;
    let tables: Vec<_> =
        root.get("product").and_then(|value| value.get_ref().as_array()).into_iter().flatten().collect();
    for table in tables.iter().filter_map(|value| value.get_ref().as_table()) {
        source.check_keys(table)?;
    }
    let products = toml::from_str::<File>(text).map_err(failed)?.product;
    if products.len() > PRODUCTS_MAX {
        return Err(source.error(0, format!("a catalogue has at most {PRODUCTS_MAX} products")));
    }
    let mut seen = BTreeSet::new();
    for (product, table) in products.iter().zip(tables) {
        let place = |field: &str| {
            let key = field.split('.').next().unwrap_or_default();
            let value = table.get_ref().as_table().and_then(|table| table.get(key));
            value.map_or_else(|| table.span().start, |value| value.span().start)
        };
        product.check().map_err(|error| {
            source.error(
                place(error.field),
                format!("product {}: `{}`: {}", product.sku, error.field, error.problem),
            )
        })?;
        if !seen.insert(product.sku) {
            return Err(source.error(place("sku"), format!("product {} stands there twice", product.sku)));
        }
    }
    Ok(products)
}

#[derive(Clone, Copy)]
struct Source<'t>(&'t str);

impl Source<'_> {
    fn error(self, byte: usize, message: impl Into<String>) -> CatalogueFileError {
        let before = self.0.as_bytes().get(..byte).unwrap_or(self.0.as_bytes());
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        CatalogueFileError { line, message: message.into() }
    }

    fn check_keys(self, product: &DeTable<'_>) -> Result<(), CatalogueFileError> {
        self.only(product, &PRODUCT_KEYS)?;
        for (key, known) in INNER_KEYS {
            let inner = product.get(key).and_then(|value| value.get_ref().as_array());
            for table in inner.into_iter().flatten().filter_map(|value| DeValue::as_table(value.get_ref())) {
                self.only(table, known)?;
            }
        }
        Ok(())
    }

    /// Refuses keys that are not in `known`, the first in the file first.
    fn only(self, table: &DeTable<'_>, known: &[&str]) -> Result<(), CatalogueFileError> {
        let unknown = table.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        let Some(key) = unknown.min_by_key(|key| key.span().start) else { return Ok(()) };
        let name = key.get_ref().as_ref();
        let hint = nearest(name, known).map_or_else(String::new, |near| format!("; did you mean `{near}`?"));
        Err(self.error(key.span().start, format!("there is no key `{name}` here{hint}")))
    }
}

fn nearest<'k>(word: &str, known: &[&'k str]) -> Option<&'k str> {
    let word = word.to_lowercase();
    let likeness = known.iter().map(|key| (strsim::jaro_winkler(&word, key), *key));
    let close = likeness.filter(|(likeness, _)| *likeness >= LIKENESS_MIN);
    close.max_by(|a, b| a.0.total_cmp(&b.0)).map(|(_, key)| key)
}
