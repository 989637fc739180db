//! The decision schema by hand, both versions: bytes to [`Decision`] and back. Only events of listings differ.

use order_model::{
    CommandId, CustomerEvent, CustomerId, DecidedLine, DecidedLines, Decision, Event, ListingEvent,
    ListingEventKind, OrderEvent, OrderEventKind, OrderId, PaymentId, Seed, Stock,
};

use crate::Version;
use crate::avro::{Cursor, Encode, Read, array, invalid};
use crate::limits::LINES_READABLE_MAX;
use crate::settings::{read_settings, write_settings};

const ORDER: i64 = 0;
const LISTING: i64 = 1;
const CUSTOMER: i64 = 2;

/// Room for a decision about one line, so that writing one grows the buffer at most once.
const DECISION_BYTES_USUAL: usize = 160;

pub(crate) fn read_decision(cursor: &mut Cursor<'_>, version: Version) -> Read<Decision> {
    Ok(Decision {
        partition: cursor.partition("partition")?,
        sequence: cursor.sequence("sequence")?,
        offset: cursor.offset("offset")?,
        time: cursor.time("time")?,
        event: match cursor.long("event")? {
            ORDER => Event::Order(read_order(cursor)?),
            LISTING => Event::Listing(Box::new(read_listing(cursor, version)?)),
            CUSTOMER => Event::Customer(CustomerEvent {
                id: CommandId(cursor.id("id")?),
                customer: CustomerId(cursor.id("customer")?),
                blocked: cursor.boolean("blocked")?,
                reason: cursor.reason("reason")?,
            }),
            _ => return Err(invalid("event", "no such member of the union")),
        },
    })
}

fn read_order(cursor: &mut Cursor<'_>) -> Read<OrderEvent> {
    let kind = u8::try_from(cursor.int("kind")?).ok().and_then(OrderEventKind::from_number);
    let mut event = OrderEvent {
        kind: kind.ok_or_else(|| invalid("kind", "no event of an order has this number"))?,
        reason: cursor.reason("reason")?,
        order: OrderId(cursor.id("order")?),
        customer: CustomerId(cursor.id("customer")?),
        currency: cursor.currency("currency")?,
        total: cursor.long("total")?,
        tax: cursor.long("tax")?,
        deadline: cursor.time("deadline")?,
        payment: if cursor.present("payment")? { Some(PaymentId(cursor.id("payment")?)) } else { None },
        lines: DecidedLines::new(),
    };
    cursor.array("lines", LINES_READABLE_MAX, |cursor| {
        event.lines.push(DecidedLine {
            sku: cursor.sku("lines.sku")?,
            quantity: cursor.int("lines.quantity")?,
            state: cursor.line_state("lines.state")?,
            unit_price: cursor.long("lines.unit_price")?,
            stock: if cursor.present("lines.stock")? { Some(read_stock(cursor)?) } else { None },
        });
        Ok(())
    })?;
    Ok(event)
}

fn read_listing(cursor: &mut Cursor<'_>, version: Version) -> Read<ListingEvent> {
    let kind = u8::try_from(cursor.int("kind")?).ok().and_then(ListingEventKind::from_number);
    Ok(ListingEvent {
        kind: kind.ok_or_else(|| invalid("kind", "no event of a listing has this number"))?,
        reason: cursor.reason("reason")?,
        id: CommandId(cursor.id("id")?),
        sku: cursor.sku("sku")?,
        delta: cursor.long("delta")?,
        stock: read_stock(cursor)?,
        settings: if cursor.present("settings")? { Some(read_settings(cursor, version)?) } else { None },
        seed: match version {
            Version::V2 if cursor.present("seed")? => Some(Seed(cursor.fixed("seed")?)),
            _ => None,
        },
    })
}

fn read_stock(cursor: &mut Cursor<'_>) -> Read<Stock> {
    Ok(Stock {
        free: cursor.u32("stock.free")?,
        held: cursor.u32("stock.held")?,
        sold: cursor.u32("stock.sold")?,
        waiting: cursor.u32("stock.waiting")?,
    })
}

#[inline]
pub(crate) fn write_decision(decision: &Decision, version: Version, out: &mut Vec<u8>) {
    out.reserve(DECISION_BYTES_USUAL);
    out.partition(decision.partition);
    out.unsigned(decision.sequence.0);
    out.unsigned(decision.offset.0);
    out.unsigned(decision.time.0);
    match &decision.event {
        Event::Order(event) => {
            out.long(ORDER);
            write_order(event, out);
        }
        Event::Listing(event) => {
            out.long(LISTING);
            write_listing(event, version, out);
        }
        Event::Customer(event) => {
            out.long(CUSTOMER);
            out.fixed(&event.id.0);
            out.fixed(&event.customer.0);
            out.boolean(event.blocked);
            out.reason(event.reason);
        }
    }
}

#[inline]
fn write_order(event: &OrderEvent, out: &mut Vec<u8>) {
    out.long(i64::from(event.kind.number()));
    out.reason(event.reason);
    out.fixed(&event.order.0);
    out.fixed(&event.customer.0);
    out.text(event.currency.as_bytes());
    out.long(event.total);
    out.long(event.tax);
    out.unsigned(event.deadline.0);
    out.present(event.payment.is_some());
    if let Some(payment) = &event.payment {
        out.fixed(&payment.0);
    }
    array(out, &event.lines, |out, line| {
        out.text(line.sku.as_bytes());
        out.long(i64::from(line.quantity));
        out.long(i64::from(line.state.number()));
        out.long(line.unit_price);
        out.present(line.stock.is_some());
        if let Some(stock) = &line.stock {
            write_stock(stock, out);
        }
    });
}

fn write_listing(event: &ListingEvent, version: Version, out: &mut Vec<u8>) {
    out.long(i64::from(event.kind.number()));
    out.reason(event.reason);
    out.fixed(&event.id.0);
    out.text(event.sku.as_bytes());
    out.long(event.delta);
    write_stock(&event.stock, out);
    out.present(event.settings.is_some());
    if let Some(settings) = &event.settings {
        write_settings(settings, version, out);
    }
    assert!(version == Version::V2 || event.seed.is_none(), "bug: version 1 of the schemas has no seed");
    if version == Version::V2 {
        out.present(event.seed.is_some());
        if let Some(seed) = &event.seed {
            out.fixed(&seed.0);
        }
    }
}

#[inline]
fn write_stock(stock: &Stock, out: &mut Vec<u8>) {
    for number in [stock.free, stock.held, stock.sold, stock.waiting] {
        out.long(i64::from(number));
    }
}
