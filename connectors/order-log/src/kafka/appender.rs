//! Appends batches: hands them to the client whole, and tells when every record of them is stored.
//!
//! The client has one request under way for each partition. What is appended meanwhile waits here and goes out together
//! when that request is answered: requests grow with the load, and without load nothing waits. If it waited in the client,
//! the client's thread would spin until the answer comes, and send small requests.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode;

use crate::kafka::context::Context;
use crate::kafka::producer::{Fatal, Producer, Report, Topic};
use crate::kafka::{KafkaOptions, is_missing, partition_count, to_offset};
use crate::limits::{
    APPEND_QUEUE_BYTES_MAX, APPEND_QUEUE_RECORDS_MAX, METADATA_PAUSE_MS, METADATA_WAIT_MS,
    PRODUCE_BATCH_RECORDS_MAX, RECORD_BYTES_MAX,
};
use crate::{Acknowledged, AppendBatch, AppendError, LogAppender, LogError, Ticket, TopicName};

/// An idempotent producer that leaves no gap.
pub(super) struct KafkaAppender {
    options: KafkaOptions,
    producer: Producer,
    /// Batches not yet acknowledged, oldest first.
    waiting: VecDeque<Waiting>,
    last_ticket: u64,
    /// The number of the next record, counted over all batches.
    next_number: usize,
    queued_bytes: usize,
    queued_records: usize,
    broken: Option<LogError>,
    /// When the cluster, which did not answer, is asked about a topic again.
    ask_again: Option<Instant>,
    /// The topics appended to so far: a handful.
    topics: Vec<KnownTopic>,
    /// How many of the waiting batches are held back.
    held: usize,
    /// Counts the rounds in which held batches are let go.
    round: u64,
}

/// A topic that was appended to.
struct KnownTopic {
    name: TopicName,
    topic: Topic,
    lanes: Vec<Lane>,
}

/// A partition, seen by the appender.
#[derive(Clone, Debug, Default)]
struct Lane {
    /// Batches in the client that have records of this partition not yet acknowledged.
    busy: usize,
    /// Records given to the client since the partition was last free.
    records: usize,
    /// The last round that found it free, and so may give it more.
    open_in: u64,
    /// The last round in which a batch that needs it was held back: no later one may overtake.
    closed_in: u64,
}

impl Lane {
    /// Whether it takes a batch of `records` in this round.
    fn takes(&mut self, round: u64, records: usize) -> bool {
        if self.busy == 0 {
            (self.open_in, self.records) = (round, 0);
        }
        self.open_in == round
            && self.closed_in != round
            && (self.busy == 0 || self.records + records <= PRODUCE_BATCH_RECORDS_MAX)
    }
}

/// A batch on its way.
struct Waiting {
    ticket: Ticket,
    topic: usize,
    /// The partitions it has records of, each once.
    partitions: Vec<u32>,
    /// Not yet given to the client.
    held: Option<AppendBatch>,
    first_number: usize,
    records: usize,
    /// Records not yet acknowledged.
    open: usize,
    bytes: usize,
    /// As many as records if they are wanted, else none.
    offsets: Vec<u64>,
}

impl KafkaAppender {
    pub(super) fn open(options: KafkaOptions) -> Result<Self, LogError> {
        let config = options.with_properties(&options.producer());
        let producer = Producer::open(&config, Context::default()).map_err(|error| LogError::Failed {
            context: "Kafka settings".to_owned(),
            detail: error.to_string(),
        })?;
        Ok(Self {
            options,
            producer,
            waiting: VecDeque::new(),
            last_ticket: 0,
            next_number: 0,
            queued_bytes: 0,
            queued_records: 0,
            broken: None,
            ask_again: None,
            topics: Vec::new(),
            held: 0,
            round: 0,
        })
    }

    fn is_full(&self, batch: &AppendBatch) -> bool {
        // A batch that is larger than the queue is let in alone.
        self.queued_records > 0
            && (self.queued_records + batch.len() > APPEND_QUEUE_RECORDS_MAX
                || self.queued_bytes + batch.bytes() > APPEND_QUEUE_BYTES_MAX)
    }

