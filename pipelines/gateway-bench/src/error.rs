//! Why there is no figure.

use std::io;

use ingest_gateway::server::ServerError;
use order_codec::RegistryError;
use order_log::LogError;
use order_worker::WorkerError;

/// Why a benchmark gave no figure.
#[derive(Debug, thiserror::Error)]
pub enum BenchError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The worker failed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The schemas could not be read.
    #[error(transparent)]
    Schemas(#[from] RegistryError),
    /// The server did not start.
    #[error(transparent)]
    Server(#[from] ServerError),
    /// Nothing happened any more.
    #[error("{what}: nothing happened for {silence_s} s; look at the machine's load")]
    Stuck {
        /// What was being waited for.
        what: String,
        /// For how long.
        silence_s: u64,
    },
    /// A check of the result failed: the run has no figure.
    #[error("the result is wrong, so there is no figure: {0}")]
    Wrong(String),
    /// A process, a connection or a folder could not be had.
    #[error("{what}: {source}")]
    Io {
        /// What was being done.
        what: &'static str,
        /// Why it failed.
        source: io::Error,
    },
    /// The options make no sense here.
    #[error("{0}")]
    Options(String),
}

/// Says what was being done when something failed.
pub(crate) fn io(what: &'static str) -> impl Fn(io::Error) -> BenchError {
    move |source| BenchError::Io { what, source }
}

/// A part of the benchmark that ended without a result.
pub(crate) fn died(what: &str) -> BenchError {
    BenchError::Wrong(format!("{what} panicked; its message stands above"))
}
