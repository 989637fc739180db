//! The target: decisions in, progress out.

use std::collections::BTreeMap;

use clickhouse::error::Error;
use order_model::{Offset, Partition, Sequence, TimeMs};
use sink::{Batch, Fault, Reached, Refused, Target};

use crate::classify::{fault, is_memory_limit};
use crate::client::{Database, of};
use crate::config::Config;
use crate::derive::{Stretch, filter, listing_insert};
use crate::facts;
use crate::limits::{INSERT_ROWS_MAX, INSERT_ROWS_MIN, OPEN_ROWS_MAX};
use crate::native::count;
use crate::rollup::{Open, ROLL_UPS, RollUp, Span};
use crate::row::{KIND_CUSTOMER_BLOCKED, LISTING_KINDS_FROM, Row, row_of};
use crate::tables::ORDER_FACTS;

/// The sink's name.
pub const NAME: &str = "clickhouse";

/// The last row written of a partition, and its time.
#[derive(Clone, Copy)]
struct Written {
    sequence: u64,
    time_ms: u64,
}

/// A write under way: tried again with the same decisions, it goes on with the step it failed at.
#[derive(PartialEq, Eq, Debug)]
struct Begun {
    stretches: Vec<Stretch>,
    rows: usize,
    /// Steps done, of those in [`Step::all`].
    steps: usize,
}

/// A step of a write.
enum Step {
    Insert,
    Count,
    Orders,
    Listings,
    RollUp(RollUp),
}

impl Step {
    /// The steps that rows need, in their order. Where all decisions were refused, spans still get further.
    fn all(rows: &[Row]) -> impl Iterator<Item = Self> {
        let some = !rows.is_empty();
        let listings = rows.iter().any(|row| (LISTING_KINDS_FROM..KIND_CUSTOMER_BLOCKED).contains(&row.kind));
        let of_rows =
            [(Self::Insert, some), (Self::Count, some), (Self::Orders, some), (Self::Listings, listings)];
        let roll_ups = ROLL_UPS.iter().copied().map(Self::RollUp);
        of_rows.into_iter().filter_map(|(step, needed)| needed.then_some(step)).chain(roll_ups)
    }
}

/// ClickHouse as a target of decisions.
///
/// Rows are inserted, counted in the table, and only then rolled up; progress is written after that. Each step can be
/// repeated, by anybody and late. The README says why every row counts once.
#[derive(Debug)]
pub struct ClickHouse {
    database: Database,
    /// How many partitions the topic has; zero: not told.
    partitions: u32,
    /// Whether the table was found to be ours, since the start or since a fault that halts.
    checked: bool,
    /// Rows of the next insert.
    insert_rows: usize,
    /// What the last write had done when it failed or was cut off.
    begun: Option<Begun>,
    written: BTreeMap<u32, Written>,
    open: Open,
}

impl std::fmt::Debug for Written {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} at {} ms", self.sequence, self.time_ms)
    }
}

impl ClickHouse {
    /// Does not connect yet.
    pub fn new(config: &Config) -> Self {
        Self {
            database: Database::new(config),
            partitions: 0,
            checked: false,
            insert_rows: INSERT_ROWS_MAX,
            begun: None,
            written: BTreeMap::new(),
            open: Open::new(OPEN_ROWS_MAX),
        }
    }

    /// The database it writes to.
    pub fn database(&self) -> &Database {
        &self.database
    }

    /// The same for a topic of so many partitions: before the first row is written, each has its progress, at nothing, so
    /// that the views that end in `_consistent` wait for all of them.
    #[must_use]
    pub fn of_partitions(mut self, partitions: u32) -> Self {
        self.partitions = partitions;
        self
    }

    async fn check(&mut self) -> Result<(), Fault> {
        if !self.checked {
            self.database.check().await?;
            let partitions: Vec<_> = (0..self.partitions).map(Partition).collect();
            self.database.mark(&partitions, TimeMs(0)).await?;
            self.checked = true;
        }
        Ok(())
    }

