//! What people and programs are shown: plain values with the names they have in JSON. Amounts are whole minor units, times
//! RFC 3339.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use order_model::{DecidedLine, Line, OrderEventKind, RejectReason, Stock, TimeMs};
use serde::Serialize;
use utoipa::ToSchema;

use crate::board::{Listing, OrderNews, Remembered};
use crate::service::{Archived, Placed};

/// The last millisecond that can be told: no formatter knows a year after 9999.
pub(crate) const LAST_TIME_MS: u64 = 253_402_300_799_999;

/// A time as text; `None` where there is none.
pub fn time_text(time: TimeMs) -> Option<String> {
    let at = UNIX_EPOCH.checked_add(Duration::from_millis(time.0)).filter(|_| time.0 != 0);
    let last = UNIX_EPOCH.checked_add(Duration::from_millis(LAST_TIME_MS));
    at.filter(|at: &SystemTime| last.is_some_and(|last| *at <= last))
        .map(|at| humantime::format_rfc3339_millis(at).to_string())
}

/// A listing's stock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, Serialize, ToSchema)]
pub struct StockView {
    /// Units nobody has.
    pub free: u64,
    /// Units set aside.
    pub held: u64,
    /// Units paid for.
    pub sold: u64,
    /// Orders waiting.
    pub waiting: u64,
}

impl StockView {
    pub(crate) fn add(&mut self, other: Self) {
        self.free += other.free;
        self.held += other.held;
        self.sold += other.sold;
        self.waiting += other.waiting;
    }
}

impl From<Stock> for StockView {
    fn from(stock: Stock) -> Self {
        let [free, held, sold, waiting] = [stock.free, stock.held, stock.sold, stock.waiting].map(u64::from);
        Self { free, held, sold, waiting }
    }
}

/// A step of a price list.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct PriceView {
    /// Price of one unit, tax included, in minor units.
    pub unit_price: i64,
    /// In force from this time.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from_time: Option<String>,
    /// In force once this many units are held or sold.
    pub from_units: u32,
}

/// A listing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct ListingView {
    /// What is sold.
    pub sku: String,
    /// The sale it belongs to.
    pub sale: String,
    /// `not_open`, `open`, `paused` or `closed`.
    pub state: &'static str,
    /// Its stock.
    pub stock: StockView,
    /// What it is sold in.
    pub currency: String,
    /// Price of one unit now, tax included, in minor units.
    pub unit_price: i64,
    /// The whole price list.
    pub prices: Vec<PriceView>,
    /// When it opens.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub opens_at: Option<String>,
    /// When it closes.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub closes_at: Option<String>,
    /// Most units for one customer; zero: no limit.
    pub limit_per_customer: u32,
    /// How long a hold lasts, in milliseconds.
    pub hold_ms: u64,
    /// Most orders that may wait; zero: no waitlist.
    pub waitlist_max: u32,
    /// Whether orders are drawn, not served as they come.
    pub is_drawn: bool,
    /// The decision that left it so: ledger and number.
    pub read_at: String,
}

impl ListingView {
    /// A listing as it stands at a time.
    pub fn new(listing: &Listing, now: TimeMs) -> Self {
        let settings = &listing.settings;
        let prices = settings.prices.iter().map(|step| PriceView {
            unit_price: step.unit_price,
            from_time: time_text(step.from_time),
            from_units: step.from_units,
        });
        Self {
            sku: listing.sku.to_string(),
            sale: settings.sale.clone(),
            state: listing.state(now),
            stock: listing.stock.into(),
            currency: settings.currency.to_string(),
            unit_price: listing.price(now),
            prices: prices.collect(),
            opens_at: time_text(settings.opens_at),
            closes_at: time_text(settings.closes_at),
            limit_per_customer: settings.limit_per_customer,
            hold_ms: settings.hold_ms,
            waitlist_max: settings.waitlist_max,
            is_drawn: settings.draw.is_some(),
            read_at: listing.read_at.to_string(),
        }
    }
}

/// A line of an order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct LineView {
    /// What.
    pub sku: String,
    /// How many, as asked for.
    pub quantity: i32,
    /// `asked`, `taken`, `left_out` or `awaited`.
    pub state: &'static str,
    /// Frozen price of one unit, in minor units; zero unless taken.
    pub unit_price: i64,
}

impl From<&DecidedLine> for LineView {
    fn from(line: &DecidedLine) -> Self {
        Self {
            sku: line.sku.to_string(),
            quantity: line.quantity,
            state: line.state.name(),
            unit_price: line.unit_price,
        }
    }
}

/// Where to go on.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct OrderLinks {
    /// The order.
    #[serde(rename = "self")]
    pub itself: String,
    /// What becomes of it, as it happens.
    pub events: String,
}

