//! The dead letters in the log: one for every record that could not be read, however often it was written.

use std::collections::{BTreeMap, BTreeSet};

use order_codec::DecodeError;

use crate::ProofParts;
use crate::cursor::Cursor;
use crate::error::ProofError;

/// Partition and offset of each record before `ends` that has a dead letter.
pub(crate) fn written(
    parts: &ProofParts,
    ends: &BTreeMap<u32, u64>,
) -> Result<BTreeSet<(u32, u64)>, ProofError> {
    let orders = &*parts.topics.orders;
    let topic = &parts.topics.dead_letters;
    let mut records = BTreeSet::new();
    for partition in 0..parts.log.partitions(topic)? {
        let end = parts.log.bounds(topic, partition)?.end;
        let mut cursor = Cursor::open(parts.log.as_ref(), topic, partition, end, parts.batch)?;
        while let Some(batch) = cursor.next()? {
            for record in batch.iter() {
                match parts.codec.dead_letter_from(record.value.unwrap_or_default()) {
                    Ok(letter)
                        if letter.topic == orders
                            && ends.get(&letter.partition).is_some_and(|end| letter.offset < *end) =>
                    {
                        records.insert((letter.partition, letter.offset));
                    }
                    // Another topic's, a later one's, or somebody else's record: not what is counted.
                    Ok(_) | Err(DecodeError::Bad(_)) => {}
                    Err(DecodeError::Registry(error)) => return Err(error.into()),
                }
            }
        }
    }
    Ok(records)
}
