//! Room events as records: Avro in Confluent's wire format, and the MAC of the privileged ones.
//!
//! Bytes of any kind give an event or a named reason, never a panic, and nothing is allocated because a record says so.
//! Whether a record passes depends on the record and the key ring, never on a clock.

use std::sync::Arc;

use order_codec::avro::{Cursor, Encode, Read, invalid, whole};
use order_codec::schemas::{ROOM_EVENT_SUBJECT, ROOM_EVENT_V1};
use order_codec::{
    BadRecord, DecodeError, KeyRing, MAC_HEADER, MacError, RegistryError, SchemaSource, SubjectCodec,
};
use order_log::Record;
use order_model::{CommandId, Commitment, CustomerId, Seed, TimeMs};

use crate::event::{Admit, EntryId, Figures, Opening, RoomEvent};
use crate::limits::ROOM_VALUE_BYTES_MAX;
use crate::name::{RoomName, RoomNameError};

/// Why a record of the topic is passed over.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum EventError {
    /// Its key is not the name of a room.
    #[error("the record's key is no room: {0}")]
    Key(#[from] RoomNameError),
    /// Its value is too large.
    #[error("the value has {0} bytes, at most {ROOM_VALUE_BYTES_MAX} are read")]
    TooLarge(usize),
    /// Its value is not an event.
    #[error(transparent)]
    Bad(#[from] BadRecord),
    /// It is privileged, and its MAC does not let it pass.
    #[error(transparent)]
    Mac(#[from] MacError),
    /// The registry did not say what its schema is: try again, the record may be good.
    #[error(transparent)]
    Registry(RegistryError),
}

impl From<DecodeError> for EventError {
    fn from(error: DecodeError) -> Self {
        match error {
            DecodeError::Bad(bad) => Self::Bad(bad),
            DecodeError::Registry(error) => Self::Registry(error),
        }
    }
}

/// Reads and writes the values of the topic. Cheap to clone.
#[derive(Clone, Debug)]
pub struct RoomCodec(SubjectCodec);

impl RoomCodec {
    /// Finds, or registers, the id of our schema.
    pub fn new(source: Arc<dyn SchemaSource>) -> Result<Self, RegistryError> {
        Ok(Self(SubjectCodec::new(source, ROOM_EVENT_SUBJECT, "RoomEvent", ROOM_EVENT_V1)?))
    }

    /// Appends an event as a record value.
    pub fn event_to(&self, event: &RoomEvent, out: &mut Vec<u8>) {
        self.0.head_to(out);
        encode_event(event, out);
    }

    /// Reads a record: its room, its event, and whether it may say it. Without a ring no MAC is looked at, as by somebody
    /// who checks a draw and has no keys.
    pub fn read(
        &self,
        record: &Record<'_>,
        ring: Option<&KeyRing>,
    ) -> Result<(RoomName, RoomEvent), EventError> {
        let room = RoomName::from_bytes(record.key.unwrap_or_default())?;
        let length = record.value.map_or(0, <[u8]>::len);
        if length > ROOM_VALUE_BYTES_MAX {
            return Err(EventError::TooLarge(length));
        }
        let event = decode_event(&self.0.ours(record.value)?)?;
        if let Some(ring) = ring.filter(|_| event.is_privileged()) {
            let value = record.value.unwrap_or_default();
            ring.verify(TimeMs(record.time_ms), record.headers.get(MAC_HEADER), record.key, value)?;
        }
        Ok((room, event))
    }
}

/// Appends an event as Avro bytes of the schema, version 1.
pub fn encode_event(event: &RoomEvent, out: &mut Vec<u8>) {
    match event {
        RoomEvent::Open(opening) => {
            out.long(0);
            out.fixed(&opening.id.0);
            for number in
                [opening.window_ms, opening.opens_at.0, opening.closes_at.0, opening.people_max.into()]
            {
                out.unsigned(number);
            }
            out.fixed(&opening.commitment.0);
            out.unsigned(opening.seed_key.into());
        }
        RoomEvent::Enter { customer, entry } => {
            out.long(1);
            out.fixed(&customer.0);
            out.fixed(&entry.0);
        }
        RoomEvent::Leave { customer, entry } => {
            out.long(2);
            out.fixed(&customer.0);
            out.fixed(&entry.0);
        }
        RoomEvent::Reveal { opening, seed } => {
            out.long(3);
            out.fixed(&opening.0);
            out.fixed(&seed.0);
        }
        RoomEvent::Admit(Admit { opening, step, up_to, figures }) => {
            out.long(4);
            out.fixed(&opening.0);
            let Figures {
                decided_per_s,
                best_per_s,
                arrived_per_s,
                lag_records,
                expected,
                ordering_permille,
            } = *figures;
            for number in [
                *step,
                *up_to,
                decided_per_s,
                best_per_s,
                arrived_per_s,
                lag_records,
                expected,
                ordering_permille,
            ] {
                out.unsigned(number.into());
            }
        }
        RoomEvent::Close { opening } => {
            out.long(5);
            out.fixed(&opening.0);
        }
    }
}

/// Reads an event from Avro bytes of the schema, version 1.
pub fn decode_event(bytes: &[u8]) -> Result<RoomEvent, BadRecord> {
    whole(bytes, read_event)
}

fn read_event(cursor: &mut Cursor<'_>) -> Read<RoomEvent> {
    Ok(match cursor.long("body")? {
        0 => RoomEvent::Open(Opening {
            id: CommandId(cursor.id("opening")?),
            window_ms: cursor.u64("window_ms")?,
            opens_at: cursor.time("opens_at")?,
            closes_at: cursor.time("closes_at")?,
            people_max: cursor.u32("people_max")?,
            commitment: Commitment(cursor.fixed("commitment")?),
            seed_key: cursor.u32("seed_key")?,
        }),
        1 => RoomEvent::Enter { customer: read_customer(cursor)?, entry: EntryId(cursor.fixed("entry")?) },
        2 => RoomEvent::Leave { customer: read_customer(cursor)?, entry: EntryId(cursor.fixed("entry")?) },
        3 => {
            RoomEvent::Reveal { opening: CommandId(cursor.id("opening")?), seed: Seed(cursor.fixed("seed")?) }
        }
        4 => RoomEvent::Admit(Admit {
            opening: CommandId(cursor.id("opening")?),
            step: cursor.u32("step")?,
            up_to: cursor.u32("up_to")?,
            figures: Figures {
                decided_per_s: cursor.u32("decided_per_s")?,
                best_per_s: cursor.u32("best_per_s")?,
                arrived_per_s: cursor.u32("arrived_per_s")?,
                lag_records: cursor.u32("lag_records")?,
                expected: cursor.u32("expected")?,
                ordering_permille: cursor.u32("ordering_permille")?,
            },
        }),
        5 => RoomEvent::Close { opening: CommandId(cursor.id("opening")?) },
        _ => return Err(invalid("body", "no such member of the union")),
    })
}

fn read_customer(cursor: &mut Cursor<'_>) -> Read<CustomerId> {
    cursor.id("customer").map(CustomerId)
}
