//! Whether and how one Avro schema is read as another; see [`crate::transcode`] for what is done with the answer.

use std::collections::HashMap;

use apache_avro::Schema;
use apache_avro::schema::{
    FixedSchema, InnerDecimalSchema, RecordField, RecordSchema, ResolvedSchema, UnionSchema, UuidSchema,
};
use serde_json::Value as Json;

use crate::avro::Encode;
use crate::limits::{SCHEMA_BYTES_MAX, SCHEMA_DEPTH_MAX, SCHEMA_NODES_MAX};
use crate::transcode::{FieldStep, Source, Step};

/// How to read values of `writer` as values of `reader`; else which part does not resolve.
pub(crate) fn plan(writer: &str, reader: &str) -> Result<Step, String> {
    if writer.len() > SCHEMA_BYTES_MAX {
        return Err(format!("it has {} bytes, the most is {SCHEMA_BYTES_MAX}", writer.len()));
    }
    let (writer, reader) = (parse(writer)?, parse(reader)?);
    let (writer_names, reader_names) = (names(&writer)?, names(&reader)?);
    Planner { writer_names, reader_names, nodes_left: SCHEMA_NODES_MAX }.resolve(&writer, &reader, 0)
}

fn parse(json: &str) -> Result<Schema, String> {
    Schema::parse_str(json).map_err(|error| format!("it is not an Avro schema: {error}"))
}

type Names<'s> = HashMap<String, &'s Schema>;

fn names(schema: &Schema) -> Result<Names<'_>, String> {
    let resolved =
        ResolvedSchema::new(schema).map_err(|error| format!("it is not an Avro schema: {error}"))?;
    Ok(resolved.get_names().iter().map(|(name, schema)| (name.fullname(None), *schema)).collect())
}

