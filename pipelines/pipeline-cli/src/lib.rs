//! The command line of Doorbuster, binary `pipeline`: one noun a subcommand, data on standard output, the rest on
//! standard error, [`ExitCode`] for scripts.
//!
//! It reads and writes the log and never decides: what becomes of an order is the ledger's business alone. Failures
//! say what failed, why, and the command to try next.

pub mod cli;
pub mod commands;
pub mod config;
pub mod context;
pub mod decisions;
pub mod draws;
mod exit_code;
pub mod failure;
pub mod gateway;
pub mod keys;
pub mod listings;
pub mod live;
pub mod money;
pub mod nearest;
pub mod notes;
pub mod output;
pub mod outputs;
pub mod progress;
pub mod push;
pub mod random;
pub mod sale;
pub mod scan;
pub mod signals;
pub mod sinks;
pub mod stores;
pub mod submit;
pub mod times;
pub mod toml_file;
pub mod view;

pub use exit_code::ExitCode;
