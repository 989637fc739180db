//! The target: decisions become claims, and progress is recorded when all of a batch are. Delivery goes on by itself.
//!
//! So a provider that is slow or away delays neither decisions nor another channel, and costs no memory: what does not fit
//! into its queue stands in the claims.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Duration;

use order_model::{Partition, Sequence};
use sink::{Batch, Fault, Reached, Refused, Target};
use tokio::task::JoinHandle;
use tokio::time::{Instant, sleep};

use crate::channels::Channel;
use crate::claims::{Claim, ClaimKey, ClaimState, Claims, Recorded, Slot};
use crate::contacts::{ChannelKind, Contacts};
use crate::limits::STORE_BATCH_MAX;
use crate::notice::{NoticeKind, plan};
use crate::office::{Office, Shop, Told, Way};
use crate::queue::Queue;
use crate::status::{ChannelStatus, Counters};
use crate::stop::Stop;
use crate::templates::Templates;
use crate::{Clock, delivery, fan_out};

/// How often waiting for delivery looks, in milliseconds.
const LOOK_MS: u64 = 5;

/// What a sink is made of.
pub struct Parts<C, K> {
    /// Where claims are kept.
    pub claims: C,
    /// Who is told what where.
    pub contacts: K,
    /// How notices read.
    pub templates: Templates,
    /// What they say about the shop.
    pub shop: Shop,
    /// The ways to people, at most one of a kind. A kind without one tells nobody; see [`crate::Outbox::channel`].
    pub channels: Vec<Box<dyn Channel>>,
    /// Tells the time.
    pub clock: Clock,
}

/// The sink `push`.
pub struct PushSink<C, K> {
    office: Arc<Office<C, K>>,
    courier: Courier<C, K>,
}

/// A hold on the delivery of a sink, for whoever watches or ends it. Cheap to share.
pub struct Courier<C, K> {
    office: Arc<Office<C, K>>,
    tasks: Arc<Tasks>,
}

struct Tasks {
    stop: Stop,
    handles: std::sync::Mutex<Vec<JoinHandle<()>>>,
}

impl<C, K> Clone for Courier<C, K> {
    fn clone(&self) -> Self {
        Self { office: Arc::clone(&self.office), tasks: Arc::clone(&self.tasks) }
    }
}

impl<C, K> std::fmt::Debug for PushSink<C, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("PushSink").field("channels", &self.office.ways.keys()).finish_non_exhaustive()
    }
}

impl<C, K> std::fmt::Debug for Courier<C, K> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Courier").field("channels", &self.office.ways.keys()).finish_non_exhaustive()
    }
}

impl<C: Claims, K: Contacts> PushSink<C, K> {
    /// Starts delivery, on the tokio runtime it is called in. What an earlier process left undelivered is found again.
    pub fn start(parts: Parts<C, K>) -> Self {
        let Parts { claims, contacts, templates, shop, channels, clock } = parts;
        let ways = channels.into_iter().map(|channel| {
            let queue = Queue::new(Arc::clone(&clock));
            (channel.kind(), Arc::new(Way { channel, queue, counters: Counters::default() }))
        });
        let ways: BTreeMap<ChannelKind, Arc<Way>> = ways.collect();
        let office = Arc::new(Office { claims, contacts, templates, shop, clock, ways });
        let stop = Stop::default();
        let mut handles: Vec<_> =
            office.ways.values().flat_map(|way| delivery::start(&office, way)).collect();
        handles.push(tokio::spawn(fan_out::run(Arc::clone(&office), stop.clone())));
        let tasks = Arc::new(Tasks { stop, handles: std::sync::Mutex::new(handles) });
        Self { courier: Courier { office: Arc::clone(&office), tasks }, office }
    }

    /// A hold on the delivery, that outlives the sink.
    pub fn courier(&self) -> Courier<C, K> {
        self.courier.clone()
    }

    /// Marks orders that wait, so that the second time is known as one, and a hold as the end of waiting: the marks are
    /// in the claims, so they are known after a restart too.
    async fn with_history(&self, mut told: Vec<Told>) -> Result<Vec<Told>, Fault> {
        let mut first_waits: BTreeMap<ClaimKey, Claim> = BTreeMap::new();
        for told in told.iter().filter(|told| told.planned.facts.kind == NoticeKind::Waiting) {
            let key = mark(&told.planned.subject);
            first_waits.entry(key).or_insert_with(|| Claim {
                key: mark(&told.planned.subject),
                state: ClaimState::Sent,
                ..Claim::new(&told.planned, told.partition, told.sequence, Slot::Mark)
            });
        }
        let mut waits_since: HashMap<String, Sequence> = HashMap::new();
        let marks: Vec<Claim> = first_waits.into_values().collect();
        for some in marks.chunks(STORE_BATCH_MAX) {
            let recorded = self.office.claims.record(some).await?;
            waits_since.extend(some.iter().zip(recorded).map(|(claim, recorded)| match recorded {
                Recorded::New => (claim.key.subject.clone(), claim.sequence),
                Recorded::Standing(sequence) => (claim.key.subject.clone(), sequence),
            }));
        }
        let held = told.iter().filter(|told| told.planned.facts.kind == NoticeKind::Held);
        let held = held.filter(|told| !waits_since.contains_key(&told.planned.subject));
        let keys: Vec<ClaimKey> = held.map(|told| mark(&told.planned.subject)).collect();
        for some in keys.chunks(STORE_BATCH_MAX) {
            let found = self.office.claims.find(some).await?;
            waits_since.extend(found.into_iter().flatten().map(|mark| (mark.key.subject, mark.sequence)));
        }
        for told in &mut told {
            let waits_since = waits_since.get(&told.planned.subject).filter(|since| **since < told.sequence);
            if waits_since.is_none() {
                continue;
            }
            let planned = told.planned.clone();
            told.planned = match planned.facts.kind {
                NoticeKind::Waiting => planned.moved_on(),
                NoticeKind::Held => planned.after_waiting(),
                _ => planned,
            };
        }
        Ok(told)
    }

