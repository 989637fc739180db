//! The log on a real Apache Kafka broker.

#![expect(clippy::unwrap_used, reason = "the helpers of a test fail as the test does")]

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use order_log::{
    Acknowledged, AppendBatch, AppendError, Bounds, Headers, KafkaLog, KafkaOptions, Log, LogAppender,
    LogError, LogReader, Polled, ReadLimits, Ticket, TopicSpec,
};
use order_model::partition_of;
use rdkafka::admin::{AdminClient, AdminOptions};
use rdkafka::client::DefaultClientContext;
use rdkafka::{ClientConfig, Offset, TopicPartitionList};
use testbed::{Broker, produce_with_java, shared_broker};

#[path = "kafka/trouble.rs"]
mod trouble;

const LIMITS: ReadLimits = ReadLimits { records_max: 1_000, bytes_max: 1 << 20 };
const PATIENCE: Duration = Duration::from_secs(60);

fn connect() -> KafkaLog {
    KafkaLog::connect(KafkaOptions::new(shared_broker().unwrap().bootstrap())).unwrap()
}

fn spec(name: &str, partitions: u32) -> TopicSpec {
    let retention_ms = 7 * 24 * 3_600_000;
    let name = name.to_owned();
    let record_bytes_max = 1_000_000;
    TopicSpec { name, partitions, replication: 1, retention_ms, is_compacted: false, record_bytes_max }
}

fn batch(topic: &str, records: impl IntoIterator<Item = (u32, String)>) -> AppendBatch {
    let mut batch = AppendBatch::new(topic.into());
    for (partition, value) in records {
        batch.push(partition, None, Some(value.as_bytes()), Headers::NONE);
    }
    batch
}

/// Appends the first batch of an appender, waiting until the broker says what the topic is.
fn append(appender: &mut dyn LogAppender, mut batch: AppendBatch) -> Result<Ticket, AppendError> {
    let (deadline, mut done) = (Instant::now() + PATIENCE, Vec::new());
    loop {
        match appender.append(batch) {
            Err(AppendError::Full(returned)) => batch = returned,
            result => return result,
        }
        assert!(Instant::now() < deadline, "nothing is taken");
        appender.poll(Duration::from_millis(100), &mut done).unwrap();
        assert_eq!(done, [], "there is nothing that could be acknowledged");
    }
}

/// Polls until `count` batches are acknowledged.
fn acknowledged(appender: &mut dyn LogAppender, count: usize) -> Vec<Acknowledged> {
    let (deadline, mut all) = (Instant::now() + PATIENCE, Vec::new());
    while all.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} batches acknowledged", all.len());
        appender.poll(Duration::from_millis(100), &mut all).unwrap();
    }
    all
}

