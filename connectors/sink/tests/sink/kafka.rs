//! The runner on a real broker: members that come, leave and die, a pause, and a broker that restarts.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use order_codec::{Codec, FileSchemas, KeyRing};
use order_log::{AppendBatch, AppendError, KafkaLog, KafkaOptions, Log, TopicSpec};
use order_model::TimeMs;
use sink::harness::{Injected, Sale, Subject};
use sink::{
    Action, Controls, Runner, SinkHandle, SinkLimits, SinkOptions, SinkParts, SinkStatus, SinkTopics,
};
use testbed::Broker;
use tokio::task::JoinHandle;

use crate::memory::Memory;

const PATIENCE: Duration = Duration::from_secs(120);

struct Place {
    parts: SinkParts,
    topics: SinkTopics,
    storage: Memory,
}

type Run = JoinHandle<Result<SinkStatus, sink::SinkError>>;

impl Place {
    fn on(broker: &Broker) -> Self {
        let log = KafkaLog::connect(KafkaOptions::new(broker.bootstrap())).unwrap();
        let topics = SinkTopics {
            decisions: "decisions".into(),
            dead_letters: "dead-letters".into(),
            controls: Some("controls".into()),
        };
        let week_ms = 7 * 24 * 3_600_000;
        let spec = |name: &str| TopicSpec {
            name: name.to_owned(),
            partitions: 3,
            ..Controls::spec(name, 1, week_ms)
        };
        let controls = Controls::spec("controls", 1, week_ms);
        log.create_topics(&[spec("decisions"), spec("dead-letters"), controls]).unwrap();
        let codec = Codec::new(Arc::new(FileSchemas::new().unwrap())).unwrap();
        let ring = KeyRing::generate_one([7; 32]);
        let clock = Arc::new(|| TimeMs(2_000_000_000_000));
        let parts = SinkParts { log: Arc::new(log), codec, ring, clock };
        Self { parts, topics, storage: Memory::good() }
    }

    fn append(&self, sale: &Sale, range: impl Fn(usize) -> std::ops::Range<usize>) {
        let mut batch = AppendBatch::new(Arc::clone(&self.topics.decisions));
        for (partition, decisions) in (0..).zip(&sale.decisions) {
            for decision in &decisions[range(decisions.len())] {
                batch.push_with(partition, None, |bytes| self.parts.codec.decision_to(decision, bytes));
            }
        }
        let mut appender = self.parts.log.appender().unwrap();
        let (deadline, mut acknowledged) = (Instant::now() + PATIENCE, Vec::new());
        let mut left = Some(batch);
        while acknowledged.is_empty() {
            assert!(Instant::now() < deadline, "waited in vain for an acknowledgement");
            left = left.and_then(|batch| match appender.append(batch) {
                Ok(_) => None,
                // The broker does not say yet what the topic is.
                Err(AppendError::Full(batch)) => Some(batch),
                Err(error) => panic!("{error}"),
            });
            appender.poll(Duration::from_millis(100), &mut acknowledged).unwrap();
        }
    }

    async fn start(&self, instance: &str) -> (SinkHandle, Run) {
        // Little is held, so that reading pauses and resumes all the time.
        let limits = SinkLimits {
            read_records_max: 20,
            held_bytes_max: 32 * 1_024,
            flush_rows_target: 30,
            flush_wait: Duration::from_millis(2),
            backoff_min: Duration::from_millis(1),
            backoff_max: Duration::from_millis(20),
            heartbeat_interval: Duration::from_millis(200),
            ..SinkLimits::default()
        };
        let options = SinkOptions { topics: self.topics.clone(), instance: instance.to_owned(), limits };
        let (runner, handle) = Runner::new(self.storage.open().await, self.parts.clone(), options).unwrap();
        (handle, tokio::spawn(runner.run()))
    }

    fn controls(&self) -> Controls {
        let topic = self.topics.controls.clone().unwrap();
        Controls { log: Arc::clone(&self.parts.log), topic, ring: self.parts.ring.clone() }
    }
}

fn ends(sale: &Sale, part: impl Fn(usize) -> usize) -> BTreeMap<u32, u64> {
    let end = |decisions: &Vec<_>| u64::try_from(part(decisions.len())).unwrap();
    (0..).zip(sale.decisions.iter().map(end)).collect()
}

async fn in_time<A>(what: &str, wait: impl Future<Output = A>) -> A {
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

#[tokio::test]
async fn everything_arrives_once_through_kafka() {
    let mut broker = Broker::start().unwrap();
    let sale = Sale::decide(1_500, 3);
    let place = Place::on(&broker);
    place.append(&sale, |length| 0..length / 2);
    place.storage.inject(Some(Injected::LostReply));

    let (mut one, one_run) = place.start("one").await;
    assert!(in_time("the first rows", one.until(|status| status.rows > 100)).await);
    let (mut two, two_run) = place.start("two").await;
    assert!(in_time("a share for the second", two.until(|status| !status.partitions.is_empty())).await);
    one.drain();
    in_time("the drain", one_run).await.unwrap().unwrap();
    assert!(in_time("all partitions", two.until(|status| status.partitions.len() == 3)).await);
    assert!(in_time("the first half", two.reaches(&ends(&sale, |length| length / 2))).await);

    let controls = place.controls();
    controls.give("push", Action::Pause, TimeMs(1)).unwrap();
    assert!(in_time("the pause", two.until(|status| status.is_paused)).await);
    place.append(&sale, |length| length / 2..3 * length / 4);
    assert!(in_time("what is held", two.until(|status| status.held_bytes > 0)).await);
    controls.give("push", Action::Resume, TimeMs(2)).unwrap();
    assert!(in_time("three quarters", two.reaches(&ends(&sale, |length| 3 * length / 4))).await);
    let beats = controls.heartbeats("push").unwrap();
    assert!(beats.iter().any(|beat| beat.instance == "two"), "{beats:?}");

    // The second dies without a word; the third takes over through a restart of the broker.
    two_run.abort();
    two_run.await.unwrap_err();
    let (mut three, three_run) = place.start("three").await;
    assert!(in_time("a share for the third", three.until(|status| !status.partitions.is_empty())).await);
    broker.restart().unwrap();
    place.append(&sale, |length| 3 * length / 4..length);
    assert!(in_time("everything", three.reaches(&ends(&sale, |length| length))).await);
    three.drain();
    let status = in_time("the last drain", three_run).await.unwrap().unwrap();
    assert_eq!((status.missing, status.refused, status.unreadable), (0, 0, 0));
    assert_eq!(Some(place.storage.contents().await), place.storage.expected(&sale.decisions));
}