    /// Records the events that everybody who asked is told; whom that is, is asked when they are due.
    async fn record_events(&self, events: &[Told]) -> Result<(), Fault> {
        let mut claims: BTreeMap<ClaimKey, Claim> = BTreeMap::new();
        for told in events {
            let claim = Claim::new(&told.planned, told.partition, told.sequence, Slot::FanOut);
            claims.insert(claim.key.clone(), claim);
        }
        let claims: Vec<Claim> = claims.into_values().collect();
        for some in claims.chunks(STORE_BATCH_MAX) {
            self.office.claims.record(some).await?;
        }
        Ok(())
    }
}

/// The claim that notes since when an order waits.
fn mark(subject: &str) -> ClaimKey {
    ClaimKey { subject: subject.to_owned(), event: NoticeKind::Waiting.name().to_owned(), slot: Slot::Mark }
}

impl<C: Claims, K: Contacts> Target for PushSink<C, K> {
    fn name(&self) -> &'static str {
        "push"
    }

    async fn reached(&mut self, partition: Partition) -> Result<Reached, Fault> {
        Ok(self.office.claims.reached(partition).await?)
    }

    async fn write(&mut self, batches: &[Batch]) -> Result<Vec<Refused>, Fault> {
        let arrivals = batches.iter().flat_map(|batch| &batch.arrivals);
        let told = arrivals.flat_map(|arrival| {
            let decision = &arrival.decision;
            let (partition, sequence) = (decision.partition, decision.sequence);
            plan(decision).into_iter().map(move |planned| Told { partition, sequence, planned })
        });
        let (notices, events): (Vec<Told>, Vec<Told>) =
            told.partition(|told| told.planned.customer.is_some());
        self.record_events(&events).await?;
        let notices = self.with_history(notices).await?;
        let unfit = self.office.claim(notices).await?;
        // One letter a decision, whatever is wrong with how many of its notices.
        let mut refused: BTreeMap<(Partition, Sequence), String> = BTreeMap::new();
        for unfit in unfit {
            let reason = refused.entry((unfit.partition, unfit.sequence)).or_default();
            if !reason.is_empty() {
                reason.push_str("; ");
            }
            reason.push_str(&unfit.reason);
        }
        let refused = refused.into_iter();
        Ok(refused.map(|((partition, sequence), reason)| Refused { partition, sequence, reason }).collect())
    }

    async fn advance(&mut self, progress: &[(Partition, Reached)]) -> Result<(), Fault> {
        Ok(self.office.claims.advance(progress).await?)
    }
}

impl<C: Claims, K: Contacts> Courier<C, K> {
    /// How each channel is doing.
    pub fn status(&self) -> Vec<ChannelStatus> {
        let ways = self.office.ways.iter();
        ways.map(|(kind, way)| way.counters.status(*kind, way.queue.len())).collect()
    }

    /// The claims store.
    pub fn claims(&self) -> &C {
        &self.office.claims
    }

    /// The contacts.
    pub fn contacts(&self) -> &K {
        &self.office.contacts
    }

    /// Waits until nothing is left that could be sent now; `false` when that takes longer than `within`. What is due later,
    /// or is being tried again, is not waited for longer than that either.
    pub async fn delivered(&self, within: Duration) -> bool {
        let deadline = Instant::now() + within;
        while Instant::now() < deadline {
            if self.is_idle().await {
                return true;
            }
            sleep(Duration::from_millis(LOOK_MS)).await;
        }
        false
    }

    async fn is_idle(&self) -> bool {
        // What is in memory is known without asking the store.
        if self.office.ways.values().any(|way| way.queue.len() > 0 || way.queue.has_spilled()) {
            return false;
        }
        let now = (self.office.clock)();
        let slots = self.office.ways.keys().map(|kind| Slot::Channel(*kind));
        for slot in [Slot::FanOut].into_iter().chain(slots) {
            let open = self.office.claims.open(slot, now, 1).await;
            if !open.is_ok_and(|open| open.is_empty()) {
                return false;
            }
        }
        self.office.ways.values().all(|way| way.queue.len() == 0 && !way.queue.has_spilled())
    }

    /// Begins no further attempt and waits for those under way, at most `within`; then they are broken off. What is not
    /// delivered is found again by the next process.
    pub async fn drain(&self, within: Duration) {
        self.tasks.stop.set();
        for way in self.office.ways.values() {
            way.queue.close();
        }
        let handles: Vec<_> = {
            let mut handles = self.tasks.handles.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
            handles.drain(..).collect()
        };
        let deadline = Instant::now() + within;
        for mut handle in handles {
            if tokio::time::timeout_at(deadline, &mut handle).await.is_err() {
                handle.abort();
            }
        }
    }
}

impl Drop for Tasks {
    /// Nobody holds on to the delivery any more: it ends at once, as if the process had been killed.
    fn drop(&mut self) {
        self.stop.set();
        let handles = self.handles.get_mut().unwrap_or_else(std::sync::PoisonError::into_inner);
        handles.iter().for_each(JoinHandle::abort);
    }
}
