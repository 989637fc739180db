//! The commands: one file a noun, each with its `Args` and its `run`. A new noun is a file here and a member of
//! [`crate::cli::Command`].

pub mod account;
pub mod analytics;
pub mod bench;
pub mod catalogue;
pub mod completions;
pub mod config;
pub mod customer;
pub mod demo;
pub mod dev;
pub mod gateway;
pub mod keys;
pub mod listing;
pub mod log;
pub mod notices;
pub mod order;
pub mod payment;
pub mod prove;
pub mod query;
pub mod reconcile;
pub mod sale;
pub mod sim;
pub mod sink;
pub mod table;
pub mod topic;
mod wait;
pub mod worker;
