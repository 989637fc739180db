//! What the auditors of all ledgers share: findings, numbers, and the orders several ledgers take part in.

use std::collections::HashMap;

use order_model::{MinorUnits, Offset, OrderId, Partition, Sequence, TimeMs};

use crate::law::{Findings, Law, Place};
use crate::order::State;
use crate::report::Numbers;

/// The decision or record being looked at.
#[derive(Clone, Copy, Debug)]
pub(crate) struct At {
    pub(crate) partition: Partition,
    pub(crate) sequence: Sequence,
    pub(crate) offset: Offset,
    pub(crate) now: TimeMs,
}

/// How an order of several ledgers stands at home.
#[derive(Clone, Copy, Debug)]
pub(crate) struct HomeOrder {
    pub(crate) state: State,
    pub(crate) total: MinorUnits,
    /// How much of the total is for home's own lines.
    pub(crate) own_total: MinorUnits,
}

/// See the module.
#[derive(Debug)]
pub(crate) struct Shared {
    pub(crate) partitions: u32,
    pub(crate) with_commands: bool,
    pub(crate) findings: Findings,
    pub(crate) numbers: Numbers,
    pub(crate) homes: HashMap<(OrderId, Partition), HomeOrder>,
}

impl Shared {
    pub(crate) fn new(partitions: u32, with_commands: bool) -> Self {
        Self {
            partitions,
            with_commands,
            findings: Findings::new(),
            numbers: Numbers::default(),
            homes: HashMap::new(),
        }
    }

    pub(crate) fn found(&mut self, law: Law, at: At, detail: impl FnOnce() -> String) {
        let place = Place { partition: at.partition, sequence: at.sequence, offset: at.offset };
        self.findings.add(law, place, detail);
    }

    /// Notes a finding unless `kept`.
    pub(crate) fn check(&mut self, kept: bool, law: Law, at: At, detail: impl FnOnce() -> String) {
        if !kept {
            self.found(law, at, detail);
        }
    }
}
