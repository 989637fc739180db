//! A hot sale into DynamoDB, by the sink's whole way: decisions folded into items, hot stock once an interval, conditional
//! statements in batches, progress last.

use serde::Serialize;
use sink_dynamodb::limits::loop_limits;
use sink_dynamodb::{Measured, Options, measure};
use tables::Local;

use crate::SinkBenchError;
use crate::error::check;
use crate::hot_sale::{Paid, flushes};
use crate::limits::{DECISIONS_MIN, SALE_DECISIONS_MAX};
use crate::mark::{number, per_second};

/// What to sell.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DynamoDbOptions {
    /// Decisions of each of the two sales, about: whole flushes.
    pub decisions: u64,
    /// Ledgers, one hot SKU each.
    pub partitions: u32,
}

impl Default for DynamoDbOptions {
    fn default() -> Self {
        Self { decisions: 200_000, partitions: 4 }
    }
}

/// What was measured.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct DynamoDbFigures {
    /// Every order is paid in the flush that holds it.
    pub paid_at_once: SaleFigures,
    /// Every order is paid a flush later, so that it is written twice.
    pub paid_later: SaleFigures,
    /// How it was measured.
    pub settings: String,
}

/// Figures of one sale.
#[derive(Clone, Copy, PartialEq, Debug, Serialize)]
pub struct SaleFigures {
    /// Decisions written.
    pub decisions: u64,
    /// Orders in the tables.
    pub orders: u64,
    /// Items in the tables, each compared with what the decisions make.
    pub items: u64,
    /// Decisions a second.
    pub decisions_per_second: f64,
    /// Requests for 1,000 orders.
    pub requests_per_1000_orders: f64,
    /// Items written for 1,000 orders.
    pub writes_per_1000_orders: f64,
    /// Write units that AWS would charge for 1,000 orders.
    pub write_units_per_1000_orders: f64,
}

/// Sells twice, into fresh tables of a DynamoDB in this process.
///
/// `said` hears how many decisions are written.
pub async fn run(
    options: DynamoDbOptions,
    mut said: impl FnMut(u64),
) -> Result<DynamoDbFigures, SinkBenchError> {
    let DynamoDbOptions { decisions, partitions } = options;
    check("the number of decisions", DECISIONS_MIN, SALE_DECISIONS_MAX, decisions)?;
    // A loop that is behind fills its flushes.
    let flush = u64::try_from(loop_limits().flush_rows_target).unwrap_or(u64::MAX).min(decisions);
    let orders = (flush / 2 / u64::from(partitions).max(1)).max(1);
    let sale = async |paid: Paid| {
        let flushes = flushes(partitions, decisions / flush, orders, paid)?;
        let local = Local::start()?;
        let measured = measure(&Options::new(local.options()), &flushes).await?;
        Ok::<_, SinkBenchError>(SaleFigures::from(&measured))
    };
    let paid_at_once = sale(Paid::AtOnce).await?;
    said(paid_at_once.decisions);
    let paid_later = sale(Paid::Later).await?;
    said(paid_at_once.decisions + paid_later.decisions);
    let settings = format!(
        "dynoxide in this process, in memory, AWS's client over HTTP on loopback; {partitions} ledgers with one SKU each, \
         every order held and paid; flushes of {}; decoding and the sale's making are in no figure; the tables compared \
         with the decisions afterwards, item by item",
        orders * 2 * u64::from(partitions)
    );
    Ok(DynamoDbFigures { paid_at_once, paid_later, settings })
}

impl From<&Measured> for SaleFigures {
    fn from(measured: &Measured) -> Self {
        let orders = measured.orders.max(1);
        let per_1000 = |count: u64| number(count) * 1_000.0 / number(orders);
        Self {
            decisions: measured.decisions,
            orders: measured.orders,
            items: measured.items,
            decisions_per_second: per_second(measured.decisions, measured.time),
            requests_per_1000_orders: per_1000(measured.status.requests),
            writes_per_1000_orders: per_1000(measured.status.written),
            write_units_per_1000_orders: per_1000(measured.status.write_units),
        }
    }
}
