//! The ledger: the deterministic state machine that owns the stock of one partition and decides its orders.
//!
//! ```
//! use order_core::{Effects, Ledger, Outcome, Shape};
//! use order_model::{Command, Offset, Partition, Position, TimeMs};
//!
//! let mut ledger = Ledger::new(Shape::of(Partition(0), 1));
//! let mut effects = Effects::default();
//! let at = Position { partition: Partition(0), offset: Offset(0), time: TimeMs(1) };
//! assert_eq!(ledger.apply(at, &Command::Tick, &mut effects), Outcome::Advanced);
//! ```
//!
//! It promises: the same commands at the same positions give the same effects and the same [`Certificate`], bit for
//! bit, wherever and whenever they are applied. For every listing, at every position, `free + held + sold` is all
//! the stock there ever was. Memory is bounded by the orders remembered, and they are forgotten in log time.
//!
//! It knows no clock, no randomness, no Kafka, no Avro, no configuration file and no other ledger: time is the
//! record's, parameters arrive as commands, other ledgers are reached by relays. It does not check who sent a
//! command; whoever feeds it has.

mod allowance;
mod calendar;
mod cancel;
mod certificate;
mod customers;
mod draw;
mod effects;
mod housekeeping;
mod ledger;
mod lifecycle;
mod listing;
mod listing_commands;
mod listings;
mod order;
mod orders;
mod own_lines;
mod place;
mod relays;
mod reserve;
mod settle;
mod table;
mod waitlist;

pub use certificate::{Certificate, combine};
pub use effects::{Effects, Outcome};
pub use ledger::{Counts, Ledger, Shape};
