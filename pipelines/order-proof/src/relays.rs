//! Relays between ledgers: how far the numbers of each pair go.

use std::collections::BTreeMap;

use order_model::{Partition, Relay, RelayNumber};

/// The highest relay number of each pair of ledgers, from and to.
#[derive(Default)]
pub(crate) struct Relays(BTreeMap<(Partition, Partition), RelayNumber>);

impl Relays {
    /// Takes note of a relay to a ledger.
    pub(crate) fn note(&mut self, to: Partition, relay: &Relay) {
        let latest = self.0.entry((relay.from, to)).or_default();
        *latest = relay.number.max(*latest);
    }

    /// How many of these `arrived` does not have. Gaps within are the replay's to find.
    pub(crate) fn missing_from(&self, arrived: &Self) -> u64 {
        let missing = |(pair, sent): (_, &RelayNumber)| {
            sent.0.saturating_sub(arrived.0.get(pair).copied().unwrap_or_default().0)
        };
        self.0.iter().map(missing).fold(0, u64::saturating_add)
    }
}
