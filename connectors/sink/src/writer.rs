//! The writer: one loop that asks the target how far it is, flushes what the intake read, and waits faults out.
//!
//! Everything it waits for, it waits for in one place, so that a fault never keeps it from giving a partition back.

mod messages;

use std::collections::BTreeMap;
use std::future::Future;

use crossbeam_channel::Sender;
use order_codec::DeadLetterReason;
use order_log::LogError;
use order_model::Partition;
use tokio::sync::{mpsc, watch};
use tokio::time::Instant;

use crate::backoff::Backoff;
use crate::controls::Heartbeat;
use crate::error::SinkError;
use crate::flush::{Flush, Gathered, Step};
use crate::intake::{FromLog, ToIntake};
use crate::letters::Letters;
use crate::limits::FAULT_DETAIL_BYTES_MAX;
use crate::portion::Decoder;
use crate::run::{Request, SinkOptions, SinkParts};
use crate::status::{PartitionStatus, SinkStatus};
use crate::target::{Fault, Reached, Target};

/// The writer's ends of the channels.
pub(crate) struct Lines {
    pub(crate) from_log: mpsc::UnboundedReceiver<FromLog>,
    pub(crate) to_intake: Sender<ToIntake>,
    pub(crate) beat: Sender<Heartbeat>,
    pub(crate) asked: watch::Receiver<Request>,
    pub(crate) status: watch::Sender<SinkStatus>,
}

/// A partition whose target has not yet said how far it is.
#[derive(Clone, Copy)]
struct Asking {
    faults: u32,
    not_before: Instant,
}

pub(crate) struct Writer<T: Target> {
    sink: &'static str,
    target: T,
    parts: SinkParts,
    options: SinkOptions,
    decoder: Decoder,
    letters: Option<Letters>,
    lines: Lines,
    backoff: Backoff,
    asking: BTreeMap<Partition, Asking>,
    gathered: Gathered,
    flush: Option<Flush>,
    request: Request,
    is_paused_by_controls: bool,
    /// When the drain gives up.
    drain_until: Option<Instant>,
    is_drained: bool,
    next_heartbeat: Instant,
}

/// What the loop does next.
enum Next {
    /// Ask the target how far this partition is.
    Ask(Partition),
    /// Take the next step of the flush.
    Step,
    /// Begin a flush.
    Begin,
    /// Wait, at most until then.
    Wait(Instant),
    /// End.
    End,
}

impl<T: Target> Writer<T> {
    pub(crate) fn new(
        target: T,
        parts: SinkParts,
        options: SinkOptions,
        decoder: Decoder,
        letters: Letters,
        lines: Lines,
    ) -> Self {
        Self {
            sink: target.name(),
            target,
            backoff: Backoff::new(options.limits.backoff_min, options.limits.backoff_max),
            parts,
            options,
            decoder,
            letters: Some(letters),
            lines,
            asking: BTreeMap::new(),
            gathered: Gathered::default(),
            flush: None,
            request: Request::default(),
            is_paused_by_controls: false,
            drain_until: None,
            is_drained: false,
            next_heartbeat: Instant::now(),
        }
    }

    pub(crate) fn to_intake(&self) -> Sender<ToIntake> {
        self.lines.to_intake.clone()
    }

    pub(crate) async fn run(mut self) -> Result<SinkStatus, SinkError> {
        loop {
            // Messages first: a partition that was taken away is not to be written any more.
            while let Ok(message) = self.lines.from_log.try_recv() {
                self.take(message)?;
            }
            self.take_request();
            self.beat();
            match self.next() {
                Next::Ask(partition) => self.ask(partition).await?,
                Next::Step => self.step().await?,
                Next::Begin => {
                    self.flush = Some(self.gathered.take(&self.options.limits, Instant::now()));
                }
                Next::Wait(until) => self.wait(until).await?,
                Next::End => break,
            }
        }
        Ok(self.lines.status.borrow().clone())
    }

