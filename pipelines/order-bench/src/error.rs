//! Why there is no figure.

use order_codec::RegistryError;
use order_log::LogError;
use order_worker::WorkerError;
use rdkafka::error::KafkaError;
use testbed::TestbedError;

/// Why a benchmark gave no figure.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The broker could not be started or looked at.
    #[error(transparent)]
    Testbed(#[from] TestbedError),
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The worker failed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The schemas could not be read.
    #[error(transparent)]
    Schemas(#[from] RegistryError),
    /// The bare loop failed.
    #[error("the bare loop failed: {0}")]
    Bare(#[from] KafkaError),
    /// Nothing happened any more.
    #[error("{what}: nothing happened for {silence_ms} ms; look at the broker's log and the machine's load")]
    Stuck {
        /// What was being waited for.
        what: String,
        /// For how long.
        silence_ms: u64,
    },
    /// A check of the result failed: the run has no figure.
    #[error("the result is wrong, so there is no figure: {0}")]
    Wrong(String),
    /// A thread or a folder could not be had.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        source: std::io::Error,
    },
    /// The options make no sense.
    #[error("{0}")]
    Options(String),
}

/// A thread of the benchmark that ended without a result.
pub(crate) fn died(what: &str) -> BenchError {
    BenchError::Wrong(format!("{what} panicked; its message stands above"))
}
