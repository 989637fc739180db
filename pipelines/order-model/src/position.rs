//! Where a record stands, and the numbers that order effects.

use std::fmt;

macro_rules! number {
    ($(#[$doc:meta])* $name:ident($inner:ty)) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub $inner);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.0, f)
            }
        }
    };
}

number! {
    /// A partition of `orders`, and the ledger that owns it. `orders` and `decisions` have equally many.
    Partition(u32)
}
number! {
    /// A record's place in its partition, from 0.
    Offset(u64)
}
number! {
    /// Milliseconds since 1970-01-01T00:00:00Z, as the broker stamped them. Zero means "none" where a time is optional.
    TimeMs(u64)
}
number! {
    /// The dense number of a decision within its ledger, from 1. Zero stands before the first.
    Sequence(u64)
}
number! {
    /// The dense number of a relay within its pair of ledgers, from 1. Zero stands before the first.
    RelayNumber(u64)
}

impl Offset {
    /// The place after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl Sequence {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl RelayNumber {
    /// The number after this one.
    #[must_use]
    pub fn next(self) -> Self {
        Self(self.0 + 1)
    }
}

impl TimeMs {
    /// This time plus `milliseconds`; stops at the end of time instead of wrapping.
    #[must_use]
    pub fn after(self, milliseconds: u64) -> Self {
        Self(self.0.saturating_add(milliseconds))
    }
}

/// The position of a command: which record of which partition, and the time the broker gave it.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Position {
    /// The partition it was read from.
    pub partition: Partition,
    /// Its place there.
    pub offset: Offset,
    /// The broker's time of append. May run backwards in the log; a ledger's own time never does.
    pub time: TimeMs,
}
