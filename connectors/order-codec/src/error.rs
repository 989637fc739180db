//! Why a value could not be decoded: because the record is bad, or because the registry did not answer.

use crate::avro::{FieldError, Problem};
use crate::reason::DeadLetterReason;
use crate::registry::RegistryError;

/// Why a value was not decoded.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// The record is bad: it will be as bad next time.
    #[error(transparent)]
    Bad(#[from] BadRecord),
    /// The registry did not say what the record's schema is: try again, the record may be good.
    #[error(transparent)]
    Registry(#[from] RegistryError),
}

/// What is wrong with a record's value.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum BadRecord {
    /// There is none.
    #[error("the record has no value")]
    NullValue,
    /// It does not begin with the magic byte.
    #[error("the value begins with byte {0}, not with 0 as Confluent's wire format does")]
    WrongMagic(u8),
    /// It ends within the head.
    #[error("the value has {0} bytes, the wire format needs 5 before the data")]
    TooShort(usize),
    /// The registry has no schema with its id.
    #[error("no schema has the id {0}; register the writer's schema before writing with it")]
    SchemaUnknown(u32),
    /// Its schema cannot be read as ours.
    #[error("schema {id} cannot be read as doorbuster.{reader}: {detail}")]
    SchemaUnresolvable {
        /// The id.
        id: u32,
        /// The record we read it as.
        reader: &'static str,
        /// Which part, and why.
        detail: String,
    },
    /// It ends within a field.
    #[error("the value ends within the field {0}")]
    Truncated(&'static str),
    /// It goes on after the last field.
    #[error("{0} bytes follow the last field")]
    TrailingBytes(usize),
    /// A field has a value that cannot be.
    #[error("field {field}: {problem}")]
    FieldInvalid {
        /// Which field.
        field: &'static str,
        /// What is wrong with it.
        problem: &'static str,
    },
}

impl BadRecord {
    /// The name the failure has in a dead letter.
    pub fn reason(&self) -> DeadLetterReason {
        match self {
            Self::NullValue => DeadLetterReason::NullValue,
            Self::WrongMagic(_) => DeadLetterReason::WrongMagic,
            Self::TooShort(_) => DeadLetterReason::ValueTooShort,
            Self::SchemaUnknown(_) => DeadLetterReason::SchemaUnknown,
            Self::SchemaUnresolvable { .. } => DeadLetterReason::SchemaUnresolvable,
            Self::Truncated(_) => DeadLetterReason::Truncated,
            Self::TrailingBytes(_) => DeadLetterReason::TrailingBytes,
            Self::FieldInvalid { .. } => DeadLetterReason::FieldInvalid,
        }
    }
}

impl From<FieldError> for BadRecord {
    fn from(FieldError { field, problem }: FieldError) -> Self {
        match problem {
            Problem::Truncated => Self::Truncated(field),
            Problem::Invalid(problem) => Self::FieldInvalid { field, problem },
        }
    }
}
