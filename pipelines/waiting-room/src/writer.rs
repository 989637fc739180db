//! The writer: one thread that appends what customers and keepers do, many at once, and says when it is stored.
//!
//! An answer means something: [`Accepted`] only after the log has acknowledged; [`WriteError::Unknown`] when nobody can
//! know, and then the same event may be written again, since every event may stand in the log twice.

use std::collections::VecDeque;
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Instant;

use crossbeam_channel::{Receiver, RecvTimeoutError, Sender, TrySendError, bounded};
use order_codec::MAC_HEADER;
use order_log::{Acknowledged, AppendBatch, AppendError, Headers, LogAppender, LogError, Ticket};
use order_model::{Offset, Partition, TimeMs, partition_of_key};
use tokio::sync::oneshot;

use crate::event::RoomEvent;
use crate::limits::{
    WRITE_BATCH_EVENTS_MAX, WRITE_BATCHES_MAX, WRITE_IDLE, WRITE_QUEUE_EVENTS_MAX, WRITE_TIMEOUT, WRITE_WAIT,
};
use crate::name::RoomName;
use crate::topic::RoomTopic;

/// An event is in the log.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Accepted {
    /// The room's partition.
    pub partition: Partition,
    /// The record.
    pub offset: Offset,
}

/// Why an event is not known to be in the log.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum WriteError {
    /// Too many wait already. Nothing was appended.
    #[error("too many entries wait to be written; try again in a moment")]
    Full,
    /// The log does not take anything. Nothing was appended.
    #[error("the event was not written: {0}; try again in a moment")]
    Away(String),
    /// Nobody can say whether it was appended.
    #[error("it is not known whether the event was written; send the same one again")]
    Unknown,
    /// It is privileged, and there is no key to sign with.
    #[error(
        "no key of the ring is valid at {0} ms since 1970, so nothing can be signed; add a key that is valid now"
    )]
    NoKey(TimeMs),
}

/// Appends room events. Clones share one thread, which ends with the last of them.
#[derive(Clone)]
pub struct RoomWriter {
    topic: RoomTopic,
    partitions: u32,
    thread: Arc<Thread>,
}

struct Thread {
    queue: Option<Sender<Job>>,
    handle: Option<JoinHandle<()>>,
}

impl Drop for Thread {
    fn drop(&mut self) {
        self.queue = None;
        if self.handle.take().is_some_and(|handle| handle.join().is_err()) {
            tracing::error!("the writer of the waiting rooms has panicked");
        }
    }
}

struct Job {
    partition: Partition,
    key: RoomName,
    value: Vec<u8>,
    headers: Vec<u8>,
    answer: Answer,
}

type Answer = oneshot::Sender<Result<Accepted, WriteError>>;

impl RoomWriter {
    /// Starts the thread. Blocks on the log.
    pub fn start(topic: RoomTopic) -> Result<Self, LogError> {
        let partitions = topic.log.partitions(&topic.topic)?;
        let (queue, jobs) = bounded(WRITE_QUEUE_EVENTS_MAX);
        let shop = topic.clone();
        let work = move || {
            Worker { topic: shop, jobs, appender: None, under_way: VecDeque::new(), is_over: false }.run()
        };
        let handle = std::thread::Builder::new().name("rooms-writer".to_owned()).spawn(work);
        let handle = handle.map_err(|error| LogError::Failed {
            context: "starting the writer of the waiting rooms".to_owned(),
            detail: error.to_string(),
        })?;
        Ok(Self { topic, partitions, thread: Arc::new(Thread { queue: Some(queue), handle: Some(handle) }) })
    }

    /// What it writes to.
    pub fn topic(&self) -> &RoomTopic {
        &self.topic
    }

    /// Appends an event, signed if it is privileged, and waits until the log has it. `now` chooses the key.
    pub async fn append(
        &self,
        room: &RoomName,
        event: &RoomEvent,
        now: TimeMs,
    ) -> Result<Accepted, WriteError> {
        self.submit(room, event, now)?.await.unwrap_or(Err(WriteError::Unknown))
    }

    /// The same without waiting: the answer comes through the channel.
    pub fn submit(
        &self,
        room: &RoomName,
        event: &RoomEvent,
        now: TimeMs,
    ) -> Result<oneshot::Receiver<Result<Accepted, WriteError>>, WriteError> {
        let mut value = Vec::with_capacity(64);
        self.topic.codec.event_to(event, &mut value);
        let key = room.as_str().as_bytes();
        let mut headers = Vec::new();
        if event.is_privileged() {
            let mac = self.topic.ring.sign(now, Some(key), &value).ok_or(WriteError::NoKey(now))?;
            Headers::encode(&mut headers, MAC_HEADER, &mac);
        }
        let (answer, answered) = oneshot::channel();
        let partition = partition_of_key(key, self.partitions);
        let job = Job { partition, key: room.clone(), value, headers, answer };
        let queue = self.thread.queue.as_ref().ok_or(WriteError::Full)?;
        match queue.try_send(job) {
            Ok(()) => Ok(answered),
            Err(TrySendError::Full(_)) => Err(WriteError::Full),
            Err(TrySendError::Disconnected(_)) => Err(WriteError::Away("the writer has ended".to_owned())),
        }
    }
}

