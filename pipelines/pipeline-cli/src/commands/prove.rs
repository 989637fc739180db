//! `pipeline prove`: what the log says about itself, in words.

mod draw;
mod room;

use std::io::Write;
use std::sync::Arc;

use anyhow::{Context as _, Result};
use order_codec::KeyRing;
use order_log::ReadLimits;
use order_model::Sku;
use order_proof::{PartitionProof, Proof, ProofError, ProofParts, prove, prove_draw};
use serde::Serialize;
use waiting_room::RoomName;

use crate::ExitCode;
use crate::commands::worker::untangle;
use crate::context::Context;
use crate::notes::warning;
use crate::output::Format;
use crate::progress::Progress;
use crate::view::Numbers;

/// Arguments of `pipeline prove`.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Timely threads to replay with; the result does not depend on it
    #[arg(long, value_name = "N")]
    threads: Option<usize>,
    /// Records to a batch; the result does not depend on it
    #[arg(long, value_name = "RECORDS")]
    batch: Option<usize>,
    /// Prove the draw of this listing alone, in a way that can be followed by hand
    #[arg(long, value_name = "SKU")]
    draw: Option<Sku>,
    /// Prove the waiting room of this sale alone: that places were drawn as committed to, and admitted in order
    #[arg(long, value_name = "SALE", conflicts_with = "draw")]
    room: Option<RoomName>,
}

#[derive(Serialize)]
struct ProofView {
    proved: bool,
    certificate: String,
    #[serde(flatten)]
    numbers: Numbers,
    relays_missing: u64,
    dead_letters_missing: u64,
    dead_letters_extra: u64,
    dead_letters_changed: u64,
    partitions: Vec<PartitionView>,
    broken: Vec<String>,
}

#[derive(Serialize)]
struct PartitionView {
    partition: u32,
    records: u64,
    decisions: u64,
    equal: u64,
    differing: u64,
    first_differing: Option<u64>,
    contradicting: u64,
    extra: u64,
    missing: u64,
    repeated: u64,
    gaps: u64,
    relay_gaps: u64,
    certificate: String,
}

impl From<&PartitionProof> for PartitionView {
    fn from(proof: &PartitionProof) -> Self {
        let found = &proof.comparison;
        Self {
            partition: proof.partition,
            records: proof.records,
            decisions: proof.decisions,
            equal: found.equal,
            differing: found.differing,
            first_differing: found.first_differing.map(|sequence| sequence.0),
            contradicting: found.contradicting,
            extra: found.extra,
            missing: found.missing,
            repeated: found.repeated,
            gaps: found.gaps,
            relay_gaps: proof.relay_gaps,
            certificate: proof.certificate.to_string(),
        }
    }
}

/// Runs `pipeline prove`.
pub fn run(context: &Context, args: &Args) -> Result<ExitCode> {
    let log = context.open_log_to_read()?;
    if let Some(sale) = &args.room {
        return room::prove(context, log.as_ref(), sale);
    }
    let limits = context.settings.read_limits;
    let progress = Progress::start("records replayed");
    let ticks = progress.clone();
    let parts = ProofParts {
        log,
        codec: context.codec()?,
        ring: ring(context)?,
        topics: context.topics().clone(),
        threads: args.threads.unwrap_or(context.settings.threads),
        batch: ReadLimits { records_max: args.batch.unwrap_or(limits.records_max), ..limits },
        progress: Arc::new(move |records| ticks.show(records)),
    };
    if let Some(sku) = &args.draw {
        progress.end();
        let proof = prove_draw(&parts, sku).map_err(failed);
        return draw::show(context.format, &proof.with_context(|| format!("prove the draw of {sku}"))?);
    }
    let proof = prove(&parts).map_err(failed);
    progress.end();
    let proof = proof.context("prove the log")?;
    show(context.format, &proof)?;
    Ok(if proof.holds() { ExitCode::Ok } else { ExitCode::CheckFailed })
}

fn failed(error: ProofError) -> anyhow::Error {
    match error {
        ProofError::Log(error) => error.into(),
        ProofError::Worker(error) => untangle(error),
        error => anyhow::Error::from(error),
    }
}

/// Without keys nothing privileged can be believed; say so instead of leaving people to wonder.
fn ring(context: &Context) -> Result<KeyRing> {
    if let Some(ring) = context.keys_if_any()? {
        return Ok(ring);
    }
    warning(format!(
        "there are no keys in {}: privileged commands will not be believed",
        context.keys_file().display()
    ));
    Ok(KeyRing::new(Vec::new())?)
}

fn show(format: Format, proof: &Proof) -> Result<()> {
    let mut out = std::io::stdout().lock();
    let view = ProofView {
        proved: proof.holds(),
        certificate: proof.certificate.to_string(),
        numbers: Numbers::of(proof),
        relays_missing: proof.relays_missing,
        dead_letters_missing: proof.dead_letters_missing,
        dead_letters_extra: proof.dead_letters_extra,
        dead_letters_changed: proof.dead_letters_changed,
        partitions: proof.partitions.iter().map(PartitionView::from).collect(),
        broken: proof.audit.broken.iter().map(|(law, count)| format!("{law}: {count}")).collect(),
    };
    match format {
        Format::Table => write!(out, "{}", in_words(proof))?,
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&view)?)?,
        Format::Ndjson => writeln!(out, "{}", serde_json::to_string(&view)?)?,
    }
    Ok(())
}

/// The proof in plain language.
pub(crate) fn in_words(proof: &Proof) -> String {
    let sum = |count: fn(&PartitionProof) -> u64| proof.partitions.iter().map(count).sum::<u64>();
    let mut text = format!(
        "Replayed {} records of {} partitions: {} decisions, {} as they stand in the log",
        sum(|partition| partition.records),
        proof.partitions.len(),
        sum(|partition| partition.decisions),
        sum(|partition| partition.comparison.equal),
    );
    let doubts = [
        (sum(|partition| partition.comparison.differing), "that differ"),
        (sum(|partition| partition.comparison.missing), "not in the log (a worker has not got there yet)"),
        (sum(|partition| partition.comparison.gaps), "gaps in the numbers"),
        (sum(|partition| partition.relay_gaps), "gaps in the relays"),
        (sum(|partition| partition.comparison.contradicting), "repeats that contradict what they repeat"),
        (
            sum(|partition| partition.comparison.extra),
            "decisions no replay makes (of what was changed, or of records that are gone)",
        ),
        (proof.relays_missing, "relays that were sent and are not in the log (yet)"),
        (proof.dead_letters_missing, "unreadable records without a dead letter"),
        (proof.dead_letters_extra, "dead letters no replay writes"),
        (proof.dead_letters_changed, "dead letters that say something else"),
    ];
    for (count, what) in doubts.into_iter().filter(|(count, _)| *count > 0) {
        text.push_str(&format!(", {count} {what}"));
    }
    let verdict = if proof.holds() { "PROVED" } else { "NOT PROVED" };
    format!("{text}.\n{}\nCertificate {}\n{verdict}\n", proof.audit, proof.certificate)
}
