//! The figures of the gateway.
//!
//! - [`requests`]: orders a second, one a request and in batches, in pairs with a bare handler that parses and answers the
//!   same and keeps nothing.
//! - [`connections`]: many open connections under a steady load, open loop: latency, errors, memory a connection.
//! - [`streams`]: how long a change of stock takes to all who follow it.
//!
//! Promised: the server is a process of its own ([`server`]), so that its processor time and memory are its own; every order
//! that was acknowledged is looked for in the log, at the place the answer named, and among the decisions, and a run that
//! misses one gives an error and no figure. Figures come with their settings, and none has to be good.
//!
//! Not promised: that figures of different machines can be compared, or that load and server do not take the processor from
//! each other: they share the machine. The log is a folder, so its worker is in the process of the server.

mod bare;
mod check;
mod child;
mod client;
pub mod connections;
mod error;
mod figures;
pub mod limits;
mod load;
pub mod requests;
mod sale;
pub mod server;
pub mod streams;

pub use check::Checked;
pub use child::ServerCommand;
pub use error::BenchError;
pub use figures::Quantiles;

/// How a run is going, in words.
pub type Say<'s> = &'s mut dyn FnMut(String);
