//! Delivery: each channel by itself works off its queue, and fetches from the claims what does not fit or was left behind.
//!
//! A lane takes a claim a step further, attempts, and settles it. Between the two the claim says `attempting`: whoever finds
//! it so after its time knows that the attempt was broken off, and does what the channel's rule says.

use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;

use order_model::TimeMs;
use sink::Fault;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::channels::{Message, Outcome, Setback, UnknownRule};
use crate::claims::{Claim, ClaimState, Claims, ClaimsError, Settled, Slot, StepToken};
use crate::contacts::Contacts;
use crate::limits::{
    ABANDONED_AFTER_MS, BACKOFF_MS_MAX, BACKOFF_MS_MIN, LANES_MAX, OPEN_PAGE_CLAIMS_MAX, SCAN_INTERVAL_MS,
    STORE_ATTEMPTS_MAX, STORE_PAUSE_MS,
};
use crate::office::{Office, Way, message_id};
use crate::queue::{Job, Prepared, doubled};

/// How often a channel that has spilled looks whether there is room, in milliseconds.
const ROOM_LOOK_MS: u64 = 5;
/// What a channel gives an attempt beyond the time it asked for, so that its own time-out comes first.
const ATTEMPT_SLACK_MS: u64 = 1_000;

/// Starts a channel's lanes and its look into the claims; they end when its queue is closed.
pub(crate) fn start<C: Claims, K: Contacts>(
    office: &Arc<Office<C, K>>,
    way: &Arc<Way>,
) -> Vec<JoinHandle<()>> {
    let lanes = way.channel.lanes().clamp(1, LANES_MAX);
    let mut tasks: Vec<_> = (0..lanes)
        .map(|_| tokio::spawn(Lane { office: Arc::clone(office), way: Arc::clone(way) }.run()))
        .collect();
    tasks.push(tokio::spawn(fetch(Arc::clone(office), Arc::clone(way))));
    tasks
}

/// Looks for claims left behind: at start, at intervals, and whenever there is room for what did not fit.
async fn fetch<C: Claims, K: Contacts>(office: Arc<Office<C, K>>, way: Arc<Way>) {
    let queue = &way.queue;
    let slot = Slot::Channel(way.channel.kind());
    while !queue.is_closed() {
        queue.fetching();
        // Those in memory may be the first to come back: as many more are asked for.
        let max = queue.len() + OPEN_PAGE_CLAIMS_MAX;
        match office.claims.open(slot, (office.clock)(), max).await {
            Ok(claims) => {
                if claims.len() >= max {
                    queue.more_left();
                }
                for claim in claims {
                    queue.offer(Job { claim, prepared: None });
                }
            }
            Err(error) => tracing::warn!("{} notices left behind are not seen: {error}", slot.name()),
        }
        let mut waited_ms = 0;
        while waited_ms < SCAN_INTERVAL_MS && !queue.is_closed() && !(queue.has_spilled() && queue.is_low()) {
            sleep(Duration::from_millis(ROOM_LOOK_MS)).await;
            waited_ms += ROOM_LOOK_MS;
        }
    }
}

struct Lane<C, K> {
    office: Arc<Office<C, K>>,
    way: Arc<Way>,
}

/// What is left to do with a job.
enum Next {
    /// Nothing, or nothing here.
    Done,
    /// The same again, later.
    Later(Box<Job>, TimeMs),
}

impl<C: Claims, K: Contacts> Lane<C, K> {
    async fn run(self) {
        while let Some(job) = self.way.queue.next().await {
            let key = job.claim.key.clone();
            match self.work_off(job).await {
                Ok(Next::Later(job, until)) => self.way.queue.postpone(job, until),
                Ok(Next::Done) => self.way.queue.done(&key),
                Err(fault) => {
                    // The claim is open still: it is found again when its time has come.
                    tracing::warn!("notice {key}: {fault}");
                    self.way.queue.done(&key);
                }
            }
        }
    }

