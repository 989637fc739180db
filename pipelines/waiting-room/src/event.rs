//! What happens in a room: one record on the topic `rooms` each.

use std::fmt;

use order_model::{CommandId, Commitment, CustomerId, Seed, TimeMs};

/// Names one entry into a room, chosen at random by the gateway it comes through.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct EntryId(pub [u8; 8]);

impl fmt::Debug for EntryId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

/// One event. The room it happens in is the record's key.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum RoomEvent {
    /// A room opens. Privileged.
    Open(Opening),
    /// A customer takes a place.
    Enter {
        /// Who.
        customer: CustomerId,
        /// Tells a late repeat of an entry that has ended from a new one.
        entry: EntryId,
    },
    /// A customer gives the place up.
    Leave {
        /// Who.
        customer: CustomerId,
        /// The entry that ends; a later one goes on.
        entry: EntryId,
    },
    /// The seed is told: those who entered before the opening are drawn. Privileged.
    Reveal {
        /// The opening it belongs to.
        opening: CommandId,
        /// Has to be that of the commitment.
        seed: Seed,
    },
    /// Everybody up to a place is admitted. Privileged.
    Admit(Admit),
    /// The room closes for good. Privileged.
    Close {
        /// The opening that ends.
        opening: CommandId,
    },
}

impl RoomEvent {
    /// Whether only those with a key may say it.
    pub fn is_privileged(&self) -> bool {
        !matches!(self, Self::Enter { .. } | Self::Leave { .. })
    }
}

/// The settings of a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Opening {
    /// Names this opening; a repeat under the same id changes nothing.
    pub id: CommandId,
    /// How long before `opens_at` people may enter for the draw, in milliseconds; zero: there is no draw.
    pub window_ms: u64,
    /// From when on people are admitted, and who enters queues.
    pub opens_at: TimeMs,
    /// When the room closes by itself.
    pub closes_at: TimeMs,
    /// Most customers it takes.
    pub people_max: u32,
    /// BLAKE3 of the seed.
    pub commitment: Commitment,
    /// The key of the ring that the seed is derived with; zero: the seed is kept elsewhere, and no gateway can reveal it.
    pub seed_key: u32,
}

impl Opening {
    /// The first time people may enter.
    pub fn enters_at(&self) -> TimeMs {
        TimeMs(self.opens_at.0.saturating_sub(self.window_ms))
    }
}

/// An admission, with the figures it was computed from.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Admit {
    /// The opening it belongs to.
    pub opening: CommandId,
    /// How many admissions were applied before it; at any other number it changes nothing.
    pub step: u32,
    /// The last place admitted: a place, never a number to add.
    pub up_to: u32,
    /// What the pacer saw.
    pub figures: Figures,
}

/// What a pacer knows of the pipeline.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Orders decided a second, over [`METER_QUICK_MS`](crate::limits::METER_QUICK_MS).
    pub decided_per_s: u32,
    /// The most that was over [`METER_SLOW_MS`](crate::limits::METER_SLOW_MS).
    pub best_per_s: u32,
    /// Orders that came in a second, over [`METER_SLOW_MS`](crate::limits::METER_SLOW_MS): those decided, and what the lag grew
    /// by.
    pub arrived_per_s: u32,
    /// Records of `orders` that are not yet decided.
    pub lag_records: u32,
    /// Orders that people admitted lately are still expected to place, before this admission.
    pub expected: u32,
    /// How many of a thousand who are admitted order.
    pub ordering_permille: u32,
}
