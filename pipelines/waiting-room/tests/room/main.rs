//! The waiting room: tables, properties, followers over a log in memory, and one on a real broker.

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