    async fn work_off(&self, mut job: Box<Job>) -> Result<Next, Fault> {
        let now = (self.office.clock)();
        let claim = &job.claim;
        if claim.state == ClaimState::Attempting && self.way.channel.rule() == UnknownRule::Never {
            let detail = "the attempt was broken off, and nobody knows its outcome".to_owned();
            return self.end(claim, ClaimState::Unknown, detail).await;
        }
        if claim.expires <= now {
            let detail = format!("pointless before it could be sent; last heard: {}", claim.detail);
            return self.end(claim, ClaimState::Expired, detail).await;
        }
        let prepared = match job.prepared.take() {
            Some(prepared) => prepared,
            None => match self.office.prepare_again(&self.way, claim).await? {
                Ok(prepared) => prepared,
                Err((state, detail)) => return self.end(claim, state, detail).await,
            },
        };
        let destination = self.way.channel.destination(&prepared.address);
        if let Some(until) = self.way.queue.resting(&destination) {
            return self.stand_back(job, prepared, until).await;
        }
        let until = now.after(millis(self.way.channel.attempt_max()) + ATTEMPT_SLACK_MS + ABANDONED_AFTER_MS);
        // One for all tries: a step whose answer was lost is found to be ours.
        let token = StepToken::new();
        let begin = || self.office.claims.begin(&claim.key, claim.attempts, until, token);
        let begun = self.patiently(begin).await?;
        let Some(begun) = begun else { return Ok(Next::Done) };
        // A newer decision may have taken the claim's place meanwhile.
        let prepared = if begun.facts == claim.facts {
            prepared
        } else {
            match self.office.prepare_again(&self.way, &begun).await? {
                Ok(prepared) => prepared,
                Err((state, detail)) => return self.end(&begun, state, detail).await,
            }
        };
        self.attempt(begun, prepared, destination).await
    }

    async fn attempt(
        &self,
        claim: Claim,
        prepared: Prepared,
        destination: Option<String>,
    ) -> Result<Next, Fault> {
        let Some(customer) = claim.customer else { return Ok(Next::Done) };
        let Prepared { address, rendered } = prepared;
        let message = Message {
            id: message_id(&claim.key),
            key: claim.key.clone(),
            customer,
            address,
            facts: claim.facts.clone(),
            rendered,
            expires: claim.expires,
            now: (self.office.clock)(),
        };
        let attempt_max = self.way.channel.attempt_max() + Duration::from_millis(ATTEMPT_SLACK_MS);
        let outcome = timeout(attempt_max, self.way.channel.send(&message)).await;
        let outcome = outcome.unwrap_or_else(|_| Outcome::Unknown("no answer in time".to_owned()));
        let kind = self.way.channel.kind();
        match outcome {
            Outcome::Sent => {
                self.way.queue.rested(&destination);
                self.way.counters.trouble(kind, None);
                self.end(&claim, ClaimState::Sent, String::new()).await
            }
            Outcome::Refused(detail) => self.end(&claim, ClaimState::Failed, detail).await,
            Outcome::Unknown(detail) => match self.way.channel.rule() {
                UnknownRule::Never => self.end(&claim, ClaimState::Unknown, detail).await,
                UnknownRule::Again => {
                    self.again(claim, message, Setback { detail, rest: true, pause: None }, destination).await
                }
            },
            Outcome::Retry(setback) => self.again(claim, message, setback, destination).await,
        }
    }

    /// Settles a claim for good.
    async fn end(&self, claim: &Claim, state: ClaimState, detail: String) -> Result<Next, Fault> {
        let settled = Settled { state, due: claim.due, detail };
        let settle = || self.office.claims.settle(&claim.key, claim.attempts, settled.clone());
        if self.patiently(settle).await? {
            let counters = &self.way.counters;
            let counter = match state {
                ClaimState::Sent => &counters.sent,
                ClaimState::Failed => &counters.failed,
                ClaimState::Unknown => &counters.unknown,
                _ => &counters.expired,
            };
            counter.fetch_add(1, Ordering::Relaxed);
        }
        Ok(Next::Done)
    }

