//! The auditor: an independent check of what the ledgers decided.
//!
//! It is shown the records of `orders` and the decisions, and follows both by its own count: stock, waitlists,
//! limits, prices, payments. What the ledgers decided has to be what that count leads to; where it is not, the
//! report says which [`Law`] is broken, where, and how. It shares the words of `order-model` with the ledgers and
//! nothing else.
//!
//! Promised: every law of [`Law::ALL`] is looked at; it never panics, whatever it is fed; the same input gives the
//! same report. Not promised: that a decision the auditor cannot judge by what it was shown (see
//! [`Auditor::decisions_only`]) was right; and where the rules leave two answers open (an ended order may or may not
//! be forgotten within the second after its retention), either is taken.
//!
//! ```
//! let report = order_audit::Auditor::new(1).finish();
//! assert!(report.holds());
//! ```

mod answering;
mod draw;
mod law;
mod ledger;
mod listing;
mod matching;
mod order;
mod part;
mod payment;
mod placing;
mod price;
mod report;
mod serving;
mod shared;
mod stock;
mod verdict;

use std::collections::HashMap;

use order_model::{
    Command, Decision, MinorUnits, Offset, OrderId, Partition, Position, Sequence, TimeMs, limits,
};

pub use law::{FINDINGS_KEPT_MAX, Finding, Law, Place};
pub use ledger::RECORDS_AHEAD_MAX;
pub use report::{Numbers, Report};

use ledger::Ledger;
use order::State;
use shared::{At, Shared};

/// Follows all ledgers of a log.
#[derive(Debug)]
pub struct Auditor {
    ledgers: Vec<Ledger>,
    shared: Shared,
}

impl Auditor {
    /// An auditor that is shown records and decisions. Per partition, all records up to a decision's own must be
    /// fed before it.
    pub fn new(partitions: u32) -> Self {
        Self::with(partitions, true)
    }

    /// An auditor that is shown decisions only: whether commands were lost or decided twice, and what an order
    /// asked for beyond what its decision lists, is then left out.
    pub fn decisions_only(partitions: u32) -> Self {
        Self::with(partitions, false)
    }

    fn with(partitions: u32, with_commands: bool) -> Self {
        let partitions = partitions.clamp(1, limits::PARTITIONS_MAX);
        let ledgers = (0..partitions).map(|number| Ledger::new(Partition(number), partitions)).collect();
        Self { ledgers, shared: Shared::new(partitions, with_commands) }
    }

    /// The next record of a partition of `orders`; `None` when it went to the dead letters.
    pub fn command(&mut self, position: Position, command: Option<&Command>) {
        let at = At {
            partition: position.partition,
            sequence: Sequence(0),
            offset: position.offset,
            now: position.time,
        };
        match ledger(&mut self.ledgers, position.partition) {
            Some(ledger) if self.shared.with_commands => ledger.command(position, command, &mut self.shared),
            Some(_) => self
                .shared
                .found(Law::FedInOrder, at, || "an auditor of decisions was fed a record".to_owned()),
            None => self.no_partition(at),
        }
    }

    /// The next decision of a ledger. One that came before is dropped by its number, and counted.
    pub fn decision(&mut self, decision: &Decision) {
        match ledger(&mut self.ledgers, decision.partition) {
            Some(ledger) => ledger.decision(decision, &mut self.shared),
            None => self.no_partition(At {
                partition: decision.partition,
                sequence: decision.sequence,
                offset: decision.offset,
                now: decision.time,
            }),
        }
    }

    fn no_partition(&mut self, at: At) {
        self.shared.found(Law::FedInOrder, at, || format!("there is no partition {}", at.partition));
    }

    /// The verdict. Relays still under way are counted in [`Numbers::under_way`], and are no finding.
    pub fn finish(mut self) -> Report {
        let (mut strays, mut forwarded) = (0, 0);
        let mut totals: HashMap<(OrderId, Partition), MinorUnits> = HashMap::new();
        for ledger in &mut self.ledgers {
            ledger.finish(&mut self.shared);
            strays += ledger.inbox.strays;
            forwarded += ledger.inbox.forwarded;
        }
        for ledger in &self.ledgers {
            for (order, home, total) in ledger.check_parts(end_of(ledger.partition), &mut self.shared) {
                let sum = totals.entry((order, home)).or_insert(0);
                *sum = sum.saturating_add(total);
            }
        }
        self.check_totals(&totals);
        self.shared.numbers.under_way += u64::saturating_sub(strays, forwarded);
        Report::new(self.shared.numbers, self.shared.findings)
    }

    /// What an order of several ledgers costs is what its parts cost.
    fn check_totals(&mut self, totals: &HashMap<(OrderId, Partition), MinorUnits>) {
        let mut homes: Vec<_> = self.shared.homes.iter().map(|(key, home)| (*key, *home)).collect();
        homes.sort_unstable_by_key(|(key, _)| *key);
        for ((order, partition), home) in homes {
            let parts = totals.get(&(order, partition)).copied().unwrap_or(0);
            let right = home.own_total.saturating_add(parts);
            let settled = matches!(home.state, State::Held | State::Paid);
            self.shared.check(!settled || right == home.total, Law::Total, end_of(partition), || {
                format!("order {order} costs {}, its parts cost {right}", home.total)
            });
        }
    }
}

fn ledger(ledgers: &mut [Ledger], partition: Partition) -> Option<&mut Ledger> {
    ledgers.get_mut(usize::try_from(partition.0).ok()?)
}

/// Where findings of the very end stand.
fn end_of(partition: Partition) -> At {
    At { partition, sequence: Sequence(0), offset: Offset(0), now: TimeMs(0) }
}