    fn next(&self) -> Next {
        let now = Instant::now();
        if self.is_drained && (self.is_idle() || self.is_paused())
            || self.drain_until.is_some_and(|at| at <= now)
        {
            return Next::End;
        }
        let wake = self.drain_until.map_or(self.next_heartbeat, |at| at.min(self.next_heartbeat));
        if self.is_paused() {
            return Next::Wait(wake);
        }
        // A partition that is new goes before a backlog of the others, which may last for hours.
        let ask = self.asking.iter().min_by_key(|(_, asking)| asking.not_before);
        let ask = ask.filter(|_| self.drain_until.is_none());
        if let Some((partition, _)) = ask.filter(|(_, asking)| asking.not_before <= now) {
            return Next::Ask(*partition);
        }
        let due = match &self.flush {
            Some(flush) => Some(flush.not_before),
            None if self.is_drained && !self.gathered.is_empty() => Some(now),
            None => self.gathered.due(&self.options.limits),
        };
        if due.is_some_and(|due| due <= now) {
            return if self.flush.is_some() { Next::Step } else { Next::Begin };
        }
        let ask_at = ask.map(|(_, asking)| asking.not_before);
        Next::Wait([due, ask_at].into_iter().flatten().fold(wake, Instant::min))
    }

    fn is_idle(&self) -> bool {
        self.flush.is_none() && self.gathered.is_empty()
    }

    fn is_paused(&self) -> bool {
        self.request.pause || self.is_paused_by_controls
    }

    async fn wait(&mut self, until: Instant) -> Result<(), SinkError> {
        tokio::select! {
            message = self.lines.from_log.recv() => match message {
                Some(message) => self.take(message),
                None => Err(SinkError::IntakeDied),
            },
            // Without a handle nothing more is asked for.
            Ok(()) = self.lines.asked.changed() => Ok(()),
            () = tokio::time::sleep_until(until) => Ok(()),
        }
    }

    async fn ask(&mut self, partition: Partition) -> Result<(), SinkError> {
        let timeout = self.options.limits.call_timeout;
        let answer = in_time(timeout, self.target.reached(partition)).await;
        match answer {
            Ok(reached) => {
                self.asking.remove(&partition);
                self.lines.status.send_modify(|status| {
                    status.fault = None;
                    let fresh = PartitionStatus { reached, end: reached.next_offset, lag_ms: 0 };
                    status.partitions.insert(partition.0, fresh);
                });
                self.tell(ToIntake::Start(partition, reached));
                Ok(())
            }
            Err(fault) => {
                let detail = self.bear(fault)?;
                let faults = self.asking.get(&partition).map_or(0, |asking| asking.faults).saturating_add(1);
                let wait = self.backoff.after(faults);
                tracing::warn!(
                    sink = self.sink,
                    partition = partition.0,
                    faults,
                    detail,
                    "cannot ask the target"
                );
                self.asking.insert(partition, Asking { faults, not_before: Instant::now() + wait });
                Ok(())
            }
        }
    }

    /// Notes a fault that may pass; any other ends the run.
    fn bear(&self, fault: Fault) -> Result<String, SinkError> {
        match fault {
            Fault::Halt(detail) => Err(SinkError::Halted { sink: self.sink, detail }),
            Fault::Retry(mut detail) => {
                detail.truncate(detail.floor_char_boundary(FAULT_DETAIL_BYTES_MAX));
                self.lines.status.send_modify(|status| {
                    status.retries += 1;
                    status.fault = Some(detail.clone());
                });
                Ok(detail)
            }
        }
    }

    async fn step(&mut self) -> Result<(), SinkError> {
        let Some(mut flush) = self.flush.take() else { return Ok(()) };
        let done = match flush.step {
            Step::Write => self.write(&mut flush).await?,
            Step::Letters => self.store_letters(&mut flush).await?,
            Step::Advance => self.advance(&flush).await,
        };
        match done {
            Ok(()) if flush.step == Step::Advance => self.finish(&flush),
            Ok(()) => {
                flush.step = if flush.step == Step::Write { Step::Letters } else { Step::Advance };
                flush.faults = 0;
                self.flush = Some(flush);
            }
            Err(fault) => {
                let detail = self.bear(fault)?;
                flush.faults = flush.faults.saturating_add(1);
                let wait = self.backoff.after(flush.faults);
                let (step, faults) = (flush.step, flush.faults);
                tracing::warn!(sink = self.sink, ?step, faults, detail, "not written yet; trying again");
                flush.not_before = Instant::now() + wait;
                self.flush = Some(flush);
                self.show_lag();
            }
        }
        Ok(())
    }

