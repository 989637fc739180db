//! What one channel still has to do, in memory and bounded: ready now, later, and which destinations rest.
//!
//! What does not fit is not kept: it stands in the claims and is fetched from there when there is room.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use order_model::TimeMs;
use tokio::sync::Notify;
use tokio::time::sleep;

use crate::Clock;
use crate::claims::{Claim, ClaimKey};
use crate::contacts::Address;
use crate::limits::{
    QUEUED_NOTICES_LOW, QUEUED_NOTICES_MAX, REST_MS_MAX, REST_MS_MIN, RESTING_DESTINATIONS_MAX,
};
use crate::templates::Rendered;

/// Longest sleep before the clock is looked at again, in milliseconds: clocks jump.
const LOOK_MS_MAX: u64 = 250;

/// A claim to be worked off, with what is known about it already.
#[derive(Debug)]
pub(crate) struct Job {
    pub(crate) claim: Claim,
    pub(crate) prepared: Option<Prepared>,
}

/// Where a notice goes and how it reads. Kept from when it was claimed, so that nobody asks twice.
#[derive(Clone, Debug)]
pub(crate) struct Prepared {
    pub(crate) address: Address,
    pub(crate) rendered: Rendered,
}

/// A destination that failed as a whole.
#[derive(Clone, Copy, Debug)]
struct Rest {
    until: TimeMs,
    failures: u32,
}

/// What a destination is called where all addresses have one provider.
type Destination = Option<String>;

pub(crate) struct Queue {
    state: Mutex<State>,
    wake: Notify,
    clock: Clock,
}

#[derive(Default)]
struct State {
    ready: VecDeque<Box<Job>>,
    later: BTreeMap<(TimeMs, u64), Box<Job>>,
    /// Of every job here, and of those in a lane's hands.
    keys: HashSet<ClaimKey>,
    rests: HashMap<Destination, Rest>,
    pushed: u64,
    spilled: bool,
    closed: bool,
}

impl Queue {
    pub(crate) fn new(clock: Clock) -> Self {
        Self { state: Mutex::default(), wake: Notify::new(), clock }
    }

    /// Takes a job unless it is here already or there is no room.
    pub(crate) fn offer(&self, job: Job) {
        let mut state = self.state();
        if state.keys.contains(&job.claim.key) {
            return;
        }
        if state.keys.len() >= QUEUED_NOTICES_MAX {
            state.spilled = true;
            return;
        }
        state.keys.insert(job.claim.key.clone());
        let due = job.claim.due;
        state.put(Box::new(job), due, (self.clock)());
        drop(state);
        self.wake.notify_one();
    }

    /// The next job whose time has come, when the channel does not rest; `None` when closed.
    pub(crate) async fn next(&self) -> Option<Box<Job>> {
        loop {
            let pause = {
                let mut state = self.state();
                if state.closed {
                    return None;
                }
                let now = (self.clock)();
                state.ripen(now);
                let rests = state.rest_of(&None, now);
                match rests {
                    None => {
                        if let Some(job) = state.ready.pop_front() {
                            if !state.ready.is_empty() {
                                self.wake.notify_one();
                            }
                            return Some(job);
                        }
                        state.later.first_key_value().map(|((due, _), _)| due.0.saturating_sub(now.0))
                    }
                    Some(until) => Some(until.0.saturating_sub(now.0)),
                }
            };
            match pause {
                None => self.wake.notified().await,
                Some(ms) => {
                    let pause = Duration::from_millis(ms.clamp(1, LOOK_MS_MAX));
                    tokio::select! {
                        () = self.wake.notified() => {}
                        () = sleep(pause) => {}
                    }
                }
            }
        }
    }

    /// A job is done with, or left to the claims.
    pub(crate) fn done(&self, key: &ClaimKey) {
        self.state().keys.remove(key);
    }

    /// A job in hand goes back until later.
    pub(crate) fn postpone(&self, job: Box<Job>, until: TimeMs) {
        let now = (self.clock)();
        self.state().put(job, until, now);
        self.wake.notify_one();
    }

    /// Until when a destination rests, if it does.
    pub(crate) fn resting(&self, destination: &Destination) -> Option<TimeMs> {
        self.state().rest_of(destination, (self.clock)())
    }

    /// A destination failed as a whole: it rests, longer each time. Several attempts that fail together count once.
    pub(crate) fn rest(&self, destination: Destination, at_least: Option<Duration>) {
        let now = (self.clock)();
        let mut state = self.state();
        if state.rests.len() >= RESTING_DESTINATIONS_MAX && !state.rests.contains_key(&destination) {
            state.rests.retain(|_, rest| rest.until > now);
            if state.rests.len() >= RESTING_DESTINATIONS_MAX {
                return;
            }
        }
        let rest = state.rests.entry(destination).or_insert(Rest { until: TimeMs(0), failures: 0 });
        if rest.until > now {
            return;
        }
        let pause = doubled(REST_MS_MIN, rest.failures).min(REST_MS_MAX);
        let asked = at_least.and_then(|pause| u64::try_from(pause.as_millis()).ok()).unwrap_or(0);
        rest.failures = rest.failures.saturating_add(1);
        rest.until = now.after(pause.max(asked.min(REST_MS_MAX)));
    }

    /// A destination has taken something.
    pub(crate) fn rested(&self, destination: &Destination) {
        self.state().rests.remove(destination);
    }

    /// How many jobs are here or in hand.
    pub(crate) fn len(&self) -> usize {
        self.state().keys.len()
    }

    /// Whether something was left to the claims since the last [`Self::fetching`].
    pub(crate) fn has_spilled(&self) -> bool {
        self.state().spilled
    }

    /// Whether there is room worth a fetch.
    pub(crate) fn is_low(&self) -> bool {
        self.len() <= QUEUED_NOTICES_LOW
    }

    /// A fetch begins: what is left over from now on is noted anew.
    pub(crate) fn fetching(&self) {
        self.state().spilled = false;
    }

    /// The claims hold more than was fetched.
    pub(crate) fn more_left(&self) {
        self.state().spilled = true;
    }

    /// No lane gets another job.
    pub(crate) fn close(&self) {
        self.state().closed = true;
        self.wake.notify_waiters();
        self.wake.notify_one();
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.state().closed
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn put(&mut self, job: Box<Job>, due: TimeMs, now: TimeMs) {
        if due <= now {
            self.ready.push_back(job);
        } else {
            self.pushed += 1;
            self.later.insert((due, self.pushed), job);
        }
    }

    fn ripen(&mut self, now: TimeMs) {
        while let Some(entry) = self.later.first_entry()
            && entry.key().0 <= now
        {
            self.ready.push_back(entry.remove());
        }
    }

    fn rest_of(&self, destination: &Destination, now: TimeMs) -> Option<TimeMs> {
        self.rests.get(destination).map(|rest| rest.until).filter(|until| *until > now)
    }
}

/// `first`, doubled so many times.
pub(crate) fn doubled(first: u64, times: u32) -> u64 {
    first.saturating_mul(1_u64.checked_shl(times.min(32)).unwrap_or(u64::MAX))
}
