//! What is sold: listings, their settings and stock.

use order_model::{Currency, ListingSettings, Partition, PriceStep, Sku, TimeMs, limits, partition_of};

/// A listing of a sale.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ListingSpec {
    /// Its SKU.
    pub sku: Sku,
    /// Its settings.
    pub settings: ListingSettings,
    /// Units it opens with.
    pub stock: i64,
}

/// A sale: what is sold, to how many, on how many partitions.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SaleSpec {
    /// Partitions of `orders`.
    pub partitions: u32,
    /// How many different customers there are.
    pub customers: u64,
    /// What is sold, the most wanted first.
    pub listings: Vec<ListingSpec>,
}

/// How long a demo hold lasts, in milliseconds: short, so that some are seen to expire.
const DEMO_HOLD_MS: u64 = 1_500;
/// How long a demo order is remembered after its end, in milliseconds.
const DEMO_RETENTION_MS: u64 = 3_600_000;
/// The listing of the demo that does not open, in 2100: whoever asks for it is refused.
const DEMO_FAR_FUTURE: TimeMs = TimeMs(4_102_444_800_000);

/// The demo's wares: name, price in cents, share of the shoppers in per mille it has units for, limit per customer,
/// waitlist in per mille of the shoppers.
const DEMO: [(&str, i64, u64, u32, u64); 21] = [
    ("console-x", 49_900, 60, 1, 80),
    ("headphones-black", 19_900, 40, 2, 20),
    ("headphones-white", 19_900, 30, 2, 20),
    ("sneaker-41", 12_900, 20, 1, 10),
    ("sneaker-42", 12_900, 25, 1, 10),
    ("sneaker-43", 12_900, 25, 1, 10),
    ("sneaker-44", 12_900, 15, 1, 0),
    ("camera-kit", 89_900, 8, 1, 5),
    ("tablet-11", 34_900, 12, 2, 5),
    ("keyboard", 7_900, 30, 3, 0),
    ("mouse", 3_900, 40, 0, 0),
    ("monitor-27", 22_900, 10, 2, 4),
    ("backpack", 5_900, 30, 0, 0),
    ("watch-silver", 27_900, 10, 1, 6),
    ("watch-gold", 31_900, 6, 1, 6),
    ("speaker", 9_900, 30, 4, 0),
    ("coffee-grinder", 14_900, 14, 2, 3),
    ("drone", 64_900, 6, 1, 8),
    ("poster-signed", 2_500, 5, 1, 20),
    ("gift-card", 5_000, 500, 10, 0),
    ("early-bird-2100", 100, 100, 1, 0),
];

impl SaleSpec {
    /// The demo's sale, sized so that `shoppers` orders sell it out.
    pub fn demo(shoppers: u64, partitions: u32) -> Self {
        let listings = DEMO.iter().filter_map(|ware| demo_listing(ware, shoppers)).collect();
        Self { partitions: partitions.clamp(1, limits::PARTITIONS_MAX), customers: shoppers.max(1), listings }
    }

    /// A sale of many listings with ample stock and none of the extras, for benchmarks.
    pub fn plain(listings: u32, stock: i64, customers: u64, partitions: u32) -> Self {
        let listing = |number: u32| {
            let sku = format!("sku-{number:06}").parse().ok()?;
            Some(ListingSpec { sku, settings: plain_settings(1_000 + i64::from(number % 1_000)), stock })
        };
        let listings = (0..listings).filter_map(listing).collect();
        Self {
            partitions: partitions.clamp(1, limits::PARTITIONS_MAX),
            customers: customers.max(1),
            listings,
        }
    }

    /// The partition a SKU belongs to in this sale.
    pub fn partition_of(&self, sku: &Sku) -> Partition {
        partition_of(sku, self.partitions)
    }
}

fn demo_listing(ware: &(&str, i64, u64, u32, u64), shoppers: u64) -> Option<ListingSpec> {
    let &(name, price, stock_per_mille, limit, waitlist_per_mille) = ware;
    let share = |per_mille: u64| shoppers.saturating_mul(per_mille) / 1_000;
    let stock = share(stock_per_mille).clamp(5, u64::from(limits::LISTING_STOCK_MAX));
    let waitlist = share(waitlist_per_mille).min(u64::from(limits::WAITLIST_MAX));
    let mut settings = plain_settings(price);
    settings.limit_per_customer = limit;
    settings.hold_ms = DEMO_HOLD_MS;
    settings.extensions_max = 1;
    settings.waitlist_max = u32::try_from(waitlist).unwrap_or(0).max(u32::from(waitlist_per_mille > 0));
    if name.ends_with("2100") {
        settings.opens_at = DEMO_FAR_FUTURE;
    }
    // The first tenth is cheapest, the second half dearest: an early bird price and a late one.
    let units = |part: u64| u32::try_from(stock / part).unwrap_or(u32::MAX);
    let step = |from_units: u32, percent: i64| PriceStep {
        from_time: TimeMs(0),
        from_units,
        unit_price: price * percent / 100,
    };
    settings.prices = vec![step(0, 80), step(units(10), 100), step(units(2), 110)];
    Some(ListingSpec { sku: name.parse().ok()?, settings, stock: i64::try_from(stock).ok()? })
}

fn plain_settings(unit_price: i64) -> ListingSettings {
    ListingSettings {
        sale: "demo".to_owned(),
        currency: Currency::EUR,
        opens_at: TimeMs(0),
        closes_at: TimeMs(0),
        limit_per_customer: 0,
        hold_ms: 600_000,
        extensions_max: 0,
        waitlist_max: 0,
        retention_ms: DEMO_RETENTION_MS,
        tax_bp: 1_900,
        prices: vec![PriceStep { from_time: TimeMs(0), from_units: 0, unit_price }],
        draw: None,
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn the_demo_lives_in_every_partition() {
        let sale = SaleSpec::demo(10_000, 4);
        assert_eq!(sale.listings.len(), DEMO.len());
        let partitions: BTreeSet<u32> = sale.listings.iter().map(|l| sale.partition_of(&l.sku).0).collect();
        assert_eq!(partitions.len(), 4);
        assert!(SaleSpec::demo(0, 0).listings.iter().all(|listing| listing.stock > 0));
    }
}
