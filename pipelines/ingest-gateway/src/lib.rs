//! The ingest gateway: people and programs place orders over HTTP and gRPC, and hear what became of them.
//!
//! ```text
//!   HTTP, gRPC ──▶ service ──commands──▶ door thread ──batches──▶ orders
//!                    ▲                      └── acknowledged: only then 202
//!                    └── board thread ◀── decisions
//! ```
//!
//! Promised:
//! - 202 means that the log has the order; its outcome is fixed. A time-out on the way is answered as unknown, never as
//!   failed, and the same request asked again settles it.
//! - It keeps no state that matters: any number of gateways run on one log, and each may be killed at any point.
//! - Everything that waits is bounded by [`limits`]: requests, connections, streams, commands, what is remembered.
//!
//! Not promised: that an order from long ago is remembered; that two gateways have read equally far.
//!
//! It decides nothing about orders. What it refuses by itself it does not write, and says how far it had read.

mod addresses;
pub mod board;
pub mod door;
mod frame;
pub mod grpc;
pub mod http;
pub mod identity;
pub mod limits;
pub mod people;
pub mod rooms;
pub mod server;
pub mod service;
pub mod shop;
pub mod together;
pub mod views;
