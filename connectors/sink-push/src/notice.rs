//! From decisions to notices: pure, without clock, store or address.
//!
//! It promises that the same decision always plans the same notices under the same names, so that a decision read again
//! finds its claims. It does not know who has an address, what was sent before, or how a notice reads.

use order_model::{
    CustomerId, Decision, Event, LineState, ListingEvent, ListingEventKind, OrderEvent, OrderEventKind,
    OrderId, Sku, TimeMs,
};
use serde::{Deserialize, Serialize};

use crate::limits::{BACK_IN_STOCK_INTERVAL_MS, QUIET_INTERVAL_MS};

const MINUTE_MS: u64 = 60_000;
const HOUR_MS: u64 = 60 * MINUTE_MS;
const DAY_MS: u64 = 24 * HOUR_MS;

/// What a notice is about.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum NoticeKind {
    /// The order is set aside and waits for payment.
    Held,
    /// The same, for an order that had been waiting.
    StockForYou,
    /// The order waits for stock.
    Waiting,
    /// The waiting order waits for another of its lines.
    Moved,
    /// The order is paid for.
    Paid,
    /// The order was refused, or waited in vain.
    Refused,
    /// The payment was declined and the hold is gone.
    Declined,
    /// The hold fell due.
    Expired,
    /// Money is given back.
    Refunded,
    /// A listing somebody asked about opens.
    SaleOpens,
    /// A SKU somebody asked about is to be had again.
    BackInStock,
}

impl NoticeKind {
    /// Every kind; every locale has a template for each.
    pub const ALL: [Self; 11] = [
        Self::Held,
        Self::StockForYou,
        Self::Waiting,
        Self::Moved,
        Self::Paid,
        Self::Refused,
        Self::Declined,
        Self::Expired,
        Self::Refunded,
        Self::SaleOpens,
        Self::BackInStock,
    ];

    /// The stable name, as it stands in templates, claims and webhooks.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Held => "held",
            Self::StockForYou => "stock_for_you",
            Self::Waiting => "waiting",
            Self::Moved => "moved",
            Self::Paid => "paid",
            Self::Refused => "refused",
            Self::Declined => "declined",
            Self::Expired => "expired",
            Self::Refunded => "refunded",
            Self::SaleOpens => "sale_opens",
            Self::BackInStock => "back_in_stock",
        }
    }

    /// What one can be without; the kinds of a class are muted together.
    pub const fn class(self) -> Class {
        match self {
            Self::Held | Self::StockForYou | Self::Paid | Self::Declined | Self::Expired | Self::Refunded => {
                Class::Orders
            }
            Self::Refused => Class::Refusals,
            Self::Waiting | Self::Moved => Class::Waitlist,
            Self::SaleOpens | Self::BackInStock => Class::Offers,
        }
    }

    /// How long it is of use, in milliseconds after the decision, where nothing in the decision says so.
    const fn useful_ms(self) -> u64 {
        match self {
            Self::Waiting | Self::Moved | Self::Refused | Self::Declined | Self::SaleOpens => HOUR_MS,
            Self::BackInStock => 30 * MINUTE_MS,
            Self::Held | Self::StockForYou | Self::Expired => DAY_MS,
            Self::Paid => 3 * DAY_MS,
            Self::Refunded => 7 * DAY_MS,
        }
    }
}

/// A group of kinds that people switch on and off together. The number is stable and never reused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[repr(u8)]
pub enum Class {
    /// What became of one's orders and money.
    Orders = 1,
    /// Orders that were refused.
    Refusals = 2,
    /// Waiting, and moving on while waiting.
    Waitlist = 3,
    /// Sales that open, stock that is back.
    Offers = 4,
}

impl Class {
    /// Every class.
    pub const ALL: [Self; 4] = [Self::Orders, Self::Refusals, Self::Waitlist, Self::Offers];

    /// The stable number.
    #[expect(clippy::as_conversions, reason = "the number is the discriminant")]
    pub const fn number(self) -> u8 {
        self as u8
    }

    /// The stable name, as it stands in preferences.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Orders => "orders",
            Self::Refusals => "refusals",
            Self::Waitlist => "waitlist",
            Self::Offers => "offers",
        }
    }
}

