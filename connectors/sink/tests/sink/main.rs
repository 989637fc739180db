//! The harness on a target in memory, good and broken, and the runner through hours of outage.

mod broken;
mod memory;
mod outage;

use memory::Memory;

#[tokio::test]
async fn the_target_in_memory_keeps_every_law() {
    let report = sink::harness::check(Memory::good()).await;
    println!("{report}");
    report.assert_kept(&[]);
    assert_eq!(report.results.len(), sink::harness::LAWS.len());
}
