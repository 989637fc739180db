//! The topic `controls`: how people pause a sink from another process, and how a sink says that it lives.
//!
//! Partition 0 holds the controls, keyed `sink/NAME`; the last partition holds the heartbeats, keyed
//! `sink/NAME/INSTANCE`. Values are JSON, signed by the key ring like privileged commands. A copy of an old control
//! changes nothing: only one that is younger than the latest counts.
//!
//! Not promised: that a pause outlives the topic's retention.

use std::sync::Arc;
use std::time::Instant;

use order_codec::{KeyRing, MAC_HEADER};
use order_log::{
    AppendBatch, Headers, Log, LogError, LogReader, Polled, ReadLimits, Record, TopicName, TopicSpec,
};
use order_model::TimeMs;
use serde::{Deserialize, Serialize};

use crate::letters::append;
use crate::limits::{
    CONTROL_VALUE_BYTES_MAX, CONTROLS_READ_BYTES_MAX, CONTROLS_READ_RECORDS_MAX, CONTROLS_TIMEOUT,
    HEARTBEATS_READ_RECORDS_MAX, INTAKE_WAIT,
};
use crate::status::SinkStatus;

/// The partition of the controls.
const CONTROLS: u32 = 0;

const READ: ReadLimits =
    ReadLimits { records_max: CONTROLS_READ_RECORDS_MAX, bytes_max: CONTROLS_READ_BYTES_MAX };

/// What a sink can be told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Action {
    /// Write nothing until resumed.
    Pause,
    /// Go on.
    Resume,
}

#[derive(Clone, Copy, Debug, Serialize, Deserialize)]
struct Control {
    at_ms: u64,
    action: Action,
}

/// What a running sink says of itself now and then.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Heartbeat {
    /// When, by its own clock, in milliseconds since 1970.
    pub at_ms: u64,
    /// The sink.
    pub sink: String,
    /// Which of the processes that run it.
    pub instance: String,
    /// Whether it is paused.
    pub is_paused: bool,
    /// See [`SinkStatus`], as all that follows.
    pub retries: u64,
    /// What its target says, if it fails.
    pub fault: Option<String>,
    /// Decisions refused for good.
    pub refused: u64,
    /// Records that are no decisions.
    pub unreadable: u64,
    /// Decisions dropped as repeats.
    pub repeats: u64,
    /// Decisions that are missing on the log.
    pub missing: u64,
    /// Decisions written.
    pub rows: u64,
    /// Its partitions.
    pub partitions: Vec<u32>,
}

impl Heartbeat {
    /// What a sink says whose status is `status`.
    pub(crate) fn of(sink: &str, instance: &str, now: TimeMs, status: &SinkStatus) -> Self {
        Self {
            at_ms: now.0,
            sink: sink.to_owned(),
            instance: instance.to_owned(),
            is_paused: status.is_paused,
            retries: status.retries,
            fault: status.fault.clone(),
            refused: status.refused,
            unreadable: status.unreadable,
            repeats: status.repeats,
            missing: status.missing,
            rows: status.rows,
            partitions: status.partitions.keys().copied().collect(),
        }
    }
}

/// Why a control was not given, or the controls could not be read.
#[derive(Debug, thiserror::Error)]
pub enum ControlError {
    /// The log failed.
    #[error(transparent)]
    Log(#[from] LogError),
    /// There is no key to sign with.
    #[error(
        "no key of the ring is valid at {0} ms since 1970, so nothing can be signed; add a key that is valid now"
    )]
    NoKey(TimeMs),
    /// The value cannot be written as JSON.
    #[error("the control cannot be written as JSON: {0}")]
    Json(#[from] serde_json::Error),
}

/// What controls are given and read with. Every method blocks.
#[derive(Clone)]
pub struct Controls {
    /// The log.
    pub log: Arc<dyn Log>,
    /// The topic.
    pub topic: TopicName,
    /// Signs and checks.
    pub ring: KeyRing,
}

impl Controls {
    /// What we rely on in the topic: controls apart from heartbeats, so that the few are found without the many.
    pub fn spec(topic: &str, replication: u16, retention_ms: u64) -> TopicSpec {
        TopicSpec {
            name: topic.to_owned(),
            partitions: 2,
            replication,
            retention_ms,
            is_compacted: false,
            record_bytes_max: order_log::limits::RECORD_BYTES_MAX,
        }
    }

    /// Tells every process that runs `sink`, now and later, to pause or to go on.
    pub fn give(&self, sink: &str, action: Action, now: TimeMs) -> Result<(), ControlError> {
        let latest = self.follow(sink)?.latest;
        let at_ms = now.0.max(latest.map_or(0, |latest| latest.at_ms + 1));
        let value = serde_json::to_vec(&Control { at_ms, action })?;
        self.append(CONTROLS, &format!("sink/{sink}"), &value, now)
    }

    /// Whether `sink` is told to pause.
    pub fn is_paused(&self, sink: &str) -> Result<bool, ControlError> {
        Ok(self.follow(sink)?.is_paused())
    }

