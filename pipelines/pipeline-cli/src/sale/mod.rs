//! A sale as a TOML file: a `[sale]` table whose settings hold for every listing, and a `[[listing]]` for each SKU, which
//! may say otherwise for itself.
//!
//! ```toml
//! [sale]
//! name = "friday-drop"
//! currency = "EUR"
//! opens = "now"              # or "2026-11-27T09:00:00Z", or "+10m" from when the file is applied
//! closes = "+2h"             # left out: never
//! hold = "90s"               # how long a hold lasts
//! limit_per_customer = 2     # 0 or left out: no limit
//! waitlist = 1000            # orders that may wait; 0 or left out: none
//! tax = "19%"                # included in the prices
//! draw = false               # true: orders are collected, and drawn by `pipeline listing draw`
//! room = false               # true: the sale has a waiting room, from when it opens to when it closes
//! room_window = "15m"        # how long before that people may enter, to be drawn; left out: no draw
//! room_people = 100000       # most people it takes; left out: a million
//!
//! [[listing]]
//! sku = "SNEAKER-42"
//! stock = 500
//! price = "129.90"
//!
//! [[listing]]
//! sku = "SOCKS"
//! stock = 2000
//! limit_per_customer = 10
//! prices = [{ price = "4.90" }, { price = "6.90", from_units = 1000 }, { price = "9.90", from = "+1h" }]
//! ```
//!
//! What [`parse_sale`] and [`plan`] let pass, no ledger refuses as contradictory.

mod parse;
mod plan;
#[cfg(test)]
mod tests;

use ingest_gateway::limits::{HOLD_MS_USUAL, RETENTION_MS_USUAL};
use order_model::{Currency, ListingSettings, MinorUnits, PriceStep, Sku, TimeMs};

pub use parse::parse_sale;
pub use plan::{Action, PlanError, PlannedListing, plan};

use waiting_room::{Opening, RoomPlan};

use crate::times::When;

/// A sale, as its file says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Sale {
    /// Its name.
    pub name: String,
    /// What it is sold in.
    pub currency: Currency,
    /// Its waiting room, if it is to have one.
    pub room: Option<SaleRoom>,
    /// Its listings, in file order.
    pub listings: Vec<SaleListing>,
}

/// The waiting room of a sale file.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SaleRoom {
    /// How long before it opens people may enter, to be drawn.
    pub window_ms: u64,
    /// From when on people are let in: when the sale opens.
    pub opens: When,
    /// When it closes: when the sale does.
    pub closes: When,
    /// Most people it takes.
    pub people_max: u32,
}

impl SaleRoom {
    /// What is wanted when the file is applied `now`. Times counted from then stay what they are when the room is open
    /// already: applying a file twice changes nothing.
    pub fn plan(&self, now: TimeMs, current: Option<&Opening>) -> RoomPlan {
        RoomPlan {
            window_ms: self.window_ms,
            opens_at: self.opens.kept(now, current.map(|opening| opening.opens_at)),
            closes_at: self.closes.kept(now, current.map(|opening| opening.closes_at)),
            people_max: self.people_max,
        }
    }
}

/// A listing of a sale file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SaleListing {
    /// What is sold.
    pub sku: Sku,
    /// Units it opens with.
    pub stock: u32,
    /// Prices.
    pub prices: Vec<SalePrice>,
    /// The rest.
    pub terms: Terms,
}

/// A step of a price list.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct SalePrice {
    /// Price of one unit, tax included.
    pub unit_price: MinorUnits,
    /// In force from this time.
    pub from: When,
    /// In force once this many units are held or sold.
    pub from_units: u32,
}

/// What a listing may say for itself or take from its sale.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Terms {
    /// Orders are refused before.
    pub opens: When,
    /// Orders are refused from then on.
    pub closes: When,
    /// How long a hold lasts.
    pub hold_ms: u64,
    /// How often a hold may be extended.
    pub extensions_max: u32,
    /// Most units for one customer; zero: no limit.
    pub limit_per_customer: u32,
    /// Most orders that may wait.
    pub waitlist_max: u32,
    /// How long an order is remembered after its end.
    pub retention_ms: u64,
    /// Tax included in prices, in basis points.
    pub tax_bp: u16,
    /// Whether orders are collected and drawn, and not served as they come.
    pub draw: bool,
}

impl Default for Terms {
    fn default() -> Self {
        Self {
            opens: When::At(TimeMs(0)),
            closes: When::At(TimeMs(0)),
            hold_ms: HOLD_MS_USUAL,
            extensions_max: 0,
            limit_per_customer: 0,
            waitlist_max: 0,
            retention_ms: RETENTION_MS_USUAL,
            tax_bp: 0,
            draw: false,
        }
    }
}

impl Sale {
    /// The settings of one of its listings, the draw as it is: whoever opens a drawn listing adds the commitment. Times counted from when the file is applied are counted from `now`, or stay
    /// what they are when the listing is open already: applying a file twice changes nothing.
    pub fn settings(
        &self,
        listing: &SaleListing,
        now: TimeMs,
        current: Option<&ListingSettings>,
    ) -> ListingSettings {
        let terms = &listing.terms;
        let prices = listing.prices.iter().enumerate().map(|(index, step)| PriceStep {
            from_time: step
                .from
                .kept(now, current.and_then(|c| c.prices.get(index)).map(|step| step.from_time)),
            from_units: step.from_units,
            unit_price: step.unit_price,
        });
        ListingSettings {
            sale: self.name.clone(),
            currency: self.currency,
            opens_at: terms.opens.kept(now, current.map(|current| current.opens_at)),
            closes_at: terms.closes.kept(now, current.map(|current| current.closes_at)),
            limit_per_customer: terms.limit_per_customer,
            hold_ms: terms.hold_ms,
            extensions_max: terms.extensions_max,
            waitlist_max: terms.waitlist_max,
            retention_ms: terms.retention_ms,
            tax_bp: terms.tax_bp,
            prices: prices.collect(),
            draw: current.and_then(|current| current.draw),
        }
    }
}
