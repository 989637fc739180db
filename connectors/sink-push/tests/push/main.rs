//! The sink against stand-ins on loopback: what is told, whom, how often, and what happens when a provider does not play
//! along.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod channels;
mod config;
mod delivery;
mod http;
mod laws;
mod notices;
#[path = "../../../sink-dynamodb/tests/dynamodb/proxy.rs"]
#[expect(dead_code, reason = "what only batches of statements need")]
mod proxy;
mod rig;
mod stores;
mod table_laws;
mod texts;
