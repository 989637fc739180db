//! What a decision makes of the tables. Pure: the same decision makes the same items for ever.
//!
//! Which decision determines which item:
//!
//! | item | key | decided by |
//! |---|---|---|
//! | order | `orders` (order, ledger) | what home says of the whole order: every kind but `refund`, `refused` and `part_*` |
//! | stock | `inventory` (SKU, `stock`) | every decision with the listing's stock, also those about parts |
//! | settings | `inventory` (SKU, `settings`) | `opened`, `changed` |
//! | state | `inventory` (SKU, `state`) | `opened`, `paused`, `resumed`, `closed` |
//! | payment | `payments` (order, payment and ledger) | `paid`, `declined`, `refund` |
//!
//! Sequences of different ledgers cannot be compared, so no item is ever written by two: the ledger is part of the key of
//! orders and payments, and a SKU has one ledger. Parts of orders in other ledgers make no item of their own, since home
//! speaks of the whole; they change only the stock they took. Each decision carries its items whole, so the newest alone
//! determines them; the one exception is `placed_at`, the time of the first decision about an order.

use std::borrow::Cow;

use order_model::{
    DecidedLine, Decision, Event, ListingEvent, ListingEventKind, ListingSettings, OrderEvent,
    OrderEventKind, Sku, Stock,
};
use tables::Table;

use crate::config::Retention;
use crate::item::{Attributes, Item, Key, Value};

/// The attribute that only the first decision about an order sets.
pub(crate) const PLACED_AT: &str = "placed_at";
/// The second part of the keys of listings.
const STOCK: &str = "stock";
const SETTINGS: &str = "settings";
const STATE: &str = "state";

const MS_PER_SECOND: u64 = 1_000;
const SECONDS_PER_DAY: u64 = 86_400;

/// What a decision makes of one item.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Change {
    pub(crate) key: Key,
    pub(crate) item: Item,
    /// Whether there is likely no such item yet. Costs a request when wrong, nothing else.
    pub(crate) is_first: bool,
}

/// What a decision makes of the tables.
pub(crate) fn changes(decision: &Decision, retention: &Retention, mut each: impl FnMut(Change)) {
    match &decision.event {
        Event::Order(event) => {
            order(decision, event, retention).into_iter().for_each(&mut each);
            payment(decision, event).into_iter().for_each(&mut each);
            for line in &event.lines {
                if let Some(of) = &line.stock {
                    each(stock(decision, &line.sku, of));
                }
            }
        }
        Event::Listing(event) => listing(decision, event, &mut each),
        Event::Customer(_) => {}
    }
}

/// Attributes that come and go: an item without one of them must not keep an older one.
pub(crate) const fn optional_attributes(table: Table) -> &'static [&'static str] {
    match table {
        Table::Orders => &["reason", "deadline", "payment", "expires_at"],
        Table::Payments => &["reason"],
        Table::Inventory
        | Table::Notices
        | Table::Contacts
        | Table::Subscriptions
        | Table::Accounts
        | Table::Sessions
        | Table::Carts => &[],
    }
}

fn order(decision: &Decision, event: &OrderEvent, retention: &Retention) -> Option<Change> {
    let (is_first, days) = match event.kind {
        OrderEventKind::Reserving
        | OrderEventKind::Entered
        | OrderEventKind::Held
        | OrderEventKind::Waiting => (true, 0),
        OrderEventKind::Rejected => (true, retention.ended_days),
        OrderEventKind::Extended => (false, 0),
        OrderEventKind::Paid => (false, retention.paid_days),
        OrderEventKind::Cancelled
        | OrderEventKind::Declined
        | OrderEventKind::Expired
        | OrderEventKind::TurnedAway => (false, retention.ended_days),
        OrderEventKind::Refund
        | OrderEventKind::Refused
        | OrderEventKind::PartTaken
        | OrderEventKind::PartRefused
        | OrderEventKind::PartPaid
        | OrderEventKind::PartReleased => return None,
    };
    let mut attributes = common(decision);
    put(&mut attributes, "status", event.kind.name());
    put(&mut attributes, "customer", event.customer.to_string());
    put(&mut attributes, "currency", event.currency.as_str());
    put(&mut attributes, "total", event.total);
    put(&mut attributes, "tax", event.tax);
    put(&mut attributes, PLACED_AT, decision.time.0);
    put(&mut attributes, "lines", Value::List(event.lines.iter().map(line).collect()));
    if let Some(reason) = event.reason {
        put(&mut attributes, "reason", reason.name());
    }
    if event.deadline.0 > 0 {
        put(&mut attributes, "deadline", event.deadline.0);
    }
    if let Some(payment) = event.payment {
        put(&mut attributes, "payment", payment.to_string());
    }
    if days > 0 {
        let seconds = decision.time.0 / MS_PER_SECOND + u64::from(days) * SECONDS_PER_DAY;
        put(&mut attributes, "expires_at", seconds);
    }
    let key =
        Key { table: Table::Orders, hash: event.order.to_string(), range: decision.partition.to_string() };
    Some(change(decision, key, attributes, is_first))
}