/// A schema without logical types and references.
#[derive(Clone, Copy)]
enum Kind<'s> {
    Null,
    Boolean,
    Int,
    Long,
    Float,
    Double,
    Text,
    Array(&'s Schema),
    Map(&'s Schema),
    Union(&'s UnionSchema),
    Record(&'s RecordSchema),
    Enum,
    Fixed(&'s FixedSchema),
    Unknown,
}

fn kind<'s>(schema: &'s Schema, names: &Names<'s>) -> Kind<'s> {
    match schema {
        Schema::Null => Kind::Null,
        Schema::Boolean => Kind::Boolean,
        Schema::Int | Schema::Date | Schema::TimeMillis => Kind::Int,
        Schema::Long
        | Schema::TimeMicros
        | Schema::TimestampMillis
        | Schema::TimestampMicros
        | Schema::TimestampNanos
        | Schema::LocalTimestampMillis
        | Schema::LocalTimestampMicros
        | Schema::LocalTimestampNanos => Kind::Long,
        Schema::Float => Kind::Float,
        Schema::Double => Kind::Double,
        Schema::Bytes | Schema::String | Schema::BigDecimal => Kind::Text,
        Schema::Array(array) => Kind::Array(&array.items),
        Schema::Map(map) => Kind::Map(&map.types),
        Schema::Union(union) => Kind::Union(union),
        Schema::Record(record) => Kind::Record(record),
        Schema::Enum(_) => Kind::Enum,
        Schema::Fixed(fixed) | Schema::Duration(fixed) | Schema::Uuid(UuidSchema::Fixed(fixed)) => {
            Kind::Fixed(fixed)
        }
        Schema::Uuid(_) => Kind::Text,
        Schema::Decimal(decimal) => match &decimal.inner {
            InnerDecimalSchema::Bytes => Kind::Text,
            InnerDecimalSchema::Fixed(fixed) => Kind::Fixed(fixed),
        },
        Schema::Ref { name } => match names.get(&name.fullname(None)) {
            Some(Schema::Ref { .. }) | None => Kind::Unknown,
            Some(schema) => kind(schema, names),
        },
    }
}

/// Whether a time of the writer's has another unit than the reader's.
fn differs_in_unit(writer: &Schema, reader: &Schema) -> bool {
    matches!(reader, Schema::TimestampMillis)
        && !matches!(writer, Schema::TimestampMillis | Schema::Long | Schema::Int)
}

struct Planner<'s> {
    writer_names: Names<'s>,
    reader_names: Names<'s>,
    nodes_left: usize,
}

impl<'s> Planner<'s> {
    /// How to read `writer` as `reader`. The error begins with the path of the field.
    fn resolve(&mut self, writer: &'s Schema, reader: &'s Schema, depth: usize) -> Result<Step, String> {
        self.count(depth)?;
        let (from, to) = (kind(writer, &self.writer_names), kind(reader, &self.reader_names));
        match (from, to) {
            (Kind::Union(union), _) => self.writers_union(union, reader, depth),
            (_, Kind::Union(union)) => self.readers_union(writer, union, depth),
            _ if differs_in_unit(writer, reader) => Err(": is not a time in milliseconds".to_owned()),
            (Kind::Null, Kind::Null) => Ok(Step::Nothing),
            (Kind::Boolean, Kind::Boolean) => Ok(Step::Boolean),
            (Kind::Int, Kind::Int | Kind::Long) => Ok(Step::Int),
            (Kind::Long, Kind::Long) => Ok(Step::Long),
            (Kind::Text, Kind::Text) => Ok(Step::Text),
            (Kind::Array(from), Kind::Array(to)) => {
                Ok(Step::Array(Box::new(self.resolve(from, to, depth + 1)?)))
            }
            (Kind::Fixed(from), Kind::Fixed(to))
                if from.name.name() == to.name.name() && from.size == to.size =>
            {
                Ok(Step::Raw(from.size))
            }
            (Kind::Record(from), Kind::Record(to)) if from.name.name() == to.name.name() => {
                self.record(from, to, depth)
            }
            _ => Err(format!(": is {}, needed is {}", describe(from), describe(to))),
        }
    }

    fn count(&mut self, depth: usize) -> Result<(), String> {
        if depth > SCHEMA_DEPTH_MAX {
            return Err(format!(": is nested more than {SCHEMA_DEPTH_MAX} deep, or contains itself"));
        }
        let left = self.nodes_left.checked_sub(1);
        self.nodes_left =
            left.ok_or_else(|| format!(": the schema has more than {SCHEMA_NODES_MAX} parts"))?;
        Ok(())
    }

    fn writers_union(
        &mut self,
        union: &'s UnionSchema,
        reader: &'s Schema,
        depth: usize,
    ) -> Result<Step, String> {
        let mut members = Vec::new();
        for member in union.variants() {
            let name = member.name().map_or("", |name| name.name());
            members.push(self.resolve(member, reader, depth + 1).map_err(|error| within(name, &error)));
        }
        // A writer may have members of its own; only when nothing resolves is there nothing to read.
        match members.first() {
            Some(Err(error)) if members.iter().all(Result::is_err) => Err(error.clone()),
            _ => Ok(Step::FromUnion(members)),
        }
    }

    fn readers_union(
        &mut self,
        writer: &'s Schema,
        union: &'s UnionSchema,
        depth: usize,
    ) -> Result<Step, String> {
        let mut closest = None;
        for (member, schema) in (0_i64..).zip(union.variants()) {
            match self.resolve(writer, schema, depth + 1) {
                Ok(step) => return Ok(Step::IntoUnion(member, Box::new(step))),
                // The member of the same name is the one whose failure tells something.
                Err(error) if self.same_name(writer, schema) => closest = Some(error),
                Err(_) => {}
            }
        }
        let from = kind(writer, &self.writer_names);
        Err(closest.unwrap_or_else(|| format!(": is {}, which the union does not have", describe(from))))
    }

    fn same_name(&self, writer: &Schema, reader: &Schema) -> bool {
        match (writer.name(), reader.name()) {
            (Some(writer), Some(reader)) => writer.name() == reader.name(),
            _ => false,
        }
    }

    fn record(
        &mut self,
        writer: &'s RecordSchema,
        reader: &'s RecordSchema,
        depth: usize,
    ) -> Result<Step, String> {
        let mut sources: Vec<Option<Source>> = reader.fields.iter().map(|_| None).collect();
        let (mut read, mut kept) = (Vec::new(), 0);
        for field in &writer.fields {
            let wanted = reader.fields.iter().position(|candidate| takes(candidate, writer, &field.name));
            let Some((to, source)) = wanted.and_then(|at| reader.fields.get(at).zip(sources.get_mut(at)))
            else {
                read.push(FieldStep { step: self.skip(&field.schema, depth + 1)?, slot: None });
                continue;
            };
            let step = self.resolve(&field.schema, &to.schema, depth + 1);
            read.push(FieldStep { step: step.map_err(|error| within(&to.name, &error))?, slot: Some(kept) });
            *source = Some(Source::Slot(kept));
            kept += 1;
        }
        let mut write = Vec::new();
        for (source, field) in sources.into_iter().zip(&reader.fields) {
            write.push(match source {
                Some(source) => source,
                None => Source::Default(self.default_of(field)?),
            });
        }
        Ok(Step::Record { read, kept, write })
    }

    fn default_of(&self, field: &RecordField) -> Result<Vec<u8>, String> {
        let missing = || format!(".{}: is missing, and has no default", field.name);
        let mut bytes = Vec::new();
        self.write_default(&field.schema, field.default.as_ref().ok_or_else(missing)?, &mut bytes)
            .ok_or_else(|| format!(".{}: has a default of a kind that is not known here", field.name))?;
        Ok(bytes)
    }

    /// Writes a default of the kinds our schemas may use; `None` for any other.
    fn write_default(&self, schema: &Schema, default: &Json, out: &mut Vec<u8>) -> Option<()> {
        match (kind(schema, &self.reader_names), default) {
            (Kind::Union(union), _) => {
                out.long(0);
                self.write_default(union.variants().first()?, default, out)?;
            }
            (Kind::Null, Json::Null) => {}
            (Kind::Boolean, Json::Bool(value)) => out.boolean(*value),
            (Kind::Int | Kind::Long, Json::Number(value)) => out.long(value.as_i64()?),
            (Kind::Text, Json::String(value)) => out.text(value.as_bytes()),
            (Kind::Array(_), Json::Array(items)) if items.is_empty() => out.count(0),
            _ => return None,
        }
        Some(())
    }

    /// How to read a value of the writer's that the reader does not want.
    fn skip(&mut self, schema: &'s Schema, depth: usize) -> Result<Step, String> {
        self.count(depth)?;
        Ok(match kind(schema, &self.writer_names) {
            Kind::Null => Step::Nothing,
            Kind::Boolean => Step::Boolean,
            Kind::Int | Kind::Enum => Step::Int,
            Kind::Long => Step::Long,
            Kind::Float => Step::Raw(4),
            Kind::Double => Step::Raw(8),
            Kind::Text => Step::Text,
            Kind::Fixed(fixed) => Step::Raw(fixed.size),
            Kind::Array(items) => Step::Array(Box::new(self.skip(items, depth + 1)?)),
            Kind::Map(items) => Step::Map(Box::new(self.skip(items, depth + 1)?)),
            Kind::Union(union) => {
                let members = union.variants().iter().map(|member| self.skip(member, depth + 1).map(Ok));
                Step::FromUnion(members.collect::<Result<_, _>>()?)
            }
            Kind::Record(record) => {
                let field = |field: &'s RecordField| self.skip(&field.schema, depth + 1);
                let steps = record.fields.iter().map(field).collect::<Result<Vec<_>, _>>()?;
                let read = steps.into_iter().map(|step| FieldStep { step, slot: None }).collect();
                Step::Record { read, kept: 0, write: Vec::new() }
            }
            Kind::Unknown => return Err(": names a type that is not defined".to_owned()),
        })
    }
}

/// Whether `field` of `writer` is what `reader` reads: by name, or by an alias where nothing has the name.
fn takes(reader: &RecordField, writer: &RecordSchema, field: &str) -> bool {
    reader.name == field
        || (reader.aliases.iter().any(|alias| alias == field)
            && writer.fields.iter().all(|other| other.name != reader.name))
}

fn within(field: &str, error: &str) -> String {
    format!(".{field}{error}")
}

fn describe(kind: Kind<'_>) -> String {
    match kind {
        Kind::Null => "null".to_owned(),
        Kind::Boolean => "boolean".to_owned(),
        Kind::Int => "int".to_owned(),
        Kind::Long => "long".to_owned(),
        Kind::Float => "float".to_owned(),
        Kind::Double => "double".to_owned(),
        Kind::Text => "string or bytes".to_owned(),
        Kind::Array(_) => "array".to_owned(),
        Kind::Map(_) => "map".to_owned(),
        Kind::Union(_) => "union".to_owned(),
        Kind::Record(record) => format!("record {}", record.name.name()),
        Kind::Enum => "enum".to_owned(),
        Kind::Fixed(fixed) => format!("fixed {} of {} bytes", fixed.name.name(), fixed.size),
        Kind::Unknown => "a type that is not defined".to_owned(),
    }
}
