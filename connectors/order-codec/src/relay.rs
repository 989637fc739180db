//! What ledgers send each other, inside the command schema.

use order_model::{CustomerId, OrderId, Relay, RelayBody, RelayLine, RelayLines, Reserve, ReserveAnswer};

use crate::Version;
use crate::avro::{Cursor, Encode, Read, array, invalid};
use crate::command::{read_forwarded, write_forwarded};
use crate::limits::LINES_READABLE_MAX;

const FORWARD: i64 = 0;
const RESERVE: i64 = 1;
const ANSWER: i64 = 2;
const CONFIRM: i64 = 3;
const RELEASE: i64 = 4;

pub(crate) fn read_relay(cursor: &mut Cursor<'_>, version: Version) -> Read<Relay> {
    Ok(Relay {
        from: cursor.partition("from")?,
        number: cursor.relay_number("number")?,
        body: read_body(cursor, version)?,
    })
}

fn read_body(cursor: &mut Cursor<'_>, version: Version) -> Read<RelayBody> {
    Ok(match cursor.long("body")? {
        FORWARD => RelayBody::Forward(Box::new(read_forwarded(cursor, version)?)),
        RESERVE => RelayBody::Reserve(Box::new(Reserve {
            home: cursor.partition("body.home")?,
            order: OrderId(cursor.id("body.order")?),
            customer: CustomerId(cursor.id("body.customer")?),
            currency: cursor.currency("body.currency")?,
            partial: cursor.boolean("body.partial")?,
            lines: read_lines(cursor)?,
        })),
        ANSWER => RelayBody::Answer(Box::new(ReserveAnswer {
            order: OrderId(cursor.id("body.order")?),
            refused: cursor.reason("body.refused")?,
            lines: read_lines(cursor)?,
        })),
        CONFIRM => RelayBody::Confirm { order: OrderId(cursor.id("body.order")?) },
        RELEASE => RelayBody::Release { order: OrderId(cursor.id("body.order")?) },
        _ => return Err(invalid("body", "no such member of the union")),
    })
}

fn read_lines(cursor: &mut Cursor<'_>) -> Read<RelayLines> {
    let mut lines = RelayLines::new();
    cursor.array("body.lines", LINES_READABLE_MAX, |cursor| {
        lines.push(RelayLine {
            sku: cursor.sku("body.lines.sku")?,
            quantity: cursor.u32("body.lines.quantity")?,
            state: cursor.line_state("body.lines.state")?,
            unit_price: cursor.long("body.lines.unit_price")?,
            tax: cursor.long("body.lines.tax")?,
        });
        Ok(())
    })?;
    Ok(lines)
}

pub(crate) fn write_relay(relay: &Relay, version: Version, out: &mut Vec<u8>) {
    out.partition(relay.from);
    out.unsigned(relay.number.0);
    match &relay.body {
        RelayBody::Forward(command) => {
            out.long(FORWARD);
            write_forwarded(command, version, out);
        }
        RelayBody::Reserve(reserve) => {
            out.long(RESERVE);
            out.partition(reserve.home);
            out.fixed(&reserve.order.0);
            out.fixed(&reserve.customer.0);
            out.text(reserve.currency.as_bytes());
            out.boolean(reserve.partial);
            write_lines(&reserve.lines, out);
        }
        RelayBody::Answer(answer) => {
            out.long(ANSWER);
            out.fixed(&answer.order.0);
            out.reason(answer.refused);
            write_lines(&answer.lines, out);
        }
        RelayBody::Confirm { order } => {
            out.long(CONFIRM);
            out.fixed(&order.0);
        }
        RelayBody::Release { order } => {
            out.long(RELEASE);
            out.fixed(&order.0);
        }
    }
}

fn write_lines(lines: &[RelayLine], out: &mut Vec<u8>) {
    array(out, lines, |out, line| {
        out.text(line.sku.as_bytes());
        out.long(i64::from(line.quantity));
        out.long(i64::from(line.state.number()));
        out.long(line.unit_price);
        out.long(line.tax);
    });
}
