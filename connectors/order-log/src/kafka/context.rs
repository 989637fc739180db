//! What a client tells us on its own: log lines, errors, and changes of its group.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::{RDKafkaErrorCode, RDKafkaRespErr};

/// A change of what a group's member owns.
#[derive(Debug)]
pub(super) enum Change {
    Assigned(Vec<u32>),
    Revoked(Vec<u32>),
    Lost(Vec<u32>),
}

/// Takes what a client tells. Everything is noted and acted upon by whoever polls, so that no callback ever blocks.
#[derive(Debug, Default)]
pub(super) struct Context {
    changes: Mutex<VecDeque<Change>>,
    last_error: Mutex<Option<String>>,
    closing: AtomicBool,
}

impl Context {
    /// The oldest change not yet taken.
    pub(super) fn take_change(&self) -> Option<Change> {
        lock(&self.changes).pop_front()
    }

    /// The last error the client reported.
    pub(super) fn last_error(&self) -> Option<String> {
        lock(&self.last_error).clone()
    }

    /// From now on, partitions are given back without asking anybody.
    pub(super) fn close(&self) {
        self.closing.store(true, Ordering::Relaxed);
    }
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        match level {
            // A connection failed, and is being tried again.
            _ if facility == "FAIL" => tracing::warn!("kafka client: {message}"),
            RDKafkaLogLevel::Emerg
            | RDKafkaLogLevel::Alert
            | RDKafkaLogLevel::Critical
            | RDKafkaLogLevel::Error => tracing::error!("kafka client: {facility}: {message}"),
            // One map of properties serves producers and consumers; the client tells each which do not concern it.
            RDKafkaLogLevel::Warning if facility == "CONFWARN" => {
                tracing::debug!("kafka client: {facility}: {message}");
            }
            RDKafkaLogLevel::Warning => tracing::warn!("kafka client: {facility}: {message}"),
            RDKafkaLogLevel::Notice | RDKafkaLogLevel::Info => {
                tracing::info!("kafka client: {facility}: {message}");
            }
            RDKafkaLogLevel::Debug => tracing::debug!("kafka client: {facility}: {message}"),
        }
    }

    fn error(&self, error: KafkaError, reason: &str) {
        // The client logs the same, once.
        tracing::debug!("kafka client: {error}: {reason}");
        // That all brokers are down follows an error that says why.
        if error.rdkafka_error_code() != Some(RDKafkaErrorCode::AllBrokersDown) {
            *lock(&self.last_error) = Some(reason.to_owned());
        }
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, code: RDKafkaRespErr, list: &mut TopicPartitionList) {
        if self.closing.load(Ordering::Relaxed) {
            log_failure("give partitions back", consumer.unassign());
            return;
        }
        let partitions: Vec<u32> =
            list.elements().iter().filter_map(|element| u32::try_from(element.partition()).ok()).collect();
        let change = if code == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            // Agreed to, but nothing is fetched: each partition is added when its reader says from where.
            log_failure("take partitions", consumer.incremental_assign(&TopicPartitionList::new()));
            Change::Assigned(partitions)
        } else if consumer.assignment_lost() {
            Change::Lost(partitions)
        } else {
            Change::Revoked(partitions)
        };
        lock(&self.changes).push_back(change);
    }

    fn commit_callback(&self, result: KafkaResult<()>, _offsets: &TopicPartitionList) {
        log_failure("note consumer offsets", result);
    }
}

/// For what is not worth an error.
pub(super) fn log_failure(action: &str, result: KafkaResult<()>) {
    if let Err(error) = result {
        tracing::warn!("could not {action}: {error}");
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
