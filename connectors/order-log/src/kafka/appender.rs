//! Appends batches: hands them to the client whole, and tells when every record of them is stored.

use std::collections::VecDeque;
use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode;

use crate::kafka::context::Context;
use crate::kafka::producer::{Fatal, Producer, Report, Topic};
use crate::kafka::{KafkaOptions, is_missing, partition_count, to_offset};
use crate::limits::{APPEND_QUEUE_BYTES_MAX, APPEND_QUEUE_RECORDS_MAX, RECORD_BYTES_MAX};
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
    /// The topics appended to so far, and their numbers of partitions: a handful.
    topics: Vec<(TopicName, Topic, u32)>,
}

/// A batch on its way.
struct Waiting {
    ticket: Ticket,
    topic: TopicName,
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
            topics: Vec::new(),
        })
    }

    fn is_full(&self, batch: &AppendBatch) -> bool {
        // A batch that is larger than the queue is let in alone.
        self.queued_records > 0
            && (self.queued_records + batch.len() > APPEND_QUEUE_RECORDS_MAX
                || self.queued_bytes + batch.bytes() > APPEND_QUEUE_BYTES_MAX)
    }

    /// The topic's handle and number of partitions, asked for once.
    fn topic(&mut self, name: &TopicName) -> Result<(Topic, u32), LogError> {
        if let Some((_, topic, partitions)) = self.topics.iter().find(|(known, ..)| known == name) {
            return Ok((*topic, *partitions));
        }
        let partitions = self.partitions(name)?;
        let topic = self.producer.add_topic(name).map_err(|error| failure(name, &error.to_string()))?;
        self.topics.push((name.clone(), topic, partitions));
        Ok((topic, partitions))
    }

    fn partitions(&self, name: &TopicName) -> Result<u32, LogError> {
        let client = self.producer.client();
        let timeout = self.options.request_timeout();
        loop {
            match client.fetch_metadata(Some(name), timeout) {
                Ok(metadata) => {
                    return partition_count(&metadata, name).ok_or_else(|| self.no_topic(name));
                }
                // As with every record under way: a broker that is away is waited for.
                Err(error) => tracing::warn!("waiting for {}: {error}", self.options.describe()),
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

    /// Notes everything the client has to report by now.
    fn take_reports(&mut self, mut wait: Duration) -> Result<(), LogError> {
        let Self { producer, waiting, .. } = self;
        let mut failed = None;
        let result = loop {
            match producer.poll(wait, |report| note(waiting, report, &mut failed)) {
                Ok(true) => wait = Duration::ZERO,
                Ok(false) => break Ok(()),
                Err(fatal) => break Err(fatal),
            }
        };
        if let Some((topic, code)) = failed {
            let error =
                if is_missing(code) { self.no_topic(&topic) } else { failure(&topic, &code.to_string()) };
            return Err(self.break_with(error));
        }
        result.map_err(|Fatal(detail)| self.break_with(failure("(any)", &detail)))
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
        let (topic, partitions) = match self.topic(batch.topic()) {
            Ok(found) => found,
            Err(error) => return Err(self.break_with(error).into()),
        };
        for (index, record) in batch.iter().enumerate() {
            let part = |bytes: Option<&[u8]>| bytes.map_or(0, <[u8]>::len);
            let bytes = part(record.key) + part(record.value) + record.headers.as_encoded().len();
            if bytes > RECORD_BYTES_MAX {
                return Err(AppendError::TooLarge { index, bytes, limit: RECORD_BYTES_MAX });
            }
            if record.partition >= partitions {
                let topic = batch.topic().to_string();
                let error = LogError::NoPartition { topic, partition: record.partition };
                return Err(self.break_with(error).into());
            }
        }
        if let Err(code) = self.producer.send(topic, batch.iter(), self.next_number) {
            let error = failure(batch.topic(), &code.to_string());
            return Err(self.break_with(error).into());
        }
        self.last_ticket += 1;
        let ticket = Ticket(self.last_ticket);
        let (records, bytes) = (batch.len(), batch.bytes());
        self.waiting.push_back(Waiting {
            ticket,
            topic: batch.topic().clone(),
            first_number: self.next_number,
            records,
            open: records,
            bytes,
            offsets: if batch.want_offsets { vec![0; records] } else { Vec::new() },
        });
        self.next_number += records;
        self.queued_records += records;
        self.queued_bytes += bytes;
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
            wait = deadline.saturating_duration_since(Instant::now());
            if acknowledged.len() > before || wait.is_zero() {
                return Ok(());
            }
        }
    }
}

/// Notes a report with its batch; the first failure goes to `failed`.
fn note(waiting: &mut VecDeque<Waiting>, report: Report, failed: &mut Option<(TopicName, RDKafkaErrorCode)>) {
    let after = waiting.partition_point(|batch| batch.first_number <= report.number);
    let Some(batch) = after.checked_sub(1).and_then(|index| waiting.get_mut(index)) else { return };
    match report.result {
        Ok(offset) => {
            batch.open -= 1;
            if let Some(place) = batch.offsets.get_mut(report.number - batch.first_number) {
                *place = to_offset(offset);
            }
        }
        Err(code) if failed.is_none() => *failed = Some((batch.topic.clone(), code)),
        Err(_) => {}
    }
}

fn failure(topic: &str, detail: &str) -> LogError {
    LogError::Failed { context: format!("append to topic {topic}"), detail: detail.to_owned() }
}
