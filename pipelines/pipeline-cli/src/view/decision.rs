//! A decision as a row.

use order_model::{Decision, Event, ListingEvent, OrderEvent, RejectReason, Stock};
use serde::Serialize;

use crate::money::show_amount;
use crate::output::Row;
use crate::times::show_time;

/// A decision, as JSON has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct DecisionView {
    /// The ledger.
    pub partition: u32,
    /// Its number there.
    pub sequence: u64,
    /// The record on `orders` that caused it.
    pub command_offset: u64,
    /// The ledger's time.
    pub decided_at: String,
    /// `order`, `listing` or `customer`.
    pub about: &'static str,
    /// What happened.
    pub event: &'static str,
    /// Why, where something was refused.
    pub reason: Option<&'static str>,
    /// The order.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// The customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub customer: Option<String>,
    /// The command, where it has an id.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub command: Option<String>,
    /// The listing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub sku: Option<String>,
    /// Units added or taken away.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub delta: Option<i64>,
    /// The listing's stock.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub stock: Option<StockView>,
    /// The seed that was revealed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub seed: Option<String>,
    /// What the amounts are in.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub currency: Option<String>,
    /// Price of the taken lines, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub total: Option<i64>,
    /// Tax included in it, in minor units.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tax: Option<i64>,
    /// When the hold falls due.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub deadline: Option<String>,
    /// The payment.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub payment: Option<String>,
    /// The lines.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<LineView>,
    /// The total for people.
    #[serde(skip)]
    shown_total: String,
}

/// A line of an order.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct LineView {
    /// What.
    pub sku: String,
    /// How many.
    pub quantity: i32,
    /// How far it has got.
    pub state: &'static str,
    /// Frozen price of one unit, in minor units; zero unless taken.
    pub unit_price: i64,
    /// The listing's stock after the decision.
    pub stock: Option<StockView>,
}

/// A listing's stock.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub struct StockView {
    /// Units nobody has.
    pub free: u32,
    /// Units set aside.
    pub held: u32,
    /// Units paid for.
    pub sold: u32,
    /// Orders waiting.
    pub waiting: u32,
}

impl From<Stock> for StockView {
    fn from(stock: Stock) -> Self {
        Self { free: stock.free, held: stock.held, sold: stock.sold, waiting: stock.waiting }
    }
}

impl From<&Decision> for DecisionView {
    fn from(decision: &Decision) -> Self {
        let head = |about, event, reason: Option<RejectReason>| Self {
            partition: decision.partition.0,
            sequence: decision.sequence.0,
            command_offset: decision.offset.0,
            decided_at: show_time(decision.time),
            about,
            event,
            reason: reason.map(RejectReason::name),
            order: None,
            customer: None,
            command: None,
            sku: None,
            delta: None,
            stock: None,
            seed: None,
            currency: None,
            total: None,
            tax: None,
            deadline: None,
            payment: None,
            lines: Vec::new(),
            shown_total: String::new(),
        };
        match &decision.event {
            Event::Order(event) => head("order", event.kind.name(), event.reason).with_order(event),
            Event::Listing(event) => head("listing", event.kind.name(), event.reason).with_listing(event),
            Event::Customer(event) => {
                let name = match (event.reason, event.blocked) {
                    (Some(_), _) => "refused",
                    (None, true) => "blocked",
                    (None, false) => "unblocked",
                };
                let head = head("customer", name, event.reason);
                let (customer, command) = (Some(event.customer.to_string()), Some(event.id.to_string()));
                Self { customer, command, ..head }
            }
        }
    }
}

impl DecisionView {
    fn with_order(self, event: &OrderEvent) -> Self {
        let lines = event.lines.iter().map(|line| LineView {
            sku: line.sku.to_string(),
            quantity: line.quantity,
            state: line.state.name(),
            unit_price: line.unit_price,
            stock: line.stock.map(StockView::from),
        });
        Self {
            order: Some(event.order.to_string()),
            customer: Some(event.customer.to_string()),
            currency: Some(event.currency.to_string()),
            total: Some(event.total),
            tax: Some(event.tax),
            deadline: (event.deadline.0 != 0).then(|| show_time(event.deadline)),
            payment: event.payment.map(|payment| payment.to_string()),
            lines: lines.collect(),
            shown_total: format!("{} {}", show_amount(event.total, event.currency), event.currency),
            ..self
        }
    }

    fn with_listing(self, event: &ListingEvent) -> Self {
        Self {
            command: Some(event.id.to_string()),
            sku: Some(event.sku.to_string()),
            delta: Some(event.delta),
            stock: Some(event.stock.into()),
            seed: event.seed.map(|seed| seed.to_string()),
            ..self
        }
    }

    /// What it is about, in one cell.
    pub fn subject(&self) -> String {
        let subject = self.order.as_ref().or(self.sku.as_ref()).or(self.customer.as_ref());
        subject.cloned().unwrap_or_default()
    }

    /// What there is to know, in one cell.
    pub fn detail(&self) -> String {
        let mut parts = Vec::new();
        let lines = self.lines.iter().map(|line| format!("{}x{} {}", line.quantity, line.sku, line.state));
        parts.extend(lines);
        if self.total.is_some_and(|total| total != 0) {
            parts.push(self.shown_total.clone());
        }
        if let Some(deadline) = &self.deadline {
            parts.push(format!("until {deadline}"));
        }
        if let Some(stock) = self.stock {
            let StockView { free, held, sold, waiting } = stock;
            parts.push(format!("free {free}, held {held}, sold {sold}, waiting {waiting}"));
        }
        if let Some(seed) = &self.seed {
            parts.push(format!("seed {seed}"));
        }
        parts.join("; ")
    }
}

impl Row for DecisionView {
    const COLUMNS: &'static [&'static str] =
        &["decided at", "partition", "sequence", "event", "reason", "subject", "detail"];

    fn cells(&self) -> Vec<String> {
        vec![
            self.decided_at.clone(),
            self.partition.to_string(),
            self.sequence.to_string(),
            self.event.to_owned(),
            self.reason.unwrap_or_default().to_owned(),
            self.subject(),
            self.detail(),
        ]
    }
}
