//! Values of other writers' schemas: asks the source for the schema, plans once how to read it as ours, and
//! rewrites each value into the newest of our own schema, which the hand-written reader then reads.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use crate::error::{BadRecord, DecodeError};
use crate::limits::{FOREIGN_SCHEMAS_MAX, UNKNOWN_ID_BELIEVED};
use crate::registry::SchemaSource;
use crate::schemas::{COMMAND_V2, DEAD_LETTER_V1, DECISION_V2};
use crate::transcode::{Plan, Stop};

/// As which of our records a value is to be read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Reader {
    /// The record's name; no two have the same.
    pub(crate) name: &'static str,
    /// Its schema, as we read and write it.
    pub(crate) schema: &'static str,
}

impl Reader {
    pub(crate) const COMMAND: Self = Self { name: "Command", schema: COMMAND_V2 };
    pub(crate) const DECISION: Self = Self { name: "Decision", schema: DECISION_V2 };
    pub(crate) const DEAD_LETTER: Self = Self { name: "DeadLetter", schema: DEAD_LETTER_V1 };
}

/// What is known about a foreign schema.
#[derive(Clone)]
enum Known {
    Readable(Arc<Plan>),
    Unreadable(BadRecord),
    /// The source said so at this moment. Believed for a while only: the schema may be registered later.
    Absent(Instant),
}

pub(crate) struct Foreign {
    source: Arc<dyn SchemaSource>,
    known: Mutex<HashMap<(u32, &'static str), Known>>,
}

impl Foreign {
    pub(crate) fn new(source: Arc<dyn SchemaSource>) -> Self {
        Self { source, known: Mutex::default() }
    }

    /// The same value in the newest version of our own schema.
    #[cold]
    pub(crate) fn to_ours(&self, id: u32, reader: Reader, payload: &[u8]) -> Result<Vec<u8>, DecodeError> {
        match self.look_up(id, reader)? {
            Known::Readable(plan) => plan.run(payload).map_err(|stop| match stop {
                Stop::Bad(bad) => bad.into(),
                Stop::Unresolvable(detail) => unresolvable(id, reader, detail).into(),
            }),
            Known::Unreadable(bad) => Err(bad.into()),
            Known::Absent(_) => Err(BadRecord::SchemaUnknown(id).into()),
        }
    }

    fn look_up(&self, id: u32, reader: Reader) -> Result<Known, DecodeError> {
        if let Some(known) = self.remembered(id, reader) {
            return Ok(known);
        }
        // The lock is not held while the source is asked: it may take its time.
        let known = match self.source.schema(id)? {
            None => Known::Absent(Instant::now()),
            Some(writer) => match Plan::new(&writer, reader.schema) {
                Ok(plan) => Known::Readable(Arc::new(plan)),
                Err(detail) => Known::Unreadable(unresolvable(id, reader, detail)),
            },
        };
        let mut all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if all.len() >= FOREIGN_SCHEMAS_MAX {
            all.clear();
        }
        all.insert((id, reader.name), known.clone());
        Ok(known)
    }

    fn remembered(&self, id: u32, reader: Reader) -> Option<Known> {
        let all = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        let known = all.get(&(id, reader.name))?;
        match known {
            Known::Absent(since) if since.elapsed() >= UNKNOWN_ID_BELIEVED => None,
            _ => Some(known.clone()),
        }
    }
}

fn unresolvable(id: u32, reader: Reader, detail: String) -> BadRecord {
    // A path begins with a dot, and the whole record has none.
    let detail = detail.trim_start_matches(['.', ':', ' ']).to_owned();
    BadRecord::SchemaUnresolvable { id, reader: reader.name, detail }
}
