//! What happened in a waiting room, as a row.

use serde::Serialize;
use waiting_room::{Admit, Opening, RoomEvent};

use crate::times::{show_duration_ms, show_time};

/// What happened in a waiting room.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub enum RoomEventView {
    /// It opens.
    Open {
        /// Names the opening.
        opening: String,
        /// How long people may enter before, in milliseconds.
        window_ms: u64,
        /// When people are admitted from.
        opens_at: String,
        /// When it closes.
        closes_at: String,
        /// Most people it takes.
        people_max: u32,
        /// BLAKE3 of the seed of its draw.
        commitment: String,
    },
    /// Somebody enters.
    Enter {
        /// Who.
        customer: String,
    },
    /// Somebody leaves.
    Leave {
        /// Who.
        customer: String,
    },
    /// The seed is told.
    Reveal {
        /// The seed.
        seed: String,
    },
    /// Everybody up to a place is admitted.
    Admit {
        /// The number of the admission.
        step: u32,
        /// The last place.
        up_to: u32,
        /// Orders decided a second when it was said.
        decided_per_s: u32,
        /// Records that were not decided.
        lag_records: u32,
        /// Orders that were expected.
        expected: u32,
    },
    /// It closes.
    Close {
        /// The opening that ends.
        opening: String,
    },
}

impl From<&RoomEvent> for RoomEventView {
    fn from(event: &RoomEvent) -> Self {
        match event {
            RoomEvent::Open(Opening {
                id, window_ms, opens_at, closes_at, people_max, commitment, ..
            }) => Self::Open {
                opening: id.to_string(),
                window_ms: *window_ms,
                opens_at: show_time(*opens_at),
                closes_at: show_time(*closes_at),
                people_max: *people_max,
                commitment: commitment.to_string(),
            },
            RoomEvent::Enter { customer, .. } => Self::Enter { customer: customer.to_string() },
            RoomEvent::Leave { customer, .. } => Self::Leave { customer: customer.to_string() },
            RoomEvent::Reveal { seed, .. } => Self::Reveal { seed: seed.to_string() },
            RoomEvent::Admit(Admit { step, up_to, figures, .. }) => Self::Admit {
                step: *step,
                up_to: *up_to,
                decided_per_s: figures.decided_per_s,
                lag_records: figures.lag_records,
                expected: figures.expected,
            },
            RoomEvent::Close { opening } => Self::Close { opening: opening.to_string() },
        }
    }
}

impl RoomEventView {
    /// One word for it.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "open",
            Self::Enter { .. } => "enter",
            Self::Leave { .. } => "leave",
            Self::Reveal { .. } => "reveal",
            Self::Admit { .. } => "admit",
            Self::Close { .. } => "close",
        }
    }

    /// The rest, for people.
    pub fn detail(&self) -> String {
        match self {
            Self::Open { window_ms, opens_at, closes_at, people_max, .. } => format!(
                "window {}, opens {opens_at}, closes {closes_at}, at most {people_max} people",
                show_duration_ms(*window_ms)
            ),
            Self::Enter { customer } | Self::Leave { customer } => customer.clone(),
            Self::Reveal { seed } => format!("seed {seed}"),
            Self::Admit { step, up_to, decided_per_s, lag_records, expected } => format!(
                "{step}: up to place {up_to}; {decided_per_s} decided/s, {lag_records} behind, {expected} orders expected"
            ),
            Self::Close { opening } => opening.clone(),
        }
    }
}
