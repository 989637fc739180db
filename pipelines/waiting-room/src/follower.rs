//! The follower: one thread that reads the topic from its beginning and shows every room as the log has it.
//!
//! It keeps nothing anywhere: it may be killed at any moment, and the next one reads the same. Readers look at a room under
//! a lock that the thread holds for one batch at most; at the draw it holds it for as long as that takes.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, RwLock, RwLockReadGuard};
use std::thread::JoinHandle;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TryRecvError, bounded};
use order_log::{LogError, LogReader, Polled, ReadLimits, RecordBatch};
use order_model::{CustomerId, Offset, Partition, Position, TimeMs, partition_of_key};
use tokio::sync::watch;

use crate::codec::EventError;
use crate::event::{EntryId, RoomEvent};
use crate::limits::{READ_BYTES_MAX, READ_RECORDS_MAX, READ_WAIT, RETRY_MAX, RETRY_MIN};
use crate::name::RoomName;
use crate::notary::RoomCertificate;
use crate::outcome::Outcome;
use crate::places::Ordered;
use crate::rate::Eta;
use crate::room::Room;
use crate::rooms::Rooms;
use crate::standing::{Outlook, Standing, Summary};
use crate::topic::RoomTopic;

const READ: ReadLimits = ReadLimits { records_max: READ_RECORDS_MAX, bytes_max: READ_BYTES_MAX };

/// How the follower is.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FollowerStatus {
    /// Whether it has read all that was there when it started.
    pub is_caught_up: bool,
    /// Why it does not read, if it does not.
    pub fault: Option<String>,
    /// Events applied.
    pub events: u64,
    /// Records passed over because they are no events or may not be said.
    pub unreadable: u64,
}

/// The follower has ended.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the follower of the waiting rooms has ended; start the gateway anew")]
pub struct FollowerStopped;

/// Where a customer stands, and for how long.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Look {
    /// Where.
    pub standing: Standing,
    /// How long the wait will be, if there is one and enough is known.
    pub eta: Option<Eta>,
    /// The room's partition.
    pub partition: Partition,
    /// How far that was read: who has read so far sees no less.
    pub read_to: Offset,
}

/// Follows all rooms. Clones share one thread, which ends with the last of them and of the views.
#[derive(Clone)]
pub struct RoomFollower(Arc<Thread>);

struct Thread {
    shared: Arc<Shared>,
    /// Dropped to stop the thread.
    running: Option<Sender<()>>,
    handle: Option<JoinHandle<()>>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.running = None;
        if self.handle.take().is_some_and(|handle| handle.join().is_err()) {
            tracing::error!("the follower of the waiting rooms has panicked");
        }
    }
}

struct Shared {
    partitions: Vec<Followed>,
    shown: Mutex<BTreeMap<RoomName, watch::Sender<Option<Arc<Summary>>>>>,
    /// Places of whom an order was decided; what a gateway knows besides the log of rooms.
    ordered: Mutex<BTreeMap<RoomName, Ordered>>,
    status: watch::Sender<FollowerStatus>,
}

struct Followed {
    rooms: RwLock<Rooms>,
    /// The offset after the last record applied.
    next: watch::Sender<u64>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shared {
    fn followed(&self, partition: u32) -> Option<&Followed> {
        self.partitions.get(usize::try_from(partition).ok()?)
    }

    fn partition_of(&self, room: &RoomName) -> Partition {
        let count = u32::try_from(self.partitions.len()).unwrap_or(u32::MAX);
        partition_of_key(room.as_str().as_bytes(), count)
    }

    fn rooms_of(&self, room: &RoomName) -> Option<RwLockReadGuard<'_, Rooms>> {
        let followed = self.followed(self.partition_of(room).0)?;
        Some(followed.rooms.read().unwrap_or_else(PoisonError::into_inner))
    }
}

impl RoomFollower {
    /// Starts to follow. Blocks on the log, once.
    pub fn start(topic: RoomTopic) -> Result<Self, LogError> {
        let count = topic.log.partitions(&topic.topic)?;
        let ends = (0..count).map(|partition| Ok(topic.log.bounds(&topic.topic, partition)?.end));
        let ends = ends.collect::<Result<Vec<_>, LogError>>()?;
        let followed = || Followed { rooms: RwLock::default(), next: watch::Sender::new(0) };
        let shared = Arc::new(Shared {
            partitions: ends.iter().map(|_| followed()).collect(),
            shown: Mutex::default(),
            ordered: Mutex::default(),
            status: watch::Sender::default(),
        });
        let (running, stop) = bounded(1);
        let next = vec![0; ends.len()];
        let reading = Reading { topic, shared: Arc::clone(&shared), stop, next, ends };
        let handle =
            std::thread::Builder::new().name("rooms-follower".to_owned()).spawn(move || reading.run());
        let handle = handle.map_err(|error| LogError::Failed {
            context: "starting the follower of the waiting rooms".to_owned(),
            detail: error.to_string(),
        })?;
        Ok(Self(Arc::new(Thread { shared, running: Some(running), handle: Some(handle) })))
    }