    /// `whole` are the stretches of the batches, what is refused of them included; `rows` is sorted.
    async fn bring(&mut self, rows: &[Row], whole: &[Stretch]) -> Result<(), Fault> {
        let is_same = |begun: &&Begun| begun.stretches == whole && begun.rows == rows.len();
        let done = self.begun.as_ref().filter(is_same).map_or(0, |begun| begun.steps);
        let mut spans = Vec::new();
        for (step, steps) in Step::all(rows).zip(1..).skip(done) {
            match step {
                Step::Insert => self.insert(rows).await?,
                Step::Count => {
                    // Should rows be missing, they are inserted again.
                    self.begun = None;
                    self.count(rows).await?;
                }
                Step::Orders => self.tell_orders(rows).await?,
                Step::Listings => {
                    self.run("computing table listing_events", &listing_insert(&filter(whole))).await?;
                }
                Step::RollUp(RollUp { table, blocks }) => {
                    if spans.is_empty() {
                        spans = self.spans(rows, whole).await?;
                    }
                    let inserted = self.database.insert_into(table, blocks(&spans).into_iter()).await;
                    inserted.map_err(|error| fault(&format!("computing table {}", table.name), &error))?;
                }
            }
            self.begun = Some(Begun { stretches: whole.to_vec(), rows: rows.len(), steps });
        }
        self.begun = None;
        self.open.keep(spans);
        for row in rows.chunk_by(|a, b| a.partition == b.partition).filter_map(<[Row]>::last) {
            self.written.insert(row.partition, Written { sequence: row.sequence, time_ms: row.time_ms });
        }
        Ok(())
    }

    async fn insert(&mut self, rows: &[Row]) -> Result<(), Fault> {
        let mut rest = rows;
        while !rest.is_empty() {
            let (part, later) = rest.split_at(rest.len().min(self.insert_rows));
            let inserted = self.database.insert(part).await;
            self.judge(&format!("inserting {} decisions", part.len()), part.len(), inserted)?;
            rest = later;
        }
        Ok(())
    }

    /// Adds what the decisions tell to `order_facts`.
    async fn tell_orders(&mut self, rows: &[Row]) -> Result<(), Fault> {
        let mut rest = rows;
        while !rest.is_empty() {
            let (part, later) = rest.split_at(rest.len().min(self.insert_rows));
            let inserted = self.database.insert_into(&ORDER_FACTS, facts::blocks(part)).await;
            self.judge("computing table order_facts", part.len(), inserted)?;
            rest = later;
        }
        Ok(())
    }

    /// The next insert is half as large after one the engine had no memory for, and larger after others.
    fn judge(&mut self, what: &str, rows: usize, inserted: Result<(), Error>) -> Result<(), Fault> {
        match &inserted {
            Ok(()) => self.insert_rows = (self.insert_rows * 2).min(INSERT_ROWS_MAX),
            Err(error) if is_memory_limit(error) => self.insert_rows = (rows / 2).max(INSERT_ROWS_MIN),
            Err(_) => {}
        }
        inserted.map_err(|error| fault(what, &error))
    }

    /// Counts in the table what was inserted: an engine that answers "done" and has not done it is asked again.
    async fn count(&self, rows: &[Row]) -> Result<(), Fault> {
        let what = "counting the inserted decisions";
        let counted: Vec<_> = stretches(rows).collect();
        let all: Vec<_> = counted.iter().map(|(stretch, _)| *stretch).collect();
        // Each number once, without the work of telling copies of a row apart.
        let sql = format!(
            "SELECT partition, uniqExact(sequence) FROM decisions_raw WHERE {} GROUP BY partition",
            filter(&all)
        );
        let answer = self.database.ask_numbers(what, &sql).await?;
        for (stretch, rows) in counted {
            let sent = count(rows.len());
            let is_it = |row: &&Vec<u64>| row.first() == Some(&u64::from(stretch.partition));
            let found = answer.iter().find(is_it).and_then(|row| row.get(1)).copied().unwrap_or_default();
            if found < sent {
                return Err(Fault::Retry(format!(
                    "ClickHouse: {what}: {found} of {sent} are there in {} from number {} to {}, though the insert was \
                     answered; it is made again. If this goes on, look for replicas that lag",
                    of(Partition(stretch.partition)),
                    stretch.first,
                    stretch.upto
                )));
            }
        }
        Ok(())
    }

    /// The spans that the stretches touch, each as far as it goes now.
    async fn spans(&self, rows: &[Row], whole: &[Stretch]) -> Result<Vec<Span>, Fault> {
        let mut spans = Vec::new();
        for stretch in whole {
            let begun = self.begun_span(*stretch).await?;
            spans.extend(begun.and(rows_in(rows, *stretch), stretch.upto));
        }
        Ok(spans)
    }

    /// The span a stretch begins in, with what lies before the stretch: as it was left by the last write, if the stretch
    /// follows that, and else added up from the table.
    async fn begun_span(&self, stretch: Stretch) -> Result<Span, Fault> {
        let span = Span::of(stretch.partition, stretch.first);
        let last = stretch.first.saturating_sub(1);
        if span.follows() == last {
            return Ok(span);
        }
        if let Some(open) = self.open.upto(stretch.partition, last) {
            return Ok(open.clone());
        }
        let before = span.follows() + 1..=last;
        let rows = self.database.read_back(Partition(stretch.partition), before).await?;
        Ok(span.begun(&rows, last))
    }