/// What a notice says; kept with its claim, so that it can be written again after a restart.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Facts {
    /// What it is about.
    pub kind: NoticeKind,
    /// The ledger's time, in milliseconds since 1970.
    pub time_ms: u64,
    /// The order, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub order: Option<String>,
    /// What it is about, line by line.
    pub lines: Vec<FactLine>,
    /// The currency of every amount.
    pub currency: String,
    /// Price of the lines that were set aside, or what is given back, in minor units.
    pub total: i64,
    /// Tax included in `total`.
    pub tax: i64,
    /// When the hold falls due, in milliseconds since 1970; zero when there is none.
    pub deadline_ms: u64,
    /// Why, by the stable name of the reason.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// The payment, if it is about one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub payment: Option<String>,
    /// The sale, where the decision names it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sale: Option<String>,
}

/// A line of a notice.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct FactLine {
    /// What.
    pub sku: String,
    /// How many.
    pub quantity: i32,
    /// Price of one unit in minor units; zero unless it was set aside.
    pub unit_price: i64,
    /// How far it has got, by its stable name.
    pub state: String,
}

/// Something to tell.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Planned {
    /// What it is about: an order's id, or a listing.
    pub subject: String,
    /// The name of the event in its claims: one of these per subject and channel is told.
    pub event: String,
    /// Whom to tell; `None` for everybody who asked about the listing.
    pub customer: Option<CustomerId>,
    /// What to say.
    pub facts: Facts,
    /// Not before this time.
    pub due: TimeMs,
    /// Pointless from this time on.
    pub expires: TimeMs,
}

impl Planned {
    /// The same for an order that had been waiting. The event keeps its name: nobody is told both.
    #[must_use]
    pub fn after_waiting(mut self) -> Self {
        self.facts.kind = NoticeKind::StockForYou;
        self
    }

    /// The same for an order that waited before: one notice an interval, at its end, with the newest facts.
    #[must_use]
    pub fn moved_on(mut self) -> Self {
        let interval = self.facts.time_ms / QUIET_INTERVAL_MS;
        self.facts.kind = NoticeKind::Moved;
        self.event = format!("moved@{interval}");
        self.due = TimeMs((interval + 1) * QUIET_INTERVAL_MS);
        self.expires = self.due.after(NoticeKind::Moved.useful_ms());
        self
    }

    /// What one subscriber is told, of what all subscribers are told. `since` tells this subscription from a later one.
    #[must_use]
    pub fn for_subscriber(&self, customer: CustomerId, since: TimeMs) -> Self {
        Self {
            subject: format!("{}/{customer}", self.subject),
            event: format!("{}@{since}", self.facts.kind.name()),
            customer: Some(customer),
            ..self.clone()
        }
    }
}

/// The subject of what all subscribers of a listing are told.
pub fn listing_subject(sku: &Sku) -> String {
    format!("listing/{sku}")
}

/// What a decision gives to tell: at most one notice to the order's customer, and what those are told who asked about
/// its SKUs. Most decisions give nothing, and only those that give something allocate.
pub fn plan(decision: &Decision) -> Vec<Planned> {
    match &decision.event {
        Event::Order(event) => {
            let mut planned = Vec::new();
            planned.extend(of_order(decision, event));
            planned.extend(freed(decision, event));
            planned
        }
        Event::Listing(event) => of_listing(decision, event).into_iter().collect(),
        Event::Customer(_) => Vec::new(),
    }
}

fn of_order(decision: &Decision, event: &OrderEvent) -> Option<Planned> {
    let kind = match event.kind {
        OrderEventKind::Held => NoticeKind::Held,
        OrderEventKind::Waiting => NoticeKind::Waiting,
        OrderEventKind::Rejected | OrderEventKind::TurnedAway => NoticeKind::Refused,
        OrderEventKind::Paid => NoticeKind::Paid,
        OrderEventKind::Declined => NoticeKind::Declined,
        OrderEventKind::Expired => NoticeKind::Expired,
        OrderEventKind::Refund => NoticeKind::Refunded,
        // A step on the way, somebody else's part, or an answer to whoever asked.
        OrderEventKind::Reserving
        | OrderEventKind::Entered
        | OrderEventKind::Extended
        | OrderEventKind::Cancelled
        | OrderEventKind::Refused
        | OrderEventKind::PartTaken
        | OrderEventKind::PartRefused
        | OrderEventKind::PartPaid
        | OrderEventKind::PartReleased => return None,
    };
    // Nobody to tell: the ledger knows neither order nor customer.
    if event.customer == CustomerId::default() || event.order == OrderId::default() {
        return None;
    }
    let payment = event.payment.map(|payment| payment.to_string());
    let name = match (&payment, kind) {
        // An order may have several payments given back.
        (Some(payment), NoticeKind::Refunded) => format!("{}@{payment}", kind.name()),
        _ => kind.name().to_owned(),
    };
    let useful_until = decision.time.after(kind.useful_ms());
    let expires = match kind {
        NoticeKind::Held if event.deadline != TimeMs::default() => event.deadline,
        _ => useful_until,
    };
    Some(Planned {
        subject: event.order.to_string(),
        event: name,
        customer: Some(event.customer),
        facts: Facts {
            kind,
            time_ms: decision.time.0,
            order: Some(event.order.to_string()),
            lines: event.lines.iter().map(line).collect(),
            currency: event.currency.to_string(),
            total: event.total,
            tax: event.tax,
            deadline_ms: event.deadline.0,
            reason: event.reason.map(|reason| reason.name().to_owned()),
            payment,
            sale: None,
        },
        due: decision.time,
        expires,
    })
}