    /// The latest heartbeat of every process that runs `sink`, among the latest
    /// [`HEARTBEATS_READ_RECORDS_MAX`] of all.
    pub fn heartbeats(&self, sink: &str) -> Result<Vec<Heartbeat>, ControlError> {
        let partition = self.heartbeat_partition()?;
        let bounds = self.log.bounds(&self.topic, partition)?;
        let from = bounds.end.saturating_sub(HEARTBEATS_READ_RECORDS_MAX).max(bounds.start);
        let mut reader = self.log.reader(&self.topic, READ)?;
        let mut found = Vec::<Heartbeat>::new();
        let prefix = format!("sink/{sink}/");
        read(self, reader.as_mut(), partition, from, bounds.end, &mut |record| {
            let is_ours = |key: &[u8]| key.starts_with(prefix.as_bytes());
            let trusted =
                record.key.filter(|key| is_ours(key)).and_then(|_| self.trusted::<Heartbeat>(record));
            let Some(heartbeat) = trusted else { return };
            found.retain(|earlier| earlier.instance != heartbeat.instance);
            found.push(heartbeat);
        })?;
        Ok(found)
    }

    pub(crate) fn beat(&self, heartbeat: &Heartbeat) -> Result<(), ControlError> {
        let key = format!("sink/{}/{}", heartbeat.sink, heartbeat.instance);
        let value = serde_json::to_vec(heartbeat)?;
        self.append(self.heartbeat_partition()?, &key, &value, TimeMs(heartbeat.at_ms))
    }

    /// A follower that has read all controls there are now.
    pub(crate) fn follow(&self, sink: &str) -> Result<Follower, ControlError> {
        let end = self.log.bounds(&self.topic, CONTROLS)?.end;
        let reader = self.log.reader(&self.topic, READ)?;
        let key = format!("sink/{sink}");
        let mut follower = Follower { controls: self.clone(), reader, key, latest: None };
        let Follower { reader, latest, key, .. } = &mut follower;
        read(self, reader.as_mut(), CONTROLS, 0, end, &mut |record| {
            *latest = self.younger(*latest, key, record);
        })?;
        Ok(follower)
    }

    fn heartbeat_partition(&self) -> Result<u32, LogError> {
        Ok(self.log.partitions(&self.topic)?.saturating_sub(1))
    }

    fn append(&self, partition: u32, key: &str, value: &[u8], now: TimeMs) -> Result<(), ControlError> {
        let mac = self.ring.sign(now, Some(key.as_bytes()), value).ok_or(ControlError::NoKey(now))?;
        let mut headers = Vec::new();
        Headers::encode(&mut headers, MAC_HEADER, &mac);
        let mut batch = AppendBatch::new(Arc::clone(&self.topic));
        batch.push(partition, Some(key.as_bytes()), Some(value), Headers::from_encoded(&headers));
        Ok(append(self.log.appender()?.as_mut(), batch)?)
    }

    /// The value of a record whose MAC is right; others are logged and passed over.
    fn trusted<V: for<'de> Deserialize<'de>>(&self, record: &Record<'_>) -> Option<V> {
        let value = record.value.filter(|value| value.len() <= CONTROL_VALUE_BYTES_MAX)?;
        let mac = record.headers.get(MAC_HEADER);
        let judged = self.ring.verify(TimeMs(record.time_ms), mac, record.key, value);
        let read = judged.map_err(|error| error.to_string());
        let read = read.and_then(|()| serde_json::from_slice(value).map_err(|error| error.to_string()));
        read.inspect_err(|error| {
            tracing::warn!(topic = &*self.topic, offset = record.offset, error, "a control was passed over");
        })
        .ok()
    }

    fn younger(&self, latest: Option<Control>, key: &str, record: &Record<'_>) -> Option<Control> {
        if record.key != Some(key.as_bytes()) {
            return latest;
        }
        let control = self.trusted::<Control>(record);
        let is_younger = |control: &Control| latest.is_none_or(|latest| latest.at_ms < control.at_ms);
        control.filter(is_younger).or(latest)
    }
}

/// Reads the controls of one sink as they come.
pub(crate) struct Follower {
    controls: Controls,
    reader: Box<dyn LogReader>,
    key: String,
    latest: Option<Control>,
}

impl Follower {
    pub(crate) fn is_paused(&self) -> bool {
        self.latest.is_some_and(|control| control.action == Action::Pause)
    }

    /// Takes what has come; does not wait.
    pub(crate) fn catch_up(&mut self) -> Result<(), LogError> {
        while let Some(polled) = self.reader.poll(std::time::Duration::ZERO)? {
            let Polled::Batch(batch) = polled else { continue };
            for record in batch.iter() {
                self.latest = self.controls.younger(self.latest, &self.key, &record);
            }
        }
        Ok(())
    }
}

/// Has `take` look at every record of `partition` in `from..end`, and goes on reading there.
fn read(
    controls: &Controls,
    reader: &mut dyn LogReader,
    partition: u32,
    from: u64,
    end: u64,
    take: &mut dyn FnMut(&Record<'_>),
) -> Result<(), LogError> {
    reader.start(partition, from)?;
    let deadline = Instant::now() + CONTROLS_TIMEOUT;
    let mut next = from;
    while next < end {
        if Instant::now() >= deadline {
            let detail = format!("{} did not come up to offset {end}", controls.topic);
            return Err(LogError::Unreachable { log: controls.log.describe(), detail });
        }
        match reader.poll(INTAKE_WAIT)? {
            Some(Polled::Batch(batch)) => {
                batch.iter().for_each(|record| take(&record));
                next = batch.next_offset();
            }
            Some(Polled::Passed { next_offset, .. }) => next = next_offset,
            _ => {}
        }
    }
    Ok(())
}
