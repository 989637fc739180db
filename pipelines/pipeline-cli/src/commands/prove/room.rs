//! `pipeline prove --room`: the proof of one waiting room, so that anybody can follow it.

use std::io::Write as _;

use anyhow::{Context as _, Result};
use order_log::Log;
use order_model::TimeMs;
use serde::Serialize;
use waiting_room::{ProofError, Report, RoomName};

use crate::ExitCode;
use crate::context::Context;
use crate::failure::Failure;
use crate::notes::note;
use crate::output::Format;
use crate::times::{show_duration_ms, show_time};

/// Drawn places shown to people; programs get all.
const SHOWN_MAX: usize = 20;
/// Findings shown to people; programs get all.
const FINDINGS_SHOWN_MAX: usize = 20;

#[derive(Serialize)]
struct RoomView {
    proved: bool,
    sale: String,
    openings: u32,
    opens_at: String,
    window_ms: u64,
    commitment: String,
    revealed: bool,
    /// Customers in the order of their places, the first one first.
    drawn: Vec<String>,
    queued: u32,
    left: u32,
    admitted: u32,
    without_effect: u64,
    certificate: String,
    findings: Vec<String>,
}

impl From<&Report> for RoomView {
    fn from(report: &Report) -> Self {
        Self {
            proved: report.findings.is_empty(),
            sale: report.room.to_string(),
            openings: report.openings,
            opens_at: show_time(report.opening.opens_at),
            window_ms: report.opening.window_ms,
            commitment: report.opening.commitment.to_string(),
            revealed: report.is_revealed,
            drawn: report.drawn.iter().map(ToString::to_string).collect(),
            queued: report.queued,
            left: report.left,
            admitted: report.admitted,
            without_effect: report.without_effect,
            certificate: report.certificate.to_string(),
            findings: report.findings.iter().map(ToString::to_string).collect(),
        }
    }
}

/// Proves the waiting room of a sale; the exit code says whether the proof holds. Needs no keys: without them, whether
/// a record was allowed is taken from the log's word.
pub(super) fn prove(context: &Context, log: &dyn Log, sale: &RoomName) -> Result<ExitCode> {
    let ring = context.keys_if_any()?;
    if ring.is_none() {
        note("without keys it is not checked who opened, drew and admitted, only how");
    }
    let (topic, codec) = (&context.topics().rooms, context.room_codec()?);
    let report = waiting_room::prove(log, topic, &codec, ring.as_ref(), sale).map_err(untangle);
    let report = report.with_context(|| format!("prove the waiting room of {sale}"))?;
    let view = RoomView::from(&report);
    let mut out = std::io::stdout().lock();
    match context.format {
        Format::Table => write!(out, "{}", in_words(&view, report.opening.closes_at))?,
        Format::Json => writeln!(out, "{}", serde_json::to_string_pretty(&view)?)?,
        Format::Ndjson => writeln!(out, "{}", serde_json::to_string(&view)?)?,
    }
    Ok(if view.proved { ExitCode::Ok } else { ExitCode::CheckFailed })
}

fn untangle(error: ProofError) -> anyhow::Error {
    match error {
        ProofError::Log(error) => error.into(),
        ProofError::Registry(error) => error.into(),
        error @ ProofError::NoRoom { .. } => {
            Failure::not_found(error.to_string()).next("pipeline log read rooms").into()
        }
    }
}

fn in_words(view: &RoomView, closes_at: TimeMs) -> String {
    let mut text = format!(
        "The waiting room of {}, opening {}\n\
         Open        from {}, {} before that to enter for the draw, until {}\n\
         Commitment  {}, {}\n\
         {} people were drawn, {} places were given to those who came later, {} times somebody left.\n\
         Everybody up to place {} was admitted, in order; {} records changed nothing.\n",
        view.sale,
        view.openings,
        view.opens_at,
        show_duration_ms(view.window_ms),
        show_time(closes_at),
        view.commitment,
        if view.revealed { "and the seed revealed is its own" } else { "the seed is not revealed" },
        view.drawn.len(),
        view.queued,
        view.left,
        view.admitted,
        view.without_effect,
    );
    if !view.drawn.is_empty() {
        text.push_str("Drawn: place, customer\n");
    }
    for (place, customer) in (1..).zip(view.drawn.iter().take(SHOWN_MAX)) {
        text.push_str(&format!("{place:>8}  {customer}\n"));
    }
    more(&mut text, view.drawn.len(), SHOWN_MAX);
    text.push_str(
        "To follow it by hand: BLAKE3 of the seed's 32 bytes is the commitment, which is in the opening. BLAKE3 of the seed's\n\
         32 bytes and the customer's 16 orders those who were in the room at the opening, the smallest first.\n",
    );
    for finding in view.findings.iter().take(FINDINGS_SHOWN_MAX) {
        text.push_str(&format!("  - {finding}\n"));
    }
    more(&mut text, view.findings.len(), FINDINGS_SHOWN_MAX);
    text.push_str(&format!("Certificate {}\n", view.certificate));
    text.push_str(if view.proved { "PROVED\n" } else { "NOT PROVED\n" });
    text
}

fn more(text: &mut String, count: usize, shown: usize) {
    if count > shown {
        text.push_str(&format!("          and {} more\n", count - shown));
    }
}
