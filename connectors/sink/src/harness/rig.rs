//! What the laws are written with: the subject, the sale, targets driven by hand, and runners.

use std::collections::BTreeMap;
use std::future::Future;
use std::pin::pin;
use std::task::Poll;
use std::time::Duration;

use order_model::{Decision, Partition};
use tokio::task::JoinHandle;

use super::sale::{Entry, SaleLog, must};
use super::{Contents, Injected, Outcome, Sale, Subject};
use crate::error::SinkError;
use crate::limits::SinkLimits;
use crate::run::{Runner, SinkHandle};
use crate::status::SinkStatus;
use crate::target::{Batch, Fault, Reached, Target};

/// Tries of a target driven by hand before it counts as dead.
const TRIES_MAX: usize = 2_000;
/// The wait between two of them.
const TRY_WAIT: Duration = Duration::from_millis(2);

/// A subject, and what a clean pass over the sale leaves in it.
pub(super) struct Rig<S: Subject> {
    pub(super) subject: S,
    pub(super) sale: Sale,
    pub(super) expected: Contents,
}

impl<S: Subject> Rig<S> {
    pub(super) async fn new(subject: S, sale: Sale) -> Self {
        let mut rig = Self { subject, sale, expected: Contents::new() };
        let mut target = rig.subject.open().await;
        for partition in rig.partitions() {
            let batches = rig.sale.batches(partition, 0, usize::MAX, 50);
            write(&mut target, &batches).await;
            advance(&mut target, &batches).await;
        }
        rig.expected = rig.subject.contents().await;
        rig
    }

    pub(super) async fn fresh(&mut self) {
        self.subject.fresh().await;
    }

    pub(super) fn partitions(&self) -> Vec<u32> {
        (0..self.sale.partitions()).collect()
    }

    /// Panics unless the storage holds what a clean pass leaves.
    pub(super) async fn assert_contents(&self, when: &str) {
        let found = self.subject.contents().await;
        if let Some(difference) = difference(&self.expected, &found) {
            panic!("{when}: {difference}");
        }
    }

    /// Panics unless a target opened anew says that it has everything.
    pub(super) async fn assert_all_reached(&self, when: &str) {
        let mut target = self.subject.open().await;
        for partition in self.partitions() {
            let reached = reached(&mut target, partition).await;
            assert_eq!(reached, self.sale.end(partition), "{when}: progress of partition {partition}");
        }
    }

    /// A log with the sale on it.
    pub(super) fn log(&self) -> SaleLog {
        SaleLog::of(&self.entries())
    }

    /// The decisions of every partition from `from` to `to`, in parts of `of`.
    pub(super) fn part(&self, from: usize, to: usize, of: usize) -> Vec<Vec<Entry>> {
        let part = |entries: Vec<Entry>| {
            let (length, from) = (entries.len(), entries.len() * from / of);
            entries.into_iter().skip(from).take(length * to / of - from).collect()
        };
        self.entries().into_iter().map(part).collect()
    }

    pub(super) fn entries(&self) -> Vec<Vec<Entry>> {
        let entries = |decisions: &Vec<Decision>| decisions.iter().cloned().map(Entry::Decision).collect();
        self.sale.decisions.iter().map(entries).collect()
    }

    /// Where the sale ends, by partition, on a log of nothing else.
    pub(super) fn ends(&self) -> BTreeMap<u32, u64> {
        self.partitions().into_iter().map(|p| (p, self.sale.end(p).next_offset.0)).collect()
    }

    pub(super) fn decisions(&self) -> u64 {
        self.sale.decisions.iter().map(|decisions| u64::try_from(decisions.len()).unwrap_or(0)).sum()
    }

    /// Starts a runner on the present storage.
    pub(super) async fn start(&self, log: &SaleLog) -> Started {
        self.start_with(log, self.subject.limits(), "one").await
    }

    pub(super) async fn start_with(&self, log: &SaleLog, limits: SinkLimits, instance: &str) -> Started {
        let target = self.subject.open().await;
        Self::run(target, log, limits, instance)
    }

    /// Starts a runner with a target that was opened before.
    pub(super) fn run(target: S::Target, log: &SaleLog, limits: SinkLimits, instance: &str) -> Started {
        let made = Runner::new(target, log.parts(), SaleLog::options(limits, instance));
        let (runner, handle) = must("making the runner", made);
        Started { handle, task: tokio::spawn(runner.run()) }
    }

