//! Draws: the seed that decides one, and the commitment to it that stands in the settings from the start.
//!
//! What is computed from them is not here: the ledger and the auditor each do that for themselves.

use std::fmt;
use std::str::FromStr;

/// Why a text is neither a seed nor a commitment.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("it is written as 64 hexadecimal digits")]
pub struct DrawTextError;

macro_rules! digest {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(pub [u8; 32]);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(self, f)
            }
        }

        impl FromStr for $name {
            type Err = DrawTextError;

            fn from_str(text: &str) -> Result<Self, DrawTextError> {
                parse_digits(text).map(Self)
            }
        }
    };
}

digest! {
    /// BLAKE3 of the seed of a draw: fixes the seed without telling it.
    Commitment
}
digest! {
    /// What orders a draw: its entries are decided in the order of BLAKE3(seed, order id), the bytes of the one after those
    /// of the other.
    Seed
}

fn parse_digits(text: &str) -> Result<[u8; 32], DrawTextError> {
    let mut bytes = [0; 32];
    let (pairs, rest) = text.as_bytes().as_chunks::<2>();
    if pairs.len() != bytes.len() || !rest.is_empty() {
        return Err(DrawTextError);
    }
    for (byte, pair) in bytes.iter_mut().zip(pairs) {
        let [high, low] = pair.map(|digit| char::from(digit).to_digit(16));
        let (high, low) = high.zip(low).ok_or(DrawTextError)?;
        *byte = u8::try_from(high * 16 + low).map_err(|_| DrawTextError)?;
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let mut bytes = [0xab; 32];
        bytes[0] = 7;
        let seed = Seed(bytes);
        assert!(seed.to_string().starts_with("07abab"));
        assert_eq!(seed.to_string().parse(), Ok(seed));
        assert_eq!(seed.to_string().to_uppercase().parse(), Ok(seed));
    }

    #[test]
    fn what_is_no_seed() {
        let digits = "0".repeat(64);
        for text in ["", "0", &digits[1..], &format!("{digits}0"), &digits.replacen('0', "g", 1)] {
            assert_eq!(text.parse::<Seed>(), Err(DrawTextError), "{text:?}");
        }
    }
}
