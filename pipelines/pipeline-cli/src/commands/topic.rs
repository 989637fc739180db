//! `pipeline topic`: makes our topics, and checks that they are as we rely on.

use anyhow::{Context as _, Result};
use clap::Subcommand;
use order_log::{TopicFinding, TopicSpec};
use serde::Serialize;

use crate::ExitCode;
use crate::context::Context;
use crate::notes::note;
use crate::output::{Row, rows};

/// Arguments of `pipeline topic`.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    verb: Verb,
}

#[derive(Debug, Subcommand)]
enum Verb {
    /// Make the topics that do not exist, with the settings we rely on
    Create,
    /// Compare the topics with the settings we rely on
    Check,
}

#[derive(Serialize)]
struct TopicRow {
    topic: String,
    partitions: u32,
    created: bool,
}

impl Row for TopicRow {
    const COLUMNS: &'static [&'static str] = &["topic", "partitions", "created"];

    fn cells(&self) -> Vec<String> {
        let created = if self.created { "now" } else { "before" };
        vec![self.topic.clone(), self.partitions.to_string(), created.to_owned()]
    }
}

#[derive(Serialize)]
struct FindingRow {
    topic: String,
    setting: String,
    found: String,
    needed: String,
}

impl Row for FindingRow {
    const COLUMNS: &'static [&'static str] = &["topic", "setting", "found", "needed"];

    fn cells(&self) -> Vec<String> {
        [&self.topic, &self.setting, &self.found, &self.needed].map(Clone::clone).to_vec()
    }
}

/// Runs `pipeline topic`.
pub fn run(context: &Context, args: Args) -> Result<ExitCode> {
    match args.verb {
        Verb::Create => create(context),
        Verb::Check => check(context),
    }
}

fn specs(context: &Context) -> Vec<TopicSpec> {
    let settings = &context.settings;
    settings.topics.specs(settings.partitions, settings.replication, settings.retention_ms)
}

fn create(context: &Context) -> Result<ExitCode> {
    let log = context.open_log()?;
    let specs = specs(context);
    let created = log.create_topics(&specs).context("create the topics")?;
    let mut out = rows(context.format);
    for TopicSpec { name, .. } in specs {
        let partitions = log.partitions(&name).with_context(|| format!("look at topic {name}"))?;
        out.push(&TopicRow { created: created.contains(&name), topic: name, partitions })?;
    }
    out.finish()?;
    Ok(ExitCode::Ok)
}

fn check(context: &Context) -> Result<ExitCode> {
    let log = context.open_log_to_read()?;
    let findings = log.check_topics(&specs(context)).context("check the topics")?;
    let mut out = rows(context.format);
    for TopicFinding { topic, setting, found, needed } in &findings {
        let [topic, setting, found, needed] = [topic, setting, found, needed].map(String::clone);
        out.push(&FindingRow { topic, setting, found, needed })?;
    }
    out.finish()?;
    if findings.is_empty() {
        note(format!("the topics on {} are as they have to be", log.describe()));
        return Ok(ExitCode::Ok);
    }
    Ok(ExitCode::CheckFailed)
}
