//! The dead letters in the log: one for every record that could not be read, however often it was written, and saying
//! what the replay says of that record.

use std::collections::{BTreeMap, BTreeSet};

use order_codec::{Codec, DeadLetter, DecodeError};

use crate::ProofParts;
use crate::cursor::Cursor;
use crate::digest::{Digest, digest};
use crate::error::ProofError;

/// A bad record: its partition and offset.
pub(crate) type Place = (u32, u64);

/// What the dead letter of each bad record says.
#[derive(Default)]
pub(crate) struct DeadLetters(BTreeMap<Place, Digest>);

/// How the dead letters in the log compare with those of the replay.
#[derive(Default)]
pub(crate) struct Compared {
    /// Records whose dead letter is not in the log.
    pub(crate) missing: u64,
    /// Letters in the log that the replay does not write.
    pub(crate) extra: u64,
    /// Letters in the log that say something else than the replay's.
    pub(crate) changed: u64,
}

impl DeadLetters {
    pub(crate) fn note(&mut self, codec: &Codec, letter: DeadLetter) {
        self.0.insert((letter.partition, letter.offset), digest_of(codec, letter));
    }

    pub(crate) fn len(&self) -> u64 {
        crate::count(self.0.len())
    }

    /// Compares with the log, where the replay went up to `ends`.
    pub(crate) fn compare(
        &self,
        parts: &ProofParts,
        ends: &BTreeMap<u32, u64>,
    ) -> Result<Compared, ProofError> {
        let topics = &parts.topics;
        let partitions = parts.log.partitions(&topics.dead_letters)?;
        let end = |topic: &str, partition| Ok(parts.log.bounds(topic, partition)?.end);
        let letters_ends = (0..partitions).map(|partition| end(&topics.dead_letters, partition));
        let letters_ends = letters_ends.collect::<Result<Vec<u64>, ProofError>>()?;
        // After the end of the letters is fixed: a worker may go on, and write about records that came since.
        let now = ends.keys().map(|partition| Ok((*partition, end(&topics.orders, *partition)?)));
        let now = now.collect::<Result<BTreeMap<u32, u64>, ProofError>>()?;
        let (mut compared, mut written) = (Compared::default(), BTreeSet::new());
        for (partition, end) in (0..).zip(letters_ends) {
            for_each(parts, partition, end, |letter| {
                let place = (letter.partition, letter.offset);
                let replayed = ends.get(&letter.partition).copied().unwrap_or_default();
                let is_later =
                    now.get(&letter.partition).is_some_and(|now| (replayed..*now).contains(&place.1));
                match self.0.get(&place).filter(|_| letter.partition == partition) {
                    Some(mine) => {
                        compared.changed += u64::from(*mine != digest_of(&parts.codec, letter));
                        written.insert(place);
                    }
                    None => compared.extra += u64::from(!is_later),
                }
            })?;
        }
        compared.missing = self.len() - crate::count(written.len());
        Ok(compared)
    }
}

/// Shows every dead letter of `orders` in a partition, up to `end`.
fn for_each(
    parts: &ProofParts,
    partition: u32,
    end: u64,
    mut show: impl FnMut(DeadLetter),
) -> Result<(), ProofError> {
    let topic = &parts.topics.dead_letters;
    let mut cursor = Cursor::open(parts.log.as_ref(), topic, partition, end, parts.batch)?;
    while let Some(batch) = cursor.next()? {
        for record in batch.iter().take_while(|record| record.offset < end) {
            match parts.codec.dead_letter_from(record.value.unwrap_or_default()) {
                Ok(letter) if letter.topic == *parts.topics.orders => show(letter),
                // Another topic's, or somebody else's record: not what is compared.
                Ok(_) | Err(DecodeError::Bad(_)) => {}
                Err(DecodeError::Registry(error)) => return Err(error.into()),
            }
        }
    }
    Ok(())
}

/// The explanation is for people: another version of the worker may put it in other words.
fn digest_of(codec: &Codec, letter: DeadLetter) -> Digest {
    let mut bytes = Vec::new();
    codec.dead_letter_to(&DeadLetter { detail: String::new(), ..letter }, &mut bytes);
    digest(&bytes)
}
