//! The wire between a worker and the log: what the worker appended lands when the schedule says so.
//!
//! Each partition of each topic is a lane of its own. Within a lane records land in order, one by one; between lanes
//! there is no order at all. A batch is acknowledged after it has landed and after every earlier one, as late
//! as the schedule likes. When the worker dies, a prefix of each lane is already with the log and lands later; the
//! rest never does.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use order_log::limits::RECORD_BYTES_MAX;
use order_log::{Acknowledged, AppendBatch, AppendError, LogAppender, LogError, Ticket};
use order_traffic::Dice;

use crate::outcome::{Sabotage, SimFailure};
use crate::world::{Outgoing, World};

/// A topic's partition.
pub(crate) type Lane = (Arc<str>, u32);

/// What a batch is, for the named crash points.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    Relays,
    Decisions,
    DeadLetters,
    Tick,
}

/// What landing a record has brought about.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Landed {
    pub(crate) kind: Kind,
    /// Records of the batch that have not landed.
    pub(crate) left: usize,
    /// Whether the worker has decisions on the wire.
    pub(crate) has_decisions: bool,
}

struct Flying {
    ticket: u64,
    record: Outgoing,
}

struct Open {
    kind: Kind,
    length: usize,
    left: usize,
}

/// See the module.
#[derive(Default)]
pub(crate) struct Wire {
    lanes: BTreeMap<Lane, VecDeque<Flying>>,
    /// Batches that are not acknowledged, oldest first; the first has ticket `acknowledged + 1`.
    open: VecDeque<Open>,
    acknowledged: u64,
    ready: Vec<Acknowledged>,
    batches_max: usize,
    broken: Option<LogError>,
    /// Acknowledgements come no more.
    pub(crate) is_silent: bool,
    full_queues: u64,
}

/// The two ends of a wire share it; the trait wants what can be sent to another thread.
pub(crate) type SharedWire = Arc<Mutex<Wire>>;

pub(crate) fn locked(wire: &SharedWire) -> MutexGuard<'_, Wire> {
    wire.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The worker's end.
pub(crate) struct FaultyAppender {
    wire: SharedWire,
    decisions: Arc<str>,
    dead_letters: Arc<str>,
}

impl FaultyAppender {
    pub(crate) fn new(wire: SharedWire, world: &World) -> Self {
        let (decisions, dead_letters) =
            (Arc::clone(&world.topics.decisions), Arc::clone(&world.topics.dead_letters));
        Self { wire, decisions, dead_letters }
    }

    fn kind_of(&self, batch: &AppendBatch) -> Kind {
        if *batch.topic() == self.decisions {
            Kind::Decisions
        } else if *batch.topic() == self.dead_letters {
            Kind::DeadLetters
        } else if batch.iter().all(|record| record.headers.is_empty()) {
            Kind::Tick
        } else {
            Kind::Relays
        }
    }
}

impl LogAppender for FaultyAppender {
    fn append(&mut self, batch: AppendBatch) -> Result<Ticket, AppendError> {
        let kind = self.kind_of(&batch);
        let mut wire = locked(&self.wire);
        if let Some(error) = &wire.broken {
            return Err(error.clone().into());
        }
        for (index, record) in batch.iter().enumerate() {
            let parts = [record.key.unwrap_or_default(), record.value.unwrap_or_default()];
            let bytes =
                parts.iter().map(|part| part.len()).sum::<usize>() + record.headers.as_encoded().len();
            if bytes > RECORD_BYTES_MAX {
                return Err(AppendError::TooLarge { index, bytes, limit: RECORD_BYTES_MAX });
            }
        }
        if wire.open.len() >= wire.batches_max {
            wire.full_queues += 1;
            return Err(AppendError::Full(batch));
        }
        Ok(wire.take(kind, &batch))
    }

    fn poll(&mut self, _wait: Duration, acknowledged: &mut Vec<Acknowledged>) -> Result<(), LogError> {
        let mut wire = locked(&self.wire);
        if let Some(error) = &wire.broken {
            return Err(error.clone());
        }
        acknowledged.append(&mut wire.ready);
        Ok(())
    }
}

impl Wire {
    pub(crate) fn new(batches_max: usize) -> SharedWire {
        Arc::new(Mutex::new(Self { batches_max, ..Self::default() }))
    }

    fn take(&mut self, kind: Kind, batch: &AppendBatch) -> Ticket {
        let ticket = self.acknowledged + u64::try_from(self.open.len()).unwrap_or(u64::MAX) + 1;
        for record in batch.iter() {
            let lane = self.lanes.entry((Arc::clone(batch.topic()), record.partition)).or_default();
            let record = Outgoing {
                partition: record.partition,
                key: record.key.map(<[u8]>::to_vec),
                value: record.value.map(<[u8]>::to_vec),
                headers: record.headers.as_encoded().to_vec(),
            };
            lane.push_back(Flying { ticket, record });
        }
        self.open.push_back(Open { kind, length: batch.len(), left: batch.len() });
        Ticket(ticket)
    }

