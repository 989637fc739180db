//! Reads partitions in batches, alone or as a member of a group.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::ffi::CString;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::error::KafkaError;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaErrorCode;

use crate::kafka::context::{Change, Context, log_failure};
use crate::kafka::queue::{Message, PartitionQueue, Wake, positions};
use crate::kafka::{KafkaOptions, bounds, is_missing, to_i32, to_offset};
use crate::limits::{
    POSITION_EVERY_MS, READ_BATCH_BYTES_MAX, READ_BATCH_RECORDS_MAX, READ_WAKE_MS, STOP_STEP_MS, STOP_WAIT_MS,
};
use crate::{LogError, LogReader, Polled, ReadLimits, RecordBatchBuilder};

/// A consumer whose partitions are read from queues of their own.
pub(super) struct KafkaReader {
    /// The partitions being read. Declared before the client, so that their queues go first.
    reading: BTreeMap<u32, Reading>,
    consumer: BaseConsumer<Context>,
    options: KafkaOptions,
    topic: String,
    topic_c: CString,
    partitions: u32,
    limits: ReadLimits,
    wake: Arc<Wake>,
    /// The partition a poll looks at first, so that none starves.
    turn: u32,
    /// When the client is next asked for its positions.
    next_positions: Instant,
    /// Changes of assignment not yet told.
    changes: VecDeque<Polled>,
    member: Option<Member>,
}

/// What a member of a group has to keep in mind.
#[derive(Debug, Default)]
struct Member {
    owned: BTreeSet<u32>,
    /// Partitions to give back that were not stopped yet.
    revoking: BTreeSet<u32>,
    /// Partitions that were stopped while the group waits: they are taken from the client in one go at the end, because
    /// the client takes the first removal for the answer to the group.
    stopped: BTreeSet<u32>,
}

/// A partition being read.
struct Reading {
    queue: PartitionQueue,
    /// The next offset to deliver; whatever the client has from before is dropped.
    next: u64,
    is_paused: bool,
    /// Whether the client had forgotten its position when this began, so that what it says is of this reading.
    has_position: bool,
    /// Whether it is to be fetched anew from `next`, which has to wait until the group has back what it asked for.
    is_to_move: bool,
    /// Read from the queue, not yet delivered.
    ready: VecDeque<Polled>,
}

impl KafkaReader {
    pub(super) fn open(
        options: KafkaOptions,
        topic: &str,
        partitions: u32,
        group: Option<&str>,
        limits: ReadLimits,
    ) -> Result<Self, LogError> {
        let failed = |detail: String| LogError::Failed { context: format!("read topic {topic}"), detail };
        let wake = Arc::new(Wake::default());
        let mut consumer: BaseConsumer<Context> =
            options.create(&options.consumer(group, partitions), Context::default())?;
        let waker = Arc::clone(&wake);
        consumer.set_nonempty_callback(move || waker.set());
        if group.is_some() {
            consumer.subscribe(&[topic]).map_err(|error| failed(error.to_string()))?;
        }
        Ok(Self {
            reading: BTreeMap::new(),
            consumer,
            options,
            topic: topic.to_owned(),
            topic_c: CString::new(topic).map_err(|error| failed(error.to_string()))?,
            partitions,
            limits: ReadLimits {
                records_max: limits.records_max.clamp(1, READ_BATCH_RECORDS_MAX),
                bytes_max: limits.bytes_max.min(READ_BATCH_BYTES_MAX),
            },
            wake,
            turn: 0,
            next_positions: Instant::now(),
            changes: VecDeque::new(),
            member: group.map(|_| Member::default()),
        })
    }

    fn failed(&self, action: &str, partition: u32, detail: impl ToString) -> LogError {
        let context = format!("{action} topic {}, partition {partition}", self.topic);
        LogError::Failed { context, detail: detail.to_string() }
    }

