//! The replay: the worker's own threads and dataflows over the raw topic.

use std::collections::BTreeMap;
use std::mem::take;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use order_core::{Certificate, combine};
use order_model::TimeMs;
use order_worker::{Stop, StopLevel, WorkerEvent, WorkerOptions, WorkerParts};

use crate::comparing::{Findings, Source};
use crate::dead_letters::DeadLetters;
use crate::error::ProofError;
use crate::relays::Relays;
use crate::shadow::ShadowLog;
use crate::{PartitionProof, ProofParts};

/// What a replay came to.
pub(crate) struct Replayed {
    pub(crate) partitions: Vec<PartitionProof>,
    pub(crate) certificate: Certificate,
    /// What is said of each record that could not be read or trusted.
    pub(crate) dead_letters: DeadLetters,
    /// Relays the ledgers sent each other.
    pub(crate) relays: Relays,
    /// Where each partition ended when the proof began.
    pub(crate) ends: BTreeMap<u32, u64>,
}

pub(crate) fn replay(parts: &ProofParts) -> Result<Replayed, ProofError> {
    let ends = ends(parts)?;
    let findings = Arc::new(Findings::new(ends.len()));
    let source = Source {
        log: Arc::clone(&parts.log),
        codec: parts.codec.clone(),
        topics: parts.topics.clone(),
        limits: parts.batch,
    };
    let log = ShadowLog { source: source.clone(), ends: ends.clone(), findings: Arc::clone(&findings) };
    let (stop, start) = (Stop::new(), Instant::now());
    let worker = WorkerParts {
        log: Arc::new(log),
        codec: parts.codec.clone(),
        ring: parts.ring.clone(),
        // For pauses between questions to the registry; a replay has no other use for it.
        clock: Arc::new(move || TimeMs(u64::try_from(start.elapsed().as_millis()).unwrap_or(u64::MAX))),
        observer: Arc::new(watch(&ends, stop.clone(), Arc::clone(&parts.progress))),
    };
    let options = WorkerOptions {
        group: "proof".to_owned(),
        topics: parts.topics.clone(),
        threads: parts.threads,
        batch: parts.batch,
    };
    let summary = order_worker::replay(&worker, &options, &stop)?;
    let mut partitions = Vec::with_capacity(summary.partitions.len());
    for partition in &summary.partitions {
        let end = ends.get(&partition.partition).copied().unwrap_or_default();
        partitions.push(PartitionProof {
            partition: partition.partition,
            records: partition.tally.records,
            decisions: partition.tally.decisions,
            certificate: partition.certificate,
            comparison: findings.close(&source, partition.partition, end)?,
            relay_gaps: partition.tally.relay_gaps,
        });
    }
    let certificates: Vec<Certificate> = partitions.iter().map(|partition| partition.certificate).collect();
    let dead_letters = take(&mut *findings.dead_letters.lock().unwrap_or_else(PoisonError::into_inner));
    let relays = take(&mut *findings.relays.lock().unwrap_or_else(PoisonError::into_inner));
    Ok(Replayed { certificate: combine(&certificates), partitions, dead_letters, relays, ends })
}

fn ends(parts: &ProofParts) -> Result<BTreeMap<u32, u64>, ProofError> {
    let topic = &parts.topics.orders;
    let partitions = parts.log.partitions(topic)?;
    (0..partitions).map(|partition| Ok((partition, parts.log.bounds(topic, partition)?.end))).collect()
}

/// Asks the worker to drain when every partition has reached its end, and tells of progress until then.
fn watch(
    ends: &BTreeMap<u32, u64>,
    stop: Stop,
    progress: Arc<dyn Fn(u64) + Send + Sync>,
) -> impl Fn(WorkerEvent) + Send + Sync + use<> {
    let mut open = ends.clone();
    open.retain(|_, end| *end > 0);
    let state = Mutex::new((open, BTreeMap::new(), ends.len()));
    let done = AtomicU64::new(0);
    move |event| {
        let mut state = state.lock().unwrap_or_else(PoisonError::into_inner);
        let (open, reached, unassigned) = &mut *state;
        match event {
            WorkerEvent::Assigned { .. } => *unassigned = unassigned.saturating_sub(1),
            WorkerEvent::Durable { partition, offset } => {
                let before = reached.insert(partition, offset).unwrap_or_default();
                progress(done.fetch_add(offset.saturating_sub(before), Ordering::Relaxed) + offset - before);
                if open.get(&partition).is_some_and(|end| offset >= *end) {
                    open.remove(&partition);
                }
            }
            WorkerEvent::Released(_) => {}
        }
        // A partition that has not begun would be missing from the proof, though there be nothing to read in it.
        if open.is_empty() && *unassigned == 0 && stop.level() == StopLevel::Run {
            stop.ask();
        }
    }
}
