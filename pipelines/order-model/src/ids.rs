//! Sixteen-byte ids. Shown and parsed as a UUID's text (RFC 9562), never interpreted beyond equality.

use std::fmt;
use std::str::FromStr;

use smallvec::SmallVec;

/// Why a text is not an id.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("an id is 32 hexadecimal digits, with or without the dashes of a UUID")]
pub struct IdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
        pub struct $name(pub [u8; 16]);

        impl From<u128> for $name {
            fn from(value: u128) -> Self {
                Self(value.to_be_bytes())
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_uuid(&self.0, f)
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write_uuid(&self.0, f)
            }
        }

        impl FromStr for $name {
            type Err = IdError;

            fn from_str(text: &str) -> Result<Self, IdError> {
                parse_uuid(text).map(Self)
            }
        }
    };
}

id! {
    /// An order, named by whoever places it: the same id always gets the same answer.
    OrderId
}
id! {
    /// A customer.
    CustomerId
}
id! {
    /// A privileged command (listing or customer change); a repeat under the same id changes nothing.
    CommandId
}
id! {
    /// One payment at the provider.
    PaymentId
}

fn write_uuid(bytes: &[u8; 16], f: &mut fmt::Formatter<'_>) -> fmt::Result {
    // At once: the formatter would be called for each byte.
    let digit = |nibble: u8| if nibble < 10 { b'0' + nibble } else { b'a' + nibble - 10 };
    let mut text = SmallVec::<[u8; 36]>::new();
    for (index, byte) in bytes.iter().enumerate() {
        if matches!(index, 4 | 6 | 8 | 10) {
            text.push(b'-');
        }
        text.extend([byte >> 4, byte & 15].map(digit));
    }
    f.write_str(std::str::from_utf8(&text).map_err(|_| fmt::Error)?)
}

fn parse_uuid(text: &str) -> Result<[u8; 16], IdError> {
    let dashed = text.len() == 36;
    let mut bytes = [0; 16];
    let mut digits = 0;
    for (index, character) in text.char_indices() {
        if dashed && matches!(index, 8 | 13 | 18 | 23) {
            if character != '-' {
                return Err(IdError);
            }
            continue;
        }
        let digit = character.to_digit(16).and_then(|digit| u8::try_from(digit).ok()).ok_or(IdError)?;
        let byte = bytes.get_mut(digits / 2).ok_or(IdError)?;
        *byte = (*byte << 4) | digit;
        digits += 1;
    }
    if digits == 32 { Ok(bytes) } else { Err(IdError) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_and_back() {
        let id = OrderId::from(0x0123_4567_89ab_cdef_0011_2233_4455_6677);
        assert_eq!(id.to_string(), "01234567-89ab-cdef-0011-223344556677");
        assert_eq!(id.to_string().parse(), Ok(id));
        assert_eq!("0123456789abcdef0011223344556677".parse(), Ok(id));
    }

    #[test]
    fn what_is_no_id() {
        for text in ["", "0", "0123456789abcdef001122334455667", "01234567089ab-cdef-0011-223344556677", "zz"]
        {
            assert_eq!(text.parse::<OrderId>(), Err(IdError), "{text:?}");
        }
    }
}
