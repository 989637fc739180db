//! Creates topics with the settings correctness rests on, and checks topics for them.

use std::thread;
use std::time::{Duration, Instant};

use rdkafka::admin::{
    AdminClient, AdminOptions, ConfigResource, NewTopic, ResourceSpecifier, TopicReplication,
};
use rdkafka::metadata::Metadata;
use rdkafka::types::RDKafkaErrorCode;

use crate::kafka::context::Context;
use crate::kafka::{KafkaLog, partition_count};
use crate::limits::{PRODUCE_BATCH_BYTES_MAX, RECORD_OVERHEAD_BYTES_MAX, TOPIC_WAIT_STEP_MS};
use crate::{Log, LogError, TopicFinding, TopicSpec};

/// From how many copies on a record must be on two brokers before it counts as stored.
const REPLICATION_FOR_TWO_IN_SYNC: u16 = 3;

/// What a setting has to be.
enum Needed {
    Exactly(&'static str),
    AtLeast(u64),
    /// At least so many milliseconds, or -1, which stands for "for ever".
    AtLeastOrForever(u64),
}

/// The settings of a topic, by the broker's names. Whatever is needed is also what a topic is created with.
fn needed(spec: &TopicSpec) -> [(&'static str, Needed); 7] {
    let in_sync = if spec.replication >= REPLICATION_FOR_TWO_IN_SYNC { 2 } else { 1 };
    let bytes = PRODUCE_BATCH_BYTES_MAX.max(spec.record_bytes_max + RECORD_OVERHEAD_BYTES_MAX);
    let (policy, keeping) = if spec.is_compacted {
        // The newest record of each key, for ever; a deletion long enough for every reader to see it.
        ("compact", ("delete.retention.ms", Needed::AtLeast(spec.retention_ms)))
    } else {
        // The log is the truth: nothing of it is dropped because a later record has the same key.
        ("delete", ("retention.ms", Needed::AtLeastOrForever(spec.retention_ms)))
    };
    [
        // The ledger's clock is the time at which the broker took a record, not one that a producer may set.
        ("message.timestamp.type", Needed::Exactly("LogAppendTime")),
        ("cleanup.policy", Needed::Exactly(policy)),
        keeping,
        // A time is the only reason to drop a record.
        ("retention.bytes", Needed::Exactly("-1")),
        // A broker that lacks acknowledged records never becomes the leader.
        ("unclean.leader.election.enable", Needed::Exactly("false")),
        ("min.insync.replicas", Needed::AtLeast(in_sync)),
        ("max.message.bytes", Needed::AtLeast(u64::try_from(bytes).unwrap_or(u64::MAX))),
    ]
}

impl Needed {
    /// The value for a new topic.
    fn to_value(&self) -> String {
        match self {
            Self::Exactly(value) => (*value).to_owned(),
            Self::AtLeast(least) | Self::AtLeastOrForever(least) => least.to_string(),
        }
    }

    fn is_met_by(&self, value: &str) -> bool {
        match self {
            Self::Exactly(needed) => value == *needed,
            Self::AtLeast(least) => value.parse().is_ok_and(|value: u64| value >= *least),
            Self::AtLeastOrForever(least) => {
                value == "-1" || value.parse().is_ok_and(|value: u64| value >= *least)
            }
        }
    }

    /// For people.
    fn describe(&self) -> String {
        match self {
            Self::Exactly(value) => (*value).to_owned(),
            Self::AtLeast(least) => format!("{least} or more"),
            Self::AtLeastOrForever(least) => format!("{least} or more, or -1"),
        }
    }
}

/// Creates what does not exist, and waits until it can be used.
pub(super) fn create(log: &KafkaLog, specs: &[TopicSpec]) -> Result<Vec<String>, LogError> {
    let settings: Vec<Vec<(&str, String)>> = specs
        .iter()
        .map(|spec| needed(spec).into_iter().map(|(name, needed)| (name, needed.to_value())).collect())
        .collect();
    let new_topics: Vec<NewTopic<'_>> = specs
        .iter()
        .zip(&settings)
        .map(|(spec, settings)| {
            let partitions = i32::try_from(spec.partitions).unwrap_or(i32::MAX);
            let replication = TopicReplication::Fixed(i32::from(spec.replication));
            settings
                .iter()
                .fold(NewTopic::new(&spec.name, partitions, replication), |topic, (name, value)| {
                    topic.set(name, value)
                })
        })
        .collect();
    let admin = admin(log)?;
    let results = pollster::block_on(admin.create_topics(&new_topics, &admin_options(log)))
        .map_err(|error| request_failed(log, "create topics", &error))?;
    let mut created = Vec::new();
    for result in results {
        match result {
            Ok(name) => created.push(name),
            Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((name, code)) => {
                return Err(LogError::Failed {
                    context: format!("create topic {name}"),
                    detail: code.to_string(),
                });
            }
        }
    }
    let fresh: Vec<_> = specs.iter().filter(|spec| created.contains(&spec.name)).collect();
    wait_until_usable(log, &fresh)?;
    Ok(created)
}

/// A topic is usable when every partition has a leader, a moment after its creation.
fn wait_until_usable(log: &KafkaLog, specs: &[&TopicSpec]) -> Result<(), LogError> {
    let deadline = Instant::now() + log.options.request_timeout();
    loop {
        let metadata = log.metadata(None, log.options.request_timeout())?;
        let Some(missing) = specs.iter().find(|spec| !is_usable(&metadata, spec)) else { return Ok(()) };
        if Instant::now() > deadline {
            let detail = "not every partition has a leader; is a broker away?".to_owned();
            return Err(LogError::Failed { context: format!("create topic {}", missing.name), detail });
        }
        thread::sleep(Duration::from_millis(TOPIC_WAIT_STEP_MS));
    }
}

fn is_usable(metadata: &Metadata, spec: &TopicSpec) -> bool {
    let found = metadata.topics().iter().find(|topic| topic.name() == spec.name);
    partition_count(metadata, &spec.name) == Some(spec.partitions)
        && found.is_some_and(|topic| topic.partitions().iter().all(|partition| partition.leader() >= 0))
}

/// Compares what is there with what is needed.
pub(super) fn check(log: &KafkaLog, specs: &[TopicSpec]) -> Result<Vec<TopicFinding>, LogError> {
    let metadata = log.metadata(None, log.options.request_timeout())?;
    let mut findings = Vec::new();
    let mut present = Vec::new();
    for spec in specs {
        match partition_count(&metadata, &spec.name) {
            None => findings.push(finding(
                spec,
                "topic",
                "not there",
                "there; `pipeline topic create` creates it",
            )),
            Some(count) => {
                present.push(spec);
                check_placement(&metadata, spec, count, &mut findings);
            }
        }
    }
    if !present.is_empty() {
        check_settings(log, &present, &mut findings)?;
    }
    Ok(findings)
}

fn check_placement(metadata: &Metadata, spec: &TopicSpec, count: u32, findings: &mut Vec<TopicFinding>) {
    if count != spec.partitions {
        findings.push(finding(spec, "partitions", &count.to_string(), &spec.partitions.to_string()));
    }
    let topic = metadata.topics().iter().find(|topic| topic.name() == spec.name);
    let fewest =
        topic.and_then(|topic| topic.partitions().iter().map(|partition| partition.replicas().len()).min());
    if let Some(fewest) = fewest.filter(|fewest| *fewest < usize::from(spec.replication)) {
        let needed = format!("{} or more", spec.replication);
        findings.push(finding(spec, "replication.factor", &fewest.to_string(), &needed));
    }
}

fn check_settings(
    log: &KafkaLog,
    specs: &[&TopicSpec],
    findings: &mut Vec<TopicFinding>,
) -> Result<(), LogError> {
    let topics: Vec<_> = specs.iter().map(|spec| ResourceSpecifier::Topic(&spec.name)).collect();
    let admin = admin(log)?;
    let answers = pollster::block_on(admin.describe_configs(&topics, &admin_options(log)))
        .map_err(|error| request_failed(log, "describe topics", &error))?;
    // The answers come in the order of the questions.
    for (spec, answer) in specs.iter().zip(answers) {
        let found = answer.map_err(|code| LogError::Failed {
            context: format!("describe topic {}", spec.name),
            detail: code.to_string(),
        })?;
        for (name, needed) in needed(spec) {
            let value = value_of(&found, name);
            if !needed.is_met_by(value) {
                findings.push(finding(spec, name, value, &needed.describe()));
            }
        }
    }
    Ok(())
}

fn value_of<'a>(settings: &'a ConfigResource, name: &str) -> &'a str {
    settings.get(name).and_then(|entry| entry.value.as_deref()).unwrap_or("not told by the broker")
}

fn finding(spec: &TopicSpec, setting: &str, found: &str, needed: &str) -> TopicFinding {
    TopicFinding {
        topic: spec.name.clone(),
        setting: setting.to_owned(),
        found: found.to_owned(),
        needed: needed.to_owned(),
    }
}

fn admin(log: &KafkaLog) -> Result<AdminClient<Context>, LogError> {
    log.options.create(&log.options.client(), Context::default())
}

fn admin_options(log: &KafkaLog) -> AdminOptions {
    let timeout = Some(log.options.request_timeout());
    AdminOptions::new().request_timeout(timeout).operation_timeout(timeout)
}

fn request_failed(log: &KafkaLog, action: &str, error: &rdkafka::error::KafkaError) -> LogError {
    LogError::Unreachable { log: log.describe(), detail: format!("could not {action}: {error}") }
}
