//! The command schema by hand, both versions: bytes to [`Command`] and back. Only the settings of listings differ.

use order_model::{
    Cancel, Command, CommandId, CustomerCommand, CustomerId, Extend, Line, Lines, ListingChange,
    ListingCommand, OrderId, PaymentId, PaymentResult, Place, Seed, Settle,
};

use crate::Version;
use crate::avro::{Cursor, Encode, Read, array, invalid};
use crate::limits::LINES_READABLE_MAX;
use crate::relay::{read_relay, write_relay};
use crate::settings::{read_settings, write_settings};

/// The union's members, by their place in it.
mod branch {
    pub(super) const PLACE: i64 = 0;
    pub(super) const CANCEL: i64 = 1;
    pub(super) const TICK: i64 = 2;
    pub(super) const SETTLE: i64 = 3;
    pub(super) const EXTEND: i64 = 4;
    pub(super) const LISTING: i64 = 5;
    pub(super) const CUSTOMER: i64 = 6;
    pub(super) const RELAY: i64 = 7;

    pub(super) const OPEN: i64 = 0;
    pub(super) const CHANGE: i64 = 1;
    pub(super) const RESTOCK: i64 = 2;
    pub(super) const PAUSE: i64 = 3;
    pub(super) const RESUME: i64 = 4;
    pub(super) const CLOSE: i64 = 5;
    /// From version 2 on.
    pub(super) const REVEAL: i64 = 6;
}

const CAPTURED: i32 = 1;
const DECLINED: i32 = 2;

#[inline]
pub(crate) fn read_command(cursor: &mut Cursor<'_>, version: Version) -> Read<Command> {
    match cursor.long("body")? {
        branch::PLACE => read_place(cursor).map(Command::Place),
        branch::RELAY => read_relay(cursor, version).map(Command::Relay),
        other => read_other(cursor, other, version),
    }
}

/// A command inside a relay: any but a relay, so that reading nests once and no deeper.
pub(crate) fn read_forwarded(cursor: &mut Cursor<'_>, version: Version) -> Read<Command> {
    match cursor.long("body.command")? {
        branch::PLACE => read_place(cursor).map(Command::Place),
        other => read_other(cursor, other, version),
    }
}

fn read_other(cursor: &mut Cursor<'_>, branch: i64, version: Version) -> Read<Command> {
    Ok(match branch {
        branch::CANCEL => Command::Cancel(Cancel {
            order: OrderId(cursor.id("order")?),
            customer: CustomerId(cursor.id("customer")?),
            sku: cursor.sku("sku")?,
        }),
        branch::TICK => Command::Tick,
        branch::SETTLE => Command::Settle(read_settle(cursor)?),
        branch::EXTEND => Command::Extend(Extend {
            order: OrderId(cursor.id("order")?),
            sku: cursor.sku("sku")?,
            number: cursor.u32("number")?,
        }),
        branch::LISTING => Command::Listing(read_listing(cursor, version)?),
        branch::CUSTOMER => Command::Customer(CustomerCommand {
            id: CommandId(cursor.id("id")?),
            customer: CustomerId(cursor.id("customer")?),
            blocked: cursor.boolean("blocked")?,
        }),
        _ => return Err(invalid("body", "no such member of the union")),
    })
}

#[inline]
fn read_place(cursor: &mut Cursor<'_>) -> Read<Place> {
    let mut place = Place {
        order: OrderId(cursor.id("order")?),
        customer: CustomerId(cursor.id("customer")?),
        currency: cursor.currency("currency")?,
        partial: cursor.boolean("partial")?,
        lines: Lines::new(),
    };
    cursor.array("lines", LINES_READABLE_MAX, |cursor| {
        place.lines.push(Line { sku: cursor.sku("lines.sku")?, quantity: cursor.int("lines.quantity")? });
        Ok(())
    })?;
    Ok(place)
}

fn read_settle(cursor: &mut Cursor<'_>) -> Read<Settle> {
    Ok(Settle {
        order: OrderId(cursor.id("order")?),
        sku: cursor.sku("sku")?,
        payment: PaymentId(cursor.id("payment")?),
        amount: cursor.long("amount")?,
        currency: cursor.currency("currency")?,
        result: match cursor.int("result")? {
            CAPTURED => PaymentResult::Captured,
            DECLINED => PaymentResult::Declined,
            _ => return Err(invalid("result", "is neither 1 (captured) nor 2 (declined)")),
        },
    })
}

