//! Brings decisions into DynamoDB: orders, inventory and payments, each item as new as the log.
//!
//! - [`DynamoDb`] is the sink's target; [`loop_limits`](limits::loop_limits) are the loop's limits that suit it.
//! - [`items_of`] and [`Fold`] say, from decisions alone, what the tables hold once those are written; [`scan`] reads the
//!   tables back in the same form, [`repair`] mends an item. `reconcile` is made of these.
//! - [`measure`] times the same work, for `pipeline bench sinks`.
//! - [`history`] reads a customer's orders through the index, [`stored_order`] one by its id.
//!
//! Promised: an item never goes back to an older decision, whoever writes it, however late and however often; progress is
//! said after everything before it is in the tables. The stock of a SKU is written once a flush, and at most once in
//! [`Options::stock_interval`], however many orders there are.
//!
//! Not promised: that every state of an order is seen in the table: states that follow each other within a flush are
//! written as the newest of them.

mod classify;
mod client;
mod config;
mod encode;
mod fold;
mod history;
mod item;
pub mod limits;
mod measure;
mod pace;
mod progress;
mod scan;
mod sink;
mod statement;
mod status;
mod stored;

pub use crate::sink::{DynamoDb, StatusReader, TABLES};
pub use config::{Options, Retention};
pub use fold::{Fold, items_of};
pub use history::{HISTORY_ORDERS_MAX, history};
pub use item::{Attributes, Item, Key, Value};
pub use measure::{MeasureError, Measured, measure};
pub use progress::{forget_progress, note_progress, noted_progress};
pub use scan::{Repair, repair, scan, scan_each};
pub use status::Status;
pub use stored::{StoredOrder, stored_order};
