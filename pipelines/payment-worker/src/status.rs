//! How a payment worker is doing, as plain numbers.

use std::collections::BTreeMap;

use order_model::Sequence;

/// A payment worker at one moment.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct PaymentStatus {
    /// The partitions it has, by number.
    pub partitions: BTreeMap<u32, PartitionStatus>,
    /// Orders in hand: held, over and not closed, or to be paid back.
    pub orders: usize,
    /// Calls to the provider under way.
    pub calls_under_way: usize,
    /// How many may be, after the latest faults.
    pub calls_allowed: usize,
    /// Results appended and not acknowledged.
    pub results_under_way: usize,
    /// Callbacks in hand.
    pub callbacks_in_hand: usize,
    /// Whether reading waits until fewer orders are in hand.
    pub is_paused: bool,
    /// Calls made.
    pub calls: u64,
    /// Calls that gave a fault, and were or will be made again.
    pub retries: u64,
    /// Captures told to the log.
    pub captured: u64,
    /// Declines told to the log.
    pub declined: u64,
    /// Holds that ended unpaid, and of whose payment nothing is left.
    pub closed: u64,
    /// Payments given back.
    pub refunded: u64,
    /// Repayments given up, each a dead letter.
    pub refused: u64,
    /// Captures nobody here had in hand, found by a callback and told to the log.
    pub strays: u64,
    /// Decisions missing between two others: bugs.
    pub gaps: u64,
    /// Decisions that cannot be read, each a dead letter.
    pub unreadable: u64,
    /// The latest fault, for people.
    pub last_fault: Option<String>,
}

/// One partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct PartitionStatus {
    /// The latest decision taken in.
    pub sequence: Sequence,
    /// The offset on `decisions` that is read next.
    pub next_offset: u64,
    /// Records between that and the end of `decisions`, when last looked.
    pub lag_records: u64,
    /// How long ago the latest record taken in was stored, in milliseconds; zero without a lag.
    pub lag_ms: u64,
    /// Whether its open orders are restored, and money is taken.
    pub is_restored: bool,
    /// Orders in hand.
    pub orders: usize,
}

impl PaymentStatus {
    /// Whether everything read is dealt with: no order in hand, nothing under way, nothing being restored.
    pub fn is_idle(&self) -> bool {
        self.orders == 0
            && self.calls_under_way == 0
            && self.results_under_way == 0
            && self.callbacks_in_hand == 0
            && self.partitions.values().all(|partition| partition.is_restored)
    }
}
