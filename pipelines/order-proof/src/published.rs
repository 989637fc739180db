//! The decisions of one partition as they were published, each number once.

use order_codec::Codec;
use order_log::{Log, ReadLimits, RecordBatch};
use order_model::{Decision, Sequence};
use order_worker::Topics;

use crate::comparing::Comparison;
use crate::cursor::Cursor;
use crate::digest::{Digest, digest};
use crate::error::ProofError;

/// Published decisions being read up to the end their topic had when the reading began.
pub(crate) struct Published {
    cursor: Cursor,
    topic: String,
    partition: u32,
    end: u64,
    batch: Option<(RecordBatch, usize)>,
    latest: Sequence,
    /// What was first published under each number, ascending: a repeat has to say the same.
    digests: Vec<(Sequence, Digest)>,
    scratch: Vec<u8>,
}

impl Published {
    pub(crate) fn open(
        log: &dyn Log,
        topics: &Topics,
        partition: u32,
        limits: ReadLimits,
    ) -> Result<Self, ProofError> {
        let topic = topics.decisions.to_string();
        let end = log.bounds(&topic, partition)?.end;
        let cursor = Cursor::open(log, &topic, partition, end, limits)?;
        Ok(Self {
            cursor,
            topic,
            partition,
            end,
            batch: None,
            latest: Sequence(0),
            digests: Vec::new(),
            scratch: Vec::new(),
        })
    }

    /// The next published decision with a new number. Repeats on the way are counted, and so are those that say
    /// something else than before.
    pub(crate) fn next(
        &mut self,
        codec: &Codec,
        found: &mut Comparison,
    ) -> Result<Option<(Vec<u8>, Decision)>, ProofError> {
        while let Some((offset, value)) = self.next_record()? {
            let decision = codec.decision_from(&value).map_err(|source| ProofError::Decision {
                topic: self.topic.clone(),
                partition: self.partition,
                offset,
                source,
            })?;
            let digest = self.digest(codec, &decision);
            if decision.sequence <= self.latest {
                found.repeated += 1;
                found.contradicting += u64::from(self.contradicts(decision.sequence, digest));
                continue;
            }
            if decision.sequence != self.latest.next() {
                found.gaps += 1;
            }
            self.latest = decision.sequence;
            self.digests.push((decision.sequence, digest));
            return Ok(Some((value, decision)));
        }
        Ok(None)
    }

    /// Of the decision encoded anew: written with another version of the schema, the same one has other bytes.
    fn digest(&mut self, codec: &Codec, decision: &Decision) -> Digest {
        self.scratch.clear();
        codec.decision_to(decision, &mut self.scratch);
        digest(&self.scratch)
    }

    /// A number that was skipped before it came is a gap already, and has nothing to contradict.
    fn contradicts(&self, sequence: Sequence, digest: Digest) -> bool {
        let place = self.digests.binary_search_by_key(&sequence, |(known, _)| *known);
        place.ok().and_then(|place| self.digests.get(place)).is_some_and(|(_, known)| *known != digest)
    }

    fn next_record(&mut self) -> Result<Option<(u64, Vec<u8>)>, ProofError> {
        loop {
            if let Some((batch, index)) = &mut self.batch
                && let Some(record) = batch.get(*index)
            {
                *index += 1;
                // The last batch may reach past the end.
                let is_within = record.offset < self.end;
                return Ok(is_within.then(|| (record.offset, record.value.unwrap_or_default().to_vec())));
            }
            match self.cursor.next()? {
                Some(batch) => self.batch = Some((batch, 0)),
                None => return Ok(None),
            }
        }
    }
}
