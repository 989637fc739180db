//! What applying a sale file would do, given the listings there are.

use order_model::{ListingSettings, Sku, TimeMs};

use super::{Sale, SaleListing};
use crate::listings::{Listing, Listings};

/// What is to be done with one listing.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Action {
    /// It does not exist: open it with its stock.
    Open(Box<ListingSettings>),
    /// It has other settings.
    Change(Box<ListingSettings>),
    /// It is as the file says.
    Unchanged,
}

impl Action {
    /// One word for the plan.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open(_) => "open",
            Self::Change(_) => "change",
            Self::Unchanged => "unchanged",
        }
    }
}

/// A line of the plan.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PlannedListing {
    /// The listing.
    pub sku: Sku,
    /// What is to be done.
    pub action: Action,
    /// Units it opens with.
    pub stock: u32,
    /// Whether it is drawn: to open it, it needs a seed.
    pub is_drawn: bool,
    /// What the file cannot change, and the user should know.
    pub note: Option<String>,
}

/// Why the file cannot be applied.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlanError {
    /// The SKU belongs to another sale.
    #[error("listing {sku} belongs to the sale \"{sale}\", and a listing cannot move to another sale")]
    OtherSale {
        /// The listing.
        sku: Sku,
        /// Its sale.
        sale: String,
    },
    /// The currency differs.
    #[error("listing {sku} is sold in {currency}, and a listing cannot change its currency")]
    OtherCurrency {
        /// The listing.
        sku: Sku,
        /// Its currency.
        currency: order_model::Currency,
    },
    /// The times contradict each other, now that they are known.
    #[error("listing {sku} would close before it opens")]
    ClosesFirst {
        /// The listing.
        sku: Sku,
    },
    /// Whether it is drawn differs.
    #[error("listing {sku} was opened {}, which cannot change; list the goods under another SKU", how(*.is_drawn))]
    OtherDraw {
        /// The listing.
        sku: Sku,
        /// Whether it is drawn.
        is_drawn: bool,
    },
    /// The listing was closed and has to change.
    #[error("listing {sku} is closed for good and cannot be changed; list the goods under another SKU")]
    Closed {
        /// The listing.
        sku: Sku,
    },
}

fn how(is_drawn: bool) -> &'static str {
    if is_drawn { "to be drawn" } else { "without a draw" }
}

/// Compares the file with the listings there are.
pub fn plan(sale: &Sale, current: &Listings, now: TimeMs) -> Result<Vec<PlannedListing>, PlanError> {
    sale.listings.iter().map(|listing| plan_listing(sale, listing, current.get(&listing.sku), now)).collect()
}

fn plan_listing(
    sale: &Sale,
    listing: &SaleListing,
    current: Option<&Listing>,
    now: TimeMs,
) -> Result<PlannedListing, PlanError> {
    let sku = listing.sku;
    let settings = sale.settings(listing, now, current.map(|current| &current.settings));
    if settings.closes_at != TimeMs(0) && settings.closes_at <= settings.opens_at {
        return Err(PlanError::ClosesFirst { sku });
    }
    let is_drawn = listing.terms.draw;
    let Some(current) = current else {
        let action = Action::Open(Box::new(settings));
        return Ok(PlannedListing { sku, action, stock: listing.stock, is_drawn, note: None });
    };
    if current.settings.sale != sale.name {
        return Err(PlanError::OtherSale { sku, sale: current.settings.sale.clone() });
    }
    if current.settings.currency != sale.currency {
        return Err(PlanError::OtherCurrency { sku, currency: current.settings.currency });
    }
    if current.settings.draw.is_some() != is_drawn {
        return Err(PlanError::OtherDraw { sku, is_drawn: !is_drawn });
    }
    let action =
        if settings == current.settings { Action::Unchanged } else { Action::Change(Box::new(settings)) };
    if current.closed && action != Action::Unchanged {
        return Err(PlanError::Closed { sku });
    }
    let units = current.units();
    let note = (units != u64::from(listing.stock)).then(|| {
        format!(
            "it has {units} units, the file says {}; stock changes by `pipeline listing restock`",
            listing.stock
        )
    });
    Ok(PlannedListing { sku, action, stock: listing.stock, is_drawn, note })
}
