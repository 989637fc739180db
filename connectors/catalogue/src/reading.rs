//! Reading the topic: what a record means, how far a reader is, and everything that is there now.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::Instant;

use order_codec::{BadRecord, DecodeError, RegistryError};
use order_log::{Log, LogError, LogReader, Polled, ReadLimits, Record, RecordBatch};
use order_model::{Sku, SkuError};

use crate::codec::ProductCodec;
use crate::limits::{POLL_WAIT, READ_BYTES_MAX, READ_RECORDS_MAX, READ_SILENCE_MAX, SKIPPED_KEPT_MAX};
use crate::product::Product;
use crate::shelf::{Shelf, ShelfError};

const LIMITS: ReadLimits = ReadLimits { records_max: READ_RECORDS_MAX, bytes_max: READ_BYTES_MAX };

/// What a record of the topic says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// The product is this from now on.
    Put(Box<Product>),
    /// The product is taken out.
    Remove(Sku),
}

/// Why a record was passed over. What its key named stays as it was.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum SkipReason {
    /// It has no key.
    #[error("the record has no key; the key is the SKU")]
    NoKey,
    /// Its key is no SKU.
    #[error("the key is no SKU: {0}")]
    KeyIsNoSku(SkuError),
    /// Its value is of another product.
    #[error("the key says another SKU than the value, which is {0}")]
    KeyDiffers(Sku),
    /// Its value is no product.
    #[error("the value is no product: {0}")]
    Bad(BadRecord),
    /// It does not fit into the catalogue.
    #[error("the product does not fit in: {0}")]
    DoesNotFit(String),
}

/// A record that was passed over.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Skipped {
    /// Its partition.
    pub partition: u32,
    /// Its offset.
    pub offset: u64,
    /// Why.
    pub reason: SkipReason,
}

/// The records that were passed over: all counted, the latest [`SKIPPED_KEPT_MAX`] kept.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct SkippedRecords {
    /// How many.
    pub count: u64,
    /// The latest.
    pub latest: VecDeque<Skipped>,
}

impl SkippedRecords {
    fn add(&mut self, topic: &str, skipped: Skipped) {
        let Skipped { partition, offset, reason } = &skipped;
        tracing::warn!(topic, partition, offset, %reason, "a record of the catalogue was skipped");
        self.count += 1;
        if self.latest.len() >= SKIPPED_KEPT_MAX {
            self.latest.pop_front();
        }
        self.latest.push_back(skipped);
    }
}

/// Why the topic could not be read on.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The registry did not say what a record's schema is.
    #[error("{topic}, partition {partition}, offset {offset}: {error}")]
    Registry {
        /// The topic.
        topic: String,
        /// The record's partition.
        partition: u32,
        /// The record's offset.
        offset: u64,
        /// What the registry said.
        error: RegistryError,
    },
    /// The shelf failed.
    #[error(transparent)]
    Shelf(#[from] ShelfError),
}

/// Where the catalogue lies.
#[derive(Clone)]
pub struct CatalogueTopic {
    /// The log.
    pub log: Arc<dyn Log>,
    /// The topic.
    pub name: order_log::TopicName,
    /// Reads its values.
    pub codec: ProductCodec,
}

impl ProductCodec {
    /// What a record of the topic says. Asks the registry about foreign schemas, and may thereby block.
    pub fn change_from(&self, record: &Record<'_>) -> Result<Result<Change, SkipReason>, RegistryError> {
        let Some(key) = record.key else { return Ok(Err(SkipReason::NoKey)) };
        let sku = match Sku::from_bytes(key) {
            Ok(sku) => sku,
            Err(error) => return Ok(Err(SkipReason::KeyIsNoSku(error))),
        };
        let Some(value) = record.value else { return Ok(Ok(Change::Remove(sku))) };
        match self.product_from(value) {
            Ok(product) if product.sku == sku => Ok(Ok(Change::Put(Box::new(product)))),
            Ok(product) => Ok(Err(SkipReason::KeyDiffers(product.sku))),
            Err(DecodeError::Bad(bad)) => Ok(Err(SkipReason::Bad(bad))),
            Err(DecodeError::Registry(error)) => Err(error),
        }
    }
}

