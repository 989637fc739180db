//! Why there is no figure.

use order_codec::{DecodeError, RegistryError};
use order_model::SkuError;
use sink::Fault;
use sink_clickhouse::MigrationError;
use sink_dynamodb::MeasureError;
use sink_push::bench::BenchError;
use tables::TablesError;

/// Why a benchmark gave no figure.
#[derive(Debug, thiserror::Error)]
pub enum SinkBenchError {
    /// The schemas could not be read.
    #[error(transparent)]
    Schemas(#[from] RegistryError),
    /// A decision of ours could not be read back.
    #[error("a decision of the backlog cannot be decoded: {0}")]
    Decode(#[from] DecodeError),
    /// The tables of ClickHouse could not be made.
    #[error(transparent)]
    Migration(#[from] MigrationError),
    /// ClickHouse did not take the decisions.
    #[error("ClickHouse did not take the decisions: {0}")]
    ClickHouse(#[from] Fault),
    /// DynamoDB in this process did not start.
    #[error(transparent)]
    Tables(#[from] TablesError),
    /// DynamoDB did not take the decisions, or holds something else.
    #[error("no figure of DynamoDB: {0}")]
    DynamoDb(#[from] MeasureError),
    /// The notices were not sent, or something else arrived.
    #[error("no figure of notices: {0}")]
    Push(#[from] BenchError),
    /// The SKU of a sale is none.
    #[error(transparent)]
    Sku(#[from] SkuError),
    /// A check of the result failed: the run has no figure.
    #[error("the result is wrong, so there is no figure: {0}")]
    Wrong(String),
    /// The options make no sense.
    #[error("{what} has to be between {least} and {most}, and is {found}")]
    Options {
        /// Which option.
        what: &'static str,
        /// The least it can be.
        least: u64,
        /// The most it can be.
        most: u64,
        /// What it is.
        found: u64,
    },
}

/// Refuses a number that is out of bounds.
pub(crate) fn check(what: &'static str, least: u64, most: u64, found: u64) -> Result<(), SinkBenchError> {
    if (least..=most).contains(&found) {
        return Ok(());
    }
    Err(SinkBenchError::Options { what, least, most, found })
}