    /// Settles a claim so that it is attempted again, after a pause that grows.
    async fn again(
        &self,
        claim: Claim,
        message: Message,
        setback: Setback,
        destination: Option<String>,
    ) -> Result<Next, Fault> {
        let Setback { detail, rest, pause } = setback;
        self.way.counters.retried.fetch_add(1, Ordering::Relaxed);
        if rest {
            self.way.counters.trouble(self.way.channel.kind(), Some(&detail));
            self.way.queue.rest(destination, pause);
        }
        let backoff = doubled(BACKOFF_MS_MIN, claim.attempts.saturating_sub(1)).min(BACKOFF_MS_MAX);
        let pause = pause.map_or(0, millis).min(BACKOFF_MS_MAX);
        let due = (self.office.clock)().after(spread(&message.id, claim.attempts, backoff.max(pause)));
        if due >= claim.expires {
            let detail = format!("pointless before it could be sent; last heard: {detail}");
            return self.end(&claim, ClaimState::Expired, detail).await;
        }
        let settled = Settled { state: ClaimState::Claimed, due, detail: detail.clone() };
        let settle = || self.office.claims.settle(&claim.key, claim.attempts, settled.clone());
        if !self.patiently(settle).await? {
            return Ok(Next::Done);
        }
        let Message { address, rendered, .. } = message;
        let claim = Claim { state: ClaimState::Claimed, due, detail, ..claim };
        self.keep_or_leave(Box::new(Job { claim, prepared: Some(Prepared { address, rendered }) }), due)
    }

    /// The destination rests: the job waits here, or, when others wait for its place, in the claims.
    async fn stand_back(&self, mut job: Box<Job>, prepared: Prepared, until: TimeMs) -> Result<Next, Fault> {
        if self.way.queue.has_spilled() {
            let claim = &job.claim;
            let settled = Settled { state: ClaimState::Claimed, due: until, detail: claim.detail.clone() };
            let settle = || self.office.claims.settle(&claim.key, claim.attempts, settled.clone());
            self.patiently(settle).await?;
            return Ok(Next::Done);
        }
        job.prepared = Some(prepared);
        Ok(Next::Later(job, until))
    }

    /// A job whose time comes later keeps its place only when nobody waits for it.
    fn keep_or_leave(&self, job: Box<Job>, due: TimeMs) -> Result<Next, Fault> {
        Ok(if self.way.queue.has_spilled() { Next::Done } else { Next::Later(job, due) })
    }

    /// Asks the store, and asks again a few times: an attempt whose outcome cannot be noted may be repeated or lost.
    async fn patiently<T, F>(&self, ask: impl Fn() -> F) -> Result<T, Fault>
    where
        F: Future<Output = Result<T, ClaimsError>>,
    {
        let mut asked = 1;
        loop {
            match ask().await {
                Ok(answer) => return Ok(answer),
                Err(ClaimsError::Retry(_)) if asked < STORE_ATTEMPTS_MAX => {
                    asked += 1;
                    sleep(Duration::from_millis(STORE_PAUSE_MS)).await;
                }
                Err(error) => return Err(error.into()),
            }
        }
    }
}

fn millis(duration: Duration) -> u64 {
    u64::try_from(duration.as_millis()).unwrap_or(u64::MAX)
}

/// A pause between its half and itself, so that what failed together does not come back together. What it is follows from
/// the message, not from chance.
fn spread(id: &str, attempts: u32, pause_ms: u64) -> u64 {
    let digits = id.get(..8).and_then(|digits| u64::from_str_radix(digits, 16).ok()).unwrap_or(0);
    let half = pause_ms / 2;
    half + digits.wrapping_mul(u64::from(attempts) * 2 + 1) % (half + 1)
}