    /// A room that was opened once.
    pub fn room(&self, name: &RoomName) -> Option<RoomView> {
        self.room_of(name.as_str())
    }

    /// The room of a sale, if one was opened once.
    pub fn room_of(&self, sale: &str) -> Option<RoomView> {
        let rooms = locked(&self.0.shared.shown);
        let (name, shown) = rooms.get_key_value(sale)?;
        Some(RoomView { thread: Arc::clone(&self.0), name: name.clone(), shown: shown.subscribe() })
    }

    /// The names of all rooms that were opened once.
    pub fn names(&self) -> Vec<RoomName> {
        locked(&self.0.shared.shown).keys().cloned().collect()
    }

    /// Waits until the record at `offset` is applied, so that who has just entered is found.
    pub async fn reached(&self, partition: Partition, offset: Offset) -> Result<(), FollowerStopped> {
        let followed = self.0.shared.followed(partition.0).ok_or(FollowerStopped)?;
        let mut next = followed.next.subscribe();
        next.wait_for(|next| *next > offset.0).await.map(|_| ()).map_err(|_| FollowerStopped)
    }

    /// How it is, now and later.
    pub fn status(&self) -> watch::Receiver<FollowerStatus> {
        self.0.shared.status.subscribe()
    }
}

/// One room as the log has it, now and later. Cheap to clone.
#[derive(Clone)]
pub struct RoomView {
    thread: Arc<Thread>,
    name: RoomName,
    shown: watch::Receiver<Option<Arc<Summary>>>,
}

impl RoomView {
    /// The room's name.
    pub fn name(&self) -> &RoomName {
        &self.name
    }

    /// The newest figures; `None` when the room is closed.
    pub fn summary(&self) -> Option<Arc<Summary>> {
        self.shown.borrow().clone()
    }

    /// Tells of every change of the figures, the newest only.
    pub fn watch(&self) -> watch::Receiver<Option<Arc<Summary>>> {
        self.shown.clone()
    }

    /// Where a customer stands.
    pub fn look(&self, customer: &CustomerId) -> Look {
        let shared = &self.thread.shared;
        let partition = shared.partition_of(&self.name);
        let rooms = shared.rooms_of(&self.name);
        let read_to = rooms.as_ref().and_then(|rooms| rooms.last()).unwrap_or_default();
        let room = rooms.as_ref().and_then(|rooms| rooms.get(&self.name));
        let standing = room.map_or(Standing::Unknown, |room| room.standing(customer));
        let ahead = if let Standing::Waiting { ahead, .. } = standing { Some(ahead) } else { None };
        let eta = room.zip(ahead).and_then(|(room, ahead)| room.eta(ahead));
        Look { standing, eta, partition, read_to }
    }

    /// The entry by which a customer is in the room: who leaves has to name it.
    pub fn entry_of(&self, customer: &CustomerId) -> Option<EntryId> {
        self.read(|room| room.entry_of(customer))?
    }

    /// The hash over all events and what they did.
    pub fn certificate(&self) -> Option<RoomCertificate> {
        self.read(Room::certificate)
    }

    /// Notes that an order of this customer was decided, so that it is no longer expected. Who is not known to be in the room
    /// is passed over, as is right for all but those whose entry has not been read yet; their orders are expected until
    /// their time to think is over.
    pub fn note_order(&self, customer: &CustomerId) {
        let place = match self.read(|room| room.standing(customer)) {
            Some(Standing::Admitted { place } | Standing::Waiting { place, .. }) => place,
            _ => return,
        };
        locked(&self.thread.shared.ordered).entry(self.name.clone()).or_default().note(place);
    }

    /// What is to be expected at `now` of those admitted in the last `think_ms`, as far as orders were noted.
    pub fn outlook(&self, now: TimeMs, think_ms: u64) -> Option<Outlook> {
        let ordered = locked(&self.thread.shared.ordered);
        let none = Ordered::default();
        let noted = ordered.get(&self.name).unwrap_or(&none);
        self.read(|room| room.outlook(now, think_ms, noted))?
    }

    /// The place to admit up to for so many more people.
    pub fn place_after(&self, people: u32) -> u32 {
        self.read(|room| room.place_after(people)).unwrap_or(0)
    }

    fn read<T>(&self, look: impl FnOnce(&Room) -> T) -> Option<T> {
        self.thread.shared.rooms_of(&self.name)?.get(&self.name).map(look)
    }
}

