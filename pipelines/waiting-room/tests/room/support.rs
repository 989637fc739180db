//! What the tests are written with.

use std::sync::Arc;

use order_codec::{FileSchemas, KeyRing};
use order_log::TopicSpec;
use order_model::{CommandId, CustomerId, Offset, Partition, Position, Seed, TimeMs};
use waiting_room::{
    Admit, EntryId, Figures, Opening, Outcome, RoomCodec, RoomEvent, RoomName, Rooms, Standing, commitment_to,
};

pub(crate) const SEED: Seed = Seed([7; 32]);
pub(crate) const OPENS: u64 = 10_000;
pub(crate) const WINDOW_MS: u64 = 5_000;
pub(crate) const CLOSES: u64 = 10_000_000;

pub(crate) fn name(text: &str) -> RoomName {
    text.parse().unwrap()
}

pub(crate) fn customer(number: u32) -> CustomerId {
    CustomerId::from(u128::from(number))
}

pub(crate) fn entry(number: u64) -> EntryId {
    EntryId(number.to_be_bytes())
}

pub(crate) fn opening(id: u32) -> Opening {
    Opening {
        id: CommandId::from(u128::from(id)),
        window_ms: WINDOW_MS,
        opens_at: TimeMs(OPENS),
        closes_at: TimeMs(CLOSES),
        people_max: 1_000_000,
        commitment: commitment_to(&SEED),
        seed_key: 1,
    }
}

pub(crate) fn codec() -> RoomCodec {
    RoomCodec::new(Arc::new(FileSchemas::new().unwrap())).unwrap()
}

pub(crate) fn topic_spec(topic: &str, partitions: u32, replication: u16) -> TopicSpec {
    TopicSpec {
        name: topic.to_owned(),
        partitions,
        replication,
        retention_ms: 2 * waiting_room::limits::ROOM_LIFE_MS_MAX,
        record_bytes_max: order_log::limits::RECORD_BYTES_MAX,
        is_compacted: false,
    }
}

pub(crate) fn ring() -> KeyRing {
    KeyRing::generate_one([5; 32])
}

pub(crate) fn enter(number: u32) -> RoomEvent {
    enter_by(number, 1)
}

pub(crate) fn enter_by(number: u32, by: u64) -> RoomEvent {
    RoomEvent::Enter { customer: customer(number), entry: entry(by) }
}

pub(crate) fn leave(number: u32) -> RoomEvent {
    leave_by(number, 1)
}

pub(crate) fn leave_by(number: u32, by: u64) -> RoomEvent {
    RoomEvent::Leave { customer: customer(number), entry: entry(by) }
}

pub(crate) fn reveal() -> RoomEvent {
    RoomEvent::Reveal { opening: opening(1).id, seed: SEED }
}

pub(crate) fn admit(step: u32, up_to: u32) -> RoomEvent {
    RoomEvent::Admit(Admit { opening: opening(1).id, step, up_to, figures: Figures::default() })
}

/// One room, fed by hand: remembers every event for the proof.
pub(crate) struct Script {
    pub(crate) room: RoomName,
    pub(crate) rooms: Rooms,
    pub(crate) events: Vec<(Position, RoomName, RoomEvent)>,
}

impl Script {
    pub(crate) fn new() -> Self {
        Self { room: name("sale"), rooms: Rooms::default(), events: Vec::new() }
    }

    /// A room that was opened at time 1.
    pub(crate) fn opened() -> Self {
        let mut script = Self::new();
        assert_eq!(script.at(1, RoomEvent::Open(opening(1))), Outcome::Opened);
        script
    }

    pub(crate) fn at(&mut self, time: u64, event: RoomEvent) -> Outcome {
        let offset = Offset(u64::try_from(self.events.len()).unwrap());
        let at = Position { partition: Partition(0), offset, time: TimeMs(time) };
        let outcome = self.rooms.apply(at, &self.room, &event);
        self.events.push((at, self.room.clone(), event));
        outcome
    }

    pub(crate) fn standing(&self, number: u32) -> Standing {
        self.rooms.get(&self.room).unwrap().standing(&customer(number))
    }

    /// Place and people ahead of somebody who waits.
    pub(crate) fn waits(&self, number: u32) -> (u32, u32) {
        match self.standing(number) {
            Standing::Waiting { place, ahead } => (place, ahead),
            other => panic!("{number} stands as {other:?}"),
        }
    }

    pub(crate) fn summary(&self) -> waiting_room::Summary {
        self.rooms.get(&self.room).unwrap().summary().unwrap()
    }
}
