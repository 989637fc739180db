//! All samples of all schemas as bytes, so that one test can go over them.

use std::fmt::Debug;

use order_codec::{
    BadRecord, Version, decode_command, decode_dead_letter, decode_decision, encode_command,
    encode_dead_letter, encode_decision, schemas,
};
use order_model::{Command, Decision};

use crate::samples::{self, dead_letters, plain_commands, plain_decisions};

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
    let commands = |version, of: &str, schema, samples: Vec<(&'static str, Command)>, read: ReadAgain| {
        let case = move |(name, sample): (&str, Command)| Case {
            name: format!("command.{of}.{name}"),
            schema,
            sample: format!("{sample:#?}"),
            bytes: written(&sample, |sample, out| encode_command(version, sample, out)),
            read,
        };
        samples.into_iter().map(case).collect::<Vec<_>>()
    };
    let decisions = |version, of: &str, schema, samples: Vec<(&'static str, Decision)>, read: ReadAgain| {
        let case = move |(name, sample): (&str, Decision)| Case {
            name: format!("decision.{of}.{name}"),
            schema,
            sample: format!("{sample:#?}"),
            bytes: written(&sample, |sample, out| encode_decision(version, sample, out)),
            read,
        };
        samples.into_iter().map(case).collect::<Vec<_>>()
    };
    let letters = dead_letters().into_iter().map(|(name, sample)| Case {
        name: format!("dead_letter.v1.{name}"),
        schema: schemas::DEAD_LETTER_V1,
        sample: format!("{sample:#?}"),
        bytes: written(&sample, encode_dead_letter),
        read: |bytes| Ok(both(&decode_dead_letter(bytes)?, encode_dead_letter)),
    });
    [
        commands(Version::V1, "v1", schemas::COMMAND_V1, plain_commands(), |bytes| {
            Ok(both(&decode_command(Version::V1, bytes)?, |it, out| encode_command(Version::V1, it, out)))
        }),
        commands(Version::V2, "v2", schemas::COMMAND_V2, samples::commands(), |bytes| {
            Ok(both(&decode_command(Version::V2, bytes)?, |it, out| encode_command(Version::V2, it, out)))
        }),
        decisions(Version::V1, "v1", schemas::DECISION_V1, plain_decisions(), |bytes| {
            Ok(both(&decode_decision(Version::V1, bytes)?, |it, out| encode_decision(Version::V1, it, out)))
        }),
        decisions(Version::V2, "v2", schemas::DECISION_V2, samples::decisions(), |bytes| {
            Ok(both(&decode_decision(Version::V2, bytes)?, |it, out| encode_decision(Version::V2, it, out)))
        }),
    ]
    .into_iter()
    .flatten()
    .chain(letters)
    .collect()
}

fn written<T>(sample: &T, encode: impl Fn(&T, &mut Vec<u8>)) -> Vec<u8> {
    let mut bytes = Vec::new();
    encode(sample, &mut bytes);
    bytes
}

fn both<T: Debug>(sample: &T, encode: fn(&T, &mut Vec<u8>)) -> (String, Vec<u8>) {
    (format!("{sample:#?}"), written(sample, encode))
}
