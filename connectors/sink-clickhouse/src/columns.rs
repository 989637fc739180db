//! The columns of `decisions_raw`: what the table has to have, and whether it has.

use order_model::{ListingEventKind, OrderEventKind, RejectReason};

use crate::row::{KIND_CUSTOMER_BLOCKED, KIND_CUSTOMER_UNBLOCKED, LISTING_KINDS_FROM, states};

/// A column as the engine names it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Column {
    pub(crate) name: String,
    pub(crate) kind: String,
}

/// The columns a row is written to, in the order in which they are sent.
pub(crate) fn columns() -> Vec<Column> {
    let time = "DateTime64(3, 'UTC')".to_owned();
    let plain = |name: &str, kind: &str| Column { name: name.to_owned(), kind: kind.to_owned() };
    vec![
        plain("partition", "UInt32"),
        plain("sequence", "UInt64"),
        plain("decisions_offset", "UInt64"),
        plain("orders_offset", "UInt64"),
        plain("time", &time),
        plain("recorded_at", &time),
        plain("kind", &enumeration("Enum8", kinds())),
        plain("reason", &enumeration("Enum16", reasons())),
        plain("order_id", "UUID"),
        plain("customer", "UUID"),
        plain("payment", "UUID"),
        plain("currency", "FixedString(3)"),
        plain("total", "Int64"),
        plain("tax", "Int64"),
        plain("deadline", &time),
        plain("lines", &lines()),
        plain("command_id", "UUID"),
        plain("delta", "Int64"),
        plain("settings_json", "String"),
        plain("encoding", "UInt8"),
    ]
}

fn lines() -> String {
    let state = enumeration("Enum8", states());
    format!(
        "Array(Tuple(sku String, quantity Int32, state {state}, unit_price Int64, has_stock Bool, free UInt32, \
         held UInt32, sold UInt32, waiting UInt32))"
    )
}

/// Names and numbers of what can be decided.
pub(crate) fn kinds() -> impl Iterator<Item = (&'static str, i16)> {
    let orders = OrderEventKind::ALL.iter().map(|kind| (kind.name(), i16::from(kind.number())));
    let listings = ListingEventKind::ALL
        .iter()
        .map(|kind| (listing_kind(*kind), i16::from(LISTING_KINDS_FROM + kind.number())));
    let customers = [
        ("customer_blocked", i16::from(KIND_CUSTOMER_BLOCKED)),
        ("customer_unblocked", i16::from(KIND_CUSTOMER_UNBLOCKED)),
    ];
    orders.chain(listings).chain(customers)
}

fn listing_kind(kind: ListingEventKind) -> &'static str {
    match kind {
        ListingEventKind::Opened => "listing_opened",
        ListingEventKind::Changed => "listing_changed",
        ListingEventKind::Restocked => "listing_restocked",
        ListingEventKind::Paused => "listing_paused",
        ListingEventKind::Resumed => "listing_resumed",
        ListingEventKind::Closed => "listing_closed",
        ListingEventKind::Refused => "listing_refused",
        ListingEventKind::Revealed => "listing_revealed",
    }
}

/// Names and numbers of reasons; none has no name.
pub(crate) fn reasons() -> impl Iterator<Item = (&'static str, i16)> {
    let known = RejectReason::ALL
        .iter()
        .filter_map(|reason| Some((reason.name(), i16::try_from(reason.number()).ok()?)));
    std::iter::once(("", 0)).chain(known)
}

/// An enum as the engine writes it: members by number.
fn enumeration(name: &str, members: impl Iterator<Item = (&'static str, i16)>) -> String {
    let mut members: Vec<_> = members.collect();
    members.sort_by_key(|(_, number)| *number);
    let members: Vec<_> = members.iter().map(|(member, number)| format!("'{member}' = {number}")).collect();
    format!("{name}({})", members.join(", "))
}

/// What is wrong with the table that has the columns `found`: `None` when all of `ours` are there with their types. Columns
/// of somebody else's do no harm.
pub(crate) fn wrong_with(ours: &[Column], found: &[Column]) -> Option<String> {
    let mut wrong = Vec::new();
    for column in ours {
        match found.iter().find(|other| other.name == column.name) {
            None => wrong.push(format!("column {} is missing", column.name)),
            Some(other) if other.kind != column.kind => {
                wrong.push(format!("column {} is {} and has to be {}", column.name, other.kind, column.kind));
            }
            Some(_) => {}
        }
    }
    (!wrong.is_empty()).then(|| wrong.join("; "))
}
