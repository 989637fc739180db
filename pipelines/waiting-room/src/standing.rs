//! What is told of a room and of the people in it.

use order_model::{Position, TimeMs};

use crate::event::Opening;
use crate::name::RoomName;

/// Where a room stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Phase {
    /// Nobody may enter yet.
    Announced,
    /// People enter for the draw.
    Gathering,
    /// The opening is past, and the seed has not come: nobody is admitted.
    Drawing,
    /// People are admitted.
    Admitting,
    /// It is over.
    Closed,
}

/// Where a customer stands.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Standing {
    /// Never entered, or the room is closed.
    Unknown,
    /// Entered before the opening: the place is drawn then.
    ToBeDrawn,
    /// Waits.
    Waiting {
        /// The place, for good.
        place: u32,
        /// How many have to be admitted first; those who have left do not count.
        ahead: u32,
    },
    /// May go on.
    Admitted {
        /// The place.
        place: u32,
    },
    /// Has left.
    Left,
}

/// Figures of a room.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Summary {
    /// Its name.
    pub room: RoomName,
    /// Its settings.
    pub opening: Opening,
    /// The record that opened it: entries before it are of another opening.
    pub opened_at: Position,
    /// Where it stands.
    pub phase: Phase,
    /// Customers who are in the room, admitted ones included.
    pub people: u32,
    /// The last place there is.
    pub places: u32,
    /// How many places were drawn, or are to be.
    pub drawn: u32,
    /// Whether the seed is known.
    pub is_revealed: bool,
    /// The last place admitted.
    pub admitted: u32,
    /// How many people wait for admission.
    pub waiting: u32,
    /// Admissions so far.
    pub step: u32,
    /// When the last one was, by the log.
    pub admitted_at: TimeMs,
    /// Orders that were expected after the last one.
    pub expected_after: u32,
    /// The admission rate, in thousandths of people a second, when enough is known.
    pub rate_milli: Option<u64>,
}

/// What is to be expected of people who were admitted.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Outlook {
    /// Orders that those admitted lately are still expected to place.
    pub expected: u32,
    /// How many people were thinking on average over [`METER_SLOW_MS`](crate::limits::METER_SLOW_MS).
    pub mean_thinking: u32,
    /// How many of a thousand who are admitted order, as those did who were admitted before them.
    pub ordering_permille: u32,
}
