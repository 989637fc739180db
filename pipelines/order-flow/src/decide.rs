//! `decide`: applies the commands of a batch to the ledger, in order.
//!
//! Effects that the log has already (see [`Resume`]) are made and left out: restoring a ledger is deciding again in
//! silence. At the seam what is decided now must be what was published then.

use std::cell::{Cell, RefCell};
use std::collections::VecDeque;
use std::rc::Rc;

use order_codec::{DeadLetter, DeadLetterReason};
use order_core::{Effects, Ledger, Outcome};
use order_log::Record;
use order_model::{Offset, Partition, Position, Sequence, TimeMs};
use timely::container::CapacityContainerBuilder;
use timely::dataflow::Stream;
use timely::dataflow::channels::pact::Pipeline;
use timely::dataflow::operators::Capability;
use timely::dataflow::operators::generic::Operator;

use crate::failure::{FailureCell, FlowError};
use crate::gauge::Gauge;
use crate::limits::EFFECTS_OF_A_BATCH_MAX;
use crate::message::{DecidedBatch, DecodedBatch};
use crate::resume::Resume;
use crate::tally::Tally;

/// Decides batches on a ledger.
pub struct Decider {
    ledger: Rc<RefCell<Ledger>>,
    resume: Resume,
    topic: Rc<str>,
    tally: Rc<Cell<Tally>>,
    spare: SpareEffects,
}

/// Effects that were encoded: their memory is used again. It is large, and the system would clear it anew for each batch.
#[derive(Clone, Default)]
pub(crate) struct SpareEffects(Rc<RefCell<Vec<Effects>>>);

impl SpareEffects {
    pub(crate) fn give(&self, mut effects: Effects) {
        effects.clear();
        self.0.borrow_mut().push(effects);
    }

    fn take(&self) -> Effects {
        self.0.borrow_mut().pop().unwrap_or_default()
    }
}

impl Decider {
    /// Decides on `ledger`, leaving out what `resume` says is published. `topic` is the name of the topic the
    /// commands lie on, for dead letters.
    pub fn new(ledger: Rc<RefCell<Ledger>>, resume: Resume, topic: Rc<str>, tally: Rc<Cell<Tally>>) -> Self {
        Self { ledger, resume, topic, tally, spare: SpareEffects::default() }
    }

    /// Where to give effects that are done with.
    pub(crate) fn spare(&self) -> SpareEffects {
        self.spare.clone()
    }

    /// Decides a batch from the record at index `from` on, as far as [`EFFECTS_OF_A_BATCH_MAX`] allows. Says from where to
    /// go on; at the length of the batch it is decided.
    pub fn decide(&mut self, batch: &DecodedBatch, from: usize) -> Result<(DecidedBatch, usize), FlowError> {
        let ledger = Rc::clone(&self.ledger);
        let mut ledger = ledger.borrow_mut();
        let mut tally = self.tally.get();
        let partition = batch.records.partition();
        let (mut effects, mut dead_letters) = (self.spare.take(), Vec::new());
        // Most commands make one decision.
        effects.decisions.reserve((batch.commands.len() - from).min(EFFECTS_OF_A_BATCH_MAX));
        let mut next = from;
        for (index, (record, command)) in batch.records.iter().zip(&batch.commands).enumerate().skip(from) {
            if effects.decisions.len() + effects.relays.len() + dead_letters.len() >= EFFECTS_OF_A_BATCH_MAX {
                break;
            }
            next = index + 1;
            if (index - from).is_multiple_of(Ledger::WARMED_TOGETHER) {
                let upcoming = batch.commands.iter().skip(index).take(Ledger::WARMED_TOGETHER);
                ledger.warm(upcoming.filter_map(|command| command.as_ref().ok()));
            }
            let (offset, time) = (Offset(record.offset), TimeMs(record.time_ms));
            let at = Position { partition: Partition(partition), offset, time };
            let (decided, relays) = (effects.decisions.len(), effects.relays.len());
            match command {
                Ok(command) => tally.count(ledger.apply(at, command, &mut effects), partition, record.offset),
                Err((reason, detail)) => {
                    ledger.skip(at, &mut effects);
                    if !self.resume.covers(record.offset) {
                        dead_letters.push(self.dead_letter(partition, &record, *reason, detail.clone()));
                    }
                }
            }
            tally.decisions += count(effects.decisions.len() - decided);
            if self.resume.covers(record.offset) {
                effects.relays.truncate(relays);
                self.leave_out_published(partition, &mut effects, decided)?;
            } else {
                let before = ledger.sequence().0 - count(effects.decisions.len() - decided);
                if before < self.resume.sequence().0 {
                    // The replay made fewer decisions than were published: the next numbers are taken.
                    return Err(FlowError::Diverged { partition, sequence: Sequence(before + 1) });
                }
            }
        }
        tally.records += count(next - from);
        tally.published += count(effects.decisions.len());
        tally.relays += count(effects.relays.len());
        tally.dead_letters += count(dead_letters.len());
        self.tally.set(tally);
        Ok((DecidedBatch { effects, dead_letters }, next))
    }

