//! Which command a record puts before the ledger that reads it: relays unwrapped, repeats dropped, strays left to
//! the ledger they are forwarded to.

use std::collections::HashMap;
use std::hash::{DefaultHasher, Hash, Hasher};

use order_model::{
    Command, OrderId, Partition, Place as PlaceCommand, Position, RelayBody, Reserve, ReserveAnswer, Sku,
    partition_of,
};

/// What a record asks of the ledger.
#[derive(Debug, Default)]
pub(crate) enum Cause {
    /// The auditor was not shown the record.
    #[default]
    Unknown,
    /// Nothing: a tick, a dead letter, a stray, a relay that came before.
    Nothing,
    /// This.
    Command(Command),
    /// To take part in another ledger's order.
    Reserve(Box<Reserve>),
    /// To hear what became of its own order elsewhere.
    Answer(Box<ReserveAnswer>),
    /// To sell its part.
    Confirm { home: Partition, order: OrderId },
    /// To free its part.
    Release { home: Partition, order: OrderId },
}

/// A record that waits for its decisions to be shown.
#[derive(Debug)]
pub(crate) struct Pending {
    pub(crate) position: Position,
    pub(crate) cause: Cause,
}

/// What the auditor says about a relay's number.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Arrival {
    /// Not a relay, or the next one.
    Next,
    /// A repeat of an earlier relay.
    Repeat,
    /// Numbers are missing before it.
    Gap {
        /// What should have come.
        expected: u64,
        /// What came.
        found: u64,
    },
}

/// What a ledger has read so far, as far as later records depend on it.
#[derive(Debug)]
pub(crate) struct Inbox {
    partition: Partition,
    partitions: u32,
    highest: HashMap<Partition, u64>,
    /// Strays this ledger had to forward.
    pub(crate) strays: u64,
    /// Forwarded commands that reached this ledger.
    pub(crate) forwarded: u64,
}

impl Inbox {
    pub(crate) fn new(partition: Partition, partitions: u32) -> Self {
        Self { partition, partitions, highest: HashMap::new(), strays: 0, forwarded: 0 }
    }

    /// What the record asks for, and whether a relay came in order.
    pub(crate) fn read(&mut self, command: Option<&Command>) -> (Cause, Arrival) {
        match command {
            None | Some(Command::Tick) => (Cause::Nothing, Arrival::Next),
            Some(Command::Relay(relay)) => {
                let arrival = self.number(relay.from, relay.number.0);
                if arrival != Arrival::Next {
                    return (Cause::Nothing, arrival);
                }
                (self.unwrap_relay(relay.from, &relay.body), arrival)
            }
            Some(command) => {
                if self.is_stray(command) {
                    self.strays += 1;
                    return (Cause::Nothing, Arrival::Next);
                }
                (Cause::Command(command.clone()), Arrival::Next)
            }
        }
    }

    fn unwrap_relay(&mut self, from: Partition, body: &RelayBody) -> Cause {
        match body {
            RelayBody::Forward(command) => {
                self.forwarded += 1;
                if self.is_stray(command) || matches!(**command, Command::Relay(_) | Command::Tick) {
                    return Cause::Nothing;
                }
                Cause::Command((**command).clone())
            }
            RelayBody::Reserve(reserve) => Cause::Reserve(reserve.clone()),
            RelayBody::Answer(answer) => Cause::Answer(answer.clone()),
            RelayBody::Confirm { order } => Cause::Confirm { home: from, order: *order },
            RelayBody::Release { order } => Cause::Release { home: from, order: *order },
        }
    }

    fn number(&mut self, from: Partition, number: u64) -> Arrival {
        let highest = self.highest.entry(from).or_insert(0);
        if number <= *highest {
            return Arrival::Repeat;
        }
        let expected = *highest + 1;
        if number != expected {
            return Arrival::Gap { expected, found: number };
        }
        *highest = number;
        Arrival::Next
    }

    fn is_stray(&self, command: &Command) -> bool {
        command.home_sku().is_some_and(|sku| partition_of(sku, self.partitions) != self.partition)
    }
}

/// The fingerprint of what an order asks for: the same for the same content whatever the order of its lines.
pub(crate) fn content(place: &PlaceCommand) -> u64 {
    let mut hasher = DefaultHasher::new();
    (place.customer, place.currency, place.partial, place.lines.len()).hash(&mut hasher);
    if let [line] = place.lines.as_slice() {
        (line.sku, line.quantity).hash(&mut hasher);
    } else {
        let mut lines: Vec<(Sku, i32)> = place.lines.iter().map(|line| (line.sku, line.quantity)).collect();
        lines.sort_unstable();
        lines.hash(&mut hasher);
    }
    hasher.finish()
}