fn line(line: &DecidedLine) -> Value {
    let mut attributes = Attributes::new();
    put(&mut attributes, "sku", line.sku.as_str());
    put(&mut attributes, "quantity", i64::from(line.quantity));
    put(&mut attributes, "state", line.state.name());
    put(&mut attributes, "unit_price", line.unit_price);
    Value::Map(attributes)
}

fn payment(decision: &Decision, event: &OrderEvent) -> Option<Change> {
    let status = match event.kind {
        OrderEventKind::Paid => "paid",
        OrderEventKind::Declined => "declined",
        OrderEventKind::Refund => "refund",
        _ => return None,
    };
    let payment = event.payment.unwrap_or_default().to_string();
    let mut attributes = common(decision);
    put(&mut attributes, "status", status);
    put(&mut attributes, "customer", event.customer.to_string());
    put(&mut attributes, "currency", event.currency.as_str());
    put(&mut attributes, "amount", event.total);
    if let Some(reason) = event.reason {
        put(&mut attributes, "reason", reason.name());
    }
    let range = format!("{payment}#{}", decision.partition);
    put(&mut attributes, "payment", payment);
    let key = Key { table: Table::Payments, hash: event.order.to_string(), range };
    Some(change(decision, key, attributes, true))
}

fn stock(decision: &Decision, sku: &Sku, stock: &Stock) -> Change {
    let mut attributes = common(decision);
    put(&mut attributes, "free", stock.free);
    put(&mut attributes, "held", stock.held);
    put(&mut attributes, "sold", stock.sold);
    put(&mut attributes, "waiting", stock.waiting);
    change(decision, facet(sku, STOCK), attributes, false)
}

fn listing(decision: &Decision, event: &ListingEvent, mut each: impl FnMut(Change)) {
    let is_new = event.kind == ListingEventKind::Opened;
    let state = match event.kind {
        // It changes nothing, and its stock is zero where the listing is unknown.
        ListingEventKind::Refused => return,
        ListingEventKind::Opened | ListingEventKind::Resumed => Some("open"),
        ListingEventKind::Paused => Some("paused"),
        ListingEventKind::Closed => Some("closed"),
        ListingEventKind::Changed | ListingEventKind::Restocked | ListingEventKind::Revealed => None,
    };
    each(Change { is_first: is_new, ..stock(decision, &event.sku, &event.stock) });
    if let Some(settings) = &event.settings {
        each(change(decision, facet(&event.sku, SETTINGS), terms(decision, settings), is_new));
    }
    if let Some(state) = state {
        let mut attributes = common(decision);
        put(&mut attributes, "state", state);
        each(change(decision, facet(&event.sku, STATE), attributes, is_new));
    }
}

fn terms(decision: &Decision, settings: &ListingSettings) -> Attributes {
    let mut attributes = common(decision);
    put(&mut attributes, "sale", settings.sale.as_str());
    put(&mut attributes, "currency", settings.currency.as_str());
    put(&mut attributes, "opens_at", settings.opens_at.0);
    put(&mut attributes, "closes_at", settings.closes_at.0);
    put(&mut attributes, "limit_per_customer", settings.limit_per_customer);
    put(&mut attributes, "hold_ms", settings.hold_ms);
    put(&mut attributes, "extensions_max", settings.extensions_max);
    put(&mut attributes, "waitlist_max", settings.waitlist_max);
    put(&mut attributes, "retention_ms", settings.retention_ms);
    put(&mut attributes, "tax_bp", u32::from(settings.tax_bp));
    let steps = settings.prices.iter().map(|step| {
        let mut attributes = Attributes::new();
        put(&mut attributes, "from_time", step.from_time.0);
        put(&mut attributes, "from_units", step.from_units);
        put(&mut attributes, "unit_price", step.unit_price);
        Value::Map(attributes)
    });
    put(&mut attributes, "prices", Value::List(steps.collect()));
    attributes
}

fn facet(sku: &Sku, facet: &str) -> Key {
    Key { table: Table::Inventory, hash: sku.as_str().to_owned(), range: facet.to_owned() }
}

fn common(decision: &Decision) -> Attributes {
    let mut attributes = Attributes::new();
    put(&mut attributes, "updated_at", decision.time.0);
    attributes
}

fn put(attributes: &mut Attributes, name: &'static str, value: impl Into<Value>) {
    attributes.insert(Cow::Borrowed(name), value.into());
}

fn change(decision: &Decision, key: Key, attributes: Attributes, is_first: bool) -> Change {
    let item = Item { ledger: decision.partition.0, version: decision.sequence.0, attributes };
    Change { key, item, is_first }
}
