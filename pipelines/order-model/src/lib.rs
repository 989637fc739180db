//! The words every other crate speaks: commands, decisions, reject reasons, positions, money and limits.
//!
//! It promises plain values with documented units and no behaviour beyond parsing, arithmetic and routing.
//! It knows no Avro, no Kafka, no clock, and does not know how a ledger decides: the ledger (`order-core`)
//! and the auditor that checks it (`order-audit`) share these types and nothing else.

mod command;
mod decision;
mod draw;
mod ids;
pub mod limits;
mod money;
mod position;
mod reject;
mod relay;
mod route;
mod sku;

pub use command::{
    Cancel, Command, CustomerCommand, Extend, Line, Lines, ListingChange, ListingCommand, ListingSettings,
    PaymentResult, Place, PriceStep, Settle,
};
pub use decision::{
    CustomerEvent, DecidedLine, DecidedLines, Decision, Event, LineState, ListingEvent, ListingEventKind,
    OrderEvent, OrderEventKind, Stock,
};
pub use draw::{Commitment, DrawTextError, Seed};
pub use ids::{CommandId, CustomerId, IdError, OrderId, PaymentId};
pub use money::{Currency, CurrencyError, MinorUnits, included_tax, line_total, show_amount};
pub use position::{Offset, Partition, Position, RelayNumber, Sequence, TimeMs};
pub use reject::RejectReason;
pub use relay::{Relay, RelayBody, RelayLine, RelayLines, Reserve, ReserveAnswer};
pub use route::{partition_of, partition_of_key};
pub use sku::{Sku, SkuError};
