//! The numbers of a proof, as programs read them.

use std::collections::BTreeMap;

use order_proof::Proof;
use serde::Serialize;

/// What the auditor counted, and what the replay did.
#[derive(Serialize)]
pub struct Numbers {
    /// Orders decided, each once.
    pub orders: u64,
    /// Decisions in the log, each once.
    pub decided: u64,
    /// Orders that were held at some time.
    pub accepted: u64,
    /// Orders refused or turned away, by reason.
    pub rejected: BTreeMap<&'static str, u64>,
    /// Orders that had to wait.
    pub waitlisted: u64,
    /// Orders that entered a draw.
    pub entered: u64,
    /// Holds that fell due.
    pub expired: u64,
    /// Orders withdrawn.
    pub cancelled: u64,
    /// Orders whose payment was declined.
    pub declined: u64,
    /// Orders paid for.
    pub paid: u64,
    /// Payments to be given back.
    pub refunds: u64,
    /// Records that could not be read or trusted.
    pub dead_letters: u64,
    /// Commands that were never decided.
    pub lost: u64,
    /// Commands that were decided twice.
    pub duplicated: u64,
    /// Decisions that gave what was not there.
    pub oversold: u64,
    /// Refusals that were not true.
    pub refused_wrongly: u64,
    /// Decisions published again under a number seen before, and dropped.
    pub repeats_dropped: u64,
}

impl Numbers {
    /// The numbers of `proof`.
    pub fn of(proof: &Proof) -> Self {
        let counted = &proof.audit.numbers;
        Self {
            orders: counted.orders,
            decided: counted.decisions,
            accepted: counted.accepted,
            rejected: counted.rejected.iter().map(|(reason, count)| (reason.name(), *count)).collect(),
            waitlisted: counted.waitlisted,
            entered: counted.entered,
            expired: counted.expired,
            cancelled: counted.cancelled,
            declined: counted.declined,
            paid: counted.paid,
            refunds: counted.refunds,
            dead_letters: proof.dead_letters,
            lost: counted.lost,
            duplicated: counted.duplicated,
            oversold: counted.oversold,
            refused_wrongly: counted.refused_wrongly,
            repeats_dropped: counted.repeats_dropped,
        }
    }
}