    async fn write(&mut self, flush: &mut Flush) -> Result<Result<(), Fault>, SinkError> {
        if flush.batches.is_empty() {
            return Ok(Ok(()));
        }
        let timeout = self.options.limits.call_timeout;
        let refused = match in_time(timeout, self.target.write(&flush.batches)).await {
            Ok(refused) => refused,
            Err(fault) => return Ok(Err(fault)),
        };
        for refused in refused {
            let Some(letter) = flush.letter(&self.decoder, &refused) else {
                let (partition, sequence) = (refused.partition, refused.sequence);
                return Err(SinkError::UnknownRefused { sink: self.sink, partition, sequence });
            };
            tracing::warn!(
                sink = self.sink,
                partition = refused.partition.0,
                sequence = refused.sequence.0,
                reason = refused.reason,
                "the target refuses the decision for good"
            );
            flush.letters.push(letter);
        }
        Ok(Ok(()))
    }

    async fn store_letters(&mut self, flush: &mut Flush) -> Result<Result<(), Fault>, SinkError> {
        if flush.letters.is_empty() {
            return Ok(Ok(()));
        }
        let Some(mut letters) = self.letters.take() else { return Err(SinkError::IntakeDied) };
        let stored = std::mem::take(&mut flush.letters);
        let work = tokio::task::spawn_blocking(move || {
            let result = letters.store(&stored);
            (letters, stored, result)
        });
        // The blocking call cannot panic half way: it would be a bug of the log.
        let (letters, stored, result) = work.await.map_err(|_| SinkError::IntakeDied)?;
        self.letters = Some(letters);
        flush.letters = stored;
        match result {
            Ok(()) => Ok(Ok(())),
            Err(error @ LogError::Unreachable { .. }) => Ok(Err(Fault::Retry(error.to_string()))),
            Err(error) => Err(error.into()),
        }
    }

    async fn advance(&mut self, flush: &Flush) -> Result<(), Fault> {
        let progress: Vec<(Partition, Reached)> =
            flush.progress.iter().map(|(partition, progress)| (*partition, progress.reached)).collect();
        in_time(self.options.limits.call_timeout, self.target.advance(&progress)).await
    }

    /// A flush is in the target.
    fn finish(&mut self, flush: &Flush) {
        let count = |number: usize| u64::try_from(number).unwrap_or(u64::MAX);
        let refused =
            flush.letters.iter().filter(|letter| letter.reason == DeadLetterReason::Refused).count();
        self.lines.status.send_modify(|status| {
            for (partition, progress) in &flush.progress {
                if let Some(status) = status.partitions.get_mut(&partition.0) {
                    status.reached = progress.reached;
                    status.end = status.end.max(progress.reached.next_offset);
                }
            }
            status.fault = None;
            status.refused += count(refused);
            status.unreadable += count(flush.letters.len() - refused);
            status.rows += count(flush.rows());
            status.bytes += count(flush.record_bytes());
            status.flushes += 1;
        });
        for (partition, progress) in &flush.progress {
            self.tell(ToIntake::Written(*partition, progress.reached.next_offset.0));
        }
        self.free(flush.held_bytes());
        self.show_lag();
    }
}

/// The answer of the target, or a fault when it takes too long.
async fn in_time<A>(
    timeout: std::time::Duration,
    call: impl Future<Output = Result<A, Fault>>,
) -> Result<A, Fault> {
    let late = || Fault::Retry(format!("no answer within {timeout:?}"));
    tokio::time::timeout(timeout, call).await.unwrap_or_else(|_| Err(late()))
}
