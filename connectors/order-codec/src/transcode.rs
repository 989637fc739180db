//! Avro's schema resolution: from a value in the writer's schema to the same value in the reader's.
//!
//! A [`Plan`] is made once for a pair of schemas and says whether they resolve at all. Running it reads the writer's
//! bytes and writes the reader's, without a tree of values in between. It follows the Avro specification: records
//! and union members are matched by unqualified name, fields by name or the reader's alias, missing fields take the
//! reader's default, an `int` may be read as a `long`.
//!
//! Narrower than the specification on purpose: no `float` and no map on our side, no schema that contains itself, and
//! a time in another unit than milliseconds is refused instead of being read as milliseconds.
//!
//! Parsing is apache-avro's. Its own resolution is not used, because it picks a union's record by what its fields
//! look like instead of by its name, and allocates what a record tells it to.

use crate::avro::{Cursor, Encode, FieldError, invalid};
use crate::error::BadRecord;
use crate::limits::FOREIGN_VALUES_MAX;
use crate::planner::plan;

/// What errors call a field that only the writer's schema names.
const FIELD: &str = "(a field of the writer's schema)";

/// Why a value could not be rewritten.
#[derive(Debug)]
pub(crate) enum Stop {
    /// Its bytes are not what the writer's schema says.
    Bad(BadRecord),
    /// It has a member of a union that does not resolve, for this reason.
    Unresolvable(String),
}

impl From<FieldError> for Stop {
    fn from(error: FieldError) -> Self {
        Self::Bad(error.into())
    }
}

/// How to read values of one schema as values of another.
#[derive(Debug)]
pub(crate) struct Plan(Step);

#[derive(Debug)]
pub(crate) enum Step {
    Nothing,
    Boolean,
    Int,
    Long,
    /// `string` or `bytes`.
    Text,
    /// So many bytes as they are: `fixed`, `float`, `double`.
    Raw(usize),
    Array(Box<Step>),
    /// Never kept, only skipped.
    Map(Box<Step>),
    Record {
        read: Vec<FieldStep>,
        kept: usize,
        write: Vec<Source>,
    },
    /// The writer has a union; of members that nothing of the reader's takes it keeps why.
    FromUnion(Vec<Result<Step, String>>),
    /// The reader has a union, and this is its member.
    IntoUnion(i64, Box<Step>),
}

/// A field of the writer's, in the writer's order.
#[derive(Debug)]
pub(crate) struct FieldStep {
    pub(crate) step: Step,
    /// Where it is kept, unless the reader has no such field.
    pub(crate) slot: Option<usize>,
}

/// Where a field of the reader's comes from, in the reader's order.
#[derive(Debug)]
pub(crate) enum Source {
    Slot(usize),
    Default(Vec<u8>),
}

impl Plan {
    /// Plans how to read `writer` as `reader`; else says which part does not resolve.
    pub(crate) fn new(writer: &str, reader: &str) -> Result<Self, String> {
        plan(writer, reader).map(Plan)
    }

    /// The value in the reader's schema.
    pub(crate) fn run(&self, payload: &[u8]) -> Result<Vec<u8>, Stop> {
        let mut cursor = Cursor::new(payload);
        let mut out = Vec::with_capacity(payload.len());
        let mut values_left = FOREIGN_VALUES_MAX;
        self.0.run(&mut cursor, &mut out, &mut values_left)?;
        match cursor.left() {
            0 => Ok(out),
            left => Err(Stop::Bad(BadRecord::TrailingBytes(left))),
        }
    }
}

impl Step {
    fn run(&self, cursor: &mut Cursor<'_>, out: &mut Vec<u8>, values_left: &mut usize) -> Result<(), Stop> {
        // Items may take no bytes at all, so the bytes alone do not bound the work.
        *values_left = values_left.checked_sub(1).ok_or_else(|| invalid(FIELD, "too many values"))?;
        match self {
            Self::Nothing => {}
            Self::Boolean => out.boolean(cursor.boolean(FIELD)?),
            Self::Int => out.long(i64::from(cursor.int(FIELD)?)),
            Self::Long => out.long(cursor.long(FIELD)?),
            Self::Text => out.text(cursor.bytes(FIELD, usize::MAX)?),
            Self::Raw(bytes) => out.extend_from_slice(cursor.take(FIELD, *bytes)?),
            Self::Array(item) => run_array(item, cursor, out, values_left)?,
            Self::Map(item) => run_map(item, cursor, out, values_left)?,
            Self::Record { read, kept, write } => run_record(read, *kept, write, cursor, out, values_left)?,
            Self::FromUnion(members) => {
                let member = usize::try_from(cursor.long(FIELD)?).ok().and_then(|member| members.get(member));
                let member = member.ok_or_else(|| invalid(FIELD, "no such member of the union"))?;
                let step = member.as_ref().map_err(|why| Stop::Unresolvable(why.clone()))?;
                step.run(cursor, out, values_left)?;
            }
            Self::IntoUnion(member, step) => {
                out.long(*member);
                step.run(cursor, out, values_left)?;
            }
        }
        Ok(())
    }
}

fn run_array(
    item: &Step,
    cursor: &mut Cursor<'_>,
    out: &mut Vec<u8>,
    values_left: &mut usize,
) -> Result<(), Stop> {
    loop {
        let count = cursor.block(FIELD)?;
        out.count(count);
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            item.run(cursor, out, values_left)?;
        }
    }
}

fn run_map(
    item: &Step,
    cursor: &mut Cursor<'_>,
    out: &mut Vec<u8>,
    values_left: &mut usize,
) -> Result<(), Stop> {
    loop {
        let count = cursor.block(FIELD)?;
        if count == 0 {
            return Ok(());
        }
        for _ in 0..count {
            cursor.bytes(FIELD, usize::MAX)?;
            item.run(cursor, out, values_left)?;
        }
    }
}

fn run_record(
    read: &[FieldStep],
    kept: usize,
    write: &[Source],
    cursor: &mut Cursor<'_>,
    out: &mut Vec<u8>,
    values_left: &mut usize,
) -> Result<(), Stop> {
    let mut slots = vec![Vec::new(); kept];
    let mut skipped = Vec::new();
    for field in read {
        skipped.clear();
        let into = field.slot.and_then(|slot| slots.get_mut(slot)).unwrap_or(&mut skipped);
        field.step.run(cursor, into, values_left)?;
    }
    for source in write {
        match source {
            Source::Slot(slot) => out.extend_from_slice(slots.get(*slot).map_or(&[], Vec::as_slice)),
            Source::Default(bytes) => out.extend_from_slice(bytes),
        }
    }
    Ok(())
}
