//! A TOML file read by hand, so that every complaint names the file, the line and, for a mistyped key, the nearest one.

use std::ops::Range;
use std::path::{Path, PathBuf};

use toml::Spanned;
use toml::de::{DeTable, DeValue};

use crate::nearest::suggestion;

/// What is wrong with a file, and where.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
#[error("{}:{line}: {message}", file.display())]
pub struct FileError {
    /// The file.
    pub file: PathBuf,
    /// The line, from 1.
    pub line: usize,
    /// What is wrong there.
    pub message: String,
}

/// A table of a TOML file.
#[derive(Clone, Copy)]
pub struct Section<'t> {
    source: Source<'t>,
    table: &'t DeTable<'t>,
    /// Where the table begins, in bytes.
    start: usize,
}

#[derive(Clone, Copy)]
struct Source<'t> {
    file: &'t Path,
    text: &'t str,
}

impl Source<'_> {
    fn error(&self, byte: usize, message: impl Into<String>) -> FileError {
        let before = self.text.as_bytes().get(..byte).unwrap_or(self.text.as_bytes());
        let line = 1 + before.iter().filter(|byte| **byte == b'\n').count();
        FileError { file: self.file.to_owned(), line, message: message.into() }
    }
}

/// Parses `text` and hands its outermost table to `read`.
pub fn read_toml<T>(
    file: &Path,
    text: &str,
    read: impl FnOnce(Section<'_>) -> Result<T, FileError>,
) -> Result<T, FileError> {
    let source = Source { file, text };
    let table = DeTable::parse(text).map_err(|error| {
        let byte = error.span().map_or(0, |span| span.start);
        source.error(byte, error.message())
    })?;
    read(Section { source, table: table.get_ref(), start: 0 })
}

impl<'t> Section<'t> {
    /// Refuses keys that are not in `known`.
    pub fn only(&self, known: &[&str]) -> Result<(), FileError> {
        // The first one in the file, not in the alphabet.
        let unknown = self.table.keys().filter(|key| !known.contains(&key.get_ref().as_ref()));
        match unknown.min_by_key(|key| key.span().start) {
            None => Ok(()),
            Some(key) => {
                let name = key.get_ref().as_ref();
                let hint = suggestion(name, known.iter().copied());
                Err(self.source.error(key.span().start, format!("there is no key `{name}` here{hint}")))
            }
        }
    }

    /// The keys and values as text, in file order, but for those in `others`; arrays and tables are refused.
    pub fn scalars(&self, others: &[&str]) -> Result<Vec<(&'t str, String, usize)>, FileError> {
        let asked = self.table.iter().filter(|(key, _)| !others.contains(&key.get_ref().as_ref()));
        let mut entries: Vec<_> = asked.collect();
        entries.sort_by_key(|(key, _)| key.span().start);
        let mut scalars = Vec::with_capacity(entries.len());
        for (key, value) in entries {
            let name = key.get_ref().as_ref();
            let text = scalar(value.get_ref()).ok_or_else(|| {
                self.source
                    .error(value.span().start, format!("`{name}` has to be a text, a number or true/false"))
            })?;
            scalars.push((name, text, self.source.error(key.span().start, "").line));
        }
        Ok(scalars)
    }

    /// Whether the key is there.
    pub fn has(&self, key: &str) -> bool {
        self.table.get(key).is_some()
    }

    /// A value read by `parse` from a text, if the key is there.
    pub fn text<T, E: std::fmt::Display>(
        &self,
        key: &str,
        parse: impl FnOnce(&str) -> Result<T, E>,
    ) -> Result<Option<T>, FileError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let text = value.get_ref().as_str().ok_or_else(|| {
            self.at(value.span(), format!("`{key}` is a {}, it has to be a text", value.get_ref().type_str()))
        })?;
        let parsed =
            parse(text).map_err(|error| self.at(value.span(), format!("`{key}` is \"{text}\": {error}")))?;
        Ok(Some(parsed))
    }

    /// A whole number from `range`, if the key is there.
    pub fn number(&self, key: &str, range: std::ops::RangeInclusive<u64>) -> Result<Option<u64>, FileError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let number = match value.get_ref() {
            DeValue::Integer(number) => i128::from_str_radix(number.as_str(), number.radix()).ok(),
            _ => None,
        };
        let number =
            number.and_then(|number| u64::try_from(number).ok()).filter(|number| range.contains(number));
        let message =
            || format!("`{key}` has to be a whole number from {} to {}", range.start(), range.end());
        number.map(Some).ok_or_else(|| self.at(value.span(), message()))
    }

    /// True or false, if the key is there.
    pub fn flag(&self, key: &str) -> Result<Option<bool>, FileError> {
        let Some(value) = self.table.get(key) else { return Ok(None) };
        let flag = value.get_ref().as_bool();
        flag.map(Some).ok_or_else(|| self.at(value.span(), format!("`{key}` has to be true or false")))
    }

    /// The table under `key`, if the key is there.
    pub fn section(&self, key: &str) -> Result<Option<Self>, FileError> {
        self.table.get(key).map(|value| self.section_of(key, value)).transpose()
    }

    /// The tables of the array under `key`; none if the key is not there.
    pub fn sections(&self, key: &str) -> Result<Vec<Self>, FileError> {
        let Some(value) = self.table.get(key) else { return Ok(Vec::new()) };
        let array = value
            .get_ref()
            .as_array()
            .ok_or_else(|| self.at(value.span(), format!("`{key}` has to be a list of tables")))?;
        array.iter().map(|member| self.section_of(key, member)).collect()
    }

    fn section_of(&self, key: &str, value: &'t Spanned<DeValue<'t>>) -> Result<Self, FileError> {
        let table = value
            .get_ref()
            .as_table()
            .ok_or_else(|| self.at(value.span(), format!("`{key}` has to be a table")))?;
        Ok(Self { source: self.source, table, start: value.span().start })
    }

    /// A complaint about the table as a whole.
    pub fn error(&self, message: impl Into<String>) -> FileError {
        self.source.error(self.start, message)
    }

    /// A complaint about one key's value.
    pub fn error_at(&self, key: &str, message: impl Into<String>) -> FileError {
        let start = self.table.get(key).map_or(self.start, |value| value.span().start);
        self.source.error(start, message)
    }

    fn at(&self, span: Range<usize>, message: impl Into<String>) -> FileError {
        self.source.error(span.start, message)
    }
}

fn scalar(value: &DeValue<'_>) -> Option<String> {
    match value {
        DeValue::String(text) => Some(text.to_string()),
        DeValue::Integer(number) => {
            i128::from_str_radix(number.as_str(), number.radix()).ok().map(|number| number.to_string())
        }
        DeValue::Boolean(truth) => Some(truth.to_string()),
        DeValue::Float(_) | DeValue::Datetime(_) | DeValue::Array(_) | DeValue::Table(_) => None,
    }
}
