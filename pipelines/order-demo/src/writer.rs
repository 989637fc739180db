//! Writes commands to `orders`, each to its partition, signed where it has to be.

use std::time::Duration;

use order_codec::MAC_HEADER;
use order_log::{Acknowledged, AppendBatch, AppendError, Headers, LogAppender};
use order_model::{Command, partition_of};
use order_traffic::{Arrival, ArrivalBody};

use crate::limits::ACKNOWLEDGE_WAIT;
use crate::{DemoError, DemoParts};

pub(crate) struct Writer {
    appender: Box<dyn LogAppender>,
    parts: DemoParts,
    partitions: u32,
    batch: AppendBatch,
    acknowledged: Vec<Acknowledged>,
    /// Records in each batch that is not acknowledged, oldest first.
    under_way: std::collections::VecDeque<u64>,
}

impl Writer {
    pub(crate) fn new(parts: &DemoParts) -> Result<Self, DemoError> {
        Ok(Self {
            appender: parts.log.appender()?,
            partitions: parts.log.partitions(&parts.topics.orders)?,
            batch: AppendBatch::new(parts.topics.orders.clone()),
            parts: parts.clone(),
            acknowledged: Vec::new(),
            under_way: std::collections::VecDeque::new(),
        })
    }

    /// Gathers what a shopper or an operator sends.
    pub(crate) fn arrival(&mut self, arrival: &Arrival) -> Result<(), DemoError> {
        match &arrival.body {
            ArrivalBody::Command(command) => self.command(command, arrival.partition_hint),
            ArrivalBody::Garbage { key, value } => {
                let partition = arrival.partition_hint.unwrap_or_default() % self.partitions;
                self.batch.push(partition, key.as_deref(), value.as_deref(), Headers::NONE);
                Ok(())
            }
        }
    }

    /// Gathers a command for `partition`, or else for that of its SKU.
    pub(crate) fn command(&mut self, command: &Command, partition: Option<u32>) -> Result<(), DemoError> {
        let sku = command.home_sku();
        let key = sku.map(|sku| sku.as_bytes());
        let home = || sku.map_or(0, |sku| partition_of(sku, self.partitions).0);
        let partition = partition.unwrap_or_else(home);
        let Self { batch, parts, .. } = self;
        if !command.is_privileged() {
            batch.push_with(partition, key, |bytes| parts.codec.command_to(command, bytes));
            return Ok(());
        }
        let mut value = Vec::new();
        parts.codec.command_to(command, &mut value);
        let mac = sign(parts, key, &value)?;
        batch.push(partition, key, Some(&value), Headers::from_encoded(&mac));
        Ok(())
    }

    /// Appends what was gathered, waiting while the appender is full.
    pub(crate) fn append(&mut self) -> Result<u64, DemoError> {
        if self.batch.is_empty() {
            return Ok(0);
        }
        let records = u64::try_from(self.batch.len()).unwrap_or(u64::MAX);
        let mut batch =
            std::mem::replace(&mut self.batch, AppendBatch::new(self.parts.topics.orders.clone()));
        loop {
            match self.appender.append(batch) {
                Ok(_) => break,
                Err(AppendError::Full(returned)) => batch = returned,
                Err(AppendError::Log(error)) => return Err(error.into()),
                Err(error @ AppendError::TooLarge { .. }) => {
                    let context = "appending an order".to_owned();
                    return Err(order_log::LogError::Failed { context, detail: error.to_string() }.into());
                }
            }
            self.poll(ACKNOWLEDGE_WAIT)?;
        }
        self.under_way.push_back(records);
        Ok(records)
    }

    /// Hears of acknowledgements, waiting at most `wait`; says of how many records.
    pub(crate) fn poll(&mut self, wait: Duration) -> Result<u64, DemoError> {
        self.acknowledged.clear();
        self.appender.poll(wait, &mut self.acknowledged)?;
        let done = self.acknowledged.len().min(self.under_way.len());
        Ok(self.under_way.drain(..done).sum())
    }

    /// Records appended and not acknowledged.
    pub(crate) fn records_under_way(&self) -> u64 {
        self.under_way.iter().sum()
    }
}

fn sign(parts: &DemoParts, key: Option<&[u8]>, value: &[u8]) -> Result<Vec<u8>, DemoError> {
    let mac = parts.ring.sign((parts.clock)(), key, value).ok_or(DemoError::NoKey)?;
    let mut headers = Vec::new();
    Headers::encode(&mut headers, MAC_HEADER, &mac);
    Ok(headers)
}
