//! Notices of decisions to a mail server: from paid orders, over claims in memory and built-in templates, to mails that the
//! server has taken.

use serde::Serialize;
use sink_push::bench::measure;
use sink_push::limits::LANES_DEFAULT;

use crate::SinkBenchError;
use crate::error::check;
use crate::limits::{DECISIONS_MIN, NOTICES_MAX};
use crate::mark::{Mark, ns_each, per_second};

/// What to send.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PushOptions {
    /// Decisions, and notices of them: one each.
    pub notices: u64,
    /// Connections to the mail server.
    pub connections: usize,
}

impl Default for PushOptions {
    fn default() -> Self {
        Self { notices: 50_000, connections: LANES_DEFAULT }
    }
}

/// What was measured.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub struct PushFigures {
    /// Mails the server took, each once.
    pub notices: u64,
    /// Notices a second, from the first decision to the last mail taken.
    pub notices_per_second: f64,
    /// Processor time of a notice, in nanoseconds, the mail server's included.
    pub cpu_ns_per_notice: f64,
    /// Connections that were made.
    pub connections: u64,
    /// How it was measured.
    pub settings: String,
}

/// Sends notices to a mail server in a thread of this process.
pub async fn run(options: PushOptions) -> Result<PushFigures, SinkBenchError> {
    let PushOptions { notices, connections } = options;
    check("the number of notices", DECISIONS_MIN, NOTICES_MAX, notices)?;
    let start = Mark::now();
    let measured = measure(notices, connections).await?;
    let cpu = Mark::now().cpu - start.cpu;
    let settings = format!(
        "a mail server in a thread of this process, SMTP on loopback; {connections} connections that are kept, the envelope \
         in one write; e-mail with a text and an HTML part; claims in memory; decoding is in no figure; every mail was \
         taken once"
    );
    Ok(PushFigures {
        notices: measured.notices,
        notices_per_second: per_second(measured.notices, measured.elapsed),
        cpu_ns_per_notice: ns_each(cpu, measured.notices),
        connections: measured.connections,
        settings,
    })
}
