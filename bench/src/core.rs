//! The figures of the core alone, on one thread: how many orders a second, and what a remembered order weighs.

use std::time::{Duration, Instant};

use order_core::Certificate;

use crate::workload::{BATCH_RECORDS, Setting, Shoppers, Tally, Wrong};

/// A rate is the median over so many stretches of the run, so that what else the machine does in one counts little.
const STRETCHES: u64 = 20;

/// What to measure.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CoreOptions {
    /// How many SKUs.
    pub listings: u32,
    /// How many orders are held before the clock starts.
    pub live_orders: u64,
    /// How many orders to place under the clock, for each of the two rates.
    pub orders: u64,
    /// Chooses the orders.
    pub seed: u64,
}

impl Default for CoreOptions {
    /// What the goals are stated for: 1,000 SKUs and 1,000,000 live orders.
    fn default() -> Self {
        Self { listings: 1_000, live_orders: 1_000_000, orders: 2_000_000, seed: 1 }
    }
}

/// What was measured.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct CoreFigures {
    /// How many SKUs.
    pub listings: u32,
    /// How many orders were held before the clock started.
    pub live_orders: u64,
    /// How many orders were placed under the clock, for each of the two rates.
    pub orders: u64,
    /// Orders decided per second: each is checked, held under a limit per customer and remembered; none falls due.
    pub orders_per_second: f64,
    /// Orders per second when, for each that is decided, the hold of another expires and a third is forgotten.
    pub lifecycles_per_second: f64,
    /// What the process grew by while `live_orders` were placed, per order: itself, its index, its hold and its
    /// customer's allowance; `None` where the system does not tell.
    pub bytes_per_order: Option<f64>,
    /// What became of the orders while they only were placed.
    pub placed: Tally,
    /// What became of the orders that expired.
    pub expired: Tally,
    /// The certificates at the end of both: the same for the same options.
    pub certificates: [Certificate; 2],
}

/// Measures.
pub fn run(options: CoreOptions) -> Result<CoreFigures, Wrong> {
    let CoreOptions { listings, live_orders, orders, seed } = options;
    let all = live_orders.saturating_add(orders);
    // Stock for whatever chance puts on one listing: nothing is to be refused here.
    let stock = u32::try_from(all).unwrap_or(u32::MAX).clamp(1_000, 1_000_000_000);
    let setting = Setting { listings, stock, live_orders: all.saturating_mul(2), seed };
    let mut shoppers = Shoppers::new(setting);
    let bytes_per_order = weigh(&mut shoppers, live_orders)?;
    let orders_per_second = time(&mut shoppers, orders)?;
    let (placed, certificate) = (shoppers.tally(), shoppers.ledger().certificate());
    drop(shoppers);
    let mut shoppers = Shoppers::new(Setting { live_orders, ..setting });
    // The first holds expire, and the first of those orders are forgotten, before the clock starts.
    shoppers.fill(live_orders.saturating_add(live_orders / 4))?;
    let lifecycles_per_second = time(&mut shoppers, orders)?;
    let (expired, other) = (shoppers.tally(), shoppers.ledger().certificate());
    Ok(CoreFigures {
        listings,
        live_orders,
        orders,
        orders_per_second,
        lifecycles_per_second,
        bytes_per_order,
        placed,
        expired,
        certificates: [certificate, other],
    })
}

/// Places the first `live_orders`; what each weighs.
fn weigh(shoppers: &mut Shoppers, live_orders: u64) -> Result<Option<f64>, Wrong> {
    // The first batch makes the buffers, which weigh nothing per order.
    shoppers.fill(1)?;
    let (bytes, orders) = (resident_bytes(), shoppers.ledger().remembered_orders());
    shoppers.fill(live_orders)?;
    let orders = u64::try_from(shoppers.ledger().remembered_orders() - orders).unwrap_or_default();
    let grown = resident_bytes().zip(bytes).map(|(after, before)| after.saturating_sub(before));
    Ok(grown.filter(|_| orders > 0).map(|grown| float(grown) / float(orders)))
}

/// Places `orders` under the clock; the median rate of its stretches, in orders per second.
fn time(shoppers: &mut Shoppers, orders: u64) -> Result<f64, Wrong> {
    let batch = u64::try_from(BATCH_RECORDS).unwrap_or(1);
    let batches = orders.div_ceil(batch * STRETCHES).max(1);
    let mut rates = Vec::new();
    for _ in 0..STRETCHES {
        let mut elapsed = Duration::ZERO;
        for _ in 0..batches {
            shoppers.prepare_new();
            let start = Instant::now();
            shoppers.apply();
            elapsed += start.elapsed();
            shoppers.check()?;
        }
        rates.push(float(batches * batch) / elapsed.as_secs_f64().max(f64::MIN_POSITIVE));
    }
    rates.sort_unstable_by(f64::total_cmp);
    Ok(rates.get(rates.len() / 2).copied().unwrap_or_default())
}

/// Figures are far below 2^53, up to where every whole number is a float.
#[expect(clippy::as_conversions, reason = "there is no other way from a whole number to a float")]
fn float(number: u64) -> f64 {
    number as f64
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
        // More orders than are placed in the second an ended order is remembered, so that some are forgotten.
        let options = CoreOptions { listings: 10, live_orders: 2_000, orders: 80_000, seed: 7 };
        let [first, second] = [run(options).unwrap(), run(options).unwrap()];
        assert_eq!(first.certificates, second.certificates);
        assert_eq!((first.placed.sold_out, first.placed.expired), (0, 0));
        assert!(first.placed.held >= 82_000, "{:?}", first.placed);
        assert!(first.expired.expired >= 80_000, "{:?}", first.expired);
    }

    #[test]
    fn what_is_not_there_is_refused_and_what_came_before_is_known() {
        let setting = Setting { listings: 2, stock: 100, live_orders: 100_000, seed: 1 };
        let mut shoppers = Shoppers::new(setting);
        shoppers.fill(1_000).unwrap();
        let tally = shoppers.tally();
        assert_eq!((tally.held, tally.sold_out), (200, 824));
        shoppers.prepare_repeats();
        shoppers.apply();
        shoppers.check().unwrap();
        assert_eq!(shoppers.tally(), Tally { repeated: 256, ..tally });
    }
}
