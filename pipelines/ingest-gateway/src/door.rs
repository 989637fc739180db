//! The door: the one way to `orders`. Commands come in over a bounded queue, one thread appends what is there in one
//! batch, more at a time the more there is, and answers each when the log has acknowledged it.
//!
//! Promised: [`Outcome::Accepted`] means that the log has the command; [`Outcome::Full`] and [`Outcome::Away`] mean that it
//! has not and never will by this call; everything else is [`Outcome::Unknown`]. A log that comes back is used again
//! without help. Not promised: that a command is in the log only once; whoever repeats one repeats its id.

mod thread;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::thread::JoinHandle;

use order_codec::{Codec, KeyRing};
use order_log::{Log, LogError};
use order_model::{Command, TimeMs};
use smallvec::SmallVec;
use tokio::sync::{mpsc, oneshot};

use crate::limits::DoorLimits;
use thread::DoorThread;

/// What a door works with.
#[derive(Clone)]
pub struct DoorParts {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Writes records.
    pub codec: Codec,
    /// Signs privileged commands.
    pub ring: KeyRing,
    /// The topic of commands.
    pub orders: Arc<str>,
    /// The time of day.
    pub clock: Arc<dyn Fn() -> TimeMs + Send + Sync>,
}

/// What became of a command on its way to the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// The log has it; its outcome is fixed.
    Accepted {
        /// Where: the partition,
        partition: u32,
        /// and the place there.
        offset: u64,
    },
    /// The log did not say in time: it may have it. The same command, asked again, settles it.
    Unknown,
    /// Too many are in hand. The log does not have it.
    Full,
    /// The log does not answer. It does not have it.
    Away,
    /// It cannot be written: no key signs it, or no partition is its own. The log does not have it.
    Unwritable,
}

pub(crate) type Commands = SmallVec<[Command; 1]>;
pub(crate) type Outcomes = SmallVec<[Outcome; 1]>;

pub(crate) struct Submission {
    commands: Commands,
    reply: oneshot::Sender<Outcomes>,
}

/// How the door is doing.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct DoorStatus {
    /// Commands in hand.
    pub in_hand: usize,
    /// Whether the log has left commands unacknowledged for too long.
    pub is_stalled: bool,
    /// Commands acknowledged.
    pub accepted: u64,
    /// Commands whose outcome is unknown.
    pub unknown: u64,
    /// Commands turned away.
    pub turned_away: u64,
    /// Batches appended.
    pub batches: u64,
}

#[derive(Default)]
pub(crate) struct Shared {
    in_hand: AtomicUsize,
    is_stalled: AtomicBool,
    is_closed: AtomicBool,
    accepted: AtomicU64,
    unknown: AtomicU64,
    turned_away: AtomicU64,
    batches: AtomicU64,
}

/// The door. Clones share it; its thread ends when the last clone is gone and everything in hand is answered.
#[derive(Clone)]
pub struct Door {
    queue: mpsc::Sender<Submission>,
    shared: Arc<Shared>,
    commands_max: usize,
    partitions: u32,
}

impl std::fmt::Debug for Door {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Door").field("status", &self.status()).finish_non_exhaustive()
    }
}

impl Door {
    /// Opens the door; the handle ends with its thread.
    pub fn open(parts: DoorParts, limits: DoorLimits) -> Result<(Self, JoinHandle<()>), LogError> {
        let partitions = parts.log.partitions(&parts.orders)?;
        let (queue, submissions) = mpsc::channel(limits.commands_max.max(1));
        let shared = Arc::new(Shared::default());
        let thread = DoorThread::new(parts, limits, partitions, Arc::clone(&shared));
        let spawned = std::thread::Builder::new()
            .name("gateway-door".to_owned())
            .spawn(move || thread.run(submissions));
        let handle = spawned.map_err(|error| LogError::Failed {
            context: "start the thread of the door".to_owned(),
            detail: error.to_string(),
        })?;
        Ok((Self { queue, shared, commands_max: limits.commands_max, partitions }, handle))
    }

    /// How many partitions `orders` has.
    pub fn partitions(&self) -> u32 {
        self.partitions
    }

    /// Writes one command, and waits until the log has it or it is clear that this cannot be known.
    pub async fn submit(&self, command: Command) -> Outcome {
        let mut commands = Commands::new();
        commands.push(command);
        self.send(commands).await.first().copied().unwrap_or(Outcome::Unknown)
    }

    /// Writes several commands as one batch; answers in their order.
    pub async fn submit_all(&self, commands: Vec<Command>) -> Vec<Outcome> {
        self.send(Commands::from_vec(commands)).await.into_vec()
    }

    async fn send(&self, commands: Commands) -> Outcomes {
        let count = commands.len();
        let all = |outcome: Outcome| Outcomes::from_elem(outcome, count);
        if self.shared.is_stalled.load(Ordering::Relaxed) {
            return self.turn_away(all(Outcome::Away));
        }
        let before = self.shared.in_hand.fetch_add(count, Ordering::SeqCst);
        if self.shared.is_closed.load(Ordering::SeqCst) {
            self.shared.in_hand.fetch_sub(count, Ordering::Relaxed);
            return self.turn_away(all(Outcome::Away));
        }
        if before.saturating_add(count) > self.commands_max {
            self.shared.in_hand.fetch_sub(count, Ordering::Relaxed);
            return self.turn_away(all(Outcome::Full));
        }
        let (reply, answer) = oneshot::channel();
        if self.queue.try_send(Submission { commands, reply }).is_err() {
            self.shared.in_hand.fetch_sub(count, Ordering::Relaxed);
            return self.turn_away(all(Outcome::Full));
        }
        // A thread that has gone took the commands with it: they may be in the log.
        answer.await.unwrap_or_else(|_| all(Outcome::Unknown))
    }

    /// Lets nothing in any more; everybody is told [`Outcome::Away`]. What is in hand goes its way:
    /// [`DoorStatus::in_hand`] says when it has.
    pub fn close(&self) {
        self.shared.is_closed.store(true, Ordering::SeqCst);
    }

    fn turn_away(&self, outcomes: Outcomes) -> Outcomes {
        let count = u64::try_from(outcomes.len()).unwrap_or(u64::MAX);
        self.shared.turned_away.fetch_add(count, Ordering::Relaxed);
        outcomes
    }

    /// How it is doing.
    pub fn status(&self) -> DoorStatus {
        let shared = &self.shared;
        DoorStatus {
            in_hand: shared.in_hand.load(Ordering::Relaxed),
            is_stalled: shared.is_stalled.load(Ordering::Relaxed),
            accepted: shared.accepted.load(Ordering::Relaxed),
            unknown: shared.unknown.load(Ordering::Relaxed),
            turned_away: shared.turned_away.load(Ordering::Relaxed),
            batches: shared.batches.load(Ordering::Relaxed),
        }
    }
}
