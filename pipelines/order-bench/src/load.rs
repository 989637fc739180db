//! Writes orders: all at once before a throughput round, or by a schedule while latency is measured.

use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use order_log::{AppendBatch, AppendError, Log, LogAppender, LogError, Ticket, TopicName};
use order_model::Command;
use order_traffic::{ArrivalBody, Mix, Traffic, TrafficOptions};

use crate::BenchError;
use crate::limits::{BATCH_RECORDS, SCHEDULE_STEP_US, SILENCE_MS_MAX, WAIT_MS};
use crate::sale::{SEED, Sale};

/// An appender that waits where it must.
pub(crate) struct Writer {
    appender: Box<dyn LogAppender>,
    last: Ticket,
    durable: Ticket,
}

impl Writer {
    pub(crate) fn open(log: &dyn Log) -> Result<Self, LogError> {
        Ok(Self { appender: log.appender()?, last: Ticket(0), durable: Ticket(0) })
    }

    /// Appends a batch as soon as there is room for it.
    pub(crate) fn append(&mut self, mut batch: AppendBatch) -> Result<(), BenchError> {
        loop {
            match self.appender.append(batch) {
                Ok(ticket) => {
                    self.last = ticket;
                    return self.hear(Duration::ZERO);
                }
                Err(AppendError::Full(returned)) => {
                    batch = returned;
                    self.hear(Duration::from_millis(1))?;
                }
                Err(AppendError::Log(error)) => return Err(error.into()),
                Err(error @ AppendError::TooLarge { .. }) => {
                    return Err(BenchError::Wrong(error.to_string()));
                }
            }
        }
    }

    fn hear(&mut self, wait: Duration) -> Result<(), BenchError> {
        let mut acknowledged = Vec::new();
        self.appender.poll(wait, &mut acknowledged)?;
        if let Some(last) = acknowledged.last() {
            self.durable = last.ticket;
        }
        Ok(())
    }

    /// Waits until all is acknowledged.
    pub(crate) fn finish(&mut self) -> Result<(), BenchError> {
        let mut heard = (self.durable, Instant::now());
        while self.durable < self.last {
            self.hear(Duration::from_millis(WAIT_MS))?;
            if self.durable > heard.0 {
                heard = (self.durable, Instant::now());
            } else if heard.1.elapsed() > Duration::from_millis(SILENCE_MS_MAX) {
                let what = "writing orders".to_owned();
                return Err(BenchError::Stuck { what, silence_ms: SILENCE_MS_MAX });
            }
        }
        Ok(())
    }
}

/// Writes the openings and `orders` orders; gives the sum of their ids.
pub(crate) fn preload(
    log: &dyn Log,
    sale: &Sale,
    topic: &TopicName,
    orders: u32,
) -> Result<u128, BenchError> {
    let mut writer = Writer::open(log)?;
    writer.append(sale.openings(topic)?)?;
    let options = TrafficOptions { orders: u64::from(orders), mix: Mix::plain(0), operator: false };
    let mut sum = 0_u128;
    let mut batch = AppendBatch::new(Arc::clone(topic));
    for arrival in Traffic::new(SEED, &sale.spec, options) {
        let ArrivalBody::Command(Command::Place(place)) = arrival.body else { continue };
        sum = sum.wrapping_add(u128::from_be_bytes(place.order.0));
        sale.push(&mut batch, place);
        if batch.len() >= BATCH_RECORDS {
            writer.append(std::mem::replace(&mut batch, AppendBatch::new(Arc::clone(topic))))?;
        }
    }
    if !batch.is_empty() {
        writer.append(batch)?;
    }
    writer.finish()?;
    Ok(sum)
}

/// When each order of a steady load is to be sent, whether or not earlier ones were answered.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Schedule {
    pub(crate) start: Instant,
    pub(crate) rate_per_second: u32,
    pub(crate) orders: u32,
}

impl Schedule {
    pub(crate) fn time_of(&self, number: u32) -> Instant {
        let nanos = u64::from(number) * 1_000_000_000 / u64::from(self.rate_per_second.max(1));
        self.start + Duration::from_nanos(nanos)
    }
}

/// Sends each order when the schedule says so. Whatever is late is sent at once.
pub(crate) fn send(
    log: &dyn Log,
    sale: &Sale,
    topic: &TopicName,
    schedule: Schedule,
) -> Result<(), BenchError> {
    let mut writer = Writer::open(log)?;
    let mut next = 0;
    while next < schedule.orders {
        let now = Instant::now();
        let mut batch = AppendBatch::new(Arc::clone(topic));
        while next < schedule.orders && schedule.time_of(next) <= now && batch.len() < BATCH_RECORDS {
            sale.push(&mut batch, sale.numbered(next));
            next += 1;
        }
        if batch.is_empty() {
            writer.hear(Duration::ZERO)?;
            thread::sleep(Duration::from_micros(SCHEDULE_STEP_US));
        } else {
            writer.append(batch)?;
        }
    }
    writer.finish()
}
