//! Decisions as a reader wants them: each once, in their order, gaps reported.

use std::collections::BTreeMap;
use std::ops::ControlFlow;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use order_codec::Codec;
use order_log::{Log, RecordBatch};
use order_model::{Decision, Partition, Sequence};

use crate::notes::warning;
use crate::scan::Scan;

/// Longest wait inside one poll, in milliseconds.
const POLL_MS: u64 = 100;

/// What a decision's number says.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Numbered {
    /// The next one.
    New,
    /// Seen before: a repeat.
    Repeat,
    /// Some are missing before it: a bug of whoever wrote them.
    AfterGap {
        /// The number that should have come.
        expected: Sequence,
    },
}

/// Tells decisions from their repeats, ledger by ledger.
#[derive(Debug, Default)]
pub struct Numbers(BTreeMap<Partition, Sequence>);

impl Numbers {
    /// Judges the next decision read of its partition. The first one seen may have any number.
    pub fn judge(&mut self, decision: &Decision) -> Numbered {
        let highest = self.0.get(&decision.partition).copied();
        if highest.is_some_and(|highest| decision.sequence <= highest) {
            return Numbered::Repeat;
        }
        self.0.insert(decision.partition, decision.sequence);
        match highest.map(Sequence::next) {
            Some(expected) if decision.sequence != expected => Numbered::AfterGap { expected },
            _ => Numbered::New,
        }
    }
}

/// The decisions of a batch, repeats dropped, gaps and unreadable records warned of.
fn decode(codec: &Codec, numbers: &mut Numbers, batch: &RecordBatch) -> Vec<Decision> {
    let mut decisions = Vec::with_capacity(batch.len());
    for record in batch.iter() {
        let place = || format!("decisions, partition {}, offset {}", batch.partition(), record.offset);
        let decision = match codec.decision_from(record.value.unwrap_or_default()) {
            Ok(decision) => decision,
            Err(error) => {
                warning(format!("{}: not a decision: {error}", place()));
                continue;
            }
        };
        match numbers.judge(&decision) {
            Numbered::Repeat => continue,
            Numbered::New => {}
            Numbered::AfterGap { expected } => {
                warning(format!(
                    "{}: number {} follows where {expected} was due",
                    place(),
                    decision.sequence
                ));
            }
        }
        decisions.push(decision);
    }
    decisions
}

/// Hands every decision there is to `see`.
pub fn for_each(log: &dyn Log, topic: &str, codec: &Codec, mut see: impl FnMut(&Decision)) -> Result<()> {
    let read = || format!("read {topic}");
    let partitions = log.partitions(topic).with_context(read)?;
    let mut scan = Scan::new(log, topic, 0..partitions, |_, bounds| bounds.start).with_context(read)?;
    let mut numbers = Numbers::default();
    while let Some(batch) = scan.next_stored().with_context(read)? {
        decode(codec, &mut numbers, &batch).iter().for_each(&mut see);
    }
    Ok(())
}

/// Follows `decisions` from where it ends now.
pub struct Follow<'c> {
    codec: &'c Codec,
    numbers: Numbers,
    scan: Scan,
}

impl<'c> Follow<'c> {
    /// Begins at the end of every partition. Make it before the commands whose decisions it is to see.
    pub fn new(log: &dyn Log, topic: &str, codec: &'c Codec) -> Result<Self> {
        let read = || format!("read {topic}");
        let partitions = log.partitions(topic).with_context(read)?;
        let scan = Scan::new(log, topic, 0..partitions, |_, bounds| bounds.end).with_context(read)?;
        Ok(Self { codec, numbers: Numbers::default(), scan })
    }

    /// Hands decisions to `see` until it breaks; `None` when it did not within `wait`.
    pub fn until<T>(
        &mut self,
        wait: Duration,
        mut see: impl FnMut(&Decision) -> ControlFlow<T>,
    ) -> Result<Option<T>> {
        let start = Instant::now();
        while start.elapsed() < wait {
            let Some(batch) =
                self.scan.next_within(Duration::from_millis(POLL_MS)).context("read decisions")?
            else {
                continue;
            };
            for decision in decode(self.codec, &mut self.numbers, &batch) {
                if let ControlFlow::Break(found) = see(&decision) {
                    return Ok(Some(found));
                }
            }
        }
        Ok(None)
    }
}

#[cfg(test)]
mod tests {
    use order_model::{CustomerEvent, Event, Offset, TimeMs};

    use super::*;

    #[test]
    fn repeats_and_gaps_are_told_apart() {
        let mut numbers = Numbers::default();
        let event = CustomerEvent { id: 0.into(), customer: 0.into(), blocked: true, reason: None };
        let mut judge = |partition, sequence| {
            let (partition, sequence) = (Partition(partition), Sequence(sequence));
            let event = Event::Customer(event);
            numbers.judge(&Decision { partition, sequence, offset: Offset(0), time: TimeMs(0), event })
        };
        for (partition, sequence, expected) in [
            (0, 5, Numbered::New),
            (0, 6, Numbered::New),
            (1, 1, Numbered::New),
            (0, 5, Numbered::Repeat),
            (0, 6, Numbered::Repeat),
            (0, 8, Numbered::AfterGap { expected: Sequence(7) }),
            (0, 9, Numbered::New),
            (1, 2, Numbered::New),
        ] {
            assert_eq!(judge(partition, sequence), expected, "{partition} {sequence}");
        }
    }
}
