//! Brings changes into the tables: batches of conditional statements, as many at once as DynamoDB takes.
//!
//! Promised: when [`Client::bring`] succeeds, each item of the tables is the one asked for or a newer one, or was refused
//! for good. Statements that DynamoDB left undone, in part or in whole, are sent again, more slowly.

use std::collections::VecDeque;
use std::sync::Arc;

use order_model::Partition;
use sink::{Fault, Reached};
use tables::limits::{BATCH_STATEMENTS_MAX, ITEM_BYTES_MAX};
use tables::sdk::types::BatchStatementResponse;
use tables::{Failure, Table, Tables, Verdict};
use tokio::task::JoinSet;

use crate::classify::fault;
use crate::fold::Folded;
use crate::item::Key;
use crate::limits::{FAILED_IN_A_ROW_MAX, STEPS_MAX};
use crate::pace::Pace;
use crate::progress;
use crate::statement::{Next, Step};
use crate::status::Counts;

/// An item that DynamoDB will never take.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct RefusedItem {
    pub(crate) ledger: u32,
    pub(crate) version: u64,
    pub(crate) reason: String,
}

/// One item on its way.
#[derive(Debug)]
struct Job {
    key: Key,
    folded: Folded,
    step: Step,
    steps: u32,
    /// Whether it goes alone: the batch it was in was refused as a whole.
    is_alone: bool,
}

/// What became of a request.
type Answer = Result<Vec<BatchStatementResponse>, Failure>;

#[derive(Debug)]
pub(crate) struct Client {
    tables: Tables,
    pace: Pace,
    /// Requests in a row whose outcome is unknown.
    failed: u32,
    counts: Arc<Counts>,
}

impl Client {
    pub(crate) fn new(tables: Tables, requests_max: u32, counts: Arc<Counts>) -> Self {
        Self { tables, pace: Pace::new(requests_max), failed: 0, counts }
    }

    pub(crate) fn tables(&self) -> &Tables {
        &self.tables
    }

    /// Brings all of `changes` into the tables; says which were refused for good.
    pub(crate) async fn bring(
        &mut self,
        changes: impl IntoIterator<Item = (Key, Folded)>,
    ) -> Result<Vec<RefusedItem>, Fault> {
        self.pace.start_anew();
        self.failed = 0;
        let mut refused = Vec::new();
        let mut waiting = VecDeque::new();
        for (key, folded) in changes {
            let bytes = folded.item.bytes(&key);
            if bytes > ITEM_BYTES_MAX {
                let most = ITEM_BYTES_MAX / 1024;
                refused.push(refusal(
                    &key,
                    &folded,
                    &format!("it has {bytes} bytes, and DynamoDB takes {most} KB; correct the order and place it again"),
                ));
                continue;
            }
            let step = if folded.is_first { Step::Insert } else { Step::Update { is_there: false } };
            waiting.push_back(Job { key, folded, step, steps: 0, is_alone: false });
        }
        let mut under_way: JoinSet<(Vec<Job>, Answer)> = JoinSet::new();
        loop {
            while under_way.len() < usize::try_from(self.pace.window()).unwrap_or(1) {
                let batch = next_batch(&mut waiting);
                if batch.is_empty() {
                    break;
                }
                self.send(&mut under_way, batch);
            }
            let Some(answer) = under_way.join_next().await else { return Ok(refused) };
            let (jobs, answer) =
                answer.map_err(|error| Fault::Retry(format!("a request was cut off: {error}")))?;
            self.settle(jobs, answer, &mut waiting, &mut refused).await?;
        }
    }

    /// Says how far a partition has got. Asked for again here, as statements are: the loop would begin anew with the first
    /// partition, and a DynamoDB that takes only every other request would never get to the last.
    pub(crate) async fn say(&mut self, partition: Partition, reached: Reached) -> Result<(), Fault> {
        self.pace.start_anew();
        self.failed = 0;
        loop {
            self.counts.progress();
            let Err(failure) = progress::write(&self.tables, partition, reached).await else { return Ok(()) };
            match failure.verdict {
                Verdict::Throttled => self.wait(false, 1).await?,
                Verdict::Retry => self.count_failed(&failure)?,
                _ => return Err(fault(&self.named_in(Table::Inventory, failure))),
            }
        }
    }

    fn send(&self, under_way: &mut JoinSet<(Vec<Job>, Answer)>, batch: Vec<Job>) {
        let tables = self.tables.clone();
        self.counts.requested(batch.len());
        under_way.spawn(async move {
            let answer = execute(&tables, &batch).await;
            (batch, answer)
        });
    }

