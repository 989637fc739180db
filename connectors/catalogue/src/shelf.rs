//! The catalogue as it is written to: takes changes one by one, and publishes what it has as a [`Catalogue`].
//!
//! Knows no log. What it publishes depends on the products alone, not on the way they came.

use std::collections::BTreeMap;
use std::sync::Arc;

use order_model::Sku;
use tantivy::TantivyError;

use crate::catalogue::{Catalogue, Item};
use crate::codec::encode_product;
use crate::facets::{Dictionary, facets_of};
use crate::index::TextIndex;
use crate::limits::{CATALOGUE_BYTES_MAX, PRODUCT_BYTES_MAX, PRODUCTS_MAX};
use crate::product::{Product, Version};

/// How much a shelf holds.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct ShelfLimits {
    /// Most products.
    pub products_max: usize,
    /// Most bytes of a product, in Avro.
    pub product_bytes_max: usize,
    /// Most bytes of all products together, in Avro.
    pub catalogue_bytes_max: usize,
}

impl Default for ShelfLimits {
    fn default() -> Self {
        Self {
            products_max: PRODUCTS_MAX,
            product_bytes_max: PRODUCT_BYTES_MAX,
            catalogue_bytes_max: CATALOGUE_BYTES_MAX,
        }
    }
}

/// Why a change was not taken. The shelf is as it was.
#[derive(Debug, thiserror::Error)]
pub enum ShelfError {
    /// The product is too large.
    #[error("it has {bytes} bytes, a product has at most {max}")]
    ProductTooLarge {
        /// Its size.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// There are too many products.
    #[error("there are {0} products already, a catalogue has no more")]
    TooManyProducts(usize),
    /// All products together are too large.
    #[error("with it the catalogue would have {bytes} bytes, the most is {max}")]
    CatalogueTooLarge {
        /// What they would have.
        bytes: usize,
        /// The limit.
        max: usize,
    },
    /// The index failed. Make a new shelf.
    #[error("the full-text index failed: {0}")]
    Index(#[from] TantivyError),
}

/// Products that can still change.
pub struct Shelf {
    limits: ShelfLimits,
    index: TextIndex,
    dictionary: Dictionary,
    slots: Vec<Option<Arc<Item>>>,
    free: Vec<u32>,
    by_sku: BTreeMap<Sku, u32>,
    bytes: usize,
    version: Version,
    unpublished: usize,
}

impl Shelf {
    /// An empty one.
    pub fn new(limits: ShelfLimits) -> Result<Self, ShelfError> {
        Ok(Self {
            limits,
            index: TextIndex::new()?,
            dictionary: Dictionary::default(),
            slots: Vec::new(),
            free: Vec::new(),
            by_sku: BTreeMap::new(),
            bytes: 0,
            version: Version::default(),
            unpublished: 0,
        })
    }

    /// Puts a product in, in place of the one with its SKU. Says whether that changed anything.
    pub fn put(&mut self, product: Product) -> Result<bool, ShelfError> {
        let mut encoded = Vec::new();
        encode_product(&product, &mut encoded);
        let (bytes, version) = (encoded.len(), Version::of(&encoded));
        let before = self.by_sku.get(&product.sku).copied();
        let old = before
            .and_then(|slot| self.item(slot))
            .map_or((0, None), |item| (item.bytes, Some(item.version)));
        if old.1 == Some(version) {
            return Ok(false);
        }
        let ShelfLimits { products_max, product_bytes_max, catalogue_bytes_max } = self.limits;
        if bytes > product_bytes_max {
            return Err(ShelfError::ProductTooLarge { bytes, max: product_bytes_max });
        }
        if before.is_none() && self.by_sku.len() >= products_max {
            return Err(ShelfError::TooManyProducts(products_max));
        }
        let total = self.bytes - old.0 + bytes;
        if total > catalogue_bytes_max {
            return Err(ShelfError::CatalogueTooLarge { bytes: total, max: catalogue_bytes_max });
        }
        self.remove(&product.sku);
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(None);
            u32::try_from(self.slots.len() - 1).unwrap_or(u32::MAX)
        });
        self.index.add(slot, &product)?;
        let facets = self.dictionary.take(facets_of(&product));
        self.by_sku.insert(product.sku, slot);
        self.bytes += bytes;
        self.version = self.version.with(version);
        if let Some(place) = self.slots.get_mut(index(slot)) {
            *place = Some(Arc::new(Item { product, version, bytes, facets }));
        }
        self.unpublished += 1;
        Ok(true)
    }

    /// Takes a product out. Says whether there was one.
    pub fn remove(&mut self, sku: &Sku) -> bool {
        let Some(slot) = self.by_sku.remove(sku) else { return false };
        let Some(item) = self.slots.get_mut(index(slot)).and_then(Option::take) else { return false };
        self.index.remove(slot);
        self.dictionary.give_back(&item.facets);
        self.free.push(slot);
        self.bytes -= item.bytes;
        self.version = self.version.without(item.version);
        self.unpublished += 1;
        true
    }

    /// Changes since the last [`Self::publish`].
    pub fn unpublished(&self) -> usize {
        self.unpublished
    }

    /// Everything as it is now, for readers.
    pub fn publish(&mut self) -> Result<Catalogue, ShelfError> {
        let search = self.index.commit()?;
        self.unpublished = 0;
        let mut published = Catalogue {
            version: self.version,
            bytes: self.bytes,
            slots: self.slots.clone(),
            by_sku: self.by_sku.clone(),
            names: self.dictionary.names().clone(),
            search: Some(search),
            facets: Arc::default(),
        };
        published.facets = published.count_all();
        Ok(published)
    }

    fn item(&self, slot: u32) -> Option<&Item> {
        self.slots.get(index(slot))?.as_deref()
    }
}

fn index(slot: u32) -> usize {
    usize::try_from(slot).unwrap_or(usize::MAX)
}
