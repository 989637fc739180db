//! What both benchmarks sell: many listings with ample stock, a limit on every tenth, holds that outlast the run.

use std::sync::Arc;
use std::time::{SystemTime, UNIX_EPOCH};

use order_codec::{Codec, FileSchemas, KeyRing, MAC_HEADER};
use order_log::limits::RECORD_BYTES_MAX;
use order_log::{AppendBatch, Headers, Log, LogError, TopicName, TopicSpec};
use order_model::{Command, Currency, CustomerId, Line, Lines, OrderId, Place, TimeMs};
use order_traffic::{SaleSpec, opening_commands};

use crate::BenchError;

/// Everything is a function of it.
pub(crate) const SEED: u64 = 1;
/// Different customers.
pub(crate) const CUSTOMERS: u64 = 1_000_000;
/// Units of each listing, more than any run orders.
const STOCK: i64 = 1_000_000_000;
/// Every so many listings one has a limit per customer.
const LIMITED_EVERY: usize = 10;
/// A limit nobody reaches, but that has to be counted.
const LIMIT_PER_CUSTOMER: u32 = 1_000_000;
/// No hold falls due during a run: a day, in milliseconds.
const HOLD_MS: u64 = 86_400_000;
/// The only key of the run.
const SECRET: [u8; 32] = [7; 32];
const RETENTION_MS: u64 = 86_400_000;

/// The sale, and how its commands are written.
#[derive(Clone)]
pub(crate) struct Sale {
    pub(crate) spec: SaleSpec,
    pub(crate) codec: Codec,
    pub(crate) ring: KeyRing,
}

impl Sale {
    pub(crate) fn new(listings: u32, partitions: u32) -> Result<Self, BenchError> {
        let mut spec = SaleSpec::plain(listings, STOCK, CUSTOMERS, partitions);
        for (index, listing) in spec.listings.iter_mut().enumerate() {
            listing.settings.hold_ms = HOLD_MS;
            if index % LIMITED_EVERY == 0 {
                listing.settings.limit_per_customer = LIMIT_PER_CUSTOMER;
            }
        }
        let codec = Codec::new(Arc::new(FileSchemas::new()?))?;
        Ok(Self { spec, codec, ring: KeyRing::generate_one(SECRET) })
    }

    /// The commands that open the listings, signed.
    pub(crate) fn openings(&self, topic: &TopicName) -> Result<AppendBatch, BenchError> {
        let mut batch = AppendBatch::new(Arc::clone(topic));
        let (mut value, mut headers) = (Vec::new(), Vec::new());
        for command in opening_commands(SEED, &self.spec) {
            let Some(sku) = command.home_sku() else { continue };
            value.clear();
            headers.clear();
            self.codec.command_to(&command, &mut value);
            let key = Some(sku.as_bytes());
            let mac = self.ring.sign(now(), key, &value);
            let mac = mac.ok_or_else(|| BenchError::Wrong("no key is valid now".to_owned()))?;
            Headers::encode(&mut headers, MAC_HEADER, &mac);
            batch.push(self.spec.partition_of(sku).0, key, Some(&value), Headers::from_encoded(&headers));
        }
        Ok(batch)
    }

    /// Adds an order.
    pub(crate) fn push(&self, batch: &mut AppendBatch, place: Place) {
        let Some(sku) = place.lines.iter().map(|line| line.sku).min() else { return };
        let partition = self.spec.partition_of(&sku).0;
        let command = Command::Place(place);
        batch.push_with(partition, Some(sku.as_bytes()), |bytes| self.codec.command_to(&command, bytes));
    }

    /// An order of one unit under this number; the listings are asked for in turn.
    pub(crate) fn numbered(&self, number: u32) -> Place {
        let index = usize::try_from(number).unwrap_or(0) % self.spec.listings.len().max(1);
        let lines = self.spec.listings.get(index).map(|listing| Line { sku: listing.sku, quantity: 1 });
        Place {
            order: OrderId::from(u128::from(number) + 1),
            customer: CustomerId::from(u128::from(u64::from(number) % CUSTOMERS) + 1),
            currency: Currency::EUR,
            partial: false,
            lines: Lines::from_iter(lines),
        }
    }
}

/// The number of an order made by [`Sale::numbered`].
pub(crate) fn number_of(order: OrderId) -> Option<u32> {
    u32::try_from(u128::from_be_bytes(order.0).checked_sub(1)?).ok()
}

/// The time of day.
pub(crate) fn now() -> TimeMs {
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    TimeMs(u64::try_from(since_1970.as_millis()).unwrap_or(u64::MAX))
}

/// Creates topics with the settings we rely on.
pub(crate) fn create_topics(log: &dyn Log, names: &[&str], partitions: u32) -> Result<(), LogError> {
    let spec = |name: &&str| TopicSpec {
        name: (*name).to_owned(),
        partitions,
        replication: 1,
        retention_ms: RETENTION_MS,
        is_compacted: false,
        record_bytes_max: RECORD_BYTES_MAX,
    };
    log.create_topics(&names.iter().map(spec).collect::<Vec<_>>()).map(drop)
}
