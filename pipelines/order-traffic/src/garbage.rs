//! Records that are no commands: what a broken or foreign producer leaves in the log.

use crate::dice::Dice;
use crate::traffic::ArrivalBody;

/// Longest random value, in bytes.
const RANDOM_BYTES_MAX: u64 = 300;

/// A record that must end among the dead letters.
pub(crate) fn garbage(dice: &mut Dice, key: &[u8]) -> ArrivalBody {
    let key = Some(key.to_vec());
    match dice.below(6) {
        // No value: a tombstone.
        0 => ArrivalBody::Garbage { key, value: None },
        1 => ArrivalBody::Garbage { key: None, value: None },
        // A value too short for its header.
        2 => ArrivalBody::Garbage { key, value: Some(vec![0, 0, 0]) },
        // A magic byte that is not 0.
        3 => {
            let mut value = dice.bytes(40);
            value.splice(..5, [7, 0, 0, 0, 1]);
            ArrivalBody::Garbage { key, value: Some(value) }
        }
        // A schema id nobody registered.
        4 => {
            let mut value = dice.bytes(60);
            value.splice(..5, [0, 0x7f, 0xff, 0xff, 0xfe]);
            ArrivalBody::Garbage { key, value: Some(value) }
        }
        // Anything, often under a header that looks right: a truncated or damaged record.
        _ => {
            let length = usize::try_from(dice.below(RANDOM_BYTES_MAX)).unwrap_or(0);
            let mut value = dice.bytes(length);
            if length >= 5 && dice.chance(500) {
                value.splice(..5, [0, 0, 0, 0, 1]);
            }
            ArrivalBody::Garbage { key, value: Some(value) }
        }
    }
}