    /// The topic's place among those known, asked for once; `None` while the cluster does not say.
    fn topic(&mut self, name: &TopicName) -> Result<Option<usize>, LogError> {
        if let Some(known) = self.topics.iter().position(|known| known.name == *name) {
            return Ok(Some(known));
        }
        let Some(partitions) = self.partitions(name)? else { return Ok(None) };
        let partitions = usize::try_from(partitions).unwrap_or(usize::MAX);
        let topic = self.producer.add_topic(name).map_err(|error| failure(name, &error.to_string()))?;
        self.topics.push(KnownTopic { name: name.clone(), topic, lanes: vec![Lane::default(); partitions] });
        Ok(Some(self.topics.len() - 1))
    }

    /// Waits a moment for the answer, and then only now and then: a broker that is away is waited for by the caller, as
    /// with every record under way.
    fn partitions(&mut self, name: &TopicName) -> Result<Option<u32>, LogError> {
        if self.ask_again.is_some_and(|again| Instant::now() < again) {
            return Ok(None);
        }
        let wait = Duration::from_millis(METADATA_WAIT_MS);
        match self.producer.client().fetch_metadata(Some(name), wait) {
            Ok(metadata) => {
                self.ask_again = None;
                partition_count(&metadata, name).map(Some).ok_or_else(|| self.no_topic(name))
            }
            Err(error) => {
                tracing::warn!("waiting for {}: {error}", self.options.describe());
                self.ask_again = Some(Instant::now() + Duration::from_millis(METADATA_PAUSE_MS));
                Ok(None)
            }
        }
    }

    fn no_topic(&self, name: &TopicName) -> LogError {
        LogError::NoTopic { log: self.options.describe(), topic: name.to_string() }
    }

    fn check(&self) -> Result<(), LogError> {
        self.broken.clone().map_or(Ok(()), Err)
    }

    fn break_with(&mut self, error: LogError) -> LogError {
        self.producer.purge();
        self.broken.get_or_insert(error).clone()
    }

    /// The partitions of a batch, each once; refuses what the log cannot take.
    fn check_records(&mut self, batch: &AppendBatch, topic: usize) -> Result<Vec<u32>, AppendError> {
        let count = self.topics.get(topic).map_or(0, |known| known.lanes.len());
        let mut partitions = Vec::with_capacity(1);
        let mut previous = None;
        for (index, record) in batch.iter().enumerate() {
            let part = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
            let bytes = part(record.key) + part(record.value) + record.headers.as_encoded().len();
            if bytes > RECORD_BYTES_MAX {
                return Err(AppendError::TooLarge { index, bytes, limit: RECORD_BYTES_MAX });
            }
            if previous == Some(record.partition) {
                continue;
            }
            previous = Some(record.partition);
            if usize::try_from(record.partition).is_ok_and(|partition| partition >= count) {
                let topic = batch.topic().to_string();
                let error = LogError::NoPartition { topic, partition: record.partition };
                return Err(self.break_with(error).into());
            }
            partitions.push(record.partition);
        }
        partitions.sort_unstable();
        partitions.dedup();
        Ok(partitions)
    }

    /// Notes everything the client has to report by now.
    fn take_reports(&mut self, mut wait: Duration) -> Result<(), LogError> {
        let Self { producer, waiting, topics, .. } = self;
        let mut failed = None;
        let result = loop {
            match producer.poll(wait, |report| note(waiting, topics, report, &mut failed)) {
                Ok(true) => wait = Duration::ZERO,
                Ok(false) => break Ok(()),
                Err(fatal) => break Err(fatal),
            }
        };
        if let Some((topic, code)) = failed {
            let name = self.topics.get(topic).map_or_else(|| "(any)".into(), |known| known.name.clone());
            let error =
                if is_missing(code) { self.no_topic(&name) } else { failure(&name, &code.to_string()) };
            return Err(self.break_with(error));
        }
        result.map_err(|Fatal(detail)| self.break_with(failure("(any)", &detail)))
    }

