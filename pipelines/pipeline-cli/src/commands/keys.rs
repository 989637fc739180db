//! `pipeline keys`: makes the keys file that workers and the command line share, and renews what signs tokens of people.

use std::path::PathBuf;

use accounts::TokenKeys;
use accounts::limits::KEY_LEAD_MS;
use anyhow::Result;
use clap::Subcommand;
use serde::Serialize;

use crate::ExitCode;
use crate::context::Context;
use crate::failure::Failure;
use crate::keys;
use crate::notes::note;
use crate::output::{Row, one};
use crate::times;

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
    /// Put a new key that signs tokens of people beside the one there is; of two, the older goes
    RotateTokens,
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
    match args.verb {
        Verb::Generate { file } => generate(context, file),
        Verb::RotateTokens => rotate_tokens(context),
    }
}

/// Who is logged in stays so, as long as they refresh before the key that signed for them goes.
fn rotate_tokens(context: &Context) -> Result<ExitCode> {
    let file = context.token_keys_file();
    if !file.exists() {
        let text = format!("put a new key beside the old one: there is no file {}", file.display());
        return Err(Failure::not_found(text)
            .next("pipeline gateway run, which makes it at first use")
            .into());
    }
    let id = TokenKeys::rotate(&file, times::now())?;
    one(context.format, &FileRow { file: file.display().to_string() })?;
    note(format!(
        "key {id} signs in {} minutes; until then every gateway has read it. Rotate no more often than people come back: \
         log-ins that the key before the last has signed have ended",
        KEY_LEAD_MS / 60_000
    ));
    Ok(ExitCode::Ok)
}

fn generate(context: &Context, file: Option<PathBuf>) -> Result<ExitCode> {
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
