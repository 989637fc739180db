//! The appender's side of the writer thread.

use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use crate::local::{Pending, check_partitions};
use crate::signal::locked;
use crate::{Acknowledged, AppendBatch, AppendError, LogAppender, LogError, Ticket};

use super::EmbeddedLog;
use super::topic::Topic;
use super::writer::Job;

/// Hands batches to the writer thread. Keeps the log open.
pub(super) struct EmbeddedAppender {
    log: EmbeddedLog,
    pending: Pending,
    answers: Arc<Mutex<Vec<Acknowledged>>>,
    /// The topic of the last batch: most appenders know one.
    topic: Option<Arc<Topic>>,
}

impl EmbeddedAppender {
    pub(super) fn new(log: EmbeddedLog) -> Self {
        Self { log, pending: Pending::default(), answers: Arc::default(), topic: None }
    }
}

impl LogAppender for EmbeddedAppender {
    fn append(&mut self, batch: AppendBatch) -> Result<Ticket, AppendError> {
        let Self { log, pending, answers, topic } = self;
        let writer = log.writer()?;
        if let Err(error) = writer.healthy() {
            return Err(AppendError::Log(pending.break_with(error)));
        }
        let check = |batch: &AppendBatch| {
            if topic.as_ref().is_none_or(|topic| topic.name != **batch.topic()) {
                *topic = Some(log.topic(batch.topic())?);
            }
            check_partitions(batch, topic.as_ref().map_or(0, |topic| topic.partition_count()))
        };
        let (ticket, batch) = pending.admit(batch, check)?;
        if let Some(topic) = topic {
            let job = Job { topic: Arc::clone(topic), batch, ticket, answers: Arc::clone(answers) };
            writer.send(job).map_err(|error| pending.break_with(error))?;
        }
        Ok(ticket)
    }

    fn poll(&mut self, wait: Duration, acknowledged: &mut Vec<Acknowledged>) -> Result<(), LogError> {
        let deadline = Instant::now() + wait;
        loop {
            let seen = self.log.0.signal.version();
            // Asked before the answers are looked at: what was synced before the failure is reported first.
            let health = self.log.writer()?.healthy();
            let mut answers = locked(&self.answers);
            if !answers.is_empty() {
                self.pending.reported(answers.len());
                acknowledged.append(&mut answers);
                return Ok(());
            }
            drop(answers);
            self.pending.healthy()?;
            health.map_err(|error| self.pending.break_with(error))?;
            if !self.log.0.signal.wait(seen, deadline) {
                return Ok(());
            }
        }
    }
}
