//! Tells the log: results as signed commands on `orders`, each in the partition of its SKU, and dead letters.
//!
//! Promised: what was told is appended before the next poll, in order; nothing is told without a valid key.

use std::collections::VecDeque;
use std::time::Duration;

use order_codec::{DeadLetter, DeadLetterReason, MAC_HEADER, Stage};
use order_log::{AppendBatch, AppendError, Headers, LogAppender, LogError, Record, TopicName};
use order_model::{Command, OrderId, Settle, TimeMs, partition_of};

use crate::error::PaymentError;
use crate::limits::ACKNOWLEDGE_WAIT;
use crate::worker::{Moment, PaymentOptions, PaymentParts};

pub(crate) struct Teller {
    appender: Box<dyn LogAppender>,
    orders: TopicName,
    decisions: TopicName,
    dead_letters: TopicName,
    partitions: u32,
    results: AppendBatch,
    letters: AppendBatch,
    /// Orders of the results being gathered, and of each batch that is not acknowledged.
    told: Vec<OrderId>,
    under_way: VecDeque<Vec<OrderId>>,
    /// How many results were ever gathered, and how many of them are stored.
    gathered: u64,
    stored: u64,
    acknowledged: Vec<order_log::Acknowledged>,
}

impl Teller {
    pub(crate) fn new(
        parts: &PaymentParts,
        options: &PaymentOptions,
        partitions: u32,
    ) -> Result<Self, PaymentError> {
        Ok(Self {
            appender: parts.log.appender()?,
            orders: options.orders.clone(),
            decisions: options.decisions.clone(),
            dead_letters: options.dead_letters.clone(),
            partitions,
            results: AppendBatch::new(options.orders.clone()),
            letters: AppendBatch::new(options.dead_letters.clone()),
            told: Vec::new(),
            under_way: VecDeque::new(),
            gathered: 0,
            stored: 0,
            acknowledged: Vec::new(),
        })
    }

    /// Results and dead letters that are not acknowledged.
    pub(crate) fn under_way(&self) -> usize {
        let appended: usize = self.under_way.iter().map(|orders| orders.len().max(1)).sum();
        appended + self.results.len() + self.letters.len()
    }

    /// How many results were told since it began.
    pub(crate) fn told(&self) -> u64 {
        self.gathered
    }

    /// How many of those the log has; they are stored in the order they were told.
    pub(crate) fn stored(&self) -> u64 {
        self.stored
    }

    /// Gathers a result.
    pub(crate) fn tell(&mut self, parts: &PaymentParts, settle: &Settle) -> Result<(), PaymentError> {
        let partition = partition_of(&settle.sku, self.partitions).0;
        let key = settle.sku.as_bytes();
        let mut value = Vec::new();
        parts.codec.command_to(&Command::Settle(*settle), &mut value);
        let mac = parts.ring.sign((parts.clock)(), Some(key), &value).ok_or(PaymentError::NoKey)?;
        let mut headers = Vec::new();
        Headers::encode(&mut headers, MAC_HEADER, &mac);
        self.results.push(partition, Some(key), Some(&value), Headers::from_encoded(&headers));
        self.told.push(settle.order);
        self.gathered += 1;
        Ok(())
    }

    /// Gathers a dead letter about a decision.
    pub(crate) fn dead_letter(
        &mut self,
        parts: &PaymentParts,
        partition: u32,
        record: &Record<'_>,
        reason: DeadLetterReason,
        detail: String,
    ) {
        let letter = DeadLetter {
            topic: self.decisions.to_string(),
            partition,
            offset: record.offset,
            time: TimeMs(record.time_ms),
            stage: Stage::Payment,
            reason,
            detail,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.as_encoded().to_vec(),
        };
        let mut value = Vec::new();
        parts.codec.dead_letter_to(&letter.cut_to_size(), &mut value);
        self.letters.push(partition, record.key, Some(&value), Headers::NONE);
    }

    /// Appends what was gathered, and hears of what is stored.
    pub(crate) fn send(&mut self, parts: &PaymentParts) -> Result<(), PaymentError> {
        if !self.letters.is_empty() {
            let letters = AppendBatch::new(self.dead_letters.clone());
            let letters = std::mem::replace(&mut self.letters, letters);
            self.append(parts, letters, Vec::new())?;
        }
        if !self.results.is_empty() {
            let results = std::mem::replace(&mut self.results, AppendBatch::new(self.orders.clone()));
            let told = std::mem::take(&mut self.told);
            self.append(parts, results, told)?;
        }
        self.hear(parts, Duration::ZERO)
    }

    fn append(
        &mut self,
        parts: &PaymentParts,
        mut batch: AppendBatch,
        told: Vec<OrderId>,
    ) -> Result<(), PaymentError> {
        loop {
            match self.appender.append(batch) {
                Ok(_) => break,
                Err(AppendError::Full(returned)) => batch = returned,
                Err(AppendError::Log(error)) => return Err(error.into()),
                Err(error @ AppendError::TooLarge { .. }) => {
                    let context = "appending the result of a payment".to_owned();
                    return Err(LogError::Failed { context, detail: error.to_string() }.into());
                }
            }
            self.hear(parts, ACKNOWLEDGE_WAIT)?;
        }
        self.under_way.push_back(told);
        Ok(())
    }

    fn hear(&mut self, parts: &PaymentParts, wait: Duration) -> Result<(), PaymentError> {
        self.acknowledged.clear();
        self.appender.poll(wait, &mut self.acknowledged)?;
        let stored = self.acknowledged.len().min(self.under_way.len());
        for order in self.under_way.drain(..stored).flatten() {
            self.stored += 1;
            (parts.observer)(Moment::Told(order));
        }
        Ok(())
    }
}
