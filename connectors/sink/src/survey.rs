//! How far a sink is, without one that runs: its target against the ends of the log.

use std::collections::BTreeSet;
use std::time::Instant;

use order_codec::Stage;
use order_log::{Log, LogError, Polled, ReadLimits};
use order_model::{Partition, TimeMs};

use crate::limits::{
    CONTROLS_READ_BYTES_MAX, CONTROLS_READ_RECORDS_MAX, INTAKE_WAIT, SURVEY_LETTERS_MAX, SURVEY_TIMEOUT,
};
use crate::run::{SinkParts, SinkTopics};
use crate::target::{Reached, Target};

/// How far a sink's target is in one partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Standing {
    /// Which.
    pub partition: Partition,
    /// What the target has.
    pub reached: Reached,
    /// Records of `decisions` it does not have.
    pub lag_records: u64,
    /// The age of the oldest of them, in milliseconds; zero when there is none.
    pub lag_ms: u64,
    /// Dead letters of this sink about this partition; one that was stored twice counts once.
    pub letters: u64,
}

/// Why a survey was not made.
#[derive(Debug, thiserror::Error)]
pub enum SurveyError {
    /// The target does not say how far it is.
    #[error("sink {sink}: its target does not say how far it has partition {partition}: {detail}")]
    Target {
        /// The sink.
        sink: &'static str,
        /// The partition it was asked about.
        partition: u32,
        /// What it says instead.
        detail: String,
    },
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There are more dead letters than are looked at.
    #[error(
        "partition {0} of the dead letters holds more than {SURVEY_LETTERS_MAX} of this sink; look at them"
    )]
    TooManyLetters(u32),
    /// The survey was cut off.
    #[error("the survey of the log was cut off; the message above says why")]
    CutOff,
}

/// Asks `target`, once, about every partition of `decisions`. Needs no running sink, and disturbs none.
pub async fn survey<T: Target>(
    target: &mut T,
    parts: &SinkParts,
    topics: &SinkTopics,
) -> Result<Vec<Standing>, SurveyError> {
    let sink = target.name();
    let (log, decisions) = (parts.log.clone(), topics.decisions.clone());
    let count = blocking(move || Ok(log.partitions(&decisions)?)).await?;
    let mut reached = Vec::new();
    for partition in 0..count {
        let answer = target.reached(Partition(partition)).await;
        let unknown =
            |fault: crate::Fault| SurveyError::Target { sink, partition, detail: fault.to_string() };
        reached.push((partition, answer.map_err(unknown)?));
    }
    let (parts, topics, stage) = (parts.clone(), topics.clone(), Stage::of_sink(sink));
    blocking(move || {
        let one = |(partition, reached)| standing(&parts, &topics, stage, partition, reached);
        reached.into_iter().map(one).collect()
    })
    .await
}

async fn blocking<A: Send + 'static>(
    work: impl FnOnce() -> Result<A, SurveyError> + Send + 'static,
) -> Result<A, SurveyError> {
    tokio::task::spawn_blocking(work).await.unwrap_or(Err(SurveyError::CutOff))
}

fn standing(
    parts: &SinkParts,
    topics: &SinkTopics,
    stage: Option<Stage>,
    partition: u32,
    reached: Reached,
) -> Result<Standing, SurveyError> {
    let log = parts.log.as_ref();
    let (next, end) = (reached.next_offset.0, log.bounds(&topics.decisions, partition)?.end);
    let mut oldest = None;
    if next < end {
        walk(log, &topics.decisions, partition, next, 1, |record| {
            oldest = Some(TimeMs(record.time_ms));
            false
        })?;
    }
    let mut letters = BTreeSet::new();
    walk(log, &topics.dead_letters, partition, 0, CONTROLS_READ_RECORDS_MAX, |record| {
        // A letter that cannot be read is nobody's.
        let letter = record.value.and_then(|value| parts.codec.dead_letter_from(value).ok());
        if let Some(letter) = letter.filter(|letter| Some(letter.stage) == stage) {
            letters.insert(letter.offset);
        }
        letters.len() <= SURVEY_LETTERS_MAX
    })?;
    if letters.len() > SURVEY_LETTERS_MAX {
        return Err(SurveyError::TooManyLetters(partition));
    }
    Ok(Standing {
        partition: Partition(partition),
        reached,
        lag_records: end.saturating_sub(next),
        lag_ms: oldest.map_or(0, |time| (parts.clock)().0.saturating_sub(time.0)),
        letters: u64::try_from(letters.len()).unwrap_or(u64::MAX),
    })
}

/// Shows the records of a partition from `from` to its present end, until `look` has seen enough.
fn walk(
    log: &dyn Log,
    topic: &str,
    partition: u32,
    from: u64,
    records_max: usize,
    mut look: impl FnMut(&order_log::Record<'_>) -> bool,
) -> Result<(), LogError> {
    let end = log.bounds(topic, partition)?.end;
    let mut reader = log.reader(topic, ReadLimits { records_max, bytes_max: CONTROLS_READ_BYTES_MAX })?;
    reader.start(partition, from.min(end))?;
    let (mut next, mut deadline) = (from, Instant::now() + SURVEY_TIMEOUT);
    while next < end {
        match reader.poll(INTAKE_WAIT)? {
            Some(Polled::Batch(batch)) => {
                if !batch.iter().all(|record| look(&record)) {
                    return Ok(());
                }
                next = batch.next_offset();
                deadline = Instant::now() + SURVEY_TIMEOUT;
            }
            Some(Polled::Passed { next_offset, .. }) => next = next_offset,
            _ if Instant::now() >= deadline => {
                let detail = format!("offset {next} of partition {partition} of {topic} did not come");
                return Err(LogError::Unreachable { log: log.describe(), detail });
            }
            _ => {}
        }
    }
    Ok(())
}
