//! What every sink has in common: a [`Target`] that takes decisions and says how far it has got, and the [`Runner`]
//! that reads them off the log and brings them there.
//!
//! ```text
//!  decisions ──▶ intake (a thread) ──portions──▶ writer (a task) ──▶ Target::write ──▶ dead-letters ──▶ Target::advance
//!                    ▲    pauses by bytes held        │ gathers by bytes, rows, time; waits faults out
//!                    └───────────── start, freed ─────┘
//! ```
//!
//! Promised: each decision is in the target once in effect, whatever is killed, cut off or late, as long as the target
//! keeps the rules of `connectors/CONTRACT.md`; the laws in `harness` (behind the feature of that name) check them.
//!
//! Not promised: any order between partitions, and that a fault is noticed before it is met.

mod backoff;
mod controls;
mod error;
mod flush;
#[cfg(feature = "harness")]
pub mod harness;
mod intake;
mod letters;
pub mod limits;
mod numbering;
mod portion;
mod run;
mod status;
mod survey;
mod target;
mod writer;

pub use controls::{Action, ControlError, Controls, Heartbeat};
pub use error::SinkError;
pub use limits::SinkLimits;
pub use run::{Runner, SinkHandle, SinkOptions, SinkParts, SinkTopics};
pub use status::{PartitionStatus, SinkStatus};
pub use survey::{Standing, SurveyError, survey};
pub use target::{Arrival, Batch, Fault, Reached, Refused, Target, Verdict};
