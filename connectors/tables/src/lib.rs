//! The DynamoDB tables: their definitions, a client for them, and what its errors mean.
//!
//! - [`Table`] names the tables; `schemas/dynamodb/` defines them.
//! - [`Tables`] is a client: against AWS, DynamoDB Local, or [`Local`] alike.
//! - [`Tables::create`] makes what is missing, [`Tables::check`] says what is wrong with what is there.
//! - [`classify`] turns every answer that is no success into a [`Verdict`]; [`verdict`] is its pure table.
//! - [`Local`] (feature `local`): DynamoDB in this process, for `demo`, tests and benchmarks.
//!
//! Promised: nothing here changes a table that exists, but for its expiry of items; no request is repeated behind the
//! caller's back, since only the caller knows what a repeat means.
//!
//! Not promised: backups, capacity, encryption keys, tags: whoever runs the tables sets them.

mod check;
mod classify;
mod client;
mod create;
mod definition;
mod error;
pub mod limits;
#[cfg(feature = "local")]
mod local;

pub use check::{Flaw, FlawKind};
pub use classify::{Failure, Verdict, classify, verdict};
pub use client::{TableOptions, Tables};
pub use create::Creation;
pub use definition::{Attribute, Definition, Expiry, Index, Key, KeyPart, Projection, Table};
pub use error::TablesError;
#[cfg(feature = "local")]
pub use local::Local;

pub use aws_sdk_dynamodb as sdk;
