//! Why a log could not be proved either way.

use order_codec::{DecodeError, RegistryError};
use order_log::LogError;
use order_worker::WorkerError;

/// Why there is no proof. A log that does not hold is not an error; see [`crate::Proof::holds`].
#[derive(Debug, thiserror::Error)]
pub enum ProofError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The replay failed.
    #[error(transparent)]
    Worker(#[from] WorkerError),
    /// The registry does not answer.
    #[error(transparent)]
    Registry(#[from] RegistryError),
    /// A published decision cannot be read.
    #[error("decision at offset {offset} of partition {partition} of {topic} cannot be read")]
    Decision {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// The offset.
        offset: u64,
        /// Why.
        #[source]
        source: DecodeError,
    },
    /// A partition ended before its end.
    #[error("partition {partition} of {topic} should reach offset {end}; reading stopped at {offset}")]
    Short {
        /// The topic.
        topic: String,
        /// The partition.
        partition: u32,
        /// Where reading stopped.
        offset: u64,
        /// Where it should end.
        end: u64,
    },
}
