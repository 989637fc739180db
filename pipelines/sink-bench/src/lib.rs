//! The figures of the sinks.
//!
//! - [`clickhouse::run`]: a backlog of decisions into ClickHouse: rows a second and by core, how the last tenth went beside
//!   the first, and the memory it took.
//! - [`dynamodb::run`]: a hot sale into DynamoDB: decisions a second, and what 1,000 orders cost in requests and units.
//! - [`push::run`]: notices of decisions to a mail server: notices a second.
//!
//! Promised: every run checks what arrived (each row, item and mail once, and with the right content), and one that fails
//! the check gives an error and no figure. Figures come with their settings. What the load itself costs is told apart or,
//! where it cannot be, named in the settings.
//!
//! Not promised: that figures of different machines, or of a machine that does something else meanwhile, can be compared.

pub mod clickhouse;
pub mod dynamodb;
mod error;
mod hot_sale;
pub mod limits;
mod mark;
pub mod push;

pub use error::SinkBenchError;
