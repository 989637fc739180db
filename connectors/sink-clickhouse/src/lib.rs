//! Decisions into ClickHouse: raw, by order, rolled up, and views that answer questions.
//!
//! Promised: every decision counts once, in the tables and in the roll-ups, however often and however late it is written
//! and by whom; progress is read off the database and says too little at most; an engine that is away, full or slow loses
//! nothing. Why, says the README.
//!
//! Not promised: that the tables are right after somebody changed them by hand. [`Database::read_back`] and
//! [`Database::derived_differences_upto`] find that, [`Database::rewrite`] and [`Database::rebuild`] mend it.

pub mod backlog;
mod classify;
mod client;
mod columns;
mod config;
mod decode;
mod derive;
mod encode;
mod facts;
pub mod limits;
mod migrations;
mod native;
mod reconcile;
mod rollup;
mod row;
mod sink;
mod tables;

pub use classify::classify;
pub use client::Database;
pub use config::Config;
pub use derive::span_of;
pub use encode::Block;
pub use migrations::{MIGRATIONS, Migration, MigrationError, Plan, apply, plan};
pub use reconcile::{DerivedDifference, Difference, DifferenceKind, differences};
pub use row::{Row, RowError, RowLine, row_of};
pub use sink::{ClickHouse, NAME};
