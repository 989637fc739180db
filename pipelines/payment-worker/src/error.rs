//! Why a payment worker ended.

use order_codec::RegistryError;
use order_log::LogError;

/// Why a payment worker did not start, or ended. Starting it again is always safe.
#[derive(Debug, thiserror::Error)]
pub enum PaymentError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// The registry did not say what the schema of a decision is.
    #[error("the schema of a decision cannot be had: {0}; start the worker again when the registry answers")]
    Registry(#[from] RegistryError),
    /// The topics do not fit each other.
    #[error(
        "{orders} has {orders_partitions} partitions and {decisions} has {decisions_partitions}; they need equally many"
    )]
    PartitionsDiffer {
        /// The topic of commands.
        orders: String,
        /// Its partitions.
        orders_partitions: u32,
        /// The topic of decisions.
        decisions: String,
        /// Its partitions.
        decisions_partitions: u32,
    },
    /// No key is valid.
    #[error(
        "no key is valid now, so no result of a payment can be signed; add a valid one to the key file and start again"
    )]
    NoKey,
    /// The provider will not talk to us.
    #[error(
        "the payment provider turns us away: {detail}; check its key and rights, then start the worker again"
    )]
    Halted {
        /// What it said.
        detail: String,
    },
    /// A thread could not be started.
    #[error("a thread of the payment worker could not be started: {0}")]
    Spawn(#[from] std::io::Error),
    /// A thread panicked.
    #[error("the thread {0} of the payment worker panicked; this is a bug, and starting it again is safe")]
    ThreadDied(&'static str),
}
