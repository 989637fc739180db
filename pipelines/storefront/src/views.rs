//! What pages show. Texts are as people read them, links as a browser follows them.

use order_model::{Currency, MinorUnits, show_amount};
use serde::Serialize;

/// A price as it is read: `129.90 EUR`.
pub fn price_text(amount: MinorUnits, currency: Currency) -> String {
    format!("{} {currency}", show_amount(amount, currency))
}

/// A time to wait as it is read, from milliseconds: `90 seconds`, `15 minutes`.
pub fn span_text(ms: u64) -> String {
    let (count, unit) = match ms.div_ceil(1_000) {
        seconds if seconds < 120 => (seconds, "second"),
        seconds if seconds < 7_200 => (seconds / 60, "minute"),
        seconds if seconds < 172_800 => (seconds / 3_600, "hour"),
        seconds => (seconds / 86_400, "day"),
    };
    format!("{count} {unit}{}", if count == 1 { "" } else { "s" })
}

/// A picture.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Picture {
    /// Where it is.
    pub link: String,
    /// What is to be seen on it.
    pub alt: String,
}

/// A listing's stock, in units; orders that wait.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Stock {
    /// Nobody's.
    pub free: u64,
    /// Set aside.
    pub held: u64,
    /// Paid for.
    pub sold: u64,
    /// Orders, not units.
    pub waiting: u64,
}

/// What is asked for a product, and how much there is.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Offer {
    /// The sale's name.
    pub sale: String,
    /// `not_open`, `open`, `paused` or `closed`.
    pub state: &'static str,
    /// As [`price_text`] gives it.
    pub price: String,
    /// The stock.
    pub stock: Stock,
    /// Most units for one customer; zero: no limit.
    pub limit: u32,
    /// Most units of one order.
    pub most: u32,
    /// How long it is set aside, as [`span_text`] gives it.
    pub hold: String,
    /// Whether the sale has a waiting room.
    pub has_room: bool,
}

/// A product in a list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Card {
    /// The SKU.
    pub sku: String,
    /// The title.
    pub title: String,
    /// The brand.
    pub brand: Option<String>,
    /// The first picture.
    pub picture: Option<Picture>,
    /// None while it is not listed.
    pub offer: Option<Offer>,
}

/// A sale, on the first page.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Sale {
    /// Its name.
    pub name: String,
    /// As of its listings: `open` if one is.
    pub state: &'static str,
    /// When it opens, in RFC 3339.
    pub opens_at: Option<String>,
    /// Whether it has a waiting room.
    pub has_room: bool,
}

/// One way to choose fewer products.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Filter {
    /// What is chosen by.
    pub name: String,
    /// The choices.
    pub values: Vec<FilterValue>,
}

/// A choice.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FilterValue {
    /// What it is called.
    pub name: String,
    /// How many products it leaves.
    pub products: u32,
    /// The page with it chosen, or without where it is.
    pub link: String,
    /// Whether it is chosen.
    pub is_chosen: bool,
}

/// The first page, and every list of products.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Home {
    /// What was searched for; empty: nothing.
    pub query: String,
    /// Whether filters are chosen.
    pub chosen: bool,
    /// Sales there are.
    pub sales: Vec<Sale>,
    /// Ways to choose.
    pub filters: Vec<Filter>,
    /// The products of this page.
    pub cards: Vec<Card>,
    /// How many there are on all pages.
    pub total: usize,
    /// This page, from 1.
    pub page: usize,
    /// How many pages there are.
    pub pages: usize,
    /// The page before.
    pub previous: Option<String>,
    /// The page after.
    pub next: Option<String>,
}

/// A property of a product.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Attribute {
    /// Which.
    pub name: String,
    /// What it is.
    pub value: String,
}

/// A product's page.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct Item {
    /// The SKU.
    pub sku: String,
    /// The title.
    pub title: String,
    /// The paragraphs of the description.
    pub description: Vec<String>,
    /// The brand.
    pub brand: Option<String>,
    /// The category, the widest first.
    pub trail: Vec<String>,
    /// Properties.
    pub attributes: Vec<Attribute>,
    /// Pictures.
    pub pictures: Vec<Picture>,
    /// None while it is not listed.
    pub offer: Option<Offer>,
}

/// The figures of a sale as the wall begins with them.
#[derive(Clone, PartialEq, Eq, Debug, Default, Serialize)]
pub struct Figures {
    /// Orders decided.
    pub decided: u64,
    /// Orders decided in the last second.
    pub decided_per_second: u64,
    /// The stock of all listings.
    pub stock: Stock,
    /// The first listings.
    pub items: Vec<FigureItem>,
}

/// A listing on the wall.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct FigureItem {
    /// The SKU.
    pub sku: String,
    /// What people call it.
    pub title: String,
    /// Its stock.
    pub stock: Stock,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn spans_and_prices_read_well() {
        for (ms, text) in [
            (0, "0 seconds"),
            (1, "1 second"),
            (1_500, "2 seconds"),
            (90_000, "90 seconds"),
            (900_000, "15 minutes"),
            (7_200_000, "2 hours"),
            (604_800_000, "7 days"),
        ] {
            assert_eq!(span_text(ms), text);
        }
        assert_eq!(price_text(12_990, Currency::EUR), "129.90 EUR");
    }
}
