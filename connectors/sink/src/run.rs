//! Running a sink: what it needs, how it is told, and how it ends.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::thread::JoinHandle;

use order_codec::{Codec, KeyRing, Stage};
use order_log::{Log, TopicName};
use order_model::TimeMs;
use tokio::sync::{mpsc, watch};

use crate::error::SinkError;
use crate::intake::{Ends, Intake, ToIntake};
use crate::letters::Letters;
use crate::limits::SinkLimits;
use crate::portion::Decoder;
use crate::status::SinkStatus;
use crate::target::Target;
use crate::writer::{Lines, Writer};

/// What a sink works with.
#[derive(Clone)]
pub struct SinkParts {
    /// The log.
    pub log: Arc<dyn Log>,
    /// Reads decisions, writes dead letters.
    pub codec: Codec,
    /// Checks controls and signs heartbeats.
    pub ring: KeyRing,
    /// The time of day, for lags and heartbeats.
    pub clock: Arc<dyn Fn() -> TimeMs + Send + Sync>,
}

/// Names of the topics.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SinkTopics {
    /// Where decisions are read.
    pub decisions: TopicName,
    /// Where goes what cannot be read, or is refused.
    pub dead_letters: TopicName,
    /// Where the sink is told to pause, and says that it lives; `None`: neither.
    pub controls: Option<TopicName>,
}

/// How a sink works.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SinkOptions {
    /// Names of the topics.
    pub topics: SinkTopics,
    /// Names this process among those that run the same sink, in heartbeats.
    pub instance: String,
    /// How much it holds and how long it waits.
    pub limits: SinkLimits,
}

/// What a handle asks for.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(crate) struct Request {
    pub(crate) pause: bool,
    pub(crate) drain: bool,
}

/// Tells a runner what to do, and sees how it is. Clones tell the same runner.
#[derive(Clone, Debug)]
pub struct SinkHandle {
    requests: watch::Sender<Request>,
    status: watch::Receiver<SinkStatus>,
}

impl SinkHandle {
    /// Writes nothing from now on, except what is being written. Reading goes on until enough is held.
    pub fn pause(&self) {
        self.requests.send_modify(|request| request.pause = true);
    }

    /// Ends a pause of this handle; one of the controls goes on.
    pub fn resume(&self) {
        self.requests.send_modify(|request| request.pause = false);
    }

    /// Reads no more, writes what was read, and ends the run. What cannot be written within
    /// [`SinkLimits::drain_timeout`], or because of a pause, is left for the next run.
    pub fn drain(&self) {
        self.requests.send_modify(|request| request.drain = true);
    }

    /// How the sink is.
    pub fn status(&self) -> SinkStatus {
        self.status.borrow().clone()
    }

    /// Waits until the status is as `is_so` wants it; false when the run ends before.
    pub async fn until(&mut self, is_so: impl FnMut(&SinkStatus) -> bool) -> bool {
        self.status.wait_for(is_so).await.is_ok()
    }

    /// Waits until everything before `ends` (offsets on `decisions`, by partition) is written; false when the run ends
    /// before.
    pub async fn reaches(&mut self, ends: &BTreeMap<u32, u64>) -> bool {
        self.until(|status| status.has_reached(ends)).await
    }
}

/// Runs a target: reads `decisions`, writes them, and never gives up.
///
/// Promised: the target gets every decision of the partitions this process has, in order, at least once, and nothing of
/// a partition before it was asked how far it has got. What is held is bounded by bytes. A fault that may pass is waited
/// out for as long as it takes; one that may not ends the run with [`SinkError::Halted`].
///
/// Not promised: that only one process writes a partition. A zombie may write late, which targets bear.
pub struct Runner<T: Target> {
    writer: Writer<T>,
    intake: Intake,
}

impl<T: Target> Runner<T> {
    /// A runner, and its handle. Joins the group of the sink, `sink-NAME`; blocks while the log is asked for it.
    pub fn new(target: T, parts: SinkParts, options: SinkOptions) -> Result<(Self, SinkHandle), SinkError> {
        let sink = target.name();
        let stage = Stage::of_sink(sink).ok_or(SinkError::NoStage(sink))?;
        let topic = options.topics.decisions.to_string();
        let decoder = Decoder { codec: parts.codec.clone(), topic, stage };
        let (to_writer, from_log) = mpsc::unbounded_channel();
        let (to_intake, inbox) = crossbeam_channel::unbounded();
        let (beat, heartbeats) = crossbeam_channel::bounded(1);
        let (requests, asked) = watch::channel(Request::default());
        let (status, seen) = watch::channel(SinkStatus::default());
        let letters = Letters {
            log: Arc::clone(&parts.log),
            codec: parts.codec.clone(),
            topic: Arc::clone(&options.topics.dead_letters),
            appender: None,
        };
        let ends = Ends { writer: to_writer, inbox, heartbeats };
        let intake = Intake::new(sink, parts.clone(), options.clone(), decoder.clone(), ends)?;
        let lines = Lines { from_log, to_intake, beat, asked, status };
        let writer = Writer::new(target, parts, options, decoder, letters, lines);
        Ok((Self { writer, intake }, SinkHandle { requests, status: seen }))
    }

    /// Runs until the handle asks for a drain, or until a person has to act. Dropping the future ends it at any point:
    /// nothing is lost, since the target knows how far it has got.
    pub async fn run(self) -> Result<SinkStatus, SinkError> {
        let Self { writer, intake } = self;
        let builder = std::thread::Builder::new().name("sink-intake".to_owned());
        let thread = builder.spawn(move || intake.run()).map_err(SinkError::Spawn)?;
        let leave = Leave(writer.to_intake());
        let ended = writer.run().await;
        drop(leave);
        join(thread).await;
        ended
    }
}

/// Sends the intake away when dropped, whatever ends the run.
struct Leave(crossbeam_channel::Sender<ToIntake>);

impl Drop for Leave {
    fn drop(&mut self) {
        self.0.send(ToIntake::Leave).ok();
    }
}

/// Waits until the intake has left the group.
async fn join(thread: JoinHandle<()>) {
    let joined = tokio::task::spawn_blocking(|| thread.join()).await;
    if !matches!(joined, Ok(Ok(()))) {
        tracing::error!("the thread that reads decisions panicked");
    }
}
