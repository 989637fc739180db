//! The harness on a target in memory, good and broken, and the runner through hours of outage.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "these are tests, and the table is their output"
)]

mod broken;
mod contract;
mod endings;
mod kafka;
mod memory;
mod outage;
mod registry;

use memory::Memory;
use std::io::Write as _;

#[tokio::test]
async fn the_target_in_memory_keeps_every_law() {
    let report = sink::harness::check(Memory::good()).await;
    // Past the capture of the tests' output: the table is there to be read.
    writeln!(std::io::stdout(), "{report}").unwrap();
    report.assert_kept(&[]);
    assert_eq!(report.results.len(), sink::harness::LAWS.len());
}