impl CatalogueTopic {
    /// A reader of everything, from the beginning.
    pub(crate) fn read(&self) -> Result<Reading<'_>, LogError> {
        let mut reader = self.log.reader(&self.name, LIMITS)?;
        let mut ends = BTreeMap::new();
        for partition in 0..self.log.partitions(&self.name)? {
            let bounds = self.log.bounds(&self.name, partition)?;
            reader.start(partition, bounds.start)?;
            if bounds.start < bounds.end {
                ends.insert(partition, bounds.end);
            }
        }
        Ok(Reading { topic: self, reader, ends })
    }

    /// Everything there is now, and what was passed over.
    pub fn load(&self, mut shelf: Shelf) -> Result<(Shelf, SkippedRecords), ReadError> {
        let mut skipped = SkippedRecords::default();
        let mut reading = self.read()?;
        let mut heard = Instant::now();
        while !reading.is_at_end() {
            if reading.step(&mut shelf, &mut skipped)? {
                heard = Instant::now();
            } else if heard.elapsed() > READ_SILENCE_MAX {
                let detail = format!("{} did not come up to its end", self.name);
                return Err(LogError::Unreachable { log: self.log.describe(), detail }.into());
            }
        }
        Ok((shelf, skipped))
    }
}

/// A reader of the topic.
pub(crate) struct Reading<'t> {
    topic: &'t CatalogueTopic,
    reader: Box<dyn LogReader>,
    /// The end that each partition had when the reading began, until it is reached.
    ends: BTreeMap<u32, u64>,
}

impl Reading<'_> {
    /// Whether everything is read that was there when the reading began.
    pub(crate) fn is_at_end(&self) -> bool {
        self.ends.is_empty()
    }

    /// Reads what comes within [`POLL_WAIT`] into the shelf. Says whether anything came.
    pub(crate) fn step(
        &mut self,
        shelf: &mut Shelf,
        skipped: &mut SkippedRecords,
    ) -> Result<bool, ReadError> {
        let (partition, next_offset) = match self.reader.poll(POLL_WAIT)? {
            Some(Polled::Batch(batch)) => {
                self.take(&batch, shelf, skipped)?;
                (batch.partition(), batch.next_offset())
            }
            Some(Polled::Passed { partition, next_offset }) => (partition, next_offset),
            // A reader outside a group is assigned nothing.
            Some(Polled::Assigned(_) | Polled::Revoked(_) | Polled::Lost(_)) | None => return Ok(false),
        };
        if self.ends.get(&partition).is_some_and(|end| next_offset >= *end) {
            self.ends.remove(&partition);
        }
        Ok(true)
    }

    fn take(
        &self,
        batch: &RecordBatch,
        shelf: &mut Shelf,
        skipped: &mut SkippedRecords,
    ) -> Result<(), ReadError> {
        let topic = &self.topic.name;
        let partition = batch.partition();
        for record in batch.iter() {
            let offset = record.offset;
            let registry = |error| ReadError::Registry { topic: topic.to_string(), partition, offset, error };
            let change = self.topic.codec.change_from(&record).map_err(registry)?;
            let taken = match change {
                Ok(Change::Put(product)) => put(shelf, *product)?,
                Ok(Change::Remove(sku)) => {
                    shelf.remove(&sku);
                    Ok(())
                }
                Err(reason) => Err(reason),
            };
            if let Err(reason) = taken {
                skipped.add(topic, Skipped { partition, offset, reason });
            }
        }
        Ok(())
    }
}

fn put(shelf: &mut Shelf, product: Product) -> Result<Result<(), SkipReason>, ShelfError> {
    match shelf.put(product) {
        Ok(_) => Ok(Ok(())),
        Err(error @ ShelfError::Index(_)) => Err(error),
        Err(refused) => Ok(Err(SkipReason::DoesNotFit(refused.to_string()))),
    }
}
