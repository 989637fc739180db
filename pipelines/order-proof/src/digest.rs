//! Digests: what a record has to say, in few bytes, to be compared with what is said later.

/// Enough bytes that nobody finds two records with the same digest.
const DIGEST_BYTES: usize = 16;

/// Of an encoded record.
pub(crate) type Digest = [u8; DIGEST_BYTES];

pub(crate) fn digest(bytes: &[u8]) -> Digest {
    let mut digest = Digest::default();
    blake3::Hasher::new().update(bytes).finalize_xof().fill(&mut digest);
    digest
}
