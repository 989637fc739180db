//! All samples of all schemas as bytes, so that one test can go over them.

use std::fmt::Debug;

use order_codec::{
    BadRecord, decode_command, decode_dead_letter, decode_decision, encode_command, encode_dead_letter,
    encode_decision, schemas,
};

use crate::samples::{commands, dead_letters, decisions};

/// Reads bytes: what was read in words, and as the codec writes it again.
pub(crate) type ReadAgain = fn(&[u8]) -> Result<(String, Vec<u8>), BadRecord>;

/// One sample.
pub(crate) struct Case {
    /// The name of its golden file, without the ending.
    pub(crate) name: String,
    /// Our schema.
    pub(crate) schema: &'static str,
    /// The sample in words.
    pub(crate) sample: String,
    /// The sample as the codec writes it.
    pub(crate) bytes: Vec<u8>,
    /// Its reader.
    pub(crate) read: ReadAgain,
}

/// All of them.
pub(crate) fn cases() -> Vec<Case> {
    let commands = commands().into_iter().map(|(name, sample)| Case {
        name: format!("command.v1.{name}"),
        schema: schemas::COMMAND_V1,
        sample: format!("{sample:#?}"),
        bytes: written(&sample, encode_command),
        read: |bytes| Ok(both(&decode_command(bytes)?, encode_command)),
    });
    let decisions = decisions().into_iter().map(|(name, sample)| Case {
        name: format!("decision.v1.{name}"),
        schema: schemas::DECISION_V1,
        sample: format!("{sample:#?}"),
        bytes: written(&sample, encode_decision),
        read: |bytes| Ok(both(&decode_decision(bytes)?, encode_decision)),
    });
    let letters = dead_letters().into_iter().map(|(name, sample)| Case {
        name: format!("dead_letter.v1.{name}"),
        schema: schemas::DEAD_LETTER_V1,
        sample: format!("{sample:#?}"),
        bytes: written(&sample, encode_dead_letter),
        read: |bytes| Ok(both(&decode_dead_letter(bytes)?, encode_dead_letter)),
    });
    commands.chain(decisions).chain(letters).collect()
}

fn written<T>(sample: &T, encode: fn(&T, &mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(sample, &mut bytes);
    bytes
}

fn both<T: Debug>(sample: &T, encode: fn(&T, &mut Vec<u8>)) -> (String, Vec<u8>) {
    (format!("{sample:#?}"), written(sample, encode))
}
