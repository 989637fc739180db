//! The server's own compression of bodies, `compress=1` and `decompress=1`: blocks of LZ4, each with a checksum. Pure.
//!
//! A block: CityHash 1.0.2 of what follows (16 bytes), the method (1 byte), the size from the method on (4), the size of the
//! data (4), the data.

use crate::exception::Exception;
use crate::limits::COMPRESSED_BLOCK_BYTES_MAX;

const CHECKSUM_BYTES: usize = 16;
const HEADER_BYTES: usize = 9;
const METHOD_LZ4: u8 = 0x82;
const METHOD_NONE: u8 = 0x02;
const METHOD_ZSTD: u8 = 0x90;
/// Data a block of a result.
const BLOCK_DATA_BYTES: usize = 1024 * 1024;

/// Turns pieces of a compressed body into data.
#[derive(Default)]
pub(crate) struct Decoder {
    waiting: Vec<u8>,
}

impl Decoder {
    /// Takes the next piece and returns the data of the blocks that are complete.
    pub(crate) fn push(&mut self, piece: &[u8]) -> Result<Vec<u8>, Exception> {
        self.waiting.extend_from_slice(piece);
        let mut data = Vec::new();
        let mut done = 0;
        while let Some(length) = decode_block(self.waiting.get(done..).unwrap_or_default(), &mut data)? {
            done += length;
        }
        self.waiting.drain(..done);
        Ok(data)
    }

    /// The body has ended.
    pub(crate) fn finish(&self) -> Result<(), Exception> {
        if self.waiting.is_empty() {
            return Ok(());
        }
        Err(refused("the compressed body ends in the middle of a block"))
    }
}

/// Appends the data of the block at the start of `bytes` and returns the block's length; none if it is not all there.
fn decode_block(bytes: &[u8], data: &mut Vec<u8>) -> Result<Option<usize>, Exception> {
    let Some((checksum, rest)) = bytes.split_first_chunk::<CHECKSUM_BYTES>() else { return Ok(None) };
    let Some(&[method, a, b, c, d, e, f, g, h]) = rest.first_chunk::<HEADER_BYTES>() else { return Ok(None) };
    let (size, data_size) = (size([a, b, c, d])?, size([e, f, g, h])?);
    if size < HEADER_BYTES {
        return Err(refused("a compressed block is shorter than its own header"));
    }
    let Some(block) = rest.get(..size) else { return Ok(None) };
    if checksum_of(block) != *checksum {
        return Err(Exception::new(
            40,
            "CHECKSUM_DOESNT_MATCH",
            "Checksum of a compressed block doesn't match",
        ));
    }
    let packed = block.get(HEADER_BYTES..).unwrap_or_default();
    match method {
        METHOD_LZ4 => {
            let start = data.len();
            data.resize(start + data_size, 0);
            let written = lz4_flex::block::decompress_into(packed, data.get_mut(start..).unwrap_or_default());
            if written.ok() != Some(data_size) {
                return Err(refused("a compressed block is not LZ4 of the size it states"));
            }
        }
        METHOD_NONE => data.extend_from_slice(packed),
        METHOD_ZSTD => return Err(unknown("ZSTD; send LZ4 or nothing compressed")),
        method => return Err(unknown(&format!("{method:#04x}; send LZ4 or nothing compressed"))),
    }
    Ok(Some(CHECKSUM_BYTES + size))
}

fn size(bytes: [u8; 4]) -> Result<usize, Exception> {
    let size = usize::try_from(u32::from_le_bytes(bytes)).unwrap_or(usize::MAX);
    if size <= COMPRESSED_BLOCK_BYTES_MAX {
        return Ok(size);
    }
    let limit =
        format!("Too large size of a compressed block: {size}; the most is {COMPRESSED_BLOCK_BYTES_MAX}");
    Err(Exception::new(131, "TOO_LARGE_STRING_SIZE", &limit))
}

fn refused(reason: &str) -> Exception {
    Exception::new(271, "CANNOT_DECOMPRESS", reason)
}

fn unknown(method: &str) -> Exception {
    Exception::new(89, "UNKNOWN_COMPRESSION_METHOD", &format!("Unknown compression method {method}"))
}

fn checksum_of(block: &[u8]) -> [u8; CHECKSUM_BYTES] {
    cityhash_rs::cityhash_102_128(block).rotate_right(64).to_le_bytes()
}

/// A result's bytes as blocks.
pub(crate) fn encode(data: &[u8]) -> Vec<u8> {
    let mut encoded = Vec::new();
    for part in data.chunks(BLOCK_DATA_BYTES) {
        let packed = lz4_flex::block::compress(part);
        let sizes = [packed.len() + HEADER_BYTES, part.len()];
        let mut block = vec![METHOD_LZ4];
        for size in sizes {
            // A part is BLOCK_DATA_BYTES at most, and LZ4 adds less than one per cent.
            block.extend_from_slice(&u32::try_from(size).unwrap_or(u32::MAX).to_le_bytes());
        }
        block.extend_from_slice(&packed);
        encoded.extend_from_slice(&checksum_of(&block));
        encoded.extend_from_slice(&block);
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn sample() -> Vec<u8> {
        (0..3_000_000_u32).flat_map(|number| (number / 7).to_le_bytes()).collect()
    }

    #[test]
    fn blocks_come_back_however_they_are_cut() {
        let data = sample();
        let encoded = encode(&data);
        for size in [1_000, 65_536, encoded.len()] {
            let mut decoder = Decoder::default();
            let decoded: Vec<u8> =
                encoded.chunks(size).flat_map(|piece| decoder.push(piece).unwrap()).collect();
            decoder.finish().unwrap();
            assert!(decoded == data, "cut into {size}");
        }
    }

    #[test]
    fn broken_blocks_are_refused() {
        let encoded = encode(b"hold, released, expired");
        for (at, code) in [(0, 40), (16, 40), (20, 131), (26, 40)] {
            let mut broken = encoded.clone();
            broken[at] ^= 0x55;
            assert_eq!(Decoder::default().push(&broken).unwrap_err().code, code, "byte {at}");
        }
        let mut decoder = Decoder::default();
        assert!(decoder.push(&encoded[..encoded.len() - 1]).unwrap().is_empty());
        assert_eq!(decoder.finish().unwrap_err().code, 271);
    }

    #[test]
    fn other_methods_are_named() {
        let mut block = vec![METHOD_ZSTD, 10, 0, 0, 0, 1, 0, 0, 0, 0];
        let mut encoded = checksum_of(&block).to_vec();
        encoded.append(&mut block);
        let error = Decoder::default().push(&encoded).unwrap_err();
        assert!(error.text.contains("ZSTD; send LZ4"), "{}", error.text);
    }
}
