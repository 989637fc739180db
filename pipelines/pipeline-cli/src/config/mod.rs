//! Configuration: one file, the environment over it, flags over that.
//!
//! In the file a group of options may stand in a table of its own: `outbox` in `[push]` is `push_outbox`.
//!
//! Unknown keys are refused wherever they stand, with the nearest known one. Every value remembers who set it.

mod gateway;
mod load;
mod log_url;
mod options;
mod outputs;
mod push;
mod settings;
#[cfg(test)]
mod tests;

pub use gateway::{AccountsWanted, GatewaySettings};
pub use load::{ConfigError, ENV_FILE, Flag, Origin, Value, load, variable_of};
pub use log_url::{LogUrl, LogUrlError};
pub use options::{ConfigOption, OPTIONS};
pub use outputs::{
    ClickHouseAt, ClickHouseSettings, DynamoDb, PaymentProvider, PaymentSettings, TableSettings,
};
pub use push::in_options;
pub use settings::Settings;

/// The file that is read when none is named, if it exists.
pub const DEFAULT_FILE: &str = "pipeline.toml";
