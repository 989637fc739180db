//! Which partition a SKU belongs to: the rule every producer must share.

use crate::{Partition, Sku};

/// The partition of `sku` among `partitions`, as Kafka's Java client maps a key: `toPositive(murmur2(key)) % n`
/// (`BuiltInPartitioner.partitionForKey`; `murmur2_random` in librdkafka).
#[inline]
pub fn partition_of(sku: &Sku, partitions: u32) -> Partition {
    partition_of_key(sku.as_bytes(), partitions)
}

/// The same of any key.
#[inline]
pub fn partition_of_key(key: &[u8], partitions: u32) -> Partition {
    Partition((murmur2(key) & 0x7fff_ffff) % partitions.max(1))
}

/// MurmurHash2 with Kafka's seed, little-endian words.
fn murmur2(data: &[u8]) -> u32 {
    const M: u32 = 0x5bd1_e995;
    const SEED: u32 = 0x9747_b28c;
    let length = u32::try_from(data.len()).unwrap_or(u32::MAX);
    let mut hash = SEED ^ length;
    let (words, tail) = data.as_chunks::<4>();
    for word in words {
        let mut k = u32::from_le_bytes(*word).wrapping_mul(M);
        k ^= k >> 24;
        hash = hash.wrapping_mul(M) ^ k.wrapping_mul(M);
    }
    if !tail.is_empty() {
        for (index, byte) in tail.iter().enumerate() {
            hash ^= u32::from(*byte) << (8 * index);
        }
        hash = hash.wrapping_mul(M);
    }
    hash ^= hash >> 13;
    hash = hash.wrapping_mul(M);
    hash ^ (hash >> 15)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of Kafka's own `UtilsTest.testMurmur2`, as signed numbers there.
    #[test]
    fn agrees_with_kafka() {
        for (text, hash) in [
            ("21", -973_932_308),
            ("foobar", -790_332_482),
            ("a-little-bit-long-string", -985_981_536),
            ("a-little-bit-longer-string", -1_486_304_829),
            ("lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8", -58_897_971),
            ("abc", 479_470_107),
        ] {
            assert_eq!(murmur2(text.as_bytes()).cast_signed(), hash, "{text}");
        }
    }

    #[test]
    fn one_partition_takes_all() {
        assert_eq!(partition_of(&"anything".parse().unwrap(), 1), Partition(0));
    }
}
