//! Bodies of requests, as JSON has them.

use order_model::{
    Commitment, Currency, CustomerId, Line, ListingSettings, OrderId, PriceStep, Seed, Sku, TimeMs,
};
use serde::Deserialize;
use utoipa::ToSchema;
use waiting_room::RoomPlan;
use waiting_room::limits::ROOM_PEOPLE_USUAL;

use super::json::{Object, Text, Time};
use crate::limits::{HOLD_MS_USUAL, RETENTION_MS_USUAL};
use crate::service::{ListingAsk, PlaceAsk, SaleAsk};

/// An order.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = OrderRequest)]
pub(crate) struct OrderBody {
    /// Names the order; a repeat gets the first answer. Left out: derived from the Idempotency-Key, else random.
    #[schema(value_type = Option<String>, format = "uuid")]
    order_id: Option<Text<OrderId>>,
    /// Whose it is; needs the role `producer` when not the bearer's.
    #[schema(value_type = Option<String>, format = "uuid")]
    customer: Option<Text<CustomerId>>,
    /// What is asked for: 1 to 16 lines of different SKUs.
    #[schema(value_type = Vec<LineBody>)]
    lines: Vec<Object<LineBody>>,
    /// The currency to pay in, ISO 4217; left out: that of the first listing.
    #[schema(value_type = Option<String>)]
    currency: Option<Text<Currency>>,
    /// Leave out lines that cannot be had, instead of taking all or nothing.
    #[serde(default)]
    partial: bool,
}

/// A line of an order.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = LineRequest)]
pub(crate) struct LineBody {
    /// What.
    #[schema(value_type = String)]
    sku: Text<Sku>,
    /// How many, from 1 to 10,000.
    quantity: i32,
}

impl From<OrderBody> for PlaceAsk {
    fn from(body: OrderBody) -> Self {
        Self {
            order: body.order_id.map(|Text(order)| order),
            customer: body.customer.map(|Text(customer)| customer),
            lines: body
                .lines
                .iter()
                .map(|Object(line)| Line { sku: line.sku.0, quantity: line.quantity })
                .collect(),
            currency: body.currency.map(|Text(currency)| currency),
            partial: body.partial,
        }
    }
}

/// Several orders.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = BatchRequest)]
pub(crate) struct BatchBody {
    /// At most 1,000.
    #[schema(value_type = Vec<OrderBody>)]
    pub(crate) orders: Vec<Object<OrderBody>>,
}

/// A sale to open or to change.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SaleRequest)]
pub(crate) struct SaleBody {
    /// Its name.
    name: String,
    /// What it is sold in, ISO 4217.
    #[schema(value_type = String)]
    currency: Text<Currency>,
    /// Its waiting room; left out: none is opened, and one that is open stays.
    #[schema(value_type = Option<RoomBody>)]
    room: Option<Object<RoomBody>>,
    /// At most 1,000.
    #[schema(value_type = Vec<ListingBody>)]
    listings: Vec<Object<ListingBody>>,
}

impl SaleBody {
    /// Its waiting room, if it is to have one.
    fn room(&self) -> Option<RoomPlan> {
        self.room.as_ref().map(|Object(room)| RoomPlan {
            window_ms: room.window_ms,
            opens_at: or_zero(room.opens_at),
            closes_at: or_zero(room.closes_at),
            people_max: room.people_max,
        })
    }
}

/// The waiting room of a sale.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RoomRequest)]
pub(crate) struct RoomBody {
    /// How long before the opening people may enter, to be drawn at it, in milliseconds; zero: there is no draw.
    #[serde(default)]
    window_ms: u64,
    /// When people are admitted from; left out: at once.
    #[schema(value_type = Option<String>, format = "date-time")]
    opens_at: Option<Time>,
    /// When the room closes, and everybody may order; left out: after 30 days.
    #[schema(value_type = Option<String>, format = "date-time")]
    closes_at: Option<Time>,
    /// Most people it takes.
    #[serde(default = "room_people")]
    people_max: u32,
}

