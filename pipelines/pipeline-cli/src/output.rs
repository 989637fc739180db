//! Data on standard output: a table for people, JSON for programs, from one row type.

use std::io::{self, Write};

use comfy_table::{Table, presets};
use serde::Serialize;

/// Rows of a table that are laid out together; a longer one goes on under a new head.
const TABLE_ROWS_MAX: usize = 500;

/// The form of the data.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum Format {
    /// A table for people. Not for programs: it may change.
    Table,
    /// One JSON value: an array of objects, or one object.
    Json,
    /// One JSON object a line, written as soon as it is known.
    Ndjson,
}

/// A row of output.
pub trait Row: Serialize {
    /// The heads of the table's columns.
    const COLUMNS: &'static [&'static str];

    /// The cells of the table, as many as there are columns.
    fn cells(&self) -> Vec<String>;
}

/// Writes rows in the form the user asked for.
pub struct RowWriter<W: Write> {
    format: Format,
    into: W,
    waiting: Vec<Vec<String>>,
    columns: &'static [&'static str],
    written: usize,
}

/// A writer on standard output.
pub fn rows(format: Format) -> RowWriter<io::Stdout> {
    RowWriter::new(format, io::stdout())
}

/// Writes one row: an object in JSON, a two-column table for people.
pub fn one<R: Row>(format: Format, row: &R) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match format {
        Format::Table => {
            let heads = R::COLUMNS.iter().map(|column| (*column).to_owned());
            let pairs = heads.zip(row.cells()).map(|(head, cell)| vec![head, cell]);
            writeln!(out, "{}", layout(pairs.collect()))
        }
        Format::Json => {
            serde_json::to_writer_pretty(&mut out, row)?;
            writeln!(out)
        }
        Format::Ndjson => {
            serde_json::to_writer(&mut out, row)?;
            writeln!(out)
        }
    }
}

impl<W: Write> RowWriter<W> {
    /// A writer of rows.
    pub fn new(format: Format, into: W) -> Self {
        Self { format, into, waiting: Vec::new(), columns: &[], written: 0 }
    }

    /// Writes a row, or keeps it until the table can be laid out.
    pub fn push<R: Row>(&mut self, row: &R) -> io::Result<()> {
        match self.format {
            Format::Table => {
                self.columns = R::COLUMNS;
                self.waiting.push(row.cells());
                if self.waiting.len() >= TABLE_ROWS_MAX {
                    self.flush()?;
                }
            }
            Format::Json => {
                self.into.write_all(if self.written == 0 { b"[\n  " } else { b",\n  " })?;
                serde_json::to_writer(&mut self.into, row)?;
            }
            Format::Ndjson => {
                serde_json::to_writer(&mut self.into, row)?;
                self.into.write_all(b"\n")?;
            }
        }
        self.written += 1;
        Ok(())
    }

    /// Writes what is kept, so that a reader who waits sees it.
    pub fn flush(&mut self) -> io::Result<()> {
        if !self.waiting.is_empty() {
            let heads = self.columns.iter().map(|column| column.to_uppercase()).collect();
            let mut lines = vec![heads];
            lines.append(&mut self.waiting);
            writeln!(self.into, "{}", layout(lines))?;
        }
        self.into.flush()
    }

    /// Ends the output.
    pub fn finish(mut self) -> io::Result<()> {
        if self.format == Format::Json {
            self.into.write_all(if self.written == 0 { b"[]\n" } else { b"\n]\n" })?;
        }
        self.flush()
    }
}

/// Lines of equally many cells under each other.
pub(crate) fn layout(lines: Vec<Vec<String>>) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    for line in lines {
        table.add_row(line);
    }
    table.lines().map(|line| line.trim_end().to_owned()).collect::<Vec<_>>().join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Serialize)]
    struct Unit {
        sku: &'static str,
        free: u32,
    }

    impl Row for Unit {
        const COLUMNS: &'static [&'static str] = &["sku", "free"];

        fn cells(&self) -> Vec<String> {
            vec![self.sku.to_owned(), self.free.to_string()]
        }
    }

    fn written(format: Format, rows: &[Unit]) -> String {
        let mut bytes = Vec::new();
        let mut writer = RowWriter::new(format, &mut bytes);
        rows.iter().for_each(|row| writer.push(row).unwrap());
        writer.finish().unwrap();
        String::from_utf8(bytes).unwrap()
    }

    #[test]
    fn one_row_type_three_forms() {
        let rows = [Unit { sku: "a", free: 1 }, Unit { sku: "b", free: 20 }];
        assert_eq!(
            written(Format::Ndjson, &rows),
            "{\"sku\":\"a\",\"free\":1}\n{\"sku\":\"b\",\"free\":20}\n"
        );
        let json: serde_json::Value = serde_json::from_str(&written(Format::Json, &rows)).unwrap();
        assert_eq!(json[1]["free"], 20);
        assert_eq!(written(Format::Json, &[]), "[]\n");
        assert_eq!(written(Format::Ndjson, &[]), "");
        let table = written(Format::Table, &rows);
        assert!(table.contains("SKU") && table.lines().count() == 3, "{table}");
    }
}
