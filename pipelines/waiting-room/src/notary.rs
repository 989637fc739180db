//! The certificate of a room: a running BLAKE3 hash over every event's position and outcome, and over every place drawn.
//!
//! Two followers of the same log have the same certificate, or one of them is wrong.

use std::fmt;

use order_model::{CustomerId, Position};

use crate::outcome::Outcome;

/// Domain of the hash; a change of the encoding changes it.
const CONTEXT: &str = "doorbuster waiting room certificate 2026-11 v1";
/// How many bytes are hashed at once: whole chunks of BLAKE3.
const PIECE_BYTES: usize = 64 * 1_024;

/// The hash over everything a room has read and what it did. Shown as 64 hexadecimal digits.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct RoomCertificate(pub [u8; 32]);

impl fmt::Display for RoomCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for RoomCertificate {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

pub(crate) struct Notary {
    hasher: blake3::Hasher,
    gathered: Vec<u8>,
}

impl Notary {
    pub(crate) fn new(room: &str) -> Self {
        let mut notary = Self { hasher: blake3::Hasher::new_derive_key(CONTEXT), gathered: Vec::new() };
        notary.gather(&u64::try_from(room.len()).unwrap_or(u64::MAX).to_le_bytes());
        notary.gather(room.as_bytes());
        notary
    }

    /// Notes one event's position and what it did.
    pub(crate) fn note(&mut self, at: &Position, outcome: Outcome) {
        let (kind, number) = match outcome {
            Outcome::Opened => (1, 0),
            Outcome::Entered(place) => (2, place.unwrap_or(0)),
            Outcome::Left => (3, 0),
            Outcome::Drawn(people) => (4, people),
            Outcome::Admitted(up_to) => (5, up_to),
            Outcome::Closed => (6, 0),
            Outcome::Repeated => (7, 0),
            Outcome::Refused(refusal) => (8, refusal.number().into()),
        };
        let mut bytes = [0_u8; 21];
        let (offset, rest) = bytes.split_at_mut(8);
        let (time, rest) = rest.split_at_mut(8);
        let (kind_place, number_place) = rest.split_at_mut(1);
        offset.copy_from_slice(&at.offset.0.to_le_bytes());
        time.copy_from_slice(&at.time.0.to_le_bytes());
        kind_place.copy_from_slice(&[kind]);
        number_place.copy_from_slice(&number.to_le_bytes());
        self.gather(&bytes);
    }

    /// Notes who has drawn the next place.
    pub(crate) fn note_drawn(&mut self, customer: &CustomerId) {
        self.gather(&customer.0);
    }

    pub(crate) fn certificate(&self) -> RoomCertificate {
        let mut hasher = self.hasher.clone();
        hasher.update(&self.gathered);
        RoomCertificate(*hasher.finalize().as_bytes())
    }

    fn gather(&mut self, bytes: &[u8]) {
        self.gathered.extend_from_slice(bytes);
        let whole = self.gathered.len() - self.gathered.len() % PIECE_BYTES;
        if whole > 0 {
            self.hasher.update(self.gathered.get(..whole).unwrap_or_default());
            self.gathered.drain(..whole);
        }
    }
}
