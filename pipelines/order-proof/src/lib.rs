//! The proof: what a log says about itself, checked twice.
//!
//! 1. *Replay.* The worker's own dataflow decides the raw topic again, with an appender that writes nothing and
//!    compares ([`replay`]). Every decision in the log must be the one the replay makes, byte for byte or at least
//!    value for value; the replay's certificate is the log's.
//! 2. *Audit.* The independent auditor reads the raw commands and the published decisions and checks the laws
//!    ([`audit`]): stock adds up, nothing oversold, nothing refused that was there, served in order.
//!
//! Promised: the log is only read; memory is bounded by the orders of the sale, not by the log. Not promised: that a
//! log to which a worker is still appending is decided to its end; what is missing is counted, not guessed.

mod audit;
mod comparing;
mod cursor;
mod dead_letters;
mod digest;
mod draw;
mod error;
mod published;
mod relays;
mod replay;
mod shadow;

use std::sync::Arc;

use order_codec::{Codec, KeyRing};
pub use order_core::Certificate;
use order_log::{Log, ReadLimits};
use order_worker::Topics;

pub use comparing::Comparison;
pub use draw::{DRAW_PROBLEMS_KEPT_MAX, DrawProof, DrawnOrder, prove_draw};
pub use error::ProofError;
pub use order_core::combine;

/// What is to be proved.
#[derive(Clone)]
pub struct ProofParts {
    /// The log; only read.
    pub log: Arc<dyn Log>,
    /// Reads records.
    pub codec: Codec,
    /// The keys that were valid at any time in the log.
    pub ring: KeyRing,
    /// Names of the topics.
    pub topics: Topics,
    /// Timely threads to replay with. The result does not depend on it.
    pub threads: usize,
    /// How large batches to replay with. The result does not depend on it.
    pub batch: ReadLimits,
    /// Is told how many records have been replayed, now and then.
    pub progress: Arc<dyn Fn(u64) + Send + Sync>,
}

/// What a log proves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Proof {
    /// Each partition, in order.
    pub partitions: Vec<PartitionProof>,
    /// Over all partitions.
    pub certificate: Certificate,
    /// Records the replay could not read or trust.
    pub dead_letters: u64,
    /// How many of those have no dead letter in the log.
    pub dead_letters_missing: u64,
    /// Dead letters in the log that the replay does not write: of records that can be read, or that are not there.
    pub dead_letters_extra: u64,
    /// Dead letters in the log that say something else than the replay's: another reason, another record.
    pub dead_letters_changed: u64,
    /// Relays that a ledger sent and the log does not have (yet).
    pub relays_missing: u64,
    /// What the auditor found.
    pub audit: order_audit::Report,
}

/// What a partition proves.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PartitionProof {
    /// Which.
    pub partition: u32,
    /// Records on `orders`.
    pub records: u64,
    /// Decisions the replay made.
    pub decisions: u64,
    /// Over all of it.
    pub certificate: Certificate,
    /// How the published decisions compare with the replay's.
    pub comparison: Comparison,
    /// Relays that came before their predecessor.
    pub relay_gaps: u64,
}

impl Proof {
    /// Whether everything holds: the log says what the replay says, in full, and the auditor agrees.
    pub fn holds(&self) -> bool {
        let same = |partition: &PartitionProof| partition.comparison.is_equal() && partition.relay_gaps == 0;
        self.partitions.iter().all(same)
            && self.dead_letters_missing == 0
            && self.dead_letters_extra == 0
            && self.dead_letters_changed == 0
            && self.relays_missing == 0
            && self.audit.holds()
    }
}

/// Proves a log. Blocks; uses `parts.threads` threads and one more.
pub fn prove(parts: &ProofParts) -> Result<Proof, ProofError> {
    let replayed = replay::replay(parts)?;
    let letters = replayed.dead_letters.compare(parts, &replayed.ends)?;
    let audited = audit::audit(parts, &replayed.ends)?;
    Ok(Proof {
        certificate: replayed.certificate,
        dead_letters: replayed.dead_letters.len(),
        dead_letters_missing: letters.missing,
        dead_letters_extra: letters.extra,
        dead_letters_changed: letters.changed,
        relays_missing: replayed.relays.missing_from(&audited.relays),
        partitions: replayed.partitions,
        audit: audited.report,
    })
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}
