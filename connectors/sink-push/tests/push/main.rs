//! The sink against stand-ins on loopback: what is told, whom, how often, and what happens when a provider does not play
//! along.

#![expect(clippy::unwrap_used, reason = "a test that cannot be set up has failed")]

mod channels;
mod delivery;
mod http;
mod laws;
mod notices;
mod rig;
mod stores;
mod texts;