/// Reads `count` records of a partition from its start.
fn values(log: &KafkaLog, topic: &str, partition: u32, count: usize) -> Vec<String> {
    let mut reader = log.reader(topic, LIMITS).unwrap();
    reader.start(partition, 0).unwrap();
    let (deadline, mut values) = (Instant::now() + PATIENCE, Vec::new());
    while values.len() < count {
        assert!(Instant::now() < deadline, "{} of {count} records read", values.len());
        match reader.poll(Duration::from_millis(100)).unwrap() {
            Some(Polled::Batch(batch)) => {
                for record in batch.iter() {
                    assert_eq!(record.offset, u64::try_from(values.len()).unwrap(), "offsets are dense");
                    values.push(String::from_utf8(record.value.unwrap().to_vec()).unwrap());
                }
            }
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    }
    values
}

/// Every law on a topic of its own; the topics are on one broker.
fn run(name: &str, law: order_log::conformance::Law) {
    law(&connect(), &format!("conformance-{name}"));
}

mod conformance {
    order_log::conformance_suite!(super::run);
}

#[test]
fn no_broker_is_a_clear_error() {
    let error = KafkaLog::connect(KafkaOptions::new("127.0.0.1:1")).err().unwrap();
    assert!(matches!(error, LogError::Unreachable { .. }), "{error:?}");
    let text = error.to_string();
    assert!(text.contains("kafka 127.0.0.1:1 does not answer") && text.contains("refused"), "{text}");
}

#[test]
fn settings_that_correctness_rests_on_are_refused_by_name() {
    for (name, value) in
        [("acks", "1"), ("enable.idempotence", "false"), ("isolation.level", "read_committed")]
    {
        let mut options = KafkaOptions::new("127.0.0.1:1");
        options.properties.insert(name.to_owned(), value.to_owned());
        let error = KafkaLog::connect(options).err().unwrap().to_string();
        assert!(error.contains(name) && error.contains("correctness"), "{error}");
    }
    let mut options = KafkaOptions::new("127.0.0.1:1");
    options.properties.insert("compresion.codec".to_owned(), "lz4".to_owned());
    let error = KafkaLog::connect(options).err().unwrap().to_string();
    assert!(error.contains("compresion.codec"), "{error}");
}

#[test]
fn free_settings_take_effect() {
    let mut options = KafkaOptions::new(shared_broker().unwrap().bootstrap());
    options.properties.insert("compression.codec".to_owned(), "gzip".to_owned());
    let log = KafkaLog::connect(options).unwrap();
    log.create_topics(&[spec("compressed", 1)]).unwrap();
    let mut appender = log.appender().unwrap();
    append(&mut *appender, batch("compressed", (0..100).map(|n| (0, n.to_string())))).unwrap();
    acknowledged(&mut *appender, 1);
    let expected: Vec<_> = (0..100).map(|n| n.to_string()).collect();
    assert_eq!(values(&log, "compressed", 0, 100), expected);
}

#[test]
fn created_topics_are_as_needed_and_wrong_ones_are_named() {
    let log = connect();
    let good = spec("checked", 3);
    assert_eq!(log.create_topics(std::slice::from_ref(&good)).unwrap(), ["checked"]);
    assert_eq!(log.create_topics(std::slice::from_ref(&good)).unwrap(), Vec::<String>::new());
    assert_eq!(log.check_topics(std::slice::from_ref(&good)).unwrap(), []);
    assert_eq!(log.partitions("checked").unwrap(), 3);

    // What is found differs from what is asked for, in every way a topic of ours can differ.
    let mut asked = TopicSpec { partitions: 4, replication: 3, retention_ms: u64::MAX / 2, ..good };
    asked.record_bytes_max = 2_000_000;
    let findings = log.check_topics(&[asked, spec("absent", 1)]).unwrap();
    let named: BTreeSet<_> = findings.iter().map(|finding| finding.setting.as_str()).collect();
    let expected = [
        "max.message.bytes",
        "min.insync.replicas",
        "partitions",
        "replication.factor",
        "retention.ms",
        "topic",
    ];
    assert_eq!(named, BTreeSet::from(expected), "{findings:?}");
    let partitions = findings.iter().find(|finding| finding.setting == "partitions").unwrap().to_string();
    assert_eq!(partitions, "topic checked: partitions is 3, needed is 4");
}

#[test]
fn a_compacted_topic_is_made_and_told_from_the_others() {
    let log = connect();
    let compacted = TopicSpec { is_compacted: true, ..spec("compacted", 1) };
    log.create_topics(std::slice::from_ref(&compacted)).unwrap();
    assert_eq!(log.check_topics(std::slice::from_ref(&compacted)).unwrap(), []);
    let found = log.check_topics(&[TopicSpec { is_compacted: false, ..compacted.clone() }]).unwrap();
    assert_eq!(found[0].to_string(), "topic compacted: cleanup.policy is compact, needed is delete");
    let found = log.check_topics(&[TopicSpec { retention_ms: u64::MAX / 2, ..compacted }]).unwrap();
    assert_eq!(found.iter().map(|one| one.setting.as_str()).collect::<Vec<_>>(), ["delete.retention.ms"]);
}

#[test]
fn a_topic_of_somebody_elses_making_is_found_wanting() {
    let mut broker = testbed::BrokerOptions::default();
    for (name, value) in [
        ("log.message.timestamp.type", "CreateTime"),
        ("log.cleanup.policy", "compact"),
        ("unclean.leader.election.enable", "true"),
        ("log.retention.ms", "1000"),
        ("log.retention.bytes", "1000000"),
        ("message.max.bytes", "500000"),
        ("auto.create.topics.enable", "true"),
    ] {
        broker.properties.push((name.to_owned(), value.to_owned()));
    }
    let broker = Broker::start_with(&broker).unwrap();
    produce_with_java(&broker.bootstrap(), "foreign", &[(b"k".to_vec(), b"v".to_vec())]).unwrap();
    let log = KafkaLog::connect(KafkaOptions::new(broker.bootstrap())).unwrap();
    let findings = log.check_topics(&[spec("foreign", 1)]).unwrap();
    let named: BTreeSet<_> = findings.iter().map(|finding| finding.setting.as_str()).collect();
    let expected = [
        "cleanup.policy",
        "max.message.bytes",
        "message.timestamp.type",
        "retention.bytes",
        "retention.ms",
        "unclean.leader.election.enable",
    ];
    assert_eq!(named, BTreeSet::from(expected), "{findings:?}");
}

#[test]
fn a_topic_or_partition_that_is_not_there_is_named() {
    let log = connect();
    log.create_topics(&[spec("two", 2)]).unwrap();
    assert!(
        matches!(log.partitions("nowhere").unwrap_err(), LogError::NoTopic { topic, .. } if topic == "nowhere")
    );
    assert!(matches!(log.bounds("nowhere", 0).unwrap_err(), LogError::NoTopic { .. }));
    assert!(matches!(log.bounds("two", 2).unwrap_err(), LogError::NoPartition { partition: 2, .. }));
    assert!(matches!(log.reader("nowhere", LIMITS).err().unwrap(), LogError::NoTopic { .. }));
    let mut appender = log.appender().unwrap();
    let error = append(&mut *appender, batch("two", [(2, "x".to_owned())])).unwrap_err();
    assert!(matches!(error, AppendError::Log(LogError::NoPartition { partition: 2, .. })), "{error:?}");
    let mut appender = log.appender().unwrap();
    let error = append(&mut *appender, batch("nowhere", [(0, "x".to_owned())])).unwrap_err();
    assert!(matches!(error, AppendError::Log(LogError::NoTopic { .. })), "{error:?}");
    assert!(appender.append(batch("two", [(0, "x".to_owned())])).is_err(), "a broken appender stays broken");
}

#[test]
fn reading_before_the_first_stored_record_starts_there() {
    let log = connect();
    log.create_topics(&[spec("trimmed", 1)]).unwrap();
    let mut appender = log.appender().unwrap();
    append(&mut *appender, batch("trimmed", (0..10).map(|n| (0, n.to_string())))).unwrap();
    acknowledged(&mut *appender, 1);
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", shared_broker().unwrap().bootstrap());
    let admin: AdminClient<DefaultClientContext> = config.create().unwrap();
    let mut before = TopicPartitionList::new();
    before.add_partition_offset("trimmed", 0, Offset::Offset(6)).unwrap();
    pollster::block_on(admin.delete_records(&before, &AdminOptions::new())).unwrap();

    assert_eq!(log.bounds("trimmed", 0).unwrap(), Bounds { start: 6, end: 10 });
    let mut reader = log.reader("trimmed", LIMITS).unwrap();
    reader.start(0, 2).unwrap();
    let deadline = Instant::now() + PATIENCE;
    loop {
        assert!(Instant::now() < deadline);
        if let Some(Polled::Batch(batch)) = reader.poll(Duration::from_millis(100)).unwrap() {
            assert_eq!(batch.first_offset(), 6);
            break;
        }
    }
    // An offset that never was is no place to start from, and the error says so.
    reader.start(0, 99).unwrap();
    let error = loop {
        assert!(Instant::now() < deadline);
        match reader.poll(Duration::from_millis(100)) {
            Ok(polled) => assert!(polled.is_none(), "{polled:?}"),
            Err(error) => break error.to_string(),
        }
    };
    assert!(error.contains("read from offset 99 of topic trimmed, partition 0: it ends at 10"), "{error}");
}

#[test]
fn an_appender_waits_for_a_broker_that_was_killed_and_nothing_is_lost_or_doubled() {
    let mut broker = Broker::start().unwrap();
    let log = KafkaLog::connect(KafkaOptions::new(broker.bootstrap())).unwrap();
    log.create_topics(&[spec("orders", 2)]).unwrap();
    let mut appender = log.appender().unwrap();
    let mut reader = log.reader("orders", LIMITS).unwrap();
    reader.start(0, 0).unwrap();
    let (batches, records) = (60_u64, 500_u64);
    let value = |number: u64| (u32::from(number % 2 == 1), format!("{number:08}"));
    let (mut done, mut read) = (Vec::new(), 0_u64);
    let mut read_some = |reader: &mut dyn LogReader, wait| {
        if let Some(Polled::Batch(batch)) = reader.poll(wait).unwrap() {
            for record in batch.iter() {
                assert_eq!(record.value.unwrap(), value(read * 2).1.as_bytes());
                read += 1;
            }
        }
        read
    };
    for number in 0..batches {
        let mut appended = batch("orders", (0..records).map(|record| value(number * records + record)));
        appended.want_offsets = true;
        let appended = match number {
            0 => append(&mut *appender, appended),
            _ => appender.append(appended),
        };
        assert_eq!(appended.unwrap(), Ticket(number + 1));
        match number {
            20 => broker.stop(),
            // Half of the rest is appended while nobody is there.
            40 => broker.restart().unwrap(),
            _ => {}
        }
        appender.poll(Duration::from_millis(5), &mut done).unwrap();
        read_some(&mut *reader, Duration::ZERO);
    }
    let missing = usize::try_from(batches).unwrap() - done.len();
    done.extend(acknowledged(&mut *appender, missing));
    let tickets: Vec<_> = done.iter().map(|done| done.ticket.0).collect();
    assert_eq!(tickets, (1..=batches).collect::<Vec<_>>());
    // Each partition took every other record: offsets go up by one every two records.
    let offsets: Vec<u64> = done.iter().flat_map(|done| done.offsets.iter().copied()).collect();
    assert_eq!(offsets, (0..batches * records).map(|number| number / 2).collect::<Vec<_>>());
    for partition in 0..2 {
        let expected: Vec<_> = (0..batches * records)
            .map(value)
            .filter(|(to, _)| *to == partition)
            .map(|(_, value)| value)
            .collect();
        assert_eq!(values(&log, "orders", partition, expected.len()), expected);
        assert_eq!(log.bounds("orders", partition).unwrap().end, u64::try_from(expected.len()).unwrap());
    }
    let deadline = Instant::now() + PATIENCE;
    while read_some(&mut *reader, Duration::from_millis(100)) < batches * records / 2 {
        assert!(Instant::now() < deadline, "the reader that saw the broker go did not come to the end");
    }
}

/// What one member has seen.
#[derive(Default)]
struct Seen {
    owned: BTreeSet<u32>,
    next: BTreeMap<u32, u64>,
}

impl Seen {
    fn poll(&mut self, member: &mut dyn LogReader) {
        match member.poll(Duration::from_millis(10)).unwrap() {
            Some(Polled::Assigned(partitions)) => {
                for partition in partitions {
                    member.start(partition, 0).unwrap();
                    assert!(self.owned.insert(partition));
                    self.next.insert(partition, 0);
                }
            }
            Some(Polled::Revoked(partitions)) => {
                for partition in partitions {
                    assert!(self.owned.remove(&partition));
                    member.stop(partition).unwrap();
                }
            }
            Some(Polled::Batch(batch)) => {
                assert!(self.owned.contains(&batch.partition()), "a batch of a partition that is not owned");
                assert_eq!(batch.first_offset(), self.next[&batch.partition()]);
                self.next.insert(batch.partition(), batch.next_offset());
                member.commit(batch.partition(), batch.next_offset());
            }
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    }

    fn has_read(&self, partitions: usize, records: u64) -> bool {
        self.owned.len() == partitions && self.owned.iter().all(|partition| self.next[partition] == records)
    }
}

#[test]
fn two_members_share_a_topic_and_the_second_inherits_it() {
    let log = connect();
    let (partitions, records) = (6_u32, 50_u64);
    log.create_topics(&[spec("shared", partitions)]).unwrap();
    let mut appender = log.appender().unwrap();
    let all = (0..records).flat_map(|n| (0..partitions).map(move |p| (p, n.to_string())));
    append(&mut *appender, batch("shared", all)).unwrap();
    acknowledged(&mut *appender, 1);

    let deadline = Instant::now() + PATIENCE;
    let mut first = log.member("shared", "workers", LIMITS).unwrap();
    let mut first_seen = Seen::default();
    while !first_seen.has_read(6, records) {
        assert!(Instant::now() < deadline, "the first member owns {:?}", first_seen.owned);
        first_seen.poll(&mut *first);
    }

    let mut second = log.member("shared", "workers", LIMITS).unwrap();
    let mut second_seen = Seen::default();
    while !(first_seen.has_read(3, records) && second_seen.has_read(3, records)) {
        assert!(Instant::now() < deadline, "{:?} and {:?}", first_seen.owned, second_seen.owned);
        first_seen.poll(&mut *first);
        second_seen.poll(&mut *second);
        assert!(first_seen.owned.is_disjoint(&second_seen.owned));
    }

    drop(first);
    while !second_seen.has_read(6, records) {
        assert!(Instant::now() < deadline, "the second member owns {:?}", second_seen.owned);
        second_seen.poll(&mut *second);
    }
}

#[test]
fn a_revoked_partition_is_nobody_elses_until_it_is_stopped() {
    let log = connect();
    log.create_topics(&[spec("handed", 2)]).unwrap();
    let deadline = Instant::now() + PATIENCE;
    let mut first = log.member("handed", "hands", LIMITS).unwrap();
    let mut first_seen = Seen::default();
    while first_seen.owned.len() < 2 {
        assert!(Instant::now() < deadline);
        first_seen.poll(&mut *first);
    }
    let mut second = log.member("handed", "hands", LIMITS).unwrap();
    let mut second_seen = Seen::default();
    let revoked = loop {
        assert!(Instant::now() < deadline);
        second_seen.poll(&mut *second);
        match first.poll(Duration::from_millis(10)).unwrap() {
            Some(Polled::Revoked(partitions)) => break partitions,
            Some(other) => panic!("{other:?}"),
            None => {}
        }
    };
    // The first member takes its time. The second gets nothing meanwhile, for as long as a member may hesitate here.
    let hesitation = Instant::now() + Duration::from_millis(1_500);
    while Instant::now() < hesitation {
        assert!(first.poll(Duration::from_millis(10)).unwrap().is_none());
        second_seen.poll(&mut *second);
        assert!(second_seen.owned.is_empty());
    }
    for partition in &revoked {
        first.stop(*partition).unwrap();
    }
    while second_seen.owned != revoked.iter().copied().collect() {
        assert!(Instant::now() < deadline);
        first_seen.poll(&mut *first);
        second_seen.poll(&mut *second);
    }
}

#[test]
fn a_java_producer_puts_a_key_where_we_expect_it() {
    let broker = shared_broker().unwrap();
    let log = connect();
    let partitions = 7;
    log.create_topics(&[spec("java", partitions)]).unwrap();
    let keys: Vec<String> =
        (0..200).map(|number| format!("SKU-{number}-{}", "x".repeat(number % 9))).collect();
    let records: Vec<_> = keys.iter().map(|key| (key.clone().into_bytes(), b"value".to_vec())).collect();
    let appended = produce_with_java(&broker.bootstrap(), "java", &records).unwrap();
    for (key, appended) in keys.iter().zip(&appended) {
        assert_eq!(appended.partition, partition_of(&key.parse().unwrap(), partitions).0, "{key}");
    }
}