    /// Has the subject fail, or says that the law cannot be checked.
    pub(super) fn inject(&self, fault: Injected) -> Result<(), Outcome> {
        match self.subject.inject(Some(fault)) {
            true => Ok(()),
            false => Err(Outcome::NotChecked(format!("the subject cannot be made to fail by {fault:?}"))),
        }
    }
}

/// A runner at work; ends when dropped.
pub(super) struct Started {
    pub(super) handle: SinkHandle,
    task: JoinHandle<Result<SinkStatus, SinkError>>,
}

impl Started {
    /// Waits until everything before `ends` is written.
    pub(super) async fn reaches(&mut self, ends: &BTreeMap<u32, u64>) {
        if !self.handle.reaches(ends).await {
            self.ended_early().await;
        }
    }

    pub(super) async fn until(&mut self, is_so: impl FnMut(&SinkStatus) -> bool) {
        if !self.handle.until(is_so).await {
            self.ended_early().await;
        }
    }

    async fn ended_early(&mut self) {
        let ended = (&mut self.task).await;
        panic!("the runner ended early: {ended:?}");
    }

    /// Drains, and says how the run ended.
    pub(super) async fn drain(mut self) -> SinkStatus {
        self.handle.drain();
        must("the run", must("the runner's task", (&mut self.task).await))
    }

    /// How the run ended by itself.
    pub(super) async fn ended(mut self) -> Result<SinkStatus, SinkError> {
        must("the runner's task", (&mut self.task).await)
    }

    /// Ends the run where it stands.
    pub(super) async fn kill(mut self) {
        self.task.abort();
        if let Err(error) = (&mut self.task).await {
            assert!(error.is_cancelled(), "the runner panicked: {error}");
        }
    }
}

impl Drop for Started {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// What a target says, asked until it answers.
pub(super) async fn reached(target: &mut impl Target, partition: u32) -> Reached {
    for _ in 0..TRIES_MAX {
        match target.reached(Partition(partition)).await {
            Ok(reached) => return reached,
            Err(fault) => bear(fault).await,
        }
    }
    panic!("the target never said how far it is");
}

/// Writes batches, as often as it takes.
pub(super) async fn write(target: &mut impl Target, batches: &[Batch]) {
    for _ in 0..TRIES_MAX {
        if batches.is_empty() {
            return;
        }
        match target.write(batches).await {
            Ok(refused) => {
                assert!(refused.is_empty(), "nothing was to be refused: {refused:?}");
                return;
            }
            Err(fault) => bear(fault).await,
        }
    }
    panic!("the target never took the batches");
}

/// Records the progress of batches that were written.
pub(super) async fn advance(target: &mut impl Target, batches: &[Batch]) {
    let progress = progress_of(batches);
    for _ in 0..TRIES_MAX {
        if batches.is_empty() {
            return;
        }
        match target.advance(&progress).await {
            Ok(()) => return,
            Err(fault) => bear(fault).await,
        }
    }
    panic!("the target never took the progress");
}

/// The progress that batches make, each partition once.
pub(super) fn progress_of(batches: &[Batch]) -> Vec<(Partition, Reached)> {
    let progress: BTreeMap<_, _> = batches.iter().map(|batch| (batch.partition, batch.reached())).collect();
    progress.into_iter().collect()
}

async fn bear(fault: Fault) {
    match fault {
        Fault::Retry(_) => tokio::time::sleep(TRY_WAIT).await,
        Fault::Halt(detail) => panic!("the target halts: {detail}"),
    }
}

/// Polls a future at most `polls` times and drops it then: a process that dies half way.
pub(super) async fn cut<A>(future: impl Future<Output = A>, polls: u32) -> Option<A> {
    let mut future = pin!(future);
    let mut left = polls;
    std::future::poll_fn(move |context| {
        if left == 0 {
            return Poll::Ready(None);
        }
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(answer) => Poll::Ready(Some(answer)),
            Poll::Pending if left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

/// Says where two contents differ first, and how much.
pub(super) fn difference(expected: &Contents, found: &Contents) -> Option<String> {
    let names: std::collections::BTreeSet<_> = expected.keys().chain(found.keys()).collect();
    let mut differing = names.into_iter().filter(|name| expected.get(*name) != found.get(*name));
    let first = differing.next()?;
    let show = |value: Option<&String>| value.map_or("nothing", String::as_str).to_owned();
    let (wanted, there) = (show(expected.get(first)), show(found.get(first)));
    let others = differing.count();
    Some(format!("{first} is {there}, should be {wanted}; {others} more differ"))
}
