//! The verdict: numbers, and what was found against the laws.

use std::collections::BTreeMap;
use std::fmt;

use order_model::RejectReason;

use crate::law::{Finding, Findings, Law};

/// What was counted. Every repeat of a decision is left out, except in `repeats_dropped`.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Numbers {
    /// Decisions looked at.
    pub decisions: u64,
    /// Records looked at; zero where only decisions were shown.
    pub records: u64,
    /// Orders that were decided for the first time.
    pub orders: u64,
    /// Orders that were ever held.
    pub accepted: u64,
    /// Orders rejected or turned away, and reused ids, by reason.
    pub rejected: BTreeMap<RejectReason, u64>,
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
    /// Commands that were never decided.
    pub lost: u64,
    /// Commands that were decided more than once.
    pub duplicated: u64,
    /// Decisions that gave what was not there.
    pub oversold: u64,
    /// Refusals that were not true.
    pub refused_wrongly: u64,
    /// Decisions that came again under a number seen before.
    pub repeats_dropped: u64,
    /// Forwarded commands that have not arrived, orders that are still being reserved, and parts that have not
    /// heard of the end of their order. Zero once every relay has been read.
    pub under_way: u64,
}

/// The auditor's report.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Report {
    /// What was counted.
    pub numbers: Numbers,
    /// Findings, at most [`crate::FINDINGS_KEPT_MAX`].
    pub findings: Vec<Finding>,
    /// The laws that were broken, and how often; empty when all hold.
    pub broken: Vec<(Law, u64)>,
}

impl Report {
    pub(crate) fn new(mut numbers: Numbers, findings: Findings) -> Self {
        let broken = findings.counts();
        let count = |law| broken.iter().find(|(broken, _)| *broken == law).map_or(0, |(_, count)| *count);
        numbers.oversold = count(Law::Oversold);
        numbers.refused_wrongly = count(Law::RefusedWrongly);
        numbers.lost = count(Law::Lost);
        numbers.duplicated = count(Law::Duplicated);
        Self { numbers, findings: findings.kept, broken }
    }

    /// Whether every law holds.
    pub fn holds(&self) -> bool {
        self.broken.is_empty()
    }

    /// How often a law was broken.
    pub fn count(&self, law: Law) -> u64 {
        self.broken.iter().find(|(broken, _)| *broken == law).map_or(0, |(_, count)| *count)
    }
}

/// How many findings [`Report`]'s text shows.
const FINDINGS_SHOWN_MAX: usize = 10;

impl fmt::Display for Report {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let numbers = &self.numbers;
        let rejected: u64 = numbers.rejected.values().sum();
        writeln!(
            f,
            "{} orders: {} held at some time, {} refused, {} had to wait.",
            numbers.orders, numbers.accepted, rejected, numbers.waitlisted
        )?;
        for (reason, count) in &numbers.rejected {
            writeln!(f, "  refused as {}: {count}", reason.name())?;
        }
        if numbers.entered > 0 {
            writeln!(f, "{} entered a draw.", numbers.entered)?;
        }
        writeln!(
            f,
            "{} paid, {} cancelled, {} declined, {} expired, {} refunds.",
            numbers.paid, numbers.cancelled, numbers.declined, numbers.expired, numbers.refunds
        )?;
        writeln!(
            f,
            "{} lost, {} decided twice, {} oversold, {} refused wrongly.",
            numbers.lost, numbers.duplicated, numbers.oversold, numbers.refused_wrongly
        )?;
        if numbers.repeats_dropped > 0 {
            writeln!(f, "{} repeated decisions were recognised and dropped.", numbers.repeats_dropped)?;
        }
        if numbers.under_way > 0 {
            writeln!(f, "{} relays between ledgers had not arrived.", numbers.under_way)?;
        }
        if self.holds() {
            return write!(f, "Every law holds.");
        }
        write!(f, "BROKEN:")?;
        for (law, count) in &self.broken {
            write!(f, "\n  {} ({count} times): {}", law, law.text())?;
        }
        for finding in self.findings.iter().take(FINDINGS_SHOWN_MAX) {
            write!(f, "\n  - {finding}")?;
        }
        Ok(())
    }
}
