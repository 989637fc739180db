//! A worker: the process that owns some partitions of `orders` and decides them.
//!
//! ```text
//!   log ──▶ reader thread ──batches──▶ timely thread 0: flows of partitions 0, 2, ...  ──▶ log
//!             (group member) ──────▶ timely thread 1: flows of partitions 1, 3, ...  ──▶ log
//!                   ◀── durable offsets, released partitions ──┘
//! ```
//!
//! Promised: a partition is restored by replaying it and asking `decisions` how far it has got, so a worker may die at
//! any point; several workers of a group share the partitions; draining finishes what is in flight, gives the
//! partitions back and loses nothing; memory is bounded by batches, not by the backlog.
//!
//! Not promised: that only one worker decides a partition at any time. Two that do say the same.
//!
//! This crate is wiring: it decides nothing about orders.

mod error;
pub mod limits;
mod reader;
mod run;
mod stop;
mod tail;
mod thread;
mod ticker;

pub use error::WorkerError;
pub use order_flow::{Tally, TopicKind, Topics, Verdicts};
pub use run::{PartitionSummary, Summary, WorkerEvent, WorkerOptions, WorkerParts, replay, run};
pub use stop::{Stop, StopLevel};
pub use tail::{last_decision, resume_point, verdicts};
