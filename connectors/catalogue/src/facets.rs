//! What products are filtered and counted by, each value with a small number, so that counting is adding to a list.

use std::cmp::Reverse;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use serde::Serialize;

use crate::limits::{ATTRIBUTE_FACETS_MAX, FACET_VALUES_MAX};
use crate::product::Product;

/// In which way products are alike.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Dimension {
    /// The category, or a wider one; its value is the path, `Audio/Headphones`.
    Category,
    /// The brand.
    Brand,
    /// A tag.
    Tag,
    /// The attribute of this name.
    Attribute(String),
}

/// A value of a dimension; also a filter for the products that have it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize)]
pub struct Facet {
    /// The dimension.
    pub dimension: Dimension,
    /// The value.
    pub value: String,
}

/// The values of one dimension, the most frequent first.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FacetCounts {
    /// The dimension.
    pub dimension: Dimension,
    /// At most [`FACET_VALUES_MAX`].
    pub values: Vec<FacetCount>,
}

/// How many products have a value.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FacetCount {
    /// The value.
    pub value: String,
    /// How many.
    pub products: u32,
}

/// The facets of a product, each once.
pub(crate) fn facets_of(product: &Product) -> Vec<Facet> {
    let facet = |dimension, value: &str| Facet { dimension, value: value.to_owned() };
    let mut facets = Vec::new();
    for steps in 1..=product.category.len() {
        let path = product.category.get(..steps).unwrap_or_default().join("/");
        facets.push(facet(Dimension::Category, &path));
    }
    facets.extend(product.brand.iter().map(|brand| facet(Dimension::Brand, brand)));
    facets.extend(product.tags.iter().map(|tag| facet(Dimension::Tag, tag)));
    let attributes = product.attributes.iter();
    facets.extend(attributes.map(|each| facet(Dimension::Attribute(each.name.clone()), &each.value)));
    facets
}

/// The facets that products have, by number.
pub(crate) type Names = Vec<Option<Arc<Facet>>>;

/// Gives facets their numbers, and takes them back when no product has them any more.
#[derive(Default)]
pub(crate) struct Dictionary {
    numbers: HashMap<Arc<Facet>, u32>,
    names: Names,
    uses: Vec<u32>,
    free: Vec<u32>,
}

impl Dictionary {
    pub(crate) fn names(&self) -> &Names {
        &self.names
    }

    /// The numbers of facets that a product has from now on.
    pub(crate) fn take(&mut self, facets: Vec<Facet>) -> Box<[u32]> {
        facets.into_iter().map(|facet| self.number(facet)).collect()
    }

    fn number(&mut self, facet: Facet) -> u32 {
        let number = match self.numbers.get(&facet) {
            Some(number) => *number,
            None => {
                let facet = Arc::new(facet);
                let number = self.free.pop().unwrap_or_else(|| {
                    self.names.push(None);
                    self.uses.push(0);
                    u32::try_from(self.names.len() - 1).unwrap_or(u32::MAX)
                });
                self.numbers.insert(Arc::clone(&facet), number);
                if let Some(name) = self.names.get_mut(index(number)) {
                    *name = Some(facet);
                }
                number
            }
        };
        if let Some(uses) = self.uses.get_mut(index(number)) {
            *uses += 1;
        }
        number
    }

    /// A product has these no longer.
    pub(crate) fn give_back(&mut self, numbers: &[u32]) {
        for number in numbers {
            let Some(uses) = self.uses.get_mut(index(*number)) else { continue };
            *uses = uses.saturating_sub(1);
            if *uses == 0
                && let Some(facet) = self.names.get_mut(index(*number)).and_then(Option::take)
            {
                self.numbers.remove(&facet);
                self.free.push(*number);
            }
        }
    }
}

/// Filters of a query, by dimension. Of one dimension any value will do; every dimension has to fit.
pub(crate) struct Filters {
    dimensions: Vec<(Dimension, Vec<u32>)>,
}

/// How a product fits.
pub(crate) enum Fit {
    All,
    /// All but the dimension with this index.
    AllBut(usize),
    No,
}

impl Filters {
    pub(crate) fn new<'f>(filters: impl Iterator<Item = &'f Facet>, names: &Names) -> Self {
        let mut dimensions = BTreeMap::<&Dimension, Vec<u32>>::new();
        for filter in filters {
            let found = names.iter().position(|name| name.as_deref() == Some(filter));
            // A value that no product has fits none.
            let number = found.and_then(|found| u32::try_from(found).ok());
            dimensions.entry(&filter.dimension).or_default().extend(number);
        }
        Self { dimensions: dimensions.into_iter().map(|(name, values)| (name.clone(), values)).collect() }
    }

    pub(crate) fn fit(&self, facets: &[u32]) -> Fit {
        let mut fit = Fit::All;
        for (index, (_, values)) in self.dimensions.iter().enumerate() {
            if facets.iter().any(|facet| values.contains(facet)) {
                continue;
            }
            match fit {
                Fit::All => fit = Fit::AllBut(index),
                _ => return Fit::No,
            }
        }
        fit
    }
}

/// Counts facets: of the products that fit, and for each filtered dimension of those that would fit without its filter,
/// so that people see what else they could choose there.
pub(crate) struct Counts<'n> {
    names: &'n Names,
    filters: &'n Filters,
    counts: Vec<u32>,
}

impl<'n> Counts<'n> {
    pub(crate) fn new(names: &'n Names, filters: &'n Filters) -> Self {
        Self { names, filters, counts: vec![0; names.len()] }
    }

    pub(crate) fn add(&mut self, facets: &[u32], fit: &Fit) {
        let only = match fit {
            Fit::All => None,
            Fit::AllBut(dimension) => self.filters.dimensions.get(*dimension).map(|(name, _)| name),
            Fit::No => return,
        };
        for facet in facets {
            let name = self.names.get(index(*facet)).and_then(Option::as_deref);
            let counted = only.is_none_or(|only| name.is_some_and(|name| name.dimension == *only));
            if let Some(count) = self.counts.get_mut(index(*facet)).filter(|_| counted) {
                *count += 1;
            }
        }
    }

    /// Category, brand, tag, then the attributes that most products have.
    pub(crate) fn finish(self) -> Vec<FacetCounts> {
        let mut found = BTreeMap::<&Dimension, Vec<FacetCount>>::new();
        for (name, products) in self.names.iter().zip(self.counts) {
            if let Some(Facet { dimension, value }) = name.as_deref().filter(|_| products > 0) {
                let count = FacetCount { value: value.clone(), products };
                found.entry(dimension).or_default().push(count);
            }
        }
        let (mut fixed, mut attributes) = (Vec::new(), Vec::new());
        for (dimension, mut values) in found {
            let total: u32 = values.iter().map(|count| count.products).sum();
            values.sort_by(|a, b| (Reverse(a.products), &a.value).cmp(&(Reverse(b.products), &b.value)));
            values.truncate(FACET_VALUES_MAX);
            let counts = FacetCounts { dimension: dimension.clone(), values };
            match dimension {
                Dimension::Attribute(_) => attributes.push((total, counts)),
                _ => fixed.push(counts),
            }
        }
        // The sort keeps the order of names among attributes of equally many products.
        attributes.sort_by_key(|(total, _)| Reverse(*total));
        fixed.extend(attributes.into_iter().take(ATTRIBUTE_FACETS_MAX).map(|(_, counts)| counts));
        fixed
    }
}

fn index(number: u32) -> usize {
    usize::try_from(number).unwrap_or(usize::MAX)
}
