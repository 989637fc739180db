//! The rooms of one partition. Their time is the partition's, so that it does not matter when they are asked.

use std::collections::BTreeMap;

use order_model::{Offset, Position, TimeMs};

use crate::event::RoomEvent;
use crate::limits::{PARTITION_PEOPLE_MAX, PARTITION_ROOMS_MAX};
use crate::name::RoomName;
use crate::outcome::{Outcome, Refusal};
use crate::room::Room;

/// All rooms of one partition.
#[derive(Default)]
pub struct Rooms {
    rooms: BTreeMap<RoomName, Room>,
    time: TimeMs,
    last: Option<Offset>,
}

impl Rooms {
    /// Applies one event of one room. Offsets must rise.
    pub fn apply(&mut self, at: Position, name: &RoomName, event: &RoomEvent) -> Outcome {
        self.time = self.time.max(at.time);
        self.last = Some(at.offset);
        let at = Position { time: self.time, ..at };
        if let RoomEvent::Open(opening) = event {
            self.settle();
            let promised = self.rooms.values().map(|room| u64::from(room.promised())).sum::<u64>();
            let is_full = promised + u64::from(opening.people_max) > PARTITION_PEOPLE_MAX;
            let is_new = !self.rooms.contains_key(name);
            if is_new && (is_full || self.rooms.len() >= PARTITION_ROOMS_MAX) {
                return Outcome::Refused(Refusal::TooManyRooms);
            }
            let room = self.rooms.entry(name.clone()).or_insert_with(|| Room::new(name.clone()));
            if is_full && room.promised() == 0 && !room.has_opened(opening.id) {
                return Outcome::Refused(Refusal::TooManyRooms);
            }
            return room.apply(at, event);
        }
        match self.rooms.get_mut(name) {
            Some(room) => room.apply(at, event),
            None => Outcome::Refused(Refusal::NoRoom),
        }
    }

    /// Lets every room pass to the time of the last record: rooms that nobody speaks of open and close too.
    pub fn settle(&mut self) {
        self.rooms.values_mut().for_each(|room| room.pass(self.time));
    }

    /// The last event applied, if there was one.
    pub fn last(&self) -> Option<Offset> {
        self.last
    }

    /// A room that was opened once.
    pub fn get(&self, name: &RoomName) -> Option<&Room> {
        self.rooms.get(name)
    }

    /// All rooms, by name.
    pub fn iter(&self) -> impl Iterator<Item = &Room> {
        self.rooms.values()
    }
}