    fn list(&self, partitions: impl IntoIterator<Item = u32>) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in partitions {
            list.add_partition(&self.topic, to_i32(partition));
        }
        list
    }

    /// Gives the partition to the client, to be fetched from `offset` on.
    fn fetch(&mut self, partition: u32, offset: u64) -> Result<(), LogError> {
        let bounds = bounds(&self.consumer, &self.options, &self.topic, partition)?;
        let next = offset.max(bounds.start);
        let queue = PartitionQueue::open(
            self.consumer.client().native_client(),
            &self.topic_c,
            to_i32(partition),
            &self.wake,
            self.limits.records_max,
        );
        let has_position = self.is_forgotten(partition);
        let queue = queue.ok_or_else(|| self.failed("read", partition, "the client has no queue for it"))?;
        let mut list = TopicPartitionList::new();
        i64::try_from(next)
            .map_err(|error| error.to_string())
            .and_then(|next| {
                list.add_partition_offset(&self.topic, to_i32(partition), Offset::Offset(next))
                    .and_then(|()| self.consumer.incremental_assign(&list))
                    .map_err(|error| error.to_string())
            })
            .map_err(|detail| self.failed(&format!("read from offset {next} of"), partition, detail))?;
        let ready = VecDeque::new();
        let (is_paused, is_to_move) = (false, false);
        self.reading.insert(partition, Reading { queue, next, is_paused, has_position, is_to_move, ready });
        Ok(())
    }

    /// Whether the client has no position in the partition. It has none in one that it never read; one that was stopped
    /// it forgets a moment later.
    fn is_forgotten(&self, partition: u32) -> bool {
        let deadline = Instant::now() + Duration::from_millis(STOP_WAIT_MS);
        loop {
            if self.positions([partition]).is_empty() {
                return true;
            }
            if Instant::now() > deadline {
                return false;
            }
            std::thread::sleep(Duration::from_millis(STOP_STEP_MS));
        }
    }

    /// The client's positions, where it has one: behind the last record, or marker of a transaction, that was taken from
    /// the partition's queue.
    fn positions(&self, partitions: impl IntoIterator<Item = u32>) -> Vec<(u32, u64)> {
        let mut list = self.list(partitions);
        positions(self.consumer.client().native_client(), &mut list);
        let known = list.elements().into_iter().filter_map(|element| match element.offset() {
            Offset::Offset(offset) => Some((u32::try_from(element.partition()).ok()?, to_offset(offset))),
            _ => None,
        });
        known.collect()
    }

    /// Asks the client, now and then, whether it has come further than the records say; says whether it has.
    fn note_positions(&mut self) -> bool {
        let now = Instant::now();
        if now < self.next_positions {
            return false;
        }
        self.next_positions = now + Duration::from_millis(POSITION_EVERY_MS);
        let is_idle = |reading: &Reading| {
            reading.has_position && !reading.is_paused && !reading.is_to_move && reading.ready.is_empty()
        };
        let idle =
            self.reading.iter().filter(|(_, reading)| is_idle(reading)).map(|(partition, _)| *partition);
        let mut has_passed = false;
        for (partition, next_offset) in self.positions(idle) {
            if let Some(reading) =
                self.reading.get_mut(&partition).filter(|reading| reading.next < next_offset)
            {
                reading.next = next_offset;
                reading.ready.push_back(Polled::Passed { partition, next_offset });
                has_passed = true;
            }
        }
        has_passed
    }

    /// Takes the partition from the client. What was fetched is void from here on: the client marks it outdated before
    /// the call returns.
    fn unfetch(&mut self, partition: u32) -> Result<(), LogError> {
        if self.reading.remove(&partition).is_none() {
            return Ok(());
        }
        if let Some(member) = self.member.as_mut().filter(|member| !member.revoking.is_empty()) {
            member.stopped.insert(partition);
            return Ok(());
        }
        self.consumer
            .incremental_unassign(&self.list([partition]))
            .map_err(|error| self.failed("stop reading", partition, error))
    }

    /// Reads a partition from `offset` on, whether or not it is being read.
    fn seek(&mut self, partition: u32, offset: u64) -> Result<(), LogError> {
        let is_revoking = self.is_revoking();
        let before = self.reading.get_mut(&partition);
        let is_paused = before.as_ref().is_some_and(|reading| reading.is_paused);
        if let Some(reading) = before.filter(|_| is_revoking) {
            // The client has the partition until the group is answered, and would not take it a second time.
            reading.ready.clear();
            (reading.next, reading.is_to_move) = (offset, true);
            return Ok(());
        }
        self.unfetch(partition)?;
        self.fetch(partition, offset)?;
        if let Some(reading) = self.reading.get_mut(&partition) {
            reading.is_paused = is_paused;
        }
        Ok(())
    }

    /// Whether the group waits for partitions.
    fn is_revoking(&self) -> bool {
        self.member.as_ref().is_some_and(|member| !member.revoking.is_empty())
    }

    /// Moves what had to wait until the group was answered.
    fn move_waiting(&mut self) -> Result<(), LogError> {
        if self.is_revoking() {
            return Ok(());
        }
        while let Some((partition, reading)) = self.reading.iter_mut().find(|(_, reading)| reading.is_to_move)
        {
            let (partition, next, ready) = (*partition, reading.next, std::mem::take(&mut reading.ready));
            self.seek(partition, next)?;
            if let Some(reading) = self.reading.get_mut(&partition) {
                reading.ready = ready;
            }
        }
        Ok(())
    }

    /// Serves the client: errors, and changes of the group.
    fn serve(&mut self) -> Result<(), LogError> {
        while let Some(event) = self.consumer.poll(Duration::ZERO) {
            match event {
                // Every partition has a queue of its own before it is fetched.
                Ok(message) => {
                    let detail = format!("a message came by the wrong way: {message:?}");
                    return Err(LogError::Failed { context: format!("read topic {}", self.topic), detail });
                }
                Err(KafkaError::MessageConsumptionFatal(code)) => {
                    let context = format!("read topic {}", self.topic);
                    return Err(LogError::Failed { context, detail: code.to_string() });
                }
                // The group says what follows from it; all else is being tried again.
                Err(error) => tracing::debug!("kafka reader: {error}"),
            }
        }
        while let Some(change) = self.consumer.context().take_change() {
            self.take_change(change)?;
        }
        Ok(())
    }

    fn take_change(&mut self, change: Change) -> Result<(), LogError> {
        let Some(member) = self.member.as_mut() else { return Ok(()) };
        match change {
            Change::Assigned(partitions) => {
                member.owned.extend(&partitions);
                if !partitions.is_empty() {
                    self.changes.push_back(Polled::Assigned(partitions));
                }
            }
            Change::Revoked(partitions) => {
                member.revoking.extend(&partitions);
                for partition in &partitions {
                    // Nothing more of it is delivered; the client has it until the reader stops it.
                    if self.reading.remove(partition).is_some() {
                        member.stopped.insert(*partition);
                    }
                }
                if partitions.is_empty() {
                    return self.give_back();
                }
                self.changes.push_back(Polled::Revoked(partitions));
            }
            Change::Lost(partitions) => {
                for partition in &partitions {
                    member.owned.remove(partition);
                    if self.reading.remove(partition).is_some() {
                        member.stopped.insert(*partition);
                    }
                }
                member.revoking.clear();
                self.give_back()?;
                self.changes.push_back(Polled::Lost(partitions));
            }
        }
        Ok(())
    }

    /// Answers the group: takes from the client what was stopped.
    fn give_back(&mut self) -> Result<(), LogError> {
        let Some(member) = self.member.as_mut() else { return Ok(()) };
        let stopped = std::mem::take(&mut member.stopped);
        let list = self.list(stopped);
        self.consumer.incremental_unassign(&list).map_err(|error| LogError::Failed {
            context: format!("give back partitions of topic {}", self.topic),
            detail: error.to_string(),
        })
    }

    /// What comes next of any partition that is not paused, fairly.
    fn next_ready(&mut self) -> Result<Option<Polled>, LogError> {
        self.move_waiting()?;
        let order: Vec<u32> = self
            .reading
            .range(self.turn..)
            .chain(self.reading.range(..self.turn))
            .map(|(key, _)| *key)
            .collect();
        for partition in order {
            let Some(reading) = self.reading.get_mut(&partition).filter(|reading| !reading.is_paused) else {
                continue;
            };
            if let Err(code) = reading.refill(partition, self.limits.bytes_max) {
                self.recover(partition, code)?;
                continue;
            }
            if let Some(ready) = reading.ready.pop_front() {
                self.turn = partition + 1;
                return Ok(Some(ready));
            }
        }
        Ok(None)
    }

    /// The client could not go on with a partition. Whatever came before the error is kept, so it is read on from there
    /// if that is possible.
    fn recover(&mut self, partition: u32, code: RDKafkaErrorCode) -> Result<(), LogError> {
        let Some(reading) = self.reading.get_mut(&partition) else { return Ok(()) };
        reading.is_to_move = true;
        let next = reading.next;
        if is_missing(code) {
            let log = self.options.describe();
            return Err(LogError::NoTopic { log, topic: self.topic.clone() });
        }
        let bounds = bounds(&self.consumer, &self.options, &self.topic, partition)?;
        let is_out_of_range =
            matches!(code, RDKafkaErrorCode::OffsetOutOfRange | RDKafkaErrorCode::AutoOffsetReset);
        if is_out_of_range && next > bounds.end {
            let detail = format!("it ends at {}; the topic was truncated or created anew", bounds.end);
            return Err(self.failed(&format!("read from offset {next} of"), partition, detail));
        }
        tracing::warn!("reading {} partition {partition} again from {next}: {code}", self.topic);
        self.move_waiting()
    }
}

