//! The keeper: a thread of each gateway that reveals seeds and paces admission.
//!
//! Any number may run, and any may be killed. What one says is a function of what is in the log and of the pipeline's
//! figures, names the turn it is for, and changes nothing when another was first.
//!
//! Relies on clocks that do not differ much from the broker's: a gateway that is behind by a second paces a second late, and
//! leaves it to the others. One that is ahead tells no seed early: whether a room is past its opening is the log's to say. It
//! first says the opening again, a record that changes nothing but has a time, and the seed only once the room is open by it.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use crossbeam_channel::{RecvTimeoutError, Sender, bounded};
use order_log::{Clock, LogError};
use order_model::{CommandId, TimeMs};

use crate::event::{Admit, Figures, RoomEvent};
use crate::follower::{RoomFollower, RoomView};
use crate::limits::{KEEPER_INTERVAL, KEEPER_PATIENCE_MS, KEEPER_STAGGER_MS_MAX, PACE_MS_MIN};
use crate::meter::Pipeline;
use crate::name::RoomName;
use crate::pace::{LastAdmission, PaceTarget, people_to_admit};
use crate::seed::seed_of;
use crate::standing::{Outlook, Phase, Summary};
use crate::writer::RoomWriter;

/// Tells how the pipeline does that takes the orders of a room; `None` while that is not known, and then nobody is admitted.
pub type PipelineSource = Arc<dyn Fn(&RoomName) -> Option<Pipeline> + Send + Sync>;

/// Reveals and paces, until dropped.
pub struct Keeper {
    /// Dropped to stop the thread.
    running: Option<Sender<()>>,
    handle: Option<JoinHandle<()>>,
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.running = None;
        if self.handle.take().is_some_and(|handle| handle.join().is_err()) {
            tracing::error!("the keeper of the waiting rooms has panicked");
        }
    }
}

impl Keeper {
    /// Starts to keep all rooms. `stagger_ms` is how long this gateway lets others go first, so that of many gateways few
    /// write in vain; at most [`KEEPER_STAGGER_MS_MAX`].
    pub fn start(
        follower: RoomFollower,
        writer: RoomWriter,
        target: PaceTarget,
        source: PipelineSource,
        clock: Clock,
        stagger_ms: u64,
    ) -> Result<Self, LogError> {
        let (running, stop) = bounded::<()>(1);
        let stagger_ms = stagger_ms.min(KEEPER_STAGGER_MS_MAX);
        let mut keeping =
            Keeping { follower, writer, target, source, clock, stagger_ms, said: BTreeMap::new() };
        let keep = move || {
            while stop.recv_timeout(KEEPER_INTERVAL) == Err(RecvTimeoutError::Timeout) {
                keeping.look_at_all();
            }
        };
        let handle = std::thread::Builder::new().name("rooms-keeper".to_owned()).spawn(keep);
        let handle = handle.map_err(|error| LogError::Failed {
            context: "starting the keeper of the waiting rooms".to_owned(),
            detail: error.to_string(),
        })?;
        Ok(Self { running: Some(running), handle: Some(handle) })
    }
}

struct Keeping {
    follower: RoomFollower,
    writer: RoomWriter,
    target: PaceTarget,
    source: PipelineSource,
    clock: Clock,
    stagger_ms: u64,
    said: BTreeMap<RoomName, Said>,
}

/// What was said last about a room, and when: it is not said again before it could have come back.
#[derive(Clone, Copy)]
struct Said {
    turn: Turn,
    at: TimeMs,
}

/// What is to be said, of which opening.
#[derive(Clone, Copy, PartialEq, Eq)]
struct Turn {
    opening: CommandId,
    what: What,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum What {
    /// The opening once more, so that the log has a record of this time.
    Again,
    /// The seed.
    Seed,
    /// The admission of this number.
    Admission(u32),
}

impl Keeping {
    fn look_at_all(&mut self) {
        let now = TimeMs((self.clock)());
        let names = self.follower.names();
        self.said.retain(|name, _| names.contains(name));
        for view in names.iter().filter_map(|name| self.follower.room(name)) {
            let Some(summary) = view.summary() else { continue };
            let Some((turn, event)) = self.due(&view, &summary, now) else { continue };
            self.said.insert(view.name().clone(), Said { turn, at: now });
            if let Err(error) = event.map(|event| self.writer.submit(view.name(), &event, now)).transpose() {
                tracing::warn!(room = %view.name(), %error, "the waiting room is not moved on; trying again");
            }
        }
    }

    /// What is to be said now, if anything; no event when it is our turn and we cannot say it.
    fn due(&self, view: &RoomView, summary: &Summary, now: TimeMs) -> Option<(Turn, Option<RoomEvent>)> {
        let opening = summary.opening.id;
        let is_past = |time: TimeMs, wait_ms: u64| time.after(wait_ms) <= now;
        let was_said = |turn: Turn| {
            let said = self.said.get(view.name());
            said.is_some_and(|said| said.turn == turn && !is_past(said.at, KEEPER_PATIENCE_MS))
        };
        if summary.drawn > 0 && !summary.is_revealed {
            let is_open = summary.phase == Phase::Drawing;
            let turn = Turn { opening, what: if is_open { What::Seed } else { What::Again } };
            let is_due = is_past(summary.opening.opens_at, self.stagger_ms) && !was_said(turn);
            let event =
                || if is_open { self.reveal(summary) } else { Some(RoomEvent::Open(summary.opening)) };
            return is_due.then(|| (turn, event()));
        }
        let turn = Turn { opening, what: What::Admission(summary.step) };
        let is_due = summary.phase == Phase::Admitting
            && summary.waiting > 0
            && is_past(summary.admitted_at, PACE_MS_MIN + self.stagger_ms)
            && !was_said(turn);
        if !is_due {
            return None;
        }
        let admit = self.admit(view, summary, now)?;
        Some((turn, Some(RoomEvent::Admit(admit))))
    }

    fn reveal(&self, summary: &Summary) -> Option<RoomEvent> {
        let opening = &summary.opening;
        let seed = seed_of(&self.writer.topic().ring, &summary.room, opening);
        if seed.is_none() {
            tracing::error!(
                room = %summary.room, key = opening.seed_key,
                "this gateway cannot derive the seed of the draw: its key file lacks the key; nobody is admitted until it is revealed"
            );
        }
        seed.map(|seed| RoomEvent::Reveal { opening: opening.id, seed })
    }

    fn admit(&self, view: &RoomView, summary: &Summary, now: TimeMs) -> Option<Admit> {
        let pipeline = (self.source)(view.name())?;
        let Outlook { expected, mean_thinking, ordering_permille } =
            view.outlook(now, self.target.think_ms.into())?;
        let figures = Figures {
            decided_per_s: pipeline.decided_per_s,
            best_per_s: pipeline.best_per_s,
            arrived_per_s: pipeline.arrived_per_s,
            lag_records: pipeline.lag_records,
            expected,
            ordering_permille,
        };
        let last = LastAdmission {
            since_ms: now.0.saturating_sub(summary.admitted_at.0),
            expected: summary.expected_after,
            mean_thinking,
        };
        let people = people_to_admit(&self.target, &figures, &last, summary.waiting);
        let up_to = view.place_after(people);
        (up_to > summary.admitted).then_some(Admit {
            opening: summary.opening.id,
            step: summary.step,
            up_to,
            figures,
        })
    }
}
