//! A decision as a row of `decisions_raw`. Pure: the same decision at the same place is always the same row.

use order_model::{
    Currency, CustomerEvent, Decision, Event, LineState, ListingEvent, ListingSettings, OrderEvent, Stock,
    TimeMs,
};
use serde::Serialize;
use sink::Arrival;
use smallvec::SmallVec;

use crate::limits::TIME_MS_MAX;

/// Added to the number of a kind of listing event, so that it does not meet an order event's.
pub(crate) const LISTING_KINDS_FROM: u8 = 64;
/// The kind of a customer that is blocked, or was to be.
pub(crate) const KIND_CUSTOMER_BLOCKED: u8 = 97;
/// The kind of a customer that is no longer blocked, or was not to be.
pub(crate) const KIND_CUSTOMER_UNBLOCKED: u8 = 98;
/// The state of the line that carries a listing's stock.
pub(crate) const STATE_NONE: u8 = 0;

/// A row of `decisions_raw`, column by column.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Row {
    /// The ledger.
    pub partition: u32,
    /// The decision's number there.
    pub sequence: u64,
    /// Its offset on `decisions`.
    pub decisions_offset: u64,
    /// The offset on `orders` that caused it.
    pub orders_offset: u64,
    /// The ledger's time, in milliseconds.
    pub time_ms: u64,
    /// The time of the record on `decisions`, in milliseconds.
    pub recorded_at_ms: u64,
    /// Number of what was decided, as in the column's enum.
    pub kind: u8,
    /// Number of the reject reason; zero for none.
    pub reason: u16,
    /// The order; zero where it is about none.
    pub order_id: [u8; 16],
    /// The customer; zero for none.
    pub customer: [u8; 16],
    /// The payment; zero for none.
    pub payment: [u8; 16],
    /// The currency; `XXX` for none.
    pub currency: [u8; 3],
    /// Minor units.
    pub total: i64,
    /// Minor units.
    pub tax: i64,
    /// In milliseconds; zero for none.
    pub deadline_ms: u64,
    /// The lines, or the stock of a listing.
    pub lines: SmallVec<[RowLine; 1]>,
    /// The command about a listing or a customer; zero for none.
    pub command_id: [u8; 16],
    /// Units added to a listing.
    pub delta: i64,
    /// New settings of a listing, or empty.
    pub settings_json: String,
}

/// A line of a [`Row`].
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RowLine {
    /// What.
    pub sku: String,
    /// How many.
    pub quantity: i32,
    /// Number of the state; zero for a listing.
    pub state: u8,
    /// Minor units.
    pub unit_price: i64,
    /// The stock; `None` when another ledger knows it.
    pub stock: Option<Stock>,
}

/// Settings as they lie in `settings_json`. The names are part of the schema: views read them.
#[derive(Serialize)]
struct SettingsJson<'a> {
    sale: &'a str,
    currency: &'a str,
    opens_at_ms: u64,
    closes_at_ms: u64,
    limit_per_customer: u32,
    hold_ms: u64,
    extensions_max: u32,
    waitlist_max: u32,
    retention_ms: u64,
    tax_bp: u16,
    prices: Vec<PriceJson>,
}

#[derive(Serialize)]
struct PriceJson {
    from_time_ms: u64,
    from_units: u32,
    unit_price: i64,
}

/// Why a decision can be no row.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RowError {
    /// ClickHouse ends in the year 2299.
    #[error(
        "{what} is {time_ms} ms after 1970, and ClickHouse's DateTime64 ends at {TIME_MS_MAX} ms; a record with such a \
         time cannot be kept there"
    )]
    TimeTooLate {
        /// Which time.
        what: &'static str,
        /// The time.
        time_ms: u64,
    },
}