impl Reading {
    /// Reads from the queue if nothing is ready. What came before an error is ready all the same.
    fn refill(&mut self, partition: u32, bytes_max: usize) -> Result<(), RDKafkaErrorCode> {
        // What is fetched yet is void when the partition is about to move.
        if !self.ready.is_empty() || self.is_to_move {
            return Ok(());
        }
        let Self { queue, next, ready, .. } = self;
        let mut builder = RecordBatchBuilder::new(partition);
        let result = queue.read(|message: Message<'_>| {
            let offset = to_offset(message.offset);
            if offset < *next {
                return;
            }
            *next = offset + 1;
            let part = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
            let bytes = part(message.key) + part(message.value) + message.headers.as_encoded().len();
            if !builder.is_empty() && builder.bytes() + bytes > bytes_max {
                let full = std::mem::replace(&mut builder, RecordBatchBuilder::new(partition));
                ready.push_back(Polled::Batch(full.finish()));
            }
            builder.push(offset, to_offset(message.time_ms), message.key, message.value, message.headers);
        });
        if !builder.is_empty() {
            ready.push_back(Polled::Batch(builder.finish()));
        }
        result.map(|_| ())
    }
}

impl LogReader for KafkaReader {
    fn start(&mut self, partition: u32, offset: u64) -> Result<(), LogError> {
        if partition >= self.partitions {
            return Err(LogError::NoPartition { topic: self.topic.clone(), partition });
        }
        if let Some(member) = &self.member
            && (!member.owned.contains(&partition) || member.revoking.contains(&partition))
        {
            return Err(self.failed("read", partition, "it is not this member's"));
        }
        self.seek(partition, offset)
    }