    fn leave_out_published(
        &self,
        partition: u32,
        effects: &mut Effects,
        from: usize,
    ) -> Result<(), FlowError> {
        let decisions = effects.decisions.get(from..).unwrap_or_default();
        if let Some(other) = decisions.iter().find(|decision| self.resume.contradicts(decision)) {
            return Err(FlowError::Diverged { partition, sequence: other.sequence });
        }
        let published = decisions.partition_point(|decision| decision.sequence <= self.resume.sequence());
        effects.decisions.drain(from..from + published);
        Ok(())
    }

    fn dead_letter(
        &self,
        partition: u32,
        record: &Record<'_>,
        reason: DeadLetterReason,
        detail: String,
    ) -> DeadLetter {
        let letter = DeadLetter {
            topic: self.topic.to_string(),
            partition,
            offset: record.offset,
            time: TimeMs(record.time_ms),
            stage: reason.stage(),
            reason,
            detail,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.as_encoded().to_vec(),
        };
        letter.cut_to_size()
    }
}

impl Tally {
    fn count(&mut self, outcome: Outcome, partition: u32, offset: u64) {
        match outcome {
            Outcome::Repeated => self.repeated += 1,
            Outcome::RelayGap => {
                self.relay_gaps += 1;
                tracing::error!(
                    partition,
                    offset,
                    "bug: a relay came before its predecessor and was not applied"
                );
            }
            _ => {}
        }
    }
}

fn count(length: usize) -> u64 {
    u64::try_from(length).unwrap_or(u64::MAX)
}

/// A batch on its way through the ledger.
struct Open {
    capability: Capability<u64>,
    batch: DecodedBatch,
    /// The record to be decided next.
    next: usize,
}

/// The effects of the batches of `stream`, as long as there is room for them.
pub(crate) fn decide<'scope>(
    stream: Stream<'scope, u64, Vec<DecodedBatch>>,
    mut decider: Decider,
    gauge: Gauge,
    failure: FailureCell,
) -> Stream<'scope, u64, Vec<DecidedBatch>> {
    let scope = stream.scope();
    stream.unary::<CapacityContainerBuilder<_>, _, _, _>(Pipeline, "Decide", |_capability, info| {
        gauge.wake_by(scope.activator_for(info.address));
        let mut waiting: VecDeque<Open> = VecDeque::new();
        move |input, output| {
            input.for_each(|time, batches| {
                let open = |batch| Open { capability: time.retain(0), batch, next: 0 };
                waiting.extend(batches.drain(..).map(open));
            });
            while !failure.is_set()
                && !gauge.is_full()
                && let Some(open) = waiting.front_mut()
            {
                match decider.decide(&open.batch, open.next) {
                    Ok((decided, next)) => {
                        gauge.add(decided.len());
                        open.next = next;
                        output.session(&open.capability).give(decided);
                    }
                    Err(error) => failure.set(error),
                }
                waiting.pop_front_if(|open| open.next == open.batch.commands.len());
            }
            // After a failure nothing more is decided; the capabilities are let go all the same, which is why
            // `durable_offset` must not be believed once the dataflow has failed.
            if failure.is_set() {
                waiting.clear();
            }
        }
    })
}
