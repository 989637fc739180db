//! Laws of topics and their ends.

use std::time::Duration;

use crate::{AppendBatch, AppendError, Bounds, Log, LogAppender, LogError};

use super::tools::{Deadline, POLL, WIDE, append, appender, create, must, must_fail, numbers, reader, spec};

/// An empty partition ends at 0; every acknowledged record moves the end of its own partition by one.
pub fn bounds_follow_appends(log: &dyn Log, topic: &str) {
    create(log, topic, 2);
    let bounds = |partition| must("asking for the bounds", log.bounds(topic, partition));
    assert_eq!(bounds(0), Bounds { start: 0, end: 0 });
    append(log, numbers(topic, 0, 0..10));
    assert_eq!(bounds(0), Bounds { start: 0, end: 10 });
    assert_eq!(bounds(1), Bounds { start: 0, end: 0 });
    append(log, numbers(topic, 1, 0..3));
    append(log, numbers(topic, 0, 0..1));
    assert_eq!((bounds(0).end, bounds(1).end), (11, 3));
}

/// Creating a topic again says nothing was created, and leaves it as it is, even when it is asked to be different.
pub fn creating_twice_changes_nothing(log: &dyn Log, topic: &str) {
    create(log, topic, 2);
    append(log, numbers(topic, 1, 0..5));
    for partitions in [2, 7] {
        let created = must("creating again", log.create_topics(&[spec(topic, partitions)]));
        assert!(created.is_empty(), "{created:?} existed");
        assert_eq!(must("asking for partitions", log.partitions(topic)), 2);
    }
    assert_eq!(must("asking for the bounds", log.bounds(topic, 1)).end, 5);
}

/// A check finds a wrong number of partitions and a topic that is missing, and nothing in a topic as created.
pub fn checks_find_wrong_topics(log: &dyn Log, topic: &str) {
    create(log, topic, 2);
    let check = |spec| must("checking", log.check_topics(&[spec]));
    assert_eq!(check(spec(topic, 2)), [], "as created");
    let findings = check(spec(topic, 3));
    assert_eq!(findings.len(), 1, "{findings:?}");
    for finding in &findings {
        let found = (
            finding.topic.as_str(),
            finding.setting.as_str(),
            finding.found.as_str(),
            finding.needed.as_str(),
        );
        assert_eq!(found, (topic, "partitions", "2", "3"));
    }
    let missing = check(spec(&format!("{topic}-missing"), 2));
    assert_eq!(missing.len(), 1, "{missing:?}");
    assert!(missing.iter().all(|finding| finding.setting == "topic"), "{missing:?}");
}

/// A topic or partition that does not exist is an error that says so, is not created by the way, and breaks an
/// appender for good.
pub fn unknown_places_are_errors(log: &dyn Log, topic: &str) {
    create(log, topic, 2);
    let missing = format!("{topic}-missing");
    let no_topic = |error: LogError| assert!(matches!(error, LogError::NoTopic { .. }), "{error:?}");
    let no_partition =
        |error: LogError| assert!(matches!(error, LogError::NoPartition { partition: 2, .. }), "{error:?}");
    no_topic(must_fail("asking for partitions", log.partitions(&missing)));
    no_topic(must_fail("asking for the bounds", log.bounds(&missing, 0)));
    no_topic(must_fail("making a reader", log.reader(&missing, WIDE)));
    no_topic(must_fail("making a member", log.member(&missing, "group", WIDE)));
    no_partition(must_fail("asking for the bounds", log.bounds(topic, 2)));
    no_partition(must_fail("starting", reader(log, topic, WIDE).start(2, 0)));
    append_fails(log, numbers(&missing, 0, [1]));
    append_fails(log, numbers(topic, 2, [1]));
    no_topic(must_fail("asking for partitions", log.partitions(&missing)));
}

/// Appending fails, at once or later, and so does all that follows.
fn append_fails(log: &dyn Log, mut batch: AppendBatch) {
    let mut appender = appender(log);
    let known = batch.clone();
    let deadline = Deadline::for_("what is said of an append to nowhere");
    loop {
        match appender.append(batch) {
            Err(AppendError::Log(_)) => break,
            // A broker does not say yet what the topic is.
            Err(AppendError::Full(returned)) => batch = returned,
            Err(error) => panic!("an unknown place led to {error:?}"),
            Ok(_) => break await_failure(&mut *appender),
        }
        must("polling", appender.poll(POLL, &mut Vec::new()));
        deadline.check();
    }
    must_fail("polling a broken appender", appender.poll(Duration::ZERO, &mut Vec::new()));
    must_fail("appending with a broken appender", appender.append(known));
}

fn await_failure(appender: &mut dyn LogAppender) {
    let deadline = Deadline::for_("the failure of an append to nowhere");
    let mut acknowledged = Vec::new();
    while appender.poll(POLL, &mut acknowledged).is_ok() {
        assert!(acknowledged.is_empty(), "an append to nowhere was acknowledged");
        deadline.check();
    }
}
