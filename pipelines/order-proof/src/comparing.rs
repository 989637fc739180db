//! The appender of the replay: writes nothing, and compares the decisions it is given with those in the log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use order_codec::Codec;
use order_log::{
    Acknowledged, AppendBatch, AppendError, Log, LogAppender, LogError, ReadLimits, RecordBatch, Ticket,
};
use order_model::{Decision, Sequence};
use order_worker::Topics;

use crate::cursor::Cursor;
use crate::error::ProofError;

/// How the published decisions of a partition compare with those of a replay.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Comparison {
    /// Published, and what the replay says.
    pub equal: u64,
    /// Published, and not what the replay says.
    pub differing: u64,
    /// The first that differs.
    pub first_differing: Option<Sequence>,
    /// Made by the replay and not published: the log is not decided to its end.
    pub missing: u64,
    /// Published again under a number seen before, and dropped.
    pub repeated: u64,
    /// Published with a number that skips one.
    pub gaps: u64,
}

impl Comparison {
    /// Whether everything is published and nothing differs.
    pub fn is_equal(&self) -> bool {
        self.differing == 0 && self.missing == 0 && self.gaps == 0
    }
}

/// What the appenders of a replay have found, shared by them.
#[derive(Default)]
pub(crate) struct Findings {
    pub(crate) comparisons: Vec<Comparison>,
    pub(crate) dead_letters: u64,
}

/// Decisions of a partition as they were published, each number once.
struct Published {
    cursor: Cursor,
    batch: Option<(RecordBatch, usize)>,
    latest: Sequence,
}

/// An appender that compares.
pub(crate) struct ComparingAppender {
    log: Arc<dyn Log>,
    codec: Codec,
    topics: Topics,
    limits: ReadLimits,
    published: Vec<Option<Published>>,
    findings: Arc<Mutex<Findings>>,
    last: u64,
    unreported: VecDeque<Ticket>,
}

impl ComparingAppender {
    pub(crate) fn new(
        log: Arc<dyn Log>,
        codec: Codec,
        topics: Topics,
        limits: ReadLimits,
        findings: Arc<Mutex<Findings>>,
    ) -> Self {
        Self {
            log,
            codec,
            topics,
            limits,
            published: Vec::new(),
            findings,
            last: 0,
            unreported: VecDeque::new(),
        }
    }

    fn compare(&mut self, batch: &AppendBatch) -> Result<(), ProofError> {
        for record in batch.iter() {
            let mut found = Comparison::default();
            let mine = record.value.unwrap_or_default();
            let theirs = self.next_published(record.partition, &mut found)?;
            match theirs {
                None => found.missing += 1,
                Some((value, decision)) => {
                    // Written with another version of the schema, the same decision has other bytes.
                    let same =
                        value == mine || self.codec.decision_from(mine).is_ok_and(|mine| mine == decision);
                    if same {
                        found.equal += 1;
                    } else {
                        found.differing += 1;
                        found.first_differing = Some(decision.sequence);
                    }
                }
            }
            self.note(record.partition, found);
        }
        Ok(())
    }

    fn note(&self, partition: u32, found: Comparison) {
        let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
        let index = usize::try_from(partition).unwrap_or_default();
        let Some(sum) = findings.comparisons.get_mut(index) else { return };
        sum.equal += found.equal;
        sum.differing += found.differing;
        sum.missing += found.missing;
        sum.repeated += found.repeated;
        sum.gaps += found.gaps;
        sum.first_differing = sum.first_differing.or(found.first_differing);
    }

    /// The next published decision with a new number.
    fn next_published(
        &mut self,
        partition: u32,
        found: &mut Comparison,
    ) -> Result<Option<(Vec<u8>, Decision)>, ProofError> {
        let topic = Arc::clone(&self.topics.decisions);
        let index = usize::try_from(partition).unwrap_or_default();
        if self.published.len() <= index {
            self.published.resize_with(index + 1, || None);
        }
        let Some(slot) = self.published.get_mut(index) else { return Ok(None) };
        if slot.is_none() {
            let end = self.log.bounds(&topic, partition)?.end;
            let cursor = Cursor::open(self.log.as_ref(), &topic, partition, end, self.limits)?;
            *slot = Some(Published { cursor, batch: None, latest: Sequence(0) });
        }
        let Some(published) = slot else { return Ok(None) };
        while let Some((offset, value)) = published.next_record()? {
            let decision = self.codec.decision_from(&value).map_err(|source| ProofError::Decision {
                topic: topic.to_string(),
                partition,
                offset,
                source,
            })?;
            if decision.sequence <= published.latest {
                found.repeated += 1;
                continue;
            }
            if decision.sequence != published.latest.next() {
                found.gaps += 1;
            }
            published.latest = decision.sequence;
            return Ok(Some((value, decision)));
        }
        Ok(None)
    }
}

impl Published {
    fn next_record(&mut self) -> Result<Option<(u64, Vec<u8>)>, ProofError> {
        loop {
            if let Some((batch, index)) = &mut self.batch
                && let Some(record) = batch.get(*index)
            {
                *index += 1;
                return Ok(Some((record.offset, record.value.unwrap_or_default().to_vec())));
            }
            match self.cursor.next()? {
                Some(batch) => self.batch = Some((batch, 0)),
                None => return Ok(None),
            }
        }
    }
}

impl LogAppender for ComparingAppender {
    fn append(&mut self, batch: AppendBatch) -> Result<Ticket, AppendError> {
        if *batch.topic() == self.topics.decisions {
            self.compare(&batch).map_err(|error| LogError::Failed {
                context: "comparing decisions".to_owned(),
                detail: error.to_string(),
            })?;
        } else if *batch.topic() == self.topics.dead_letters {
            let mut findings = self.findings.lock().unwrap_or_else(PoisonError::into_inner);
            findings.dead_letters += u64::try_from(batch.len()).unwrap_or_default();
        }
        // Relays are in the log already, where the replay reads them; ticks would change it.
        self.last += 1;
        self.unreported.push_back(Ticket(self.last));
        Ok(Ticket(self.last))
    }

    fn poll(&mut self, _wait: Duration, acknowledged: &mut Vec<Acknowledged>) -> Result<(), LogError> {
        acknowledged
            .extend(self.unreported.drain(..).map(|ticket| Acknowledged { ticket, offsets: Vec::new() }));
        Ok(())
    }
}
