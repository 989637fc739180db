//! The runner with its real limits through hours of outage, on a clock that jumps.

use std::time::Duration;

use sink::harness::{Injected, Sale, SaleLog, Subject};
use sink::{Runner, SinkLimits};

use crate::memory::Memory;

const HOURS_6: Duration = Duration::from_secs(6 * 3_600);

#[tokio::test(start_paused = true)]
async fn six_hours_of_outage_lose_nothing_and_hold_little() {
    let sale = Sale::decide(3_000, 3);
    let log = SaleLog::of_sale(&sale);
    let ends = (0..3).map(|partition| (partition, sale.end(partition).next_offset.0)).collect();
    let storage = Memory::good();
    let limits = SinkLimits { held_bytes_max: 256 * 1_024, read_records_max: 100, ..SinkLimits::default() };
    let options = SaleLog::options(limits, "one");
    let (runner, mut handle) = Runner::new(storage.open().await, log.parts(), options).unwrap();
    storage.inject(Some(Injected::Outage));
    let run = tokio::spawn(runner.run());
    // The clock waits for no thread: the hours begin once the target was asked in vain.
    assert!(handle.until(|status| status.retries > 0).await);
    tokio::time::sleep(HOURS_6).await;

    let during = handle.status();
    // The waits are between 15 and 30 seconds once they have grown, for each of three partitions.
    assert!(
        (700..=3 * 6 * 3_600 / 15 + 30).contains(&during.retries),
        "{} tries in six hours",
        during.retries
    );
    assert_eq!((during.rows, during.fault.is_some()), (0, true));

    storage.inject(None);
    assert!(handle.until(|status| status.rows > 50).await);
    storage.inject(Some(Injected::Outage));
    // An outage while it writes: what is read in the meantime is bounded.
    let rows = handle.status().rows;
    assert!(handle.until(|status| status.fault.is_some() && status.held_bytes > 0).await);
    tokio::time::sleep(HOURS_6).await;
    let during = handle.status();
    assert!(during.rows <= rows + 50_000 && during.held_bytes > 0, "{during:?}");
    assert!(during.held_bytes_peak <= limits.held_bytes_max + 100 * 4_096, "{during:?}");

    storage.inject(None);
    assert!(handle.reaches(&ends).await);
    handle.drain();
    let status = run.await.unwrap().unwrap();
    assert_eq!(status.fault, None);
    assert_eq!(Some(storage.contents().await), storage.expected(&sale.decisions));
}