fn line(line: &order_model::DecidedLine) -> FactLine {
    FactLine {
        sku: line.sku.to_string(),
        quantity: line.quantity,
        unit_price: line.unit_price,
        state: line.state.name().to_owned(),
    }
}

/// SKUs that had nothing free before this order gave its units back, and have something for newcomers now.
fn freed<'a>(decision: &'a Decision, event: &'a OrderEvent) -> impl Iterator<Item = Planned> + 'a {
    let gives_back = matches!(
        event.kind,
        OrderEventKind::Rejected
            | OrderEventKind::Cancelled
            | OrderEventKind::Declined
            | OrderEventKind::Expired
            | OrderEventKind::PartReleased
    );
    let taken = event.lines.iter().filter(move |line| gives_back && line.state == LineState::Taken);
    taken.filter_map(move |line| {
        let stock = line.stock?;
        let given_back = u32::try_from(line.quantity).unwrap_or(0);
        (stock.free <= given_back && stock.free > stock.waiting)
            .then(|| back_in_stock(decision, &line.sku, None))
    })
}

fn of_listing(decision: &Decision, event: &ListingEvent) -> Option<Planned> {
    let settings = event.settings.as_ref();
    match event.kind {
        ListingEventKind::Opened | ListingEventKind::Changed => {
            let settings = settings?;
            let is_open = settings.opens_at <= decision.time;
            // A change after the opening is no news; one before it may move the opening.
            if is_open && event.kind == ListingEventKind::Changed {
                return None;
            }
            let due = settings.opens_at.max(decision.time);
            let closes = Some(settings.closes_at).filter(|time| *time != TimeMs::default());
            let useful = due.after(NoticeKind::SaleOpens.useful_ms());
            let expires = closes.map_or(useful, |closes| closes.min(useful));
            Some(opening(event, Some(settings.sale.clone()), due, expires))
        }
        // Takes the place of an opening still to come: it has expired.
        ListingEventKind::Closed => Some(opening(event, None, decision.time, decision.time)),
        ListingEventKind::Restocked => {
            let before = i64::from(event.stock.free) - event.delta;
            let has_news = event.delta > 0 && before <= 0 && event.stock.free > event.stock.waiting;
            has_news
                .then(|| back_in_stock(decision, &event.sku, settings.map(|settings| settings.sale.clone())))
        }
        ListingEventKind::Paused
        | ListingEventKind::Resumed
        | ListingEventKind::Revealed
        | ListingEventKind::Refused => None,
    }
}

fn opening(event: &ListingEvent, sale: Option<String>, due: TimeMs, expires: TimeMs) -> Planned {
    Planned {
        subject: listing_subject(&event.sku),
        event: NoticeKind::SaleOpens.name().to_owned(),
        customer: None,
        facts: listing_facts(NoticeKind::SaleOpens, due, &event.sku, sale),
        due,
        expires,
    }
}

fn back_in_stock(decision: &Decision, sku: &Sku, sale: Option<String>) -> Planned {
    let kind = NoticeKind::BackInStock;
    Planned {
        subject: listing_subject(sku),
        event: format!("{}@{}", kind.name(), decision.time.0 / BACK_IN_STOCK_INTERVAL_MS),
        customer: None,
        facts: listing_facts(kind, decision.time, sku, sale),
        due: decision.time,
        expires: decision.time.after(kind.useful_ms()),
    }
}

fn listing_facts(kind: NoticeKind, time: TimeMs, sku: &Sku, sale: Option<String>) -> Facts {
    Facts {
        kind,
        time_ms: time.0,
        order: None,
        lines: vec![FactLine {
            sku: sku.to_string(),
            quantity: 0,
            unit_price: 0,
            state: LineState::Asked.name().to_owned(),
        }],
        currency: order_model::Currency::NONE.to_string(),
        total: 0,
        tax: 0,
        deadline_ms: 0,
        reason: None,
        payment: None,
        sale,
    }
}
