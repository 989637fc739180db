//! Writing the topic: what differs between the catalogue there is and the one that is wanted, and no more than that.

use std::collections::BTreeSet;
use std::sync::Arc;
use std::time::Instant;

use order_log::{AppendBatch, AppendError, Headers, LogAppender, LogError};
use order_model::{Sku, partition_of};

use crate::catalogue::Catalogue;
use crate::limits::{ACKNOWLEDGE_WAIT_MAX, POLL_WAIT, WRITE_BATCH_PRODUCTS_MAX};
use crate::product::Product;
use crate::reading::{CatalogueTopic, Change};
use crate::shelf::{Shelf, ShelfError};

/// What becomes of a product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Planned {
    /// Which.
    pub sku: Sku,
    /// Its title: the new one, or the one that goes.
    pub title: String,
    /// What becomes of it.
    pub action: Action,
}

/// What becomes of a product.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// It is not there yet.
    Add(Box<Product>),
    /// It is there, and different.
    Change {
        /// As it is to be.
        product: Box<Product>,
        /// The fields that differ.
        fields: Vec<&'static str>,
    },
    /// It is there as it is to be.
    Keep,
    /// It is there, and not wanted.
    Remove,
}

impl Action {
    /// One word for the plan.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Add(_) => "add",
            Self::Change { .. } => "change",
            Self::Keep => "unchanged",
            Self::Remove => "remove",
        }
    }
}

/// Why products were not written.
#[derive(Debug, thiserror::Error)]
pub enum WriteError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The log did not take a batch.
    #[error("the log took no products: {0}")]
    Append(String),
    /// It is not known whether the log has them.
    #[error(
        "{log} did not acknowledge within {} s; the products may be in it all the same, apply the file again",
        ACKNOWLEDGE_WAIT_MAX.as_secs()
    )]
    Unacknowledged {
        /// The log.
        log: String,
    },
}

/// What has to be done so that the catalogue has the products `wanted`, each SKU once; with `prune` no others.
pub fn plan(current: &Catalogue, wanted: &[Product], prune: bool) -> Vec<Planned> {
    let mut planned: Vec<Planned> = wanted
        .iter()
        .map(|product| {
            let action = match current.get(&product.sku) {
                None => Action::Add(Box::new(product.clone())),
                Some(item) if item.product == *product => Action::Keep,
                Some(item) => Action::Change {
                    product: Box::new(product.clone()),
                    fields: differing(&item.product, product),
                },
            };
            Planned { sku: product.sku, title: product.title.clone(), action }
        })
        .collect();
    if prune {
        let kept: BTreeSet<Sku> = wanted.iter().map(|product| product.sku).collect();
        let others = current.iter().map(|item| &item.product).filter(|product| !kept.contains(&product.sku));
        planned.extend(others.map(|product| Planned {
            sku: product.sku,
            title: product.title.clone(),
            action: Action::Remove,
        }));
    }
    planned
}

fn differing(old: &Product, new: &Product) -> Vec<&'static str> {
    let differs = [
        ("title", old.title != new.title),
        ("description", old.description != new.description),
        ("texts", old.texts != new.texts),
        ("brand", old.brand != new.brand),
        ("category", old.category != new.category),
        ("attributes", old.attributes != new.attributes),
        ("images", old.images != new.images),
        ("tags", old.tags != new.tags),
    ];
    differs.into_iter().filter_map(|(field, differs)| differs.then_some(field)).collect()
}

/// The changes a plan asks for: removals first, so that there is room.
pub fn changes(planned: Vec<Planned>) -> Vec<Change> {
    let (mut removals, mut puts) = (Vec::new(), Vec::new());
    for Planned { sku, action, .. } in planned {
        match action {
            Action::Add(product) | Action::Change { product, .. } => puts.push(Change::Put(product)),
            Action::Remove => removals.push(Change::Remove(sku)),
            Action::Keep => {}
        }
    }
    removals.append(&mut puts);
    removals
}

/// Tries the changes on a shelf that holds what there is; the first that does not fit is returned with its SKU.
pub fn try_on(mut shelf: Shelf, changes: &[Change]) -> Result<Shelf, (Sku, ShelfError)> {
    for change in changes {
        match change {
            Change::Put(product) => {
                shelf.put((**product).clone()).map_err(|error| (product.sku, error))?;
            }
            Change::Remove(sku) => {
                shelf.remove(sku);
            }
        }
    }
    Ok(shelf)
}

impl CatalogueTopic {
    /// Appends changes in their order and waits until the log has them.
    pub fn write(&self, changes: &[Change]) -> Result<(), WriteError> {
        let partitions = self.log.partitions(&self.name)?;
        let mut appender = self.log.appender()?;
        for chunk in changes.chunks(WRITE_BATCH_PRODUCTS_MAX) {
            let mut batch = AppendBatch::new(Arc::clone(&self.name));
            for change in chunk {
                let mut value = Vec::new();
                let (sku, value) = match change {
                    Change::Put(product) => {
                        self.codec.product_to(product, &mut value);
                        (&product.sku, Some(value.as_slice()))
                    }
                    Change::Remove(sku) => (sku, None),
                };
                batch.push(partition_of(sku, partitions).0, Some(sku.as_bytes()), value, Headers::NONE);
            }
            self.append(appender.as_mut(), batch)?;
        }
        Ok(())
    }

    fn append(&self, appender: &mut dyn LogAppender, batch: AppendBatch) -> Result<(), WriteError> {
        let start = Instant::now();
        let (mut left, mut ticket, mut acknowledged) = (Some(batch), None, Vec::new());
        while start.elapsed() < ACKNOWLEDGE_WAIT_MAX {
            if let Some(batch) = left.take() {
                match appender.append(batch) {
                    Ok(taken) => ticket = Some(taken),
                    // The log does not answer yet: an appender's queue takes more than one batch of ours.
                    Err(AppendError::Full(batch)) => left = Some(batch),
                    Err(AppendError::Log(error)) => return Err(error.into()),
                    Err(error @ AppendError::TooLarge { .. }) => {
                        return Err(WriteError::Append(error.to_string()));
                    }
                }
            }
            appender.poll(POLL_WAIT, &mut acknowledged)?;
            if acknowledged.iter().any(|done| Some(done.ticket) == ticket) {
                return Ok(());
            }
        }
        Err(WriteError::Unacknowledged { log: self.log.describe() })
    }
}