/// The row of a decision.
pub fn row_of(arrival: &Arrival) -> Result<Row, RowError> {
    let Decision { partition, sequence, offset, time, event } = &arrival.decision;
    let row = Row {
        partition: partition.0,
        sequence: sequence.0,
        decisions_offset: arrival.offset.0,
        orders_offset: offset.0,
        time_ms: checked("the ledger's time", *time)?,
        recorded_at_ms: checked("the record's time", arrival.time)?,
        ..Row::default()
    };
    match event {
        Event::Order(event) => order_row(row, event),
        Event::Listing(event) => Ok(listing_row(row, event)),
        Event::Customer(event) => Ok(customer_row(row, event)),
    }
}

fn checked(what: &'static str, time: TimeMs) -> Result<u64, RowError> {
    if time.0 <= TIME_MS_MAX { Ok(time.0) } else { Err(RowError::TimeTooLate { what, time_ms: time.0 }) }
}

fn order_row(row: Row, event: &OrderEvent) -> Result<Row, RowError> {
    let lines = event.lines.iter().map(|line| RowLine {
        sku: line.sku.as_str().to_owned(),
        quantity: line.quantity,
        state: line.state.number(),
        unit_price: line.unit_price,
        stock: line.stock,
    });
    Ok(Row {
        kind: event.kind.number(),
        reason: event.reason.map_or(0, |reason| reason.number()),
        order_id: event.order.0,
        customer: event.customer.0,
        payment: event.payment.map_or([0; 16], |payment| payment.0),
        currency: *event.currency.as_bytes(),
        total: event.total,
        tax: event.tax,
        deadline_ms: checked("the deadline", event.deadline)?,
        lines: lines.collect(),
        ..row
    })
}

fn listing_row(row: Row, event: &ListingEvent) -> Row {
    // The stock of a listing that is unknown says nothing, and must not look like a listing without units.
    let is_known = event.reason.is_none() || event.stock != Stock::default();
    let line = RowLine {
        sku: event.sku.as_str().to_owned(),
        state: STATE_NONE,
        stock: is_known.then_some(event.stock),
        ..RowLine::default()
    };
    Row {
        kind: LISTING_KINDS_FROM + event.kind.number(),
        reason: event.reason.map_or(0, |reason| reason.number()),
        currency: *Currency::NONE.as_bytes(),
        lines: SmallVec::from_iter([line]),
        command_id: event.id.0,
        delta: event.delta,
        settings_json: event.settings.as_ref().map(settings_json).unwrap_or_default(),
        ..row
    }
}

fn customer_row(row: Row, event: &CustomerEvent) -> Row {
    Row {
        kind: if event.blocked { KIND_CUSTOMER_BLOCKED } else { KIND_CUSTOMER_UNBLOCKED },
        reason: event.reason.map_or(0, |reason| reason.number()),
        currency: *Currency::NONE.as_bytes(),
        customer: event.customer.0,
        command_id: event.id.0,
        ..row
    }
}

fn settings_json(settings: &ListingSettings) -> String {
    let prices = settings.prices.iter().map(|step| PriceJson {
        from_time_ms: step.from_time.0,
        from_units: step.from_units,
        unit_price: step.unit_price,
    });
    let json = SettingsJson {
        sale: &settings.sale,
        currency: settings.currency.as_str(),
        opens_at_ms: settings.opens_at.0,
        closes_at_ms: settings.closes_at.0,
        limit_per_customer: settings.limit_per_customer,
        hold_ms: settings.hold_ms,
        extensions_max: settings.extensions_max,
        waitlist_max: settings.waitlist_max,
        retention_ms: settings.retention_ms,
        tax_bp: settings.tax_bp,
        prices: prices.collect(),
    };
    serde_json::to_string(&json).unwrap_or_default()
}

/// Names and numbers of the states a line can have here.
pub(crate) fn states() -> impl Iterator<Item = (&'static str, i16)> {
    let known = LineState::ALL.iter().map(|state| (state.name(), i16::from(state.number())));
    std::iter::once(("none", i16::from(STATE_NONE))).chain(known)
}
