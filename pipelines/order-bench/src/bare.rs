//! What "does nothing": one loop that reads record after record and writes one for each, as anybody would write it.

use std::time::{Duration, Instant};

use order_log::limits::{
    FETCH_PARTITION_BYTES_MAX, FETCH_RESPONSE_BYTES_MAX, FETCH_WAIT_MS, PRODUCE_BATCH_BYTES_MAX,
    PRODUCE_BATCH_RECORDS_MAX,
};
use rdkafka::ClientConfig;
use rdkafka::config::FromClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::Message;
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use testbed::Broker;

use crate::BenchError;
use crate::limits::{SILENCE_MS_MAX, WAIT_MS};
use crate::mark::{Mark, Span};

/// Bytes of each record it writes.
pub(crate) const VALUE_BYTES: usize = 80;
/// How long its producer gathers records, in milliseconds.
pub(crate) const LINGER_MS: u32 = 5;
/// Records of a partition that its consumer fetches ahead: what it does best with.
const READ_AHEAD_RECORDS: u32 = 100_000;
/// Records between two looks at delivery reports.
const REPORTS_EVERY: u32 = 1_000;

/// Its settings, which are the best known.
fn consumer(bootstrap: &str, group: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("group.id", group)
        .set("auto.offset.reset", "earliest")
        .set("queued.min.messages", READ_AHEAD_RECORDS.to_string())
        .set("queued.max.messages.kbytes", "65536")
        .set("fetch.message.max.bytes", FETCH_PARTITION_BYTES_MAX.to_string())
        .set("fetch.max.bytes", FETCH_RESPONSE_BYTES_MAX.to_string())
        .set("fetch.wait.max.ms", FETCH_WAIT_MS.to_string())
        // By default a loop that is slower than the fetches stops fetching for a second whenever its queue is full.
        .set("fetch.queue.backoff.ms", "5");
    config
}

fn producer(bootstrap: &str) -> ClientConfig {
    let mut config = ClientConfig::new();
    config
        .set("bootstrap.servers", bootstrap)
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("linger.ms", LINGER_MS.to_string())
        .set("batch.num.messages", PRODUCE_BATCH_RECORDS_MAX.to_string())
        .set("batch.size", PRODUCE_BATCH_BYTES_MAX.to_string())
        .set("message.max.bytes", PRODUCE_BATCH_BYTES_MAX.to_string())
        .set("queue.buffering.max.messages", "500000");
    config
}

/// Reads `records` records of `from` and writes as many to `to`; measures from the first record read to the last
/// acknowledgement.
pub(crate) fn measure(
    broker: &Broker,
    group: &str,
    from: &str,
    to: &str,
    records: u32,
) -> Result<Span, BenchError> {
    let bootstrap = broker.bootstrap();
    let producer = BaseProducer::from_config(&producer(&bootstrap))?;
    let consumer = BaseConsumer::from_config(&consumer(&bootstrap, group))?;
    consumer.subscribe(&[from])?;
    let mut value = [0; VALUE_BYTES];
    let mut start = None;
    let mut heard = Instant::now();
    let mut done = 0;
    while done < records {
        let Some(message) = consumer.poll(Duration::from_millis(WAIT_MS)) else {
            if heard.elapsed() > Duration::from_millis(SILENCE_MS_MAX) {
                let what = "the bare loop".to_owned();
                return Err(BenchError::Stuck { what, silence_ms: SILENCE_MS_MAX });
            }
            continue;
        };
        let message = message?;
        if start.is_none() {
            start = Some((Mark::now(), broker.cpu_time()?));
        }
        let payload = message.payload().unwrap_or_default();
        for (to, from) in value.iter_mut().zip(payload) {
            *to = *from;
        }
        send(&producer, BaseRecord::to(to).partition(message.partition()).payload(&value))?;
        done += 1;
        if done % REPORTS_EVERY == 0 {
            producer.poll(Duration::ZERO);
            heard = Instant::now();
        }
    }
    producer.flush(Duration::from_millis(SILENCE_MS_MAX))?;
    let end = Mark::now();
    let broker_end = broker.cpu_time()?;
    let (start, broker_start) = start.unwrap_or((end, broker_end));
    Ok(Span::between(start, end, broker_end.saturating_sub(broker_start)))
}

/// Sends a record as soon as there is room for it.
fn send(
    producer: &BaseProducer,
    mut record: BaseRecord<'_, (), [u8; VALUE_BYTES]>,
) -> Result<(), KafkaError> {
    loop {
        match producer.send(record) {
            Ok(()) => return Ok(()),
            Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), returned)) => {
                record = returned;
                producer.poll(Duration::from_millis(1));
            }
            Err((error, _)) => return Err(error),
        }
    }
}