    async fn settle(
        &mut self,
        jobs: Vec<Job>,
        answer: Answer,
        waiting: &mut VecDeque<Job>,
        refused: &mut Vec<RefusedItem>,
    ) -> Result<(), Fault> {
        let responses = match answer {
            Ok(responses) => responses,
            Err(failure) => return self.settle_failed(jobs, &failure, waiting, refused).await,
        };
        if responses.len() != jobs.len() {
            let text = format!("DynamoDB answered {} of {} statements", responses.len(), jobs.len());
            return Err(Fault::Retry(text));
        }
        let all = jobs.len();
        let (mut throttled, mut failed) = (0, None);
        for (mut job, response) in jobs.into_iter().zip(responses) {
            let failure = response.error.map(|error| {
                let code = error.code().map(|code| code.as_str().to_owned()).unwrap_or_default();
                Failure::of(&code, error.message().unwrap_or_default(), None)
            });
            match job.step.next(failure.as_ref().map(|failure| failure.verdict)) {
                Next::Done { written } => self.counts.done(written, &job.key, &job.folded.item, job.step),
                Next::Try(step) => {
                    self.counts.turned(&job.key, &job.folded.item);
                    job.step = step;
                    job.steps += 1;
                    if job.steps > STEPS_MAX {
                        return Err(Fault::Retry(format!("{} comes and goes", job.key)));
                    }
                    waiting.push_front(job);
                }
                Next::Obey(Verdict::Throttled) => {
                    throttled += 1;
                    waiting.push_back(job);
                }
                Next::Obey(meaning) => {
                    let failure = failure.unwrap_or(Failure { verdict: meaning, detail: String::new() });
                    match meaning {
                        Verdict::Refused => refused.push(refusal(&job.key, &job.folded, &failure.detail)),
                        Verdict::Retry => {
                            failed = Some(failure);
                            waiting.push_back(job);
                        }
                        _ => return Err(fault(&self.named_in(job.key.table, failure))),
                    }
                }
            }
        }
        match failed {
            Some(failure) => self.count_failed(&failure)?,
            None => self.failed = 0,
        }
        if throttled > 0 {
            return self.wait(throttled < all, throttled).await;
        }
        self.pace.well();
        Ok(())
    }

    /// A request failed as a whole.
    async fn settle_failed(
        &mut self,
        mut jobs: Vec<Job>,
        failure: &Failure,
        waiting: &mut VecDeque<Job>,
        refused: &mut Vec<RefusedItem>,
    ) -> Result<(), Fault> {
        match failure.verdict {
            Verdict::Throttled => {
                let all = jobs.len();
                waiting.extend(jobs);
                self.wait(false, all).await
            }
            Verdict::Refused if jobs.len() > 1 => {
                // One of them is too large; it is found by sending each alone.
                jobs.iter_mut().for_each(|job| job.is_alone = true);
                waiting.extend(jobs);
                Ok(())
            }
            Verdict::Refused => {
                refused.extend(jobs.iter().map(|job| refusal(&job.key, &job.folded, &failure.detail)));
                Ok(())
            }
            Verdict::Retry => {
                self.count_failed(failure)?;
                waiting.extend(jobs);
                Ok(())
            }
            _ => Err(fault(failure)),
        }
    }

    /// What may have been done or not is sent again; when nothing is answered any more, the loop is told to wait.
    fn count_failed(&mut self, failure: &Failure) -> Result<(), Fault> {
        self.failed += 1;
        if self.failed >= FAILED_IN_A_ROW_MAX { Err(fault(failure)) } else { Ok(()) }
    }

    async fn wait(&mut self, taken: bool, statements: usize) -> Result<(), Fault> {
        self.counts.throttled(statements);
        let pause = self.pace.throttled(taken);
        if self.pace.is_stuck() {
            return Err(Fault::Retry("DynamoDB throttles and takes nothing at all".to_owned()));
        }
        tokio::time::sleep(pause).await;
        Ok(())
    }

    fn named_in(&self, table: Table, failure: Failure) -> Failure {
        let table = self.tables.name(table);
        Failure { detail: format!("table {table}: {}", failure.detail), ..failure }
    }
}

fn next_batch(waiting: &mut VecDeque<Job>) -> Vec<Job> {
    let mut batch: Vec<Job> = Vec::new();
    while batch.len() < BATCH_STATEMENTS_MAX
        && let Some(job) = waiting.pop_front()
    {
        if job.is_alone && !batch.is_empty() {
            waiting.push_front(job);
            break;
        }
        let is_alone = job.is_alone;
        batch.push(job);
        if is_alone {
            break;
        }
    }
    batch
}

fn refusal(key: &Key, folded: &Folded, why: &str) -> RefusedItem {
    let reason = format!("{key} is refused: {why}");
    RefusedItem { ledger: folded.item.ledger, version: folded.item.version, reason }
}

async fn execute(tables: &Tables, batch: &[Job]) -> Answer {
    let names = Table::ALL.map(|table| (table, tables.name(table)));
    let mut request = tables.client().batch_execute_statement();
    for job in batch {
        let name = names.iter().find(|(table, _)| *table == job.key.table).map(|(_, name)| name.as_str());
        let statement = job
            .step
            .statement(name.unwrap_or_default(), &job.key, &job.folded.item)
            .map_err(|detail| Failure { verdict: Verdict::Halt, detail })?;
        request = request.statements(statement);
    }
    match request.send().await {
        Ok(answer) => Ok(answer.responses.unwrap_or_default()),
        Err(error) => Err(tables::classify(&error)),
    }
}