/// An order. `accepted`: the log has it, and nobody has decided it yet.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct OrderView {
    /// Its id.
    pub order_id: String,
    /// `accepted`, `reserving`, `entered`, `held`, `waiting`, `rejected`, `paid`, `cancelled`, `declined`, `expired` or
    /// `turned_away`.
    pub state: &'static str,
    /// The partition of `orders` where its placing lies.
    pub partition: u32,
    /// Its place there, where it is known: not of orders of the past, nor of all that were forgotten here for a while.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub offset: Option<u64>,
    /// The latest decision: ledger and number. The id to resume its events after.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decision: Option<String>,
    /// When that was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<String>,
    /// Why, where it was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The stable number of the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject_number: Option<u16>,
    /// Whose it is.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// Its lines in SKU order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub lines: Option<Vec<LineView>>,
    /// Price of the taken lines, tax included, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
    /// Tax included in it, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax: Option<i64>,
    /// What the amounts are in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// When the hold falls due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// Where to go on.
    pub links: OrderLinks,
}

impl OrderView {
    fn accepted(order_id: String, partition: u32, offset: Option<u64>) -> Self {
        let itself = ["/v1/orders/", &order_id].concat();
        let links = OrderLinks { events: [&itself, "/events"].concat(), itself };
        Self {
            order_id,
            state: "accepted",
            partition,
            offset,
            decision: None,
            decided_at: None,
            reason: None,
            reject_number: None,
            customer: None,
            lines: None,
            total: None,
            tax: None,
            currency: None,
            deadline: None,
            links,
        }
    }

    fn decided(partition: u32, offset: Option<u64>, news: &OrderNews) -> Self {
        let event = &news.event;
        Self {
            state: state_name(event.kind),
            decision: Some(news.id.to_string()),
            decided_at: time_text(news.time),
            reason: event.reason.map(RejectReason::name),
            reject_number: event.reason.map(RejectReason::number),
            customer: Some(event.customer.to_string()),
            lines: Some(event.lines.iter().map(LineView::from).collect()),
            total: Some(event.total),
            tax: Some(event.tax),
            currency: Some(event.currency.to_string()),
            deadline: time_text(event.deadline),
            ..Self::accepted(event.order.to_string(), partition, offset)
        }
    }

    /// How an order of the past stands.
    pub fn of_archived(order: Archived) -> Self {
        let partition = order.id.partition.0;
        Self::decided(partition, None, &order.into_news())
    }

    /// How a remembered order stands.
    pub fn of_remembered(order: &Remembered) -> Option<Self> {
        let (first, latest) = order.first().zip(order.latest())?;
        Some(Self::decided(first.id.partition.0, order.offset(), latest))
    }
}

impl From<&Placed> for OrderView {
    fn from(placed: &Placed) -> Self {
        let (partition, offset) = (placed.partition, placed.offset);
        match &placed.answer {
            Some(news) => Self::decided(partition, offset, news),
            None => Self::accepted(placed.order.to_string(), partition, offset),
        }
    }
}

/// A decision about an order, as its events show it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, ToSchema)]
pub struct OrderEventView {
    /// The order.
    pub order_id: String,
    /// What happened.
    pub event: &'static str,
    /// When it was decided.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub decided_at: Option<String>,
    /// Why, where something was refused.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reason: Option<&'static str>,
    /// The stable number of the reason.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reject_number: Option<u16>,
    /// The lines in SKU order.
    pub lines: Vec<LineView>,
    /// Price of the taken lines, or what is given back, in minor units.
    pub total: i64,
    /// Tax included in it, in minor units.
    pub tax: i64,
    /// What the amounts are in.
    pub currency: String,
    /// When the hold falls due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
}

impl From<&OrderNews> for OrderEventView {
    fn from(news: &OrderNews) -> Self {
        let event = &news.event;
        Self {
            order_id: event.order.to_string(),
            event: event.kind.name(),
            decided_at: time_text(news.time),
            reason: event.reason.map(RejectReason::name),
            reject_number: event.reason.map(RejectReason::number),
            lines: event.lines.iter().map(LineView::from).collect(),
            total: event.total,
            tax: event.tax,
            currency: event.currency.to_string(),
            deadline: time_text(event.deadline),
        }
    }
}

/// The word for how an order stands after a decision.
pub(crate) fn state_name(kind: OrderEventKind) -> &'static str {
    if kind == OrderEventKind::Extended { OrderEventKind::Held.name() } else { kind.name() }
}

/// Lines in SKU order, to compare what was asked for.
pub(crate) fn sorted(lines: &[Line]) -> Vec<Line> {
    let mut lines = lines.to_vec();
    lines.sort_unstable_by_key(|line| (line.sku, line.quantity));
    lines
}
