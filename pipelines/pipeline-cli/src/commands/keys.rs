//! `pipeline keys`: makes the keys file that workers and the command line share.

use std::path::PathBuf;

use anyhow::Result;
use clap::Subcommand;
use serde::Serialize;

use crate::ExitCode;
use crate::context::Context;
use crate::failure::Failure;
use crate::keys;
use crate::notes::note;
use crate::output::{Row, one};

/// Arguments of `pipeline keys`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Write a file with one new key, valid from now on and for ever
    Generate {
        /// Where to; left out: where the configuration looks for it
        file: Option<PathBuf>,
    },
}

#[derive(Serialize)]
struct FileRow {
    file: String,
}

impl Row for FileRow {
    const COLUMNS: &'static [&'static str] = &["file"];

    fn cells(&self) -> Vec<String> {
        vec![self.file.clone()]
    }
}

/// Runs `pipeline keys`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    let Verb::Generate { file } = args.verb;
    let file = file.unwrap_or_else(|| context.keys_file());
    if file.exists() {
        let text = format!(
            "make a key: {} is there already, and commands signed by its keys would fail",
            file.display()
        );
        return Err(Failure::usage(text).next("add a [[key]] to that file, or name another one").into());
    }
    keys::generate(&file)?;
    one(context.format, &FileRow { file: file.display().to_string() })?;
    note("every worker and everybody who manages sales needs this file; nobody else may read it");
    Ok(ExitCode::Ok)
}