    async fn run(&self, what: &str, sql: &str) -> Result<(), Fault> {
        self.database.execute(sql).await.map_err(|error| fault(what, &error))
    }

    async fn find_reached(&self, partition: Partition) -> Result<Reached, Fault> {
        let what = format!("asking how far {} has got", of(partition));
        let sql = format!(
            "SELECT progress.sequence, next_offset, (SELECT count() FROM decisions_raw WHERE partition = {partition} AND \
             sequence = (SELECT max(last_row) FROM progress WHERE partition = {partition})) > 0 OR last_row = 0 \
             FROM progress FINAL WHERE partition = {partition}"
        );
        let answer = self.database.ask_numbers(&what, &sql).await?;
        match answer.first().map(Vec::as_slice) {
            None => Ok(Reached::default()),
            Some(&[sequence, next_offset, 1]) => {
                Ok(Reached { sequence: Sequence(sequence), next_offset: Offset(next_offset) })
            }
            Some(_) => self.database.dense(partition).await,
        }
    }
}

/// The stretches of batches, what is refused of them included, in order.
fn whole(batches: &[Batch]) -> Vec<Stretch> {
    let stretch = |batch: &Batch| Stretch {
        partition: batch.partition.0,
        first: batch.follows.next().0,
        upto: batch.reached().sequence.0,
    };
    let mut stretches: Vec<_> = batches.iter().map(stretch).collect();
    stretches.sort_unstable_by_key(|stretch| (stretch.partition, stretch.first));
    stretches.dedup_by(|next, last| {
        let goes_on = next.partition == last.partition && next.first <= last.upto.saturating_add(1);
        last.upto = if goes_on { last.upto.max(next.upto) } else { last.upto };
        goes_on
    });
    stretches
}

/// From the first to the last row of each partition.
fn stretches(rows: &[Row]) -> impl Iterator<Item = (Stretch, &[Row])> {
    rows.chunk_by(|a, b| a.partition == b.partition).filter_map(|rows| {
        let (first, last) = (rows.first()?, rows.last()?);
        Some((Stretch { partition: first.partition, first: first.sequence, upto: last.sequence }, rows))
    })
}

/// The rows of a stretch.
fn rows_in(rows: &[Row], stretch: Stretch) -> &[Row] {
    let key = |row: &Row| (row.partition, row.sequence);
    let from = rows.partition_point(|row| key(row) < (stretch.partition, stretch.first));
    let upto = rows.partition_point(|row| key(row) <= (stretch.partition, stretch.upto));
    rows.get(from..upto).unwrap_or_default()
}

impl Target for ClickHouse {
    fn name(&self) -> &'static str {
        NAME
    }

    async fn reached(&mut self, partition: Partition) -> Result<Reached, Fault> {
        self.check().await?;
        self.find_reached(partition).await
    }

    async fn write(&mut self, batches: &[Batch]) -> Result<Vec<Refused>, Fault> {
        self.check().await?;
        let mut refused = Vec::new();
        let mut rows = Vec::with_capacity(batches.iter().map(|batch| batch.arrivals.len()).sum());
        for batch in batches {
            for arrival in &batch.arrivals {
                match row_of(arrival) {
                    Ok(row) => rows.push(row),
                    Err(error) => refused.push(Refused {
                        partition: batch.partition,
                        sequence: arrival.decision.sequence,
                        reason: error.to_string(),
                    }),
                }
            }
        }
        // The order of the table: the engine then need not sort.
        rows.sort_by_key(|row| (row.partition, row.sequence));
        rows.dedup_by_key(|row| (row.partition, row.sequence));
        if let Err(error) = self.bring(&rows, &whole(batches)).await {
            // Whoever mends the table should hear which column it was.
            self.checked &= !matches!(error, Fault::Halt(_));
            return Err(error);
        }
        Ok(refused)
    }

    async fn advance(&mut self, progress: &[(Partition, Reached)]) -> Result<(), Fault> {
        let rows: Vec<_> =
            progress.iter().map(|(partition, reached)| self.progress_row(*partition, *reached)).collect();
        if rows.is_empty() {
            return Ok(());
        }
        self.database.note("noting the progress", &rows).await
    }
}

impl ClickHouse {
    fn progress_row(&self, partition: Partition, reached: Reached) -> String {
        let Reached { sequence, next_offset } = reached;
        let written = self.written.get(&partition.0).filter(|written| written.sequence <= sequence.0);
        let (last_row, time_ms) = written.map_or((0, 0), |written| (written.sequence, written.time_ms));
        format!("({partition}, {sequence}, {next_offset}, {last_row}, fromUnixTimestamp64Milli({time_ms}))")
    }
}
