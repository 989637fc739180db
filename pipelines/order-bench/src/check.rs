//! Checks what was decided, from the topic of decisions alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use order_audit::Auditor;
use order_log::{Log, LogReader, Polled, ReadLimits, RecordBatch};
use order_model::{Decision, Event, ListingEventKind, OrderEventKind};

use crate::BenchError;
use crate::limits::{BATCH_BYTES, BATCH_RECORDS, SILENCE_MS_MAX, WAIT_MS};
use crate::sale::Sale;

/// What must have been decided.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Expected {
    pub(crate) orders: u32,
    /// The sum of their ids.
    pub(crate) id_sum: u128,
}

/// Follows the numbers of the decisions of each partition.
#[derive(Debug, Default)]
pub(crate) struct Numbering(BTreeMap<u32, u64>);

impl Numbering {
    /// Whether the decision is the next of its ledger; `false` for a repeat, an error for a gap.
    pub(crate) fn is_next(&mut self, decision: &Decision) -> Result<bool, BenchError> {
        let last = self.0.entry(decision.partition.0).or_insert(0);
        let sequence = decision.sequence.0;
        if sequence > *last + 1 {
            let partition = decision.partition.0;
            let text = format!("partition {partition}: decision {sequence} follows decision {last}");
            return Err(BenchError::Wrong(text));
        }
        let is_next = sequence == *last + 1;
        *last = sequence.max(*last);
        Ok(is_next)
    }
}

/// Reads all decisions of a topic's batches as they come.
pub(crate) struct Decisions<'a> {
    reader: Box<dyn LogReader>,
    sale: &'a Sale,
    numbering: Numbering,
}

impl<'a> Decisions<'a> {
    /// Reads `topic` from its beginning.
    pub(crate) fn open(log: &dyn Log, sale: &'a Sale, topic: &str) -> Result<Self, BenchError> {
        let limits = ReadLimits { records_max: BATCH_RECORDS, bytes_max: BATCH_BYTES };
        let mut reader = log.reader(topic, limits)?;
        for partition in 0..sale.spec.partitions {
            reader.start(partition, 0)?;
        }
        Ok(Self { reader, sale, numbering: Numbering::default() })
    }

    /// The next batch, waiting at most `wait`.
    pub(crate) fn poll(&mut self, wait: Duration) -> Result<Option<RecordBatch>, BenchError> {
        match self.reader.poll(wait)? {
            Some(Polled::Batch(batch)) => Ok(Some(batch)),
            _ => Ok(None),
        }
    }

    /// Gives each decision of a batch that did not come before to `take`.
    pub(crate) fn each(
        &mut self,
        batch: &RecordBatch,
        mut take: impl FnMut(Decision) -> Result<(), BenchError>,
    ) -> Result<(), BenchError> {
        for record in batch.iter() {
            let decision = self.sale.codec.decision_from(record.value.unwrap_or_default());
            let decision = decision.map_err(|error| {
                BenchError::Wrong(format!("decision at offset {}: {error}", record.offset))
            })?;
            if self.numbering.is_next(&decision)? {
                take(decision)?;
            }
        }
        Ok(())
    }
}

/// Counts of what was decided.
#[derive(Debug, Default)]
struct Counts {
    opened: u32,
    held: u32,
    id_sum: u128,
}

impl Counts {
    fn take(&mut self, decision: &Decision) -> Result<(), BenchError> {
        match &decision.event {
            Event::Order(event) if event.kind == OrderEventKind::Held => {
                self.held += 1;
                self.id_sum = self.id_sum.wrapping_add(u128::from_be_bytes(event.order.0));
                Ok(())
            }
            Event::Listing(event) if event.kind == ListingEventKind::Opened => {
                self.opened += 1;
                Ok(())
            }
            other => Err(BenchError::Wrong(format!("a decision that nothing asked for: {other:?}"))),
        }
    }
}

/// Reads `topic` from end to end: every listing opened once, every order held once, numbers dense, and the auditor
/// finds that stock, limits and prices are right.
pub(crate) fn check(log: &dyn Log, sale: &Sale, topic: &str, expected: Expected) -> Result<(), BenchError> {
    let mut left = 0;
    for partition in 0..sale.spec.partitions {
        left += log.bounds(topic, partition)?.end;
    }
    let mut auditor = Auditor::decisions_only(sale.spec.partitions);
    let mut counts = Counts::default();
    let mut decisions = Decisions::open(log, sale, topic)?;
    let mut heard = Instant::now();
    while left > 0 {
        let Some(batch) = decisions.poll(Duration::from_millis(WAIT_MS))? else {
            if heard.elapsed() > Duration::from_millis(SILENCE_MS_MAX) {
                let what = format!("checking topic {topic}");
                return Err(BenchError::Stuck { what, silence_ms: SILENCE_MS_MAX });
            }
            continue;
        };
        heard = Instant::now();
        left = left.saturating_sub(u64::try_from(batch.len()).unwrap_or(u64::MAX));
        decisions.each(&batch, |decision| {
            auditor.decision(&decision);
            counts.take(&decision)
        })?;
    }
    let report = auditor.finish();
    if !report.holds() {
        return Err(BenchError::Wrong(report.to_string()));
    }
    let opened = u32::try_from(sale.spec.listings.len()).unwrap_or(u32::MAX);
    if (counts.opened, counts.held, counts.id_sum) != (opened, expected.orders, expected.id_sum) {
        let text = format!(
            "{} listings were opened and {} orders held of {opened} and {}, or not the orders that were placed",
            counts.opened, counts.held, expected.orders
        );
        return Err(BenchError::Wrong(text));
    }
    Ok(())
}
