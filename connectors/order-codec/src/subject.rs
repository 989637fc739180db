//! The head, the id and the foreign schemas of one subject whose records another crate reads and writes.

use std::borrow::Cow;
use std::sync::Arc;

use crate::error::DecodeError;
use crate::foreign::{Foreign, Reader};
use crate::registry::{RegistryError, SchemaSource};
use crate::wire;

/// Values of one subject, down to the Avro bytes in our own schema. Cheap to clone.
///
/// Reading a value of a foreign schema may ask the registry, and so may block; values of our own never do.
#[derive(Clone)]
pub struct SubjectCodec {
    id: u32,
    reader: Reader,
    foreign: Arc<Foreign>,
}

impl std::fmt::Debug for SubjectCodec {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SubjectCodec").field("id", &self.id).field("record", &self.reader.name).finish()
    }
}

impl SubjectCodec {
    /// Finds, or registers, the id of `schema`, whose record is called `name`, under `subject`.
    pub fn new(
        source: Arc<dyn SchemaSource>,
        subject: &str,
        name: &'static str,
        schema: &'static str,
    ) -> Result<Self, RegistryError> {
        let id = source.register_or_find(subject, schema)?;
        Ok(Self { id, reader: Reader { name, schema }, foreign: Arc::new(Foreign::new(source)) })
    }

    /// Appends the head of a value; the Avro bytes follow.
    pub fn head_to(&self, out: &mut Vec<u8>) {
        wire::write_head(self.id, out);
    }

    /// The Avro bytes of a value in our own schema.
    pub fn ours<'v>(&self, value: Option<&'v [u8]>) -> Result<Cow<'v, [u8]>, DecodeError> {
        let (id, payload) = wire::split(value)?;
        if id == self.id {
            return Ok(Cow::Borrowed(payload));
        }
        Ok(Cow::Owned(self.foreign.to_ours(id, self.reader, payload)?))
    }
}
