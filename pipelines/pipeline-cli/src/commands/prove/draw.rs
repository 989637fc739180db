//! `pipeline prove --draw`: the proof of one draw, so that anybody can follow it.

use std::io::Write as _;

use anyhow::Result;
use order_model::OrderEventKind;
use order_proof::{DrawProof, DrawnOrder};
use serde::Serialize;

use crate::ExitCode;
use crate::output::Format;

#[derive(Serialize)]
struct DrawView {
    proved: bool,
    sku: String,
    commitment: Option<String>,
    seed: Option<String>,
    entries: u64,
    withdrawn: u64,
    decided: Vec<DrawnView>,
    problems: Vec<String>,
    problem_count: u64,
}

#[derive(Serialize)]
struct DrawnView {
    order: String,
    rank: String,
    outcome: &'static str,
    sequence: u64,
}

impl From<&DrawnOrder> for DrawnView {
    fn from(drawn: &DrawnOrder) -> Self {
        Self {
            order: drawn.order.to_string(),
            rank: hex(&drawn.rank),
            outcome: drawn.outcome.name(),
            sequence: drawn.sequence.0,
        }
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Shows the proof; the exit code says whether it holds.
pub(super) fn show(format: Format, proof: &DrawProof) -> Result<ExitCode> {
    let mut out = std::io::stdout().lock();
    let view = DrawView {
        proved: proof.holds(),
        sku: proof.sku.to_string(),
        commitment: proof.commitment.map(|commitment| commitment.to_string()),
        seed: proof.seed.map(|seed| seed.to_string()),
        entries: proof.entries,
        withdrawn: proof.withdrawn,
        decided: proof.decided.iter().map(DrawnView::from).collect(),
        problems: proof.problems.clone(),
        problem_count: proof.problem_count,
    };
    match format {
        Format::Table => write!(out, "{}", in_words(&view))?,
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&view)?)?,
        Format::Ndjson => writeln!(out, "{}", serde_json::to_string(&view)?)?,
    }
    Ok(if proof.holds() { ExitCode::Ok } else { ExitCode::CheckFailed })
}

fn in_words(view: &DrawView) -> String {
    let none = || "none".to_owned();
    let count =
        |kind: OrderEventKind| view.decided.iter().filter(|drawn| drawn.outcome == kind.name()).count();
    let mut text = format!(
        "The draw of {}\n\
         Commitment  {}\n\
         Seed        {}\n\
         {} orders entered, {} withdrew before their turn; {} were held, {} wait, {} were turned away.\n",
        view.sku,
        view.commitment.clone().unwrap_or_else(none),
        view.seed.clone().unwrap_or_else(none),
        view.entries,
        view.withdrawn,
        count(OrderEventKind::Held),
        count(OrderEventKind::Waiting),
        count(OrderEventKind::TurnedAway),
    );
    text.push_str("Winners in the order they were drawn: place, order, BLAKE3(seed, order id)\n");
    let held =
        view.decided.iter().enumerate().filter(|(_, drawn)| drawn.outcome == OrderEventKind::Held.name());
    for (index, drawn) in held {
        text.push_str(&format!("{:>8}  {}  {}\n", index + 1, drawn.order, drawn.rank));
    }
    text.push_str(
        "To follow it by hand: BLAKE3 of the seed's 32 bytes is the commitment, which is in the command that opened the\n\
         listing. BLAKE3 of the seed's 32 bytes and the order id's 16 is the order's rank, the smallest first.\n",
    );
    for problem in &view.problems {
        text.push_str(&format!("  - {problem}\n"));
    }
    let more = usize::try_from(view.problem_count).unwrap_or(usize::MAX).saturating_sub(view.problems.len());
    if more > 0 {
        text.push_str(&format!("  - and {more} more\n"));
    }
    text.push_str(if view.proved { "PROVED\n" } else { "NOT PROVED\n" });
    text
}
