//! What an event did to a room. Every refusal has a stable number.

/// What an event did.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The room is open to entries, from its window on.
    Opened,
    /// The customer is in the room: at this place, or `None` until the draw.
    Entered(Option<u32>),
    /// The customer has left.
    Left,
    /// The places of so many are drawn.
    Drawn(u32),
    /// Everybody up to this place is admitted.
    Admitted(u32),
    /// The room is closed.
    Closed,
    /// The same was said before: nothing changed.
    Repeated,
    /// Nothing changed, and why.
    Refused(Refusal),
}

macro_rules! refusals {
    ($($(#[$doc:meta])* $name:ident = $number:literal, $text:literal;)+) => {
        /// Why an event changes nothing. The numbers are stable; the first that applies, from above, is given.
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
        pub enum Refusal {
            $($(#[$doc])* $name,)+
        }

        impl Refusal {
            /// All of them, in order of precedence.
            pub const ALL: [Self; [$($number),+].len()] = [$(Self::$name),+];

            /// Its number.
            pub fn number(self) -> u8 {
                match self {
                    $(Self::$name => $number,)+
                }
            }

            /// Its name.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$name => $text,)+
                }
            }
        }
    };
}

refusals! {
    /// There is no open room of this name.
    NoRoom = 1, "no_room";
    /// It names another opening than the one that is open.
    OpeningUnknown = 2, "opening_unknown";
    /// The settings cannot be: times out of order, too long, nobody may enter, or no limit is kept.
    OpeningInvalid = 3, "opening_invalid";
    /// A room of this name is open already, by another opening.
    RoomOpen = 4, "room_open";
    /// There are too many rooms, openings of this one, or places promised.
    TooManyRooms = 5, "too_many_rooms";
    /// The window has not begun.
    TooEarly = 6, "too_early";
    /// This very entry has ended: a late repeat.
    EntryEnded = 7, "entry_ended";
    /// The room has as many customers as it takes.
    RoomFull = 8, "room_full";
    /// The customer has come and gone too often.
    TooManyReentries = 9, "too_many_reentries";
    /// The customer is not in the room by this entry.
    NotIn = 10, "not_in";
    /// The room has not come to its opening.
    NotOpen = 11, "not_open";
    /// The seed is not that of the commitment.
    SeedWrong = 12, "seed_wrong";
    /// Nobody can be admitted before the draw.
    NotDrawn = 13, "not_drawn";
    /// Another admission came before it.
    StepPassed = 14, "step_passed";
    /// The last admission is too short a time ago.
    TooSoon = 15, "too_soon";
    /// It admits places that nobody has, or too many at once.
    TooFar = 16, "too_far";
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_dense_and_in_order() {
        for (number, refusal) in (1..).zip(Refusal::ALL) {
            assert_eq!(refusal.number(), number);
        }
    }
}
