//! What was done, counted; and what it costs on AWS.

use std::sync::atomic::{AtomicU64, Ordering};

use tables::Table;

use crate::item::{Item, Key};
use crate::statement::Step;

/// What was done since the start.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Status {
    /// Requests sent.
    pub requests: u64,
    /// Statements sent.
    pub statements: u64,
    /// Items written.
    pub written: u64,
    /// Items that were there already, or newer ones.
    pub superseded: u64,
    /// Statements that DynamoDB throttled.
    pub throttled: u64,
    /// Items that were refused for good.
    pub refused: u64,
    /// Write units that AWS would charge: a unit a kilobyte begun, for each statement that wrote or whose condition
    /// failed, and one for each new entry of an index.
    pub write_units: u64,
}

#[derive(Debug, Default)]
pub(crate) struct Counts {
    requests: AtomicU64,
    statements: AtomicU64,
    written: AtomicU64,
    superseded: AtomicU64,
    throttled: AtomicU64,
    refused: AtomicU64,
    write_units: AtomicU64,
}

impl Counts {
    pub(crate) fn status(&self) -> Status {
        let read = |count: &AtomicU64| count.load(Ordering::Relaxed);
        Status {
            requests: read(&self.requests),
            statements: read(&self.statements),
            written: read(&self.written),
            superseded: read(&self.superseded),
            throttled: read(&self.throttled),
            refused: read(&self.refused),
            write_units: read(&self.write_units),
        }
    }

    pub(crate) fn requested(&self, statements: usize) {
        add(&self.requests, 1);
        add(&self.statements, statements);
    }

    pub(crate) fn done(&self, written: bool, key: &Key, item: &Item, step: Step) {
        add(if written { &self.written } else { &self.superseded }, 1);
        let is_new_in_index = written && step == Step::Insert && key.table == Table::Orders;
        add(&self.write_units, units(key, item) + usize::from(is_new_in_index));
    }

    /// A condition did not hold, and the other statement follows.
    pub(crate) fn turned(&self, key: &Key, item: &Item) {
        add(&self.write_units, units(key, item));
    }

    pub(crate) fn progress(&self) {
        add(&self.requests, 1);
        add(&self.write_units, 1);
    }

    pub(crate) fn throttled(&self, statements: usize) {
        add(&self.throttled, statements);
    }

    pub(crate) fn refused(&self, items: usize) {
        add(&self.refused, items);
    }
}

fn units(key: &Key, item: &Item) -> usize {
    item.bytes(key).div_ceil(1024)
}

fn add(count: &AtomicU64, more: usize) {
    count.fetch_add(u64::try_from(more).unwrap_or(u64::MAX), Ordering::Relaxed);
}