struct Reading {
    topic: RoomTopic,
    shared: Arc<Shared>,
    stop: Receiver<()>,
    next: Vec<u64>,
    ends: Vec<u64>,
}

impl Reading {
    fn run(mut self) {
        let mut pause = RETRY_MIN;
        loop {
            let before = self.next.clone();
            let Err(error) = self.read() else { return };
            tracing::warn!(error, "the waiting rooms cannot be followed; trying again");
            self.shared.status.send_modify(|status| status.fault = Some(error));
            pause = if self.next == before { (pause * 2).min(RETRY_MAX) } else { RETRY_MIN };
            if self.stop.recv_timeout(pause) == Err(RecvTimeoutError::Disconnected) {
                return;
            }
        }
    }

    /// Reads until told to stop, or until the log fails.
    fn read(&mut self) -> Result<(), String> {
        let mut reader = self.begin().map_err(|error| error.to_string())?;
        loop {
            if self.stop.try_recv() == Err(TryRecvError::Disconnected) {
                return Ok(());
            }
            match reader.poll(READ_WAIT).map_err(|error| error.to_string())? {
                Some(Polled::Batch(batch)) => self.take(&batch)?,
                Some(Polled::Passed { partition, next_offset }) => self.passed(partition, next_offset),
                _ => {}
            }
            self.tell_of_health();
        }
    }

    fn begin(&self) -> Result<Box<dyn LogReader>, LogError> {
        let mut reader = self.topic.log.reader(&self.topic.topic, READ)?;
        for (partition, next) in (0..).zip(&self.next) {
            reader.start(partition, *next)?;
        }
        Ok(reader)
    }

    /// Applies a batch, or what comes before a record that only the registry can judge.
    fn take(&mut self, batch: &RecordBatch) -> Result<(), String> {
        let mut events = Vec::with_capacity(batch.len());
        let (mut unreadable, mut next, mut fault) = (0, batch.next_offset(), Ok(()));
        for record in batch.iter() {
            match self.topic.codec.read(&record, Some(&self.topic.ring)) {
                Ok((room, event)) => {
                    let partition = Partition(batch.partition());
                    let at =
                        Position { partition, offset: Offset(record.offset), time: TimeMs(record.time_ms) };
                    events.push((at, room, event));
                }
                Err(EventError::Registry(error)) => {
                    (next, fault) = (record.offset, Err(error.to_string()));
                    break;
                }
                Err(error) => {
                    let topic = &*self.topic.topic;
                    tracing::warn!(topic, partition = batch.partition(), offset = record.offset, %error, "a record was passed over");
                    unreadable += 1;
                }
            }
        }
        let count = u64::try_from(events.len()).unwrap_or(u64::MAX);
        self.shared.status.send_if_modified(|status| {
            status.events += count;
            status.unreadable += unreadable;
            false
        });
        self.apply(batch.partition(), &events);
        self.passed(batch.partition(), next);
        fault
    }

    fn apply(&self, partition: u32, events: &[(Position, RoomName, RoomEvent)]) {
        let Some(followed) = self.shared.followed(partition) else { return };
        let mut rooms = followed.rooms.write().unwrap_or_else(PoisonError::into_inner);
        let mut opened = BTreeSet::new();
        for (at, room, event) in events {
            if rooms.apply(*at, room, event) == Outcome::Opened {
                opened.insert(room);
            }
        }
        rooms.settle();
        drop(rooms);
        let mut ordered = locked(&self.shared.ordered);
        opened.into_iter().for_each(|room| drop(ordered.remove(room)));
        drop(ordered);
        self.show(followed);
    }

    /// Shows what has changed. Only the thread itself writes rooms, so nothing comes between.
    fn show(&self, followed: &Followed) {
        let rooms = followed.rooms.read().unwrap_or_else(PoisonError::into_inner);
        let mut shown = locked(&self.shared.shown);
        for room in rooms.iter() {
            let sender = shown.entry(room.name().clone()).or_default();
            let summary = room.summary();
            sender.send_if_modified(|last| {
                let is_new = last.as_deref() != summary.as_ref();
                if is_new {
                    *last = summary.map(Arc::new);
                }
                is_new
            });
        }
    }

    fn passed(&mut self, partition: u32, next_offset: u64) {
        let place = usize::try_from(partition).ok().and_then(|partition| self.next.get_mut(partition));
        let (Some(next), Some(followed)) = (place, self.shared.followed(partition)) else { return };
        *next = next_offset;
        followed.next.send_replace(next_offset);
    }

    fn tell_of_health(&self) {
        let is_caught_up = self.next.iter().zip(&self.ends).all(|(next, end)| next >= end);
        self.shared.status.send_if_modified(|status| {
            let changes = status.fault.is_some() || status.is_caught_up != is_caught_up;
            status.fault = None;
            status.is_caught_up = is_caught_up;
            changes
        });
    }
}
