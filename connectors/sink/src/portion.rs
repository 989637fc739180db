//! Portions: the records of one read, decoded, numbered and weighed.

use order_codec::{Codec, DeadLetter, DeadLetterReason, DecodeError, RegistryError, Stage};
use order_log::{Record, RecordBatch, RecordBatchBuilder};
use order_model::{Decision, Event, Offset, Partition, TimeMs};

use crate::limits::PORTION_BYTES_MIN;
use crate::numbering::{Numbering, Place};
use crate::target::{Arrival, Batch, Reached};

/// Records of one partition on their way to the target. The records themselves go along, for the dead letters of what
/// the target refuses.
pub(crate) struct Portion {
    pub(crate) partition: Partition,
    /// The decisions; more than one batch only where numbers are missing.
    pub(crate) batches: Vec<Batch>,
    /// What could not be read.
    pub(crate) letters: Vec<DeadLetter>,
    /// How far the target is once it has this.
    pub(crate) reached: Reached,
    /// The time of the first record; zero when there is none.
    pub(crate) time: TimeMs,
    /// What it weighs in memory.
    pub(crate) bytes: usize,
    pub(crate) repeats: u64,
    pub(crate) missing: u64,
}

/// What is needed to read decisions.
#[derive(Clone)]
pub(crate) struct Decoder {
    pub(crate) codec: Codec,
    pub(crate) topic: String,
    pub(crate) stage: Stage,
}

impl Decoder {
    /// Decodes `raw`. When the registry does not answer, the portion ends before the record that needs it, whose
    /// offset and error come along.
    pub(crate) fn decode(
        &self,
        raw: &RecordBatch,
        numbering: &mut Numbering,
    ) -> (Portion, Option<(u64, RegistryError)>) {
        let partition = Partition(raw.partition());
        let mut portion = Portion {
            partition,
            batches: Vec::with_capacity(1),
            letters: Vec::new(),
            reached: Reached { sequence: numbering.last(), next_offset: Offset(raw.first_offset()) },
            time: TimeMs(raw.get(0).map_or(0, |record| record.time_ms)),
            bytes: 0,
            repeats: 0,
            missing: 0,
        };
        let mut stuck = None;
        for record in raw.iter() {
            match self.decision(partition, &record) {
                Ok(decision) => portion.take(decision, &record, numbering, raw.len()),
                Err(DecodeError::Bad(bad)) => {
                    numbering.skip();
                    portion.letters.push(self.letter(partition, &record, bad.reason(), bad.to_string()));
                }
                Err(DecodeError::Registry(error)) => {
                    stuck = Some((record.offset, error));
                    break;
                }
            }
            portion.reached =
                Reached { sequence: numbering.last(), next_offset: Offset(record.offset).next() };
        }
        portion.weigh(raw);
        (portion, stuck)
    }

    fn decision(&self, partition: Partition, record: &Record<'_>) -> Result<Decision, DecodeError> {
        let value = record.value.ok_or(order_codec::BadRecord::NullValue)?;
        let decision = self.codec.decision_from(value)?;
        if decision.partition == partition {
            return Ok(decision);
        }
        let problem = "the decision is another partition's than the record's";
        Err(order_codec::BadRecord::FieldInvalid { field: "partition", problem }.into())
    }

    /// The dead letter of a record.
    pub(crate) fn letter(
        &self,
        partition: Partition,
        record: &Record<'_>,
        reason: DeadLetterReason,
        detail: String,
    ) -> DeadLetter {
        let letter = DeadLetter {
            topic: self.topic.clone(),
            partition: partition.0,
            offset: record.offset,
            time: TimeMs(record.time_ms),
            stage: self.stage,
            reason,
            detail,
            key: record.key.map(<[u8]>::to_vec),
            value: record.value.map(<[u8]>::to_vec),
            headers: record.headers.as_encoded().to_vec(),
        };
        letter.cut_to_size()
    }
}

impl Portion {
    /// A portion of nothing, that moves progress on.
    pub(crate) fn passed(partition: Partition, reached: Reached) -> (Self, RecordBatch) {
        let portion = Self {
            partition,
            batches: Vec::new(),
            letters: Vec::new(),
            reached,
            time: TimeMs::default(),
            bytes: PORTION_BYTES_MIN,
            repeats: 0,
            missing: 0,
        };
        (portion, RecordBatchBuilder::new(partition.0).finish())
    }

    pub(crate) fn rows(&self) -> usize {
        self.batches.iter().map(|batch| batch.arrivals.len()).sum()
    }

    fn take(&mut self, decision: Decision, record: &Record<'_>, numbering: &mut Numbering, records: usize) {
        let follows = numbering.last();
        let place = numbering.take(decision.sequence);
        match place {
            Place::Repeat => {
                self.repeats += 1;
                return;
            }
            Place::Gap(missing) => {
                tracing::error!(
                    partition = self.partition.0,
                    offset = record.offset,
                    sequence = decision.sequence.0,
                    missing,
                    "decisions are missing on the log: this is a bug of whoever wrote them"
                );
                self.missing += missing;
            }
            Place::Next => {}
        }
        let is_dense = follows.next() == decision.sequence;
        let arrival = Arrival { offset: Offset(record.offset), time: TimeMs(record.time_ms), decision };
        match self.batches.last_mut().filter(|_| is_dense) {
            Some(batch) => batch.arrivals.push(arrival),
            None => {
                let mut arrivals = Vec::with_capacity(if self.batches.is_empty() { records } else { 1 });
                arrivals.push(arrival);
                self.batches.push(Batch { partition: self.partition, follows, arrivals });
            }
        }
    }

    fn weigh(&mut self, raw: &RecordBatch) {
        let arrivals = self.batches.iter().flat_map(|batch| &batch.arrivals);
        let beyond: usize = arrivals.map(|arrival| heap_bytes(&arrival.decision)).sum();
        let room: usize = self.batches.iter().map(|batch| batch.arrivals.capacity()).sum();
        let letters: usize = self.letters.iter().map(letter_bytes).sum();
        self.bytes = PORTION_BYTES_MIN + raw.bytes() + room * size_of::<Arrival>() + beyond + letters;
    }
}

/// What a decision has outside itself.
fn heap_bytes(decision: &Decision) -> usize {
    match &decision.event {
        Event::Order(event) if event.lines.spilled() => {
            event.lines.capacity() * size_of::<order_model::DecidedLine>()
        }
        Event::Order(_) | Event::Customer(_) => 0,
        Event::Listing(event) => {
            let prices = event.settings.as_ref().map_or(0, |settings| settings.prices.capacity());
            size_of_val(&**event) + prices * size_of::<order_model::PriceStep>()
        }
    }
}

fn letter_bytes(letter: &DeadLetter) -> usize {
    let parts = [letter.key.as_deref(), letter.value.as_deref(), Some(letter.headers.as_slice())];
    size_of::<DeadLetter>()
        + parts.into_iter().flatten().map(<[u8]>::len).sum::<usize>()
        + letter.detail.len()
}
