//! The catalogue as readers see it: unchanging, complete, searchable.

use std::cmp::Reverse;
use std::collections::BTreeMap;
use std::sync::Arc;

use order_model::Sku;
use tantivy::TantivyError;

use crate::facets::{Counts, Facet, FacetCounts, Filters, Fit, Names};
use crate::index::TextSearch;
use crate::limits::{FILTERS_MAX, PAGE_SIZE_MAX};
use crate::product::{Product, Version};
use crate::words::query_words;

/// A product of a catalogue.
#[derive(Debug)]
pub struct Item {
    /// The product.
    pub product: Product,
    /// Names its content.
    pub version: Version,
    pub(crate) bytes: usize,
    pub(crate) facets: Box<[u32]>,
}

/// Products as they were at one moment. Made by [`crate::Shelf::publish`]; the default is empty.
#[derive(Default)]
pub struct Catalogue {
    pub(crate) version: Version,
    pub(crate) bytes: usize,
    pub(crate) slots: Vec<Option<Arc<Item>>>,
    pub(crate) by_sku: BTreeMap<Sku, u32>,
    pub(crate) names: Names,
    pub(crate) search: Option<TextSearch>,
    /// The facets of all products, counted once: most people just look around.
    pub(crate) facets: Arc<[FacetCounts]>,
}

/// What is looked for.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// Words, all of which have to match: in any language of the product, with a typing error or two in longer ones. The
    /// last may be a beginning. Without words everything matches.
    pub text: String,
    /// Values products must have: of each dimension named, one of those named.
    pub filters: Vec<Facet>,
    /// Which page, from 1.
    pub page: usize,
    /// Products of a page, at most [`PAGE_SIZE_MAX`].
    pub page_size: usize,
}

impl Default for Query {
    /// The first page of everything.
    fn default() -> Self {
        Self { text: String::new(), filters: Vec::new(), page: 1, page_size: 24 }
    }
}

/// What was found.
#[derive(Clone, Debug)]
pub struct Page {
    /// The catalogue's version; the same query to the same version has the same answer everywhere.
    pub version: Version,
    /// How many products match, on all pages.
    pub total: usize,
    /// Which page this is, from 1.
    pub page: usize,
    /// How many pages there are.
    pub pages: usize,
    /// The products of this page: the best matches first, equal ones by their SKU.
    pub items: Vec<Arc<Item>>,
    /// How many of the matching products have which value. A dimension that is filtered by counts as if it were not, so
    /// that other choices show.
    pub facets: Arc<[FacetCounts]>,
}

/// The index could not be searched.
#[derive(Debug, thiserror::Error)]
#[error("the full-text index failed: {0}")]
pub struct SearchError(#[from] TantivyError);

impl std::fmt::Debug for Catalogue {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Catalogue")
            .field("version", &self.version)
            .field("products", &self.len())
            .finish_non_exhaustive()
    }
}

impl Catalogue {
    /// Names the content of the whole: the same products, the same version, on every gateway.
    pub fn version(&self) -> Version {
        self.version
    }

    /// How many products there are.
    pub fn len(&self) -> usize {
        self.by_sku.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.by_sku.is_empty()
    }

    /// Bytes of all products, in Avro.
    pub fn bytes(&self) -> usize {
        self.bytes
    }

    /// A product by its SKU.
    pub fn get(&self, sku: &Sku) -> Option<&Arc<Item>> {
        self.item(u64::from(*self.by_sku.get(sku)?))
    }

    /// All products by SKU.
    pub fn iter(&self) -> impl Iterator<Item = &Arc<Item>> {
        self.by_sku.values().filter_map(|slot| self.item(u64::from(*slot)))
    }

    /// Looks for products.
    pub fn search(&self, query: &Query) -> Result<Page, SearchError> {
        let words = query_words(&query.text);
        if words.is_empty() && query.filters.is_empty() {
            return Ok(self.page(query, self.len(), self.iter(), Arc::clone(&self.facets)));
        }
        let filters = Filters::new(query.filters.iter().take(FILTERS_MAX), &self.names);
        let mut counts = Counts::new(&self.names, &filters);
        let mut found = Vec::new();
        for (rank, item) in self.candidates(&words)? {
            let fit = filters.fit(&item.facets);
            counts.add(&item.facets, &fit);
            if matches!(fit, Fit::All) {
                found.push((rank, item));
            }
        }
        found.sort_by_key(|(rank, item)| (Reverse(*rank), item.product.sku));
        let total = found.len();
        let found = found.into_iter().map(|(_, item)| item);
        Ok(self.page(query, total, found, counts.finish().into()))
    }

    /// The facets of all products.
    pub(crate) fn count_all(&self) -> Arc<[FacetCounts]> {
        let filters = Filters::new(std::iter::empty(), &self.names);
        let mut counts = Counts::new(&self.names, &filters);
        self.iter().for_each(|item| counts.add(&item.facets, &Fit::All));
        counts.finish().into()
    }

    fn page<'c>(
        &self,
        query: &Query,
        total: usize,
        found: impl Iterator<Item = &'c Arc<Item>>,
        facets: Arc<[FacetCounts]>,
    ) -> Page {
        let size = query.page_size.clamp(1, PAGE_SIZE_MAX);
        let page = query.page.max(1);
        let items = found.skip((page - 1).saturating_mul(size)).take(size);
        Page {
            version: self.version,
            total,
            page,
            pages: total.div_ceil(size),
            items: items.map(Arc::clone).collect(),
            facets,
        }
    }

    /// The products that match the words, with their ranks.
    fn candidates(&self, words: &[String]) -> Result<Vec<(u32, &Arc<Item>)>, SearchError> {
        match &self.search {
            Some(search) if !words.is_empty() => {
                let matches = search.matches(words)?;
                Ok(matches.iter().filter_map(|found| Some((found.rank, self.item(found.slot)?))).collect())
            }
            _ => Ok(self.iter().map(|item| (0, item)).collect()),
        }
    }

    fn item(&self, slot: u64) -> Option<&Arc<Item>> {
        self.slots.get(usize::try_from(slot).ok()?)?.as_ref()
    }
}
