//! `pipeline sim`: simulated sales under faults, by seed.

use std::io::Write;
use std::ops::Range;

use anyhow::{Context as _, Result};
use order_sim::{SimNumbers, SimOptions, SimOutcome, run as simulate};
use serde::Serialize;

use crate::ExitCode;
use crate::context::Context;
use crate::notes::{note, warning};
use crate::output::{Format, Row, rows};
use crate::progress::Progress;

/// Arguments of `pipeline sim`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Seeds to play, the last one excluded
    #[arg(long, value_name = "A..B", default_value = "0..200", value_parser = seeds)]
    seeds: Range<u64>,
    /// Say on standard error what happens, step by step
    #[arg(long)]
    trace: bool,
}

fn seeds(text: &str) -> Result<Range<u64>, String> {
    let (from, to) = text.split_once("..").ok_or("write two numbers with two dots between, as 0..200")?;
    let number = |text: &str| text.parse::<u64>().map_err(|_| format!("\"{text}\" is not a whole number"));
    let range = number(from)?..number(to)?;
    if range.is_empty() {
        Err("the second number has to be larger than the first".to_owned())
    } else {
        Ok(range)
    }
}

#[derive(Serialize)]
struct SeedRow {
    seed: u64,
    holds: bool,
    digest: String,
    failure: Option<String>,
    repeat: Option<String>,
}

impl Row for SeedRow {
    const COLUMNS: &'static [&'static str] = &["seed", "holds", "digest", "failure", "repeat with"];

    fn cells(&self) -> Vec<String> {
        let text = |text: &Option<String>| text.clone().unwrap_or_default();
        let digest = self.digest.chars().take(16).collect();
        vec![self.seed.to_string(), self.holds.to_string(), digest, text(&self.failure), text(&self.repeat)]
    }
}

impl From<&SimOutcome> for SeedRow {
    fn from(outcome: &SimOutcome) -> Self {
        let failure = outcome.failure.as_ref().map(ToString::to_string);
        Self {
            seed: outcome.seed,
            holds: failure.is_none(),
            digest: outcome.digest.iter().map(|byte| format!("{byte:02x}")).collect(),
            repeat: failure.is_some().then(|| outcome.repeat_command()),
            failure,
        }
    }
}

/// Runs `pipeline sim`. A table shows failing seeds only; JSON has all.
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let options = SimOptions { trace: args.trace, ..SimOptions::default() };
    let progress = Progress::start("seeds played");
    let mut out = rows(context.format);
    let mut sum = SimNumbers::default();
    let (mut played, mut failed) = (0_u64, 0_u64);
    for seed in args.seeds.clone() {
        let outcome = simulate(seed, options);
        played += 1;
        sum.add(&outcome.numbers);
        progress.show(played);
        print_trace(&outcome).context("write the trace")?;
        if let Some(failure) = &outcome.failure {
            failed += 1;
            progress.end();
            warning(format!("seed {seed}: {failure}; again: {}", outcome.repeat_command()));
        }
        if outcome.failure.is_some() || context.format != Format::Table {
            out.push(&SeedRow::from(&outcome))?;
        }
    }
    progress.end();
    out.finish()?;
    let counts: Vec<String> =
        sum.all().iter().map(|(name, count)| format!("{count} {}", name.replace('_', " "))).collect();
    note(format!("{played} seeds, {failed} failed. In all: {}", counts.join(", ")));
    Ok(if failed == 0 { ExitCode::Ok } else { ExitCode::CheckFailed })
}

fn print_trace(outcome: &SimOutcome) -> std::io::Result<()> {
    let mut err = std::io::stderr().lock();
    outcome.trace.iter().try_for_each(|line| writeln!(err, "{line}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn seeds_are_a_range() {
        assert_eq!(seeds("3..7"), Ok(3..7));
        for text in ["", "3", "7..3", "3..3", "a..b", "-1..2"] {
            assert!(seeds(text).is_err(), "{text:?}");
        }
    }
}
