//! The writer: an answer means something, whatever the log does.

use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};
use std::time::Duration;

use order_codec::KeyRing;
use order_log::{
    Acknowledged, AppendBatch, AppendError, Bounds, Log, LogAppender, LogError, LogReader, MemoryLog,
    ReadLimits, Ticket, TopicFinding, TopicSpec,
};
use order_model::{Offset, TimeMs};
use waiting_room::limits::WRITE_QUEUE_EVENTS_MAX;
use waiting_room::{RoomEvent, RoomTopic, RoomWriter, WriteError};

use crate::support::{codec, enter, name, opening, ring, topic_spec};

/// A log whose appenders misbehave on demand.
struct Moody {
    log: MemoryLog,
    mood: Arc<AtomicU8>,
}

const GOOD: u8 = 0;
/// No appender is to be had.
const AWAY: u8 = 1;
/// What is appended is stored, and the acknowledgement lost.
const FORGETFUL: u8 = 2;
/// The queue is full.
const FULL: u8 = 3;

struct MoodyAppender {
    appender: Box<dyn LogAppender>,
    mood: Arc<AtomicU8>,
}

impl LogAppender for MoodyAppender {
    fn append(&mut self, batch: AppendBatch) -> Result<Ticket, AppendError> {
        if self.mood.load(Ordering::SeqCst) == FULL {
            return Err(AppendError::Full(batch));
        }
        self.appender.append(batch)
    }

    fn poll(&mut self, wait: Duration, acknowledged: &mut Vec<Acknowledged>) -> Result<(), LogError> {
        if self.mood.load(Ordering::SeqCst) == FORGETFUL {
            return Err(LogError::Unreachable { log: "moody".to_owned(), detail: "forgot".to_owned() });
        }
        self.appender.poll(wait, acknowledged)
    }
}

impl Log for Moody {
    fn describe(&self) -> String {
        "moody".to_owned()
    }
    fn create_topics(&self, specs: &[TopicSpec]) -> Result<Vec<String>, LogError> {
        self.log.create_topics(specs)
    }
    fn check_topics(&self, specs: &[TopicSpec]) -> Result<Vec<TopicFinding>, LogError> {
        self.log.check_topics(specs)
    }
    fn partitions(&self, topic: &str) -> Result<u32, LogError> {
        self.log.partitions(topic)
    }
    fn bounds(&self, topic: &str, partition: u32) -> Result<Bounds, LogError> {
        self.log.bounds(topic, partition)
    }
    fn reader(&self, topic: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        self.log.reader(topic, limits)
    }
    fn member(&self, topic: &str, group: &str, limits: ReadLimits) -> Result<Box<dyn LogReader>, LogError> {
        self.log.member(topic, group, limits)
    }
    fn appender(&self) -> Result<Box<dyn LogAppender>, LogError> {
        if self.mood.load(Ordering::SeqCst) == AWAY {
            return Err(LogError::Unreachable { log: "moody".to_owned(), detail: "away".to_owned() });
        }
        Ok(Box::new(MoodyAppender { appender: self.log.appender()?, mood: Arc::clone(&self.mood) }))
    }
}

fn moody(ring: KeyRing) -> (RoomTopic, MemoryLog, Arc<AtomicU8>) {
    let log = MemoryLog::new(Arc::new(|| 1));
    log.create_topics(&[topic_spec("rooms", 1, 1)]).unwrap();
    let mood = Arc::new(AtomicU8::new(GOOD));
    let moody = Arc::new(Moody { log: log.clone(), mood: Arc::clone(&mood) });
    (RoomTopic { log: moody, topic: "rooms".into(), codec: codec(), ring }, log, mood)
}

#[tokio::test]
async fn an_answer_means_something() {
    let (topic, log, mood) = moody(ring());
    let writer = RoomWriter::start(topic).unwrap();
    let room = name("sale");
    let write = |number| {
        let (writer, room) = (writer.clone(), room.clone());
        async move { writer.append(&room, &enter(number), TimeMs(1)).await }
    };
    let stored = || log.records("rooms", 0).unwrap().len();
    assert_eq!(write(0).await.unwrap().offset, Offset(0));
    assert_eq!(write(1).await.unwrap().offset, Offset(1));
    mood.store(FULL, Ordering::SeqCst);
    assert!(matches!(write(2).await, Err(WriteError::Away(_))));
    assert_eq!(stored(), 2, "away means not written");
    mood.store(FORGETFUL, Ordering::SeqCst);
    assert_eq!(write(3).await, Err(WriteError::Unknown));
    assert_eq!(stored(), 3, "unknown may mean written");
    mood.store(AWAY, Ordering::SeqCst);
    assert!(matches!(write(4).await, Err(WriteError::Away(_))));
    assert_eq!(stored(), 3);
    mood.store(GOOD, Ordering::SeqCst);
    assert_eq!(write(5).await.unwrap().offset, Offset(3), "it goes on by itself");
}

#[tokio::test]
async fn many_go_together_and_no_more_than_fit_wait() {
    let (topic, log, _) = moody(ring());
    let writer = RoomWriter::start(topic).unwrap();
    let room = name("sale");
    let mut answers = Vec::new();
    let mut full = 0;
    for number in 0..u32::try_from(4 * WRITE_QUEUE_EVENTS_MAX).unwrap() {
        match writer.submit(&room, &enter(number), TimeMs(1)) {
            Ok(answer) => answers.push(answer),
            Err(WriteError::Full) => full += 1,
            Err(error) => panic!("{error}"),
        }
    }
    let accepted = answers.len();
    let mut offsets = Vec::new();
    for answer in answers {
        offsets.push(answer.await.unwrap().unwrap().offset);
    }
    assert!(offsets.is_sorted(), "in the order they were submitted");
    assert_eq!(log.records("rooms", 0).unwrap().len(), accepted);
    assert_eq!(accepted + full, 4 * WRITE_QUEUE_EVENTS_MAX);
}

#[tokio::test]
async fn nothing_privileged_without_a_key() {
    let (topic, log, _) = moody(KeyRing::default());
    let writer = RoomWriter::start(topic).unwrap();
    let room = name("sale");
    let open = RoomEvent::Open(opening(1));
    assert_eq!(writer.append(&room, &open, TimeMs(1)).await, Err(WriteError::NoKey(TimeMs(1))));
    writer.append(&room, &enter(1), TimeMs(1)).await.unwrap();
    assert_eq!(log.records("rooms", 0).unwrap().len(), 1);
}