    fn stop(&mut self, partition: u32) -> Result<(), LogError> {
        self.unfetch(partition)?;
        if let Some(member) = self.member.as_mut()
            && member.revoking.remove(&partition)
        {
            member.owned.remove(&partition);
            if member.revoking.is_empty() {
                self.give_back()?;
            }
        }
        Ok(())
    }

    fn pause(&mut self, partition: u32) -> Result<(), LogError> {
        if let Some(reading) = self.reading.get_mut(&partition) {
            reading.is_paused = true;
        }
        Ok(())
    }

    fn resume(&mut self, partition: u32) -> Result<(), LogError> {
        if let Some(reading) = self.reading.get_mut(&partition) {
            reading.is_paused = false;
        }
        Ok(())
    }

    fn poll(&mut self, wait: Duration) -> Result<Option<Polled>, LogError> {
        let deadline = Instant::now() + wait;
        loop {
            self.serve()?;
            if let Some(change) = self.changes.pop_front() {
                return Ok(Some(change));
            }
            if let Some(ready) = self.next_ready()? {
                return Ok(Some(ready));
            }
            if self.note_positions() {
                continue;
            }
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Ok(None);
            }
            self.wake.wait(left.min(Duration::from_millis(READ_WAKE_MS)));
        }
    }

    fn commit(&mut self, partition: u32, next_offset: u64) {
        if self.member.is_none() {
            return;
        }
        let mut list = TopicPartitionList::new();
        let offset = Offset::Offset(i64::try_from(next_offset).unwrap_or(i64::MAX));
        let noted = list
            .add_partition_offset(&self.topic, to_i32(partition), offset)
            .and_then(|()| self.consumer.commit(&list, CommitMode::Async));
        log_failure("note consumer offsets", noted);
    }
}

impl Drop for KafkaReader {
    /// Answers the group if it waits, and lets the client leave it without asking anybody.
    fn drop(&mut self) {
        self.reading.clear();
        self.consumer.context().close();
        if self.member.as_ref().is_some_and(|member| !member.revoking.is_empty())
            && let Err(error) = self.give_back()
        {
            tracing::warn!("{error}");
        }
    }
}
