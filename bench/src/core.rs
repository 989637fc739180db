//! The figures of the core alone, on one thread: how many orders a second, and what a remembered order weighs.

use std::time::{Duration, Instant};

use order_core::Certificate;

use crate::workload::{BATCH_RECORDS, Setting, Shoppers, Tally, Wrong};

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoreOptions {
    /// How many SKUs.
    pub listings: u32,
    /// How many orders are held all the while.
    pub live_orders: u64,
    /// How many orders to place under the clock, after the first `live_orders`.
    pub orders: u64,
    /// Chooses the orders.
    pub seed: u64,
}

impl Default for CoreOptions {
    /// What the goals are stated for: 1,000 SKUs and 1,000,000 live orders.
    fn default() -> Self {
        Self { listings: 1_000, live_orders: 1_000_000, orders: 5_000_000, seed: 1 }
    }
}

/// What was measured. In every one of `orders` an order is placed and held under a limit per customer, and, once the
/// first holds fall due, another order expires and a third is forgotten.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CoreFigures {
    /// How many SKUs.
    pub listings: u32,
    /// How many orders were held all the while.
    pub live_orders: u64,
    /// How many orders were placed under the clock.
    pub orders: u64,
    /// What became of all orders.
    pub tally: Tally,
    /// Time spent in the ledger.
    pub elapsed: Duration,
    /// Orders placed per second of that time.
    pub orders_per_second: f64,
    /// What the process grew by while the first `live_orders` were placed, per order, its index, its hold and its
    /// customer's allowance; `None` where the system does not tell.
    pub bytes_per_order: Option<f64>,
    /// The ledger's certificate at the end: the same for the same options.
    pub certificate: Certificate,
}

/// Measures.
pub fn run(options: CoreOptions) -> Result<CoreFigures, Wrong> {
    let CoreOptions { listings, live_orders, orders, seed } = options;
    // Stock for whatever chance puts on one listing: nothing is to be refused here.
    let stock = u32::try_from(live_orders.saturating_mul(2)).unwrap_or(u32::MAX).clamp(1_000, 1_000_000_000);
    let mut shoppers = Shoppers::new(Setting { listings, stock, live_orders, seed });
    shoppers.prepare_new();
    shoppers.apply();
    shoppers.check()?;
    let (bytes_before, orders_before) = (resident_bytes(), shoppers.ledger().remembered_orders());
    shoppers.fill()?;
    let filled = shoppers.ledger().remembered_orders() - orders_before;
    let bytes_per_order = match (bytes_before, resident_bytes()) {
        (Some(before), Some(after)) if filled > 0 => Some(ratio(after.saturating_sub(before), filled)),
        _ => None,
    };
    let mut elapsed = Duration::ZERO;
    let mut placed = 0;
    while placed < orders {
        shoppers.prepare_new();
        let start = Instant::now();
        shoppers.apply();
        elapsed += start.elapsed();
        shoppers.check()?;
        placed += u64::try_from(BATCH_RECORDS).unwrap_or_default();
    }
    let seconds = elapsed.as_secs_f64().max(f64::MIN_POSITIVE);
    Ok(CoreFigures {
        listings,
        live_orders,
        orders: placed,
        tally: shoppers.tally(),
        elapsed,
        orders_per_second: ratio(placed, 1_u32) / seconds,
        bytes_per_order,
        certificate: shoppers.ledger().certificate(),
    })
}

/// Figures are far below 2^53, where every whole number is a float.
#[expect(clippy::as_conversions, reason = "there is no other way from a whole number to a float")]
fn ratio(numerator: u64, denominator: impl TryInto<u64>) -> f64 {
    numerator as f64 / denominator.try_into().unwrap_or(1) as f64
}

/// Memory of this process that is really there, as Linux tells it.
fn resident_bytes() -> Option<u64> {
    let status = std::fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    Some(kibibytes * 1_024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_run_holds_and_expires_and_repeats_itself() {
        let options = CoreOptions { listings: 10, live_orders: 2_000, orders: 10_000, seed: 7 };
        let [first, second] = [run(options).unwrap(), run(options).unwrap()];
        assert_eq!(first.certificate, second.certificate);
        assert_eq!(first.tally.held, 12_288);
        assert_eq!(first.tally.sold_out, 0);
        assert!(first.tally.expired >= 9_000, "{:?}", first.tally);
    }
}
