//! A command as a row.

use order_model::{
    Command, CustomerCommand, Extend, ListingChange, ListingCommand, ListingSettings, PaymentResult, Place,
    Relay, RelayBody, Settle,
};
use serde::Serialize;

use crate::money::show_amount;
use crate::times::{show_duration_ms, show_time};

/// A command, as JSON has it.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "command", rename_all = "snake_case")]
pub enum CommandView {
    /// Place an order.
    Place {
        /// The order.
        order: String,
        /// Whose.
        customer: String,
        /// In which currency.
        currency: String,
        /// Whether lines may be left out.
        partial: bool,
        /// The lines.
        lines: Vec<AskedLine>,
    },
    /// Withdraw one.
    Cancel {
        /// The order.
        order: String,
        /// Whose.
        customer: String,
        /// Its smallest SKU.
        sku: String,
    },
    /// Let time pass.
    Tick,
    /// The result of a payment.
    Settle {
        /// The order.
        order: String,
        /// Its smallest SKU.
        sku: String,
        /// The payment.
        payment: String,
        /// What was taken, in minor units.
        amount: i64,
        /// In which currency.
        currency: String,
        /// `captured` or `declined`.
        result: &'static str,
    },
    /// Prolong a hold.
    Extend {
        /// The order.
        order: String,
        /// Its smallest SKU.
        sku: String,
        /// Which extension.
        number: u32,
    },
    /// Open or change a listing.
    Listing {
        /// The command's id.
        id: String,
        /// The listing.
        sku: String,
        /// What to do.
        change: &'static str,
        /// Units it opens with, or to add.
        #[serde(skip_serializing_if = "Option::is_none")]
        units: Option<i64>,
        /// The settings.
        #[serde(skip_serializing_if = "Option::is_none")]
        settings: Option<SettingsView>,
        /// The seed it reveals.
        #[serde(skip_serializing_if = "Option::is_none")]
        seed: Option<String>,
    },
    /// Block or unblock a customer.
    Customer {
        /// The command's id.
        id: String,
        /// Whom.
        customer: String,
        /// Whether they are blocked.
        blocked: bool,
    },
    /// What another ledger sent.
    Relay {
        /// The ledger.
        from: u32,
        /// Its number.
        number: u64,
        /// What it says.
        body: &'static str,
        /// The order it is about.
        #[serde(skip_serializing_if = "Option::is_none")]
        order: Option<String>,
    },
}

/// A line asked for.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct AskedLine {
    /// What.
    pub sku: String,
    /// How many.
    pub quantity: i32,
}

/// The settings of a listing.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
pub struct SettingsView {
    /// The sale.
    pub sale: String,
    /// The currency.
    pub currency: String,
    /// When it opens; null: at once.
    pub opens_at: Option<String>,
    /// When it closes; null: never.
    pub closes_at: Option<String>,
    /// Most units for one customer.
    pub limit_per_customer: u32,
    /// How long a hold lasts.
    pub hold: String,
    /// Most orders that may wait.
    pub waitlist_max: u32,
    /// The unit prices, in minor units, step by step.
    pub prices: Vec<i64>,
    /// What the seed of its draw is committed to.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub draw: Option<String>,
}

impl From<&Command> for CommandView {
    fn from(command: &Command) -> Self {
        match command {
            Command::Place(place) => Self::of_place(place),
            Command::Cancel(cancel) => Self::Cancel {
                order: cancel.order.to_string(),
                customer: cancel.customer.to_string(),
                sku: cancel.sku.to_string(),
            },
            Command::Tick => Self::Tick,
            Command::Settle(settle) => Self::of_settle(settle),
            Command::Extend(Extend { order, sku, number }) => {
                Self::Extend { order: order.to_string(), sku: sku.to_string(), number: *number }
            }
            Command::Listing(listing) => Self::of_listing(listing),
            Command::Customer(CustomerCommand { id, customer, blocked }) => {
                Self::Customer { id: id.to_string(), customer: customer.to_string(), blocked: *blocked }
            }
            Command::Relay(relay) => Self::of_relay(relay),
        }
    }
}

impl CommandView {
    fn of_place(place: &Place) -> Self {
        let line =
            |line: &order_model::Line| AskedLine { sku: line.sku.to_string(), quantity: line.quantity };
        Self::Place {
            order: place.order.to_string(),
            customer: place.customer.to_string(),
            currency: place.currency.to_string(),
            partial: place.partial,
            lines: place.lines.iter().map(line).collect(),
        }
    }