struct Worker {
    topic: RoomTopic,
    jobs: Receiver<Job>,
    appender: Option<Box<dyn LogAppender>>,
    under_way: VecDeque<UnderWay>,
    is_over: bool,
}

struct UnderWay {
    ticket: Ticket,
    answers: Vec<(Partition, Answer)>,
    deadline: Instant,
}

/// Whoever asked may have gone; that is no matter of the writer's.
fn tell(answer: Answer, result: Result<Accepted, WriteError>) {
    drop(answer.send(result));
}

impl Worker {
    fn run(mut self) {
        while !(self.is_over && self.under_way.is_empty()) {
            let jobs = self.gather();
            if !jobs.is_empty() {
                self.append(jobs);
            }
            self.acknowledge();
        }
    }

    /// What waits; waits itself only when nothing is under way.
    fn gather(&mut self) -> Vec<Job> {
        let mut jobs = Vec::new();
        if self.under_way.len() >= WRITE_BATCHES_MAX {
            return jobs;
        }
        if self.under_way.is_empty() {
            match self.jobs.recv_timeout(WRITE_IDLE) {
                Ok(job) => jobs.push(job),
                Err(RecvTimeoutError::Timeout) => {}
                Err(RecvTimeoutError::Disconnected) => self.is_over = true,
            }
        }
        jobs.extend(self.jobs.try_iter().take(WRITE_BATCH_EVENTS_MAX));
        jobs
    }

    fn append(&mut self, jobs: Vec<Job>) {
        let mut batch = AppendBatch::new(Arc::clone(&self.topic.topic));
        batch.want_offsets = true;
        let mut answers = Vec::with_capacity(jobs.len());
        for Job { partition, key, value, headers, answer } in jobs {
            let key = Some(key.as_str().as_bytes());
            batch.push(partition.0, key, Some(&value), Headers::from_encoded(&headers));
            answers.push((partition, answer));
        }
        let refuse = |answers: Vec<(Partition, Answer)>, error: &WriteError| {
            answers.into_iter().for_each(|(_, answer)| tell(answer, Err(error.clone())));
        };
        let appended = match &mut self.appender {
            Some(appender) => appender.append(batch),
            none => match self.topic.log.appender() {
                Ok(appender) => none.insert(appender).append(batch),
                Err(error) => return refuse(answers, &WriteError::Away(error.to_string())),
            },
        };
        match appended {
            Ok(ticket) => {
                let deadline = Instant::now() + WRITE_TIMEOUT;
                self.under_way.push_back(UnderWay { ticket, answers, deadline });
            }
            Err(error @ (AppendError::Full(_) | AppendError::TooLarge { .. })) => {
                refuse(answers, &WriteError::Away(error.to_string()));
            }
            Err(AppendError::Log(error)) => {
                tracing::warn!(%error, "the log did not take entries of waiting rooms");
                refuse(answers, &WriteError::Unknown);
                self.give_up();
            }
        }
    }

    fn acknowledge(&mut self) {
        let Some(appender) = self.appender.as_mut().filter(|_| !self.under_way.is_empty()) else { return };
        let mut acknowledged = Vec::new();
        if let Err(error) = appender.poll(WRITE_WAIT, &mut acknowledged) {
            tracing::warn!(%error, "the log did not acknowledge entries of waiting rooms");
            return self.give_up();
        }
        for Acknowledged { ticket, offsets } in acknowledged {
            // Acknowledgements come in the order of their tickets.
            let Some(batch) = self.under_way.pop_front().filter(|batch| batch.ticket == ticket) else {
                tracing::error!(ticket = ticket.0, "the log acknowledged what it was not given");
                return self.give_up();
            };
            for ((partition, answer), offset) in batch.answers.into_iter().zip(offsets) {
                tell(answer, Ok(Accepted { partition, offset: Offset(offset) }));
            }
        }
        if self.under_way.front().is_some_and(|oldest| oldest.deadline <= Instant::now()) {
            self.give_up();
        }
    }

    /// Nobody knows what became of what is under way.
    fn give_up(&mut self) {
        self.appender = None;
        for (_, answer) in self.under_way.drain(..).flat_map(|batch| batch.answers) {
            tell(answer, Err(WriteError::Unknown));
        }
    }
}
