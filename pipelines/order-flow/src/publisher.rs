//! The appender of a timely thread, shared by the dataflows of its partitions.

use std::time::Duration;

use order_log::{Acknowledged, AppendBatch, AppendError, LogAppender, LogError, Ticket};

/// An appender, and how far it has been acknowledged.
pub struct Publisher {
    appender: Box<dyn LogAppender>,
    acknowledged: Vec<Acknowledged>,
    durable: Ticket,
    last: Ticket,
}

impl Publisher {
    /// Publishes through `appender`.
    pub fn new(appender: Box<dyn LogAppender>) -> Self {
        Self { appender, acknowledged: Vec::new(), durable: Ticket(0), last: Ticket(0) }
    }

    /// Appends a batch; see [`LogAppender::append`].
    pub fn append(&mut self, batch: AppendBatch) -> Result<Ticket, AppendError> {
        self.last = self.appender.append(batch)?;
        Ok(self.last)
    }

    /// Waits at most `wait` for acknowledgements; says whether any came.
    pub fn poll(&mut self, wait: Duration) -> Result<bool, LogError> {
        self.acknowledged.clear();
        self.appender.poll(wait, &mut self.acknowledged)?;
        match self.acknowledged.last() {
            Some(last) => {
                self.durable = last.ticket;
                Ok(true)
            }
            None => Ok(false),
        }
    }

    /// Every batch up to this ticket is acknowledged.
    pub fn durable(&self) -> Ticket {
        self.durable
    }

    /// Whether batches are on their way.
    pub fn is_waiting(&self) -> bool {
        self.durable < self.last
    }
}
