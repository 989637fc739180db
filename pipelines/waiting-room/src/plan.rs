//! How a room is asked for, before there is an opening: times that may be left open, and no seed.

use order_codec::KeyRing;
use order_model::{CommandId, TimeMs};

use crate::event::Opening;
use crate::limits::{ROOM_LIFE_MS_MAX, ROOM_LIFE_MS_USUAL, ROOM_PEOPLE_MAX};
use crate::name::RoomName;
use crate::seed::{commitment_to, new_seed};

/// What somebody wants of a room.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RoomPlan {
    /// How long before `opens_at` people may enter for the draw, in milliseconds; zero: there is no draw.
    pub window_ms: u64,
    /// From when on people are admitted; zero: at once.
    pub opens_at: TimeMs,
    /// When the room closes by itself; zero: after [`ROOM_LIFE_MS_USUAL`].
    pub closes_at: TimeMs,
    /// Most customers it takes.
    pub people_max: u32,
}

/// Why no room can be like that.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum PlanError {
    /// Its times are out of order.
    #[error("the waiting room would close before it opens, or is over already")]
    ClosesFirst,
    /// It lives too long.
    #[error(
        "a waiting room lives {} days at most; let it close earlier, or open it later", ROOM_LIFE_MS_MAX / 86_400_000
    )]
    TooLong,
    /// The window begins before time does.
    #[error("the window of the waiting room is too long")]
    Window,
    /// It takes nobody, or too many.
    #[error("a waiting room takes 1 to {ROOM_PEOPLE_MAX} people")]
    People,
    /// No key makes its seed.
    #[error(
        "no key of the ring is valid now, so the seed of the draw cannot be made; add a key that is valid now"
    )]
    NoKey,
}

/// Whether a room can be opened like this at `now`. One rule for plans and for the log's openings, or gateways would write
/// what every room refuses.
pub(crate) fn check(
    window_ms: u64,
    opens_at: TimeMs,
    closes_at: TimeMs,
    people_max: u32,
    now: TimeMs,
) -> Result<(), PlanError> {
    if !(1..=ROOM_PEOPLE_MAX).contains(&people_max) {
        return Err(PlanError::People);
    }
    if closes_at <= opens_at || closes_at <= now {
        return Err(PlanError::ClosesFirst);
    }
    if closes_at > now.after(ROOM_LIFE_MS_MAX) {
        return Err(PlanError::TooLong);
    }
    if window_ms > opens_at.0 {
        return Err(PlanError::Window);
    }
    Ok(())
}

impl RoomPlan {
    /// Whether a room that was opened like this is what is wanted.
    pub fn is_met_by(&self, opening: &Opening) -> bool {
        let is_same = |wanted: TimeMs, found: TimeMs| wanted == TimeMs(0) || wanted == found;
        self.window_ms == opening.window_ms
            && self.people_max == opening.people_max
            && is_same(self.opens_at, opening.opens_at)
            && is_same(self.closes_at, opening.closes_at)
    }

    /// The opening, with the commitment to a seed that every gateway with the ring can derive.
    pub fn opening(
        &self,
        ring: &KeyRing,
        room: &RoomName,
        id: CommandId,
        now: TimeMs,
    ) -> Result<Opening, PlanError> {
        let opens_at = if self.opens_at == TimeMs(0) { now } else { self.opens_at };
        let closes_at =
            if self.closes_at == TimeMs(0) { now.after(ROOM_LIFE_MS_USUAL) } else { self.closes_at };
        check(self.window_ms, opens_at, closes_at, self.people_max, now)?;
        let (seed_key, seed) = new_seed(ring, now, room, id).ok_or(PlanError::NoKey)?;
        Ok(Opening {
            id,
            window_ms: self.window_ms,
            opens_at,
            closes_at,
            people_max: self.people_max,
            commitment: commitment_to(&seed),
            seed_key,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::seed_of;

    const NOW: TimeMs = TimeMs(1_000_000_000_000);

    fn plan() -> RoomPlan {
        RoomPlan { window_ms: 60_000, opens_at: TimeMs(0), closes_at: TimeMs(0), people_max: 10 }
    }

    fn opening(plan: &RoomPlan) -> Result<Opening, PlanError> {
        let ring = KeyRing::generate_one([1; 32]);
        plan.opening(&ring, &"friday".parse().unwrap(), CommandId::from(7), NOW)
    }

    #[test]
    fn what_is_left_open_is_filled_in_and_met() {
        let opening = opening(&plan()).unwrap();
        assert_eq!((opening.opens_at, opening.closes_at), (NOW, NOW.after(ROOM_LIFE_MS_USUAL)));
        assert!(plan().is_met_by(&opening));
        assert!(!RoomPlan { people_max: 11, ..plan() }.is_met_by(&opening));
        assert!(!RoomPlan { opens_at: TimeMs(1), ..plan() }.is_met_by(&opening));
        let ring = KeyRing::generate_one([1; 32]);
        assert!(seed_of(&ring, &"friday".parse().unwrap(), &opening).is_some(), "every gateway can tell it");
    }

    #[test]
    fn what_no_room_takes_is_refused_before_it_is_written() {
        for (plan, error) in [
            (RoomPlan { people_max: 0, ..plan() }, PlanError::People),
            (RoomPlan { people_max: ROOM_PEOPLE_MAX + 1, ..plan() }, PlanError::People),
            (RoomPlan { closes_at: NOW, ..plan() }, PlanError::ClosesFirst),
            (RoomPlan { opens_at: NOW.after(5), closes_at: NOW.after(5), ..plan() }, PlanError::ClosesFirst),
            (RoomPlan { closes_at: NOW.after(ROOM_LIFE_MS_MAX + 1), ..plan() }, PlanError::TooLong),
            (RoomPlan { window_ms: NOW.0 + 1, ..plan() }, PlanError::Window),
        ] {
            assert_eq!(opening(&plan), Err(error), "{plan:?}");
        }
    }
}