fn room_people() -> u32 {
    ROOM_PEOPLE_USUAL
}

/// A listing of a sale.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ListingRequest)]
pub(crate) struct ListingBody {
    /// What is sold.
    #[schema(value_type = String)]
    sku: Text<Sku>,
    /// Units it opens with; one that is open keeps what it has.
    stock: u32,
    /// The price list, at least one step; the first without conditions.
    #[schema(value_type = Vec<PriceBody>)]
    prices: Vec<Object<PriceBody>>,
    /// When it opens; left out: at once.
    #[schema(value_type = Option<String>, format = "date-time")]
    opens_at: Option<Time>,
    /// When it closes; left out: never.
    #[schema(value_type = Option<String>, format = "date-time")]
    closes_at: Option<Time>,
    /// Most units for one customer; zero: no limit.
    #[serde(default)]
    limit_per_customer: u32,
    /// How long a hold lasts, in milliseconds.
    #[serde(default = "hold_ms")]
    hold_ms: u64,
    /// How often a hold may be extended.
    #[serde(default)]
    extensions_max: u32,
    /// Most orders that may wait; zero: no waitlist.
    #[serde(default)]
    waitlist_max: u32,
    /// How long an order is remembered after its end, in milliseconds.
    #[serde(default = "retention_ms")]
    retention_ms: u64,
    /// Tax included in prices, in basis points.
    #[serde(default)]
    tax_bp: u16,
    /// Where it is drawn: BLAKE3 of the seed, in hexadecimal digits.
    #[schema(value_type = Option<String>)]
    draw: Option<Text<Commitment>>,
}

fn hold_ms() -> u64 {
    HOLD_MS_USUAL
}

fn retention_ms() -> u64 {
    RETENTION_MS_USUAL
}

/// A step of a price list.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PriceRequest)]
pub(crate) struct PriceBody {
    /// Price of one unit, tax included, in minor units.
    unit_price: i64,
    /// In force from this time.
    #[schema(value_type = Option<String>, format = "date-time")]
    from_time: Option<Time>,
    /// In force once this many units are held or sold.
    #[serde(default)]
    from_units: u32,
}

fn or_zero(time: Option<Time>) -> TimeMs {
    time.map_or(TimeMs(0), |Time(time)| time)
}

impl From<SaleBody> for SaleAsk {
    fn from(body: SaleBody) -> Self {
        let room = body.room();
        let SaleBody { name, currency: Text(currency), listings, .. } = body;
        let listing = |Object(listing): Object<ListingBody>| ListingAsk {
            sku: listing.sku.0,
            stock: listing.stock,
            settings: ListingSettings {
                sale: name.clone(),
                currency,
                opens_at: or_zero(listing.opens_at),
                closes_at: or_zero(listing.closes_at),
                limit_per_customer: listing.limit_per_customer,
                hold_ms: listing.hold_ms,
                extensions_max: listing.extensions_max,
                waitlist_max: listing.waitlist_max,
                retention_ms: listing.retention_ms,
                tax_bp: listing.tax_bp,
                prices: listing.prices.iter().map(|Object(step)| price(step)).collect(),
                draw: listing.draw.map(|Text(draw)| draw),
            },
        };
        let listings = listings.into_iter().map(listing).collect();
        Self { name, room, listings }
    }
}

fn price(step: &PriceBody) -> PriceStep {
    PriceStep { from_time: or_zero(step.from_time), from_units: step.from_units, unit_price: step.unit_price }
}

/// Units to add.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RestockRequest)]
pub(crate) struct RestockBody {
    /// How many; free ones are taken away when negative.
    pub(crate) units: i64,
}

/// The seed of a draw.
#[derive(Clone, PartialEq, Eq, Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RevealRequest)]
pub(crate) struct RevealBody {
    /// In hexadecimal digits.
    #[schema(value_type = String)]
    pub(crate) seed: Text<Seed>,
}
