//! How a run ends when it cannot go on, and who is listened to.

use order_codec::{KeyRing, MAC_HEADER};
use order_log::{Headers, Log};
use order_model::{Offset, Partition, Sequence, TimeMs};
use sink::harness::{Sale, SaleLog, Subject};
use sink::{
    Action, Batch, Controls, Fault, Reached, Refused, Runner, SinkError, SinkLimits, SinkParts, Target,
};

use crate::memory::{Memory, MemoryTarget};

/// A target that says what it is told to.
struct Liar {
    name: &'static str,
    reached: Reached,
    refused: Vec<Refused>,
}

impl Target for Liar {
    fn name(&self) -> &'static str {
        self.name
    }

    async fn reached(&mut self, _: Partition) -> Result<Reached, Fault> {
        Ok(self.reached)
    }

    async fn write(&mut self, _: &[Batch]) -> Result<Vec<Refused>, Fault> {
        Ok(self.refused.clone())
    }

    async fn advance(&mut self, _: &[(Partition, Reached)]) -> Result<(), Fault> {
        Ok(())
    }
}

fn log() -> SaleLog {
    SaleLog::of_sale(&Sale::decide(60, 2))
}

async fn ending(name: &'static str, reached: Reached, refused: Vec<Refused>) -> SinkError {
    let log = log();
    let options = SaleLog::options(SinkLimits::default(), "one");
    match Runner::new(Liar { name, reached, refused }, log.parts(), options) {
        Ok((runner, _handle)) => runner.run().await.unwrap_err(),
        Err(error) => error,
    }
}

#[tokio::test]
async fn a_target_of_another_log_is_named() {
    let reached = Reached { sequence: Sequence(1), next_offset: Offset(1_000_000) };
    let error = ending("push", reached, Vec::new()).await;
    assert!(matches!(error, SinkError::AheadOfLog { reached: 1_000_000, .. }), "{error}");
}

#[tokio::test]
async fn a_refusal_of_nothing_that_was_asked_is_a_bug_of_the_target() {
    let refused = Refused { partition: Partition(0), sequence: Sequence(99_999), reason: "no".to_owned() };
    let error = ending("push", Reached::default(), vec![refused]).await;
    assert!(matches!(error, SinkError::UnknownRefused { sequence: Sequence(99_999), .. }), "{error}");
}

#[tokio::test]
async fn a_sink_without_a_stage_is_told_so() {
    let error = ending("pigeon", Reached::default(), Vec::new()).await;
    assert!(matches!(error, SinkError::NoStage("pigeon")), "{error}");
}

#[tokio::test]
async fn missing_topics_are_named() {
    for missing in ["decisions", "controls"] {
        let log = log();
        let mut options = SaleLog::options(SinkLimits::default(), "one");
        match missing {
            "decisions" => options.topics.decisions = "nowhere".into(),
            _ => options.topics.controls = Some("nowhere".into()),
        }
        let error = match Runner::new(Memory::good().open().await, log.parts(), options) {
            Ok((runner, _handle)) => runner.run().await.unwrap_err(),
            Err(error) => error,
        };
        assert!(error.to_string().contains("there is no topic nowhere"), "{missing}: {error}");
    }
}

/// A pause without a key of the ring, under a foreign key, for another sink, or garbage, is nobody's pause.
#[test]
fn only_signed_controls_of_this_sink_count() {
    let log = log();
    let SinkParts { log: shared, ring, .. } = log.parts();
    let controls = log.controls();
    let value = br#"{"at_ms":5,"action":"pause"}"#;
    let foreign = KeyRing::generate_one([1; 32]);
    let key = Some(&b"sink/push"[..]);
    let other_key = Some(&b"sink/dynamodb"[..]);
    let no_json = &b"pause!"[..];
    let cases = [
        ("no MAC", key, &value[..], None),
        ("a foreign key", key, value, foreign.sign(TimeMs(5), key, value)),
        ("another sink's key", other_key, value, ring.sign(TimeMs(5), other_key, value)),
        ("no JSON", key, no_json, ring.sign(TimeMs(5), key, no_json)),
    ];
    for (case, key, value, mac) in cases {
        append(shared.as_ref(), key, value, mac);
        assert!(!controls.is_paused("push").unwrap(), "{case} paused the sink");
    }
    append(shared.as_ref(), key, value, ring.sign(TimeMs(5), key, value));
    assert!(controls.is_paused("push").unwrap());
    let keyless = Controls { ring: KeyRing::default(), ..controls.clone() };
    assert!(keyless.give("push", Action::Resume, TimeMs(9)).unwrap_err().to_string().contains("no key"));
    controls.give("push", Action::Resume, TimeMs(1)).unwrap();
    assert!(!controls.is_paused("push").unwrap(), "a clock that runs back loses no control");
}

fn append(log: &dyn Log, key: Option<&[u8]>, value: &[u8], mac: Option<Vec<u8>>) {
    let mut headers = Vec::new();
    if let Some(mac) = mac {
        Headers::encode(&mut headers, MAC_HEADER, &mac);
    }
    let mut batch = order_log::AppendBatch::new("controls".into());
    batch.push(0, key, Some(value), Headers::from_encoded(&headers));
    log.appender().unwrap().append(batch).unwrap();
}

/// Dropped at any point, a run leaves the group: the next gets its partitions.
#[tokio::test]
async fn a_dropped_run_gives_its_partitions_to_the_next() {
    let (log, sale, storage) = (log(), Sale::decide(60, 2), Memory::good());
    let ends = (0..2).map(|partition| (partition, sale.end(partition).next_offset.0)).collect();
    let start = |target: MemoryTarget| {
        Runner::new(target, log.parts(), SaleLog::options(SinkLimits::default(), "one")).unwrap()
    };
    for polls_ms in [0, 1, 5, 20] {
        let (runner, _handle) = start(storage.open().await);
        let cut = tokio::time::timeout(std::time::Duration::from_millis(polls_ms), runner.run()).await;
        assert!(cut.is_err(), "the run ended by itself: {cut:?}");
    }
    let (runner, mut handle) = start(storage.open().await);
    let run = tokio::spawn(runner.run());
    assert!(handle.reaches(&ends).await);
    handle.drain();
    run.await.unwrap().unwrap();
    assert_eq!(Some(storage.contents().await), storage.expected(&sale.decisions));
}
