//! An appender that writes what it is given to a log, acknowledges by the rules of a test, and notes what happened.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::Duration;

use order_log::{Acknowledged, AppendBatch, AppendError, LogAppender, LogError, MemoryLog, Ticket};

use crate::sale::ORDERS;

/// What happened, in order.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Noted {
    /// A batch of so many records was appended to a topic.
    Appended(String, usize),
    /// A batch was turned back.
    Full,
    /// So many batches were acknowledged.
    Acknowledged(usize),
}

/// How the appender behaves, and what it noted.
pub struct Rules {
    /// Acknowledge nothing.
    pub withholds: bool,
    /// Most batches that are not acknowledged.
    pub batches_max: usize,
    pub noted: Vec<Noted>,
}

/// See the module.
#[derive(Clone)]
pub struct TestAppender {
    log: MemoryLog,
    rules: Arc<Mutex<Rules>>,
    waiting: VecDeque<Ticket>,
    last: u64,
}

impl TestAppender {
    /// Writes decisions and dead letters to `log`. Relays are noted only: they are in the log that is read.
    pub fn new(log: &MemoryLog) -> Self {
        let rules = Rules { withholds: false, batches_max: usize::MAX, noted: Vec::new() };
        Self { log: log.clone(), rules: Arc::new(Mutex::new(rules)), waiting: VecDeque::new(), last: 0 }
    }

    pub fn rules(&self) -> Arc<Mutex<Rules>> {
        Arc::clone(&self.rules)
    }

    fn lock(&self) -> MutexGuard<'_, Rules> {
        self.rules.lock().unwrap()
    }
}

impl LogAppender for TestAppender {
    fn append(&mut self, batch: AppendBatch) -> Result<Ticket, AppendError> {
        if self.waiting.len() >= self.lock().batches_max {
            self.lock().noted.push(Noted::Full);
            return Err(AppendError::Full(batch));
        }
        self.lock().noted.push(Noted::Appended(batch.topic().to_string(), batch.len()));
        for record in batch.iter().filter(|_| **batch.topic() != *ORDERS) {
            self.log
                .append_at(batch.topic(), record.partition, 0, record.key, record.value, record.headers)
                .map_err(AppendError::Log)?;
        }
        self.last += 1;
        self.waiting.push_back(Ticket(self.last));
        Ok(Ticket(self.last))
    }

    fn poll(&mut self, _wait: Duration, acknowledged: &mut Vec<Acknowledged>) -> Result<(), LogError> {
        if self.lock().withholds || self.waiting.is_empty() {
            return Ok(());
        }
        self.lock().noted.push(Noted::Acknowledged(self.waiting.len()));
        let done = self.waiting.drain(..);
        acknowledged.extend(done.map(|ticket| Acknowledged { ticket, offsets: Vec::new() }));
        Ok(())
    }
}
