//! The memory log keeps every law of the log, and gives tests and the simulator what they need besides.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use order_log::conformance::Law;
use order_log::{AppendBatch, Headers, Log, MemoryLog, TopicSpec};

fn run(name: &str, law: Law) {
    law(&MemoryLog::new(Arc::new(|| 1)), name);
}

order_log::conformance_suite!(run);

fn orders() -> TopicSpec {
    TopicSpec {
        name: "orders".to_owned(),
        partitions: 1,
        replication: 1,
        retention_ms: 0,
        is_compacted: false,
        record_bytes_max: 0,
    }
}

#[test]
fn records_are_stamped_by_the_clock_and_acknowledged_by_the_next_poll() {
    let now = Arc::new(AtomicU64::new(5));
    let clock = Arc::clone(&now);
    let log = MemoryLog::new(Arc::new(move || clock.load(Ordering::Relaxed)));
    log.create_topics(&[orders()]).unwrap();
    let mut appender = log.appender().unwrap();
    for time_ms in [5, 3] {
        now.store(time_ms, Ordering::Relaxed);
        let mut batch = AppendBatch::new("orders".into());
        batch.push(0, Some(b"k"), None, Headers::NONE);
        appender.append(batch).unwrap();
    }
    assert_eq!(log.append_at("orders", 0, 99, None, Some(b"raw"), Headers::NONE).unwrap(), 2);
    let mut acknowledged = Vec::new();
    appender.poll(Duration::ZERO, &mut acknowledged).unwrap();
    assert_eq!(acknowledged.len(), 2);
    let records = log.clone().records("orders", 0).unwrap();
    let times: Vec<u64> = records.iter().map(|record| record.time_ms).collect();
    assert_eq!(times, [5, 3, 99]);
    assert_eq!(records[2].value.as_deref(), Some(&b"raw"[..]));
}
