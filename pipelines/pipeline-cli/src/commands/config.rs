//! `pipeline config`: the configuration as it came out, and who set what.

use anyhow::Result;
use clap::Subcommand;
use serde::Serialize;

use crate::ExitCode;
use crate::config::variable_of;
use crate::context::Context;
use crate::output::{Row, rows};

/// Arguments of `pipeline config`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Show every option, its value and who set it
    Show {
        /// Show what each option means, instead
        #[arg(long)]
        options: bool,
    },
}

#[derive(Serialize)]
struct ValueRow {
    option: &'static str,
    value: String,
    origin: String,
}

impl Row for ValueRow {
    const COLUMNS: &'static [&'static str] = &["option", "value", "origin"];

    fn cells(&self) -> Vec<String> {
        vec![self.option.to_owned(), self.value.clone(), self.origin.clone()]
    }
}

#[derive(Serialize)]
struct OptionRow {
    option: &'static str,
    environment: String,
    default: &'static str,
    meaning: &'static str,
}

impl Row for OptionRow {
    const COLUMNS: &'static [&'static str] = &["option", "environment", "default", "meaning"];

    fn cells(&self) -> Vec<String> {
        let texts = [self.option, &self.environment, self.default, self.meaning];
        texts.map(str::to_owned).to_vec()
    }
}

/// Runs `pipeline config`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    let Verb::Show { options } = args.verb;
    let mut out = rows(context.format);
    for value in &context.values {
        let option = value.option;
        if options {
            let (environment, default, meaning) = (variable_of(option), option.default, option.help);
            out.push(&OptionRow { option: option.name, environment, default, meaning })?;
        } else {
            out.push(&ValueRow {
                option: option.name,
                value: value.shown(),
                origin: value.origin.to_string(),
            })?;
        }
    }
    out.finish()?;
    Ok(ExitCode::Ok)
}
