//! The appender of the replay: writes nothing, and compares the decisions it is given with those in the log.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use order_codec::{Codec, DecodeError};
use order_log::{Acknowledged, AppendBatch, AppendError, Log, LogAppender, LogError, ReadLimits, Ticket};
use order_model::{Command, Partition, Sequence};
use order_worker::Topics;

use crate::dead_letters::DeadLetters;
use crate::error::ProofError;
use crate::published::Published;
use crate::relays::Relays;

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
    /// Of those, published again and saying something else.
    pub contradicting: u64,
    /// Published, and made by no replay: about a record that has been replayed and does not lead to it, or about one
    /// that is not in the log, which lost its end.
    pub extra: u64,
    /// Published with a number that skips one.
    pub gaps: u64,
}

impl Comparison {
    /// Whether everything is published and nothing differs.
    pub fn is_equal(&self) -> bool {
        self.differing == 0
            && self.missing == 0
            && self.gaps == 0
            && self.contradicting == 0
            && self.extra == 0
    }
}

/// What the appenders of a replay have found, shared by them.
#[derive(Default)]
pub(crate) struct Findings {
    /// Each partition by itself, so that threads do not wait for each other.
    lanes: Vec<Mutex<Lane>>,
    pub(crate) dead_letters: Mutex<DeadLetters>,
    pub(crate) relays: Mutex<Relays>,
}

/// The published decisions of a partition, and how they compare so far.
#[derive(Default)]
struct Lane {
    published: Option<Published>,
    comparison: Comparison,
}

/// Where published decisions are read from.
#[derive(Clone)]
pub(crate) struct Source {
    pub(crate) log: Arc<dyn Log>,
    pub(crate) codec: Codec,
    pub(crate) topics: Topics,
    pub(crate) limits: ReadLimits,
}

impl Findings {
    pub(crate) fn new(partitions: usize) -> Self {
        let lanes = (0..partitions).map(|_| Mutex::default()).collect();
        Self { lanes, ..Self::default() }
    }

    /// Reads what is left of a partition when the replay has reached `end` of its records, and says how it compares.
    pub(crate) fn close(&self, source: &Source, partition: u32, end: u64) -> Result<Comparison, ProofError> {
        let Some(mut lane) = self.lane(partition) else { return Ok(Comparison::default()) };
        lane.open(source, partition)?;
        // After the end of the decisions is fixed: a worker may go on deciding, but only what is there.
        let orders = source.log.bounds(&source.topics.orders, partition)?.end;
        let Lane { published, comparison } = &mut *lane;
        let Some(published) = published else { return Ok(*comparison) };
        while let Some((_, decision)) = published.next(&source.codec, comparison)? {
            let is_later = (end..orders).contains(&decision.offset.0);
            comparison.extra += u64::from(!is_later);
        }
        Ok(*comparison)
    }

    fn lane(&self, partition: u32) -> Option<MutexGuard<'_, Lane>> {
        let index = usize::try_from(partition).ok()?;
        self.lanes.get(index).map(|lane| lane.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl Lane {
    fn open(&mut self, source: &Source, partition: u32) -> Result<(), ProofError> {
        if self.published.is_none() {
            let Source { log, topics, limits, .. } = source;
            self.published = Some(Published::open(log.as_ref(), topics, partition, *limits)?);
        }
        Ok(())
    }

    fn compare(&mut self, source: &Source, partition: u32, mine: &[u8]) -> Result<(), ProofError> {
        self.open(source, partition)?;
        let Self { published: Some(published), comparison: found } = self else { return Ok(()) };
        let Some((value, decision)) = published.next(&source.codec, found)? else {
            found.missing += 1;
            return Ok(());
        };
        // Written with another version of the schema, the same decision has other bytes.
        if value == mine || source.codec.decision_from(mine).is_ok_and(|mine| mine == decision) {
            found.equal += 1;
        } else {
            found.differing += 1;
            found.first_differing = found.first_differing.or(Some(decision.sequence));
        }
        Ok(())
    }
}

/// An appender that compares.
pub(crate) struct ComparingAppender {
    source: Source,
    findings: Arc<Findings>,
    last: u64,
    unreported: VecDeque<Ticket>,
}

impl ComparingAppender {
    pub(crate) fn new(source: Source, findings: Arc<Findings>) -> Self {
        Self { source, findings, last: 0, unreported: VecDeque::new() }
    }

    fn compare(&self, batch: &AppendBatch) -> Result<(), ProofError> {
        for record in batch.iter() {
            if let Some(mut lane) = self.findings.lane(record.partition) {
                lane.compare(&self.source, record.partition, record.value.unwrap_or_default())?;
            }
        }
        Ok(())
    }

    fn note_dead_letters(&self, batch: &AppendBatch) -> Result<(), DecodeError> {
        let mut letters = self.findings.dead_letters.lock().unwrap_or_else(PoisonError::into_inner);
        for record in batch.iter() {
            let letter = self.source.codec.dead_letter_from(record.value.unwrap_or_default())?;
            letters.note(&self.source.codec, letter);
        }
        Ok(())
    }

    /// Relays have to be in the log already, where the replay reads them; ticks would change it.
    fn note_relays(&self, batch: &AppendBatch) -> Result<(), DecodeError> {
        let mut relays = self.findings.relays.lock().unwrap_or_else(PoisonError::into_inner);
        for record in batch.iter() {
            if let Command::Relay(relay) = self.source.codec.command_from(record.value.unwrap_or_default())? {
                relays.note(Partition(record.partition), &relay);
            }
        }
        Ok(())
    }
}

/// The replay ends with the error of its appender.
fn failed(doing: &str, error: &dyn std::error::Error) -> AppendError {
    LogError::Failed { context: doing.to_owned(), detail: error.to_string() }.into()
}

impl LogAppender for ComparingAppender {
    fn append(&mut self, batch: AppendBatch) -> Result<Ticket, AppendError> {
        let topics = &self.source.topics;
        if *batch.topic() == topics.decisions {
            self.compare(&batch).map_err(|error| failed("comparing decisions", &error))?;
        } else if *batch.topic() == topics.dead_letters {
            self.note_dead_letters(&batch).map_err(|error| failed("noting dead letters", &error))?;
        } else if *batch.topic() == topics.orders {
            self.note_relays(&batch).map_err(|error| failed("noting relays", &error))?;
        }
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
