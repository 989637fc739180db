//! The waiting room: tables, properties, followers over a log in memory, and one on a real broker.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

mod codec;
mod follower;
mod kafka;
mod memory;
mod pace;
mod properties;
mod simulation;
mod support;
mod table;
mod token;
mod writer;