    fn of_settle(settle: &Settle) -> Self {
        Self::Settle {
            order: settle.order.to_string(),
            sku: settle.sku.to_string(),
            payment: settle.payment.to_string(),
            amount: settle.amount,
            currency: settle.currency.to_string(),
            result: match settle.result {
                PaymentResult::Captured => "captured",
                PaymentResult::Declined => "declined",
            },
        }
    }

    fn of_listing(listing: &ListingCommand) -> Self {
        let (change, units, settings) = match &listing.change {
            ListingChange::Open { settings, stock } => {
                ("open", Some(*stock), Some(SettingsView::from(&**settings)))
            }
            ListingChange::Change(settings) => ("change", None, Some(SettingsView::from(&**settings))),
            ListingChange::Restock { delta } => ("restock", Some(*delta), None),
            ListingChange::Pause => ("pause", None, None),
            ListingChange::Resume => ("resume", None, None),
            ListingChange::Close => ("close", None, None),
            ListingChange::Reveal { .. } => ("reveal", None, None),
        };
        let seed = match &listing.change {
            ListingChange::Reveal { seed } => Some(seed.to_string()),
            _ => None,
        };
        let (id, sku) = (listing.id.to_string(), listing.sku.to_string());
        Self::Listing { id, sku, change, units, settings, seed }
    }

    fn of_relay(relay: &Relay) -> Self {
        let (body, order) = match &relay.body {
            RelayBody::Forward(_) => ("forward", None),
            RelayBody::Reserve(reserve) => ("reserve", Some(reserve.order)),
            RelayBody::Answer(answer) => ("answer", Some(answer.order)),
            RelayBody::Confirm { order } => ("confirm", Some(*order)),
            RelayBody::Release { order } => ("release", Some(*order)),
        };
        let order = order.map(|order| order.to_string());
        Self::Relay { from: relay.from.0, number: relay.number.0, body, order }
    }

    /// Its name, in one cell.
    pub fn name(&self) -> String {
        match self {
            Self::Place { .. } => "place".to_owned(),
            Self::Cancel { .. } => "cancel".to_owned(),
            Self::Tick => "tick".to_owned(),
            Self::Settle { result, .. } => format!("settle {result}"),
            Self::Extend { .. } => "extend".to_owned(),
            Self::Listing { change, .. } => format!("listing {change}"),
            Self::Customer { blocked: true, .. } => "customer block".to_owned(),
            Self::Customer { blocked: false, .. } => "customer unblock".to_owned(),
            Self::Relay { body, .. } => format!("relay {body}"),
        }
    }

    /// What it is about, in one cell.
    pub fn subject(&self) -> String {
        match self {
            Self::Place { order, .. }
            | Self::Cancel { order, .. }
            | Self::Settle { order, .. }
            | Self::Extend { order, .. } => order.clone(),
            Self::Listing { sku, .. } => sku.clone(),
            Self::Customer { customer, .. } => customer.clone(),
            Self::Relay { order, .. } => order.clone().unwrap_or_default(),
            Self::Tick => String::new(),
        }
    }

    /// What there is to know, in one cell.
    pub fn detail(&self) -> String {
        match self {
            Self::Place { lines, .. } => {
                let lines = lines.iter().map(|line| format!("{}x{}", line.quantity, line.sku));
                lines.collect::<Vec<_>>().join(", ")
            }
            Self::Settle { amount, currency, .. } => match currency.parse() {
                Ok(parsed) => format!("{} {currency}", show_amount(*amount, parsed)),
                Err(_) => format!("{amount} {currency}"),
            },
            Self::Extend { number, .. } => format!("extension {number}"),
            Self::Listing { units: Some(units), .. } => format!("{units} units"),
            Self::Listing { seed: Some(seed), .. } => format!("seed {seed}"),
            Self::Relay { from, number, .. } => format!("number {number} from partition {from}"),
            Self::Cancel { .. } | Self::Tick | Self::Listing { .. } | Self::Customer { .. } => String::new(),
        }
    }
}

impl From<&ListingSettings> for SettingsView {
    fn from(settings: &ListingSettings) -> Self {
        let time = |time: order_model::TimeMs| (time.0 != 0).then(|| show_time(time));
        Self {
            sale: settings.sale.clone(),
            currency: settings.currency.to_string(),
            opens_at: time(settings.opens_at),
            closes_at: time(settings.closes_at),
            limit_per_customer: settings.limit_per_customer,
            hold: show_duration_ms(settings.hold_ms),
            waitlist_max: settings.waitlist_max,
            prices: settings.prices.iter().map(|step| step.unit_price).collect(),
            draw: settings.draw.map(|commitment| commitment.to_string()),
        }
    }
}