fn read_listing(cursor: &mut Cursor<'_>, version: Version) -> Read<ListingCommand> {
    Ok(ListingCommand {
        id: CommandId(cursor.id("id")?),
        sku: cursor.sku("sku")?,
        change: match cursor.long("change")? {
            branch::OPEN => ListingChange::Open {
                settings: Box::new(read_settings(cursor, version)?),
                stock: cursor.long("change.stock")?,
            },
            branch::CHANGE => ListingChange::Change(Box::new(read_settings(cursor, version)?)),
            branch::RESTOCK => ListingChange::Restock { delta: cursor.long("change.delta")? },
            branch::PAUSE => ListingChange::Pause,
            branch::RESUME => ListingChange::Resume,
            branch::CLOSE => ListingChange::Close,
            branch::REVEAL if version == Version::V2 => {
                ListingChange::Reveal { seed: Seed(cursor.fixed("change.seed")?) }
            }
            _ => return Err(invalid("change", "no such member of the union")),
        },
    })
}

/// Writes a command. A relay that forwards a relay is a bug of the caller and stops the program: no reader takes it.
#[inline]
pub(crate) fn write_command(command: &Command, version: Version, out: &mut Vec<u8>) {
    match command {
        Command::Place(place) => write_place(place, out),
        Command::Relay(relay) => {
            out.long(branch::RELAY);
            write_relay(relay, version, out);
        }
        other => write_other(other, version, out),
    }
}

pub(crate) fn write_forwarded(command: &Command, version: Version, out: &mut Vec<u8>) {
    match command {
        Command::Place(place) => write_place(place, out),
        Command::Relay(_) => panic!("a relay forwards a relay, which the command schema rules out"),
        other => write_other(other, version, out),
    }
}

#[inline]
fn write_place(place: &Place, out: &mut Vec<u8>) {
    out.long(branch::PLACE);
    out.fixed(&place.order.0);
    out.fixed(&place.customer.0);
    out.text(place.currency.as_bytes());
    out.boolean(place.partial);
    array(out, &place.lines, |out, line| {
        out.text(line.sku.as_bytes());
        out.long(i64::from(line.quantity));
    });
}

fn write_other(command: &Command, version: Version, out: &mut Vec<u8>) {
    match command {
        Command::Place(_) | Command::Relay(_) => {}
        Command::Cancel(cancel) => {
            out.long(branch::CANCEL);
            out.fixed(&cancel.order.0);
            out.fixed(&cancel.customer.0);
            out.text(cancel.sku.as_bytes());
        }
        Command::Tick => out.long(branch::TICK),
        Command::Settle(settle) => write_settle(settle, out),
        Command::Extend(extend) => {
            out.long(branch::EXTEND);
            out.fixed(&extend.order.0);
            out.text(extend.sku.as_bytes());
            out.long(i64::from(extend.number));
        }
        Command::Listing(listing) => write_listing(listing, version, out),
        Command::Customer(customer) => {
            out.long(branch::CUSTOMER);
            out.fixed(&customer.id.0);
            out.fixed(&customer.customer.0);
            out.boolean(customer.blocked);
        }
    }
}

fn write_settle(settle: &Settle, out: &mut Vec<u8>) {
    out.long(branch::SETTLE);
    out.fixed(&settle.order.0);
    out.text(settle.sku.as_bytes());
    out.fixed(&settle.payment.0);
    out.long(settle.amount);
    out.text(settle.currency.as_bytes());
    out.long(i64::from(match settle.result {
        PaymentResult::Captured => CAPTURED,
        PaymentResult::Declined => DECLINED,
    }));
}

fn write_listing(listing: &ListingCommand, version: Version, out: &mut Vec<u8>) {
    out.long(branch::LISTING);
    out.fixed(&listing.id.0);
    out.text(listing.sku.as_bytes());
    match &listing.change {
        ListingChange::Open { settings, stock } => {
            out.long(branch::OPEN);
            write_settings(settings, version, out);
            out.long(*stock);
        }
        ListingChange::Change(settings) => {
            out.long(branch::CHANGE);
            write_settings(settings, version, out);
        }
        ListingChange::Restock { delta } => {
            out.long(branch::RESTOCK);
            out.long(*delta);
        }
        ListingChange::Pause => out.long(branch::PAUSE),
        ListingChange::Resume => out.long(branch::RESUME),
        ListingChange::Close => out.long(branch::CLOSE),
        ListingChange::Reveal { seed } => {
            assert_eq!(version, Version::V2, "bug: version 1 of the command schema has no reveal");
            out.long(branch::REVEAL);
            out.fixed(&seed.0);
        }
    }
}
