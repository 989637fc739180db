//! Foreign transactions, partitions that fail, brokers that are away.

use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use testbed::produce_in_transaction;

use super::*;

#[test]
fn a_reader_passes_the_marker_of_a_transaction_that_nothing_follows() {
    let log = connect();
    log.create_topics(&[spec("marked", 1)]).unwrap();
    let records: Vec<_> = (0..3).map(|number: u32| (vec![1], number.to_string().into_bytes())).collect();
    let bootstrap = shared_broker().unwrap().bootstrap();
    produce_in_transaction(&bootstrap, "marked", "foreign", &records).unwrap();
    // The end of a transaction is acknowledged before its marker is written.
    let deadline = Instant::now() + PATIENCE;
    while log.bounds("marked", 0).unwrap() != (Bounds { start: 0, end: 4 }) {
        assert!(Instant::now() < deadline, "three records and a marker");
        std::thread::sleep(Duration::from_millis(20));
    }

    let mut reader = log.reader("marked", LIMITS).unwrap();
    let next = move |reader: &mut dyn LogReader| loop {
        assert!(Instant::now() < deadline);
        if let Some(polled) = reader.poll(Duration::from_millis(100)).unwrap() {
            return match polled {
                Polled::Batch(batch) => (batch.len(), batch.next_offset()),
                Polled::Passed { partition: 0, next_offset } => (0, next_offset),
                other => panic!("{other:?}"),
            };
        }
    };
    reader.start(0, 0).unwrap();
    assert_eq!(next(&mut *reader), (3, 3));
    assert_eq!(next(&mut *reader), (0, 4));
    // Started on the marker itself.
    reader.start(0, 3).unwrap();
    assert_eq!(next(&mut *reader), (0, 4));
    // What comes later is read; where no marker is, no more is said than the records say.
    let mut appender = log.appender().unwrap();
    append(&mut *appender, batch("marked", [(0, "last".to_owned())])).unwrap();
    acknowledged(&mut *appender, 1);
    assert_eq!(next(&mut *reader), (1, 5));
    let quiet = Instant::now() + Duration::from_millis(300);
    while Instant::now() < quiet {
        let polled = reader.poll(Duration::from_millis(20)).unwrap();
        assert!(polled.is_none(), "{polled:?}");
    }
}

#[test]
fn a_topic_ends_behind_what_an_open_transaction_has_written() {
    let log = connect();
    log.create_topics(&[spec("open", 1)]).unwrap();
    let producer: BaseProducer = ClientConfig::new()
        .set("bootstrap.servers", shared_broker().unwrap().bootstrap())
        .set("transactional.id", "open")
        .create()
        .unwrap();
    producer.init_transactions(PATIENCE).unwrap();
    producer.begin_transaction().unwrap();
    producer.send(BaseRecord::<(), str>::to("open").partition(0).payload("first")).unwrap();
    producer.flush(PATIENCE).unwrap();
    assert_eq!(log.bounds("open", 0).unwrap(), Bounds { start: 0, end: 1 });
    assert_eq!(values(&log, "open", 0, 1), ["first"]);
    producer.abort_transaction(PATIENCE).unwrap();
}

#[test]
fn a_partition_that_fails_while_the_group_waits_for_others_is_read_on() {
    let log = connect();
    let partitions = 4;
    log.create_topics(&[spec("failing", partitions)]).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut first = log.member("failing", "failers", LIMITS).unwrap();
    let mut owned = BTreeSet::new();
    while owned.len() < 4 {
        assert!(Instant::now() < deadline);
        match first.poll(Duration::from_millis(10)).unwrap() {
            Some(Polled::Assigned(assigned)) => owned.extend(assigned),
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    }
    // An offset that will be there only when the client has failed to find it. Paused, so that nobody hears of it yet.
    for partition in 0..partitions {
        first.start(partition, 99).unwrap();
        first.pause(partition).unwrap();
    }
    let mut second = log.member("failing", "failers", LIMITS).unwrap();
    let revoked = loop {
        assert!(Instant::now() < deadline);
        second.poll(Duration::from_millis(1)).unwrap();
        match first.poll(Duration::from_millis(10)).unwrap() {
            Some(Polled::Revoked(partitions)) => break partitions,
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    };
    let mut appender = log.appender().unwrap();
    let all =
        (0..100).flat_map(|number| (0..partitions).map(move |partition| (partition, number.to_string())));
    append(&mut *appender, batch("failing", all)).unwrap();
    acknowledged(&mut *appender, 1);
    owned.retain(|partition| !revoked.contains(partition));
    assert!(!owned.is_empty());
    owned.iter().for_each(|partition| first.resume(*partition).unwrap());
    let hesitation = Instant::now() + Duration::from_millis(500);
    while Instant::now() < hesitation {
        let polled = first.poll(Duration::from_millis(10)).unwrap();
        assert!(polled.is_none(), "it cannot be read before the group is answered: {polled:?}");
    }
    revoked.iter().for_each(|partition| first.stop(*partition).unwrap());
    while !owned.is_empty() {
        assert!(Instant::now() < deadline, "{owned:?} were not read");
        second.poll(Duration::from_millis(1)).unwrap();
        if let Some(Polled::Batch(batch)) = first.poll(Duration::from_millis(10)).unwrap() {
            assert_eq!((batch.first_offset(), batch.len()), (99, 1));
            assert!(owned.remove(&batch.partition()));
        }
    }
}

#[test]
fn an_append_does_not_wait_for_a_broker_that_is_away() {
    let mut broker = Broker::start().unwrap();
    let log = KafkaLog::connect(KafkaOptions::new(broker.bootstrap())).unwrap();
    log.create_topics(&[spec("orders", 1)]).unwrap();
    broker.stop();
    let mut appender = log.appender().unwrap();
    let mut waiting = batch("orders", [(0, "first".to_owned())]);
    let mut append = |appender: &mut dyn LogAppender| match appender.append(waiting.clone()) {
        Ok(ticket) => Some(ticket),
        Err(AppendError::Full(batch)) => {
            waiting = batch;
            None
        }
        Err(error) => panic!("{error}"),
    };
    let begun = Instant::now();
    for _ in 0..3 {
        assert_eq!(append(&mut *appender), None, "nobody knows the topic");
        appender.poll(Duration::from_millis(10), &mut Vec::new()).unwrap();
    }
    let most = 10 * Duration::from_millis(order_log::limits::METADATA_WAIT_MS);
    assert!(begun.elapsed() < most, "{:?}", begun.elapsed());
    broker.restart().unwrap();
    let deadline = Instant::now() + PATIENCE;
    while append(&mut *appender).is_none() {
        assert!(Instant::now() < deadline);
        appender.poll(Duration::from_millis(100), &mut Vec::new()).unwrap();
    }
    acknowledged(&mut *appender, 1);
    assert_eq!(values(&log, "orders", 0, 1), ["first"]);
}