    /// Gives to the client what is held back and has a free way, in order.
    fn let_go(&mut self) -> Result<(), LogError> {
        if self.held == 0 {
            return Ok(());
        }
        self.round += 1;
        let Self { producer, waiting, topics, held, round, .. } = self;
        let mut failed = None;
        for batch in waiting.iter_mut().filter(|batch| batch.held.is_some()) {
            let Some(known) = topics.get_mut(batch.topic) else { continue };
            let takes = batch.partitions.iter().all(|partition| {
                lane(&mut known.lanes, *partition).is_some_and(|lane| lane.takes(*round, batch.records))
            });
            for partition in &batch.partitions {
                let Some(lane) = lane(&mut known.lanes, *partition) else { continue };
                if takes {
                    lane.busy += 1;
                    lane.records += batch.records;
                } else {
                    lane.closed_in = *round;
                }
            }
            let Some(records) = batch.held.take_if(|_| takes) else { continue };
            *held -= 1;
            if let Err(code) = producer.send(known.topic, records.iter(), batch.first_number) {
                failed = Some(failure(&known.name, &code.to_string()));
                break;
            }
        }
        failed.map_or(Ok(()), |error| Err(self.break_with(error)))
    }

    /// Moves what is acknowledged to the caller, in order.
    fn give_acknowledged(&mut self, acknowledged: &mut Vec<Acknowledged>) {
        while let Some(batch) = self.waiting.pop_front_if(|batch| batch.open == 0) {
            self.queued_bytes -= batch.bytes;
            self.queued_records -= batch.records;
            acknowledged.push(Acknowledged { ticket: batch.ticket, offsets: batch.offsets });
        }
    }
}

impl LogAppender for KafkaAppender {
    fn append(&mut self, batch: AppendBatch) -> Result<Ticket, AppendError> {
        self.check()?;
        if self.is_full(&batch) {
            return Err(AppendError::Full(batch));
        }
        let topic = match self.topic(batch.topic()) {
            Ok(Some(found)) => found,
            Ok(None) => return Err(AppendError::Full(batch)),
            Err(error) => return Err(self.break_with(error).into()),
        };
        let partitions = self.check_records(&batch, topic)?;
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        let (records, bytes) = (batch.len(), batch.bytes());
        self.waiting.push_back(Waiting {
            ticket,
            topic,
            partitions,
            first_number: self.next_number,
            records,
            open: records,
            bytes,
            offsets: if batch.want_offsets { vec![0; records] } else { Vec::new() },
            held: (records > 0).then_some(batch),
        });
        self.held += usize::from(records > 0);
        self.next_number += records;
        self.queued_records += records;
        self.queued_bytes += bytes;
        self.let_go()?;
        Ok(ticket)
    }

    fn poll(&mut self, wait: Duration, acknowledged: &mut Vec<Acknowledged>) -> Result<(), LogError> {
        self.check()?;
        let deadline = Instant::now() + wait;
        let before = acknowledged.len();
        let mut wait = Duration::ZERO;
        loop {
            let reports = self.take_reports(wait);
            self.give_acknowledged(acknowledged);
            reports?;
            self.let_go()?;
            wait = deadline.saturating_duration_since(Instant::now());
            if acknowledged.len() > before || wait.is_zero() {
                return Ok(());
            }
        }
    }
}

/// Notes a report with its batch; the first failure goes to `failed`, with its topic.
fn note(
    waiting: &mut VecDeque<Waiting>,
    topics: &mut [KnownTopic],
    report: Report,
    failed: &mut Option<(usize, RDKafkaErrorCode)>,
) {
    let after = waiting.partition_point(|batch| batch.first_number <= report.number);
    let Some(batch) = after.checked_sub(1).and_then(|index| waiting.get_mut(index)) else { return };
    match report.result {
        Ok(offset) => {
            batch.open -= 1;
            if let Some(place) = batch.offsets.get_mut(report.number - batch.first_number) {
                *place = to_offset(offset);
            }
            if batch.open == 0
                && let Some(known) = topics.get_mut(batch.topic)
            {
                for partition in &batch.partitions {
                    if let Some(lane) = lane(&mut known.lanes, *partition) {
                        lane.busy -= 1;
                    }
                }
            }
        }
        Err(code) if failed.is_none() => *failed = Some((batch.topic, code)),
        Err(_) => {}
    }
}

fn lane(lanes: &mut [Lane], partition: u32) -> Option<&mut Lane> {
    lanes.get_mut(usize::try_from(partition).ok()?)
}

fn failure(topic: &str, detail: &str) -> LogError {
    LogError::Failed { context: format!("append to topic {topic}"), detail: detail.to_owned() }
}
