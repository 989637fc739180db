//! What a worker refuses to work on.

use std::sync::Arc;

use order_log::{Headers, Log, LogError, MemoryLog, TopicSpec};
use order_worker::{Stop, WorkerError, WorkerParts, run};

use crate::crew::{options, parts};
use crate::other_log::OtherLog;
use crate::sale::{DECISIONS, ORDERS, Sale};

#[track_caller]
fn fails(parts: &WorkerParts) -> WorkerError {
    run(parts, &options("workers"), &Stop::new()).unwrap_err()
}

#[test]
fn a_log_whose_beginning_was_deleted() {
    let sale = Sale::of(200, 1);
    let error = fails(&WorkerParts {
        log: Arc::new(OtherLog { log: sale.log.clone(), orders_start: 5, markers: 0 }),
        ..parts(&sale)
    });
    assert!(
        matches!(&error, WorkerError::LogCutOff { topic, partition: 0, start: 5 } if topic == ORDERS),
        "{error}"
    );
    assert!(error.to_string().contains("retention"), "it says what to do: {error}");
}

#[test]
fn topics_that_do_not_fit_together() {
    let sale = Sale::empty(2);
    let log = MemoryLog::new(Arc::new(|| 0));
    let spec = |name: &str, partitions| TopicSpec {
        name: name.to_owned(),
        partitions,
        replication: 1,
        retention_ms: 1,
        is_compacted: false,
        record_bytes_max: 1,
    };
    log.create_topics(&[spec(ORDERS, 2), spec(DECISIONS, 3)]).unwrap();
    let error = fails(&WorkerParts { log: Arc::new(log), ..parts(&sale) });
    assert!(
        matches!(error, WorkerError::PartitionsDiffer { orders_partitions: 2, decisions_partitions: 3, .. }),
        "{error}"
    );
}

#[test]
fn a_topic_that_is_missing() {
    let sale = Sale::empty(2);
    let error = fails(&WorkerParts { log: Arc::new(MemoryLog::new(Arc::new(|| 0))), ..parts(&sale) });
    assert!(
        matches!(&error, WorkerError::Log(LogError::NoTopic { topic, .. }) if topic == ORDERS),
        "{error}"
    );
}

#[test]
fn a_last_decision_that_is_none() {
    let sale = Sale::of(50, 1);
    sale.log.append_at(DECISIONS, 0, 0, None, Some(b"garbage"), Headers::NONE).unwrap();
    let error = fails(&parts(&sale));
    assert!(matches!(error, WorkerError::TailUnreadable { partition: 0, offset: 0, .. }), "{error}");
}

#[test]
fn a_last_decision_that_the_log_does_not_lead_to() {
    let sale = Sale::of(50, 1);
    let other = Sale::of(60, 1);
    other.decide();
    let last = other.log.records(DECISIONS, 0).unwrap().remove(30).value.unwrap();
    sale.log.append_at(DECISIONS, 0, 0, None, Some(&last), Headers::NONE).unwrap();
    let error = fails(&parts(&sale));
    let expected = matches!(&error, WorkerError::Flow(order_flow::FlowError::Diverged { partition: 0, .. }));
    assert!(expected, "{error}");
}

#[test]
fn a_log_that_lost_records_which_were_decided() {
    let sale = Sale::of(50, 1);
    sale.decide();
    let lost = Sale::empty(1);
    let decisions = sale.log.records(DECISIONS, 0).unwrap();
    let last = sale.codec.decision_from(decisions.last().unwrap().value.as_deref().unwrap()).unwrap();
    for record in
        sale.log.records(ORDERS, 0).unwrap().into_iter().take_while(|record| record.offset < last.offset.0)
    {
        let (key, value) = (record.key.as_deref(), record.value.as_deref());
        let headers = Headers::from_encoded(&record.headers);
        lost.log.append_at(ORDERS, 0, record.time_ms, key, value, headers).unwrap();
    }
    for record in decisions {
        lost.log.append_at(DECISIONS, 0, 0, None, record.value.as_deref(), Headers::NONE).unwrap();
    }
    let error = fails(&parts(&lost));
    assert!(
        matches!(&error, WorkerError::LogShort { topic, partition: 0, end, offset, .. }
            if topic == ORDERS && *end == last.offset.0 && *offset == last.offset),
        "{error}"
    );
    let text = error.to_string();
    assert!(text.contains("has lost records") && text.contains("restore"), "it says what to do: {text}");
}