    /// The lanes with records on the way.
    pub(crate) fn busy_lanes(&self) -> Vec<Lane> {
        self.lanes.iter().filter(|(_, lane)| !lane.is_empty()).map(|(name, _)| name.clone()).collect()
    }

    /// Takes the next record of a lane off the wire.
    fn next_of(&mut self, lane: &Lane, reorder: bool) -> Option<(Outgoing, Landed)> {
        let records = self.lanes.get_mut(lane)?;
        let Flying { ticket, record } =
            if reorder { records.remove(1) } else { None }.or_else(|| records.pop_front())?;
        let index = usize::try_from(ticket.checked_sub(self.acknowledged + 1)?).ok();
        // A batch that was acknowledged too early is no longer open.
        let open = index.and_then(|index| self.open.get_mut(index));
        let (kind, left) = open.map_or((Kind::Tick, 0), |open| {
            open.left -= 1;
            (open.kind, open.left)
        });
        let has_decisions = self.open.iter().any(|open| open.kind == Kind::Decisions);
        Some((record, Landed { kind, left, has_decisions }))
    }

    /// Acknowledges the oldest batch that has landed, if there is one; says whether.
    pub(crate) fn acknowledge(&mut self, early: bool) -> bool {
        if self.is_silent || !self.open.front().is_some_and(|open| open.left == 0 || early) {
            return false;
        }
        self.open.pop_front();
        self.acknowledged += 1;
        self.ready.push(Acknowledged { ticket: Ticket(self.acknowledged), offsets: Vec::new() });
        true
    }

    /// Whether an acknowledgement is due that is not coming.
    pub(crate) fn is_waiting(&self) -> bool {
        !self.open.is_empty()
    }

    /// Ends the appender: nobody hears of it any more.
    pub(crate) fn break_with(&mut self, error: LogError) {
        self.broken.get_or_insert(error);
    }

    pub(crate) fn take_full_queues(&mut self) -> u64 {
        std::mem::take(&mut self.full_queues)
    }

    /// The worker is dead: a prefix of each lane may still land. Says how many records never will.
    pub(crate) fn orphan(&mut self, dice: &mut Dice) -> u64 {
        let mut lost = 0;
        for lane in self.lanes.values_mut() {
            let length = u64::try_from(lane.len()).unwrap_or(0);
            let kept = if dice.chance(500) { dice.below(length + 1) } else { 0 };
            lane.truncate(usize::try_from(kept).unwrap_or(0));
            lost += length - kept;
        }
        lost
    }

    /// How many batches of several records have landed in part.
    pub(crate) fn torn_batches(&self) -> u64 {
        let torn = self.open.iter().filter(|open| open.left > 0 && open.left < open.length);
        u64::try_from(torn.count()).unwrap_or(0)
    }
}

/// Lets the next record of a lane land.
pub(crate) fn land(wire: &SharedWire, lane: &Lane, world: &mut World) -> Result<Option<Landed>, SimFailure> {
    let reorder = world.sabotage == Some(Sabotage::Reorder) && world.dice.chance(100);
    let Some((mut record, landed)) = locked(wire).next_of(lane, reorder) else { return Ok(None) };
    let one_in_twenty = world.sabotage.is_some() && world.dice.chance(50);
    let is_lost = match world.sabotage {
        Some(Sabotage::LoseDecision) => landed.kind == Kind::Decisions,
        Some(Sabotage::LoseRelay) => landed.kind == Kind::Relays,
        Some(Sabotage::LoseDeadLetter) => landed.kind == Kind::DeadLetters,
        _ => false,
    };
    if is_lost && one_in_twenty {
        return Ok(Some(landed));
    }
    if world.sabotage == Some(Sabotage::ChangeDecision) && landed.kind == Kind::Decisions && one_in_twenty {
        spoil(&mut record, world)?;
    }
    world.store(&lane.0, &record)?;
    Ok(Some(landed))
}

/// Changes a decision so that it can still be read.
fn spoil(record: &mut Outgoing, world: &World) -> Result<(), SimFailure> {
    let value = record.value.as_deref().unwrap_or_default();
    let mut decision =
        world.codec.decision_from(value).map_err(|error| SimFailure::Simulator(error.to_string()))?;
    decision.time = decision.time.after(1);
    let mut value = Vec::new();
    world.codec.decision_to(&decision, &mut value);
    record.value = Some(value);
    Ok(())
}
